//! The machine against the textbook, itself and strangers, over a network that loses, doubles, delays and reorders.

use std::net::SocketAddr;
use std::time::Duration;

use super::textbook::Textbook;
use super::*;
use crate::engine::neighbour;
use crate::frame::{Frame, LinkType};
use crate::wire::tcp::Flags;
use crate::wire::{Layers, Packet, decode};

const WAY: Duration = Duration::from_millis(5);

fn plan(data: &str) -> Plan {
    Plan {
        start: 1_000,
        data: data.as_bytes().to_vec(),
        size: 1460,
        close: Close::Fin,
        data_in_syn: false,
        half_open: None,
        wrong_ack: false,
        trials: Vec::new(),
        wait: Duration::from_secs(2),
        attempts: 3,
    }
}

/// Numbers that look like chance and are the same each time (xorshift64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// Of a hundred segments so many are lost, and so many come twice; some are late by up to so long.
#[derive(Clone, Copy, Default)]
struct Weather {
    lost: u64,
    doubled: u64,
    late: Duration,
}

/// What happened: what each end has sent, and the machine's events.
struct Run {
    machine: Machine,
    peer: Textbook,
    sent: Vec<Sent>,
    came: Vec<Segment>,
    events: Vec<Event>,
    /// The states after each segment, ours and what is thought of the peer's.
    states: Vec<(State, State)>,
}

fn run(plan: Plan, peer: Textbook, weather: Weather, seed: u64) -> Run {
    let (sent, came, events, states) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut run = Run { machine: Machine::new(plan), peer, sent, came, events, states };
    let mut chance = Chance(seed * 2 + 1);
    // When, to the peer or from it, what.
    let mut wire: Vec<(Duration, bool, Segment)> = Vec::new();
    let mut now = Duration::ZERO;
    for _ in 0..20_000 {
        let mut put = |wire: &mut Vec<_>, now: Duration, to_peer: bool, segment: Segment| {
            let copies = if chance.below(100) < weather.doubled { 2 } else { 1 };
            for _ in 0..copies {
                let late = weather.late.mul_f64(chance.below(100) as f64 / 100.0);
                if chance.below(100) >= weather.lost {
                    wire.push((now + WAY + late, to_peer, segment.clone()));
                }
            }
        };
        while let Some(sent) = run.machine.transmit(now) {
            put(&mut wire, now, true, sent.segment.clone());
            run.sent.push(sent);
            run.states.push((run.machine.states().0, run.machine.states().1.state));
        }
        run.peer.handle_time(now).into_iter().for_each(|segment| put(&mut wire, now, false, segment));
        run.events.extend(std::iter::from_fn(|| run.machine.event()).map(|(_, event)| event));
        let arrival = wire.iter().map(|(at, ..)| *at).min();
        let Some(wait) = run.machine.wait() else { break };
        let Some(next) = [Some(wait), arrival, run.peer.wait()].into_iter().flatten().min() else { break };
        assert!(next < Duration::MAX, "it waits for ever: {:?}", run.machine);
        now = now.max(next);
        run.machine.handle_time(now);
        while let Some(place) = wire.iter().position(|(at, ..)| *at <= now) {
            let (_, to_peer, segment) = wire.remove(place);
            if to_peer {
                run.peer.handle(now, &segment).into_iter().for_each(|answer| put(&mut wire, now, false, answer));
            } else {
                run.machine.handle(now, &segment);
                run.came.push(segment);
                run.states.push((run.machine.states().0, run.machine.states().1.state));
            }
        }
    }
    run.events.extend(std::iter::from_fn(|| run.machine.event()).map(|(_, event)| event));
    run
}

fn calm(plan: Plan) -> Run {
    run(plan, Textbook::open(70_000), Weather::default(), 1)
}

fn purposes(run: &Run) -> Vec<Purpose> {
    run.sent.iter().map(|sent| sent.purpose).collect()
}

