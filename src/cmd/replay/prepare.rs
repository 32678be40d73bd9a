//! From a captured frame to the one that goes out: mapped, in the form that the interface takes, or refused and why.

use std::collections::HashMap;
use std::net::IpAddr;

use anyhow::{Context, bail};

use super::Args;
use super::map::Station;
use crate::cmd::consent::{self, Harm};
use crate::cmd::send::neighbour;
use crate::frame::{Counts, Error, Frame, Interface, LinkType, Source, Timestamp};
use crate::io::link::{self, Link, channel::Channel};
use crate::io::route;
use crate::wire::rewrite::{self, Mac, Rewrite};
use crate::wire::{Address, Layers, Packet, Protocol, decode};

/// Why a frame is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Longer than the interface takes.
    TooLong,
    /// The capture did not keep all of its bytes.
    Cut,
    /// No Ethernet header can be made for it.
    NoHeader(LinkType),
    /// The interface takes IP packets only.
    NotIp,
    /// Nobody has told which station has this address.
    NoNeighbour(Address),
    /// The kernel would not.
    Kernel(i32),
}

/// The interface that frames go out on.
pub struct Exit {
    pub link: Link,
    /// It takes IP packets, and the kernel adds what a link needs.
    pub layer_3: bool,
    links: Vec<Link>,
    own: Mac,
    asked: HashMap<Address, Option<Mac>>,
    /// Whom nobody answered for; after some of them nobody is asked any more.
    silent: u32,
    channel: Option<Channel>,
    /// Neighbours may be asked.
    asks: bool,
}

/// Silent neighbours, each of which costs more than a second.
const MOST_SILENT: u32 = 8;

impl Exit {
    /// `asks`: neighbours whose link address the kernel does not know are asked for it.
    pub fn find(name: &str, asks: bool) -> anyhow::Result<Self> {
        let links = link::links()?;
        let link = links.iter().find(|link| link.name == name);
        let link =
            link.with_context(|| format!("there is no interface {name}; `netlab interfaces` lists them"))?.clone();
        if !link.up {
            bail!("{name} is switched off");
        }
        let layer_3 = link.loopback || link.link != Some(LinkType::ETHERNET);
        let own = link.hardware.as_deref().and_then(|text| super::map::mac(text).ok()).unwrap_or([0; 6]);
        Ok(Self { link, layer_3, links, own, asked: HashMap::new(), silent: 0, channel: None, asks })
    }

    /// The link address of a station with this address, or of the router on the way to it.
    pub fn station(&mut self, address: Address) -> anyhow::Result<Option<Mac>> {
        if let Some(group) = rewrite::group_address(address) {
            return Ok(Some(group));
        }
        if let Some(known) = self.asked.get(&address) {
            return Ok(*known);
        }
        let found = self.seek(ip(address))?;
        // As many hosts as a capture has; beyond that they are sought each time.
        if self.asked.len() < 1 << 16 {
            self.asked.insert(address, found);
        }
        Ok(found)
    }

    fn seek(&mut self, address: IpAddr) -> anyhow::Result<Option<Mac>> {
        let own = |link: &Link| link.addresses.iter().any(|(own, _)| *own == address);
        if self.links.iter().any(own) {
            return Ok(Some(self.own));
        }
        if consent::is_broadcast(address, &self.links) {
            return Ok(Some([0xff; 6]));
        }
        let way = route::to(address, self.link.index).ok().filter(|way| way.interface == self.link.index);
        let Some(way) = way else { return Ok(None) };
        let next = way.gateway.unwrap_or(address);
        let known = route::neighbour(self.link.index, next)?.and_then(|neighbour| neighbour.usable());
        if known.is_some() || !self.asks || self.silent >= MOST_SILENT {
            return Ok(known);
        }
        // Without an address of our own nobody can be asked.
        let Some(source) = way.source else { return Ok(None) };
        let channel = match self.channel.as_mut() {
            Some(channel) => channel,
            None => self.channel.insert(Channel::open(&self.link.name)?),
        };
        let found = neighbour::ask(channel, &self.link.name, self.own, source, next)?;
        self.silent += u32::from(found.is_none());
        Ok(found)
    }

