//! Stories of conversations that are made here, segment by segment.

use super::Telling;
use super::draw::Look;
use crate::flow::FlowTable;
use crate::frame::{Frame, LinkType, Timestamp};
use crate::pipeline::Sink;
use crate::view::style::Palette;
use crate::view::words::{ENGLISH, LANGUAGES, Words};
use crate::wire::{self, Layers};

const SYN: u8 = 2;
const ACK: u8 = 16;
const FIN: u8 = 17;
const RST: u8 = 4;

/// From the client?, flags, sequence and acknowledgment number, bytes of data.
type Segment = (bool, u8, u32, u32, usize);

/// A segment between 10.0.0.1:40000 and 10.0.0.2:80 as a packet of raw IP; its checksums are not filled in.
fn packet((from_client, flags, sequence, acknowledgment, length): Segment) -> Vec<u8> {
    let ([source, destination], [from, to]) = match from_client {
        true => ([[10, 0, 0, 1], [10, 0, 0, 2]], [40000u16, 80]),
        false => ([[10, 0, 0, 2], [10, 0, 0, 1]], [80, 40000]),
    };
    let total = (40 + length) as u16;
    let mut data = vec![0x45, 0, (total >> 8) as u8, total as u8, 0, 0, 0x40, 0, 64, 6, 0, 0];
    data.extend(source.into_iter().chain(destination));
    data.extend(from.to_be_bytes().into_iter().chain(to.to_be_bytes()));
    data.extend(sequence.to_be_bytes().into_iter().chain(acknowledgment.to_be_bytes()));
    data.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    data.extend(std::iter::repeat_n(b'x', length));
    data
}

fn told(words: &'static Words, segments: &[Segment], all: bool) -> String {
    let (mut table, mut telling) = (FlowTable::new(), Telling::new(0, words));
    for (place, segment) in segments.iter().enumerate() {
        let data = packet(*segment);
        let mut layers = Layers::new();
        // 100 ms apart: long enough for a timer.
        let time = Some(Timestamp(place as i64 * 100_000_000));
        let (number, length) = (place as u64 + 1, data.len() as u32);
        let link = LinkType::RAW;
        let packet = wire::decode(Frame { number, time, link, length, data: &data, ..Frame::empty() }, &mut layers);
        let known = table.ingest(&packet);
        telling.packet(&packet, &known).unwrap();
    }
    let mut out = Vec::new();
    telling.draw(&mut out, Look { width: 100, palette: Palette::new(false), all }).unwrap();
    String::from_utf8(out).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

const OPEN: [Segment; 3] = [(true, SYN, 1000, 0, 0), (false, SYN | ACK, 5000, 1001, 0), (true, ACK, 1001, 5001, 0)];

fn after_opening(segments: &[Segment]) -> String {
    told(&ENGLISH, &[&OPEN, segments].concat(), false)
}

#[test]
fn tells_who_chose_which_start_number_and_why_the_answer_is_one_more() {
    let text = after_opening(&[]);
    for said in [
        "chooses 1000 as its start number. [packet 1]",
        "chooses 5000 as its own start number and answers with 1001, one more than the other's",
        "confirms with 5001, again one more",
        "the client is in state ESTABLISHED, the server in ESTABLISHED. [packet 3]",
    ] {
        assert!(text.contains(said), "{said} is not in {text}");
    }
}

#[test]
fn a_fin_that_confirms_the_other_makes_three_steps() {
    let text = after_opening(&[(true, FIN, 1001, 5001, 0), (false, FIN, 5001, 1002, 0), (true, ACK, 1002, 5002, 0)]);
    assert!(text.contains("in three steps"), "{text}");
    assert!(text.contains("The client closed first, so it stays in TIME-WAIT"), "{text}");
    assert!(!text.contains("Here the capture ends"), "{text}");
}

#[test]
fn fins_that_cross_leave_both_sides_waiting() {
    let text = after_opening(&[
        (true, FIN, 1001, 5001, 0),
        (false, FIN, 5001, 1001, 0),
        (true, ACK, 1002, 5002, 0),
        (false, ACK, 5002, 1002, 0),
    ]);
    assert!(text.contains("the two cross on their way"), "{text}");
    assert!(text.contains("both stay in TIME-WAIT"), "{text}");
}

#[test]
fn data_after_the_close_is_answered_with_a_reset() {
    let text = after_opening(&[(false, FIN, 5001, 1001, 0), (true, ACK, 1001, 5002, 5), (false, RST, 5002, 0, 0)]);
    assert!(text.contains("its program has closed and no longer reads"), "{text}");
}

#[test]
fn what_is_sent_again_and_repeated_is_told_and_grouped() {
    let lost = after_opening(&[(true, ACK, 1001, 5001, 10), (true, ACK, 1001, 5001, 10)]);
    assert!(lost.contains("sends bytes 1 to 10 again: for 100 ms no acknowledgment has come. [packet 5]"), "{lost}");
    let ack = (true, ACK, 1001, 5001, 0);
    let repeated = after_opening(&[(false, ACK, 5011, 1001, 10), ack, ack, ack]);
    assert!(repeated.contains("repeats its acknowledgment 3 times: it still expects number 1"), "{repeated}");
    assert!(repeated.contains("[packets 5 to 7]"), "{repeated}");
}

#[test]
fn long_exchanges_are_told_in_short_unless_all_is_wanted() {
    let mut segments = OPEN.to_vec();
    for turn in 0..500u32 {
        segments.push((true, ACK, 1001 + turn * 10, 5001, 10));
        segments.push((false, ACK, 5001, 1011 + turn * 10, 0));
    }
    let short = told(&ENGLISH, &segments, false);
    assert!(short.matches("[packet").count() <= 40, "{short}");
    assert!(short.contains("In short: 4970 bytes from the client and 0 from the server"), "{short}");
    let all = told(&ENGLISH, &segments, true);
    assert!(all.matches("[packet").count() > 1000);
    // Troubles in between break the runs; the story stays short.
    for turn in (0..900).step_by(3) {
        let again = segments[3 + turn];
        segments.insert(4 + turn, again);
    }
    let short = told(&ENGLISH, &segments, false);
    assert!(short.matches("[packet").count() <= 45, "{short}");
}

#[test]
fn every_language_tells_the_same_packets() {
    let segments = [&OPEN[..], &[(true, FIN, 1001, 5001, 3), (false, FIN, 5001, 1005, 2), (true, ACK, 1005, 5004, 0)]];
    let counts: Vec<usize> =
        LANGUAGES.iter().map(|words| told(words, &segments.concat(), false).matches('[').count()).collect();
    assert!(counts.iter().all(|count| *count == counts[0] && *count > 6), "{counts:?}");
}

proptest::proptest! {
    #[test]
    fn any_segments_make_a_story_that_acts_on_no_terminal(
        segments in proptest::collection::vec(
            (proptest::prelude::any::<bool>(), 0u8..64, 990u32..1100, 990u32..1100, 0usize..20), 0..60)
    ) {
        for words in LANGUAGES {
            let text = told(words, &segments, false);
            proptest::prop_assert!(!text.chars().any(|c| c.is_control()), "{}", text);
        }
    }
}
