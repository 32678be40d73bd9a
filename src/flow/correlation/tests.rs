//! Networks made up, and what is found out of them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::frame::{Frame, LinkType, Timestamp};
use crate::wire::{Layers, decode};

const MILLISECOND: i64 = 1_000_000;

/// An IPv4 datagram of UDP.
#[derive(Clone)]
struct Datagram {
    from: ([u8; 4], u16),
    to: ([u8; 4], u16),
    identification: u16,
    ttl: u8,
    data: Vec<u8>,
}

impl Datagram {
    fn bytes(&self) -> Vec<u8> {
        let length = 8 + self.data.len() as u16;
        let mut bytes = vec![0x45, 0];
        bytes.extend((20 + length).to_be_bytes());
        bytes.extend(self.identification.to_be_bytes());
        bytes.extend([0x40, 0, self.ttl, 17, 0, 0]);
        bytes.extend(self.from.0);
        bytes.extend(self.to.0);
        bytes.extend([self.from.1, self.to.1, length, 0].iter().flat_map(|word| word.to_be_bytes()));
        bytes.extend(&self.data);
        bytes
    }
}

/// A segment that differs in nothing from others of these numbers.
fn segment(from: ([u8; 4], u16), to: ([u8; 4], u16), sequence: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x45, 0];
    bytes.extend((40 + data.len() as u16).to_be_bytes());
    bytes.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
    bytes.extend(from.0);
    bytes.extend(to.0);
    bytes.extend(from.1.to_be_bytes());
    bytes.extend(to.1.to_be_bytes());
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0, 0, 0, 1, 0x50, 0x10, 1, 0, 0, 0, 0, 0]);
    bytes.extend(data);
    bytes
}

fn see(correlation: &mut Correlation, side: Side, time: i64, bytes: &[u8]) {
    let mut layers = Layers::new();
    let seen = if side == Side::Inside { &correlation.inside } else { &correlation.outside };
    let frame = Frame {
        number: seen.len() as u64 + 1,
        time: Some(Timestamp(time)),
        link: LinkType::RAW,
        length: bytes.len() as u32,
        data: bytes,
        ..Frame::empty()
    };
    correlation.add(side, &decode(frame, &mut layers));
}

const HOST: [u8; 4] = [192, 168, 1, 10];
const NAT: [u8; 4] = [203, 0, 113, 1];
const REMOTE: ([u8; 4], u16) = ([203, 0, 113, 10], 9200);

/// A datagram from inside, as both sides see it.
fn out(correlation: &mut Correlation, time: i64, port: u16, external: u16, data: &[u8]) {
    let inside = Datagram { from: (HOST, port), to: REMOTE, identification: 7, ttl: 64, data: data.to_vec() };
    see(correlation, Side::Inside, time, &inside.bytes());
    let outside = Datagram { from: (NAT, external), ttl: 63, ..inside };
    see(correlation, Side::Outside, time + MILLISECOND, &outside.bytes());
}

fn from_outside(correlation: &mut Correlation, time: i64, from: ([u8; 4], u16), external: u16) {
    let datagram = Datagram { from, to: (NAT, external), identification: 9, ttl: 60, data: b"answer".to_vec() };
    see(correlation, Side::Outside, time, &datagram.bytes());
}

#[test]
fn a_binding_has_both_ends_and_what_went_through_it() {
    let mut seen = Correlation::default();
    out(&mut seen, 0, 4000, 61_000, b"hello");
    let back = Datagram { from: REMOTE, to: (NAT, 61_000), identification: 3, ttl: 64, data: b"you".to_vec() };
    see(&mut seen, Side::Outside, 5 * MILLISECOND, &back.bytes());
    see(&mut seen, Side::Inside, 7 * MILLISECOND, &Datagram { to: (HOST, 4000), ttl: 63, ..back }.bytes());
    let report = seen.report();
    let [binding] = report.bindings.as_slice() else { panic!("{:?}", report.bindings) };
    assert_eq!(binding.inside.to_string(), "192.168.1.10:4000");
    assert_eq!(binding.outside.to_string(), "203.0.113.1:61000");
    assert_eq!((binding.packets, binding.idle, binding.ended), ([1, 1], 7 * MILLISECOND, Ended::Open));
    assert_eq!(report.changes.ttl, Some((1, 1)));
    let twin = |inside, outside, way| Twin { inside, outside, way };
    assert_eq!(report.twins, [twin(1, 1, Way::Out), twin(2, 2, Way::In)]);
    // One millisecond out and two back, however the clocks stand.
    assert_eq!(report.path.both, Some(3 * MILLISECOND));
}

