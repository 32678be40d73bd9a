//! The only unsafe code: system calls that safe crates do not offer. Each block says why it is sound.
#![allow(unsafe_code)]

use std::io;

use nix::unistd::{ForkResult, Pid};

/// Forks this process, which must have a single thread. `Some(child)` in the parent, `None` in the child.
///
/// Refuses (`ResourceBusy`) where the process has more than one thread or where /proc cannot tell: in the child of a
/// threaded process a lock may be held for ever by a thread that no longer exists.
pub fn fork() -> io::Result<Option<Pid>> {
    let threads = std::fs::read_dir("/proc/self/task")?.count();
    if threads != 1 {
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, format!("{threads} threads are running")));
    }
    // SAFETY: the process has exactly one thread (this one, counted above, so none can have been started since), so the
    // child inherits no lock that a vanished thread holds and may go on with any code, allocation included.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Some(child)),
        ForkResult::Child => Ok(None),
    }
}
