//! Ends that know each other, over ways with known loss, doubling, delay and clocks: every count is exact.

use super::super::sim::{Sim, Way};
use super::*;

fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A datagram with tags.
fn tagged(message: Message, from: u64, to: u64, serial: u32) -> Vec<u8> {
    Tags { from, to, serial, ..Tags::default() }.encode(message)
}

fn listening(most: usize) -> Sessions {
    Sessions::new(PACE, Default::default(), most)
}

#[test]
fn two_ends_find_each_other_and_measure_the_way() {
    let mut sim = Sim::new(PACE);
    sim.ways[1] = Way::clear(ms(3));
    sim.run(second(20));
    for end in [0, 1] {
        let session = sim.session(end);
        assert_eq!(session.life(), Life::Alive);
        let (heard, there) = (session.heard(), session.heard_there().unwrap());
        assert_eq!((heard.lost, heard.again, heard.disordered, heard.jitter), (0, 0, 0, 0), "{heard:?}");
        assert_eq!((there.lost, there.again, there.disordered, there.jitter), (0, 0, 0, 0), "{there:?}");
        let trips = session.round_trips().unwrap();
        assert_eq!((trips.least, trips.most, trips.average()), (ms(8), ms(8), ms(8)));
    }
    // From 0 to 20 s; the one that waits begins when the first end has shown that it hears it, after a second.
    assert_eq!(sim.session(0).tally(), Tally { sent: 21, answered: 20, heard: 20 + 19 });
    assert_eq!(sim.session(1).tally().sent, 19);
}

#[test]
fn loss_is_counted_in_its_direction_only() {
    for lossy in [0, 1] {
        let mut sim = Sim::new(PACE);
        sim.ways[lossy].drops = Box::new(|number| number % 10 == 0);
        sim.run(second(60));
        // What is lost last is known by what comes after it.
        sim.ways[lossy].drops = Box::new(|_| false);
        sim.run(second(62));
        let dropped = u32::try_from(sim.ways[lossy].dropped).unwrap();
        assert!(dropped >= 10, "{dropped}");
        let (sender, receiver) = (sim.session(lossy), sim.session(1 - lossy));
        assert_eq!((receiver.heard().lost, sender.heard().lost), (dropped, 0), "end {lossy} loses");
        assert_eq!(sender.heard_there().unwrap().lost, dropped);
        assert_eq!(receiver.heard_there().unwrap().lost, 0);
        let told: u32 = sim.events[1 - lossy]
            .iter()
            .map(|event| if let Event::Missing { count, .. } = event { *count } else { 0 })
            .sum();
        assert_eq!(told, dropped);
        assert_eq!(sim.count(lossy, |event| matches!(event, Event::Missing { .. })), 0);
        assert_eq!(receiver.heard().heard + dropped, receiver.heard().seen);
    }
}

#[test]
fn loss_both_ways_is_told_apart() {
    let mut sim = Sim::new(PACE);
    sim.ways[0].drops = Box::new(|number| number % 5 == 3);
    sim.ways[1].drops = Box::new(|number| number % 7 == 2);
    sim.run(second(100));
    sim.ways.iter_mut().for_each(|way| way.drops = Box::new(|_| false));
    sim.run(second(102));
    let lost = [0, 1].map(|way| u32::try_from(sim.ways[way].dropped).unwrap());
    assert_eq!([sim.session(1).heard().lost, sim.session(0).heard().lost], lost);
}

#[test]
fn doubled_and_overtaken_datagrams_are_counted() {
    let mut sim = Sim::new(PACE);
    sim.ways[0].copies = Box::new(|number| 1 + u64::from(number % 4 == 0));
    // Every sixth takes so long that the next overtakes it.
    sim.ways[1].delay = Box::new(|number| ms(if number % 6 == 0 { 1_200 } else { 5 }));
    sim.run(second(60) - ms(100));
    let doubled = sim.ways[0].sent / 4;
    assert_eq!(u64::from(sim.session(1).heard().again), doubled);
    assert_eq!(sim.count(1, |event| matches!(event, Event::Again { .. })) as u64, doubled);
    assert_eq!((sim.session(1).heard().lost, sim.session(1).heard().disordered), (0, 0));
    let heard = sim.session(0).heard();
    assert!((15..=20).contains(&heard.disordered), "{heard:?}");
    assert!(heard.lost <= 1 && heard.again == 0, "one may be on its way: {heard:?}");
}

