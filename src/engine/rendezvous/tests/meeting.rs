//! Two peers find each other through the server, and lose each other again.

use super::*;
use crate::engine::nat::Behaviour;
use crate::engine::nat::bindings::Config;
use crate::engine::sim::{Link, PUBLIC, Sim};

/// Two that have met at 0 s.
fn met(bounds: Bounds) -> (Server, Peer, Peer) {
    let mut server = server(bounds);
    let (mut a, mut b) = (Peer::new("tea", 1, "203.0.113.1:5000"), Peer::new("tea", 2, "203.0.113.2:6000"));
    assert_eq!(a.enter(&mut server, at(0)), []);
    let [pushed] = &b.enter(&mut server, at(0))[..] else { panic!("the one that waits is told") };
    assert_eq!(pushed.to, a.from);
    assert!(a.hear(&pushed.bytes));
    (server, a, b)
}

#[test]
fn two_are_told_of_each_other_the_one_that_waits_at_once() {
    let (mut server, a, b) = met(Bounds::default());
    assert_eq!((a.outside, b.outside), (Some(a.from), Some(b.from)));
    assert_eq!(a.other, Some((b.id, b.from, b.inside.clone())));
    assert_eq!(b.other, Some((a.id, a.from, a.inside.clone())));
    let tally = *server.tally();
    assert_eq!((tally.came, tally.met, tally.registered, tally.challenged), (2, 1, 2, 2));
    let [came, came_too, met] = &events(&mut server)[..] else { panic!("three events") };
    assert_eq!((came, came_too), (&What::Came { inside: a.inside }, &What::Came { inside: b.inside }));
    assert_eq!(met, &What::Met { other: a.from });
}

#[test]
fn the_one_that_waits_is_told_again_until_it_says_that_it_knows() {
    let (mut server, mut a, mut b) = met(Bounds::default());
    let again = b.register();
    let [pushed] = &b.send(&mut server, at(1), &again)[..] else { panic!("A has not said yet that it knows") };
    assert_eq!(pushed.to, a.from);
    let known = a.register();
    assert_eq!(a.send(&mut server, at(1), &known), [], "B knows of A");
    let again = b.register();
    assert_eq!(b.send(&mut server, at(2), &again), [], "now A has said it");
    assert_eq!(server.tally().met, 1);
}

#[test]
fn sessions_and_transports_do_not_mix() {
    let mut server = server(Bounds::default());
    let (mut a, mut b) = (Peer::new("tea", 1, "203.0.113.1:5000"), Peer::new("coffee", 2, "203.0.113.2:6000"));
    assert_eq!((a.enter(&mut server, at(0)), b.enter(&mut server, at(0))), (vec![], vec![]));
    let mut c = Peer::new("tea", 3, "203.0.113.3:6000");
    for _ in 0..2 {
        let bytes = c.register();
        for answer in server.handle(at(0), Transport::Tcp, c.from, &bytes) {
            assert_eq!((answer.transport, answer.to), (Transport::Tcp, c.from));
            assert!(c.hear(&answer.bytes));
        }
    }
    assert_eq!((a.other, b.other, c.other, c.outside), (None, None, None, Some(c.from)));
    assert_eq!(server.held(), Held { sessions: 3, living: 3, over: 0, nonces: 3, sources: 3 });
}

