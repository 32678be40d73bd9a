//! The sockets of a network namespace, from the kernel (sock_diag(7)), and who holds them (proc_pid_fd(5)).
//!
//! Guarantee: every socket that the kernel tells of is listed, TIME-WAIT and orphans too. Where a kernel was built
//! without a part of sock_diag, /proc/net is read instead (`table`). Holders are those whose descriptors may be read.

mod crew;
mod diag;
mod options;
pub mod owners;
pub mod processes;
mod table;
pub mod watch;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use super::tcp_info::TcpInfo;
use diag::Diag;
pub use options::{Group, Options};

/// What could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {operation}: {source}")]
    Failed { operation: &'static str, source: io::Error },
    #[error("cannot enter the network namespace {name}: {source}{}", remedy(.source))]
    Namespace { name: String, source: io::Error },
}

fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => "; it takes CAP_SYS_ADMIN: the same with sudo",
        io::ErrorKind::NotFound => "; `ip netns list` shows those with a name, a number is a process's",
        _ => "",
    }
}

/// Which table of the kernel's a socket stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    Tcp,
    Udp,
    /// IP without a transport; the number is the protocol's (RFC 790), and stands where a port would.
    Raw,
    /// AF_PACKET: whole frames of an interface (packet(7)).
    Packet,
    Unix,
}

impl Protocol {
    pub const ALL: [Self; 5] = [Self::Tcp, Self::Udp, Self::Raw, Self::Packet, Self::Unix];

    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Raw => "raw",
            Self::Packet => "packet",
            Self::Unix => "unix",
        }
    }
}

/// One end of a socket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    Address(SocketAddr),
    /// A path, `@name` in the abstract space, or nothing (unix(7)). Whatever bytes a program chose: escape them.
    Path(Vec<u8>),
    /// The inode of a Unix socket's other end.
    Peer(u32),
    /// The EtherType that a packet socket takes, host byte order.
    EtherType(u16),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) if address.port() == 0 => match address.ip() {
                IpAddr::V4(ip) => write!(f, "{ip}:*"),
                IpAddr::V6(ip) => write!(f, "[{ip}]:*"),
            },
            Self::Address(address) => write!(f, "{address}"),
            Self::Path(path) if path.is_empty() => f.write_str("*"),
            Self::Path(path) => f.write_str(&String::from_utf8_lossy(path)),
            Self::Peer(0) => f.write_str("*"),
            Self::Peer(inode) => write!(f, "inode {inode}"),
            Self::EtherType(0) => f.write_str("*"),
            // ETH_P_ALL of linux/if_ether.h.
            Self::EtherType(3) => f.write_str("all"),
            Self::EtherType(number) => write!(f, "{number:#06x}"),
        }
    }
}

/// What a socket of TCP waits for, and how long still, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    pub what: Waits,
    pub left: u32,
    /// How often it went off already.
    pub times: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    Retransmission,
    KeepAlive,
    TimeWait,
    /// Of a closed window (RFC 9293 §3.8.6.1).
    Probe,
}

impl Waits {
    pub fn name(self) -> &'static str {
        match self {
            Self::Retransmission => "retransmission",
            Self::KeepAlive => "keep-alive",
            Self::TimeWait => "time-wait",
            Self::Probe => "probe",
        }
    }
}

/// Memory of a socket, in bytes, and what was lost for want of it (SK_MEMINFO_*, linux/sock_diag.h).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub receive_used: u32,
    pub receive_buffer: u32,
    pub send_used: u32,
    pub send_buffer: u32,
    pub drops: u32,
}

/// A state as the kernel numbers it (include/net/tcp_states.h). Datagram sockets know two: 1 connected, 7 not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State(pub u8);

impl State {
    pub const ESTABLISHED: Self = Self(1);
    pub const TIME_WAIT: Self = Self(6);
    pub const CLOSED: Self = Self(7);
    pub const LISTEN: Self = Self(10);
}