#[test]
fn a_repeated_datagram_is_not_answered_again() {
    let mut sessions = listening(8);
    let hello = tagged(Message::Heartbeat(1), 7, 0, 1);
    for _ in 0..5 {
        sessions.handle(ms(0), at(1), &hello);
    }
    assert_eq!(std::iter::from_fn(|| sessions.transmit(ms(0))).count(), 1);
}

#[test]
fn clocks_that_do_not_run_alike_cost_nothing_but_a_little_jitter() {
    let mut sim = Sim::new(PACE);
    // A second a minute fast, a second a minute slow.
    sim.clocks = [1_016_667, 983_333];
    sim.run(second(120));
    for end in [0, 1] {
        let session = sim.session(end);
        assert_eq!((session.heard().lost, session.life()), (0, Life::Alive));
        assert_eq!(sim.count(end, |event| matches!(event, Event::Late { .. } | Event::Lost { .. })), 0);
        // A thirtieth of the second that passes at most between two datagrams.
        assert!(session.heard().jitter < 34_000, "{:?}", session.heard());
    }
}

#[test]
fn delays_that_alternate_are_the_jitter_of_their_direction() {
    let mut sim = Sim::new(PACE);
    sim.ways[0].delay = Box::new(|number| ms(5 + number % 2 * 16));
    sim.run(second(120));
    let jitter = sim.session(1).heard().jitter;
    assert!((14_000..=16_000).contains(&jitter), "{jitter} µs");
    assert_eq!(sim.session(0).heard().jitter, 0);
    assert_eq!(sim.session(0).heard_there().unwrap().jitter, jitter, "it is told");
}

#[test]
fn an_end_that_is_gone_is_lost_within_the_timeout_and_found_again() {
    let mut sim = Sim::new(PACE);
    sim.run(second(10));
    let gone = sim.ends[1].take();
    assert!(gone.is_some());
    sim.run(second(10) + PACE.timeout);
    assert_eq!(sim.session(0).life(), Life::Lost);
    assert_eq!(sim.session(0).times(), Times { late: 1, lost: 1, ..Times::default() });
    // Another program in its place: it knows nobody, and has other tokens.
    sim.ends[1] = Some(listening(8));
    sim.run(second(20));
    assert_eq!(sim.session(0).life(), Life::Alive);
    assert_eq!(sim.session(0).times().restarted, 1);
    assert_eq!(sim.session(1).heard().lost, 0, "what it was not there for is not lost to it");
    assert_eq!(sim.session(0).heard().lost, 0);
}

#[test]
fn a_nat_that_gives_another_port_is_seen_and_nothing_is_lost_for_long() {
    let mut sim = Sim::new(PACE);
    sim.run(ms(10_500));
    let before = sim.addresses[0];
    sim.addresses[0] = at(4711);
    sim.run(second(20));
    let session = sim.session(1);
    assert_eq!((session.peer(), session.times().moved), (at(4711), 1));
    assert!(sim.events[1].contains(&Event::Moved { from: before, to: at(4711) }));
    assert_eq!(sim.ends[1].as_ref().unwrap().met(), 1, "it is the same one");
    assert_eq!(sim.count(0, |event| matches!(event, Event::Late { .. } | Event::Lost { .. })), 0);
    // Heartbeats of the other end went to the old address until the new one had shown that it hears.
    assert!(session.heard_there().unwrap().lost <= 2);
}

#[test]
fn a_server_that_moves_is_followed_too() {
    let mut sim = Sim::new(PACE);
    sim.run(second(10));
    // What it sends has another sender from now on, and both addresses lead to it.
    sim.ways[1].drops = Box::new(|_| false);
    let moved = at(99);
    let mut first = Sessions::towards(PACE, Default::default(), at(1), ms(0));
    let mut second_end = listening(1);
    let mut now = ms(0);
    for round in 0..8 {
        let from = if round < 3 { at(1) } else { moved };
        while let Some(transmit) = first.transmit(now) {
            second_end.handle(now, at(2), &transmit.bytes);
        }
        while let Some(transmit) = second_end.transmit(now) {
            first.handle(now, from, &transmit.bytes);
        }
        now += second(1);
    }
    assert_eq!(first.ends()[0].peer(), moved);
}

