//! Replays, strangers, and a peer with the right word that does not behave: nothing happens, and little is kept.

use proptest::prelude::*;

use super::*;
use crate::engine::rendezvous::message::{Inside, Stamp};

/// What a machine has, so that a change shows.
fn state(peer: &Punch) -> String {
    let other = peer.other.as_ref().unwrap();
    let known: Vec<_> = other.candidates.iter().map(|known| known.address).collect();
    format!("{:?} {known:?} {:?}", peer.report().reach, peer.ended())
}

fn met() -> World {
    let mut nat = Behaviour::named("port-restricted").unwrap();
    nat.udp_timeout = 100 * S;
    let mut world = world(Link::default(), [behind(&[nat], 1), behind(&[nat], 2)], |_, plan| plan.once = false);
    world.catches = true;
    world.run(5 * S);
    for one in [0, 1] {
        assert!(matches!(world.reach(one), Reach::Direct { .. }));
    }
    world
}

fn answers(peer: &mut Punch, now: Duration) -> Vec<Action> {
    std::iter::from_fn(|| peer.poll(now)).collect()
}

#[test]
fn what_was_caught_and_is_sent_again_does_nothing() {
    let mut world = met();
    let now = world.now;
    let before = state(&world.peers[1]);
    assert!(answers(&mut world.peers[1], now).is_empty());
    let path = world.peers[1].other.as_ref().unwrap().path.as_ref().unwrap().address;
    let dropped = world.peers[1].dropped;
    let mut sent = 0;
    // Those that arrived.
    let arrived = |datagram: &Datagram| datagram.to.ip().octets() == [203, 0, 113, 102];
    for (_, datagram) in world.caught.iter().filter(|(one, datagram)| *one == 0 && arrived(datagram)) {
        // From where it came, from elsewhere, and as if the rendezvous had said it.
        for from in [path, "198.51.100.7:9".parse().unwrap(), SocketAddr::new(SERVER.into(), PORT)] {
            world.peers[1].handle(now, Input::Datagram { from, bytes: &datagram.bytes });
            sent += 1;
        }
    }
    assert!(sent > 5, "{sent}");
    assert_eq!(answers(&mut world.peers[1], now), []);
    assert_eq!(world.peers[1].event(), None);
    assert_eq!(state(&world.peers[1]), before);
    let now = world.peers[1].dropped;
    assert_eq!(now.strange + now.repeated - dropped.strange - dropped.repeated, sent);
}

#[test]
fn what_strangers_say_does_nothing() {
    let mut world = met();
    let now = world.now;
    let (own, other) = (world.peers[1].id, world.peers[0].id);
    let server = SocketAddr::new(SERVER.into(), PORT);
    let before = state(&world.peers[1]);
    let session: Session = "lesson".parse().unwrap();
    let third = Id::new(77).unwrap();
    let stamp = |from, to| Stamp { session, from, to, seq: 1_000_000 };
    let right = stamp(other, own);
    let strange = [
        Message::Punch(stamp(third, own)),
        Message::Punch(stamp(other, third)),
        Message::Punch(stamp(own, own)),
        Message::Punch(Stamp { session: "other".parse().unwrap(), ..right }),
        // An answer to nothing.
        Message::Reached { stamp: right, seen: server },
        Message::Beaten { stamp: right, seen: server },
        // What only the rendezvous may say.
        Message::Refused { peer: own, nonce: 1, why: Refusal::Taken },
        Message::Cookie { peer: own, nonce: 0, cookie: [9; 16] },
        Message::Registered { peer: own, nonce: 5, outside: server, lifetime: 0 },
        Message::Relayed { session, other: third, seq: 1, data: Default::default() },
    ];
    for message in &strange {
        for (from, word) in [
            ("198.51.100.7:9".parse().unwrap(), word()),
            (server, word()),
            ("198.51.100.7:9".parse().unwrap(), Word::new(b"coffee")),
        ] {
            world.peers[1].handle(now, Input::Datagram { from, bytes: &message.encode(&word) });
        }
    }
    for message in [Message::Punch(right), Message::Beat(right)] {
        let bytes = message.encode(&Word::new(b"coffee"));
        world.peers[1].handle(now, Input::Datagram { from: "198.51.100.7:9".parse().unwrap(), bytes: &bytes });
    }
    for bytes in [&b""[..], b"\n", &[0xff; 60_000], b"punch", b"punch session=lesson mac="] {
        world.peers[1].handle(now, Input::Datagram { from: server, bytes });
        world.peers[1].handle(now, Input::Datagram { from: "198.51.100.7:9".parse().unwrap(), bytes });
    }
    assert_eq!(answers(&mut world.peers[1], now), []);
    assert_eq!(world.peers[1].event(), None);
    assert_eq!(state(&world.peers[1]), before);
}

