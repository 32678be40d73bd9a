//! The Address Resolution Protocol for IPv4 over Ethernet (RFC 826), with other address lengths shown raw.

use super::dispatch::Next;
use super::{At, Field, Kind, Protocol, Stop, Value, Walk, numbers};

/// Hardware type, protocol type, both lengths, operation; the four addresses follow.
pub const FIXED: usize = 8;
const ATM: [u8; 2] = [0, 19];

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<FIXED>(Protocol::Arp)?;
    // Inverse ARP over ATM (RFC 2225) has other lengths in other places.
    if header[..2] == ATM {
        walk.bound(FIXED);
        walk.push(Protocol::Arp, FIXED)?;
        return Err(Stop::End);
    }
    let needs = FIXED + 2 * (usize::from(header[4]) + usize::from(header[5]));
    if walk.rest().len() < needs {
        // Where an address would be is not known: the lengths speak of more than there is.
        let stop = walk.truncated(Protocol::Arp, needs);
        walk.bound(FIXED);
        walk.push(Protocol::Arp, FIXED)?;
        return Err(stop);
    }
    walk.push(Protocol::Arp, needs)?;
    Err(Stop::End)
}

fn operation(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "request",
        2 => "reply",
        3 => "reverse request",
        4 => "reverse reply",
        8 => "inverse request",
        9 => "inverse reply",
        _ => return None,
    })
}

/// Which of the four addresses.
#[derive(Clone, Copy)]
enum Which {
    SenderHardware,
    SenderProtocol,
    TargetHardware,
    TargetProtocol,
}

/// Start of an address in the packet, from the lengths it states, if it has the length that is asked for.
fn place(at: &At<'_>, which: Which, length: u8) -> Option<usize> {
    let (hardware, protocol) = (at.u8(4)?, at.u8(5)?);
    let (h, p) = (usize::from(hardware), usize::from(protocol));
    let (start, has) = match which {
        Which::SenderHardware => (FIXED, hardware),
        Which::SenderProtocol => (FIXED + h, protocol),
        Which::TargetHardware => (FIXED + h + p, hardware),
        Which::TargetProtocol => (FIXED + 2 * h + p, protocol),
    };
    (has == length).then_some(start)
}

fn mac<'a>(at: &At<'a>, which: Which) -> Option<Value<'a>> {
    let ethernet = matches!(at.u16(0)?, 1 | 6);
    ethernet.then(|| at.array(place(at, which, 6)?).map(Value::Mac)).flatten()
}

fn ipv4<'a>(at: &At<'a>, which: Which) -> Option<Value<'a>> {
    let internet = at.u16(2)? == numbers::ETHERTYPE_IPV4;
    internet.then(|| at.array(place(at, which, 4)?).map(Value::Ipv4)).flatten()
}

/// The names of the address fields: sender's and target's protocol address, sender's and target's link address.
pub const ADDRESSES: [&str; 4] = ["arp.src.proto_ipv4", "arp.dst.proto_ipv4", "arp.src.hw_mac", "arp.dst.hw_mac"];

const RFC: &str = "RFC 826";

pub static FIELDS: &[Field] = &[
    Field::dec("arp.hw.type", "Hardware type", 0, 16).about("Kind of link; 1: Ethernet", RFC),
    Field::hex("arp.proto.type", "Protocol type", 16, 16)
        .words(numbers::ether_type)
        .about("Kind of address that is looked for", RFC),
    Field::dec("arp.hw.size", "Hardware address length", 32, 8).about("Bytes of a link address", RFC),
    Field::dec("arp.proto.size", "Protocol address length", 40, 8).about("Bytes of a protocol address", RFC),
    Field::dec("arp.opcode", "Operation", 48, 16).words(operation).about("What is asked or answered", RFC),
    Field::one("arp.src.hw_mac", "Sender's MAC address", Kind::Mac, |at| mac(at, Which::SenderHardware))
        .at(64, 48)
        .about("Link address of who sends", RFC),
    Field::one("arp.src.proto_ipv4", "Sender's IP address", Kind::Ipv4, |at| ipv4(at, Which::SenderProtocol))
        .at(112, 32)
        .about("IP address of who sends", RFC),
    Field::one("arp.dst.hw_mac", "Target's MAC address", Kind::Mac, |at| mac(at, Which::TargetHardware))
        .at(144, 48)
        .about("Link address of who is meant; zero in a request", RFC),
    Field::one("arp.dst.proto_ipv4", "Target's IP address", Kind::Ipv4, |at| ipv4(at, Which::TargetProtocol))
        .at(192, 32)
        .about("IP address that is looked for", RFC),
];

#[cfg(test)]
mod tests {
    use crate::wire::Protocol;
    use crate::wire::sample::{decodes, ethernet, fields, hex, layers};

    #[test]
    fn reads_who_asks_for_whom() {
        let request = ethernet(0x0806, &hex("0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002"));
        decodes(&request, &[Protocol::Arp]);
        fields(&request, &[("arp.opcode", "1"), ("arp.src.proto_ipv4", "[10, 0, 0, 1]")]);
        fields(&request, &[("arp.dst.proto_ipv4", "[10, 0, 0, 2]"), ("arp.src.hw_mac", "[2, 0, 0, 0, 0, 1]")]);
    }

    #[test]
    fn shows_no_address_where_the_lengths_speak_of_more_than_there_is() {
        let long = ethernet(0x0806, &hex("0001 0800 06 24 0001 020000000001 0a000001 000000000000 0a000002"));
        let (_, stop) = layers(crate::frame::LinkType::ETHERNET, &long);
        assert!(matches!(stop, crate::wire::Stop::Truncated { needs: 92, has: 28, .. }), "{stop:?}");
        fields(&long, &[("arp.opcode", "1"), ("arp.src.hw_mac", "absent"), ("arp.src.proto_ipv4", "absent")]);
    }

    #[test]
    fn reads_reverse_arp_under_its_own_ether_type() {
        let reverse = ethernet(0x8035, &hex("0001 0800 06 04 0003 020000000001 00000000 020000000001 00000000"));
        decodes(&reverse, &[Protocol::Arp]);
    }
}
