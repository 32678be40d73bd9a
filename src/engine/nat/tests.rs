//! The NAT against RFC 4787, axis by axis, on endpoints; then on packets, whose checksums are read back by `wire`.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use proptest::prelude::*;

use super::bindings::{Bindings, Config, ICMP_QUERY, Protocol, Step, TCP_ESTABLISHED, TCP_TRANSITORY};
use super::*;
use crate::engine::ping;
use crate::frame::{Frame, LinkType};
use crate::wire::{self, Layers, checksum};

const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const SERVERS: [Ipv4Addr; 2] = [Ipv4Addr::new(203, 0, 113, 10), Ipv4Addr::new(203, 0, 113, 11)];
const S: Duration = Duration::from_secs(1);

fn end(address: Ipv4Addr, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(address, port)
}

fn host(last: u8, port: u16) -> SocketAddrV4 {
    end(Ipv4Addr::new(192, 168, 1, last), port)
}

fn server(which: usize, port: u16) -> SocketAddrV4 {
    end(SERVERS[which], port)
}

fn nat(behaviour: Behaviour) -> Bindings {
    Bindings::new(Config::new(behaviour, OUTSIDE))
}

fn out(nat: &mut Bindings, now: Duration, from: SocketAddrV4, to: SocketAddrV4) -> SocketAddrV4 {
    nat.outbound(now, Protocol::Udp, from, to, Step::Goes).expect("a mapping")
}

fn comes(nat: &mut Bindings, now: Duration, from: SocketAddrV4, to: SocketAddrV4) -> Result<SocketAddrV4, Dropped> {
    nat.inbound(now, Protocol::Udp, from, to, Step::Goes)
}

#[test]
fn every_word_is_read_back() {
    assert!(Dependence::ALL.iter().all(|word| Dependence::of_name(word.name()) == Some(*word)));
    assert!(Hairpinning::ALL.iter().all(|word| Hairpinning::of_name(word.name()) == Some(*word)));
    assert!(Ports::ALL.iter().all(|word| Ports::of_name(word.name()) == Some(*word)));
    assert!(Pooling::ALL.iter().all(|word| Pooling::of_name(word.name()) == Some(*word)));
    assert!(Refresh::ALL.iter().all(|word| Refresh::of_name(word.name()) == Some(*word)));
    assert!(NAMED.iter().all(|(name, mapping, filtering)| {
        Behaviour::named(name).is_some_and(|nat| (nat.mapping, nat.filtering) == (*mapping, *filtering))
    }));
}

#[test]
fn maps_by_what_the_mapping_depends_on() {
    for mapping in Dependence::ALL {
        for ports in Ports::ALL {
            let mut nat = nat(Behaviour { mapping, ports, ..Behaviour::default() });
            let inside = host(10, 40_000);
            let [first, port, address] =
                [server(0, 3478), server(0, 3479), server(1, 3478)].map(|to| out(&mut nat, S, inside, to));
            let same = [first == port, first == address];
            let built = match mapping {
                Dependence::EndpointIndependent => [true, true],
                Dependence::AddressDependent => [true, false],
                Dependence::AddressAndPortDependent => [false, false],
            };
            assert_eq!(same, built, "{mapping:?} {ports:?}");
            assert_eq!(first.port() == 40_000, ports == Ports::Preserved);
        }
    }
}

#[test]
fn lets_in_whom_the_filter_knows() {
    for mapping in Dependence::ALL {
        for filtering in Dependence::ALL {
            let mut nat = nat(Behaviour { mapping, filtering, ..Behaviour::default() });
            let inside = host(10, 40_000);
            let outside = out(&mut nat, S, inside, server(0, 3478));
            let passes = [server(0, 3478), server(0, 3479), server(1, 3478)]
                .map(|from| comes(&mut nat, 2 * S, from, outside) == Ok(inside));
            let built = match filtering {
                Dependence::EndpointIndependent => [true, true, true],
                Dependence::AddressDependent => [true, true, false],
                Dependence::AddressAndPortDependent => [true, false, false],
            };
            assert_eq!(passes, built, "{mapping:?} {filtering:?}");
        }
    }
}