#[test]
fn why_a_packet_was_not_let_in_is_told() {
    let mut seen = Correlation::default();
    out(&mut seen, 0, 4000, 61_000, b"hello");
    from_outside(&mut seen, 10 * MILLISECOND, ([198, 51, 100, 7], 5), 61_000);
    from_outside(&mut seen, 11 * MILLISECOND, REMOTE, 61_999);
    from_outside(&mut seen, 12 * MILLISECOND, REMOTE, 61_000);
    from_outside(&mut seen, 7_000 * MILLISECOND, REMOTE, 61_000);
    let report = seen.report();
    let why: Vec<Why> = report.refusals.iter().map(|refusal| refusal.why).collect();
    let numbers: Vec<u64> = report.refused.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [2, 3, 4, 5], "each by itself");
    // The clocks are taken to differ by the millisecond that the NAT took: only one way was seen.
    assert_eq!(why, [Why::Filtered, Why::NoBinding, Why::Lost, Why::Expired { after: 6_999 * MILLISECOND }]);
    assert_eq!(report.bindings[0].ended, Ended::Expired { after: 6_999 * MILLISECOND });
}

#[test]
fn a_flow_that_gets_another_port_is_another_binding() {
    let mut seen = Correlation::default();
    out(&mut seen, 0, 4000, 61_000, b"one");
    out(&mut seen, 7_000 * MILLISECOND, 4000, 62_000, b"two");
    let report = seen.report();
    let ended: Vec<Ended> = report.bindings.iter().map(|binding| binding.ended).collect();
    assert_eq!(ended, [Ended::Replaced { after: 7_000 * MILLISECOND }, Ended::Open]);
}

#[test]
fn segments_put_together_on_one_side_are_not_lost() {
    let (own, external) = ((HOST, 4000), (NAT, 61_000));
    let mut seen = Correlation::default();
    see(&mut seen, Side::Inside, 0, &segment(own, REMOTE, 1, b"first"));
    see(&mut seen, Side::Outside, 1, &segment(external, REMOTE, 1, b"first"));
    see(&mut seen, Side::Inside, 2, &segment(own, REMOTE, 6, b"onetwo"));
    see(&mut seen, Side::Outside, 3, &segment(external, REMOTE, 6, b"one"));
    see(&mut seen, Side::Outside, 3, &segment(external, REMOTE, 9, b"two"));
    see(&mut seen, Side::Inside, 4, &segment(own, REMOTE, 12, b"lost"));
    let report = seen.report();
    assert_eq!((report.regrouped, report.lost, report.bindings[0].lost), (3, 1, 1));
}

#[test]
fn a_packet_that_turns_round_in_the_nat_is_a_hairpin() {
    let mut seen = Correlation::default();
    out(&mut seen, 0, 4000, 61_000, b"known");
    let there =
        Datagram { from: (HOST, 4001), to: (NAT, 61_000), identification: 5, ttl: 64, data: b"neighbour".to_vec() };
    see(&mut seen, Side::Inside, 10, &there.bytes());
    let back = Datagram { from: (NAT, 61_001), to: (HOST, 4000), ttl: 63, ..there };
    see(&mut seen, Side::Inside, 20, &back.bytes());
    let report = seen.report();
    assert_eq!(report.hairpins.len(), 1);
    assert_eq!(report.hairpins[0].seen_from.to_string(), "203.0.113.1:61001");
    assert_eq!((report.stayed_inside, report.lost), (0, 0));
}

