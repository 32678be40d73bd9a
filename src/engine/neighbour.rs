//! Link addresses of neighbours: asking for one, answering for an address of ours, finding out whether one is free. ARP
//! (RFC 826, RFC 5227), neighbour discovery and duplicate address detection (RFC 4861 §7.2, RFC 4862 §5.4). Frames in
//! and out; who sends them and waits is elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wire::build::{Error, Recipe};
use crate::wire::{Field, Packet, Protocol, Value};

/// A link address.
pub type Mac = [u8; 6];

/// Asks who has `address`. `source`: the address of ours that the answer goes to; without one it is a probe, which
/// leaves no trace in the tables of those who hear it.
pub fn question(own: Mac, source: Option<IpAddr>, address: IpAddr) -> Result<Vec<u8>, Error> {
    let hardware = text(own);
    let mut recipe = match address {
        IpAddr::V4(_) => {
            let source = source.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
            let mut recipe = Recipe::new(&[Protocol::Ethernet, Protocol::Arp])?;
            recipe.fill("eth.dst", "ff:ff:ff:ff:ff:ff")?;
            recipe.fill("arp.src.hw_mac", &hardware)?;
            recipe.fill("arp.src.proto_ipv4", &source.to_string())?;
            recipe.fill("arp.dst.proto_ipv4", &address.to_string())?;
            recipe
        }
        IpAddr::V6(six) => {
            let mut recipe = Recipe::new(&[Protocol::Ethernet, Protocol::Ipv6, Protocol::Icmpv6, Protocol::Ndp])?;
            let [.., a, b, c] = six.octets();
            // The solicited-node group of the address (RFC 4291 §2.7.1).
            let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from_be_bytes([b, c]));
            recipe.fill("eth.dst", &format!("33:33:ff:{a:02x}:{b:02x}:{c:02x}"))?;
            recipe.fill("ipv6.src", &source.unwrap_or(Ipv6Addr::UNSPECIFIED.into()).to_string())?;
            recipe.fill("ipv6.dst", &group.to_string())?;
            recipe.fill("ipv6.hlim", "255")?;
            recipe.fill("icmpv6.nd.ns.target_address", &six.to_string())?;
            if source.is_some() {
                // Source link-layer address (RFC 4861 §4.6.1); a probe must not have one (§4.3).
                recipe.payload([&[1, 1][..], &own].concat());
            }
            recipe
        }
    };
    recipe.fill("eth.src", &hardware)?;
    Ok(recipe.build()?.bytes)
}

/// The link address in an answer that is about `address`.
pub fn answer(packet: &Packet<'_>, address: IpAddr) -> Option<Mac> {
    let (about, at) = match address {
        IpAddr::V4(four) => {
            let reply = read(packet, Protocol::Arp, "arp.opcode")? == Value::Uint(2);
            let about = read(packet, Protocol::Arp, "arp.src.proto_ipv4")? == Value::Ipv4(four.octets());
            (reply && about, read(packet, Protocol::Arp, "arp.src.hw_mac")?)
        }
        IpAddr::V6(six) => {
            let target = read(packet, Protocol::Ndp, "icmpv6.nd.na.target_address")?;
            // A solicited answer may leave out the option: then the frame says it (RFC 4861 §4.4).
            let option = read(packet, Protocol::Ndp, "icmpv6.opt.linkaddr");
            let at = option.or_else(|| read(packet, Protocol::Ethernet, "eth.src"))?;
            (target == Value::Ipv6(six.octets()), at)
        }
    };
    match at {
        Value::Mac(mac) if about => Some(mac),
        _ => None,
    }
}

/// Who else uses `address` or is about to: the link address of another than `own` that answers for it, says anything
/// from it, or probes for it at the same time (RFC 5227 §2.1.1, RFC 4862 §5.4.3).
pub fn claim(packet: &Packet<'_>, own: Mac, address: IpAddr) -> Option<Mac> {
    let claims = match address {
        IpAddr::V4(four) => {
            let sender = read(packet, Protocol::Arp, "arp.src.proto_ipv4")?;
            let target = read(packet, Protocol::Arp, "arp.dst.proto_ipv4")?;
            let probes = sender == Value::Ipv4([0; 4]) && target == Value::Ipv4(four.octets());
            match read(packet, Protocol::Arp, "arp.src.hw_mac")? {
                Value::Mac(mac) if probes || sender == Value::Ipv4(four.octets()) => Some(mac),
                _ => None,
            }
        }
        IpAddr::V6(six) => {
            let target = read(packet, Protocol::Ndp, "icmpv6.nd.ns.target_address");
            let probes = target == Some(Value::Ipv6(six.octets()))
                && read(packet, Protocol::Ipv6, "ipv6.src")? == Value::Ipv6([0; 16]);
            match read(packet, Protocol::Ethernet, "eth.src") {
                Some(Value::Mac(mac)) if probes => Some(mac),
                _ => answer(packet, address),
            }
        }
    };
    claims.filter(|mac| *mac != own)
}

