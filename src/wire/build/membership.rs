//! Membership messages made by hand: IGMP (RFC 1112, 2236, 9776) and MLD (RFC 2710, 9777), their layers and the address
//! they are for.
//!
//! All are for their own link: time to live and hop limit are 1, and all but IGMP version 1 have a router alert, so that
//! routers look at what is not sent to them. Of MLD only what comes from a link-local address has an effect, a report
//! also from none (`::`); the address is the caller's to fill in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::{Error, Recipe};
use crate::wire::{Protocol, igmp, mld};

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    Join,
    Leave,
    /// Who is a member, and answers within so long? Of any group, where the group is 0.0.0.0 or `::`.
    Query(Duration),
}

/// All hosts, all routers, the routers that speak version 3.
const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
const ALL_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);
const VERSION_3_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
/// The same of MLD, whose newest version is 2.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_IPV6_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
const VERSION_2_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
/// Router alert (RFC 2113, RFC 2711 §2.1: MLD).
const ROUTER_ALERT: [u8; 4] = [0x94, 4, 0, 0];
const ROUTER_ALERT_IPV6: [u8; 4] = [5, 2, 0, 0];
/// A querier's robustness and its query interval in seconds, the defaults (RFC 9776 §8.1, §8.2).
const ROBUSTNESS: u8 = 2;
const INTERVAL: u8 = 125;

/// How long hosts have for their answer by default: 10 s, of one group 1 s (RFC 9776 §8.3 and §8.8, RFC 9777 §9.3 and
/// §9.8).
pub fn usual_response(group: IpAddr) -> Duration {
    Duration::from_secs(if group.is_unspecified() { 10 } else { 1 })
}

fn refused(why: &'static str) -> Error {
    Error::Message(why)
}

/// An IPv4 packet with an IGMP message of this version (1 to 3); sources: version 3 alone.
pub fn igmp(says: Says, version: u8, group: Ipv4Addr, sources: &[Ipv4Addr]) -> Result<Recipe, Error> {
    if version != 3 && !sources.is_empty() {
        return Err(refused("only version 3 of IGMP names sources"));
    }
    let count = u16::try_from(sources.len()).map_err(|_| refused("a record holds at most 65535 sources"))?;
    let list: Vec<u8> = sources.iter().flat_map(Ipv4Addr::octets).collect();
    let short = |kind: u8, code: u8| [&[kind, code, 0, 0][..], &group.octets()].concat();
    let asked = if group.is_unspecified() { ALL_HOSTS } else { group };
    let (message, to) = match (says, version) {
        (Says::Join, 1) => (short(igmp::REPORT_V1, 0), group),
        (Says::Join, 2) => (short(igmp::REPORT_V2, 0), group),
        (Says::Leave, 1) => return Err(refused("version 1 of IGMP has no leave: a host falls silent")),
        (Says::Leave, 2) => (short(igmp::LEAVE, 0), ALL_ROUTERS),
        (Says::Query(_), 1) if !group.is_unspecified() => {
            return Err(refused("version 1 of IGMP asks for all groups at once, not for one"));
        }
        (Says::Query(_), 1) => (short(igmp::QUERY, 0), ALL_HOSTS),
        (Says::Query(within), _) => {
            let code = tenths(within, version)?;
            let more = [&[ROBUSTNESS, INTERVAL][..], &count.to_be_bytes(), &list].concat();
            (if version == 2 { short(igmp::QUERY, code) } else { [short(igmp::QUERY, code), more].concat() }, asked)
        }
        (Says::Join | Says::Leave, _) => {
            let record = record(says, count, &group.octets(), &list);
            ([&[igmp::REPORT_V3, 0, 0, 0, 0, 0, 0, 1][..], &record].concat(), VERSION_3_ROUTERS)
        }
    };
    let mut recipe = Recipe::new(&[Protocol::Ipv4])?;
    recipe.fill("ip.dst", &to.to_string())?;
    recipe.fill("ip.ttl", "1")?;
    // Internetwork control (RFC 9776 §4).
    recipe.fill("ip.dsfield.dscp", "48")?;
    if version > 1 {
        recipe.options(Protocol::Ipv4, &ROUTER_ALERT)?;
    }
    recipe.push_header(Protocol::Igmp, &message);
    Ok(recipe)
}

