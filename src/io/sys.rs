//! The only unsafe code: system calls that safe crates do not offer. Each block says why it is sound.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;
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
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What one request about an interface answers (netdevice(7)).
#[derive(Clone, Copy, Debug)]
pub enum InterfaceQuestion {
    /// The largest packet, in bytes.
    Mtu,
    /// The hardware type, ARPHRD_* of linux/if_arp.h.
    HardwareType,
    /// One value of linux/ethtool.h, by the number of its ETHTOOL_G* command.
    Ethtool(u32),
}

/// Asks the kernel about the interface `name`, through any socket of its network namespace.
pub fn ask_interface(socket: BorrowedFd<'_>, name: &str, question: InterfaceQuestion) -> io::Result<u32> {
    /// linux/ethtool.h, struct ethtool_value.
    #[repr(C)]
    struct EthtoolValue {
        command: u32,
        data: u32,
    }
    // SAFETY: ifreq is plain data; all zeroes is one of its values.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // One place stays zero, to end the name.
    if name.len() >= request.ifr_name.len() || name.contains('\0') {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    let mut value = EthtoolValue { command: 0, data: 0 };
    let number = match question {
        InterfaceQuestion::Mtu => libc::SIOCGIFMTU,
        InterfaceQuestion::HardwareType => libc::SIOCGIFHWADDR,
        InterfaceQuestion::Ethtool(command) => {
            value.command = command;
            request.ifr_ifru.ifru_data = (&raw mut value).cast();
            libc::SIOCETHTOOL
        }
    };
    // SAFETY: each of these requests reads and writes one ifreq; SIOCETHTOOL with a command that answers one number also
    // writes the ethtool_value that ifru_data points to. Both are alive and nothing else refers to them.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), number, &raw mut request) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(match question {
        // SAFETY: this is the field that the kernel filled in, and any bits are a value of it.
        InterfaceQuestion::Mtu => unsafe { request.ifr_ifru.ifru_mtu as u32 },
        // SAFETY: as above.
        InterfaceQuestion::HardwareType => u32::from(unsafe { request.ifr_ifru.ifru_hwaddr.sa_family }),
        InterfaceQuestion::Ethtool(_) => value.data,
    })
}
