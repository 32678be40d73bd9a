//! What was asked and what was read: the kernel's answers, in plain values.
//!
//! Addresses and ports are numbers as a person writes them, times are milliseconds. What could not be read is absent, and
//! then nothing is concluded from it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::firewall::Firewall;
pub use crate::process::Transport;

/// What is to be reached, or seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// A name or an address, as it was typed.
    pub target: Option<String>,
    pub port: Option<u16>,
    /// TCP or UDP as it was asked for; `None`: whichever there is.
    pub transport: Option<Transport>,
    /// The interface a capture runs on.
    pub interface: Option<String>,
    /// A capture is wanted.
    pub capture: bool,
    /// The program that should hold the port, or sends: its name begins so.
    pub process: Option<String>,
    /// Who should receive what goes to the target, a multicast group.
    pub receiver: Option<String>,
}

impl Question {
    /// `UDP` only where it was asked for.
    pub fn transport(&self) -> Transport {
        self.transport.unwrap_or(Transport::Tcp)
    }
}

/// An interface of this network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    pub name: String,
    pub index: u32,
    pub addresses: Vec<(IpAddr, u8)>,
    pub mtu: Option<u32>,
    pub up: bool,
    /// There is a carrier.
    pub running: bool,
    pub loopback: bool,
    pub multicast: bool,
    /// The index of the bridge or bond it belongs to.
    pub master: Option<u32>,
    /// The index of the interface that it stands on (a VLAN's), or of its other end.
    pub parent: Option<u32>,
    /// Offloads that are on, in the words of `ethtool -K`.
    pub offloads: Vec<&'static str>,
}

impl Interface {
    /// Whether this address is in one of its networks.
    pub fn covers(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|(own, prefix)| same_network(*own, address, *prefix))
    }

    /// Its addresses that another host could send to.
    pub fn reachable(&self) -> impl Iterator<Item = (IpAddr, u8)> {
        self.addresses.iter().copied().filter(|(address, _)| is_reachable(*address))
    }
}

/// Whether another host can send to this address without more being known: neither loopback nor of one link only.
pub fn is_reachable(address: IpAddr) -> bool {
    let link_only = match address {
        IpAddr::V4(four) => four.is_link_local(),
        IpAddr::V6(six) => six.is_unicast_link_local(),
    };
    !(address.to_canonical().is_loopback() || address.is_unspecified() || link_only)
}

/// Whether two addresses are in one network of this prefix length.
pub fn same_network(one: IpAddr, other: IpAddr, prefix: u8) -> bool {
    let differing = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (u32::from(one) ^ u32::from(other)).leading_zeros(),
        (IpAddr::V6(one), IpAddr::V6(other)) => (u128::from(one) ^ u128::from(other)).leading_zeros(),
        _ => return false,
    };
    differing >= u32::from(prefix)
}

/// What a socket does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Takes connections, or datagrams from anybody.
    Listens,
    /// Bound to its port, and nothing more (a TCP socket before listen(2)).
    Bound,
    TimeWait,
    /// Any state of a connection.
    Connected,
}

/// A socket of this network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    pub transport: Transport,
    pub state: State,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub v6only: bool,
    /// Of a listener: connections that wait to be accepted, and how many may.
    pub queue: (u32, u32),
    /// Milliseconds until TIME-WAIT ends.
    pub left: Option<u32>,
    /// Who holds it: name and process number, as far as that may be seen.
    pub holders: Vec<(String, i32)>,
    /// The TTL that it sends with (IP_TTL, IPV6_UNICAST_HOPS), where it was asked and may be.
    pub ttl: Option<u8>,
    /// The same for multicast (IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS).
    pub multicast_ttl: Option<u8>,
}

impl Socket {
    /// Whether what is sent to `address` comes to it, its port apart.
    pub fn takes(&self, address: IpAddr) -> bool {
        let (own, address) = (self.local.ip(), address.to_canonical());
        match own {
            IpAddr::V6(six) if six.is_unspecified() => address.is_ipv6() || !self.v6only,
            IpAddr::V4(four) if four.is_unspecified() => address.is_ipv4(),
            own => own.to_canonical() == address,
        }
    }

    pub fn is_loopback(&self) -> bool {
        self.local.ip().to_canonical().is_loopback()
    }

    /// `python3 4711`, or what is known of it.
    pub fn holder(&self) -> String {
        match self.holders.first() {
            Some((name, pid)) => format!("{name} {pid}"),
            None => "a program of another user".to_owned(),
        }
    }
}

/// The way to one address of the target.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    pub address: IpAddr,
    pub route: Route,
    /// Who was to hear the frames, and what became of asking for its hardware address; `None` where nobody is asked.
    pub neighbour: Option<Neighbour>,
    /// What a connection, or a datagram, to the port met.
    pub knock: Option<Answer>,
    /// How many SYNs were sent again before the connection came.
    pub repeated: u32,
    /// What an echo request met.
    pub echo: Option<Answer>,
    /// Which sizes pass undivided.
    pub sizes: Option<Sizes>,
}