/// An IPv6 packet with an MLD message of this version (1 or 2); sources: version 2 alone.
pub fn mld(says: Says, version: u8, group: Ipv6Addr, sources: &[Ipv6Addr]) -> Result<Recipe, Error> {
    if version != 2 && !sources.is_empty() {
        return Err(refused("only version 2 of MLD names sources"));
    }
    let count = u16::try_from(sources.len()).map_err(|_| refused("a record holds at most 65535 sources"))?;
    let list: Vec<u8> = sources.iter().flat_map(Ipv6Addr::octets).collect();
    let short = |code: u16| [&code.to_be_bytes()[..], &[0, 0], &group.octets()].concat();
    let asked = if group.is_unspecified() { ALL_NODES } else { group };
    let (kind, message, to) = match (says, version) {
        (Says::Join, 1) => (mld::REPORT, short(0), group),
        (Says::Leave, 1) => (mld::DONE, short(0), ALL_IPV6_ROUTERS),
        (Says::Query(within), _) => {
            let mut message = short(milliseconds(within, version)?);
            if version == 2 {
                message.extend([ROBUSTNESS, INTERVAL]);
                message.extend(count.to_be_bytes());
                message.extend(&list);
            }
            (mld::QUERY, message, asked)
        }
        (Says::Join | Says::Leave, _) => {
            let record = record(says, count, &group.octets(), &list);
            (mld::REPORT_V2, [&[0, 0, 0, 1][..], &record].concat(), VERSION_2_ROUTERS)
        }
    };
    let mut recipe = Recipe::new(&[Protocol::Ipv6, Protocol::HopByHop])?;
    recipe.fill("ipv6.dst", &to.to_string())?;
    recipe.fill("ipv6.hlim", "1")?;
    recipe.options(Protocol::HopByHop, &ROUTER_ALERT_IPV6)?;
    recipe.push_header(Protocol::Icmpv6, &[kind, 0, 0, 0]);
    recipe.push_header(Protocol::Mld, &message);
    Ok(recipe)
}

/// A record of a report: to exclude nothing is to join any source, to include nothing is to leave; with sources, new ones
/// are allowed or old ones blocked (RFC 9776 §4.2.13, RFC 9777 §5.2.12).
fn record(says: Says, count: u16, group: &[u8], sources: &[u8]) -> Vec<u8> {
    let kind = match (says, sources.is_empty()) {
        (Says::Join, true) => 4,
        (Says::Join, false) => 5,
        (_, true) => 3,
        (_, false) => 6,
    };
    [&[kind, 0][..], &count.to_be_bytes(), group, sources].concat()
}

/// A maximum response time as IGMP writes it, in tenths of a second; from 12.8 s on version 3 rounds down to a mantissa
/// of five bits (RFC 9776 §4.1.1).
fn tenths(time: Duration, version: u8) -> Result<u8, Error> {
    let tenths = time.as_millis().div_ceil(100).max(1);
    match (tenths, version) {
        (0..128, _) => Ok(tenths as u8),
        (128..256, 2) => Ok(tenths as u8),
        (128..=31_744, 3) => Ok(coded(tenths as u32, 4) as u8),
        (_, 2) => Err(refused("version 2 of IGMP lets hosts answer within 25.5 s at most")),
        _ => Err(refused("IGMP lets hosts answer within 3174.4 s at most")),
    }
}

/// The same of MLD, in milliseconds; from 32.768 s on version 2 rounds down to a mantissa of 13 bits (RFC 9777 §5.1.3).
fn milliseconds(time: Duration, version: u8) -> Result<u16, Error> {
    let milliseconds = time.as_millis().max(1);
    match (milliseconds, version) {
        (0..32_768, _) => Ok(milliseconds as u16),
        (32_768..65_536, 1) => Ok(milliseconds as u16),
        (32_768..=8_387_584, 2) => Ok(coded(milliseconds as u32, 12) as u16),
        (_, 1) => Err(refused("version 1 of MLD lets hosts answer within 65.535 s at most")),
        _ => Err(refused("MLD lets hosts answer within 8387.584 s at most")),
    }
}