#[test]
fn forgets_a_mapping_to_the_nanosecond() {
    let nanosecond = Duration::from_nanos(1);
    for filtering in Dependence::ALL {
        let mut nat = nat(Behaviour { filtering, udp_timeout: 5 * S, ..Behaviour::default() });
        let outside = out(&mut nat, S, host(10, 1), server(0, 3478));
        assert_eq!(nat.awaited(6 * S - nanosecond, Protocol::Udp, server(0, 3478), outside), Ok(host(10, 1)));
        assert_eq!(nat.awaited(6 * S, Protocol::Udp, server(0, 3478), outside), Err(Dropped::NoMapping));
    }
}

#[test]
fn refreshes_by_those_who_may() {
    for refresh in Refresh::ALL {
        for filtering in Dependence::ALL {
            let mut nat = nat(Behaviour { refresh, filtering, udp_timeout: 5 * S, ..Behaviour::default() });
            let outside = out(&mut nat, S, host(10, 1), server(0, 3478));
            assert!(comes(&mut nat, 4 * S, server(0, 3478), outside).is_ok());
            let later = comes(&mut nat, 8 * S, server(0, 3478), outside);
            assert_eq!(later.is_ok(), refresh == Refresh::Any, "{refresh:?} {filtering:?}");
        }
    }
}

#[test]
fn a_mapping_that_another_host_gets_does_not_let_in_whom_the_first_one_knew() {
    let behaviour = Behaviour { filtering: Dependence::AddressDependent, udp_timeout: 5 * S, ..Behaviour::default() };
    let mut nat = nat(behaviour);
    let first = out(&mut nat, S, host(10, 40_000), server(0, 3478));
    let second = out(&mut nat, 7 * S, host(11, 40_000), server(1, 3478));
    assert_eq!(first, second);
    assert_eq!(comes(&mut nat, 7 * S, server(0, 3478), second), Err(Dropped::Filtered));
}

#[test]
fn two_hosts_never_share_an_outside_port_and_parity_is_kept() {
    for ports in Ports::ALL {
        let mut nat = nat(Behaviour { ports, ..Behaviour::default() });
        let mut given: Vec<_> =
            (0..200).map(|at| out(&mut nat, S, host(at, 5004 + u16::from(at % 2)), server(0, 1))).collect();
        if ports == Ports::Parity {
            assert!(given.iter().enumerate().all(|(at, outside)| usize::from(outside.port()) % 2 == at % 2));
            assert!(given.iter().enumerate().all(|(at, outside)| usize::from(outside.port()) != 5004 + at % 2));
        }
        given.sort();
        given.dedup();
        assert_eq!(given.len(), 200);
    }
}

#[test]
fn pools_several_addresses_paired_or_arbitrarily() {
    for pooling in Pooling::ALL {
        let config = Config {
            outside: (1..=4).map(|last| Ipv4Addr::new(203, 0, 113, last)).collect(),
            ..Config::new(Behaviour { pooling, ..Behaviour::default() }, OUTSIDE)
        };
        let mut nat = Bindings::new(config);
        let mut of = |host_number| {
            let given = (0..32).map(|port| *out(&mut nat, S, host(host_number, 40_000 + port), server(0, 1)).ip());
            given.collect::<std::collections::BTreeSet<_>>().len()
        };
        let many: Vec<_> = (10..20).map(&mut of).collect();
        assert!(many.iter().all(|many| if pooling == Pooling::Paired { *many == 1 } else { *many == 4 }), "{many:?}");
    }
}

