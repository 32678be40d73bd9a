//! On packets, whose checksums are read back by `wire`.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use proptest::prelude::*;

use super::super::bindings::Config;
use super::super::*;
use super::{OUTSIDE, S, SERVERS, end, host, server};
use crate::engine::ping;
use crate::frame::{Frame, LinkType};
use crate::wire::{self, Layers, checksum};

fn packet(protocol: ping::Protocol, from: SocketAddrV4, to: SocketAddrV4, length: usize) -> Vec<u8> {
    let (own, other) = (from.port(), to.port());
    let (source, destination) = (IpAddr::V4(*from.ip()), IpAddr::V4(*to.ip()));
    ping::packet::Recipe { protocol, source, destination, ttl: 64, own, other, length }.build().expect("a packet")
}

/// The ends of a packet whose checksums are all right.
#[track_caller]
fn ends(packet: &[u8]) -> (SocketAddrV4, SocketAddrV4) {
    let mut layers = Layers::new();
    let packet = wire::decode(
        Frame { link: LinkType::RAW, length: packet.len() as u32, data: packet, ..Frame::empty() },
        &mut layers,
    );
    for at in packet.each().filter(|at| !at.layer.quoted || at.layer.protocol == wire::Protocol::Ipv4) {
        let check = match at.layer.protocol {
            wire::Protocol::Ipv4 => checksum::ipv4(&at),
            wire::Protocol::Udp => checksum::udp(&at),
            wire::Protocol::Tcp => checksum::tcp(&at),
            wire::Protocol::Icmp => checksum::icmp(&at),
            _ => continue,
        };
        let verdict = check.expect("a checksum").verdict();
        let fragment = checksum::Verdict::CannotTell(checksum::Why::Fragment);
        assert!(verdict == checksum::Verdict::Good || verdict == fragment, "{:?} {verdict:?}", at.layer.protocol);
    }
    let Some((wire::Address::V4(source), wire::Address::V4(destination))) = packet.addresses(1) else { panic!("IPv4") };
    let ports = packet.at(1).filter(|at| at.layer.protocol != wire::Protocol::Icmp);
    let port = |at: usize| ports.and_then(|layer| layer.u16(at)).unwrap_or(0);
    (end(source.into(), port(0)), end(destination.into(), port(2)))
}

fn translator(behaviour: Behaviour) -> Translator {
    Translator::new(Config::new(behaviour, OUTSIDE))
}

const RANDOM: Behaviour = Behaviour {
    mapping: Dependence::EndpointIndependent,
    filtering: Dependence::AddressAndPortDependent,
    hairpinning: Hairpinning::External,
    ports: Ports::Random,
    pooling: Pooling::Paired,
    refresh: Refresh::Any,
    udp_timeout: Duration::from_secs(30),
};

#[test]
fn translates_packets_there_and_back_with_right_checksums() {
    for protocol in [ping::Protocol::Udp, ping::Protocol::Tcp] {
        for length in [0, 1, 2, 99, 1400] {
            let mut nat = translator(RANDOM);
            let mut there = packet(protocol, host(10, 40_000), server(0, 3478), length);
            assert_eq!(nat.translate(S, Side::Inside, &mut there), Verdict::Forward(Side::Outside));
            let (outside, to) = ends(&there);
            assert_eq!((*outside.ip(), to), (OUTSIDE, server(0, 3478)));
            assert_ne!(outside.port(), 40_000);
            assert_eq!(there[8], 63, "one hop further");
            let mut back = packet(protocol, to, outside, length);
            assert_eq!(nat.translate(S, Side::Outside, &mut back), Verdict::Forward(Side::Inside));
            assert_eq!(ends(&back), (server(0, 3478), host(10, 40_000)));
            let mut stranger = packet(protocol, server(1, 3478), outside, length);
            assert_eq!(nat.translate(S, Side::Outside, &mut stranger), Verdict::Drop(Dropped::Filtered));
            assert_eq!((nat.tally().outbound, nat.tally().inbound, nat.tally().dropped(Dropped::Filtered)), (1, 1, 1));
        }
    }
}

