//! Many peers, and much that is none: all meet, and what is held stays within its bounds.

use super::*;
use crate::engine::chance::Chance;
use crate::engine::rendezvous::message::MOST_INSIDE;

/// How often each registers.
const ROUNDS: usize = 8;

/// Garbage of all kinds: bytes, text, cut and changed messages, messages with another word.
fn garbage(chance: &mut Chance, good: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    let at = chance.below(good.len() as u32) as usize;
    match chance.below(5) {
        0 => (0..chance.below(1500)).map(|_| chance.number() as u8).collect(),
        1 => bytes[..at].to_vec(),
        2 => {
            bytes[at] ^= 1 << chance.below(8);
            bytes
        }
        3 => Message::Punch(crate::engine::rendezvous::message::Stamp {
            session: session("tea"),
            from: id(1),
            to: id(2),
            seq: 3,
        })
        .encode(&word()),
        _ => Message::Bye { session: session("tea"), peer: id(1), cookie: [0; 16] }.encode(&Word::new(b"guess")),
    }
}

#[test]
fn a_thousand_peers_register_and_a_hundred_pairs_meet_in_a_flood_of_garbage() {
    let mut server = server(Bounds::default());
    let mut chance = Chance::seeded(1);
    // The first 200 are pairs; the others are alone in their sessions.
    let mut peers: Vec<Peer> = (0..1000u64)
        .map(|number| {
            let name = if number < 200 { format!("pair-{}", number / 2) } else { format!("alone-{number}") };
            Peer::new(&name, 1 + number, &format!("10.0.{}.{}:{}", number / 250, 1 + number % 250, 5000 + number))
        })
        .collect();
    let mut now = Duration::ZERO;
    let mut thrown = 0;
    for _ in 0..ROUNDS {
        for at in 0..peers.len() {
            let bytes = peers[at].register();
            for _ in 0..3 {
                let from = SocketAddr::new(std::net::Ipv4Addr::from_bits(chance.number() as u32 | 1).into(), 9);
                let junk = garbage(&mut chance, &bytes);
                assert!(server.handle(now, UDP, from, &junk).is_empty());
                thrown += 1;
            }
            let from = peers[at].from;
            for answer in server.handle(now, UDP, from, &bytes) {
                let other = at ^ 1;
                let to = if answer.to == from { at } else { other };
                assert_eq!(answer.to, peers[to].from);
                assert!(peers[to].hear(&answer.bytes));
            }
            now += Duration::from_micros(900);
        }
        let held = server.held();
        assert!(held.living <= 1000 && held.over == 0 && held.nonces <= ROUNDS * 1000, "{held:?}");
    }
    for (number, peer) in peers.iter().enumerate() {
        let other = (number < 200).then(|| id(1 + (number as u64 ^ 1)));
        assert_eq!((peer.has, peer.outside), (other, Some(peer.from)));
    }
    let (held, tally) = (server.held(), *server.tally());
    assert_eq!((held.sessions, held.living, tally.came, tally.met), (900, 1000, 1000, 100));
    assert_eq!((tally.garbage + tally.forged, tally.limited, tally.refused), (thrown, 0, 0));
    server.sweep(now + at(200));
    server.sweep(now + at(400));
    assert_eq!(server.held(), Held::default());
}

#[test]
fn those_who_know_the_word_cannot_make_it_hold_more_than_its_bounds() {
    let bounds = Bounds {
        messages: Limits { source: u32::MAX, all: u32::MAX },
        peers: 200,
        of_a_source: 100,
        ..Bounds::default()
    };
    let mut server = server(bounds);
    let mut chance = Chance::seeded(2);
    let inside: Inside = (0..MOST_INSIDE).map(|host| end(&format!("192.168.1.{}:5000", 1 + host))).collect();
    let mut known: Vec<Peer> = Vec::new();
    for step in 0..4_000u64 {
        let now = Duration::from_millis(step * 25);
        let mut peer = match chance.below(4) {
            // One of before goes on, or leaves.
            0 | 1 if !known.is_empty() => known.swap_remove(chance.below(known.len() as u32) as usize),
            _ => {
                let name = format!("s{}", chance.below(150));
                let from = format!("10.0.0.{}:{}", 1 + chance.below(5), 1 + chance.below(65_535));
                let mut peer = Peer::new(&name, chance.number() | 1, &from);
                peer.inside = inside.clone();
                peer.enter(&mut server, now);
                peer
            }
        };
        let bytes = if chance.happens(0.2) { peer.bye() } else { peer.register() };
        for answer in peer.send(&mut server, now, &bytes) {
            assert!(answer.bytes.len() <= 512);
        }
        known.push(peer);
        known.truncate(500);
        if step % 100 == 0 {
            let held = server.held();
            assert!(held.living + held.over <= 200 && held.sources <= 5 && held.nonces <= 200 * 120, "{held:?}");
        }
    }
    let tally = server.tally();
    assert!(tally.refused > 100 && tally.met > 100, "{tally:?}");
    while server.event().is_some() {}
}