#[test]
fn a_third_one_is_refused_until_a_place_is_free() {
    let (mut server, mut a, mut b) = met(Bounds::default());
    let mut third = Peer::new("tea", 3, "203.0.113.3:7000");
    let refused = |answers: Vec<Answer>| match &answers[..] {
        [Answer { bytes, .. }] => match Message::decode(bytes, &word()) {
            Ok(Message::Refused { why, .. }) => Some(why),
            _ => None,
        },
        _ => None,
    };
    assert_eq!(refused(third.enter(&mut server, at(1))), Some(Refusal::Taken));
    // A goes on, B is silent.
    let bytes = a.register();
    a.send(&mut server, at(20), &bytes);
    let bytes = third.register();
    assert_eq!(refused(third.send(&mut server, at(29), &bytes)), Some(Refusal::Taken));
    let bytes = third.register();
    let [pushed] = &third.send(&mut server, at(30), &bytes)[..] else { panic!("A is told of the new one") };
    assert!(a.hear(&pushed.bytes));
    assert_eq!((a.has, third.has), (Some(third.id), Some(a.id)));
    // B wakes up again: its place is taken; then A says that it goes.
    let bytes = b.register();
    assert_eq!(refused(b.send(&mut server, at(31), &bytes)), Some(Refusal::Taken));
    let bytes = a.bye();
    assert_eq!(a.send(&mut server, at(31), &bytes), []);
    let bytes = b.register();
    assert_eq!(b.send(&mut server, at(32), &bytes).len(), 1, "the third one is told");
    assert_eq!(b.has, Some(third.id));
    let told = events(&mut server);
    assert!(told.contains(&What::Silent) && told.contains(&What::Left), "{told:?}");
}

#[test]
fn a_program_that_was_started_again_takes_its_own_place() {
    let (mut server, mut a, b) = met(Bounds::default());
    let mut again = Peer::new("tea", 4, "203.0.113.2:6000");
    let [pushed] = &again.enter(&mut server, at(2))[..] else { panic!("A is told") };
    assert!(a.hear(&pushed.bytes));
    assert_eq!((a.has, again.has), (Some(again.id), Some(a.id)));
    assert_eq!((server.held().living, server.held().over), (2, 1));
    drop(b);
}

#[test]
fn a_peer_whose_nat_made_another_mapping_is_told_of_as_it_is_now() {
    let (mut server, mut a, mut b) = met(Bounds::default());
    let known = a.register();
    a.send(&mut server, at(1), &known);
    b.from = end("203.0.113.2:7777");
    let first = b.register();
    assert_eq!(b.send(&mut server, at(5), &first), [], "the old cookie does not hold there");
    let second = b.register();
    let [pushed] = &b.send(&mut server, at(5), &second)[..] else { panic!("A is told though it knows of B") };
    assert!(a.hear(&pushed.bytes));
    assert_eq!(a.other.map(|other| other.1), Some(b.from));
    assert_eq!(b.outside, Some(b.from));
    assert!(events(&mut server).contains(&What::Moved { before: end("203.0.113.2:6000") }));
    assert_eq!((server.held().living, server.held().sources), (2, 2));
}

#[test]
fn carries_between_the_two_of_a_session_and_for_nobody_else() {
    let (mut server, mut a, b) = met(Bounds::default());
    let bytes = a.relay(&[0xff; 256]);
    let [answer] = &a.send(&mut server, at(1), &bytes)[..] else { panic!("one, to B") };
    assert_eq!(answer.to, b.from);
    let data = Payload::new(&[0xff; 256]).expect("short");
    let relayed = Message::Relayed { session: a.session, other: a.id, seq: 1, data };
    assert_eq!(Message::decode(&answer.bytes, &word()), Ok(relayed));
    assert!(answer.bytes.len() < bytes.len());
    // A third one with a cookie of its own, which is not of the two.
    let mut third = Peer::new("tea", 3, "203.0.113.3:7000");
    third.enter(&mut server, at(1));
    let bytes = third.relay(b"hello");
    assert_eq!(third.send(&mut server, at(1), &bytes), []);
    // One that is alone.
    let mut alone = Peer::new("coffee", 3, "203.0.113.3:7000");
    alone.enter(&mut server, at(1));
    let bytes = alone.relay(b"hello");
    assert_eq!(alone.send(&mut server, at(1), &bytes), []);
    assert_eq!((server.tally().relayed, server.tally().unheard), (1, 2));
    let relays = events(&mut server).into_iter().filter(|what| matches!(what, What::Relays { .. }));
    assert_eq!(relays.count(), 1);
}