/// The answer of `own`, which has `address`, to one who asks for it; `None` where the packet asks nothing of it.
pub fn reply(packet: &Packet<'_>, own: Mac, address: IpAddr) -> Option<Vec<u8>> {
    let hardware = text(own);
    let Value::Mac(asker) = read(packet, Protocol::Ethernet, "eth.src")? else { return None };
    let asker = text(asker);
    let recipe = match address {
        IpAddr::V4(four) => {
            let request = read(packet, Protocol::Arp, "arp.opcode")? == Value::Uint(1);
            let Value::Ipv4(sender) = read(packet, Protocol::Arp, "arp.src.proto_ipv4")? else { return None };
            let wanted = read(packet, Protocol::Arp, "arp.dst.proto_ipv4")? == Value::Ipv4(four.octets());
            if !request || !wanted || sender == four.octets() {
                return None;
            }
            let mut recipe = Recipe::new(&[Protocol::Ethernet, Protocol::Arp]).ok()?;
            recipe.fill("arp.opcode", "2").ok()?;
            recipe.fill("arp.src.hw_mac", &hardware).ok()?;
            recipe.fill("arp.src.proto_ipv4", &four.to_string()).ok()?;
            recipe.fill("arp.dst.hw_mac", &asker).ok()?;
            recipe.fill("arp.dst.proto_ipv4", &Ipv4Addr::from(sender).to_string()).ok()?;
            recipe
        }
        IpAddr::V6(six) => {
            let Value::Ipv6(sender) = read(packet, Protocol::Ipv6, "ipv6.src")? else { return None };
            let target = read(packet, Protocol::Ndp, "icmpv6.nd.ns.target_address")?;
            // A router on the way would have taken one (RFC 4861 §7.1.1).
            let near = read(packet, Protocol::Ipv6, "ipv6.hlim")? == Value::Uint(255);
            if target != Value::Ipv6(six.octets()) || !near || sender == [0; 16] {
                return None;
            }
            let mut recipe = Recipe::new(&[Protocol::Ethernet, Protocol::Ipv6]).ok()?;
            // Advertisement, solicited and override, the target, its link address (RFC 4861 §4.4, §4.6.1).
            recipe.push_header(Protocol::Icmpv6, &[136, 0, 0, 0]);
            recipe.push_header(Protocol::Ndp, &[&[0x60, 0, 0, 0][..], &six.octets()].concat());
            recipe.fill("ipv6.src", &six.to_string()).ok()?;
            recipe.fill("ipv6.dst", &Ipv6Addr::from(sender).to_string()).ok()?;
            recipe.fill("ipv6.hlim", "255").ok()?;
            recipe.payload([&[2, 1][..], &own].concat());
            recipe
        }
    };
    let mut recipe = recipe;
    recipe.fill("eth.src", &hardware).ok()?;
    recipe.fill("eth.dst", &asker).ok()?;
    Some(recipe.build().ok()?.bytes)
}

/// As people write it.
pub fn text(mac: Mac) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// A field of the packet's first layer of a protocol.
fn read<'a>(packet: &'a Packet<'a>, protocol: Protocol, name: &str) -> Option<Value<'a>> {
    let named = |field: &&Field| field.name == name;
    let field = protocol.fields().iter().find(named)?;
    packet.find(protocol).and_then(|at| field.first(&at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, LinkType};
    use crate::wire::{Layers, decode};

    const A: Mac = [2, 0, 0, 0, 0, 0xa];
    const B: Mac = [2, 0, 0, 0, 0, 0xb];

    fn decoded<T>(bytes: &[u8], use_it: impl FnOnce(&Packet<'_>) -> T) -> T {
        let frame = Frame { link: LinkType::ETHERNET, data: bytes, length: bytes.len() as u32, ..Frame::empty() };
        use_it(&decode(frame, &mut Layers::new()))
    }

    fn both() -> [(IpAddr, IpAddr); 2] {
        [["10.0.5.1", "10.0.5.2"], ["fd00:5::1", "fd00:5::2"]].map(|[a, b]| (a.parse().unwrap(), b.parse().unwrap()))
    }

    #[test]
    fn who_is_asked_for_answers_and_nobody_else() {
        for (a, b) in both() {
            let asked = question(A, Some(a), b).unwrap();
            assert_eq!(decoded(&asked, |packet| reply(packet, B, a)), None, "not for this address");
            let answered = decoded(&asked, |packet| reply(packet, B, b)).unwrap();
            assert_eq!(decoded(&answered, |packet| answer(packet, b)), Some(B));
            assert_eq!(decoded(&answered, |packet| answer(packet, a)), None);
            assert_eq!(decoded(&asked, |packet| answer(packet, b)), None, "a question is no answer");
        }
    }

    #[test]
    fn an_address_is_claimed_by_who_answers_or_probes_for_it() {
        for (a, b) in both() {
            let probe = question(A, None, b).unwrap();
            assert_eq!(decoded(&probe, |packet| claim(packet, B, b)), Some(A), "another probes for it");
            assert_eq!(decoded(&probe, |packet| claim(packet, A, b)), None, "our own probe");
            let asked = question(A, Some(a), b).unwrap();
            let answered = decoded(&asked, |packet| reply(packet, B, b)).unwrap();
            assert_eq!(decoded(&answered, |packet| claim(packet, A, b)), Some(B));
            assert_eq!(decoded(&asked, |packet| claim(packet, B, b)), None, "asking for it is no claim");
        }
    }

    #[test]
    fn every_cut_of_a_question_and_an_answer_is_borne() {
        for (a, b) in both() {
            let asked = question(A, Some(a), b).unwrap();
            let answered = decoded(&asked, |packet| reply(packet, B, b)).unwrap();
            for frame in [asked, answered] {
                for length in 0..frame.len() {
                    let cut = &frame[..length];
                    decoded(cut, |packet| (reply(packet, B, b), answer(packet, b), claim(packet, A, b)));
                }
            }
        }
    }
}
