//! The only unsafe code: system calls that safe crates do not offer. Each block says why it is sound.
#![allow(unsafe_code)]

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc;
use nix::unistd::{ForkResult, Pid};
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdRegisterError};

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

/// A capability that may be kept, by its number (capabilities(7), linux/capability.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Capability {
    /// Reads any file and enters any directory.
    DacReadSearch = 2,
    /// Looks into any process.
    SysPtrace = 19,
}

impl Capability {
    pub fn name(self) -> &'static str {
        match self {
            Self::DacReadSearch => "CAP_DAC_READ_SEARCH",
            Self::SysPtrace => "CAP_SYS_PTRACE",
        }
    }
}

/// linux/capability.h, struct __user_cap_data_struct: capabilities 0 to 31, then 32 to 63.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Capabilities {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// linux/capability.h, struct __user_cap_header_struct: version 3, the calling thread.
#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: i32,
}

static CAPABILITY_HEADER: CapabilityHeader = CapabilityHeader { version: 0x2008_0522, pid: 0 };

/// What the calling thread has (capget(2)).
fn capabilities() -> io::Result<[Capabilities; 2]> {
    let mut data = [Capabilities::default(); 2];
    // SAFETY: version 3 reads one header and writes two data records, laid out as in linux/capability.h; both outlive the
    // call.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw const CAPABILITY_HEADER, data.as_mut_ptr()) };
    if result == 0 { Ok(data) } else { Err(io::Error::last_os_error()) }
}