/// A socket.
#[derive(Clone, Debug, PartialEq)]
pub struct Socket {
    pub protocol: Protocol,
    /// stream, dgram, seqpacket, raw, where the protocol leaves a choice.
    pub kind: &'static str,
    pub state: State,
    pub local: Endpoint,
    pub remote: Endpoint,
    /// Takes IPv6 only; `None` where it is no IPv6 socket or the kernel does not tell.
    pub v6only: Option<bool>,
    /// Bytes received that the program has not taken; of a listener: connections that it has not accepted.
    pub receive_queue: u32,
    /// Bytes sent that are not acknowledged; of a listener: how many may wait to be accepted (listen(2)).
    pub send_queue: u32,
    /// `None` where the kernel no longer knows: TIME-WAIT.
    pub uid: Option<u32>,
    /// 0 where no process has it: TIME-WAIT, an orphan, a connection not yet accepted.
    pub inode: u32,
    /// The kernel's number of it, never used twice; 0 where it has none.
    pub cookie: u64,
    /// The interface it is bound to, by index; 0 where it is not.
    pub interface: u32,
    pub timer: Option<Timer>,
    pub memory: Option<Memory>,
    pub congestion: Option<String>,
    pub tcp: Option<Box<TcpInfo>>,
    pub options: Option<Box<Options>>,
}

impl Socket {
    /// One of which nothing is known but its protocol.
    fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            kind: "",
            state: State::CLOSED,
            local: Endpoint::Path(Vec::new()),
            remote: Endpoint::Path(Vec::new()),
            v6only: None,
            receive_queue: 0,
            send_queue: 0,
            uid: None,
            inode: 0,
            cookie: 0,
            interface: 0,
            timer: None,
            memory: None,
            congestion: None,
            tcp: None,
            options: None,
        }
    }

    pub fn is_listening(&self) -> bool {
        match self.protocol {
            Protocol::Tcp | Protocol::Unix => self.state == State::LISTEN,
            // Whoever sends to its port is heard.
            Protocol::Udp => self.state == State::CLOSED && self.local_port() != 0,
            Protocol::Raw | Protocol::Packet => false,
        }
    }

    pub fn local_port(&self) -> u16 {
        port(&self.local)
    }

    pub fn remote_port(&self) -> u16 {
        port(&self.remote)
    }
}

fn port(endpoint: &Endpoint) -> u16 {
    match endpoint {
        Endpoint::Address(address) => address.port(),
        _ => 0,
    }
}

/// The sockets of these protocols, in the network namespace of the calling thread, in the kernel's order.
///
/// `details`: with memory, congestion control and struct tcp_info.
pub fn list(protocols: &[Protocol], details: bool) -> Result<Vec<Socket>, Error> {
    let mut sockets = Vec::new();
    let mut diag = Diag::open()?;
    for protocol in protocols {
        match protocol {
            Protocol::Tcp => internet(&mut diag, *protocol, nix::libc::IPPROTO_TCP as u8, details, &mut sockets)?,
            Protocol::Udp => internet(&mut diag, *protocol, nix::libc::IPPROTO_UDP as u8, details, &mut sockets)?,
            Protocol::Raw => internet(&mut diag, *protocol, nix::libc::IPPROTO_RAW as u8, details, &mut sockets)?,
            Protocol::Packet => diag.packet(&mut sockets)?,
            Protocol::Unix => diag.unix(&mut sockets)?,
        }
    }
    Ok(sockets)
}

fn internet(
    diag: &mut Diag,
    protocol: Protocol,
    number: u8,
    details: bool,
    sockets: &mut Vec<Socket>,
) -> Result<(), Error> {
    for six in [false, true] {
        if !diag.internet(protocol, number, six, details, sockets)? {
            table::read(protocol, six, sockets)
                .map_err(|source| Error::Failed { operation: "read the kernel's table of sockets", source })?;
        }
    }
    Ok(())
}

/// Asks the sockets for their own options, by a copy of a holder's descriptor (pidfd_getfd(2)); left out where that may
/// not be done. Multicast groups are those of the network namespace of the calling thread.
pub fn ask_options(sockets: &mut [Socket], holders: &processes::Holders) {
    options::ask(sockets, holders);
}

/// Takes the calling thread into the network namespace of that name (`ip netns`), or of the process with that number.
pub fn enter(name: &str) -> Result<(), Error> {
    let path = if name.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("/proc/{name}/ns/net")
    } else {
        format!("/run/netns/{name}")
    };
    let failed = |source: io::Error| Error::Namespace { name: name.to_owned(), source };
    let namespace = std::fs::File::open(path).map_err(failed)?;
    nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).map_err(|errno| failed(errno.into()))
}

/// Runs `work` in the network namespace of that name (`ip netns`), or of the process with that number.
pub fn inside<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
    // A namespace belongs to a thread: the one that enters ends with the work.
    std::thread::scope(|scope| {
        let entered = scope.spawn(move || {
            enter(name)?;
            Ok(work())
        });
        match entered.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests;
