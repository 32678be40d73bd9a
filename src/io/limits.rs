//! What the system allows this process (setrlimit(2)): how many files, and so connections, it may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the limit of open files to `wanted` where that is allowed; what it is then. It is never lowered.
///
/// An ordinary user may raise it up to the hard limit (`ulimit -Hn`), root beyond that.
pub fn descriptors(wanted: u64) -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 0 };
    if soft >= wanted {
        return soft;
    }
    if setrlimit(Resource::RLIMIT_NOFILE, wanted, hard.max(wanted)).is_ok() {
        return wanted;
    }
    let most = wanted.min(hard);
    if setrlimit(Resource::RLIMIT_NOFILE, most, hard).is_ok() { most } else { soft }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_allowed_and_never_lowered() {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(descriptors(1), soft);
        let reached = descriptors(hard);
        assert!((soft..=hard).contains(&reached), "{soft} {reached} {hard}");
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap().0, reached);
    }
}
