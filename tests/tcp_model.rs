//! Exchanges of a small TCP model (tests/model) with loss, doubling and overtaking before and behind the place of
//! capture: what is put together is what was sent, and every packet bears exactly the marks of what happened to it.

mod model;
#[path = "support/mod.rs"]
mod support;

use model::end::{FIN, Packet, SYN};
use model::{Captured, Close, Ends, Exchange, Fate, MILLISECOND, Plan, Probing, Turn, frames, play};
use netlab::flow::FlowTable;
use netlab::flow::analysis::Marks;
use netlab::flow::state::State;
use netlab::flow::stream::{Assembler, Item, LIMIT, Segment};
use netlab::flow::tcp::Facts;
use netlab::frame::{Frame, LinkType, Timestamp};
use netlab::wire::{Layers, decode};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Arrives),
        2 => Just(Fate::LostBefore),
        2 => Just(Fate::LostBehind),
        1 => Just(Fate::Missed),
        1 => Just(Fate::TwiceBefore),
        1 => Just(Fate::TwiceBehind),
        1 => Just(Fate::LateBefore),
        1 => Just(Fate::LateBehind),
    ]
}

fn turn(bytes: usize) -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => (0usize..2, 1..bytes).prop_map(|(side, bytes)| Turn::Write { side, bytes }),
        1 => [1..bytes, 1..bytes].prop_map(|bytes| Turn::Both { bytes }),
        1 => (0usize..2, 1..bytes, 1i64..2000)
            .prop_map(|(side, bytes, stall)| Turn::Slow { side, bytes, stall: stall * MILLISECOND }),
        1 => (0usize..2, any::<bool>()).prop_map(|(side, with_byte)| Turn::KeepAlive { side, with_byte }),
    ]
}

fn ends(isn: impl Strategy<Value = u32> + Clone) -> impl Strategy<Value = Ends> {
    let probing = prop_oneof![Just(Probing::NextByte), Just(Probing::OldNumber)];
    let capacity = 1u64..60;
    (
        [isn.clone(), isn],
        1u64..12,
        [capacity.clone(), capacity],
        proptest::option::of(0u8..7),
        probing,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(isn, mss, capacity, shift, probing, coalesces, fin_with_data)| Ends {
            isn,
            mss,
            // A window that can be said in the units of the scale.
            capacity: capacity.map(|bytes| bytes << shift.unwrap_or(0)),
            shift,
            probing,
            coalesces,
            fin_with_data,
        })
}

/// Initial sequence numbers, some just before the wrap.
fn isn() -> impl Strategy<Value = u32> + Clone {
    prop_oneof![Just(0u32), Just(u32::MAX - 30), any::<u32>()]
}

fn plan(isn: impl Strategy<Value = u32> + Clone) -> impl Strategy<Value = Plan> {
    let fates = || proptest::collection::vec(fate(), 0..30);
    let delay = MILLISECOND..4 * MILLISECOND;
    let close = (0usize..2, any::<bool>(), any::<bool>()).prop_map(|(first, together, at_once)| Close {
        first,
        together,
        at_once,
    });
    (ends(isn), [delay.clone(), delay], [fates(), fates()], proptest::collection::vec(turn(100), 0..5), close).prop_map(
        |(ends, delays, fates, mut turns, close)| {
            if ends.shift.is_some_and(|shift| shift > 0) {
                turns.retain(|turn| !matches!(turn, Turn::Slow { .. }));
            }
            Plan { ends, delays, fates, turns, close }
        },
    )
}

/// What the program says of every packet of an exchange.
struct Told {
    facts: Vec<Facts>,
    /// By side: what was handed out, what was told as missing and not handed out later, what came too late.
    streams: [Vec<Option<u8>>; 2],
    late: [Vec<bool>; 2],
    states: [State; 2],
    /// Bytes that each side sent again.
    repeated: [u64; 2],
}

