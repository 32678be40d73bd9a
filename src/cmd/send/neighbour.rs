//! Asking a neighbour for its link address: ARP (RFC 826), neighbour solicitation (RFC 4861 §4.3).

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::way::Way;
use crate::frame::{Frame, LinkType};
use crate::io::link::channel::Channel;
use crate::wire::build::Recipe;
use crate::wire::{Field, Layers, Packet, Protocol, Value, decode};

/// How often it is asked, and how long each answer may take.
const ATTEMPTS: u32 = 3;
const PATIENCE: Duration = Duration::from_millis(500);

/// The link address of `address`, from its own answer; `None` where there is none.
pub fn ask(channel: &mut Channel, way: &Way, address: IpAddr) -> anyhow::Result<Option<[u8; 6]>> {
    let question = question(way, address)?;
    for _ in 0..ATTEMPTS {
        channel.send(&question).with_context(|| format!("cannot send on {}", way.link.name))?;
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let Some(data) = channel.receive().with_context(|| format!("cannot receive on {}", way.link.name))? else {
                continue;
            };
            let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
            let mut layers = Layers::new();
            let frame = Frame { link: LinkType::ETHERNET, data, length, ..Frame::empty() };
            if let Some(found) = answer(&decode(frame, &mut layers), address) {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}

fn question(way: &Way, address: IpAddr) -> anyhow::Result<Vec<u8>> {
    let own = way.own_hardware();
    let source = way.source.with_context(|| format!("{} has no address of this family", way.link.name))?.to_string();
    let recipe = match address {
        IpAddr::V4(_) => {
            let mut recipe = Recipe::new(&[Protocol::Ethernet, Protocol::Arp])?;
            recipe.fill("eth.dst", "ff:ff:ff:ff:ff:ff")?;
            recipe.fill("arp.src.hw_mac", &own)?;
            recipe.fill("arp.src.proto_ipv4", &source)?;
            recipe.fill("arp.dst.proto_ipv4", &address.to_string())?;
            recipe
        }
        IpAddr::V6(six) => {
            let mut recipe = Recipe::new(&[Protocol::Ethernet, Protocol::Ipv6, Protocol::Icmpv6, Protocol::Ndp])?;
            let [.., a, b, c] = six.octets();
            // The solicited-node group of the address (RFC 4291 §2.7.1).
            let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from_be_bytes([b, c]));
            recipe.fill("eth.dst", &format!("33:33:ff:{a:02x}:{b:02x}:{c:02x}"))?;
            recipe.fill("ipv6.src", &source)?;
            recipe.fill("ipv6.dst", &group.to_string())?;
            recipe.fill("ipv6.hlim", "255")?;
            recipe.fill("icmpv6.nd.ns.target_address", &six.to_string())?;
            // Source link-layer address (RFC 4861 §4.6.1).
            let own: Vec<u8> = own.split(':').filter_map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
            recipe.payload([&[1, 1][..], &own].concat());
            recipe
        }
    };
    let mut recipe = recipe;
    recipe.fill("eth.src", &own)?;
    Ok(recipe.build()?.bytes)
}

/// The link address in an answer that is about `address`.
fn answer(packet: &Packet<'_>, address: IpAddr) -> Option<[u8; 6]> {
    let read = |protocol: Protocol, name: &str| {
        let named = |field: &&Field| field.name == name;
        protocol.fields().iter().find(named)?.first(&packet.find(protocol)?)
    };
    let (about, at) = match address {
        IpAddr::V4(four) => {
            let reply = read(Protocol::Arp, "arp.opcode")? == Value::Uint(2);
            let about = read(Protocol::Arp, "arp.src.proto_ipv4")? == Value::Ipv4(four.octets());
            (reply && about, read(Protocol::Arp, "arp.src.hw_mac")?)
        }
        IpAddr::V6(six) => {
            let about = read(Protocol::Ndp, "icmpv6.nd.na.target_address")? == Value::Ipv6(six.octets());
            // A solicited answer may leave out the option: then the frame says it (RFC 4861 §4.4).
            let option = read(Protocol::Ndp, "icmpv6.opt.linkaddr");
            (about, option.or_else(|| read(Protocol::Ethernet, "eth.src"))?)
        }
    };
    match at {
        Value::Mac(mac) if about => Some(mac),
        _ => None,
    }
}
