//! What stands in for a link layer: Linux cooked capture v1 and v2 (the `any` interface), BSD null and loop.
//!
//! Sources: pcap-linktype(7), LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2, LINKTYPE_NULL, LINKTYPE_LOOP. Null stores its
//! number in the byte order of the machine that captured, loop in network order.

use super::dispatch::Next;
use super::{At, Field, Kind, Protocol, Stop, Value, Walk, numbers};

pub const HEADER: usize = 16;
pub const HEADER_V2: usize = 20;
/// ARPHRD numbers whose protocol field is not an EtherType.
const ARPHRD_FRELAY: u16 = 770;
const ARPHRD_IPGRE: u16 = 778;
const ARPHRD_NETLINK: u16 = 824;

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<HEADER>(Protocol::Sll)?;
    let (hardware, number) = (u16::from_be_bytes([header[2], header[3]]), u16::from_be_bytes([header[14], header[15]]));
    walk.push(Protocol::Sll, HEADER)?;
    cooked(walk, hardware, number)
}

pub(super) fn decode_v2(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<HEADER_V2>(Protocol::Sll2)?;
    let (number, hardware) = (u16::from_be_bytes([header[0], header[1]]), u16::from_be_bytes([header[8], header[9]]));
    walk.push(Protocol::Sll2, HEADER_V2)?;
    cooked(walk, hardware, number)
}

fn cooked(walk: &Walk<'_, '_>, hardware: u16, number: u16) -> Result<Next, Stop> {
    match (hardware, number) {
        (ARPHRD_NETLINK, _) => Err(Stop::Unknown { space: "netlink family", number: number.into() }),
        (ARPHRD_IPGRE | ARPHRD_FRELAY, 0) => Err(Stop::Unknown { space: "EtherType", number: 0 }),
        // A frame of the 802.2 kind: LLC follows; 1 is Novell's 802.3 without LLC.
        (_, 4) => Ok(Next::Llc),
        (_, 1) => Err(Stop::Unknown { space: "cooked protocol", number: 1 }),
        _ if walk.length() == 0 => Err(Stop::End),
        _ => Ok(Next::EtherType(number)),
    }
}

pub(super) fn decode_null(walk: &mut Walk<'_, '_>, network_order: bool) -> Result<Next, Stop> {
    let header = *walk.peek::<4>(Protocol::Null)?;
    walk.push(Protocol::Null, 4)?;
    match family(header, network_order) {
        2 => Ok(Next::EtherType(numbers::ETHERTYPE_IPV4)),
        // AF_INET6 of NetBSD, OpenBSD; Linux; FreeBSD; Darwin.
        24 | 10 | 28 | 30 => Ok(Next::EtherType(numbers::ETHERTYPE_IPV6)),
        number => Err(Stop::Unknown { space: "address family", number }),
    }
}

/// The address family: a small number, so the byte order is that in which it is small.
fn family(header: [u8; 4], network_order: bool) -> u32 {
    let number = u32::from_be_bytes(header);
    if network_order || number <= 0xffff { number } else { number.swap_bytes() }
}

fn packet_type(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "to this machine",
        1 => "broadcast",
        2 => "multicast",
        3 => "to another machine",
        4 => "sent by this machine",
        _ => return None,
    })
}

fn hardware(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "Ethernet",
        512 => "PPP",
        768 => "IP tunnel",
        769 => "IPv6 tunnel",
        772 => "loopback",
        776 => "6in4 tunnel",
        778 => "GRE tunnel",
        824 => "netlink",
        65534 => "none (raw IP)",
        _ => return None,
    })
}

/// The link address, of which the header keeps at most 8 bytes; a MAC where it has 6.
fn mac(at: &At<'_>, length: Option<u32>, start: usize) -> Option<[u8; 6]> {
    (length == Some(6)).then(|| at.array(start)).flatten()
}

const V1: &str = "pcap-linktype(7) LINUX_SLL";
const V2: &str = "pcap-linktype(7) LINUX_SLL2";

pub static FIELDS: &[Field] = &[
    Field::dec("sll.pkttype", "Packet type", 0, 16).words(packet_type).about("Direction as the kernel saw it", V1),
    Field::dec("sll.hatype", "Hardware type", 16, 16).words(hardware).about("Kind of interface (ARPHRD number)", V1),
    Field::dec("sll.halen", "Address length", 32, 16).about("Bytes of the sender's link address", V1),
    Field::one("sll.src.eth", "Source", Kind::Mac, |at| mac(at, at.u16(4).map(u32::from), 6).map(Value::Mac))
        .at(48, 48)
        .about("Station that sent the frame", V1),
    Field::hex("sll.etype", "Protocol", 112, 16)
        .words(numbers::ether_type)
        .about("Protocol of the content (EtherType)", V1),
];