#[test]
fn finishes_a_checksum_that_was_left_to_a_network_card_and_leaves_out_one_that_is_not_there() {
    let mut left = packet(ping::Protocol::Udp, host(10, 40_000), server(0, 3478), 9);
    let between = checksum::Ends::V4(host(10, 0).ip().octets(), SERVERS[0].octets());
    let pseudo = checksum::PseudoHeader { ends: between, protocol: 17, length: left.len() as u32 - 20 };
    let pseudo = checksum::folded(pseudo.sum());
    left[26..28].copy_from_slice(&pseudo.to_be_bytes());
    let mut none = left.clone();
    let mut nat = translator(RANDOM);
    assert_eq!(nat.translate(S, Side::Inside, &mut left), Verdict::Forward(Side::Outside));
    assert_eq!(*ends(&left).0.ip(), OUTSIDE);
    none[26..28].fill(0);
    nat.translate(S, Side::Inside, &mut none);
    assert_eq!(none[26..28], [0, 0]);
}

#[test]
fn translates_an_echo_by_its_identifier() {
    let mut nat = translator(RANDOM);
    let mut request = packet(ping::Protocol::Echo, host(10, 77), server(0, 1), 30);
    assert_eq!(nat.translate(S, Side::Inside, &mut request), Verdict::Forward(Side::Outside));
    assert_eq!(*ends(&request).0.ip(), OUTSIDE);
    let identifier = u16::from_be_bytes([request[24], request[25]]);
    assert_ne!(identifier, 77);
    let mut reply = packet(ping::Protocol::Echo, server(0, identifier), end(OUTSIDE, 1), 30);
    let mut asked = reply.clone();
    assert_eq!(nat.translate(S, Side::Outside, &mut asked), Verdict::Drop(Dropped::NoMapping), "nobody outside asks");
    reply[20] = 0;
    let headers = headers::Headers::of(&reply, true).expect("a packet");
    headers.sum_icmp(&mut reply);
    assert_eq!(nat.translate(S, Side::Outside, &mut reply), Verdict::Forward(Side::Inside));
    assert_eq!(ends(&reply).1, host(10, 0));
    assert_eq!(reply[24..26], [0, 77]);
}

/// An ICMP error from `from` that quotes the beginning of `about`.
fn error(from: Ipv4Addr, to: Ipv4Addr, about: &[u8], quoted: usize) -> Vec<u8> {
    let mut packet = packet(ping::Protocol::Echo, end(from, 0), end(to, 0), quoted);
    packet[20] = 3;
    packet[21] = 3;
    packet[28..].copy_from_slice(&about[..quoted]);
    headers::Headers::of(&packet, true).expect("a packet").sum_icmp(&mut packet);
    packet
}