/// What it is to have (capset(2)).
fn set_capabilities(data: &[Capabilities; 2]) -> io::Result<()> {
    // SAFETY: version 3 reads one header and two data records, laid out as in linux/capability.h; both outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const CAPABILITY_HEADER, data.as_ptr()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Leaves the calling thread these capabilities of those it has, permitted and effective, and no other; tells which it
/// has. None is inheritable.
pub fn keep_capabilities(kept: &[Capability]) -> io::Result<Vec<Capability>> {
    let had = capabilities()?[0].permitted;
    let kept: Vec<Capability> = kept.iter().copied().filter(|kept| had & (1 << *kept as u8) != 0).collect();
    let bits = kept.iter().fold(0, |bits, kept| bits | 1 << *kept as u8);
    let low = Capabilities { effective: bits, permitted: bits, inheritable: 0 };
    set_capabilities(&[low, Capabilities::default()])?;
    Ok(kept)
}

/// Gives the programs that this thread starts from here on the capabilities over networks that it has itself: ambient
/// ones (capabilities(7)), which survive exec(2) for an ordinary user, too.
pub fn hand_down_network_capabilities() -> io::Result<()> {
    /// CAP_NET_BIND_SERVICE, CAP_NET_BROADCAST, CAP_NET_ADMIN, CAP_NET_RAW.
    const NETWORK: [u32; 4] = [10, 11, 12, 13];
    let mut data = capabilities()?;
    let had = data[0].permitted;
    let wanted = NETWORK.into_iter().filter(|capability| had & (1 << capability) != 0);
    data[0].inheritable |= wanted.clone().fold(0, |bits, capability| bits | 1 << capability);
    set_capabilities(&data)?;
    for capability in wanted {
        let (raise, number) = (libc::PR_CAP_AMBIENT_RAISE as libc::c_ulong, libc::c_ulong::from(capability));
        // SAFETY: takes numbers only.
        let result =
            unsafe { libc::prctl(libc::PR_CAP_AMBIENT, raise, number, 0 as libc::c_ulong, 0 as libc::c_ulong) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Takes a descriptor that the kernel has just handed to this process and that nothing else has (accept(2), SCM_RIGHTS).
pub fn own(descriptor: std::os::fd::RawFd) -> OwnedFd {
    // SAFETY: by the contract above it is open and has no other owner.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

/// A socket that takes and gives whole frames of one interface (packet(7)), outgoing frames of others among them.
pub fn packet_socket(interface: u32) -> io::Result<OwnedFd> {
    const ETH_P_ALL: u16 = 3;
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: takes numbers only.
    let result = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
    let socket = owned(result.into())?;
    // SAFETY: plain data; all zeroes is one of its values.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = ETH_P_ALL.to_be();
    address.sll_ifindex = interface.cast_signed();
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the kernel reads `length` bytes of the address, which has as many and outlives the call.
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if result == 0 { Ok(socket) } else { Err(io::Error::last_os_error()) }
}

/// Has the kernel kill the program that `command` will start when the thread that starts it ends, however it ends.
pub fn end_with_us(command: &mut Command) {
    let with_us = || Ok(nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?);
    // SAFETY: what runs between fork and exec is one system call, which allocates nothing and takes no lock.
    unsafe { command.pre_exec(with_us) };
}

/// Has tokio watch a listening socket, which must be non-blocking, for clients. Within a runtime only.
pub fn watch(listener: TcpListener) -> Result<AsyncFd<TcpListener>, AsyncFdRegisterError<TcpListener>> {
    // SAFETY: a `TcpListener` owns its descriptor, keeps it open while it lives, and always names the same one; it is
    // moved in here, so nobody else closes it.
    unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) }
}

/// Joins a multicast group on the interface with this index (0: the kernel's choice), for any source or for one
/// (RFC 3678 §5.1: MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE_GROUP). All addresses are of one family, the socket's.
pub fn join_group(
    socket: BorrowedFd<'_>,
    interface: u32,
    group: std::net::IpAddr,
    source: Option<std::net::IpAddr>,
) -> io::Result<()> {
    /// linux/in.h, struct group_source_req; struct group_req is its beginning.
    #[repr(C)]
    struct Request {
        interface: u32,
        group: libc::sockaddr_storage,
        source: libc::sockaddr_storage,
    }
    const MCAST_JOIN_GROUP: i32 = 42;
    const MCAST_JOIN_SOURCE_GROUP: i32 = 46;
    // SAFETY: both are plain data; all zeroes is one of their values.
    let mut request: Request = unsafe { std::mem::zeroed() };
    request.interface = interface;
    for (to, address) in [(&mut request.group, Some(group)), (&mut request.source, source)] {
        let Some(address) = address else { continue };
        let address = socket2::SockAddr::from(std::net::SocketAddr::new(address, 0));
        // SAFETY: a socket address is at most as long as sockaddr_storage, which is made to hold any of them; the two
        // do not overlap.
        unsafe {
            std::ptr::copy_nonoverlapping(
                address.as_ptr().cast::<u8>(),
                std::ptr::from_mut(to).cast::<u8>(),
                address.len() as usize,
            );
        }
    }
    let level = if group.is_ipv4() { libc::IPPROTO_IP } else { libc::IPPROTO_IPV6 };
    let (option, length) = match source {
        Some(_) => (MCAST_JOIN_SOURCE_GROUP, size_of::<Request>()),
        None => (MCAST_JOIN_GROUP, std::mem::offset_of!(Request, source)),
    };
    // SAFETY: the kernel reads `length` bytes of the request, which has at least as many and outlives the call.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const request).cast(), length as libc::socklen_t)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The bytes of struct tcp_info (linux/tcp.h) of a TCP socket, as many as this kernel has of those we know.
pub fn tcp_info(socket: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0u8; 256];
    let mut length = bytes.len() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes into the buffer, which has as many, and puts into `length` how
    // many it wrote; both outlive the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            bytes.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    bytes.truncate(length as usize);
    Ok(bytes)
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

/// An interface request for the interface `name`; an error where no interface can have this name.
fn request_for(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: ifreq is plain data; all zeroes is one of its values.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // One place stays zero, to end the name.
    if name.len() >= request.ifr_name.len() || name.contains('\0') {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(request)
}

/// linux/ethtool.h, struct ethtool_value.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// Sets one value of linux/ethtool.h, by the number of its ETHTOOL_S* command, of the interface `name`.
pub fn set_ethtool(socket: BorrowedFd<'_>, name: &str, command: u32, data: u32) -> io::Result<()> {
    let mut request = request_for(name)?;
    let mut value = EthtoolValue { command, data };
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: SIOCETHTOOL with a command that sets one number reads one ifreq and the ethtool_value that ifru_data points
    // to. Both are alive and nothing else refers to them.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Asks the kernel about the interface `name`, through any socket of its network namespace.
pub fn ask_interface(socket: BorrowedFd<'_>, name: &str, question: InterfaceQuestion) -> io::Result<u32> {
    let mut request = request_for(name)?;
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

/// A handle of the process `pid` (pidfd_open(2)): it stays that process's, also when the number is given to another.
pub fn process(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers only.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })
}

/// A copy of descriptor `number` of a process (pidfd_getfd(2)): the same open socket.
pub fn descriptor_of(process: &impl AsFd, number: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers only; the descriptor of the process is open as long as it is borrowed.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_fd().as_raw_fd(), number, 0) })
}

/// What pidfd_open(2) and pidfd_getfd(2) answer: a new descriptor, closed on exec.
fn owned(result: libc::c_long) -> io::Result<OwnedFd> {
    match i32::try_from(result) {
        // SAFETY: the calls above just opened it, and nothing else has it.
        Ok(descriptor @ 0..) => Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether a socket is a member of a multicast group on the interface with this index (MCAST_MSFILTER).
pub fn is_member(socket: &impl AsFd, interface: u32, group: std::net::IpAddr) -> bool {
    /// linux/in.h, struct group_filter without its list of sources.
    #[repr(C)]
    struct Filter {
        interface: u32,
        group: libc::sockaddr_storage,
        mode: u32,
        sources: u32,
        list: [libc::sockaddr_storage; 1],
    }
    const MCAST_MSFILTER: i32 = 48;
    // SAFETY: plain data; all zeroes is one of its values.
    let mut filter: Filter = unsafe { std::mem::zeroed() };
    filter.interface = interface;
    let address = socket2::SockAddr::from(std::net::SocketAddr::new(group, 0));
    // SAFETY: a socket address is at most as long as sockaddr_storage, which is made to hold any of them; the two do not
    // overlap.
    unsafe {
        std::ptr::copy_nonoverlapping(
            address.as_ptr().cast::<u8>(),
            (&raw mut filter.group).cast::<u8>(),
            address.len() as usize,
        );
    }
    let level = if group.is_ipv4() { libc::IPPROTO_IP } else { libc::IPPROTO_IPV6 };
    // Room for no source: how many there are is not asked.
    let mut length = std::mem::offset_of!(Filter, list) as libc::socklen_t;
    // SAFETY: the kernel reads and writes at most `length` bytes of the filter, which is longer; both outlive the call.
    let result = unsafe {
        libc::getsockopt(socket.as_fd().as_raw_fd(), level, MCAST_MSFILTER, (&raw mut filter).cast(), &raw mut length)
    };
    result == 0
}

/// The sources that a socket wants of a multicast group on the interface with this index, and whether they are excluded
/// instead (MCAST_MSFILTER, RFC 3678 §5.2.1); an error where the socket is no member. More sources than fit are left out.
pub fn source_filter(
    socket: BorrowedFd<'_>,
    interface: u32,
    group: std::net::IpAddr,
) -> io::Result<(bool, Vec<std::net::IpAddr>)> {
    const ROOM: usize = 1024;
    /// linux/in.h, struct group_filter.
    #[repr(C)]
    struct Filter {
        interface: u32,
        group: libc::sockaddr_storage,
        mode: u32,
        count: u32,
        /// Each a sockaddr_storage.
        sources: [[u8; size_of::<libc::sockaddr_storage>()]; ROOM],
    }
    const MCAST_MSFILTER: i32 = 48;
    const MCAST_EXCLUDE: u32 = 0;
    /// Its beginning, to ask how many sources there are.
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Head {
        interface: u32,
        group: libc::sockaddr_storage,
        mode: u32,
        count: u32,
        unused: [libc::sockaddr_storage; 0],
    }
    // SAFETY: plain data; all zeroes is one of its values.
    let mut head: Head = unsafe { std::mem::zeroed() };
    head.interface = interface;
    let address = socket2::SockAddr::from(std::net::SocketAddr::new(group, 0));
    // SAFETY: a socket address is at most as long as sockaddr_storage, which is made to hold any of them; the two do not
    // overlap.
    unsafe {
        std::ptr::copy_nonoverlapping(
            address.as_ptr().cast::<u8>(),
            (&raw mut head.group).cast::<u8>(),
            address.len() as usize,
        );
    }
    let level = if group.is_ipv4() { libc::IPPROTO_IP } else { libc::IPPROTO_IPV6 };
    let asked = head;
    let mut length = size_of::<Head>() as libc::socklen_t;
    // SAFETY: `count` is 0, so the kernel reads and writes the head only, which outlives the call.
    let result =
        unsafe { libc::getsockopt(socket.as_raw_fd(), level, MCAST_MSFILTER, (&raw mut head).cast(), &raw mut length) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let excludes = head.mode == MCAST_EXCLUDE;
    if head.count == 0 {
        return Ok((excludes, Vec::new()));
    }
    // SAFETY: plain data; all zeroes is one of its values.
    let mut filter: Box<Filter> = Box::new(unsafe { std::mem::zeroed() });
    (filter.interface, filter.group, filter.count) = (asked.interface, asked.group, ROOM as u32);
    let mut length = size_of::<Filter>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `count` sources behind the head; the list has room for as many.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            MCAST_MSFILTER,
            std::ptr::from_mut(&mut *filter).cast(),
            &raw mut length,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // Family in host byte order, port, and the address: of IPv6 behind the flow label (linux/in.h, linux/in6.h).
    let sources = filter.sources.iter().take(filter.count as usize).filter_map(|source| {
        Some(match i32::from(u16::from_ne_bytes(*source.first_chunk()?)) {
            libc::AF_INET => std::net::Ipv4Addr::from(*source.get(4..)?.first_chunk::<4>()?).into(),
            _ => std::net::Ipv6Addr::from(*source.get(8..)?.first_chunk::<16>()?).into(),
        })
    });
    Ok((filter.mode == MCAST_EXCLUDE, sources.collect()))
}

/// A number that no other network namespace has, of the one that a socket belongs to (SO_NETNS_COOKIE, Linux 5.14).
pub fn namespace_of(socket: BorrowedFd<'_>) -> io::Result<u64> {
    const SO_NETNS_COOKIE: i32 = 71;
    let mut cookie = 0u64;
    let mut length = size_of::<u64>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes into the number, which has as many; both outlive the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    if result == 0 { Ok(cookie) } else { Err(io::Error::last_os_error()) }
}

/// Sets a socket option that takes a number (setsockopt(2)) and that safe crates do not offer.
pub fn set_number(socket: &impl AsFd, level: i32, option: i32, value: i32) -> io::Result<()> {
    // SAFETY: the kernel reads one int, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of::<i32>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Has a netlink socket hear of what happens in a group of the kernel's (RTNLGRP_* of linux/rtnetlink.h; netlink(7)).
pub fn hear_netlink(socket: BorrowedFd<'_>, group: u32) -> io::Result<()> {
    let length = size_of::<u32>() as libc::socklen_t;
    // SAFETY: the kernel reads one number, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_NETLINK,
            libc::NETLINK_ADD_MEMBERSHIP,
            (&raw const group).cast(),
            length,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
