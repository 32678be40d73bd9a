//! What comes out is what went in, whatever happened on the way.

use proptest::prelude::*;

use super::*;

/// What an assembler handed out, in words: the client's side unless marked.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    /// The client's and the server's bytes.
    bytes: [Vec<u8>; 2],
    holes: usize,
}

impl Log {
    fn take(&mut self, item: Item<'_>) {
        let side = if item.from_client() { "" } else { "server " };
        let line = match item {
            Item::Bytes(chunk) => {
                self.bytes[usize::from(!chunk.from_client)].extend_from_slice(chunk.data);
                let (pushed, late) = (if chunk.pushed { " push" } else { "" }, if chunk.late { " late" } else { "" });
                format!("{} {:?} #{}{pushed}{late}", chunk.offset, String::from_utf8_lossy(chunk.data), chunk.frame)
            }
            Item::Missing(missing) => {
                self.holes += 1;
                format!("{} missing {} {:?}", missing.offset, missing.length, missing.why)
            }
            Item::Differs(differs) => {
                let (kept, other) = (String::from_utf8_lossy(differs.kept), String::from_utf8_lossy(differs.other));
                format!("{} {kept:?} #{} differs {other:?} #{}", differs.offset, differs.first, differs.frame)
            }
            Item::Late(late) => format!("{} too late {} #{}", late.offset, late.length, late.frame),
        };
        self.lines.push(format!("{side}{line}"));
    }
}

struct Run {
    assembler: Assembler,
    log: Log,
    frame: u64,
}

impl Run {
    fn new() -> Self {
        Self::limited(LIMIT)
    }

    fn limited(limit: usize) -> Self {
        Self { assembler: Assembler::new(limit), log: Log::default(), frame: 0 }
    }

    fn feed(&mut self, segment: Segment<'_>) -> &mut Self {
        self.frame += 1;
        let segment = Segment { frame: self.frame, ..segment };
        self.assembler.segment(&segment, &mut |item| self.log.take(item));
        self
    }

    fn client(&mut self, sequence: u32, data: &str) -> &mut Self {
        self.feed(segment(true, Flags::PSH | Flags::ACK, sequence, 1, data.as_bytes()))
    }

    /// Something without data from the server, that acknowledges.
    fn server_has(&mut self, acknowledgment: u32) -> &mut Self {
        self.feed(segment(false, Flags::ACK, 1, acknowledgment, b""))
    }

    fn finish(&mut self) -> Vec<String> {
        self.assembler.finish(&mut |item| self.log.take(item));
        std::mem::take(&mut self.log.lines)
    }
}

fn segment(from_client: bool, flags: u16, sequence: u32, acknowledgment: u32, data: &[u8]) -> Segment<'_> {
    let (flags, length) = (Flags(flags), data.len() as u32);
    Segment { from_client, frame: 0, time: None, flags, sequence, acknowledgment, length, data }
}

