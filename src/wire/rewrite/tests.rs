//! Every frame of `captures/`, with addresses and ports that are drawn anew: what decoding reads is what was asked for,
//! every checksum says of its packet what it said before, and the way back leads to the same bytes.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::frame::{Frame, LinkType, Source};
use crate::wire::checksum::{Check, Verdict};
use crate::wire::sample::{ethernet, hex, ipv4, values};
use crate::wire::{Layers, checksum, decode};

/// All frames: their link type, length on the wire, and bytes.
static FRAMES: LazyLock<Vec<(LinkType, u32, Vec<u8>)>> = LazyLock::new(|| {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut frames = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files.iter().filter(|path| path.to_string_lossy().contains(".pcap")) {
        let mut source = crate::io::file::open(path).unwrap();
        while source.advance().unwrap().is_some() {
            let frame = source.frame();
            frames.push((frame.link, frame.length, frame.data.to_vec()));
        }
    }
    frames
});

fn with<T>(link: LinkType, length: u32, data: &[u8], use_it: impl FnOnce(&Packet<'_>) -> T) -> T {
    let mut layers = Layers::new();
    use_it(&decode(Frame { link, data, length, ..Frame::empty() }, &mut layers))
}

fn rewritten(rewrite: &Rewrite, link: LinkType, length: u32, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    with(link, length, data, |packet| rewrite.apply(packet, &mut out));
    out
}

fn addresses(packet: &Packet<'_>) -> Vec<Address> {
    let mut all = Vec::new();
    packet.each().for_each(|at| places::addresses(&at, &mut |_, address| all.push(address)));
    all
}

fn ports(packet: &Packet<'_>) -> Vec<u16> {
    let transport = |at: &At<'_>| matches!(at.layer.protocol, Protocol::Tcp | Protocol::Udp);
    packet.each().filter(transport).flat_map(|at| [at.u16(0), at.u16(2)]).flatten().collect()
}

fn checks(packet: &Packet<'_>) -> Vec<(Protocol, Check)> {
    let check = |at: At<'_>| {
        let check = match at.layer.protocol {
            Protocol::Ipv4 => checksum::ipv4(&at),
            Protocol::Tcp => checksum::tcp(&at),
            Protocol::Udp => checksum::udp(&at),
            Protocol::Icmp => checksum::icmp(&at),
            Protocol::Icmpv6 => checksum::icmpv6(&at),
            Protocol::Igmp => checksum::igmp(&at),
            _ => None,
        };
        check.map(|check| (at.layer.protocol, check))
    };
    packet.each().filter_map(check).collect()
}

/// How far the field is from what it should be: 0 where it is right.
fn distance(check: &Check) -> Option<i64> {
    match check.verdict() {
        Verdict::Bad(right) => Some((i64::from(check.stored) - i64::from(right)).rem_euclid(0xffff)),
        Verdict::Good => Some(0),
        _ => None,
    }
}

/// Another address of the same kind: a group stays a group, so that tests may ask where the frame goes.
fn another(address: Address, random: u64) -> Address {
    let bytes = random.to_be_bytes();
    match address {
        Address::V4([first @ 224..=239, ..]) => Address::V4([first, bytes[0], bytes[1], bytes[2]]),
        Address::V4(_) => Address::V4([100, bytes[0], bytes[1], bytes[2]]),
        Address::V6([first, second, rest @ ..]) => {
            let mut new = [0; 16];
            (new[0], new[1]) = (first, second);
            new[2..].copy_from_slice(&rest);
            new[8..].copy_from_slice(&bytes);
            Address::V6(new)
        }
    }
}

/// Ports whose meaning a decoder knows lead to another decoder.
fn tunnel(port: u16) -> bool {
    matches!(port, 1701 | 3544 | 4789 | 4790 | 6081 | 6635)
}

