//! Conversations from segments: the shortest that show each rule.

use super::*;
use crate::flow::FlowTable;
use crate::frame::{Frame, LinkType};
use crate::wire::{Layers, decode};

const SYN: u16 = Flags::SYN;
const ACK: u16 = Flags::ACK;

/// A segment between 10.0.0.1:1000 and 10.0.0.2:80, from the first where `up`, on a raw IPv4 link.
fn segment(up: bool, flags: u16, sequence: u32, acknowledgment: u32, options: &[u8], data: usize) -> Vec<u8> {
    let length = 40 + options.len() + data;
    let (one, other) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let (from, to) = if up { (one, other) } else { (other, one) };
    let ports: [u16; 2] = if up { [1000, 80] } else { [80, 1000] };
    let mut bytes = [&[0x45, 0][..], &(length as u16).to_be_bytes(), &[0, 0, 0, 0, 64, 6, 0, 0], &from, &to].concat();
    bytes.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(acknowledgment.to_be_bytes());
    bytes.extend(((5 + options.len() as u16 / 4) << 12 | flags).to_be_bytes());
    bytes.extend([0x03, 0xe8, 0, 0, 0, 0]);
    bytes.extend(options);
    bytes.resize(length, b'x');
    bytes
}

fn up(flags: u16, sequence: u32, acknowledgment: u32, data: usize) -> Vec<u8> {
    segment(true, flags, sequence, acknowledgment, &[], data)
}

fn down(flags: u16, sequence: u32, acknowledgment: u32, data: usize) -> Vec<u8> {
    segment(false, flags, sequence, acknowledgment, &[], data)
}

fn facts(packets: &[Vec<u8>]) -> Vec<Facts> {
    let mut table = FlowTable::new();
    let each = packets.iter().enumerate().map(|(number, data)| {
        let mut layers = Layers::new();
        let length = data.len() as u32;
        let frame = Frame { number: number as u64 + 1, link: LinkType::RAW, data, length, ..Frame::empty() };
        table.ingest(&decode(frame, &mut layers)).facts.tcp.expect("a TCP segment")
    });
    each.collect()
}

fn completeness(packets: &[Vec<u8>]) -> Vec<u8> {
    facts(packets).iter().map(|facts| facts.completeness).collect()
}

#[test]
fn numbers_count_from_the_handshake_or_from_one() {
    let all = facts(&[up(SYN, 100, 0, 0), down(SYN | ACK, 500, 101, 0), up(ACK, 101, 501, 5), down(ACK, 501, 106, 0)]);
    let numbers: Vec<_> = all.iter().map(|facts| (facts.sequence, facts.next, facts.acknowledgment)).collect();
    assert_eq!(numbers, [(0, 1, 0), (0, 1, 1), (1, 6, 1), (1, 1, 6)]);
    let middle = facts(&[up(ACK, 900, 70, 5), down(ACK, 70, 905, 0)]);
    assert_eq!((middle[0].sequence, middle[0].acknowledgment), (1, 1));
    assert_eq!((middle[1].sequence, middle[1].acknowledgment), (1, 6));
}

#[test]
fn an_acknowledgment_without_its_bit_stands_as_it_is_and_a_fin_beside_a_syn_counts_nothing() {
    let all = facts(&[up(SYN | Flags::FIN, 100, 77, 0), up(0, 101, 5, 0)]);
    assert_eq!((all[0].acknowledgment, all[0].next), (77, 1));
    assert_eq!(all[1].acknowledgment, 5);
}

#[test]
fn a_syn_with_another_number_begins_another_conversation_and_a_repeated_one_does_not() {
    let (first, again) = (up(SYN, 100, 0, 0), up(SYN, 9000, 0, 0));
    let close = [up(ACK | Flags::FIN, 101, 501, 0), down(ACK | Flags::FIN, 501, 102, 0)];
    let all = facts(&[first.clone(), first.clone(), close[0].clone(), close[1].clone(), first, again]);
    let streams: Vec<_> = all.iter().map(|facts| facts.stream).collect();
    assert_eq!(streams, [0, 0, 0, 0, 0, 1]);
    assert_eq!(all[5].completeness, Completeness::SYN, "ports used again count their own SYN");
}

#[test]
fn windows_scale_where_both_sides_offered_and_never_on_a_syn() {
    let scale = |shift| [3, 3, shift, 1];
    let syn = segment(true, SYN, 100, 0, &scale(7), 0);
    let plain = facts(&[syn.clone(), down(SYN | ACK, 500, 101, 0), up(ACK, 101, 501, 0)]);
    assert_eq!((plain[0].scale, plain[2].scale, plain[2].window), (None, Some(Scale::Unused), 1000));
    let answer = segment(false, SYN | ACK, 500, 101, &scale(200), 0);
    let scaled = facts(&[syn, answer, up(ACK, 101, 501, 0), down(ACK, 501, 101, 0)]);
    assert_eq!((scaled[2].window, scaled[3].scale), (128_000, Some(Scale::Shift(14))));
    assert_eq!(facts(&[up(ACK, 1, 1, 0)])[0].scale, Some(Scale::Unknown));
}