fn tell(plan: &Plan, exchange: &Exchange) -> Told {
    let mut table = FlowTable::new();
    let mut assembler = Assembler::new(LIMIT);
    let mut told = Told {
        facts: Vec::new(),
        streams: exchange.written.each_ref().map(|written| vec![None; written.len()]),
        late: exchange.written.each_ref().map(|written| vec![false; written.len()]),
        states: [State::Unknown; 2],
        repeated: [0; 2],
    };
    let Told { facts, streams, late, .. } = &mut told;
    let mut missing = [0u64; 2];
    let mut take = |item: Item<'_>| {
        let side = usize::from(!item.from_client());
        match item {
            Item::Bytes(chunk) => {
                for (at, byte) in chunk.data.iter().enumerate() {
                    let place = &mut streams[side][chunk.offset as usize + at];
                    assert!(place.is_none(), "a byte handed out twice");
                    *place = Some(*byte);
                }
                missing[side] -= if chunk.late { chunk.data.len() as u64 } else { 0 };
            }
            Item::Missing(hole) => missing[side] += hole.length,
            Item::Late(bytes) => late[side][bytes.offset as usize..][..bytes.length as usize].fill(true),
            Item::Differs(differs) => panic!("{differs:?}"),
        }
    };
    for (number, captured) in exchange.captured.iter().enumerate() {
        let data = frames::frame(&captured.packet, &plan.ends, 10_000);
        let (number, time, length) = (number as u64 + 1, Some(Timestamp(captured.time)), data.len() as u32);
        let mut layers = Layers::new();
        let packet =
            decode(Frame { number, time, link: LinkType::RAW, data: &data, length, ..Frame::empty() }, &mut layers);
        let known = table.ingest(&packet);
        facts.push(known.facts.tcp.expect("a TCP segment"));
        assembler.segment(&Segment::of(&packet, &known).expect("a segment"), &mut take);
    }
    assembler.finish(&mut take);
    for (side, missing) in missing.iter().enumerate() {
        let holes = told.streams[side].iter().filter(|byte| byte.is_none()).count() as u64;
        assert_eq!(*missing, holes, "of side {side}, told as missing\n{}", history(exchange, usize::MAX - 1));
    }
    let summary = table.conversation(0).expect("a conversation");
    let tcp = summary.tcp.expect("of TCP");
    (told.states, told.repeated) = (tcp.states, tcp.repeated);
    told
}

/// The names of marks, as a person reads them.
fn names(marks: u32) -> String {
    let all = [
        (Marks::RETRANSMISSION, "retransmission"),
        (Marks::FAST_RETRANSMISSION, "fast"),
        (Marks::SPURIOUS_RETRANSMISSION, "spurious"),
        (Marks::OUT_OF_ORDER, "out of order"),
        (Marks::LOST_SEGMENT, "lost segment"),
        (Marks::ACK_LOST_SEGMENT, "acked lost segment"),
        (Marks::DUPLICATE_ACK, "duplicate ack"),
        (Marks::ZERO_WINDOW, "zero window"),
        (Marks::ZERO_WINDOW_PROBE, "probe"),
        (Marks::ZERO_WINDOW_PROBE_ACK, "probe ack"),
        (Marks::WINDOW_UPDATE, "window update"),
        (Marks::WINDOW_FULL, "window full"),
        (Marks::KEEP_ALIVE, "keep-alive"),
        (Marks::KEEP_ALIVE_ACK, "keep-alive ack"),
        (Marks::REUSED_PORTS, "reused ports"),
        (Marks::WINDOW_REOPENED, "reopened"),
    ];
    let named: Vec<_> = all.iter().filter(|(mark, _)| marks & mark != 0).map(|(_, name)| *name).collect();
    named.join(", ")
}

/// A packet on one line, to read what went wrong.
fn line(number: usize, time: i64, packet: &Packet) -> String {
    let arrow = if packet.from == 0 { "->" } else { "<-" };
    let flags = format!("{}{}", if packet.has(SYN) { "S" } else { "" }, if packet.has(FIN) { "F" } else { "" });
    let Packet { at, ack, window, cause, .. } = packet;
    let (ms, end) = (time as f64 / 1e6, packet.end());
    format!("{number:3} {ms:9.3} {arrow} {flags:2} {at}..{end} ack {ack:?} window {window} {cause:?}")
}

/// The exchange up to a packet, with the marks of each.
fn history(exchange: &Exchange, until: usize) -> String {
    let lines = exchange.captured.iter().enumerate().take(until + 1);
    lines
        .map(|(at, captured)| {
            format!("{}  [{}]\n", line(at + 1, captured.time, &captured.packet), names(captured.expected.marks))
        })
        .collect()
}

/// Enough to notice a careless change, little enough for every `cargo test`; PROPTEST_CASES overrides.
fn cases() -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if asked { config } else { ProptestConfig { cases: 400, ..config } }
}