#[test]
fn an_old_push_of_the_rendezvous_makes_it_ask_and_no_more() {
    let mut world = met();
    let server = SocketAddr::new(SERVER.into(), PORT);
    let forged = Message::Meet {
        peer: world.peers[1].id,
        nonce: 0,
        outside: server,
        other: Id::new(77).unwrap(),
        other_outside: "198.51.100.7:9".parse().unwrap(),
        other_inside: Inside::new(),
    };
    let before = state(&world.peers[1]);
    let mut sent = Vec::new();
    for step in 0..1000 {
        let now = world.now + step * Duration::from_millis(1);
        world.peers[1].handle(now, Input::Datagram { from: server, bytes: &forged.encode(&word()) });
        sent.extend(answers(&mut world.peers[1], now));
    }
    assert!((5..=11).contains(&sent.len()), "{}", sent.len());
    let to_server = |action: &Action| matches!(action, Action::Send { way: Way::Rendezvous, .. });
    assert!(sent.iter().all(to_server));
    assert_eq!(state(&world.peers[1]), before);
}

#[test]
fn a_peer_that_comes_from_everywhere_is_not_followed_everywhere() {
    let mut world = met();
    let (own, other) = (world.peers[1].id, world.peers[0].id);
    let session: Session = "lesson".parse().unwrap();
    let path = world.reach(1);
    let (mut sent, mut asked) = (0, 0);
    for seq in 0..20_000u32 {
        let stamp = Stamp { session, from: other, to: own, seq: 1_000_000 + seq };
        let message = if seq % 2 == 0 { Message::Punch(stamp) } else { Message::Beat(stamp) };
        let last = seq.to_be_bytes();
        let ip = match seq % 100 {
            0 => Ipv4Addr::BROADCAST,
            1 => Ipv4Addr::new(224, 0, 0, 1),
            _ => Ipv4Addr::new(198, last[1], last[2], last[3]),
        };
        let now = world.now + seq * Duration::from_micros(100);
        let from = SocketAddr::new(ip.into(), 9);
        world.peers[1].handle(now, Input::Datagram { from, bytes: &message.encode(&word()) });
        asked += 1;
        sent += answers(&mut world.peers[1], now).len();
    }
    let other = world.peers[1].other.as_ref().unwrap();
    assert!(other.candidates.len() <= MOST_CANDIDATES && world.peers[1].sent.len() <= MOST_SENT);
    // An answer to each, and every 100 ms of two seconds a punch to each candidate.
    assert!(sent <= asked + 20 * MOST_CANDIDATES + 10, "{sent} of {asked}");
    assert_eq!(world.reach(1), path, "nothing was proved there");
}

proptest! {
    #[test]
    fn survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600), from_server in any::<bool>()) {
        let mut world = world(Link::default(), [behind(&[], 1), behind(&[], 2)], |_, _| {});
        let from = if from_server { SocketAddr::new(SERVER.into(), PORT) } else { "198.51.100.7:9".parse().unwrap() };
        world.peers[0].handle(S, Input::Datagram { from, bytes: &bytes });
        world.peers[0].handle(S, Input::Told(&bytes));
        world.peers[0].handle(S, Input::Line { connection: 3, bytes: &bytes });
        prop_assert_eq!(world.peers[0].event(), None);
    }
}
