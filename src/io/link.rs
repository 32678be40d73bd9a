//! The interfaces of this network namespace: what they are called and what they are. `pnet` is wrapped here.
//!
//! All comes from the namespace this thread is in. Trap: /sys/class/net shows the namespace that mounted it, so nothing
//! is read there.

pub mod burst;
pub mod channel;
mod open;
pub mod timed;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use pnet::datalink::NetworkInterface;

use super::sys::{self, InterfaceQuestion};
use crate::frame::{Error, LinkType};

pub use open::{may_open, program, refused};

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub name: String,
    pub index: u32,
    /// What a capture on it would have; `None` where the kernel did not tell what the interface is.
    pub link: Option<LinkType>,
    /// The hardware address as `02:00:00:00:00:01`.
    pub hardware: Option<String>,
    /// Addresses with their prefix lengths.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Largest packet in bytes, without the link's header.
    pub mtu: Option<u32>,
    /// Switched on.
    pub up: bool,
    /// There is a carrier: a cable, a peer.
    pub running: bool,
    pub loopback: bool,
    pub multicast: bool,
    /// What the kernel or the card does to packets before a capture sees them, or after.
    pub offloads: Vec<Offload>,
}

/// Work left to the card or put off by the kernel, which makes a capture differ from the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Offload {
    /// Received segments are put together (GRO).
    Gro,
    /// The same by the card (LRO).
    Lro,
    /// Segments to send are divided late, by the kernel (GSO).
    Gso,
    /// The same by the card (TSO).
    Tso,
    /// Checksums of sent packets are filled in later.
    TxChecksum,
    /// VLAN tags are taken off received frames, and told beside them.
    RxVlan,
    /// VLAN tags are put on by the card.
    TxVlan,
}

impl Offload {
    pub const ALL: [Self; 7] =
        [Self::Gro, Self::Lro, Self::Gso, Self::Tso, Self::TxChecksum, Self::RxVlan, Self::TxVlan];

    /// The word for it, near to ethtool's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gro => "gro",
            Self::Lro => "lro",
            Self::Gso => "gso",
            Self::Tso => "tso",
            Self::TxChecksum => "tx-checksum",
            Self::RxVlan => "rx-vlan",
            Self::TxVlan => "tx-vlan",
        }
    }

    /// What it does to a capture.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Gro | Self::Lro => "received segments appear put together, above the MTU",
            Self::Gso | Self::Tso => "sent segments appear undivided, above the MTU",
            Self::TxChecksum => "checksums of sent packets are not filled in yet",
            Self::RxVlan | Self::TxVlan => "VLAN tags travel beside the frame; `any` shows none",
        }
    }
}

/// Packets that passed an interface since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    pub received: u64,
    pub sent: u64,
}

/// All interfaces, in the kernel's order.
pub fn links() -> Result<Vec<Link>, Error> {
    let failed =
        |source| Error::System { operation: "ask for", target: "the interfaces".to_owned(), source, remedy: None };
    // pnet answers an empty list where the system refused; ask in a way that tells why.
    let names = nix::net::if_::if_nameindex().map_err(|errno| failed(errno.into()))?;
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
        .map_err(|errno| failed(errno.into()))?;
    let known: HashMap<u32, NetworkInterface> = interfaces().map(|one| (one.index, one)).collect();
    let link = |name: &str, index: u32| {
        let ask = |question| sys::ask_interface(socket.as_fd(), name, question).ok();
        let one = known.get(&index);
        let is = |what: fn(&NetworkInterface) -> bool| one.is_some_and(what);
        Link {
            name: name.to_owned(),
            index,
            link: ask(InterfaceQuestion::HardwareType).map(link_type),
            hardware: one.and_then(|one| one.mac).filter(|mac| !mac.is_zero()).map(|mac| mac.to_string()),
            addresses: one.map(|one| one.ips.iter().map(|net| (net.ip(), net.prefix())).collect()).unwrap_or_default(),
            mtu: ask(InterfaceQuestion::Mtu),
            up: is(NetworkInterface::is_up),
            running: is(NetworkInterface::is_running),
            loopback: is(NetworkInterface::is_loopback),
            multicast: is(NetworkInterface::is_multicast),
            offloads: offloads(|command| ask(InterfaceQuestion::Ethtool(command))),
        }
    };
    Ok(names.iter().map(|one| link(&one.name().to_string_lossy(), one.index())).collect())
}

/// How many packets have passed each interface, by name.
pub fn passed() -> Result<HashMap<String, Passed>, Error> {
    const FILE: &str = "/proc/self/net/dev";
    let text = fs::read_to_string(FILE);
    let text = text.map_err(|source| system("read", FILE, source))?;
    Ok(text.lines().filter_map(passed_line).collect())
}

