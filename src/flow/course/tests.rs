//! What is told of conversations that are cut at every place, and of bytes that are no exercise at all.

use super::framing::{Framing, Place};
use super::*;
use crate::flow::sample::{DATA, segment};
use crate::frame::{Frame, LinkType};

/// A conversation of so many pieces; `false`: the server's. What is told of each.
fn told(pieces: &[(bool, &[u8])]) -> Vec<String> {
    let mut watch = Watch::default();
    let talk = watch.talks.of_or_insert_with(0, Talk::default);
    let told = pieces.iter().map(|(from_client, data)| {
        let found = if talk.lost {
            None
        } else if *from_client {
            talk.client(data)
        } else {
            talk.server(data)
        };
        let mut out = Vec::new();
        found.map(|found| found.tell(data, &mut out));
        String::from_utf8(out).unwrap()
    });
    told.collect()
}

fn client<'a>(pieces: &[&'a [u8]]) -> Vec<(bool, &'a [u8])> {
    pieces.iter().map(|data| (true, *data)).collect()
}

#[test]
fn messages_with_a_length_are_told_however_they_are_cut() {
    assert_eq!(
        told(&client(&[b"\0\0\0\x05He", b"llo\0\0\0", b"\x07100 %%", b"#\0\0", b"\0", b"\x01a"])),
        [
            "length: message of 5 bytes, first 2 \"He\"",
            "length: last 3 of 5 bytes \"llo\"; first 3 bytes of the next length",
            "length: rest of the length: message of 7 bytes, first 6 \"100 %%\"",
            "length: last 1 of 7 bytes \"#\"; first 2 bytes of the next length",
            "length: 1 byte more of the length",
            "length: rest of the length: message of 1 byte \"a\"",
        ]
    );
    assert_eq!(
        told(&client(&[b"\xff\xff\xff\xffHi", b"more"])),
        ["length: says 4294967295 bytes: more than 1 MiB is refused", ""]
    );
}

#[test]
fn several_messages_of_a_segment_are_told_and_many_are_counted() {
    assert_eq!(
        told(&client(&[b"\0\0\0\x01a\0\0\0\x02bc\0\0"])),
        ["length: message of 1 byte \"a\"; message of 2 bytes \"bc\"; first 2 bytes of the next length"]
    );
    let many = [&b"a#"[..]; 9].concat();
    assert_eq!(
        told(&client(&[&[&many[..], b"rest"].concat()])),
        [format!("delimiter: {}5 more messages; first 4 bytes of the next", "message of 1 byte; ".repeat(4))]
    );
}

#[test]
fn a_type_is_known_by_a_value_that_is_no_text() {
    let integer = b"\0\0\0\x09i\0\0\0\0\0\0\0\x2a";
    assert_eq!(
        told(&client(&[b"\0\0\0\x03t42", integer, b"\0\0\0\x02b\x01", b"\0\0\0\x03x42", b"\0\0\0\x03t42"])),
        [
            "length: message of 3 bytes \"t42\"",
            "typed: 9 bytes: integer 42",
            "typed: 2 bytes: true",
            "typed: 3 bytes: unknown type 0x78 \"42\"",
            "typed: 3 bytes: text \"42\"",
        ]
    );
}

#[test]
fn a_delimiter_is_known_once_it_is_there() {
    assert_eq!(
        told(&client(&[b"Hello", b"#How ", b"are y", b"ou?", b"#"])),
        [
            "",
            "delimiter: ends a message of 5; first 4 bytes of the next",
            "delimiter: 5 more bytes of it",
            "delimiter: 3 more bytes of it",
            "delimiter: ends a message of 12",
        ]
    );
    // Lines, and what answers a server, may have one.
    assert_eq!(told(&[(true, b"I am\n"), (true, b"#1\n")]), ["", ""]);
    assert_eq!(told(&[(false, b"Hello and welcome"), (true, b"I am #1")]), ["", ""]);
}