/// The floating-point code of a number that is 8 times 2 to the power of `bits` or more: 1, three bits of exponent, the
/// mantissa without its first bit.
fn coded(number: u32, bits: u32) -> u32 {
    // The first bit of the mantissa stands at `bits`, and three more are shifted out.
    let exponent = (31 - number.leading_zeros()).saturating_sub(bits + 3).min(7);
    let mantissa = (number >> (exponent + 3)) & ((1 << bits) - 1);
    1 << (bits + 3) | exponent << bits | mantissa
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, LinkType};
    use crate::wire::{Layers, decode};

    #[test]
    fn response_times_are_read_as_they_are_written_or_a_little_less() {
        for tenths in (1..=31_744u32).step_by(7).chain([127, 128, 255, 256, 31_743, 31_744]) {
            let code = super::tenths(Duration::from_millis(u64::from(tenths) * 100), 3).unwrap();
            let read = igmp::decoded(code);
            assert!(read <= tenths && tenths - read <= tenths / 16, "{tenths} is written as {read}");
        }
        for time in (1..=8_387_584u32).step_by(997).chain([32_767, 32_768, 65_535, 65_536, 8_387_584]) {
            let code = milliseconds(Duration::from_millis(time.into()), 2).unwrap();
            let read = mld::decoded(code);
            assert!(read <= time && time - read <= time / 4096, "{time} is written as {read}");
        }
        let long = Duration::from_secs(70);
        assert!(super::tenths(long, 2).is_err() && milliseconds(long, 1).is_err());
        assert_eq!(super::tenths(Duration::from_millis(1), 2), Ok(1));
    }

    #[test]
    fn every_message_is_for_the_link_alone_and_goes_where_its_version_says() {
        let query = Says::Query(Duration::from_secs(10));
        let (four, six): (Ipv4Addr, Ipv6Addr) = ("239.1.2.3".parse().unwrap(), "ff15::1".parse().unwrap());
        let (any, any_six) = (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED);
        for (recipe, to) in [
            (igmp(Says::Join, 1, four, &[]), "239.1.2.3"),
            (igmp(Says::Join, 2, four, &[]), "239.1.2.3"),
            (igmp(Says::Join, 3, four, &[]), "224.0.0.22"),
            (igmp(Says::Leave, 2, four, &[]), "224.0.0.2"),
            (igmp(Says::Leave, 3, four, &[]), "224.0.0.22"),
            (igmp(query, 1, any, &[]), "224.0.0.1"),
            (igmp(query, 2, four, &[]), "239.1.2.3"),
            (igmp(query, 3, any, &[]), "224.0.0.1"),
            (mld(Says::Join, 1, six, &[]), "ff15::1"),
            (mld(Says::Join, 2, six, &[]), "ff02::16"),
            (mld(Says::Leave, 1, six, &[]), "ff02::2"),
            (mld(Says::Leave, 2, six, &[]), "ff02::16"),
            (mld(query, 1, any_six, &[]), "ff02::1"),
            (mld(query, 2, six, &[]), "ff15::1"),
        ] {
            let bytes = recipe.unwrap().build().unwrap().bytes;
            let length = bytes.len() as u32;
            let mut layers = Layers::new();
            let packet = decode(Frame { link: LinkType::RAW, data: &bytes, length, ..Frame::empty() }, &mut layers);
            let network =
                packet.each().find(|at| matches!(at.layer.protocol, Protocol::Ipv4 | Protocol::Ipv6)).unwrap();
            let six = network.layer.protocol == Protocol::Ipv6;
            let (lives, alert) = if six { (7, 5) } else { (8, 0x94) };
            assert_eq!(network.u8(lives), Some(1), "{to}");
            let (_, destination) = packet.addresses(network.index + 1).unwrap();
            let destination = match destination {
                crate::wire::Address::V4(four) => IpAddr::from(four),
                crate::wire::Address::V6(six) => IpAddr::from(six),
            };
            assert_eq!(destination, to.parse::<IpAddr>().unwrap());
            let version_1 = bytes.get(20) == Some(&igmp::REPORT_V1) || bytes.get(20..22) == Some(&[igmp::QUERY, 0]);
            let option = if six { 42 } else { 20 };
            assert!(version_1 && !six || bytes.get(option) == Some(&alert), "{to} has no router alert");
        }
    }

    #[test]
    fn what_a_version_cannot_say_is_refused() {
        let (four, six): (Ipv4Addr, Ipv6Addr) = ("239.1.2.3".parse().unwrap(), "ff15::1".parse().unwrap());
        let refused = |result: Result<Recipe, Error>| result.is_err();
        assert!(refused(igmp(Says::Leave, 1, four, &[])));
        assert!(refused(igmp(Says::Query(Duration::from_secs(1)), 1, four, &[])));
        assert!(refused(igmp(Says::Join, 2, four, &[Ipv4Addr::LOCALHOST])));
        assert!(refused(mld(Says::Join, 1, six, &[Ipv6Addr::LOCALHOST])));
    }
}