fn system(operation: &'static str, target: &str, source: io::Error) -> Error {
    Error::System { operation, target: target.to_owned(), source, remedy: None }
}

/// `eth0: bytes packets errs drop fifo frame compressed multicast bytes packets ...` (proc(5)).
fn passed_line(line: &str) -> Option<(String, Passed)> {
    let (name, figures) = line.rsplit_once(':')?;
    let mut figures = figures.split_ascii_whitespace().map(str::parse::<u64>);
    let received = figures.nth(1)?.ok()?;
    let sent = figures.nth(7)?.ok()?;
    Some((name.trim().to_owned(), Passed { received, sent }))
}

/// The link type that libpcap gives to a hardware type (pcap-linux.c); what it does not know, it captures cooked.
fn link_type(hardware: u32) -> LinkType {
    match hardware {
        // Ethernet, loopback.
        1 | 772 => LinkType::ETHERNET,
        // Tunnels (IP in IP, SIT), and tun devices, which have no link header at all.
        768 | 769 | 776 | 0xffff | 0xfffe => LinkType::RAW,
        513 => LinkType(104),
        801 => LinkType(105),
        802 => LinkType(119),
        803 => LinkType(127),
        824 => LinkType(253),
        826 => LinkType(271),
        _ => LinkType::LINUX_SLL,
    }
}

/// Asks by the commands that need no privilege and answer one number (linux/ethtool.h).
fn offloads(ask: impl Fn(u32) -> Option<u32>) -> Vec<Offload> {
    const TX_CHECKSUM: u32 = 0x16;
    const TSO: u32 = 0x1e;
    const GSO: u32 = 0x23;
    const FLAGS: u32 = 0x25;
    const GRO: u32 = 0x2b;
    const FLAG_TX_VLAN: u32 = 1 << 7;
    const FLAG_RX_VLAN: u32 = 1 << 8;
    const FLAG_LRO: u32 = 1 << 15;
    let on = |command, mask| ask(command).is_some_and(|value| value & mask != 0);
    let is_on = |offload: &Offload| match offload {
        Offload::Gro => on(GRO, u32::MAX),
        Offload::Lro => on(FLAGS, FLAG_LRO),
        Offload::Gso => on(GSO, u32::MAX),
        Offload::Tso => on(TSO, u32::MAX),
        Offload::TxChecksum => on(TX_CHECKSUM, u32::MAX),
        Offload::RxVlan => on(FLAGS, FLAG_RX_VLAN),
        Offload::TxVlan => on(FLAGS, FLAG_TX_VLAN),
    };
    Offload::ALL.into_iter().filter(is_on).collect()
}

/// Whether this is the loopback interface.
pub fn is_loopback(name: &str) -> bool {
    interfaces().any(|interface| interface.name == name && interface.is_loopback())
}

/// The number of the loopback interface in this network namespace.
pub fn loopback_index() -> Option<u32> {
    interfaces().find(NetworkInterface::is_loopback).map(|interface| interface.index)
}

/// Trap: pnet answers an empty list where the system refused.
fn interfaces() -> impl Iterator<Item = NetworkInterface> {
    pnet::datalink::interfaces().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_packets_of_a_line_whatever_the_name() {
        let line = "  eth0.7: 1234 56 0 0 0 0 0 9 789 10 1 2 3 4 5 6";
        assert_eq!(passed_line(line), Some(("eth0.7".into(), Passed { received: 56, sent: 10 })));
        assert_eq!(passed_line("a:b:1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0").unwrap().0, "a:b");
        assert_eq!(passed_line(" face |bytes    packets errs|bytes packets"), None);
        assert_eq!(passed_line("eth0: 1 2 3"), None);
    }

    #[test]
    fn takes_offloads_from_the_answers_and_a_refusal_as_none() {
        let answers = |command| match command {
            0x2b => Some(1),
            0x25 => Some(1 << 8),
            0x23 => Some(0),
            _ => None,
        };
        assert_eq!(offloads(answers), [Offload::Gro, Offload::RxVlan]);
        assert!(offloads(|_| None).is_empty());
    }

    #[test]
    fn knows_the_loopback_interface_of_this_machine() {
        let all = links().unwrap();
        let Some(lo) = all.iter().find(|link| link.loopback) else { return crate::support::skip("no loopback here") };
        assert_eq!((lo.link, Some(lo.index)), (Some(LinkType::ETHERNET), loopback_index()));
        assert!(is_loopback(&lo.name) && passed().unwrap().contains_key(&lo.name));
    }
}
