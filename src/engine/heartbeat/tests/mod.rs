//! The machine under loss, delay, silence, foreign heartbeats and changing addresses, in no time at all.

use proptest::prelude::*;

use super::*;

mod sessions;

const PACE: Pace = Pace { interval: Duration::from_secs(1), timeout: Duration::from_secs(3) };

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 5, 1], port))
}

fn end() -> Heartbeat {
    Heartbeat::new(PACE, at(1), Duration::ZERO)
}

fn sent(end: &mut Heartbeat, now: Duration) -> Vec<String> {
    std::iter::from_fn(|| end.transmit(now)).map(|transmit| String::from_utf8(transmit.bytes).unwrap()).collect()
}

fn events(end: &mut Heartbeat) -> Vec<Event> {
    std::iter::from_fn(|| end.event()).collect()
}

#[test]
fn beats_once_an_interval_and_does_not_make_up_for_what_it_slept_through() {
    let mut end = end();
    assert_eq!(sent(&mut end, ms(0)), ["heartbeat 1\n"]);
    assert_eq!(sent(&mut end, ms(999)), [""; 0]);
    assert_eq!(sent(&mut end, ms(1000)), ["heartbeat 2\n"]);
    assert_eq!(sent(&mut end, ms(1_000_000)), ["heartbeat 3\n"]);
    assert_eq!(sent(&mut end, ms(1_000_001)), [""; 0]);
}

#[test]
fn answers_the_peers_heartbeats_and_measures_the_round_trip_of_its_own() {
    let mut end = end();
    sent(&mut end, ms(0));
    end.handle(ms(20), at(1), b"ack 1\n");
    end.handle(ms(30), at(1), b"heartbeat 7\n");
    assert_eq!(sent(&mut end, ms(30)), ["ack 7\n"]);
    sent(&mut end, ms(1000));
    end.handle(ms(1052), at(1), b"ack 2");
    let expected = [
        Event::Alive { peer: at(1), silence: None },
        Event::Answered { peer: at(1), number: 1, round_trip: ms(20), jitter: ms(0) },
        Event::Beat { peer: at(1), number: Some(7) },
        // |52 - 20| / 16
        Event::Answered { peer: at(1), number: 2, round_trip: ms(52), jitter: ms(2) },
    ];
    assert_eq!(events(&mut end), expected);
    assert_eq!(end.tally(), Tally { sent: 2, answered: 2, heard: 3 });
    assert_eq!(end.round_trip(), Some((ms(52), ms(2))));
}

#[test]
fn an_answer_counts_once_and_to_a_heartbeat_that_was_sent() {
    let mut end = end();
    sent(&mut end, ms(0));
    for bytes in [&b"ack 1\n"[..], b"ack 1\n", b"ack 2\n", b"ack 99999999999999999999999"] {
        end.handle(ms(5), at(1), bytes);
    }
    assert_eq!(end.tally(), Tally { sent: 1, answered: 1, heard: 4 });
}

#[test]
fn any_datagram_is_a_sign_of_life_and_no_answer_is_told() {
    let mut end = end();
    sent(&mut end, ms(0));
    end.handle(ms(10), at(1), b"PING\xff");
    sent(&mut end, ms(1000));
    assert_eq!(
        events(&mut end),
        [
            Event::Alive { peer: at(1), silence: None },
            Event::Beat { peer: at(1), number: None },
            Event::Unanswered { peer: at(1), number: 1 },
        ]
    );
}

#[test]
fn giving_up_tells_that_the_last_heartbeat_has_no_answer() {
    let mut end = end();
    end.give_up();
    sent(&mut end, ms(0));
    end.give_up();
    end.give_up();
    assert_eq!(events(&mut end), [Event::Unanswered { peer: at(1), number: 1 }]);
}