/// 0xffff and 0 are one number to a checksum (RFC 1071 §2): no packet becomes the other by the way there and back.
fn same_but_for_zeros(one: &[u8], other: &[u8]) -> bool {
    let zeros = |bytes: &[u8]| bytes == [0, 0] || bytes == [0xff, 0xff];
    one.len() == other.len()
        && one.iter().zip(other).enumerate().all(|(place, (a, b))| {
            let near = |data: &'_ [u8], from: usize| data.get(from..from + 2).is_some_and(zeros);
            a == b || [place, place.saturating_sub(1)].iter().any(|from| near(one, *from) && near(other, *from))
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn what_was_asked_for_is_read_back_and_every_checksum_keeps_its_verdict(
        number in any::<prop::sample::Index>(), seed in any::<u64>(), spoil in any::<Option<(prop::sample::Index, u8)>>(),
    ) {
        let (link, length, data) = number.get(&FRAMES);
        let mut data = data.clone();
        if let Some((place, byte)) = spoil {
            // Somewhere behind the headers: the checksums over it are wrong from now on.
            let end = with(*link, *length, &data, |packet| {
                packet.layers.last().map_or(0, |layer| (layer.start + layer.header) as usize)
            });
            if end < data.len() {
                let at = end + place.index(data.len() - end);
                data[at] ^= byte;
            }
        }
        let data = data.as_slice();
        let (old_addresses, old_ports, old_checks) =
            with(*link, *length, data, |packet| (addresses(packet), ports(packet), checks(packet)));
        let mut rewrite = Rewrite::default();
        for (place, address) in old_addresses.iter().enumerate() {
            let new = another(*address, seed.rotate_left(place as u32 * 7).wrapping_add(place as u64));
            let taken = rewrite.addresses.iter().any(|(_, to)| *to == new) || old_addresses.contains(&new);
            if (seed >> place) & 1 == 0 && !taken && rewrite.address(*address) == *address {
                rewrite.addresses.push((*address, new));
            }
        }
        for port in old_ports.iter().filter(|port| !tunnel(**port)) {
            let to = 20_000 + port / 4 + (seed % 1000) as u16;
            let taken = rewrite.ports.iter().any(|map| map.to == to || map.from == *port) || old_ports.contains(&to);
            if !taken && !tunnel(to) {
                rewrite.ports.push(Port { of: None, from: *port, to });
            }
        }
        let new = rewritten(&rewrite, *link, *length, data);
        let by_chance = with(*link, *length, &new, |packet| {
            let wanted: Vec<Address> = old_addresses.iter().map(|address| rewrite.address(*address)).collect();
            prop_assert_eq!(addresses(packet), wanted);
            let port = |port: &u16| rewrite.ports.iter().find(|map| map.from == *port).map_or(*port, |map| map.to);
            prop_assert_eq!(ports(packet), old_ports.iter().map(port).collect::<Vec<_>>());
            let new_checks = checks(packet);
            prop_assert_eq!(new_checks.len(), old_checks.len());
            // Whether a field that seems right still holds the sum of the pseudo-header alone: another byte shows it.
            let waits = |place: usize| {
                let (mut other, end) = (new.clone(), packet.layers.last().map_or(0, |layer| layer.end as usize));
                other.get_mut(end.wrapping_sub(1)).into_iter().for_each(|byte| *byte ^= 1);
                with(*link, *length, &other, |packet| checks(packet).get(place).map(|(_, check)| check.verdict()))
                    == Some(Verdict::NotFilledIn)
            };
            let mut by_chance = false;
            for (place, ((protocol, was), (_, is))) in old_checks.iter().zip(&new_checks).enumerate() {
                match (distance(was), distance(is)) {
                    (Some(was), Some(is)) => prop_assert_eq!(was, is, "{:?}", protocol),
                    // One wrong checksum in 65,535 looks as if it were not filled in.
                    (Some(1..), None) | (None, Some(1..)) => {}
                    // And one that is not filled in looks as if it were right.
                    (None, Some(0)) if was.verdict() == Verdict::NotFilledIn && waits(place) => by_chance = true,
                    _ => prop_assert_eq!(was.verdict(), is.verdict(), "{:?}", protocol),
                }
            }
            Ok(by_chance)
        })?;
        // What looks right is taken for right on the way back.
        if by_chance {
            return Ok(());
        }
        let back = Rewrite {
            addresses: rewrite.addresses.iter().map(|(from, to)| (*to, *from)).collect(),
            ports: rewrite.ports.iter().map(|map| Port { of: None, from: map.to, to: map.from }).collect(),
            ..Rewrite::default()
        };
        let again = rewritten(&back, *link, *length, &new);
        prop_assert!(same_but_for_zeros(&again, data), "\n{:02x?}\n{:02x?}", data, again);
    }

    #[test]
    fn no_bytes_make_it_panic(
        link in prop::sample::select(vec![LinkType::ETHERNET, LinkType::RAW, LinkType::LINUX_SLL, LinkType::LINUX_SLL2]),
        number in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(), noise in any::<Vec<(prop::sample::Index, u8)>>(),
    ) {
        let (_, _, data) = number.get(&FRAMES);
        let mut data = data[..cut.index(data.len() + 1)].to_vec();
        for (place, byte) in noise.iter().filter(|_| !data.is_empty()).collect::<Vec<_>>() {
            let at = place.index(data.len());
            data[at] = *byte;
        }
        let length = data.len() as u32;
        let mut rewrite = Rewrite { destination: Some([2; 6]), tag: Some(Tag::Set(5)), fill_in: true, ..Rewrite::default() };
        with(link, length, &data, |packet| {
            rewrite.addresses = addresses(packet).into_iter().map(|address| (address, another(address, 77))).collect();
        });
        rewritten(&rewrite, link, length, &data);
    }
}

const DATAGRAM: &str = "c000 1f45 000a 0000 6869";

fn plain(from: &str, to: &str) -> Rewrite {
    let four = |text: &str| Address::V4(text.parse::<std::net::Ipv4Addr>().unwrap().octets());
    Rewrite { addresses: vec![(four(from), four(to))], ..Rewrite::default() }
}

#[test]
fn an_absent_checksum_stays_absent_and_one_that_becomes_zero_is_written_as_all_ones() {
    let frame = ethernet(0x0800, &ipv4(17, &hex(DATAGRAM)));
    let new = rewritten(&plain("10.0.0.1", "192.168.1.5"), LinkType::ETHERNET, 44, &frame);
    assert_eq!(values(LinkType::ETHERNET, &new, "udp.checksum.status"), ["Uint(3)"]);
    assert_eq!(values(LinkType::ETHERNET, &new, "ip.checksum.status"), ["Uint(1)"]);
    assert_eq!(values(LinkType::ETHERNET, &new, "ip.src"), ["Ipv4([192, 168, 1, 5])"]);
    // Every port once: one of them makes the sum zero.
    let filled = Rewrite { fill_in: true, ..Rewrite::default() };
    let mut unfinished = frame;
    unfinished[40..42].copy_from_slice(&[0x14, 0x1e]);
    let good = rewritten(&filled, LinkType::ETHERNET, 44, &unfinished);
    assert_eq!(values(LinkType::ETHERNET, &good, "udp.checksum.status"), ["Uint(1)"]);
    let mut ones = 0;
    for to in 0..=u16::MAX {
        let rewrite = Rewrite { ports: vec![Port { of: None, from: 0x1f45, to }], ..Rewrite::default() };
        let new = rewritten(&rewrite, LinkType::ETHERNET, 44, &good);
        assert_ne!(new[40..42], [0, 0]);
        ones += usize::from(new[40..42] == [0xff, 0xff]);
    }
    assert!(ones >= 1);
}

#[test]
fn a_port_of_one_address_leaves_the_same_port_of_another() {
    let frame = ethernet(0x0800, &ipv4(17, &hex("1f45 1f45 000a 0000 6869")));
    let of = Some(Address::V4([10, 0, 0, 2]));
    let rewrite = Rewrite { ports: vec![Port { of, from: 8005, to: 9005 }], ..Rewrite::default() };
    let new = rewritten(&rewrite, LinkType::ETHERNET, 44, &frame);
    assert_eq!(values(LinkType::ETHERNET, &new, "udp.srcport"), ["Uint(8005)"]);
    assert_eq!(values(LinkType::ETHERNET, &new, "udp.dstport"), ["Uint(9005)"]);
}

#[test]
fn tags_are_put_in_changed_and_taken_out() {
    let frame = ethernet(0x0800, &ipv4(17, &hex(DATAGRAM)));
    let tagged = |tag| Rewrite { tag: Some(tag), ..Rewrite::default() };
    let once = rewritten(&tagged(Tag::Set(5)), LinkType::ETHERNET, 44, &frame);
    assert_eq!((once.len(), values(LinkType::ETHERNET, &once, "vlan.id")), (48, vec!["Uint(5)".to_owned()]));
    let mut urgent = once.clone();
    urgent[14] |= 0xe0;
    let again = rewritten(&tagged(Tag::Set(4095)), LinkType::ETHERNET, 48, &urgent);
    assert_eq!(values(LinkType::ETHERNET, &again, "vlan.id"), ["Uint(4095)"]);
    assert_eq!(values(LinkType::ETHERNET, &again, "vlan.priority"), ["Uint(7)"]);
    assert_eq!(rewritten(&tagged(Tag::Removed), LinkType::ETHERNET, 48, &again), frame);
}

#[test]
fn link_addresses_change_where_they_stand_and_a_frame_for_a_group_follows_it() {
    let (old, new) = ([2, 0, 0, 0, 0, 1], [2, 9, 9, 9, 9, 9]);
    let request = hex("0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002");
    let rewrite = Rewrite { macs: vec![(old, new)], ..plain("10.0.0.2", "10.0.0.7") };
    let asked = rewritten(&rewrite, LinkType::ETHERNET, 42, &ethernet(0x0806, &request));
    assert_eq!(values(LinkType::ETHERNET, &asked, "eth.src"), ["Mac([2, 9, 9, 9, 9, 9])"]);
    assert_eq!(values(LinkType::ETHERNET, &asked, "arp.src.hw_mac"), ["Mac([2, 9, 9, 9, 9, 9])"]);
    assert_eq!(values(LinkType::ETHERNET, &asked, "arp.dst.proto_ipv4"), ["Ipv4([10, 0, 0, 7])"]);
    let to_group = rewritten(
        &plain("10.0.0.2", "239.129.2.3"),
        LinkType::ETHERNET,
        44,
        &ethernet(0x0800, &ipv4(17, &hex(DATAGRAM))),
    );
    assert_eq!(values(LinkType::ETHERNET, &to_group, "eth.dst"), ["Mac([1, 0, 94, 1, 2, 3])"]);
    let to_one = Rewrite { destination: Some(new), ..Rewrite::default() };
    let sent = rewritten(&to_one, LinkType::ETHERNET, 44, &ethernet(0x0800, &ipv4(17, &hex(DATAGRAM))));
    assert_eq!(values(LinkType::ETHERNET, &sent, "eth.dst"), ["Mac([2, 9, 9, 9, 9, 9])"]);
    let still = rewritten(&to_one, LinkType::ETHERNET, 44, &to_group);
    assert_eq!(still, to_group, "a frame for a group stays one");
}