#[test]
fn three_steps_data_an_answer_and_four_steps_of_closing() {
    let run = calm(plan("hello"));
    use Purpose::*;
    assert_eq!(purposes(&run), [Syn, AckOfSyn, Data, AckOfData, Fin, AckOfFin]);
    assert_eq!(run.machine.ending(), Some(Ending::Closed { first: true, both: false, together: false }));
    assert_eq!(
        (run.machine.carried(), run.peer.got.as_slice(), run.peer.state),
        ((5, 5), &b"hello"[..], State::Closed)
    );
    let states: Vec<String> =
        run.states.iter().map(|(ours, peer)| format!("{} {}", ours.name(), peer.name())).collect();
    assert_eq!(
        states,
        [
            "SYN-SENT LISTEN",
            "ESTABLISHED SYN-RECEIVED",
            "ESTABLISHED ESTABLISHED",
            "ESTABLISHED ESTABLISHED", // our data
            "ESTABLISHED ESTABLISHED", // its ACK
            "ESTABLISHED ESTABLISHED", // its data
            "ESTABLISHED ESTABLISHED", // our ACK
            "FIN-WAIT-1 CLOSE-WAIT",
            "FIN-WAIT-2 CLOSE-WAIT",
            "TIME-WAIT LAST-ACK",
            "TIME-WAIT CLOSED",
        ]
    );
    let syn = &run.sent[0].segment;
    assert_eq!((syn.sequence, syn.flags, syn.size, syn.window), (1_000, Flags::SYN, Some(1460), 65_535));
    let third = &run.sent[1].segment;
    assert_eq!((third.sequence, third.acknowledgment, third.flags), (1_001, 70_001, Flags::ACK));
}

#[test]
fn whatever_the_network_does_all_arrives_once_and_in_order_or_the_silence_is_told() {
    let text: String = (0..4_000).map(|number| char::from(b'a' + (number % 23) as u8)).collect();
    let mut closed = 0;
    for seed in 0..300 {
        let weather = Weather { lost: 15, doubled: 20, late: Duration::from_millis(40 * (seed % 3)) };
        let mut plan = Plan { attempts: 8, wait: Duration::from_secs(40), ..plan(&text) };
        plan.start = u32::MAX - 1_500; // The numbers begin anew in the middle.
        let run = run(plan, Textbook::open(u32::MAX - 2_000), weather, seed);
        assert!(text.as_bytes().starts_with(&run.peer.got), "seed {seed}: the peer got something else");
        match run.machine.ending() {
            Some(Ending::Closed { .. }) => {
                closed += 1;
                assert_eq!((run.machine.carried(), run.peer.got.len()), ((4_000, 4_000), 4_000), "seed {seed}");
            }
            Some(Ending::Silence { .. } | Ending::NotClosed | Ending::Reset { .. }) => {}
            other => panic!("seed {seed}: {other:?}"),
        }
    }
    assert!(closed > 270, "{closed} of 300");
}

#[test]
fn a_closed_port_refuses() {
    let run = run(plan("x"), Textbook::closed(), Weather::default(), 1);
    assert_eq!((run.machine.ending(), run.sent.len()), (Some(Ending::Refused), 1));
}

#[test]
fn silence_ends_after_the_attempts_each_twice_as_long() {
    let run = run(plan("x"), Textbook::open(0), Weather { lost: 100, ..Weather::default() }, 1);
    assert_eq!(run.machine.ending(), Some(Ending::Silence { state: State::SynSent, sent: 3 }));
    let again: Vec<bool> = run.sent.iter().map(|sent| sent.again).collect();
    assert_eq!((again, purposes(&run)), (vec![false, true, true], vec![Purpose::Syn; 3]));
    let mut machine = Machine::new(plan(""));
    machine.transmit(Duration::ZERO).unwrap();
    let mut waits = Vec::new();
    while let Some(wait) = machine.wait() {
        waits.push(wait.as_secs());
        machine.handle_time(wait);
        machine.transmit(wait);
    }
    assert_eq!(waits, [1, 3, 7]);
}