#[test]
fn a_peer_that_falls_silent_is_late_then_lost_and_may_come_back() {
    let mut end = end();
    end.handle(ms(100), at(1), b"x");
    assert_eq!(end.wait(), ms(0), "the first heartbeat is due");
    sent(&mut end, ms(100));
    end.due = ms(100_000); // what is not sent cannot end the wait
    assert_eq!(end.wait(), ms(1600));
    end.handle_time(ms(1599));
    assert_eq!(end.life(), Life::Alive);
    end.handle_time(ms(1600));
    assert_eq!((end.life(), end.wait()), (Life::Late, ms(3100)));
    end.handle_time(ms(3100));
    assert_eq!(end.life(), Life::Lost);
    end.handle_time(ms(90_000));
    end.handle(ms(90_100), at(1), b"x");
    let told = events(&mut end);
    assert_eq!(
        told.into_iter().filter(|event| !matches!(event, Event::Beat { .. })).collect::<Vec<_>>(),
        [
            Event::Alive { peer: at(1), silence: None },
            Event::Late { peer: at(1), silence: ms(1500) },
            Event::Lost { peer: at(1), silence: ms(3000) },
            Event::Alive { peer: at(1), silence: Some(ms(90_000)) },
        ]
    );
}

#[test]
fn one_that_never_speaks_is_lost_but_was_never_late() {
    let mut end = end();
    end.handle_time(ms(2999));
    assert_eq!(end.life(), Life::Unknown);
    end.handle_time(ms(3000));
    assert_eq!(events(&mut end), [Event::Lost { peer: at(1), silence: ms(3000) }]);
}

#[test]
fn whoever_sleeps_through_both_hears_of_late_and_lost() {
    let mut end = end();
    end.handle(ms(0), at(1), b"x");
    events(&mut end);
    end.handle_time(ms(60_000));
    assert!(matches!(events(&mut end).as_slice(), [Event::Late { .. }, Event::Lost { .. }]));
}

#[test]
fn jitter_settles_where_round_trips_alternate() {
    let mut end = end();
    for number in 1..=200 {
        let now = ms(number * 1000);
        sent(&mut end, now);
        end.handle(now + ms(if number % 2 == 0 { 10 } else { 30 }), at(1), format!("ack {number}").as_bytes());
    }
    // The difference is always 20 ms.
    let (_, jitter) = end.round_trip().unwrap();
    assert!((ms(19)..=ms(20)).contains(&jitter), "{jitter:?}");
}

#[test]
fn several_ends_are_told_apart_by_their_address() {
    let mut peers = Peers::new(PACE, 2);
    for port in [1, 2, 3] {
        peers.handle(ms(0), at(port), b"heartbeat 1\n");
    }
    assert_eq!((peers.ends().len(), peers.met(), peers.refused()), (2, 2, 1));
    let sent: Vec<_> = std::iter::from_fn(|| peers.transmit(ms(0))).collect();
    assert_eq!(sent.iter().filter(|transmit| transmit.bytes == b"ack 1\n").count(), 2);
    assert_eq!(sent.iter().filter(|transmit| transmit.bytes == b"heartbeat 1\n").count(), 2);
}

#[test]
fn an_end_that_goes_on_counting_from_another_address_has_moved() {
    let mut peers = Peers::new(PACE, 8);
    for number in 1..=5 {
        peers.handle(ms(number * 1000), at(1), format!("heartbeat {number}\n").as_bytes());
    }
    peers.handle(ms(5500), at(2), b"heartbeat 1\n");
    peers.handle(ms(6000), at(9), b"heartbeat 6\n");
    let told: Vec<_> = std::iter::from_fn(|| peers.event()).collect();
    assert!(told.contains(&Event::Moved { from: at(1), to: at(9) }), "{told:?}");
    assert_eq!(peers.ends().iter().map(Heartbeat::peer).collect::<Vec<_>>(), [at(9), at(2)]);
}

#[test]
fn the_only_end_has_moved_when_another_address_speaks_after_it_fell_silent() {
    let mut peers = Peers::new(PACE, 8);
    peers.handle(ms(0), at(1), b"alive");
    peers.handle(ms(500), at(2), b"alive");
    assert_eq!(peers.met(), 2, "one that is alive has not moved");
    let mut peers = Peers::new(PACE, 8);
    peers.handle(ms(0), at(1), b"alive");
    peers.handle(ms(2000), at(2), b"alive");
    assert_eq!((peers.met(), peers.ends()[0].peer()), (1, at(2)));
}