#[test]
fn data_follows_the_number_of_the_syn_and_the_fin_adds_nothing() {
    let mut run = Run::new();
    run.feed(segment(true, Flags::SYN, 99, 0, b"")).client(100, "ab").client(102, "c");
    run.feed(segment(true, Flags::FIN | Flags::ACK, 103, 1, b"d")).server_has(105);
    assert_eq!(run.finish(), [r#"0 "ab" #2 push"#, r#"2 "c" #3 push"#, r#"3 "d" #4"#]);
}

#[test]
fn data_in_a_syn_is_data() {
    let mut run = Run::new();
    run.feed(segment(true, Flags::SYN, 99, 0, b"fast")).client(104, "!");
    assert_eq!(run.finish(), [r#"0 "fast" #1"#, r#"4 "!" #2 push"#]);
}

#[test]
fn numbers_wrap() {
    let mut run = Run::new();
    run.feed(segment(true, Flags::SYN, u32::MAX - 2, 0, b"")).client(0, "cd").client(u32::MAX - 1, "abc");
    assert_eq!(run.finish(), [r#"0 "ab" #3"#, r#"2 "cd" #2 push"#]);
}

#[test]
fn the_first_copy_wins_and_a_differing_one_is_told() {
    let mut run = Run::new();
    run.client(100, "abcd").client(102, "cXYf").client(110, "zz").client(109, "kzy");
    assert_eq!(
        run.finish(),
        [
            r#"0 "abcd" #1 push"#,
            r#"3 "d" #1 differs "X" #2"#,
            r#"4 "Yf" #2 push"#,
            r#"11 "z" #3 differs "y" #4"#,
            "6 missing 3 Ended",
            r#"9 "k" #4"#,
            r#"10 "zz" #3 push"#,
        ]
    );
}

#[test]
fn a_hole_is_told_when_the_other_side_acknowledges_what_lies_behind_it() {
    let mut run = Run::new();
    run.client(100, "ab").client(105, "fg").server_has(102);
    assert_eq!(run.log.lines.len(), 1, "not yet: {:?}", run.log.lines);
    run.server_has(107);
    assert_eq!(run.finish(), [r#"0 "ab" #1 push"#, "2 missing 3 NotCaptured", r#"5 "fg" #2 push"#]);
}

#[test]
fn a_request_that_was_not_captured_is_told_before_its_answer() {
    let mut run = Run::new();
    run.client(100, "ab").feed(segment(false, Flags::ACK, 1, 105, b"answer"));
    assert_eq!(run.finish(), [r#"0 "ab" #1 push"#, "2 missing 3 NotCaptured", r#"server 0 "answer" #2"#]);
}

#[test]
fn a_request_captured_behind_its_answer_is_still_taken() {
    let mut run = Run::new();
    run.client(100, "ab").feed(segment(false, Flags::ACK, 1, 105, b"answer")).client(102, "cde");
    assert_eq!(run.finish()[3], r#"2 "cde" #3 push late"#);
}

#[test]
fn bytes_that_come_when_their_place_was_passed_are_told() {
    let mut run = Run::new();
    run.client(100, "ab").client(105, "fg").server_has(107).client(102, "cde").client(100, "ab");
    assert_eq!(run.finish()[3..], ["2 too late 3 #4"]);
    run.client(90, "before");
    assert_eq!(run.finish(), ["-10 too late 6 #6"]);
    // Nor is data from before the SYN dropped without a word.
    let mut run = Run::new();
    run.feed(segment(true, Flags::SYN, 99, 0, b"")).client(90, "before");
    assert_eq!(run.finish(), ["-10 too late 6 #2"]);
}

#[test]
fn a_segment_cut_by_the_snap_length_leaves_a_hole() {
    let mut run = Run::new();
    run.feed(Segment { length: 10, ..segment(true, Flags::PSH, 100, 1, b"abcd") }).client(110, "kl");
    assert_eq!(run.finish(), [r#"0 "abcd" #1"#, "4 missing 6 Cut { frame: 1 }", r#"10 "kl" #2 push"#]);
}

#[test]
fn a_keep_alive_says_nothing_new_nor_other() {
    let mut run = Run::new();
    run.client(100, "ab").client(101, "\0").feed(segment(true, Flags::ACK, 101, 1, b"")).server_has(102);
    assert_eq!(run.finish(), [r#"0 "ab" #1 push"#]);
    // As the first that was captured: what was acknowledged before tells it from data.
    let mut run = Run::new();
    run.server_has(102).client(101, "\0").client(102, "c");
    assert_eq!(run.finish(), [r#"0 "c" #3 push"#]);
}

#[test]
fn a_stream_begun_before_the_capture_begins_with_its_first_bytes() {
    let mut run = Run::new();
    run.client(103, "def").server_has(106).client(106, "g");
    assert_eq!(run.finish(), [r#"0 "def" #1 push"#, r#"3 "g" #3 push"#]);
    // A bare acknowledgment came first, then an older segment again.
    let mut run = Run::new();
    run.client(106, "").client(100, "abcdef");
    assert_eq!(run.finish(), [r#"0 "abcdef" #2 push"#]);
    // What was on its way and not captured is missing.
    let mut run = Run::new();
    run.server_has(100).client(103, "def");
    assert_eq!(run.finish(), ["0 missing 3 Ended", r#"3 "def" #2 push"#]);
}

#[test]
fn the_text_in_a_reset_is_no_data_and_its_number_opens_no_hole() {
    let mut run = Run::new();
    run.client(100, "ab").feed(segment(true, Flags::RST, 102, 0, b"go away"));
    run.feed(segment(false, Flags::RST | Flags::ACK, 1, 900, b""));
    assert_eq!(run.finish(), [r#"0 "ab" #1 push"#]);
}

#[test]
fn an_acknowledgment_of_nothing_that_can_have_been_sent_is_ignored() {
    let mut run = Run::new();
    run.client(100, "ab").server_has(102 + (1 << 30) + 1);
    assert_eq!(run.finish(), [r#"0 "ab" #1 push"#]);
}

#[test]
fn a_fin_not_captured_is_no_missing_byte_but_one_captured_shows_what_is_missing_before_it() {
    let mut run = Run::new();
    run.client(100, "ab").server_has(103).feed(segment(false, Flags::ACK, 1, 103, b"!"));
    assert_eq!(run.finish(), [r#"0 "ab" #1 push"#, r#"server 0 "!" #3"#]);
    let mut run = Run::new();
    run.client(100, "ab").feed(segment(true, Flags::FIN, 105, 1, b""));
    assert_eq!(run.finish(), [r#"0 "ab" #1 push"#, "2 missing 3 NotCaptured"]);
}

#[test]
fn what_waits_is_let_go_when_the_memory_is_used_up() {
    let mut run = Run::limited(2000);
    run.client(100, "a");
    for place in 0..40u32 {
        run.client(200 + place * 10, "0123456789");
        assert!(run.assembler.kept() <= 2000);
    }
    assert!(run.log.lines.contains(&"1 missing 99 Limit".to_owned()), "{:?}", run.log.lines);
    assert_eq!(run.log.bytes[0].len(), 401);
}

/// One way of sending a stream: the segments, by their offset and length, in the order of the capture.
fn sent(length: usize) -> impl Strategy<Value = Vec<(usize, usize)>> {
    let cuts = prop::collection::vec(0..=length, 0..12);
    let again = prop::collection::vec((0..=length, 1..40usize), 0..8);
    (cuts, again).prop_flat_map(move |(mut cuts, again)| {
        cuts.extend([0, length]);
        cuts.sort_unstable();
        let mut segments: Vec<_> = cuts.windows(2).map(|pair| (pair[0], pair[1] - pair[0])).collect();
        // Some twice, and some that overlap several.
        segments.extend(again.into_iter().map(|(at, most)| (at, most.min(length - at))));
        Just(segments).prop_shuffle()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_order_repetition_and_overlap_gives_what_was_sent(
        (data, segments) in prop::collection::vec(any::<u8>(), 0..200).prop_flat_map(|data| {
            let segments = sent(data.len());
            (Just(data), segments)
        }),
        first in prop_oneof![Just(0u32), Just(u32::MAX), (u32::MAX - 200)..u32::MAX, any::<u32>()],
        server in any::<bool>(),
    ) {
        let mut run = Run::new();
        run.feed(segment(!server, Flags::SYN, first.wrapping_sub(1), 0, b""));
        for (at, length) in segments {
            let sequence = first.wrapping_add(at as u32);
            run.feed(segment(!server, Flags::ACK, sequence, 7, &data[at..at + length]));
        }
        run.feed(segment(!server, Flags::FIN | Flags::ACK, first.wrapping_add(data.len() as u32), 7, b""));
        run.feed(segment(server, Flags::ACK, 7, first.wrapping_add(data.len() as u32).wrapping_add(1), b""));
        run.finish();
        prop_assert_eq!(run.log.holes, 0);
        prop_assert_eq!(&run.log.bytes[usize::from(server)], &data);
    }

    #[test]
    fn what_is_lost_is_told_with_its_place_and_all_else_is_handed_out(
        pieces in prop::collection::vec((1..20usize, any::<bool>()), 1..30),
    ) {
        let length: usize = pieces.iter().map(|(length, _)| length).sum();
        let data: Vec<u8> = (0..length).map(|at| at as u8).collect();
        let mut run = Run::new();
        run.feed(segment(true, Flags::SYN, 99, 0, b""));
        let (mut at, mut expected) = (0, Vec::new());
        for (length, captured) in pieces {
            if captured {
                let part = &data[at..at + length];
                run.feed(segment(true, Flags::ACK, 100 + at as u32, 1, part));
                expected.extend_from_slice(part);
            }
            at += length;
        }
        run.server_has(100 + length as u32);
        let mut missing = 0;
        run.assembler.finish(&mut |item| if let Item::Missing(hole) = item { missing += hole.length as usize });
        // A hole of one byte at the very end may be the FIN's number.
        prop_assert_eq!(&run.log.bytes[0], &expected);
        for line in run.log.lines.iter().filter(|line| line.contains("missing")) {
            let words: Vec<_> = line.split(' ').collect();
            missing += words[2].parse::<usize>().unwrap();
        }
        prop_assert!(missing + expected.len() == length || missing + expected.len() + 1 == length);
    }

    #[test]
    fn any_segments_whatever_end_and_keep_within_the_limit(
        segments in prop::collection::vec(
            (any::<bool>(), any::<u16>(), prop_oneof![0u32..300, any::<u32>()], prop_oneof![0u32..300, any::<u32>()],
             prop::collection::vec(any::<u8>(), 0..60), 0u32..2000), 0..80),
        limit in 0usize..4000,
    ) {
        let mut run = Run::limited(limit);
        for (from_client, flags, sequence, acknowledgment, data, cut) in segments {
            let whole = segment(from_client, flags, sequence, acknowledgment, &data);
            run.feed(Segment { length: whole.length + if cut > 1900 { cut } else { 0 }, ..whole });
            prop_assert!(run.assembler.kept() <= limit, "{} kept", run.assembler.kept());
        }
        run.finish();
    }
}
