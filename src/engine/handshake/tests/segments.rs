//! The machine against segments written by hand: of the peer, of strangers, of nobody.

use std::time::Duration;

use super::{calm, plan};
use crate::engine::chance::Chance;
use crate::engine::handshake::*;
use crate::wire::tcp::Flags;

pub(super) fn ms(milliseconds: u64) -> Duration {
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
    let mut chance = Chance::seeded(7);
    for round in 0..400 {
        let mut machine =
            Machine::new(Plan { data_in_syn: round % 2 == 0, wrong_ack: round % 3 == 0, ..plan("some data") });
        let mut now = Duration::ZERO;
        for _ in 0..200 {
            let mut number = |base: u32| match chance.below(3) {
                0 => base.wrapping_add(chance.below(20)).wrapping_sub(5),
                1 => base.wrapping_add(chance.below(200_000)),
                _ => chance.number() as u32,
            };
            let (sequence, acknowledgment) = (number(500), number(1_001));
            let flags = chance.below(512) as u16;
            let data = vec![7; chance.below(30) as usize];
            let window = chance.below(3) as u16 * 20;
            let size = Some(chance.below(3) as u16);
            machine.handle(now, &Segment { sequence, acknowledgment, flags, window, size, data });
            now += ms(chance.below(300).into());
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
