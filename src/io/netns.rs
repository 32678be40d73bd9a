//! A private network without root: user, network, mount and PID namespaces (namespaces(7), user_namespaces(7)).
//!
//! Trap: `unshare(CLONE_NEWUSER)` fails in a process with threads, so netlab runs itself again as a hidden command that
//! calls [`enter`] before anything else. Guarantee: the inside is PID 1 of its own PID namespace and dies with the
//! process outside, so even `kill -9` leaves neither a process nor a namespace behind.

pub mod cable;
pub mod lan;
pub mod peer;
mod refusal;

use std::io::{self, Read};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid};

use super::netlink::{Netlink, Wanted};
pub use refusal::Refusal;

/// Why there is no private network.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel, or what guards it, does not let this user make namespaces.
    #[error("{0}")]
    Refused(Refusal),
    /// It should have worked and did not.
    #[error("cannot {operation}: {source}")]
    Failed { operation: &'static str, source: io::Error },
}

/// On which side of the fork the caller goes on.
#[derive(Debug)]
pub enum Side {
    /// In the namespaces, as PID 1, with `lo` up: do the work and exit.
    Inside(Leash),
    /// Outside, after the inside ended with this exit code (128 + the signal's number where a signal ended it).
    Outside(i32),
}

/// Enters a private network. Needs no privilege, but a process with a single thread.
///
/// Returns twice: [`Side::Inside`] in the child, [`Side::Outside`] in the parent once the child is gone. User and group
/// keep their numbers; the inside has every capability over the new network, programs it starts have none (unless the
/// caller is root). The mounts are private; /proc and /sys are the new namespaces' own where the kernel allows it.
/// An error is reported before the fork where it can be; one inside (no right to raise `lo`) is reported in the child.
pub fn enter() -> Result<Side, Error> {
    unshare_all()?;
    // The write end stays open, and unused, in the parent: its closing tells the child that the parent is gone.
    let (alive, held) = io::pipe().map_err(|source| Error::Failed { operation: "make a pipe", source })?;
    match super::sys::fork() {
        Err(source) => Err(Error::Failed { operation: "start PID 1 of the namespace", source }),
        Ok(Some(child)) => {
            drop(alive);
            outlive(child).map(Side::Outside)
        }
        Ok(None) => {
            drop(held);
            let leash = Leash(alive);
            leash.fasten()?;
            own_mounts();
            raise_loopback().map_err(|errno| Error::of("raise the loopback interface", errno))?;
            Ok(Side::Inside(leash))
        }
    }
}

fn failed(operation: &'static str) -> impl FnOnce(Errno) -> Error {
    move |errno| Error::Failed { operation, source: errno.into() }
}

impl Error {
    /// A refusal where the errno is one of those that mean 'not allowed', a failure otherwise.
    fn of(operation: &'static str, errno: Errno) -> Self {
        match errno {
            Errno::EPERM | Errno::EACCES | Errno::ENOSPC | Errno::EUSERS | Errno::EINVAL | Errno::ENOSYS => {
                Self::Refused(Refusal::diagnose(errno, &refusal::Facts::read()))
            }
            _ => failed(operation)(errno),
        }
    }
}

/// Unshares; through a user namespace only where that is needed, because root in one cannot write other users' files.
fn unshare_all() -> Result<(), Error> {
    let wanted = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS;
    if unshare(wanted).is_ok() {
        return Ok(());
    }
    let (user, group) = (Uid::effective(), Gid::effective());
    unshare(CloneFlags::CLONE_NEWUSER | wanted).map_err(|errno| Error::of("make a user namespace", errno))?;
    // A binary with file capabilities is not dumpable, and its /proc/self belongs to root.
    prctl::set_dumpable(true).map_err(failed("open /proc/self to this user"))?;
    // Without CAP_SETGID outside, the kernel wants setgroups(2) given up before the group map (user_namespaces(7)).
    for (file, text) in [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("{user} {user} 1")),
        ("/proc/self/gid_map", format!("{group} {group} 1")),
    ] {
        std::fs::write(file, text).map_err(|error| {
            Error::of("write the user namespace's maps", error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
        })?;
    }
    Ok(())
}

/// Waits for the inside; its exit code.
fn outlive(child: Pid) -> Result<i32, Error> {
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(code),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(128 + signal as i32),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(failed("wait for PID 1 of the namespace")(errno)),
        }
    }
}

/// What ends the inside with the outside.
#[derive(Debug)]
pub struct Leash(io::PipeReader);

impl Leash {
    /// Asks for SIGKILL when the parent ends, and ends at once where it has. The kernel forgets the asking when a
    /// process changes its user (prctl(2)): fasten it again then.
    pub fn fasten(&self) -> Result<(), Error> {
        let operation = "ask to end with the parent";
        prctl::set_pdeathsig(Signal::SIGKILL).map_err(failed(operation))?;
        // getppid(2) is 0 in PID 1 whether the parent lives or not, so the pipe is asked: end of file means it is gone.
        fcntl(&self.0, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(failed(operation))?;
        if matches!((&self.0).read(&mut [0]), Ok(0)) {
            std::process::exit(128 + Signal::SIGKILL as i32);
        }
        Ok(())
    }
}

/// Makes the mounts private and shows the new namespaces in /proc and /sys. Containers often forbid the last two;
/// programs then see those of the outside, which harms nothing here.
fn own_mounts() {
    const NONE: Option<&str> = None;
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    if mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE).is_ok() {
        let _ = mount(Some("proc"), "/proc", Some("proc"), quiet, NONE);
        let _ = mount(Some("sysfs"), "/sys", Some("sysfs"), quiet, NONE);
    }
}

/// Hides /etc/resolv.conf from this process and those it starts: the resolver then asks a name server on 127.0.0.1
/// (resolv.conf(5)).
pub fn without_name_server() -> Result<(), Error> {
    const NONE: Option<&str> = None;
    mount(Some("/dev/null"), "/etc/resolv.conf", NONE, MsFlags::MS_BIND, NONE).map_err(failed("hide /etc/resolv.conf"))
}

/// Sets IFF_UP on `lo`: a struct ifinfomsg.
pub(in crate::io) fn raise_loopback() -> nix::Result<()> {
    const RTM_NEWLINK: u16 = 16;
    const IFF_UP: u32 = 1;
    let index = nix::net::if_::if_nametoindex("lo")?;
    let mut message = vec![0; 4]; // family and type: unspecified
    message.extend(index.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes()); // the flags
    message.extend(IFF_UP.to_ne_bytes()); // which of them to change
    netlink(RTM_NEWLINK, 0, &message)
}

/// Has rtnetlink (rtnetlink(7)) do one thing.
pub(in crate::io) fn netlink(kind: u16, flags: u16, message: &[u8]) -> nix::Result<()> {
    Netlink::routes()?.ask(kind, Wanted::Done(flags), message, &mut |_| {}).map(|_| ())
}