#[test]
fn a_forged_sender_gets_no_more_than_was_sent_in_its_name() {
    let mut sessions = listening(100);
    let (mut came, mut went) = (0, 0);
    for step in 0..1_000u64 {
        let now = ms(step * 10);
        if step % 7 == 0 {
            let hello = tagged(Message::Heartbeat(1), 1_000 + step, 0, 1);
            came += hello.len();
            sessions.handle(now, at(9), &hello);
        }
        sessions.handle_time(now);
        went += std::iter::from_fn(|| sessions.transmit(now)).map(|transmit| transmit.bytes.len()).sum::<usize>();
    }
    assert!(went > 0 && went <= came, "{came} bytes came, {went} went");
}

#[test]
fn a_recorded_datagram_from_elsewhere_moves_nobody() {
    let mut sessions = listening(8);
    sessions.handle(ms(0), at(1), &tagged(Message::Heartbeat(1), 7, 0, 1));
    let answer = sessions.transmit(ms(0)).unwrap();
    let (_, tags) = Tags::decode(&answer.bytes).unwrap();
    let report = Report { seen: 1, heard: 1, ..Report::default() };
    let second = Tags { from: 7, to: tags.from, serial: 2, at: 0, report }.encode(Message::Heartbeat(2));
    sessions.handle(ms(10), at(1), &second);
    let ignored = sessions.ignored();
    // The same bytes from another address; and a guess of what comes next, from one that does not hear the answer.
    sessions.handle(ms(20), at(66), &second);
    assert_eq!(sessions.ignored(), ignored + 1);
    let third = Tags { from: 7, to: tags.from, serial: 3, at: 0, report }.encode(Message::Heartbeat(3));
    sessions.handle(ms(30), at(66), &third);
    let sent: Vec<Transmit> = std::iter::from_fn(|| sessions.transmit(ms(2_000))).collect();
    let to = |port| sent.iter().filter(|transmit| transmit.to == at(port)).count();
    assert_eq!(to(66), 1, "one answer for one datagram: {sent:?}");
    assert_eq!(sessions.ends()[0].peer(), at(1));
}

#[test]
fn a_forged_hello_does_not_replace_who_speaks_from_that_address() {
    let mut sim = Sim::new(PACE);
    sim.run(second(5));
    let from = sim.addresses[0];
    let waiting = sim.ends[1].as_mut().unwrap();
    waiting.handle(second(5), from, &tagged(Message::Heartbeat(1), 666, 0, 1));
    sim.run(second(30));
    assert_eq!(sim.session(1).times(), Times::default());
    assert_eq!((sim.session(0).life(), sim.session(0).heard().lost), (Life::Alive, 0));
}

#[test]
fn a_client_that_is_started_anew_on_its_port_takes_the_place_of_the_old_one() {
    let mut sim = Sim::new(PACE);
    sim.run(second(5));
    sim.ends[0] = Some(Sessions::towards(PACE, Default::default(), sim.addresses[1], second(5)));
    sim.run(second(12));
    let waiting = sim.ends[1].as_mut().unwrap();
    assert_eq!((waiting.ends().len(), waiting.met(), waiting.take_left().len()), (1, 2, 1));
    assert!(sim.events[1].contains(&Event::Restarted { peer: sim.addresses[0] }));
}

#[test]
fn what_is_not_theirs_is_ignored_and_counted() {
    let mut sessions = listening(2);
    let garbage: [&[u8]; 5] = [b"", b"heartbeat 1\n", b"\xff\x00", &[b'x'; Tags::LENGTH], b"ack 1"];
    for bytes in garbage {
        sessions.handle(ms(0), at(1), bytes);
    }
    sessions.handle(ms(0), at(1), &tagged(Message::Ack(1), 7, 0, 1));
    assert_eq!((sessions.ignored(), sessions.met(), sessions.transmit(ms(0))), (6, 0, None));
    // Full: those who show that they hear keep their place.
    for from in 1..=3u16 {
        sessions.handle(ms(0), at(from), &tagged(Message::Heartbeat(1), from.into(), 0, 1));
    }
    assert_eq!((sessions.ends().len(), sessions.refused()), (2, 1));
    sessions.handle(ms(2_000), at(4), &tagged(Message::Heartbeat(1), 4, 0, 1));
    assert_eq!((sessions.ends().len(), sessions.met()), (2, 3), "one that never answered has made room");
}

