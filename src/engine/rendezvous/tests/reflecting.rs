//! The server cannot be used against others: who has proved nothing gets no more than it sent, what is forged or comes
//! again does nothing, and no told address is ever sent to.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

/// What one does in a scene, and where it comes from. Sources are few, so that they meet; so are names and lives.
#[derive(Clone, Debug)]
struct Act {
    source: usize,
    session: usize,
    peer: u64,
    what: Deed,
    /// Milliseconds that pass before.
    after: u64,
}

#[derive(Clone, Debug)]
enum Deed {
    /// With the cookie that this source was given last for this life, or with another one's.
    Register {
        own: bool,
        inside: usize,
    },
    Relay {
        own: bool,
        length: usize,
    },
    Bye {
        own: bool,
    },
    /// What was sent at some time, from the same or from another source.
    Again(prop::sample::Index),
    /// The same with a byte changed.
    Changed(prop::sample::Index, prop::sample::Index),
    /// What the server itself said.
    Mirrored(prop::sample::Index),
    Garbage(Vec<u8>),
}

fn act() -> impl Strategy<Value = Act> {
    let what = prop_oneof![
        8 => (prop::bool::weighted(0.8), 0usize..5).prop_map(|(own, inside)| Deed::Register { own, inside }),
        3 => (prop::bool::weighted(0.8), 0usize..=256).prop_map(|(own, length)| Deed::Relay { own, length }),
        1 => prop::bool::weighted(0.8).prop_map(|own| Deed::Bye { own }),
        2 => any::<prop::sample::Index>().prop_map(Deed::Again),
        1 => any::<[prop::sample::Index; 2]>().prop_map(|[which, at]| Deed::Changed(which, at)),
        1 => any::<prop::sample::Index>().prop_map(Deed::Mirrored),
        1 => prop::collection::vec(any::<u8>(), 0..600).prop_map(Deed::Garbage),
    ];
    let after = prop_oneof![4 => 0u64..50, 1 => 0u64..70_000];
    (0usize..6, 0usize..2, 1u64..5, what, after).prop_map(|(source, session, peer, what, after)| Act {
        source,
        session,
        peer,
        what,
        after,
    })
}

/// Addresses of victims: they are told as insides, and never send anything.
fn victims(count: usize) -> Inside {
    ["198.51.100.1:53", "198.51.100.2:123", "192.168.1.10:5000", "[2001:db8::53]:53"]
        .into_iter()
        .take(count)
        .map(end)
        .collect()
}