pub static FIELDS_V2: &[Field] = &[
    Field::hex("sll.etype", "Protocol", 0, 16)
        .words(numbers::ether_type)
        .about("Protocol of the content (EtherType)", V2),
    Field::dec("sll.ifindex", "Interface index", 32, 32).about("Interface the kernel captured on", V2),
    Field::dec("sll.hatype", "Hardware type", 64, 16).words(hardware).about("Kind of interface (ARPHRD number)", V2),
    Field::dec("sll.pkttype", "Packet type", 80, 8).words(packet_type).about("Direction as the kernel saw it", V2),
    Field::dec("sll.halen", "Address length", 88, 8).about("Bytes of the sender's link address", V2),
    Field::one("sll.src.eth", "Source", Kind::Mac, |at| mac(at, at.u8(11).map(u32::from), 12).map(Value::Mac))
        .at(96, 48)
        .about("Station that sent the frame", V2),
];

pub static NULL_FIELDS: &[Field] = &[Field::one("null.family", "Family", Kind::Dec, |at| {
    let network_order = at.packet.frame.link == crate::frame::LinkType::LOOP;
    Some(Value::Uint(family(at.array(0)?, network_order).into()))
})
.at(0, 32)
.about("Address family of the content, as the capturing system numbers it", "pcap-linktype(7) NULL, LOOP")];

#[cfg(test)]
mod tests {
    use crate::frame::LinkType;
    use crate::wire::Protocol::{Arp, Data, Ipv4, Ipv6, Llc, Null, Sll, Sll2, Udp};
    use crate::wire::Stop;
    use crate::wire::sample::{cuts, hex, ipv4, ipv6, layers, udp, values};

    #[test]
    fn cooked_v1_goes_on_by_its_protocol() {
        let packet = ipv4(17, &udp(9, b"hi"));
        let frame = [hex("0004 0001 0006 020000000001 0000 0800"), packet].concat();
        assert_eq!(layers(LinkType::LINUX_SLL, &frame), (vec![Sll, Ipv4, Udp, Data], Stop::Payload));
        assert_eq!(values(LinkType::LINUX_SLL, &frame, "sll.pkttype"), ["Uint(4)"]);
        assert_eq!(values(LinkType::LINUX_SLL, &frame, "sll.src.eth"), ["Mac([2, 0, 0, 0, 0, 1])"]);
        cuts(LinkType::LINUX_SLL, &frame);
    }

    #[test]
    fn cooked_v2_names_the_interface() {
        let request = hex("0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002");
        let frame = [hex("0806 0000 00000003 0001 01 06 020000000001 0000"), request].concat();
        assert_eq!(layers(LinkType::LINUX_SLL2, &frame), (vec![Sll2, Arp], Stop::End));
        assert_eq!(values(LinkType::LINUX_SLL2, &frame, "sll.ifindex"), ["Uint(3)"]);
        cuts(LinkType::LINUX_SLL2, &frame);
    }

    #[test]
    fn cooked_802_2_frames_go_on_with_llc_and_netlink_stops() {
        let tree = hex("0001 0001 0006 020000000001 0000 0004 424203");
        assert_eq!(layers(LinkType::LINUX_SLL, &tree).0, [Sll, Llc]);
        let netlink = hex("0004 0338 0000 000000000000 0000 0000 00");
        assert!(matches!(layers(LinkType::LINUX_SLL, &netlink).1, Stop::Unknown { space: "netlink family", .. }));
    }

    #[test]
    fn null_tells_its_byte_order_by_the_smaller_number_and_loop_has_one() {
        let packet = ipv4(17, &udp(9, b"hi"));
        for order in ["02000000", "00000002"] {
            let frame = [hex(order), packet.clone()].concat();
            assert_eq!(layers(LinkType::NULL, &frame).0, [Null, Ipv4, Udp, Data]);
            cuts(LinkType::NULL, &frame);
        }
        let six = [hex("1e000000"), ipv6(17, &udp(9, b"hi"))].concat();
        assert_eq!(layers(LinkType::NULL, &six).0, [Null, Ipv6, Udp, Data]);
        assert!(matches!(layers(LinkType::LOOP, &six).1, Stop::Unknown { space: "address family", .. }));
    }
}