#[test]
fn an_echo_is_told_by_its_identifier() {
    let echo = |from: [u8; 4], to: [u8; 4], kind: u8, identifier: u16| {
        let mut bytes = vec![0x45, 0, 0, 32, 0, 1, 0, 0, 64, 1, 0, 0];
        bytes.extend([from, to].concat());
        bytes.extend([kind, 0, 0, 0]);
        bytes.extend(identifier.to_be_bytes());
        bytes.extend([0, 1, b'p', b'i', b'n', b'g']);
        bytes
    };
    let mut seen = Correlation::default();
    see(&mut seen, Side::Inside, 0, &echo(HOST, REMOTE.0, 8, 77));
    see(&mut seen, Side::Outside, 1, &echo(NAT, REMOTE.0, 8, 900));
    see(&mut seen, Side::Outside, 2, &echo(REMOTE.0, NAT, 0, 900));
    see(&mut seen, Side::Inside, 3, &echo(REMOTE.0, HOST, 0, 77));
    let report = seen.report();
    let [binding] = report.bindings.as_slice() else { panic!("{:?}", report.bindings) };
    assert_eq!((binding.inside.port(), binding.outside.port(), binding.packets), (77, 900, [1, 1]));
}

proptest! {
    /// Hosts send beats that are all alike, through a NAT with a binding for each, on clocks that differ.
    #[test]
    fn the_table_of_any_nat_is_found_again(
        flows in proptest::collection::btree_set((1u8..5, 1000u16..1010, 9000u16..9003), 1..12),
        beats in 1i64..20,
        skew in -30_000_000_000i64..30_000_000_000,
        lost in proptest::collection::vec(any::<proptest::sample::Index>(), 0..3),
    ) {
        let mut seen = Correlation::default();
        let mut truth = BTreeMap::new();
        let mut all = Vec::new();
        for (order, (host, port, remote)) in flows.iter().enumerate() {
            let own = ([192, 168, 1, *host], *port);
            let external = (NAT, 40_000 + order as u16);
            truth.insert((own, (REMOTE.0, *remote)), (external, 0u64));
            for beat in 0..beats {
                let time = (beat * 200 + order as i64 * 13) * MILLISECOND;
                // Each socket counts its datagrams.
                let identification = (beat as u16).wrapping_mul(3).wrapping_add(order as u16 * 1000);
                let inside = Datagram {
                    from: own,
                    to: (REMOTE.0, *remote),
                    identification,
                    ttl: 64,
                    data: b"HEARTBEAT".to_vec(),
                };
                all.push((time, inside, external));
            }
        }
        let dropped: Vec<usize> = lost.iter().map(|index| index.index(all.len())).collect();
        all.iter().enumerate().for_each(|(place, (time, inside, external))| {
            see(&mut seen, Side::Inside, *time, &inside.bytes());
            if !dropped.contains(&place) {
                let outside = Datagram { from: *external, ttl: 63, ..inside.clone() };
                see(&mut seen, Side::Outside, time + skew + 40_000, &outside.bytes());
                truth.get_mut(&(inside.from, inside.to)).unwrap().1 += 1;
            }
        });
        truth.retain(|_, (_, packets)| *packets > 0);
        let report = seen.report();
        let end = |end: std::net::SocketAddr| match end {
            std::net::SocketAddr::V4(four) => (four.ip().octets(), four.port()),
            std::net::SocketAddr::V6(_) => unreachable!(),
        };
        let found: BTreeMap<_, _> = report.bindings.iter().map(|binding| {
            ((end(binding.inside), end(binding.remote)), (end(binding.outside), binding.packets[0]))
        }).collect();
        prop_assert_eq!(found.len(), report.bindings.len(), "no flow has two bindings");
        prop_assert_eq!(found, truth);
    }
}