#[test]
fn translates_an_error_and_the_packet_that_it_quotes_both_ways() {
    for protocol in [ping::Protocol::Udp, ping::Protocol::Tcp] {
        for quoted in [28, 34, 40] {
            let mut nat = translator(RANDOM);
            let sent = packet(protocol, host(10, 40_000), server(0, 3478), 40);
            let mut there = sent.clone();
            nat.translate(S, Side::Inside, &mut there);
            let (outside, _) = ends(&there);
            let router = Ipv4Addr::new(198, 51, 100, 1);
            let mut back = error(router, OUTSIDE, &there, quoted);
            assert_eq!(nat.translate(S, Side::Outside, &mut back), Verdict::Forward(Side::Inside));
            assert_eq!(ends(&back), (end(router, 0), host(10, 0)));
            // But for the time to live, the inside host is quoted what it sent, as far as checksums go.
            let (mut quote, mut sent) = (back[28..].to_vec(), sent[..quoted].to_vec());
            for packet in [&mut quote, &mut sent] {
                packet[8..12].fill(0);
            }
            assert_eq!(quote, sent);

            let mut answer = packet(protocol, server(0, 3478), outside, 40);
            nat.translate(S, Side::Outside, &mut answer);
            let mut refused = error(*host(10, 0).ip(), SERVERS[0], &answer, quoted);
            assert_eq!(nat.translate(S, Side::Inside, &mut refused), Verdict::Forward(Side::Outside));
            assert_eq!(ends(&refused), (end(OUTSIDE, 0), server(0, 0)));
            // Quoted to the server is what it sent: to the outside.
            assert_eq!(refused[44..48], OUTSIDE.octets());
            assert_eq!(refused[50..52], outside.port().to_be_bytes());

            let mut stray = error(router, OUTSIDE, &packet(protocol, end(OUTSIDE, 9), server(0, 1), 40), quoted);
            assert_eq!(nat.translate(S, Side::Outside, &mut stray), Verdict::Drop(Dropped::NoMapping));
        }
    }
}

#[test]
fn refuses_by_an_error_round_the_hairpin() {
    let mut nat = translator(RANDOM);
    let mut learnt = packet(ping::Protocol::Udp, host(10, 40_000), server(0, 3478), 4);
    nat.translate(S, Side::Inside, &mut learnt);
    let to = ends(&learnt).0;
    let mut round = packet(ping::Protocol::Udp, host(11, 40_001), to, 4);
    assert_eq!(nat.translate(S, Side::Inside, &mut round), Verdict::Forward(Side::Inside));
    let (from, arrived) = ends(&round);
    assert_eq!(arrived, host(10, 40_000));
    assert_eq!(*from.ip(), OUTSIDE);
    let mut refused = error(*host(10, 0).ip(), OUTSIDE, &round, 32);
    assert_eq!(nat.translate(S, Side::Inside, &mut refused), Verdict::Forward(Side::Inside));
    assert_eq!(ends(&refused), (end(OUTSIDE, 0), host(11, 0)));
    assert_eq!(refused[40..44], [192, 168, 1, 11], "the sender is quoted its own address");
    assert_eq!(refused[44..48], OUTSIDE.octets());
}

/// The fragments of `whole`, `size` bytes of content each.
fn fragments(whole: &[u8], size: usize) -> Vec<Vec<u8>> {
    let body = &whole[20..];
    let pieces = body.chunks(size).enumerate().map(|(at, piece)| {
        let mut packet = [&whole[..20], piece].concat();
        let length = (packet.len() as u16).to_be_bytes();
        packet[2..4].copy_from_slice(&length);
        let more = if (at + 1) * size < body.len() { 0x2000 } else { 0 };
        packet[6..8].copy_from_slice(&((at * size / 8) as u16 | more).to_be_bytes());
        packet[10..12].fill(0);
        let checksum = checksum::of(&packet[..20]);
        packet[10..12].copy_from_slice(&checksum.to_be_bytes());
        packet
    });
    pieces.collect()
}

fn together(mut pieces: Vec<Vec<u8>>) -> Vec<u8> {
    pieces.sort_by_key(|piece| u16::from_be_bytes([piece[6], piece[7]]) & 0x1fff);
    let body: Vec<u8> = pieces.iter().flat_map(|piece| piece[20..].to_vec()).collect();
    let mut whole = [&pieces[0][..20], &body].concat();
    let length = (whole.len() as u16).to_be_bytes();
    whole[2..4].copy_from_slice(&length);
    whole[6..8].fill(0);
    whole[10..12].fill(0);
    let checksum = checksum::of(&whole[..20]);
    whole[10..12].copy_from_slice(&checksum.to_be_bytes());
    whole
}