#[test]
fn completeness_counts_the_first_packet_only_where_it_opens() {
    let opening = [up(SYN, 100, 0, 0), down(SYN | ACK, 500, 101, 0), up(ACK, 101, 501, 0)];
    let closing =
        [up(ACK, 101, 501, 3), up(ACK | Flags::FIN, 104, 501, 0), down(Flags::RST, 501, 0, 0), up(ACK, 105, 501, 0)];
    assert_eq!(completeness(&[&opening[..], &closing[..]].concat()), [0, 1, 3, 7, 15, 31, 63]);
    assert_eq!(completeness(&[up(ACK, 101, 501, 5), down(ACK, 501, 106, 0), up(ACK, 106, 501, 0)]), [0, 0, 4]);
    assert_eq!(completeness(&[up(SYN, 100, 0, 5), up(SYN, 100, 0, 5)]), [0, 9]);
    assert_eq!(completeness(&[up(0, 100, 0, 5), up(0, 105, 0, 5), up(0, 110, 0, 5)]), [0, 0, 0]);
}

#[test]
fn data_in_the_first_packet_count_for_the_whole_conversation() {
    let mut table = FlowTable::new();
    for packet in [down(ACK, 100, 500, 76), up(Flags::RST, 500, 0, 0)] {
        let frame = Frame { link: LinkType::RAW, length: packet.len() as u32, data: &packet, ..Frame::empty() };
        table.ingest(&decode(frame, &mut Layers::new()));
    }
    let told: Vec<u8> = table.conversations().filter_map(|summary| Some(summary.tcp?.completeness)).collect();
    assert_eq!(told, [Completeness::DATA | Completeness::RST]);
}

#[test]
fn accurate_ecn_begins_behind_an_answer_that_understood() {
    let three = Flags::AE | Flags::CWR | Flags::ECE;
    let accurate = |answer: u16| {
        facts(&[up(SYN | three, 100, 0, 0), down(SYN | ACK | answer, 500, 101, 0), up(ACK, 101, 501, 0)])[2].accurate
    };
    assert!(accurate(Flags::CWR) && accurate(Flags::AE) && accurate(Flags::CWR | Flags::ECE));
    assert!(!accurate(0) && !accurate(Flags::ECE) && !accurate(three));
}

#[test]
fn a_fragment_of_a_segment_moves_nothing_on() {
    let mut fragment = up(ACK, 101, 501, 40);
    fragment[6] = 0x20;
    let all = facts(&[up(SYN, 100, 0, 0), fragment, up(ACK, 101, 501, 0)]);
    assert!(all[1].unmeasured);
    assert_eq!((all[1].sequence, all[1].acknowledgment, all[1].window), (101, 501, 1000));
    assert_eq!((all[2].sequence, all[2].completeness), (1, 1));
}

fn marks(packets: &[Vec<u8>]) -> Vec<u32> {
    facts(packets).iter().map(|facts| facts.analysis.marks.0).collect()
}

#[test]
fn an_acknowledgment_of_what_was_not_seen_surprises_once_until_there_is_another_hole() {
    let opening = [up(SYN, 100, 0, 0), down(SYN | ACK, 500, 101, 0), up(ACK, 101, 501, 0)];
    let unseen = [down(ACK, 501, 120, 0), down(ACK, 501, 120, 5), up(ACK, 120, 506, 9), down(ACK, 506, 129, 0)];
    let all = marks(&[&opening[..], &unseen[..]].concat());
    let surprise = all.iter().map(|marks| marks & Marks::ACK_LOST_SEGMENT != 0);
    assert_eq!(surprise.collect::<Vec<_>>(), [false, false, false, true, false, false, true]);
    assert_eq!(all[5], Marks::LOST_SEGMENT);
}

#[test]
fn a_reset_without_an_acknowledgment_has_not_confirmed_what_comes_behind_it() {
    // Half of the circle of numbers lies before 0.
    let close = [up(SYN, 100, 0, 0), down(SYN | ACK, 3_000_000_000, 101, 0), up(ACK, 101, 3_000_000_001, 0)];
    let rest = [up(Flags::RST, 101, 0, 0), down(ACK, 3_000_000_001, 101, 31)];
    assert_eq!(marks(&[&close[..], &rest].concat())[4] & Marks::REPEATED, 0);
}

#[test]
fn windows_are_compared_as_the_headers_say_them() {
    let scale = |shift| [3, 3, shift, 1];
    let opening = [segment(true, SYN, 100, 0, &scale(0), 0), segment(false, SYN | ACK, 500, 101, &scale(3), 0)];
    let mut answer = down(ACK, 501, 101, 0);
    // 125 times 8 is what the SYN said as it stands.
    answer[34..36].copy_from_slice(&125u16.to_be_bytes());
    let all = marks(&[&opening[..], &[up(ACK, 101, 501, 0), answer.clone(), answer]].concat());
    assert_eq!(all[3..], [Marks::WINDOW_UPDATE, Marks::DUPLICATE_ACK]);
}