#[test]
fn an_open_half_is_watched_and_freed() {
    let run = calm(Plan { half_open: Some(Duration::from_secs(8)), ..plan("x") });
    assert_eq!(run.machine.ending(), Some(Ending::HalfOpen { repeats: 3 }));
    assert_eq!(purposes(&run), [Purpose::Syn, Purpose::Reset]);
    let reset = &run.sent[1].segment;
    assert_eq!((reset.sequence, reset.flags), (1_001, Flags::RST));
    let repeats: Vec<u64> = run
        .events
        .iter()
        .map(|event| match event {
            Event::SynAckAgain { after, .. } => after.as_secs(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(repeats, [1, 2, 4]);
}

#[test]
fn an_abort_is_one_reset_with_the_next_number() {
    let run = calm(Plan { close: Close::Reset, ..plan("abc") });
    let last = run.sent.last().unwrap();
    assert_eq!(
        (last.purpose, last.segment.sequence, last.segment.flags),
        (Purpose::Reset, 1_004, Flags::RST | Flags::ACK)
    );
    assert_eq!((run.machine.ending(), run.sent.len()), (Some(Ending::Aborted), 5));
}

#[test]
fn a_wrong_third_step_is_reset_and_the_right_one_still_taken() {
    let run = calm(Plan { wrong_ack: true, ..plan("abc") });
    assert_eq!(run.events, [Event::Tried { trial: Trial::WrongAck, reply: Reply::Reset }]);
    assert_eq!(run.sent[1].segment.acknowledgment, 71_001);
    let reset = run.came.iter().find(|segment| segment.has(Flags::RST)).unwrap();
    assert_eq!(reset.sequence, 71_001);
    assert!(matches!(run.machine.ending(), Some(Ending::Closed { .. })));
    assert_eq!(run.peer.got, b"abc");
}

#[test]
fn segments_that_do_not_fit_get_an_ack_and_harm_nothing() {
    let trials = vec![Trial::OldSequence, Trial::FutureAck, Trial::OldAck, Trial::SynAgain, Trial::ResetAside];
    let run = calm(Plan { trials: trials.clone(), ..plan("abc") });
    let tried: Vec<Event> = trials.into_iter().map(|trial| Event::Tried { trial, reply: Reply::Ack }).collect();
    assert_eq!(run.events, tried);
    assert_eq!((run.peer.got.as_slice(), run.machine.carried()), (&b"abc"[..], (3, 3)));
    assert!(matches!(run.machine.ending(), Some(Ending::Closed { .. })));
}

#[test]
fn a_trial_without_an_answer_is_silence_and_the_rest_goes_on() {
    let mut machine = opened(Plan { trials: vec![Trial::FutureAck], ..plan("") });
    assert_eq!(machine.transmit(ms(10)).unwrap().purpose, Purpose::AckOfSyn);
    assert_eq!(machine.transmit(ms(10)).unwrap().purpose, Purpose::Trial(Trial::FutureAck));
    assert_eq!((machine.wait(), machine.trying()), (Some(ms(1_010)), Some(Trial::FutureAck)));
    machine.handle_time(ms(1_010));
    assert_eq!(machine.event().unwrap().1, Event::Tried { trial: Trial::FutureAck, reply: Reply::Silence });
    machine.handle_time(ms(1_310));
    assert_eq!(machine.transmit(ms(1_310)).unwrap().purpose, Purpose::Fin);
}

#[test]
fn data_in_a_syn_that_is_not_taken_goes_again() {
    let run = calm(Plan { data_in_syn: true, ..plan("early") });
    assert_eq!(run.events, [Event::DataInSyn { sent: 5, taken: 0 }]);
    assert_eq!(run.sent[0].segment.data, b"early");
    assert_eq!((run.peer.got.as_slice(), run.machine.carried().0), (&b"early"[..], 5));
    // Who takes it acknowledges it.
    let mut machine = Machine::new(Plan { data_in_syn: true, ..plan("early") });
    machine.transmit(ms(0)).unwrap();
    machine.handle(ms(1), &segment(500, 1_006, Flags::SYN | Flags::ACK));
    assert_eq!(machine.event().unwrap().1, Event::DataInSyn { sent: 5, taken: 5 });
    assert_eq!(machine.transmit(ms(1)).unwrap().segment.sequence, 1_006);
    assert!(machine.transmit(ms(1)).is_none());
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn segment(sequence: u32, acknowledgment: u32, flags: u16) -> Segment {
    Segment { sequence, acknowledgment, flags, window: 1_000, ..Segment::default() }
}

/// A machine that has its SYN,ACK: the peer began with 500.
fn opened(plan: Plan) -> Machine {
    let mut machine = Machine::new(plan);
    machine.transmit(ms(0)).unwrap();
    machine.handle(ms(10), &segment(500, 1_001, Flags::SYN | Flags::ACK));
    machine
}

/// One whose third step was sent.
fn established(plan: Plan) -> Machine {
    let mut machine = opened(plan);
    machine.transmit(ms(10)).unwrap();
    machine
}

#[test]
fn an_answer_to_another_syn_is_reset_and_a_reset_without_our_number_passed_over() {
    let mut machine = Machine::new(plan("x"));
    machine.transmit(ms(0)).unwrap();
    machine.handle(ms(1), &segment(500, 9_999, Flags::SYN | Flags::ACK));
    let sent = machine.transmit(ms(1)).unwrap();
    assert_eq!((sent.purpose, sent.segment.sequence), (Purpose::Reset, 9_999));
    assert_eq!(machine.event().unwrap().1, Event::WrongAnswer);
    for stranger in
        [segment(0, 9_999, Flags::RST | Flags::ACK), segment(0, 0, Flags::RST), segment(0, 1_001, Flags::ACK)]
    {
        machine.handle(ms(2), &stranger);
        assert_eq!((machine.ending(), machine.states().0, machine.transmit(ms(2))), (None, State::SynSent, None));
    }
}

#[test]
fn a_strangers_reset_or_syn_within_the_window_is_challenged() {
    let mut machine = established(plan(""));
    for (flags, sequence) in [(Flags::RST, 502), (Flags::SYN, 501), (Flags::SYN, 60_000)] {
        machine.handle(ms(20), &segment(sequence, 0, flags));
        let sent = machine.transmit(ms(20)).unwrap();
        assert_eq!((sent.purpose, sent.segment.acknowledgment), (Purpose::AckAgain, 501));
        assert_eq!(machine.event().unwrap().1, Event::Challenged);
    }
    machine.handle(ms(20), &segment(400, 0, Flags::RST));
    assert_eq!((machine.transmit(ms(20)), machine.ending()), (None, None), "outside the window: nothing");
    machine.handle(ms(20), &segment(501, 0, Flags::RST));
    assert_eq!(machine.ending(), Some(Ending::Reset { state: State::Established }));
}

#[test]
fn a_syn_ack_that_comes_again_shows_that_the_third_step_was_lost() {
    let mut machine = established(plan(""));
    machine.handle(ms(1_010), &segment(500, 1_001, Flags::SYN | Flags::ACK));
    assert_eq!(machine.event().unwrap().1, Event::SynAckAgain { times: 1, after: ms(1_000) });
    assert_eq!(machine.states().1, Peer { state: State::SynReceived, sure: true });
    assert_eq!(machine.transmit(ms(1_010)).unwrap().purpose, Purpose::AckAgain);
    assert_eq!(machine.states().1, Peer { state: State::Established, sure: false });
}

#[test]
fn the_peer_that_closes_first_is_told_so() {
    let mut machine = established(plan(""));
    machine.handle(ms(20), &segment(501, 1_001, Flags::FIN | Flags::ACK));
    assert_eq!(machine.states(), (State::CloseWait, Peer { state: State::FinWait1, sure: true }));
    assert_eq!(machine.transmit(ms(20)).unwrap().purpose, Purpose::AckOfFin);
    assert_eq!(machine.states().1.state, State::FinWait2);
    assert_eq!(machine.transmit(ms(20)).unwrap().purpose, Purpose::Fin);
    assert_eq!((machine.states().0, machine.states().1.state), (State::LastAck, State::TimeWait));
    machine.handle(ms(30), &segment(502, 1_002, Flags::ACK));
    assert_eq!(machine.ending(), Some(Ending::Closed { first: false, both: false, together: false }));
}

#[test]
fn both_may_close_at_once() {
    let mut machine = established(plan(""));
    machine.handle_time(ms(310));
    assert_eq!(machine.transmit(ms(310)).unwrap().purpose, Purpose::Fin);
    machine.handle(ms(311), &segment(501, 1_001, Flags::FIN | Flags::ACK));
    assert_eq!((machine.states().0, machine.states().1.state), (State::Closing, State::Closing));
    assert_eq!(machine.transmit(ms(311)).unwrap().purpose, Purpose::AckOfFin);
    machine.handle(ms(312), &segment(502, 1_002, Flags::ACK));
    assert_eq!(machine.states().0, State::TimeWait);
    machine.handle_time(ms(900));
    assert_eq!(machine.ending(), Some(Ending::Closed { first: true, both: true, together: false }));
}

#[test]
fn an_ack_and_a_fin_in_one_segment_are_three_steps() {
    let mut machine = established(plan(""));
    machine.handle_time(ms(310));
    machine.transmit(ms(310)).unwrap();
    machine.handle(ms(311), &segment(501, 1_002, Flags::FIN | Flags::ACK));
    assert_eq!(machine.states(), (State::TimeWait, Peer { state: State::LastAck, sure: true }));
    machine.transmit(ms(311)).unwrap();
    // The last ACK is lost: the FIN comes again, and is acknowledged again.
    machine.handle(ms(511), &segment(501, 1_002, Flags::FIN | Flags::ACK));
    assert_eq!(machine.transmit(ms(511)).unwrap().purpose, Purpose::AckAgain);
    machine.handle_time(ms(900));
    assert_eq!(machine.ending(), Some(Ending::Closed { first: true, both: false, together: true }));
}

#[test]
fn two_that_open_at_once_meet() {
    let (mut a, mut b) = (Machine::new(plan("from a")), Machine::new(Plan { start: 50_000, ..plan("from b") }));
    let mut now = Duration::ZERO;
    let mut both_open = 0;
    for _ in 0..1_000 {
        let from_a: Vec<Sent> = std::iter::from_fn(|| a.transmit(now)).collect();
        let from_b: Vec<Sent> = std::iter::from_fn(|| b.transmit(now)).collect();
        now += ms(5);
        from_a.iter().for_each(|sent| b.handle(now, &sent.segment));
        from_b.iter().for_each(|sent| a.handle(now, &sent.segment));
        for machine in [&mut a, &mut b] {
            machine.handle_time(now);
            both_open += std::iter::from_fn(|| machine.event()).filter(|(_, event)| *event == Event::BothOpen).count();
        }
    }
    assert_eq!((both_open, a.carried(), b.carried()), (2, (6, 6), (6, 6)));
    for machine in [a, b] {
        assert!(matches!(machine.ending(), Some(Ending::Closed { both: true, .. })), "{:?}", machine.ending());
    }
}

#[test]
fn an_error_counts_only_where_it_quotes_what_is_under_way() {
    let error =
        |kind, code, sequence| Unreachable { from: "10.0.0.9".parse().unwrap(), six: false, kind, code, sequence };
    let mut machine = Machine::new(plan(""));
    machine.transmit(ms(0)).unwrap();
    machine.handle_error(ms(1), error(3, 3, 77));
    assert_eq!(machine.ending(), None, "a guess");
    machine.handle_error(ms(1), error(3, 1, 1_000));
    assert_eq!((machine.ending(), machine.event().unwrap().1), (None, Event::Unreachable(error(3, 1, 1_000))));
    while let Some(wait) = machine.wait() {
        machine.handle_time(wait);
        machine.transmit(wait);
    }
    assert_eq!(machine.ending(), Some(Ending::Unreachable(error(3, 1, 1_000))), "after all attempts");
    let mut machine = Machine::new(plan(""));
    machine.transmit(ms(0)).unwrap();
    machine.handle_error(ms(1), error(3, 13, 1_000));
    assert_eq!(machine.ending(), Some(Ending::Unreachable(error(3, 13, 1_000))));
}

#[test]
fn a_closed_window_is_asked_with_one_byte() {
    let mut machine = Machine::new(plan("abcdef"));
    machine.transmit(ms(0)).unwrap();
    machine.handle(ms(1), &Segment { window: 0, ..segment(500, 1_001, Flags::SYN | Flags::ACK) });
    machine.transmit(ms(1)).unwrap();
    assert!(machine.transmit(ms(1)).is_none());
    let wait = machine.wait().unwrap();
    machine.handle_time(wait);
    let sent = machine.transmit(wait).unwrap();
    assert_eq!((sent.purpose, sent.segment.data.as_slice()), (Purpose::Data, &b"a"[..]));
    machine.handle(wait, &Segment { window: 2, ..segment(501, 1_002, Flags::ACK) });
    assert_eq!(machine.transmit(wait).unwrap().segment.data, b"bc");
    assert!(machine.transmit(wait).is_none());
}

#[test]
fn who_sends_without_end_is_reset_and_junk_never_harms() {
    let mut machine = established(plan(""));
    for number in 0..10_000u32 {
        let junk = Segment { data: vec![0; 100], ..segment(501 + number * 100, 1_001, Flags::ACK) };
        machine.handle(ms(20), &junk);
        machine.transmit(ms(20));
    }
    assert_eq!(machine.ending(), Some(Ending::Endless));
    // Any flags and numbers, near and far, in any state.
    let mut chance = Chance(7);
    for round in 0..400 {
        let mut machine =
            Machine::new(Plan { data_in_syn: round % 2 == 0, wrong_ack: round % 3 == 0, ..plan("some data") });
        let mut now = Duration::ZERO;
        for _ in 0..200 {
            let mut number = |base: u32| match chance.below(3) {
                0 => base.wrapping_add(chance.below(20) as u32).wrapping_sub(5),
                1 => base.wrapping_add(chance.below(200_000) as u32),
                _ => chance.below(1 << 32) as u32,
            };
            let (sequence, acknowledgment) = (number(500), number(1_001));
            let flags = chance.below(512) as u16;
            let data = vec![7; chance.below(30) as usize];
            let window = chance.below(3) as u16 * 20;
            let size = Some(chance.below(3) as u16);
            machine.handle(now, &Segment { sequence, acknowledgment, flags, window, size, data });
            now += ms(chance.below(300));
            machine.handle_time(now);
            for _ in 0..20 {
                if machine.transmit(now).is_none() {
                    break;
                }
            }
            while machine.event().is_some() {}
        }
    }
}

#[test]
fn it_can_be_stopped_at_any_moment() {
    let mut machine = Machine::new(plan(""));
    machine.stop(Ending::Stopped);
    assert_eq!((machine.transmit(ms(0)), machine.ending()), (None, Some(Ending::Stopped)));
    let mut machine = established(plan(""));
    machine.stop(Ending::Stopped);
    assert_eq!(machine.transmit(ms(20)).unwrap().purpose, Purpose::Reset);
    assert_eq!((machine.ending(), machine.wait()), (Some(Ending::Stopped), None));
}

fn station(here: &str, there: &str) -> Station {
    let (here, there): (SocketAddr, SocketAddr) = (here.parse().unwrap(), there.parse().unwrap());
    let ends = Ends { here, there, own: [2, 0, 0, 0, 0, 1], hop: [2, 0, 0, 0, 0, 2] };
    Station::new(ends, Machine::new(plan("hello")))
}

fn decoded<T>(bytes: &[u8], use_it: impl FnOnce(&Packet<'_>) -> T) -> T {
    let frame = Frame { link: LinkType::ETHERNET, data: bytes, length: bytes.len() as u32, ..Frame::empty() };
    use_it(&decode(frame, &mut Layers::new()))
}

#[test]
fn frames_of_one_station_are_segments_of_the_other() {
    for (a, b) in [("10.0.0.1:4000", "10.0.0.2:80"), ("[fd00::1]:4000", "[fd00::2]:80")] {
        let (mut here, mut there) = (station(a, b), station(b, a));
        let (frame, sent) = here.transmit(ms(0)).unwrap().unwrap();
        let (ours, theirs) = (here.ends, there.ends);
        assert_eq!(decoded(&frame, |packet| Segment::of(packet, theirs.here, theirs.there)), Some(sent.segment));
        assert_eq!(decoded(&frame, |packet| Segment::of(packet, ours.here, ours.there)), None, "the other way");
        assert_eq!(decoded(&frame, |packet| there.handle(ms(1), packet)), Seen::Ours);
        let mut broken = frame.clone();
        *broken.last_mut().unwrap() ^= 1;
        assert_eq!(decoded(&broken, |packet| there.handle(ms(1), packet)), Seen::Other, "a bad checksum");
        for cut in 0..frame.len() {
            assert_eq!(decoded(&frame[..cut], |packet| there.handle(ms(1), packet)), Seen::Other, "cut to {cut}");
        }
    }
}

#[test]
fn a_station_answers_for_its_address_and_leaves_it_to_another_who_has_it() {
    for (a, b) in [("10.0.0.1:4000", "10.0.0.2:80"), ("[fd00::1]:4000", "[fd00::2]:80")] {
        let mut here = station(a, b);
        let (own, other) = (here.ends.here.ip(), here.ends.there.ip());
        let asked = neighbour::question([2, 0, 0, 0, 0, 2], Some(other), own).unwrap();
        assert_eq!(decoded(&asked, |packet| here.handle(ms(0), packet)), Seen::Neighbour);
        let reply = here.reply().unwrap();
        assert_eq!(decoded(&reply, |packet| neighbour::answer(packet, own)), Some([2, 0, 0, 0, 0, 1]));
        assert_eq!(decoded(&reply, |packet| here.handle(ms(0), packet)), Seen::Other, "its own");
        let probe = neighbour::question([2, 0, 0, 0, 0, 9], None, own).unwrap();
        decoded(&probe, |packet| here.handle(ms(0), packet));
        assert_eq!(here.machine.ending(), Some(Ending::Claimed([2, 0, 0, 0, 0, 9])));
        assert!(here.transmit(ms(0)).unwrap().is_none());
    }
}
