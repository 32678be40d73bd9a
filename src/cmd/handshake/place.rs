//! Where the conversation takes place: the interface, an address that no kernel owns, the link address of the next hop.
//!
//! On a LAN the address is one that nobody answers for. To a listener of this machine a cable is laid into an empty
//! network, as on loopback every address is the kernel's.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anyhow::{Context, bail};

use super::Args;
use crate::cmd::args::talk;
use crate::cmd::send::neighbour::{ask, heard};
use crate::cmd::send::way::{Needs, Way};
use crate::engine::neighbour::{self, Mac};
use crate::io::link::channel::Channel;
use crate::io::netns::{Error, cable};
use crate::io::route;

/// Addresses that are tried before one must be named.
const CANDIDATES: u32 = 8;
/// Probes for an address, and the wait after each. RFC 5227 §2.1.1 wants several seconds of who takes it for good; this is
/// for seconds, and who claims it later is heard.
const PROBES: u32 = 3;
const PATIENCE: Duration = Duration::from_millis(100);

/// Where, before anything is opened.
pub struct Place {
    pub to: IpAddr,
    /// How it is reached; `None`: it is this machine, over a cable.
    way: Option<Way>,
    /// Our link address.
    pub own: Mac,
    /// Our address is one of these, the first that is free.
    candidates: Vec<IpAddr>,
    /// It was named, and not chosen by us.
    named: bool,
}

/// What was opened, and what was found out with it.
pub enum Opened {
    Ready {
        channel: Channel,
        source: IpAddr,
        hop: Mac,
    },
    /// Nobody on this interface has the address of the next hop.
    Silent {
        name: String,
        address: IpAddr,
    },
}

impl Place {
    pub fn find(args: &Args, to: IpAddr, zone: Option<&str>) -> anyhow::Result<Self> {
        if to.is_multicast() || to.is_unspecified() {
            bail!("{to} is no address of one host");
        }
        let way = Way::find(to, Needs::default(), args.interface.as_deref().or(zone))?;
        if way.broadcast {
            bail!("{to} is a broadcast address: TCP is between two hosts");
        }
        if way.link.loopback {
            return Self::here(args, to);
        }
        if way.layer_3 {
            bail!(
                "{} takes no frames made by hand: the address of a host that the kernel does not own needs Ethernet",
                way.link.name
            );
        }
        let own = link_address(&way);
        let candidates = match args.source {
            Some(source) => vec![source],
            None => candidates(&way, args.private, own)?,
        };
        Ok(Self { to, way: Some(way), own, candidates, named: args.source.is_some() })
    }

    /// A listener of this machine.
    fn here(args: &Args, to: IpAddr) -> anyhow::Result<Self> {
        match to {
            IpAddr::V6(six) if six.is_loopback() => bail!(
                "::1 cannot be reached by hand: a packet to it is taken from the loopback interface only (RFC 4291 §2.5.3), \
                 where every address is the kernel's own\nname another address of this machine; `netlab interfaces` lists them"
            ),
            IpAddr::V6(six) if six.is_unicast_link_local() => {
                bail!("{to} is this machine's on one link only; name another address; `netlab interfaces` lists them")
            }
            _ => {}
        }
        // 198.18.0.0/15 is for measurements (RFC 2544), so hardly anybody's network; fd6e:6574:6c61:62 says netlab.
        let candidates: Vec<IpAddr> = match (args.source, to) {
            (Some(source), _) => vec![source],
            (None, IpAddr::V4(_)) => (1..=50).map(|n| Ipv4Addr::new(198, 18, n, 2).into()).collect(),
            (None, IpAddr::V6(_)) => {
                (1..=50).map(|n| Ipv6Addr::new(0xfd6e, 0x6574, 0x6c61, 0x62, 0, 0, n, 2).into()).collect()
            }
        };
        // One that is on a link of this machine, or on another such cable, is somebody's.
        let free = |address: &IpAddr| !route::to(*address, 0).is_ok_and(|way| way.gateway.is_none());
        let found = if args.source.is_some() { candidates.first() } else { candidates.iter().find(|one| free(one)) };
        let source = *found.context("no address is free for the far end of a cable: name one with --source")?;
        let named = args.source.is_some();
        Ok(Self { to, way: None, own: cable::HARDWARE[1], candidates: vec![source], named })
    }

    /// The address that is tried first.
    pub fn source(&self) -> anyhow::Result<IpAddr> {
        let first = self.candidates.first().copied();
        let first = first.filter(|source| source.is_ipv4() == self.to.is_ipv4());
        first.with_context(|| format!("--source is of another family than {}", self.to))
    }

