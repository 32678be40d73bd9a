//! The machine against the textbook, over a network that loses, doubles, delays and reorders.

mod segments;
mod stations;

use std::time::Duration;

use super::textbook::Textbook;
use super::*;
use crate::engine::chance::Chance;
use crate::wire::tcp::Flags;

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

/// Of a hundred segments so many are lost, and so many come twice; some are late by up to so long.
#[derive(Clone, Copy, Default)]
struct Weather {
    lost: u32,
    doubled: u32,
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
    let mut chance = Chance::seeded(seed);
    // When, to the peer or from it, what.
    let mut wire: Vec<(Duration, bool, Segment)> = Vec::new();
    let mut now = Duration::ZERO;
    for _ in 0..20_000 {
        let mut put = |wire: &mut Vec<_>, now: Duration, to_peer: bool, segment: Segment| {
            let copies = if chance.below(100) < weather.doubled { 2 } else { 1 };
            for _ in 0..copies {
                let late = weather.late.mul_f64(f64::from(chance.below(100)) / 100.0);
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