/// Echo requests with Don't Fragment, by the bytes of the whole IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The largest that was answered.
    pub passed: u32,
    /// The smallest that was not answered, although it was sent more than once.
    pub lost: Option<u32>,
    /// What a router, or this kernel, says that the way takes.
    pub told: Option<u32>,
}

impl Path {
    /// What was asked for works.
    pub fn works(&self) -> bool {
        // A group has no single member that could answer.
        if self.address.is_multicast() {
            return matches!(self.route, Route::Found { .. });
        }
        match (&self.knock, &self.echo) {
            (Some(Answer::Came(_)), _) => true,
            // A datagram may be taken without a word.
            (Some(Answer::Taken), echo) => matches!(echo, Some(Answer::Came(_)) | None),
            (Some(_), _) => false,
            (None, echo) => matches!(echo, Some(Answer::Came(_))),
        }
    }
}

/// RTM_GETROUTE's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Found {
        interface: u32,
        gateway: Option<IpAddr>,
        source: Option<IpAddr>,
        /// It ends on this machine.
        local: bool,
        /// The largest packet, where the route says more than its interface.
        mtu: Option<u32>,
    },
    /// The error's number (errno).
    Refused(i32),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    pub address: IpAddr,
    /// NUD_* of linux/neighbour.h.
    pub state: u16,
}

/// What became of a probe.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// An answer, after this many milliseconds.
    Came(f64),
    /// Sent, and nothing said against it: datagrams need no answer.
    Taken,
    /// A TCP RST.
    Reset,
    /// An ICMP or ICMPv6 error, and who sent it.
    Icmp(Icmp, Option<IpAddr>),
    /// The kernel refused to send (errno).
    Refused(i32),
    /// Nothing, for this many milliseconds.
    Silence(u64),
}

impl Answer {
    /// What came, in words for a proof.
    pub fn words(&self) -> String {
        match self {
            Self::Came(milliseconds) => format!("answered after {milliseconds:.1} ms"),
            Self::Taken => "sent, and nothing came back".to_owned(),
            Self::Reset => "RST".to_owned(),
            Self::Icmp(icmp, Some(from)) => format!("ICMP {} from {from}", icmp.words()),
            Self::Icmp(icmp, None) => format!("ICMP {}", icmp.words()),
            Self::Refused(errno) => format!("refused by this machine ({})", errno_words(*errno)),
            Self::Silence(milliseconds) => format!("no answer in {:.1} s", *milliseconds as f64 / 1000.0),
        }
    }
}

/// Linux's words for the errors that sending meets, by number (errno(3)).
pub fn errno_words(errno: i32) -> String {
    let words = match errno {
        1 => "EPERM: operation not permitted",
        13 => "EACCES: permission denied",
        22 => "EINVAL: invalid argument",
        90 => "EMSGSIZE: message too long",
        98 => "EADDRINUSE: address already in use",
        99 => "EADDRNOTAVAIL: cannot assign requested address",
        101 => "ENETUNREACH: network is unreachable",
        105 => "ENOBUFS: no buffer space available",
        110 => "ETIMEDOUT: connection timed out",
        111 => "ECONNREFUSED: connection refused",
        113 => "EHOSTUNREACH: no route to host",
        _ => return format!("error {errno}"),
    };
    words.to_owned()
}

/// What an ICMP or ICMPv6 error means (RFC 792, RFC 1812 §5.2.7.1, RFC 4443 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icmp {
    /// A router has no route.
    Network,
    /// The last router finds nobody with the address.
    Host,
    /// Nobody has the port.
    Port,
    /// Somebody forbids it.
    Prohibited,
    /// The time to live was used up on the way.
    TimeExceeded,
    /// Larger than a link on the way takes, in bytes.
    TooBig(u32),
    /// Type and code.
    Other(u8, u8),
}

impl Icmp {
    /// From type and code; `mtu` is what the error says of it.
    pub fn of(six: bool, kind: u8, code: u8, mtu: u32) -> Self {
        match (six, kind, code) {
            (false, 3, 0 | 6 | 11) | (true, 1, 0) => Self::Network,
            (false, 3, 1 | 7 | 12) | (true, 1, 3) => Self::Host,
            (false, 3, 3) | (true, 1, 4) => Self::Port,
            (false, 3, 9 | 10 | 13) | (true, 1, 1 | 5 | 6) => Self::Prohibited,
            (false, 11, 0) | (true, 3, 0) => Self::TimeExceeded,
            (false, 3, 4) | (true, 2, _) => Self::TooBig(mtu),
            _ => Self::Other(kind, code),
        }
    }