#[test]
fn a_wrong_sum_is_told_with_what_the_server_received() {
    let asked: [(bool, &[u8]); 3] = [(true, b"2"), (true, b"4"), (true, b"#")];
    let answered = |asked: &[(bool, &'static [u8])], answer: &'static [u8]| {
        told(&[asked, &[(false, answer)]].concat()).pop().unwrap()
    };
    assert_eq!(answered(&asked, b"6"), "sum: 2 + 4 = 6");
    assert_eq!(answered(&asked, b"24"), "sum: 24 is wrong: 2 + 4 = 6, but the server received \"24\"");
    assert_eq!(answered(&asked, b"7"), "sum: 7 is wrong: 2 + 4 = 6");
    assert_eq!(answered(&[(true, b"2\n"), (true, b"4\n#")], b"24"), "sum: 24 is wrong: 2 + 4 = 6");
    let three: [(bool, &[u8]); 4] = [(true, b"2"), (true, b"4"), (true, b"6"), (true, b"#")];
    assert_eq!(answered(&three, b"48"), "sum: 48 is wrong: 2 + 4 + 6 = 12, but the server received \"2\" \"46\"");
}

#[test]
fn answers_of_two_numbers_and_of_a_game_are_told() {
    assert_eq!(
        told(&[(true, b"0.1\n"), (true, b"0.2\n"), (false, b"0.3\n"), (true, b"1\n2\n"), (false, b"4\n")]),
        ["", "", "calc: 0.1 + 0.2 = 0.3", "", "calc: 4 is wrong: 1 + 2 = 3",]
    );
    assert_eq!(told(&[(true, b"3\n"), (false, b"Stone I\n")])[1], "rps: wins over scissors");
    assert_eq!(told(&[(true, b"3\n"), (false, b"3\n")]), ["", ""]);
}

#[test]
fn a_segment_that_is_missing_ends_what_is_told() {
    // Client and server on the course's port: SYN, its answer, then data at these relative numbers.
    let told_of = |numbers: &[u32]| {
        let mut watch = Watch::default();
        let segments = numbers.iter().map(|number| {
            let mut layers = crate::wire::Layers::new();
            let bytes = segment([(1, 40_000), (2, 8005)], [*number, 1], DATA, b"\0\0\0\x01a");
            let link = LinkType::RAW;
            let frame = Frame { link, data: &bytes, length: bytes.len() as u32, ..Frame::empty() };
            let packet = crate::wire::decode(frame, &mut layers);
            let (sequence, next) = (*number, number + 5);
            let completeness = tcp::Completeness::SYN;
            let facts = tcp::Facts { from_client: true, sequence, next, completeness, ..tcp::Facts::default() };
            watch.look(&packet, &facts).is_some()
        });
        segments.collect::<Vec<_>>()
    };
    assert_eq!(told_of(&[1, 6, 11]), [true; 3]);
    assert_eq!(told_of(&[1, 11, 16]), [true, false, false]);
}

proptest::proptest! {
    #[test]
    fn any_cuts_leave_the_same_messages(
        contents in proptest::collection::vec(proptest::collection::vec(proptest::prelude::any::<u8>(), 0..20), 1..8),
        cut in 1usize..30,
    ) {
        let wire: Vec<u8> = contents.iter().flat_map(|content| {
            [&(content.len() as u32).to_be_bytes()[..], content].concat()
        }).collect();
        let (mut place, mut found, mut last) = (Place::default(), Vec::new(), Vec::new());
        for piece in wire.chunks(cut) {
            for part in framing::parts(Framing::Length, place, piece) {
                proptest::prop_assert_eq!(part.before as usize, last.len());
                last.extend_from_slice(part.content);
                if part.ends {
                    found.push(std::mem::take(&mut last));
                }
            }
            place = framing::parts_end(Framing::Length, place, piece).unwrap();
        }
        proptest::prop_assert_eq!(found, contents);
    }

    #[test]
    fn any_bytes_are_told_or_not(pieces in proptest::collection::vec((proptest::prelude::any::<bool>(), proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40)), 0..8)) {
        let pieces: Vec<_> = pieces.iter().map(|(side, data)| (*side, &data[..])).collect();
        let mut watch = Watch::default();
        let talk = watch.talks.of_or_insert_with(0, Talk::default);
        for (from_client, data) in pieces {
            let found = if from_client { talk.client(data) } else { talk.server(data) };
            let mut out = Vec::new();
            found.map(|found| found.tell(data, &mut out));
            proptest::prop_assert!(out.len() < 2000);
        }
    }
}