fn source(number: usize) -> SocketAddr {
    ["192.0.2.1:1000", "192.0.2.1:1001", "192.0.2.2:1000", "[2001:db8::1]:1000", "[2001:db8::2]:1", "192.0.2.3:7"]
        .map(end)[number]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn nobody_gets_more_than_it_sent_before_its_cookie_came_back(acts in prop::collection::vec(act(), 1..60)) {
        let mut server = server(Bounds::default());
        let mut now = Duration::ZERO;
        // What each source was given, and what has gone through the wire.
        let mut cookies: HashMap<(SocketAddr, Session, Id), Cookie> = HashMap::new();
        let (mut sent, mut said) = (Vec::<Vec<u8>>::new(), Vec::<Vec<u8>>::new());
        // Bytes to and from each; those whose cookie has come back.
        let mut balance: HashMap<SocketAddr, i64> = HashMap::new();
        let mut proved: HashSet<SocketAddr> = HashSet::new();
        for (turn, act) in acts.into_iter().enumerate() {
            now += Duration::from_millis(act.after);
            let (from, peer) = (source(act.source), id(act.peer));
            let session = session(["tea", "coffee"][act.session]);
            let key = (from, session, peer);
            let any = || cookies.values().copied().min().unwrap_or([1; 16]);
            let of = |own: bool| if own { cookies.get(&key).copied().unwrap_or([0; 16]) } else { any() };
            let (nonce, seq) = (turn as u64, turn as u32);
            let bytes = match act.what {
                Deed::Register { own, inside } => {
                    let message =
                        Message::Register { session, peer, nonce, cookie: of(own), inside: victims(inside), has: None };
                    message.encode(&word())
                }
                Deed::Relay { own, length } => {
                    let data = Payload::new(&vec![7; length]).expect("short");
                    Message::Relay { session, peer, cookie: of(own), seq, data }.encode(&word())
                }
                Deed::Bye { own } => Message::Bye { session, peer, cookie: of(own) }.encode(&word()),
                Deed::Again(which) if !sent.is_empty() => which.get(&sent).clone(),
                Deed::Changed(which, at) if !sent.is_empty() => {
                    let mut bytes = which.get(&sent).clone();
                    if !bytes.is_empty() {
                        *at.get_mut(&mut bytes) ^= 1;
                    }
                    bytes
                }
                Deed::Mirrored(which) if !said.is_empty() => which.get(&said).clone(),
                Deed::Garbage(bytes) => bytes,
                _ => continue,
            };
            // Whether this is the proof: a cookie of this very source and life.
            if let Ok(
                Message::Register { session, peer, cookie, .. }
                | Message::Relay { session, peer, cookie, .. }
                | Message::Bye { session, peer, cookie },
            ) = Message::decode(&bytes, &word())
                && cookies.get(&(from, session, peer)) == Some(&cookie)
            {
                proved.insert(from);
            }
            *balance.entry(from).or_default() += bytes.len() as i64;
            let answers = server.handle(now, UDP, from, &bytes);
            sent.push(bytes);
            for answer in answers {
                if let Ok(Message::Cookie { peer, cookie, .. }) = Message::decode(&answer.bytes, &word()) {
                    prop_assert_eq!(answer.to, from);
                    // It does not say of which session: of the one that was asked for, which a repetition may change.
                    if let Ok(Message::Register { session, .. }) =
                        Message::decode(sent.last().expect("one"), &word())
                    {
                        cookies.insert((from, session, peer), cookie);
                    }
                }
                prop_assert!(!victims(4).contains(&answer.to), "sent to a told address");
                *balance.entry(answer.to).or_default() -= answer.bytes.len() as i64;
                said.push(answer.bytes);
            }
            for (to, left) in &balance {
                prop_assert!(proved.contains(to) || *left >= 0, "{} got {} bytes too many", to, -left);
            }
            prop_assert!(server.held().living <= 4, "two in each of two sessions");
        }
    }
}

/// All that a run of messages leaves behind, but for counts of what was thrown away.
fn shape(server: &Server) -> (Held, u64, u64, u64) {
    let tally = server.tally();
    (server.held(), tally.came, tally.met, tally.relayed)
}

#[test]
fn what_comes_again_does_nothing() {
    let mut server = server(Bounds::default());
    let (mut a, mut b) = (Peer::new("tea", 1, "203.0.113.1:5000"), Peer::new("tea", 2, "203.0.113.2:6000"));
    a.enter(&mut server, at(0));
    b.enter(&mut server, at(0));
    let (register, relay) = (a.register(), a.relay(b"hello"));
    for bytes in [&register, &relay] {
        assert!(!server.handle(at(1), UDP, a.from, bytes).is_empty());
    }
    let before = shape(&server);
    for (seconds, bytes) in [(1, &register), (1, &relay), (2, &register), (29, &relay)] {
        assert_eq!(server.handle(at(seconds), UDP, a.from, bytes).as_slice(), []);
    }
    assert_eq!((shape(&server), server.tally().repeated), (before, 4));
    // It did not keep A alive, either; and does not bring it back, once it was silent for too long.
    server.sweep(at(31));
    assert_eq!(server.held().living, 0);
    for bytes in [&register, &relay] {
        assert_eq!(server.handle(at(31), UDP, a.from, bytes).as_slice(), []);
    }
    assert_eq!(server.held().living, 0);
    // A comes back by a request that is new.
    let bytes = a.register();
    a.send(&mut server, at(32), &bytes);
    assert_eq!(server.held().living, 1);
    // And goes: not even its own next request brings back a life that said bye, nor does a second bye end another one.
    let bye = a.bye();
    a.send(&mut server, at(33), &bye);
    let late = a.register();
    let mut next = Peer::new("tea", 3, "203.0.113.1:5000");
    next.enter(&mut server, at(34));
    for bytes in [&register, &relay, &late, &bye] {
        assert_eq!(server.handle(at(34), UDP, a.from, bytes).as_slice(), []);
    }
    assert_eq!((server.held().living, server.held().over), (1, 2));
}