    /// In the words of the RFCs.
    pub fn words(self) -> String {
        match self {
            Self::Network => "network unreachable".to_owned(),
            Self::Host => "host unreachable".to_owned(),
            Self::Port => "port unreachable".to_owned(),
            Self::Prohibited => "administratively prohibited".to_owned(),
            Self::TimeExceeded => "time to live exceeded in transit".to_owned(),
            Self::TooBig(mtu) => format!("packet too big, the next link takes {mtu} bytes"),
            Self::Other(kind, code) => format!("type {kind} code {code}"),
        }
    }
}

/// Everything that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    pub question: Question,
    pub interfaces: Vec<Interface>,
    /// Those with the port of the question; all that listen where it has none.
    pub sockets: Vec<Socket>,
    /// The resolver's error, where it has no address for the target.
    pub unknown_name: Option<String>,
    /// One for each address of the target, in the order in which programs try them.
    pub paths: Vec<Path>,
    /// Counters by name (`TcpExt.ListenOverflows`) before the probes, and after.
    pub before: BTreeMap<String, u64>,
    pub after: BTreeMap<String, u64>,
    /// Values below /proc/sys, with dots (`net.ipv4.conf.all.rp_filter`).
    pub settings: BTreeMap<String, String>,
    /// The packet filter's rules, where there is something to be held against them.
    pub firewall: Firewall,
    /// What bind(2) to the port answers while nobody listens on it: errno, 0 where it works.
    pub bind: Option<Bind>,
    /// Whether this user may capture; asked where a capture is wanted.
    pub capture: Option<Capture>,
    /// The route to whoever should receive what goes to the group.
    pub receiver: Option<(IpAddr, Route)>,
    /// The interfaces (by index) by which this machine reaches everybody else.
    pub ways_out: Vec<u32>,
    /// Multicast groups that were joined on this machine, with the interface (by index).
    pub joined: Vec<(IpAddr, u32)>,
}

/// bind(2) tried and undone: errno, 0 where it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind {
    pub plain: i32,
    /// With SO_REUSEADDR.
    pub reusing: i32,
}

/// What a capture would meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// What socket(AF_PACKET) answers: errno, 0 where it works.
    pub socket: i32,
    /// Effective capabilities, a bit each (capabilities(7)).
    pub capabilities: u64,
    /// The file of this program, as a shell takes it.
    pub program: String,
}

impl Facts {
    pub fn interface(&self, index: u32) -> Option<&Interface> {
        self.interfaces.iter().find(|one| one.index == index)
    }

    /// The name of an interface, for a sentence.
    pub fn name_of(&self, index: u32) -> String {
        self.interface(index).map_or_else(|| format!("interface {index}"), |one| one.name.clone())
    }

    /// Whether this machine has the address.
    pub fn is_own(&self, address: IpAddr) -> bool {
        address.to_canonical().is_loopback()
            || self.interfaces.iter().any(|one| one.addresses.iter().any(|(own, _)| *own == address.to_canonical()))
    }

    /// Whether the listeners of this machine are what the question is about.
    pub fn is_about_us(&self) -> bool {
        match &self.question.target {
            None => true,
            Some(_) => self.paths.iter().any(|path| self.is_own(path.address)),
        }
    }

    /// The transport in question: as asked, or what there is on the port.
    pub fn transport(&self) -> Transport {
        let only_udp = || {
            let mut listeners = self.sockets.iter().filter(|socket| socket.state == State::Listens).peekable();
            let any = listeners.peek().is_some();
            any && listeners.all(|socket| socket.transport == Transport::Udp)
        };
        match self.question.transport {
            Some(transport) => transport,
            None if self.question.target.is_none() && only_udp() => Transport::Udp,
            None => Transport::Tcp,
        }
    }

    /// Sockets in that state on the port and transport in question.
    pub fn on_port(&self, state: State) -> impl Iterator<Item = &Socket> {
        let (port, transport) = (self.question.port, self.transport());
        self.sockets.iter().filter(move |socket| {
            socket.state == state && Some(socket.local.port()) == port && socket.transport == transport
        })
    }

    /// A counter that rose while the probes were under way: its values before and after.
    pub fn rose(&self, name: &str) -> Option<(u64, u64)> {
        let (before, after) = (*self.before.get(name)?, *self.after.get(name)?);
        (after > before).then_some((before, after))
    }

    /// A setting that is a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.settings.get(name)?.parse().ok()
    }

    /// The ways that fail and whose failing has to be explained: none where one works (what is wrong with the others is
    /// the address family's matter), those with a route where there is one, else the first.
    pub fn failing(&self) -> Vec<&Path> {
        if self.paths.iter().any(Path::works) {
            return Vec::new();
        }
        let routed: Vec<&Path> = self.paths.iter().filter(|path| matches!(path.route, Route::Found { .. })).collect();
        if routed.is_empty() { self.paths.iter().take(1).collect() } else { routed }
    }
}