    /// The link address of the next hop, as far as the kernel knows it.
    pub fn known_hop(&self) -> anyhow::Result<Option<Mac>> {
        let Some(mut way) = self.way.clone() else { return Ok(Some(cable::HARDWARE[0])) };
        way.known_next_hop()?;
        Ok(way.next_hop)
    }

    /// The most data in a segment: what the link's MTU leaves (RFC 9293 §3.7.1).
    pub fn size(&self) -> u16 {
        let mtu = self.way.as_ref().and_then(|way| way.link.mtu).unwrap_or(1500);
        let headers = if self.to.is_ipv4() { 40 } else { 60 };
        u16::try_from(mtu.min(9000).saturating_sub(headers)).unwrap_or(1460).max(1)
    }

    /// The way in words.
    pub fn name(&self) -> String {
        let over = |way: &Way| format!("out on {}, if nobody has the address", way.link.name);
        self.way.as_ref().map_or_else(|| "over a cable laid for it to this machine".to_owned(), over)
    }

    /// Opens the interface, finds an address that is free, and the next hop.
    pub fn open(self) -> anyhow::Result<Opened> {
        let first = self.source()?;
        let Some(way) = &self.way else { return laid(self.to, first) };
        let name = way.link.name.clone();
        let forwards = self.own != way.own();
        let mut channel = Channel::open_wide(&name, forwards)?;
        let mut chosen = None;
        for candidate in &self.candidates {
            match claimed(&mut channel, &name, self.own, *candidate)? {
                None => {
                    chosen = Some(*candidate);
                    break;
                }
                Some(mac) if self.named => {
                    bail!("{candidate} is not free: {} has it on {name}", neighbour::text(mac))
                }
                Some(_) => {}
            }
        }
        let source = chosen.with_context(|| {
            format!("no free address found on {name} ({CANDIDATES} were tried): name one with --source")
        })?;
        if !self.named {
            talk(&format!("netlab: sends from {source}, which nobody on {name} has (--source names another)"));
        }
        let address = way.next();
        Ok(match ask(&mut channel, &name, self.own, source, address)? {
            Some(hop) => Opened::Ready { channel, source, hop },
            None => Opened::Silent { name, address },
        })
    }
}

/// Who has an address, or is about to take it.
fn claimed(channel: &mut Channel, name: &str, own: Mac, address: IpAddr) -> anyhow::Result<Option<Mac>> {
    let probe = neighbour::question(own, None, address)?;
    for _ in 0..PROBES {
        channel.send(&probe).with_context(|| format!("cannot send on {name}"))?;
        let claim = heard(channel, name, PATIENCE, |packet| neighbour::claim(packet, own, address))?;
        if claim.is_some() {
            return Ok(claim);
        }
    }
    Ok(None)
}

/// Over a cable to this machine.
fn laid(to: IpAddr, source: IpAddr) -> anyhow::Result<Opened> {
    let near = match cable::lay(source, to.is_loopback()) {
        Ok(near) => near,
        Err(Error::Failed { operation, source }) if source.kind() == std::io::ErrorKind::PermissionDenied => bail!(
            "cannot {operation}: {source}\na listener of this machine is reached over a cable into a network of its own, which \
             only root may lay: use sudo\n--private talks with a peer in a private network instead, and --dry-run sends \
             nothing: both without root"
        ),
        Err(error) => return Err(error).context("cannot reach this machine over a cable"),
    };
    talk(&format!("netlab: sends from {source}, over a cable to this machine ({near}) that is gone when this ends"));
    let channel = Channel::open_wide(cable::FAR, false)?;
    Ok(Opened::Ready { channel, source, hop: cable::HARDWARE[0] })
}

/// The interface's own link address: the kernel drops what comes for an address that is not its own. A kernel that
/// forwards would send it on, so there the host has a link address of its own, as far as the link lets it (Wi-Fi does not).
fn link_address(way: &Way) -> Mac {
    let name = &way.link.name;
    let family = if way.to.is_ipv4() { "ipv4" } else { "ipv6" };
    let setting = std::fs::read_to_string(format!("/proc/sys/net/{family}/conf/{name}/forwarding"));
    let forwards = setting.is_ok_and(|setting| setting.trim() == "1");
    let wireless = std::fs::read_to_string("/proc/net/wireless").unwrap_or_default();
    let wireless = wireless.lines().any(|line| line.trim_start().starts_with(&format!("{name}:")));
    let own = way.own();
    if !forwards || wireless {
        return own;
    }
    let [.., a, b, c] = own;
    // Locally administered, and beside our own.
    [0x02, b'n', b'l', a ^ 0x80, b, c]
}

