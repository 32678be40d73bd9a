//! Why the kernel refused a namespace, in words, and what to type to allow it.
//!
//! The errno alone does not tell (EPERM has four causes), so the sysctls and this process's seccomp mode are read.

use std::fmt;
use std::path::Path;

use nix::errno::Errno;

/// What forbids namespaces here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Debian's and Arch's switch: `kernel.unprivileged_userns_clone` is 0.
    SwitchedOff,
    /// `user.max_user_namespaces` is 0.
    NoneAllowed,
    /// As many namespaces as are allowed exist already, or 32 are nested.
    TooMany,
    /// Ubuntu's `kernel.apparmor_restrict_unprivileged_userns` is 1: a namespace is made, but without rights.
    AppArmor,
    /// A seccomp filter (container runtimes, sandboxes) answers for the kernel.
    Seccomp,
    /// The kernel was built without them.
    NotBuilt,
    /// None of these: the errno as the kernel gave it.
    Other(Errno),
}

/// What of the system bears on the question; `None` where the kernel does not have the switch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    /// `kernel.unprivileged_userns_clone`.
    pub unprivileged_userns_clone: Option<i64>,
    /// `user.max_user_namespaces`.
    pub max_user_namespaces: Option<i64>,
    /// `kernel.apparmor_restrict_unprivileged_userns`.
    pub apparmor_restrict: Option<i64>,
    /// The `Seccomp:` line of /proc/self/status: 0 none, 1 strict, 2 filter.
    pub seccomp: Option<i64>,
    /// Whether /proc/self/ns/user exists.
    pub built: bool,
}

impl Facts {
    pub(super) fn read() -> Self {
        let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse().ok();
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            unprivileged_userns_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            max_user_namespaces: number("/proc/sys/user/max_user_namespaces"),
            apparmor_restrict: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            seccomp: status
                .lines()
                .find_map(|line| line.strip_prefix("Seccomp:"))
                .and_then(|value| value.trim().parse().ok()),
            built: Path::new("/proc/self/ns/user").exists(),
        }
    }
}

impl Refusal {
    /// Works out the cause; where several apply, the one that must be lifted first.
    pub(super) fn diagnose(errno: Errno, facts: &Facts) -> Self {
        match errno {
            Errno::EINVAL | Errno::ENOSYS if !facts.built => Self::NotBuilt,
            _ if facts.max_user_namespaces == Some(0) => Self::NoneAllowed,
            Errno::ENOSPC | Errno::EUSERS => Self::TooMany,
            _ if facts.unprivileged_userns_clone == Some(0) => Self::SwitchedOff,
            _ if facts.apparmor_restrict == Some(1) => Self::AppArmor,
            Errno::EPERM | Errno::EACCES | Errno::ENOSYS if facts.seccomp == Some(2) => Self::Seccomp,
            _ => Self::Other(errno),
        }
    }

    /// What to type, or to do, so that it is allowed.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::SwitchedOff => "sudo sysctl -w kernel.unprivileged_userns_clone=1",
            Self::NoneAllowed => "sudo sysctl -w user.max_user_namespaces=10000",
            Self::TooMany => {
                "end some of them (`lsns -t user` lists them), or: sudo sysctl -w user.max_user_namespaces=100000"
            }
            Self::AppArmor => "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
            Self::Seccomp => {
                "start the container with --security-opt seccomp=unconfined (Docker, Podman), or run netlab outside it"
            }
            Self::NotBuilt => "run the same with sudo, or on a kernel built with CONFIG_USER_NS and CONFIG_NET_NS",
            Self::Other(_) => "run the same with sudo",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SwitchedOff => {
                f.write_str("this system forbids user namespaces to ordinary users (kernel.unprivileged_userns_clone is 0)")
            }
            Self::NoneAllowed => f.write_str("this system allows no user namespaces (user.max_user_namespaces is 0)"),
            Self::TooMany => f.write_str("as many namespaces as this system allows exist already, or they are nested too deep"),
            Self::AppArmor => f.write_str(
                "AppArmor forbids user namespaces to programs it does not know (kernel.apparmor_restrict_unprivileged_userns is 1)",
            ),
            Self::Seccomp => f.write_str("a seccomp filter (a container or sandbox around us) forbids namespaces"),
            Self::NotBuilt => f.write_str("this kernel was built without user namespaces"),
            Self::Other(errno) => write!(f, "the kernel refused a private network: {}", errno.desc()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Facts = Facts {
        unprivileged_userns_clone: None,
        max_user_namespaces: Some(10_000),
        apparmor_restrict: None,
        seccomp: Some(0),
        built: true,
    };

    #[track_caller]
    fn told(errno: Errno, facts: Facts, cause: Refusal, shown: &str) {
        let refusal = Refusal::diagnose(errno, &facts);
        assert_eq!(refusal, cause);
        let text = format!("{refusal}\n{}", refusal.remedy());
        assert!(text.contains(shown), "{text:?} does not name {shown:?}");
    }

    #[test]
    fn names_the_switch_that_forbids_and_what_to_type() {
        let closed = Facts { unprivileged_userns_clone: Some(0), ..OPEN };
        told(Errno::EPERM, closed, Refusal::SwitchedOff, "sysctl -w kernel.unprivileged_userns_clone=1");
        let none = Facts { max_user_namespaces: Some(0), ..OPEN };
        told(Errno::ENOSPC, none, Refusal::NoneAllowed, "sysctl -w user.max_user_namespaces=");
        let apparmor = Facts { apparmor_restrict: Some(1), ..OPEN };
        told(Errno::EACCES, apparmor, Refusal::AppArmor, "kernel.apparmor_restrict_unprivileged_userns=0");
        let container = Facts { seccomp: Some(2), ..OPEN };
        told(Errno::EPERM, container, Refusal::Seccomp, "seccomp=unconfined");
        told(Errno::EINVAL, Facts { built: false, ..OPEN }, Refusal::NotBuilt, "CONFIG_USER_NS");
    }

    #[test]
    fn a_limit_that_is_reached_is_not_a_limit_of_zero() {
        told(Errno::ENOSPC, OPEN, Refusal::TooMany, "max_user_namespaces");
    }

    #[test]
    fn an_unexplained_errno_is_told_as_it_is() {
        told(Errno::EPERM, OPEN, Refusal::Other(Errno::EPERM), "Operation not permitted");
    }
}