#[test]
fn those_who_are_lost_are_sent_nothing_and_forgotten_later() {
    let mut peers = Peers::new(PACE, 8);
    peers.handle(ms(0), at(1), b"x");
    while peers.transmit(ms(0)).is_some() {}
    peers.handle_time(ms(3000));
    assert_eq!(peers.transmit(ms(3000)), None);
    assert_eq!(peers.wait(), Some(ms(30_000)));
    peers.handle_time(ms(30_000));
    assert_eq!((peers.ends().len(), peers.wait()), (0, None));
}

#[test]
fn an_end_that_was_chosen_is_spoken_to_though_it_is_lost_and_strangers_are_not_heard() {
    let mut peers = Peers::towards(PACE, at(1), ms(0));
    peers.handle(ms(10), at(1), b"ack 1\n");
    peers.handle(ms(20), at(2), b"heartbeat 1\n");
    assert_eq!((peers.ends()[0].peer(), peers.refused()), (at(1), 1));
    let sent: Vec<_> = (0..60).filter_map(|second| peers.transmit(ms(second * 1000))).collect();
    peers.handle_time(ms(60_000));
    assert_eq!((sent.len(), peers.ends()[0].life()), (60, Life::Lost));
    peers.handle(ms(61_000), at(2), b"anything");
    assert_eq!((peers.ends()[0].peer(), peers.ends()[0].life()), (at(2), Life::Alive));
}

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Hear(u16, Vec<u8>),
    Beat(u16, u64),
    Ack(u16, u64),
    Transmit,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0u64..5_000).prop_map(Step::Pass),
        (0u16..4, any::<Vec<u8>>()).prop_map(|(port, bytes)| Step::Hear(port, bytes)),
        (0u16..4, any::<u64>()).prop_map(|(port, number)| Step::Beat(port, number)),
        (0u16..4, 0u64..50).prop_map(|(port, number)| Step::Ack(port, number)),
        Just(Step::Transmit),
    ];
    prop::collection::vec(step, 0..300)
}

proptest! {
    #[test]
    fn any_bytes_are_read_and_ours_come_back(bytes in any::<Vec<u8>>(), number in any::<u64>()) {
        let _ = Message::decode(&bytes);
        for message in [Message::Heartbeat(number), Message::Ack(number)] {
            prop_assert_eq!(Message::decode(&message.encode()), message);
        }
    }

    /// Whatever comes: bounded, no wait that lies in the past once time and sending had their turn, and the order of
    /// life kept: nobody is late without having been alive.
    #[test]
    fn holds_under_anything(steps in steps()) {
        let (mut peers, mut now) = (Peers::new(PACE, 3), Duration::ZERO);
        for step in steps {
            match step {
                Step::Pass(milliseconds) => now += ms(milliseconds),
                Step::Hear(port, bytes) => peers.handle(now, at(port), &bytes),
                Step::Beat(port, number) => peers.handle(now, at(port), &Message::Heartbeat(number).encode()),
                Step::Ack(port, number) => peers.handle(now, at(port), &Message::Ack(number).encode()),
                Step::Transmit => {}
            }
            peers.handle_time(now);
            let sent = std::iter::from_fn(|| peers.transmit(now)).take(1_000).count();
            prop_assert!(sent < 1_000, "it sends without end");
            prop_assert!(peers.wait().is_none_or(|wait| wait > now), "a wait in the past: {:?}", peers.wait());
            prop_assert!(peers.ends().len() <= 3);
            let mut last = std::collections::HashMap::new();
            for event in std::iter::from_fn(|| peers.event()) {
                match event {
                    Event::Alive { peer, .. } => _ = last.insert(peer, Life::Alive),
                    Event::Late { peer, .. } => {
                        prop_assert_ne!(last.insert(peer, Life::Late), Some(Life::Lost), "late after lost");
                    }
                    Event::Lost { peer, .. } => _ = last.insert(peer, Life::Lost),
                    _ => {}
                }
            }
        }
    }
}
