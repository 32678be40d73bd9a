//! A hundred pairs that punch at once, among eight hundred peers that wait, and a stranger that floods the rendezvous.

use std::collections::HashMap;

use super::*;
use crate::engine::chance::Chance;
use crate::engine::rendezvous::message::{MOST_BYTES, Session};

/// Pairs that meet, and peers whose other one never comes.
const PAIRS: u16 = 100;
const WAITING: u16 = 800;
/// Each second so many datagrams of the stranger's come at the server.
const FLOOD: u32 = 2_000;
const STRANGER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 66);

struct Member {
    host: usize,
    peer: Punch,
}

/// A peer of this session, behind a NAT of its own where there is one.
fn member(sim: &mut Sim, number: u16, session: &str, nat: Option<Behaviour>) -> Member {
    let [high, low] = number.to_be_bytes();
    let (address, outside) = (Ipv4Addr::new(10, 7, high, low), Ipv4Addr::new(198, 18, high, low));
    let (network, address) = match nat {
        Some(nat) => (sim.nat(PUBLIC, Config::new(nat, outside)), address),
        None => (PUBLIC, outside),
    };
    let inside = SocketAddr::new(address.into(), PORTS[0]);
    let session: Session = session.parse().unwrap();
    let peer = Punch::new(Plan { session, ..plan(u64::from(number) + 1, inside) }, S);
    Member { host: sim.host(network, address), peer }
}

/// Bytes of any kind, and messages that were changed on the way.
fn garbage(chance: &mut Chance, sample: &[u8]) -> Vec<u8> {
    let mut bytes = match chance.below(2) {
        0 => vec![0; chance.below(MOST_BYTES as u32 * 2) as usize],
        _ => sample.to_vec(),
    };
    let from = if sample == bytes { chance.below(bytes.len() as u32) as usize } else { 0 };
    bytes.iter_mut().skip(from).for_each(|byte| *byte ^= 1 + chance.below(255) as u8);
    bytes
}

#[test]
fn a_hundred_pairs_punch_at_once_while_others_wait_and_a_stranger_floods() {
    let mut sim = Sim::new(Link { jitter: Duration::from_millis(20), ..Link::default() }, 11);
    let server = sim.host(PUBLIC, SERVER);
    let stranger = sim.host(PUBLIC, STRANGER);
    let mut members = Vec::new();
    for number in 0..2 * PAIRS {
        let name = format!("pair-{}", number / 2);
        members.push(member(&mut sim, number, &name, Some(Behaviour::default())));
    }
    for number in 2 * PAIRS..2 * PAIRS + WAITING {
        members.push(member(&mut sim, number, &format!("alone-{number}"), None));
    }
    let places: HashMap<usize, usize> =
        members.iter().enumerate().map(|(place, member)| (member.host, place)).collect();
    let mut third = Server::new(word(), [9; 32], Bounds::default());
    let (mut chance, mut sample) = (Chance::seeded(5), b"register ".to_vec());
    let (mut now, mut flooded, mut to_stranger, mut most_held) = (S, 0, 0, 0);
    let pairs = usize::from(2 * PAIRS);
    while members.iter().take(pairs).any(|member| member.peer.ended().is_none()) {
        assert!(now < 20 * S, "some of the pairs have not met");
        for member in &mut members {
            while let Some(Action::Send { way, bytes }) = member.peer.poll(now) {
                let to = match way {
                    Way::Datagram(to) => to,
                    _ => SocketAddr::new(SERVER.into(), PORT),
                };
                sim.send(now, member.host, PORTS[0], to, &bytes);
                sample = bytes;
            }
        }
        while flooded < (now - S).as_millis() as u32 * FLOOD / 1000 {
            flooded += 1;
            let to = SocketAddr::new(SERVER.into(), PORT);
            sim.send(now, stranger, 666, to, &garbage(&mut chance, &sample));
        }
        // In steps of a millisecond: all that comes within one is handled together.
        now += Duration::from_millis(1);
        while let Some((at, host, datagram)) = sim.arrive(now) {
            let from = datagram.from.into();
            if host == server {
                for answer in third.handle(at, Transport::Udp, from, &datagram.bytes) {
                    sim.send(at, server, PORT, answer.to, &answer.bytes);
                }
            } else if host == stranger {
                to_stranger += 1;
            } else if let Some(member) = places.get(&host).and_then(|place| members.get_mut(*place)) {
                member.peer.handle(at, Input::Datagram { from, bytes: &datagram.bytes });
            }
        }
        most_held = most_held.max(third.held().living);
    }
    for member in members.iter().take(pairs) {
        assert!(matches!(member.peer.report().reach, Reach::Direct { .. }), "{:?}", member.peer.report());
    }
    let (tally, held) = (*third.tally(), third.held());
    assert_eq!((tally.came, tally.met, tally.relayed), (1_000, PAIRS.into(), 0), "{tally:?}");
    assert!(tally.forged + tally.garbage >= u64::from(flooded) * 9 / 10 && flooded > 100, "{tally:?} of {flooded}");
    assert_eq!(to_stranger, 0, "nothing goes to who does not know the word");
    assert!(most_held <= 1_000 && held.sessions <= 900, "{most_held} {held:?}");
}