#[test]
fn sends_a_packet_to_its_own_mapping_round_as_it_is_built() {
    for hairpinning in Hairpinning::ALL {
        let mut nat = nat(Behaviour { hairpinning, ..Behaviour::default() });
        let to = out(&mut nat, S, host(10, 40_000), server(0, 3478));
        let from = out(&mut nat, S, host(11, 40_001), server(0, 3478));
        let ends = nat.hairpin(S, Protocol::Udp, host(11, 40_001), to, Step::Goes);
        let built = match hairpinning {
            Hairpinning::Off => Err(Dropped::HairpinOff),
            Hairpinning::External => Ok((from, host(10, 40_000))),
            Hairpinning::Internal => Ok((host(11, 40_001), host(10, 40_000))),
        };
        assert_eq!(ends, built);
        let nobody = nat.hairpin(S, Protocol::Udp, host(11, 40_001), end(OUTSIDE, 9), Step::Goes);
        assert_eq!(nobody, Err(Dropped::NoMapping));
    }
}

#[test]
fn gives_tcp_and_queries_the_lifetimes_of_their_rfcs() {
    let mut nat = nat(Behaviour::default());
    let (inside, to) = (host(10, 40_000), server(0, 80));
    let outside = nat.outbound(S, Protocol::Tcp, inside, to, Step::Opens).expect("a mapping");
    let ends = |nat: &Bindings| nat.mappings(S).next().expect("a mapping").expires;
    assert_eq!(ends(&nat), S + TCP_TRANSITORY);
    nat.inbound(S, Protocol::Tcp, to, outside, Step::Opens).expect("in");
    assert_eq!(ends(&nat), S + TCP_ESTABLISHED);
    nat.outbound(S, Protocol::Tcp, inside, to, Step::Closes).expect("out");
    assert_eq!(ends(&nat), S + TCP_TRANSITORY);
    nat.outbound(S, Protocol::Tcp, inside, to, Step::Opens).expect("out");
    nat.inbound(S, Protocol::Tcp, to, outside, Step::Goes).expect("in");
    assert_eq!(ends(&nat), S + TCP_ESTABLISHED);

    let query = nat.outbound(S, Protocol::Icmp, host(10, 7), server(0, 0), Step::Opens).expect("a mapping");
    assert!(nat.inside_of(S + ICMP_QUERY - Duration::from_nanos(1), Protocol::Icmp, query).is_some());
    assert!(nat.inside_of(S + ICMP_QUERY, Protocol::Icmp, query).is_none());
}

#[test]
fn refuses_new_mappings_where_the_table_is_full_and_keeps_the_old_ones() {
    let mut nat = Bindings::new(Config { most: 100, ..Config::new(Behaviour::default(), OUTSIDE) });
    let first = out(&mut nat, S, host(10, 2000), server(0, 1));
    for port in 2001..3000 {
        let made = nat.outbound(S, Protocol::Udp, host(10, port), server(0, 1), Step::Goes);
        assert_eq!(made.err(), (port >= 2100).then_some(Dropped::TableFull));
    }
    assert!(comes(&mut nat, S, server(0, 1), first).is_ok());
    // One socket that writes to the world fills the table of those let in, and no more.
    for port in 2..2000 {
        let made = nat.outbound(S, Protocol::Udp, host(10, 2000), server(0, port), Step::Goes);
        assert!(made.is_ok() || made == Err(Dropped::TableFull));
    }
    assert!(nat.outbound(40 * S, Protocol::Udp, host(11, 1), server(0, 1), Step::Goes).is_ok(), "what expired goes");
}

#[test]
fn says_that_no_port_is_free() {
    let config =
        Config { most: 100_000, ..Config::new(Behaviour { ports: Ports::Parity, ..Behaviour::default() }, OUTSIDE) };
    let mut nat = Bindings::new(config);
    let made: Vec<_> = (0..40_000u32)
        .map(|at| {
            nat.outbound(
                S,
                Protocol::Udp,
                host((at / 20_000) as u8, (at % 20_000 * 2) as u16),
                server(0, 1),
                Step::Goes,
            )
        })
        .collect();
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), (65_536 - 1024) / 2);
    assert_eq!(made.last(), Some(&Err(Dropped::PortsExhausted)));
}

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
    let pseudo = headers::sum(&left[12..20], 17 + (left.len() as u32 - 20));
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
        let checksum = !headers::sum(&packet[..20], 0);
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
    let checksum = !headers::sum(&whole[..20], 0);
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