    /// What sending to this address would do to others.
    fn harm(&self, address: IpAddr) -> Option<Harm> {
        if consent::is_broadcast(address, &self.links) {
            return Some(Harm::Broadcast(address));
        }
        let inside = |(own, prefix): &(IpAddr, u8)| same_network(*own, address, *prefix);
        let near = match address {
            IpAddr::V4(four) => four.is_unspecified(),
            IpAddr::V6(six) => six.is_unicast_link_local() || six.is_unspecified(),
        };
        if near || address.is_multicast() || self.link.addresses.iter().any(inside) {
            return None;
        }
        // Asked for one interface, the kernel takes what it has no route to for a neighbour.
        match route::to(address, 0) {
            Ok(way) if way.local || way.interface == self.link.index && way.gateway.is_none() => None,
            way => Some(Harm::Far { to: address, gateway: way.ok().and_then(|way| way.gateway) }),
        }
    }
}

pub fn ip(address: Address) -> IpAddr {
    match address {
        Address::V4(four) => four.into(),
        Address::V6(six) => six.into(),
    }
}

/// Whether two addresses have the same first bits.
fn same_network(one: IpAddr, other: IpAddr, prefix: u8) -> bool {
    let differ = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (u32::from(one) ^ u32::from(other)).leading_zeros(),
        (IpAddr::V6(one), IpAddr::V6(other)) => (u128::from(one) ^ u128::from(other)).leading_zeros(),
        _ => return false,
    };
    differ >= prefix.into()
}

/// What a frame comes from: whom it is for.
struct Target {
    address: Option<Address>,
}

/// A capture whose frames come out as they are to be sent; those that cannot be are counted.
pub struct Prepared<'e> {
    inner: Box<dyn Source>,
    rewrite: Rewrite,
    exit: Option<&'e mut Exit>,
    number: u64,
    left: u64,
    out: Vec<u8>,
    link: LinkType,
    /// Why frames were refused: how many, and the numbers of the first.
    pub refused: Vec<(Refusal, u64, Vec<u64>)>,
    /// The first that would harm others.
    pub harm: Option<Harm>,
    /// Packets whose checksum was never filled in.
    pub unfinished: u64,
}

/// Numbers of refused packets that are told.
const MOST_NUMBERS: usize = 5;
/// Kinds of refusals.
const MOST_REFUSALS: usize = 32;

impl<'e> Prepared<'e> {
    pub fn new(inner: Box<dyn Source>, rewrite: Rewrite, exit: Option<&'e mut Exit>, most: u64) -> Self {
        let (out, refused) = (Vec::new(), Vec::new());
        let link = LinkType::ETHERNET;
        Self { inner, rewrite, exit, number: 0, left: most, out, link, refused, harm: None, unfinished: 0 }
    }

    fn refuse(&mut self, why: Refusal) {
        let full = self.refused.len() >= MOST_REFUSALS;
        match self.refused.iter_mut().find(|(known, ..)| *known == why) {
            Some((_, count, numbers)) => {
                *count += 1;
                if numbers.len() < MOST_NUMBERS {
                    numbers.push(self.number);
                }
            }
            None if !full => self.refused.push((why, 1, vec![self.number])),
            None => {
                if let Some((_, count, _)) = self.refused.last_mut() {
                    *count += 1;
                }
            }
        }
    }

    /// Puts the frame in its new form into `out`.
    fn prepare(&mut self) -> anyhow::Result<Result<(), Refusal>> {
        let frame = self.inner.frame();
        if frame.length as usize > frame.data.len() {
            return Ok(Err(Refusal::Cut));
        }
        let mut layers = Layers::new();
        let packet = decode(frame, &mut layers);
        self.unfinished += u64::from(is_unfinished(&packet));
        self.link = frame.link;
        let target = Target::of(&packet, &self.rewrite);
        let Some(exit) = self.exit.as_deref_mut() else {
            self.rewrite.apply(&packet, &mut self.out);
            return Ok(Ok(()));
        };
        if exit.layer_3 {
            self.link = LinkType::RAW;
            let Some((start, end)) = rewrite::link::ip(&packet) else { return Ok(Err(Refusal::NotIp)) };
            // Tags of a link that is left away would move the packet.
            let untagged = Rewrite { tag: None, ..self.rewrite.clone() };
            untagged.apply(&packet, &mut self.out);
            self.out.truncate(end);
            self.out.drain(..start.min(self.out.len()));
        } else if frame.link == LinkType::ETHERNET {
            self.rewrite.apply(&packet, &mut self.out);
        } else {
            self.link = LinkType::ETHERNET;
            let Some(address) = target.address.filter(|_| rewrite::link::content(&packet).is_some()) else {
                return Ok(Err(Refusal::NoHeader(frame.link)));
            };
            let group = rewrite::group_address(address);
            let station = match group.or(self.rewrite.destination) {
                Some(station) => Some(station),
                None => exit.station(address)?,
            };
            // What nobody asked for yet is asked for when it is sent.
            let station = if exit.asks { station } else { station.or(Some([0; 6])) };
            let Some(station) = station else { return Ok(Err(Refusal::NoNeighbour(address))) };
            self.rewrite.frame(&packet, station, exit.own, &mut self.out);
        }
        if exit.link.mtu.is_some_and(|mtu| content_length(&self.out, exit.layer_3) > mtu as usize) {
            return Ok(Err(Refusal::TooLong));
        }
        if self.harm.is_none() {
            let broadcast = !exit.layer_3 && self.out.starts_with(&[0xff; 6]);
            self.harm = match target.address {
                Some(address) => exit.harm(ip(address)),
                None => None,
            };
            // Who asks by ARP asks all, and that is what it is for.
            if self.harm.is_none() && broadcast && packet.find(Protocol::Arp).is_none() {
                self.harm = Some(Harm::BroadcastFrame(self.number));
            }
        }
        Ok(Ok(()))
    }
}