/// The states of both ends behind the last packet.
fn ended(plan: &Plan) -> [State; 2] {
    match plan.close {
        Close { together: true, .. } => [State::TimeWait; 2],
        Close { first: 0, .. } => [State::TimeWait, State::Closed],
        Close { .. } => [State::Closed, State::TimeWait],
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn every_packet_bears_the_marks_of_what_happened(plan in plan(isn())) {
        let exchange = play(&plan);
        let told = tell(&plan, &exchange);
        for (at, (captured, facts)) in exchange.captured.iter().zip(&told.facts).enumerate() {
            let (expected, analysis) = (captured.expected, facts.analysis);
            prop_assert_eq!(names(analysis.marks.0), names(expected.marks), "\n{}", history(&exchange, at));
            prop_assert_eq!(analysis.duplicate, expected.duplicate, "\n{}", history(&exchange, at));
        }
        for side in [0, 1] {
            let bytes = |marks: u32| -> u64 {
                let bears = |captured: &&Captured| captured.packet.from == side && captured.expected.marks & marks != 0;
                exchange.captured.iter().filter(bears).map(|captured| captured.packet.data.len() as u64).sum()
            };
            // What Wireshark takes for late counts as repeated too, where it has been seen before.
            let all = bytes(Marks::REPEATED)..=bytes(Marks::REPEATED | Marks::OUT_OF_ORDER);
            prop_assert!(all.contains(&told.repeated[side]), "{} of {:?}", told.repeated[side], all);
        }
        // Of two FINs at once the capture may see the second only when it is sent again, and take it for an answer.
        if !plan.close.together || plan.fates.iter().all(|fates| fates.is_empty()) {
            prop_assert_eq!(told.states, ended(&plan), "{}", history(&exchange, usize::MAX - 1));
        }
    }

    #[test]
    fn streams_are_what_was_sent(plan in plan(isn())) {
        let exchange = play(&plan);
        let told = tell(&plan, &exchange);
        for side in [0, 1] {
            let places = exchange.written[side].iter().zip(&exchange.seen[side]).zip(told.streams[side].iter().zip(&told.late[side]));
            for (at, ((byte, seen), (handed, late))) in places.enumerate() {
                prop_assert!(handed.is_none_or(|handed| handed == *byte), "byte {} of side {}", at, side);
                prop_assert_eq!(handed.is_some() || *late, *seen, "byte {} of side {}\n{}", at, side, history(&exchange, usize::MAX - 1));
            }
        }
    }
}

/// The marks that one fault brings about, in the order of their packets, where the client sends twelve segments at once.
fn marks_of_one(fate: Fate, which: usize) -> Vec<String> {
    let ends = Ends {
        isn: [7, 99],
        mss: 10,
        capacity: [1000; 2],
        shift: None,
        probing: Probing::NextByte,
        coalesces: false,
        fin_with_data: false,
    };
    // Before the data the client sends SYN and ACK.
    let mut fates = vec![Fate::Arrives; 2 + which];
    fates.push(fate);
    let plan = Plan {
        ends,
        delays: [3 * MILLISECOND, 2 * MILLISECOND],
        fates: [fates, Vec::new()],
        turns: vec![Turn::Write { side: 0, bytes: 120 }],
        close: Close { first: 0, together: false, at_once: true },
    };
    let told = tell(&plan, &play(&plan));
    let marks = told.facts.iter().map(|facts| names(facts.analysis.marks.0)).filter(|names| !names.is_empty());
    marks.collect()
}

#[test]
fn one_fault_is_named_by_its_name() {
    let duplicates = |count| vec!["duplicate ack"; count];
    assert!(marks_of_one(Fate::Arrives, 3).is_empty());
    // Eight segments arrive behind the one that is lost, and ask for it.
    let lost = [&["lost segment"][..], &duplicates(8), &["fast"]].concat();
    assert_eq!(marks_of_one(Fate::LostBefore, 3), lost);
    assert_eq!(marks_of_one(Fate::LostBehind, 3), lost[1..]);
    // Two are too few to ask: the timer runs out.
    assert_eq!(marks_of_one(Fate::LostBehind, 9), ["duplicate ack", "duplicate ack", "retransmission"]);
    assert_eq!(marks_of_one(Fate::Missed, 3), ["lost segment", "acked lost segment"]);
    assert_eq!(marks_of_one(Fate::TwiceBefore, 3), ["retransmission", "duplicate ack"]);
    assert_eq!(marks_of_one(Fate::TwiceBehind, 3), ["duplicate ack"]);
    // What is late before the place of capture is asked for, and sent again needlessly.
    let late = [&["lost segment", "out of order"][..], &duplicates(8), &["spurious", "duplicate ack"]].concat();
    assert_eq!(marks_of_one(Fate::LateBefore, 3), late);
    assert_eq!(marks_of_one(Fate::LateBehind, 10), ["duplicate ack"]);
}

/// The marks by the names of Wireshark's fields; `retransmission` is said of all three kinds.
const FIELDS: [(&str, u32); 15] = [
    ("retransmission", Marks::REPEATED),
    ("fast_retransmission", Marks::FAST_RETRANSMISSION),
    ("spurious_retransmission", Marks::SPURIOUS_RETRANSMISSION),
    ("out_of_order", Marks::OUT_OF_ORDER),
    ("lost_segment", Marks::LOST_SEGMENT),
    ("ack_lost_segment", Marks::ACK_LOST_SEGMENT),
    ("duplicate_ack", Marks::DUPLICATE_ACK),
    ("zero_window", Marks::ZERO_WINDOW),
    ("zero_window_probe", Marks::ZERO_WINDOW_PROBE),
    ("zero_window_probe_ack", Marks::ZERO_WINDOW_PROBE_ACK),
    ("window_update", Marks::WINDOW_UPDATE),
    ("window_full", Marks::WINDOW_FULL),
    ("keep_alive", Marks::KEEP_ALIVE),
    ("keep_alive_ack", Marks::KEEP_ALIVE_ACK),
    ("reused_ports", Marks::REUSED_PORTS),
];

/// A packet's marks, and the number and frame of a duplicate acknowledgment, `before` frames into the file.
fn row(marks: u32, duplicate: Option<(u32, u64)>, before: u64) -> String {
    let (number, frame) = duplicate
        .map_or((String::new(), String::new()), |(number, frame)| (number.to_string(), (before + frame).to_string()));
    let mut all: Vec<&str> = FIELDS.iter().filter(|(_, mark)| marks & mark != 0).map(|(name, _)| *name).collect();
    all.extend([number.as_str(), frame.as_str()]);
    all.join(" ")
}

/// Less than one packet in a thousand is named otherwise. Those are of two kinds, both where the capture missed what the
/// ends have: tshark lets one acknowledgment in thirty of what was not captured go by without a word, and calls some
/// repeated FINs fast retransmissions.
#[test]
fn tshark_names_the_same() {
    if std::process::Command::new("tshark").arg("--version").output().is_err() {
        return support::skip("tshark is not installed: nothing to hold the model against");
    }
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let count = std::env::var("EXCHANGES").ok().and_then(|count| count.parse().ok()).unwrap_or(200);
    // A number that is 0 is none to tshark, so nothing wraps.
    let isn = 1u32..1 << 31;
    let plans: Vec<Plan> =
        (0..count).map(|_| plan(isn.clone()).new_tree(&mut runner).expect("a plan").current()).collect();
    let exchanges: Vec<Exchange> = plans.iter().map(play).collect();
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("tcp_model.pcap");
    let pairs = plans.iter().zip(&exchanges).map(|(plan, exchange)| (&plan.ends, &exchange.captured[..]));
    std::fs::write(&path, frames::file(pairs)).expect("a file in the folder for tests");
    let mut tshark = std::process::Command::new("tshark");
    tshark.args(["-T", "fields", "-d", "tcp.port==8005,data", "-r"]).arg(&path);
    for (name, _) in FIELDS {
        tshark.args(["-e", &format!("tcp.analysis.{name}")]);
    }
    tshark.args(["-e", "tcp.analysis.duplicate_ack_num", "-e", "tcp.analysis.duplicate_ack_frame"]);
    let output = tshark.output().expect("tshark");
    let text = String::from_utf8(output.stdout).expect("tshark writes UTF-8");
    let mut lines = text.lines();
    let mut before = 0;
    let mut wrong = 0;
    for (number, (plan, exchange)) in plans.iter().zip(&exchanges).enumerate() {
        let told = tell(plan, exchange);
        let mut said = false;
        for at in 0..exchange.captured.len() {
            let columns: Vec<&str> = lines.next().expect("a line a packet").split('\t').collect();
            let mut words: Vec<&str> = FIELDS
                .iter()
                .zip(&columns)
                .filter(|(_, value)| !value.is_empty())
                .map(|((name, _), _)| *name)
                .collect();
            words.extend([columns[15], columns[16]]);
            let theirs = words.join(" ");
            let ours = row(told.facts[at].analysis.marks.0, told.facts[at].analysis.duplicate, before);
            wrong += u64::from(theirs != ours);
            if theirs != ours && !said {
                said = true;
                println!("exchange {number}: tshark says {theirs}, we say {ours}\n{}", history(exchange, at));
            }
        }
        before += exchange.captured.len() as u64;
    }
    println!("{before} packets, {wrong} that tshark names otherwise");
    assert!(lines.next().is_none());
    assert!(before > 1000 && wrong * 1000 <= before, "{wrong} of {before}");
}