#[test]
fn a_cookie_of_before_brings_nothing_back_when_all_is_forgotten() {
    let mut server = server(Bounds::default());
    let mut a = Peer::new("tea", 1, "203.0.113.1:5000");
    a.enter(&mut server, at(59));
    let (register, relay) = (a.register(), a.relay(b"x"));
    assert_eq!(server.handle(at(59), UDP, a.from, &register).len(), 1);
    for seconds in 60..400 {
        for bytes in [&register, &relay] {
            let answers = server.handle(at(seconds), UDP, a.from, bytes);
            // As soon as the cookie holds no more, another one is all there is to get.
            assert!(answers.iter().all(|answer| answer.bytes.starts_with(b"cookie ") && seconds >= 120), "{seconds}");
        }
        assert!(server.held().living == usize::from(seconds < 89), "{seconds}");
    }
    assert_eq!(server.held(), Held::default());
}

#[test]
fn what_others_send_in_the_name_of_a_peer_does_nothing() {
    let mut server = server(Bounds::default());
    let (mut a, mut b) = (Peer::new("tea", 1, "203.0.113.1:5000"), Peer::new("tea", 2, "203.0.113.2:6000"));
    a.enter(&mut server, at(0));
    b.enter(&mut server, at(0));
    let before = shape(&server);
    let (register, relay, bye) = (a.register(), a.relay(b"hello"), a.bye());
    // From elsewhere: the cookie does not hold there.
    for from in ["203.0.113.1:5001", "203.0.113.2:6000", "198.51.100.7:5000"] {
        for bytes in [&relay, &bye] {
            assert_eq!(server.handle(at(1), UDP, end(from), bytes).as_slice(), []);
        }
        for answer in server.handle(at(1), UDP, end(from), &register) {
            assert!(answer.bytes.starts_with(b"cookie ") && answer.to == end(from));
        }
        assert_eq!(server.handle(at(1), Transport::Tcp, end(from), &bye).as_slice(), []);
    }
    // With another word, or changed anywhere.
    let strange = Message::Bye { session: a.session, peer: a.id, cookie: a.cookie }.encode(&Word::new(b"guess"));
    assert_eq!(server.handle(at(1), UDP, a.from, &strange).as_slice(), []);
    for bytes in [&register, &relay, &bye] {
        for at_byte in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at_byte] ^= 1;
            assert_eq!(server.handle(at(1), UDP, a.from, &changed).as_slice(), [], "byte {at_byte}");
        }
    }
    assert_eq!(shape(&server), before);
}

#[test]
fn nobodys_address_is_answered() {
    let mut server = server(Bounds::default());
    for from in ["203.0.113.1:0", "0.0.0.0:5000", "224.0.0.1:5000", "255.255.255.255:9", "[::]:1", "[ff02::1]:5000"] {
        let mut peer = Peer::new("tea", 1, from);
        let bytes = peer.register();
        assert_eq!(server.handle(at(0), UDP, peer.from, &bytes).as_slice(), []);
    }
    assert_eq!(server.tally().garbage, 6);
}

#[test]
fn a_peer_of_ipv4_is_the_same_through_a_socket_of_both_families() {
    let mut server = server(Bounds::default());
    let mut a = Peer::new("tea", 1, "[::ffff:203.0.113.1]:5000");
    let bytes = a.register();
    let [answer] = &server.handle(at(0), UDP, a.from, &bytes)[..] else { panic!("a cookie") };
    assert_eq!(answer.to, end("203.0.113.1:5000"));
}

#[test]
fn limits_what_one_source_and_all_can_have() {
    let messages = Limits { source: 5, all: 12 };
    let mut server = server(Bounds { messages, ..Bounds::default() });
    let mut answered = |second: u64, last: u8, count: u16| {
        let peers = (0..count).map(|port| Peer::new("tea", 1, &format!("192.0.2.{last}:{}", 1000 + port)));
        peers.map(|mut peer| server.handle(at(second), UDP, peer.from, &peer.register()).len()).sum::<usize>()
    };
    assert_eq!([answered(0, 1, 20), answered(0, 2, 20), answered(0, 3, 20), answered(1, 3, 20)], [5, 5, 2, 5]);
    assert_eq!(server.tally().limited, 63);
}
