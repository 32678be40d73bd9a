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

/// Whether a live handle stamps in nanoseconds: libpcap takes the wish without saying whether it was granted.
pub fn stamps_nanoseconds(handle: &pcap::Capture<pcap::Active>) -> bool {
    const PCAP_TSTAMP_PRECISION_NANO: i32 = 1;
    unsafe extern "C" {
        fn pcap_get_tstamp_precision(handle: *mut std::ffi::c_void) -> i32;
    }
    // SAFETY: the pointer is that of an open handle, which the borrow keeps open; the call reads one number in it.
    (unsafe { pcap_get_tstamp_precision(handle.as_ptr().cast()) }) == PCAP_TSTAMP_PRECISION_NANO
}

/// Takes every capability from the calling thread (capset(2)): permitted, effective and inheritable.
pub fn drop_capabilities() -> io::Result<()> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    #[repr(C)]
    struct Data {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    const LINUX_CAPABILITY_VERSION_3: u32 = 0x2008_0522;
    let header = Header { version: LINUX_CAPABILITY_VERSION_3, pid: 0 };
    let data = [const { Data { effective: 0, permitted: 0, inheritable: 0 } }; 2];
    // SAFETY: version 3 reads one header and two data records, laid out as in linux/capability.h; both outlive the call.
    let result = unsafe { nix::libc::syscall(nix::libc::SYS_capset, &raw const header, data.as_ptr()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