/// Addresses of the network that the next hop is in, in an order that is this interface's own (as RFC 3927 §2.1).
fn candidates(way: &Way, private: bool, own: Mac) -> anyhow::Result<Vec<IpAddr>> {
    let (next, name) = (way.next(), &way.link.name);
    let inside = |(address, prefix): &&(IpAddr, u8)| same_network(*address, next, *prefix);
    let network = way.link.addresses.iter().find(inside);
    let (address, prefix) =
        *network.with_context(|| format!("{name} has no network with {next} in it: name an address with --source"))?;
    let mut found: Vec<IpAddr> = Vec::new();
    if private {
        found.push(if next.is_ipv4() {
            Ipv4Addr::new(10, 0, 5, 100).into()
        } else {
            Ipv6Addr::new(0xfd00, 5, 0, 0, 0, 0, 0, 0x100).into()
        });
    }
    let mut number = own
        .iter()
        .fold(0x9e37_79b9_7f4a_7c15_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    if next.is_ipv6() {
        // One that nobody has seen before: who remembers an old one would think it was a duplicate.
        number ^= RandomState::new().hash_one(std::process::id());
    }
    for _ in 0..CANDIDATES * 4 {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let Some(candidate) = in_network(address, prefix, number >> 16) else { continue };
        let taken =
            way.link.addresses.iter().any(|(own, _)| *own == candidate) || candidate == next || candidate == way.to;
        let known =
            route::neighbour(way.link.index, candidate).ok().flatten().is_some_and(|known| known.usable().is_some());
        if !taken && !known && !found.contains(&candidate) && found.len() < CANDIDATES as usize {
            found.push(candidate);
        }
    }
    if found.is_empty() {
        bail!("the network of {name} ({address}/{prefix}) has no room for another host: name an address with --source");
    }
    Ok(found)
}

fn same_network(a: IpAddr, b: IpAddr, prefix: u8) -> bool {
    let beyond = |bits: u32| bits.saturating_sub(prefix.into());
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let rest = |address: Ipv4Addr| u32::from(address).checked_shr(beyond(32)).unwrap_or(0);
            rest(a) == rest(b)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let rest = |address: Ipv6Addr| u128::from(address).checked_shr(beyond(128)).unwrap_or(0);
            rest(a) == rest(b)
        }
        _ => false,
    }
}

/// The host of this number in the network of `address`; `None` where the number is that of no host.
fn in_network(address: IpAddr, prefix: u8, number: u64) -> Option<IpAddr> {
    match address {
        IpAddr::V4(four) => {
            let hosts = u32::MAX.checked_shr(prefix.into()).filter(|hosts| *hosts >= 3)?;
            let host = number as u32 & hosts;
            let real = host != 0 && host != hosts;
            real.then(|| Ipv4Addr::from(u32::from(four) & !hosts | host).into())
        }
        IpAddr::V6(six) => {
            // An interface identifier is of 64 bits (RFC 4291 §2.5.1); one of chance has the universal bit clear.
            let hosts = u128::MAX.checked_shr(prefix.max(64).into()).filter(|hosts| *hosts >= 3)?;
            let host = u128::from(number & !(1 << 57)) & hosts;
            (host != 0).then(|| Ipv6Addr::from(u128::from(six) & !hosts | host).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_candidate_is_a_host_of_the_network() {
        let of = |text: &str, prefix, number| in_network(address(text), prefix, number);
        assert_eq!(of("192.168.1.7", 24, 0x1234), Some(address("192.168.1.52")));
        assert_eq!((of("192.168.1.7", 24, 0x100), of("192.168.1.7", 24, 0x1ff)), (None, None), "network and broadcast");
        assert_eq!((of("10.0.0.1", 31, 1), of("10.0.0.1", 32, 1)), (None, None), "no room");
        assert_eq!(of("10.0.0.1", 30, 2), Some(address("10.0.0.2")));
        assert_eq!(of("fd00::1", 64, 0xabcd), Some(address("fd00::abcd")));
        assert_eq!(
            of("fd00::1", 48, u64::MAX),
            Some(address("fd00::fdff:ffff:ffff:ffff")),
            "the universal bit is clear"
        );
        assert_eq!(of("fd00::1", 127, 1), None);
    }

    #[test]
    fn a_network_is_what_the_prefix_says() {
        let same = |a, b, prefix| same_network(address(a), address(b), prefix);
        assert!(same("10.0.0.1", "10.0.3.9", 22) && !same("10.0.0.1", "10.0.4.1", 22));
        assert!(same("10.0.0.1", "1.2.3.4", 0) && same("fd00::1", "fd00::2", 64) && !same("fd00::1", "fd01::1", 64));
        assert!(!same("10.0.0.1", "fd00::1", 0));
    }
}