#[test]
fn holds_as_many_as_it_may_and_says_why_no_more() {
    let bounds = Bounds { peers: 3, of_a_source: 2, ..Bounds::default() };
    let mut server = server(bounds);
    let why = |server: &mut Server, number: u64, from: &str, now| {
        let mut peer = Peer::new(&format!("s{number}"), number, from);
        let answers = peer.enter(server, at(now));
        let refused = answers.first().map(|answer| Message::decode(&answer.bytes, &word()));
        (
            peer,
            refused.map(|message| {
                message.map(|message| matches!(message, Message::Refused { why, .. } if why == Refusal::Full))
            }),
        )
    };
    let (first, none) = why(&mut server, 1, "203.0.113.1:1", 0);
    assert_eq!(none, None);
    assert_eq!(why(&mut server, 2, "203.0.113.1:2", 0).1, None);
    assert_eq!(why(&mut server, 3, "203.0.113.1:3", 0).1, Some(Ok(false)), "busy, not full");
    assert_eq!(why(&mut server, 4, "203.0.113.4:4", 0).1, None);
    assert_eq!(why(&mut server, 5, "203.0.113.5:5", 0).1, Some(Ok(true)), "full");
    // One leaves: though it is remembered, there is room.
    server.handle(at(1), UDP, first.from, &first.bye());
    assert_eq!(why(&mut server, 6, "203.0.113.6:6", 1).1, None);
    assert_eq!((server.held().living, server.tally().refused), (3, 2));
    // All are silent, then forgotten.
    server.sweep(at(31));
    assert_eq!((server.held().living, server.held().sources), (0, 0));
    server.sweep(at(122));
    assert_eq!(server.held(), Held::default());
    assert!(server.is_empty());
}

#[test]
fn two_behind_nats_meet_through_a_network_that_loses_a_third() {
    for seed in 0..20 {
        let link = Link { loss: 0.33, jitter: Duration::from_millis(20), ..Link::default() };
        let mut sim = Sim::new(link, seed);
        let place = [203, 0, 113, 10].into();
        let mut server = server(Bounds::default());
        let host = sim.host(PUBLIC, place);
        let mut peers: Vec<(usize, Peer)> = Vec::new();
        for number in 1..=2u8 {
            let nat = sim.nat(PUBLIC, Config::new(Behaviour::default(), [203, 0, 113, number].into()));
            let inside = sim.host(nat, [192, 168, number, 10].into());
            peers.push((inside, Peer::new("tea", number.into(), &format!("192.168.{number}.10:5000"))));
        }
        let mut now = Duration::ZERO;
        while peers.iter().any(|(_, peer)| peer.other.is_none()) {
            assert!(now < at(60), "seed {seed}: they have not met");
            for (host, peer) in &mut peers {
                let bytes = peer.register();
                sim.send(now, *host, 5000, SocketAddr::new(place.into(), 7000), &bytes);
            }
            now += Duration::from_secs(1);
            while let Some((when, who, datagram)) = sim.arrive(now) {
                if who == host {
                    for answer in server.handle(when, UDP, datagram.from.into(), &datagram.bytes) {
                        sim.send(when, host, 7000, answer.to, &answer.bytes);
                    }
                } else if let Some((_, peer)) = peers.iter_mut().find(|(host, _)| *host == who) {
                    peer.hear(&datagram.bytes);
                }
            }
        }
        let outside = |at: usize| peers[at].1.outside.map(|address| address.ip());
        assert_eq!(outside(0), Some([203, 0, 113, 1].into()));
        for (own, other) in [(0, 1), (1, 0)] {
            assert_eq!(peers[own].1.other.as_ref().map(|one| one.1.ip()), outside(other));
        }
        assert_eq!(server.tally().met, 1);
    }
}