impl Target {
    /// The destination of the outermost IP header, as it will be.
    fn of(packet: &Packet<'_>, rewrite: &Rewrite) -> Self {
        let is_ip = |protocol| matches!(protocol, Protocol::Ipv4 | Protocol::Ipv6);
        let ip = packet.layers.iter().position(|layer| is_ip(layer.protocol));
        let address = ip.and_then(|index| packet.addresses(index + 1)).map(|(_, to)| rewrite.address(to));
        // An ARP packet is for the station that is asked, whose link address may be asked for by all.
        Self { address }
    }
}

fn is_unfinished(packet: &Packet<'_>) -> bool {
    use crate::wire::checksum::{Verdict, tcp, udp};
    packet.each().filter(|at| !at.layer.quoted).any(|at| {
        let check = match at.layer.protocol {
            Protocol::Tcp => tcp(&at),
            Protocol::Udp => udp(&at),
            _ => None,
        };
        check.is_some_and(|check| check.verdict() == Verdict::NotFilledIn)
    })
}

/// Bytes that the MTU is about: what lies behind the link's header and one tag.
fn content_length(frame: &[u8], layer_3: bool) -> usize {
    const TAGGED: [u8; 2] = [0x81, 0x00];
    let header = match frame.get(12..14) {
        _ if layer_3 => 0,
        Some(kind) if kind == TAGGED => 18,
        _ => 14,
    };
    frame.len().saturating_sub(header)
}

impl Source for Prepared<'_> {
    fn advance(&mut self) -> Result<Option<Timestamp>, Error> {
        while self.left > 0 {
            let Some(time) = self.inner.advance()? else { break };
            self.number += 1;
            match self.prepare() {
                Ok(Ok(())) => {
                    self.left -= 1;
                    return Ok(Some(time));
                }
                Ok(Err(why)) => self.refuse(why),
                Err(error) => {
                    let source = std::io::Error::other(format!("{error:#}"));
                    return Err(Error::System {
                        operation: "prepare",
                        target: "a packet".to_owned(),
                        source,
                        remedy: None,
                    });
                }
            }
        }
        self.left = 0;
        Ok(None)
    }

    fn frame(&self) -> Frame<'_> {
        let length = u32::try_from(self.out.len()).unwrap_or(u32::MAX);
        Frame { link: self.link, data: &self.out, length, ..self.inner.frame() }
    }

    fn interfaces(&self) -> &[Interface] {
        self.inner.interfaces()
    }

    fn ready(&self) -> bool {
        self.inner.ready()
    }

    fn counts(&self) -> Counts {
        self.inner.counts()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.inner.progress()
    }
}

/// The rewriting that the command line describes; a neighbour that it names is asked for.
pub fn rewriting(args: &Args, exit: Option<&mut Exit>) -> anyhow::Result<Rewrite> {
    let mut rewrite = Rewrite { tag: args.changes.vlan, fill_in: args.changes.fill_checksums, ..Rewrite::default() };
    for map in &args.changes.map {
        map.add_to(&mut rewrite);
    }
    rewrite.destination = match args.changes.dst_mac {
        None => None,
        Some(Station::Mac(mac)) => Some(mac),
        Some(Station::Neighbour(address)) => {
            let exit = exit.context("--dst-mac with an address asks on an interface: name it with -i")?;
            let known = exit.seek(address)?;
            match known {
                None if !exit.asks => {
                    eprintln!(
                        "netlab: the MAC of {address} is not known yet: it is asked for when the packets are sent"
                    );
                    Some([0; 6])
                }
                None => bail!("nobody on {} answers for {address}", exit.link.name),
                known => known,
            }
        }
    };
    Ok(rewrite)
}