#[test]
fn its_own_words_sent_back_are_nobodys() {
    let mut sessions = Sessions::towards(PACE, Default::default(), at(7), ms(0));
    for beat in 0..5 {
        let sent: Vec<Transmit> = std::iter::from_fn(|| sessions.transmit(second(beat))).collect();
        sent.iter().for_each(|transmit| sessions.handle(second(beat), at(7), &transmit.bytes));
    }
    assert_eq!((sessions.ignored(), sessions.ends()[0].life()), (5, Life::Lost));
}

#[test]
fn one_that_says_no_more_than_its_number_is_heard_where_it_was_chosen() {
    let mut sessions = Sessions::towards(PACE, Default::default(), at(1), ms(0));
    let hello = sessions.transmit(ms(0)).unwrap();
    assert_eq!(Message::decode(&hello.bytes), Message::Heartbeat(1), "the exercise reads it");
    sessions.handle(ms(4), at(1), b"ack 1\n");
    sessions.handle(ms(5), at(1), b"heartbeat 1\n");
    sessions.handle(ms(6), at(2), b"heartbeat 1\n");
    assert_eq!((sessions.ends()[0].life(), sessions.ignored()), (Life::Alive, 1));
    assert_eq!(sessions.transmit(ms(6)).unwrap().bytes, b"ack 1\n");
    assert_eq!(sessions.ends()[0].heard_there(), None, "nothing is known of the way there");
}

proptest! {
    #[test]
    fn tags_come_back_as_they_were(
        numbers in any::<[u32; 7]>(), tokens in any::<[u64; 3]>(), number in any::<u64>(), beat in any::<bool>(),
    ) {
        let [serial, seen, heard, lost, again, disordered, jitter] = numbers;
        let report = Report { seen, heard, lost, again, disordered, jitter };
        let tags = Tags { from: tokens[0].max(1), to: tokens[1], serial: serial.max(1), at: tokens[2], report };
        let message = if beat { Message::Heartbeat(number) } else { Message::Ack(number) };
        let bytes = tags.encode(message);
        prop_assert_eq!(bytes.len(), Tags::LENGTH);
        prop_assert_eq!(Tags::decode(&bytes), Some((message, tags)));
        prop_assert_eq!(Message::decode(&bytes), message);
    }

    /// Whatever comes, from wherever: bounded, nothing sent without end, never more to an address than came from it
    /// before it has shown that it hears.
    #[test]
    fn sessions_hold_under_anything(steps in prop::collection::vec((0u64..2_000, 0u16..4, 0u64..4, 0u64..3, 0u32..9, any::<bool>()), 0..200)) {
        let (mut sessions, mut now) = (listening(3), ms(0));
        let (mut came, mut went) = ([0u32; 4], [0u32; 4]);
        for (pass, port, from, to, serial, beat) in steps {
            now += ms(pass);
            let message = if beat { Message::Heartbeat(serial.into()) } else { Message::Ack(serial.into()) };
            sessions.handle(now, at(port), &tagged(message, from.max(1), to, serial.max(1)));
            came[usize::from(port)] += 1;
            sessions.handle_time(now);
            for transmit in std::iter::from_fn(|| sessions.transmit(now)).take(1_000) {
                prop_assert_eq!(transmit.bytes.len(), Tags::LENGTH);
                went[usize::from(transmit.to.port())] += 1;
            }
            // No token of ours was ever guessed.
            prop_assert!(came.iter().zip(&went).all(|(came, went)| went <= came), "{:?} {:?}", came, went);
            prop_assert!(sessions.wait().is_none_or(|wait| wait > now));
            prop_assert!(sessions.ends().len() <= 3);
            while sessions.event().is_some() {}
            sessions.take_left();
        }
    }
}