/// What the last of these packets brings about.
fn last_events(packets: &[Vec<u8>]) -> Vec<Event> {
    let mut table = FlowTable::new();
    let mut last = Vec::new();
    for (number, data) in packets.iter().enumerate() {
        let mut layers = Layers::new();
        let length = data.len() as u32;
        let frame = Frame { number: number as u64 + 1, link: LinkType::RAW, data, length, ..Frame::empty() };
        last = table.ingest(&decode(frame, &mut layers)).events.to_vec();
    }
    last
}

#[test]
fn a_reset_has_its_reason() {
    const RST: u16 = Flags::RST;
    const FIN: u16 = Flags::FIN | ACK;
    let opening = [up(SYN, 100, 0, 0), down(SYN | ACK, 500, 101, 0), up(ACK, 101, 501, 0)];
    let why = |of: usize, more: &[Vec<u8>]| match last_events(&[&opening[..of], more].concat())[..] {
        [Event::Reset { why, .. }] => why,
        ref other => panic!("{other:?}"),
    };
    assert_eq!(last_events(&[up(SYN, 100, 0, 0), down(RST | ACK, 0, 101, 0)]), [Event::Refused]);
    assert_eq!(why(2, &[up(RST, 101, 0, 0)]), Why::GaveUp);
    assert_eq!(why(3, &[up(RST | ACK, 101, 501, 0)]), Why::Aborted);
    assert_eq!(why(3, &[down(ACK, 501, 101, 5), up(RST | ACK, 101, 506, 0)]), Why::Unread);
    assert_eq!(why(3, &[down(ACK, 501, 101, 5), up(RST, 101, 0, 0)]), Why::Unknown);
    let closed = [up(FIN, 101, 501, 0), down(ACK, 501, 102, 0), down(ACK, 501, 102, 5), up(RST, 102, 0, 0)];
    assert_eq!(why(3, &closed), Why::AfterClose);
    assert_eq!(why(3, &[&closed[..], &closed[3..]].concat()), Why::Again);
    let asked = [up(ACK, 100, 501, 0), up(RST | ACK, 101, 501, 0)];
    assert_eq!(why(3, &[&[up(ACK, 101, 501, 0)], &asked[..]].concat()), Why::Unanswered);
    // A FIN is no data that could be left unread.
    assert_eq!(why(3, &[up(FIN, 101, 501, 0), down(ACK, 501, 102, 0), down(RST | ACK, 501, 102, 0)]), Why::Aborted);
}

#[test]
fn both_sides_may_open_and_close_at_once() {
    const FIN: u16 = Flags::FIN | ACK;
    let opening = [
        up(SYN, 100, 0, 0),
        down(SYN, 500, 0, 0),
        up(SYN | ACK, 100, 501, 0),
        down(SYN | ACK, 500, 101, 0),
        up(ACK, 101, 501, 0),
    ];
    for (count, step) in [(2, 1), (3, 2), (4, 3)] {
        assert_eq!(last_events(&opening[..count]), [Event::Crossing { step }]);
    }
    assert!(last_events(&opening).is_empty(), "it is open already");
    let closing = [up(FIN, 101, 501, 0), down(FIN, 501, 101, 0), up(ACK, 102, 502, 0), down(ACK, 502, 102, 0)];
    let all = [&opening[..], &closing].concat();
    assert!(last_events(&all[..8]).is_empty(), "one of the two is not confirmed yet");
    assert_eq!(last_events(&all), [Event::Closed]);
    let states: Vec<_> = facts(&all).iter().map(|facts| facts.states).collect();
    assert_eq!(states[3], [State::Established; 2]);
    assert_eq!(states[6..], [[State::FinWait1; 2], [State::Closing; 2], [State::TimeWait; 2]]);
}

#[test]
fn what_was_not_seen_before_is_told_apart_from_what_was() {
    let opening = [up(SYN, 100, 0, 0), down(SYN | ACK, 500, 101, 0), up(ACK, 101, 501, 0)];
    let seen = |data: &[Vec<u8>]| {
        let all = facts(&[&opening[..], data].concat());
        all.last().map(|facts| facts.analysis.seen_before.is_some())
    };
    assert_eq!(seen(&[up(ACK, 101, 501, 5), up(ACK, 106, 501, 5), up(ACK, 101, 501, 10)]), Some(true));
    assert_eq!(seen(&[up(ACK, 106, 501, 5), up(ACK, 101, 501, 5)]), Some(false));
    assert_eq!(seen(&[up(ACK, 106, 501, 5), up(ACK, 101, 501, 10)]), Some(false), "only half of it was");
}