#[test]
fn translates_fragments_in_any_order() {
    let whole = packet(ping::Protocol::Udp, host(10, 40_000), server(0, 3478), 2000);
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]] {
        let mut nat = translator(RANDOM);
        let pieces = fragments(&whole, 800);
        let mut sent = Vec::new();
        for at in order {
            let mut piece = pieces[at].clone();
            match nat.translate(S, Side::Inside, &mut piece) {
                Verdict::Forward(to) => sent.push((to, piece)),
                verdict => assert_eq!(verdict, Verdict::Held),
            }
            sent.extend(std::iter::from_fn(|| nat.released()));
        }
        assert_eq!(sent.len(), 3, "{order:?}");
        assert!(sent.iter().all(|(to, piece)| *to == Side::Outside && piece[8] == 63));
        let (from, to) = ends(&together(sent.into_iter().map(|(_, piece)| piece).collect()));
        assert_eq!((*from.ip(), to), (OUTSIDE, server(0, 3478)));
    }
}

#[test]
fn fragments_without_a_first_one_cost_little() {
    let mut nat = translator(RANDOM);
    let late = &fragments(&packet(ping::Protocol::Udp, host(10, 40_000), server(0, 3478), 2000), 800)[1];
    for number in 0..5000u16 {
        let mut piece = late.clone();
        piece[4..6].copy_from_slice(&number.to_be_bytes());
        let verdict = nat.translate(S, Side::Inside, &mut piece);
        assert_eq!(verdict, if number < 256 { Verdict::Held } else { Verdict::Drop(Dropped::Fragments) });
    }
    let mut later = late.clone();
    assert_eq!(nat.translate(60 * S, Side::Inside, &mut later), Verdict::Held, "what waited too long is gone");
}

#[test]
fn drops_what_no_router_forwards() {
    let mut nat = translator(RANDOM);
    let mut verdict = |from, mut packet: Vec<u8>| nat.translate(S, from, &mut packet);
    let udp = |from, to| packet(ping::Protocol::Udp, from, to, 4);
    let multicast = end(Ipv4Addr::new(239, 1, 1, 1), 9);
    assert_eq!(verdict(Side::Inside, udp(host(10, 1), multicast)), Verdict::Drop(Dropped::Destination));
    assert_eq!(verdict(Side::Outside, udp(server(0, 1), host(10, 1))), Verdict::Drop(Dropped::NotOurs));
    assert_eq!(verdict(Side::Outside, udp(server(0, 1), end(OUTSIDE, 5))), Verdict::Drop(Dropped::NoMapping));
    let mut last = udp(host(10, 1), server(0, 1));
    last[8] = 1;
    assert_eq!(verdict(Side::Inside, last), Verdict::Drop(Dropped::TimeToLive));
    let mut other = udp(host(10, 1), server(0, 1));
    other[9] = 47;
    assert_eq!(verdict(Side::Inside, other), Verdict::Drop(Dropped::Protocol));
    assert_eq!(verdict(Side::Inside, vec![0x45; 19]), Verdict::Drop(Dropped::Malformed));
}

proptest! {
    #[test]
    fn survives_any_bytes(seed: Vec<u8>, cut in 0usize..100, changes: Vec<(usize, u8)>, outside: bool) {
        let mut nat = translator(RANDOM);
        let side = if outside { Side::Outside } else { Side::Inside };
        let mut packet = seed;
        nat.translate(S, side, &mut packet);
        for protocol in [ping::Protocol::Udp, ping::Protocol::Tcp, ping::Protocol::Echo] {
            let mut bytes = self::packet(protocol, host(10, 9), end(OUTSIDE, 9), 60);
            let about = bytes.clone();
            for mut bytes in [error(SERVERS[0], OUTSIDE, &about, 40), std::mem::take(&mut bytes)] {
                for (at, value) in &changes {
                    let at = at % bytes.len();
                    bytes[at] = *value;
                }
                bytes.truncate(bytes.len() - cut.min(bytes.len()));
                nat.translate(S, side, &mut bytes);
                while nat.released().is_some() {}
            }
        }
    }
}
