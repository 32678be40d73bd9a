//! The chart as a whole: what holds for any packets, and what a row looks like.

use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::flow::FlowTable;
use crate::frame::{Frame, LinkType};
use crate::pipeline::Sink;
use crate::view::tests::SYN;
use crate::wire::{self, Layers};

fn look(width: usize, ascii: bool, states: bool) -> Look {
    Look { width, palette: Palette::new(false), ascii, states }
}

/// Feeds frames of Ethernet, with their times in microseconds, to a chart.
fn fed<S: Sink>(mut sink: S, frames: &[(i64, Vec<u8>)]) -> S {
    let (mut table, mut layers) = (FlowTable::new(), Layers::new());
    for (place, (time, data)) in frames.iter().enumerate() {
        let (number, link, length) = (place as u64 + 1, LinkType::ETHERNET, data.len() as u32);
        let frame =
            Frame { number, time: Some(Timestamp(time.saturating_mul(1000))), link, length, data, ..Frame::empty() };
        let packet = wire::decode(frame, &mut layers);
        let known = table.ingest(&packet);
        sink.packet(&packet, &known).unwrap();
    }
    sink.flush().unwrap();
    sink
}

/// A segment between 10.0.0.1:40000 and 10.0.0.2:8005.
fn segment(from_client: bool, flags: u8, sequence: u32, acknowledgment: u32, data: &[u8]) -> Vec<u8> {
    let mut frame = SYN[..54].to_vec();
    frame[16..18].copy_from_slice(&(40 + data.len() as u16).to_be_bytes());
    if !from_client {
        frame[26..34].copy_from_slice(&[10, 0, 0, 2, 10, 0, 0, 1]);
        frame[34..38].copy_from_slice(&[0x1f, 0x45, 0x9c, 0x40]);
    }
    frame[38..42].copy_from_slice(&sequence.to_be_bytes());
    frame[42..46].copy_from_slice(&acknowledgment.to_be_bytes());
    frame[46..48].copy_from_slice(&[0x50, flags]);
    frame.extend_from_slice(data);
    frame
}

/// A datagram from one of several hosts to another, or to a group.
fn datagram(from: u8, to: [u8; 4], ports: [u16; 2], data: &[u8]) -> Vec<u8> {
    let mut frame = SYN[..34].to_vec();
    frame[16..18].copy_from_slice(&(28 + data.len() as u16).to_be_bytes());
    frame[23] = 17;
    frame[26..30].copy_from_slice(&[10, 0, 0, from]);
    frame[30..34].copy_from_slice(&to);
    for word in [ports[0], ports[1], 8 + data.len() as u16, 0] {
        frame.extend_from_slice(&word.to_be_bytes());
    }
    frame.extend_from_slice(data);
    frame
}

fn drawn(frames: &[(i64, Vec<u8>)], look: Look) -> Vec<String> {
    let mut out = Vec::new();
    fed(Ladder::default(), frames).draw(&mut out, look).unwrap();
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}

const OPEN: u8 = 0x02;
const ACCEPT: u8 = 0x12;
const ACK: u8 = 0x10;

fn opened() -> Vec<(i64, Vec<u8>)> {
    vec![
        (0, segment(true, OPEN, 100, 0, b"")),
        (100, segment(false, ACCEPT, 900, 101, b"")),
        (200, segment(true, ACK, 101, 901, b"")),
    ]
}

#[test]
fn the_client_stands_on_the_left_even_if_the_server_is_heard_first() {
    let rows = drawn(&opened()[1..], look(100, false, true));
    assert!(rows[0].contains("10.0.0.1:40000") && rows[0].ends_with("10.0.0.2:8005"), "{rows:#?}");
    assert!(rows[1].contains("SYN-SENT │◀─") && rows[1].ends_with("─│ SYN-RECEIVED"), "{rows:#?}");
    assert!(rows[2].contains("ESTABLISHED │─ 2 ACK ack 1"), "{rows:#?}");
}

#[test]
fn what_is_sent_again_is_said_with_the_time_it_took_and_drawn_as_trouble() {
    let mut frames = opened();
    frames.push((1_000, segment(true, 0x18, 101, 901, b"Hello")));
    frames.push((202_000, segment(true, 0x18, 101, 901, b"Hello")));
    let rows = drawn(&frames, look(120, false, true));
    assert!(rows[5].starts_with("… 201 ms … "), "{rows:#?}");
    let again = "╌ 5 PSH·ACK seq 1 ack 1 len 5  sent again after 201 ms: no answer  \"Hello\" ╌";
    assert!(rows[6].contains(again), "{rows:#?}");
}

#[test]
fn an_error_about_the_conversation_stands_in_its_chart() {
    let mut frames = opened()[..1].to_vec();
    let mut error = SYN[..34].to_vec();
    error[16..18].copy_from_slice(&(20u16 + 8 + 28).to_be_bytes());
    error[23] = 1;
    error[26..34].copy_from_slice(&[10, 0, 0, 2, 10, 0, 0, 1]);
    error.extend_from_slice(&[3, 10, 0, 0, 0, 0, 0, 0]);
    error.extend_from_slice(&frames[0].1[14..42]);
    frames.push((500, error));
    let rows = drawn(&frames, look(120, false, true));
    assert!(rows[0].contains("10.0.0.1:40000") && rows[1].contains("SYN-SENT"), "{rows:#?}");
    assert!(rows[2].contains("│◀╌") && rows[2].contains("2 ICMP "), "{rows:#?}");
}

#[test]
fn packets_stay_in_their_order_where_a_clock_is_set_back() {
    let frames = [(5_000, SYN.to_vec()), (2_000, SYN.to_vec()), (6_000, SYN.to_vec())];
    let times: Vec<String> =
        drawn(&frames, look(80, false, false))[1..].iter().map(|row| row[..9].trim().into()).collect();
    assert_eq!(times.iter().filter(|time| !time.is_empty()).collect::<Vec<_>>(), ["0.000", "-3.000", "1.000"]);
}

#[test]
fn rows_beyond_the_limit_are_counted() {
    let frames: Vec<_> =
        (0..MOST_ROWS as i64 + 7).map(|time| (time, datagram(1, [10, 0, 0, 2], [7, 7], b""))).collect();
    let rows = drawn(&frames, look(80, false, false));
    assert_eq!((rows.len(), rows.last().map(String::as_str)), (MOST_ROWS + 2, Some("... and 7 more")));
}

#[test]
fn a_pause_takes_one_row_more_with_each_power_of_ten() {
    let rows = |microseconds| {
        drawn(&[(0, SYN.to_vec()), (microseconds, SYN.to_vec())], look(80, true, false))
            .iter()
            .filter(|row| row.contains(" :") || row.contains(".:"))
            .count()
    };
    assert_eq!([99_999, 100_000, 999_999, 1_000_000, 59_000_000, 3_600_000_000].map(rows), [0, 1, 1, 2, 3, 5]);
}

#[test]
fn a_group_has_a_column_of_its_own_behind_the_hosts() {
    let frames = [
        (0, datagram(1, [239, 1, 2, 3], [5000, 5007], b"Hello")),
        (1, datagram(2, [239, 1, 2, 3], [5000, 5007], b"x")),
    ];
    let rows = drawn(&frames, look(80, false, true));
    let headings: Vec<&str> = rows[0].split_whitespace().collect();
    assert_eq!(headings, ["ms", "10.0.0.1:5000", "10.0.0.2:5000", "239.1.2.3:5007"]);
    assert!(rows[1].contains("│─ 1 UDP len 5 \"Hello\" ─") && rows[1].ends_with("▶│"), "{rows:#?}");
}

#[test]
fn hosts_without_a_column_of_their_own_share_the_last_and_are_named() {
    let frames: Vec<_> = (0..40).map(|host| (0, datagram(host, [10, 0, 0, 200], [7, 7], b""))).collect();
    let rows = drawn(&frames, look(80, false, true));
    assert!(rows[0].contains("10.0.0.200:7") && rows[0].contains("others"), "{rows:#?}");
    let note = rows[rows.len() - 2..].join(" ");
    assert!(note.contains("others (37): 10.0.0.3, ") && note.ends_with(", …"), "{note}");
    assert_eq!(rows.iter().filter(|row| row.contains('▶') || row.contains('◀')).count(), 40);
}

#[test]
fn ends_of_one_host_that_talks_with_itself_have_a_column_each() {
    let rows = drawn(&[(0, datagram(1, [10, 0, 0, 1], [40000, 53], b"?"))], look(80, false, true));
    assert!(rows[0].contains("10.0.0.1:40000") && rows[0].ends_with("10.0.0.1:53"), "{rows:#?}");
}

#[test]
fn a_chart_that_grows_draws_the_names_anew_when_they_change() {
    let mut frames = opened();
    frames.push((300, datagram(3, [239, 1, 2, 3], [5000, 5007], b"Hello")));
    let mut out = Vec::new();
    fed(Live::new(&mut out, look(80, false, true), &ENGLISH), &frames);
    let text = String::from_utf8(out).unwrap();
    let rows: Vec<&str> = text.lines().collect();
    let headings: Vec<usize> = (0..rows.len()).filter(|place| rows[*place].starts_with("       ms")).collect();
    assert_eq!(headings.len(), 2, "{text}");
    assert!(rows[1].contains("LISTEN") && rows[headings[1]].contains("239.1.2.3"), "{text}");
    assert!(rows[headings[1] + 1].starts_with("    0.300 "), "times go on: {text}");
}

fn program(name: &str, host: u8) -> Program {
    let (ports, also, places) = (Vec::new(), Vec::new(), Vec::new());
    Program { name: name.to_owned(), address: [10, 0, 0, host].into(), ports, also, places }
}

/// Printed lines and packets in the order of time, as a demonstration has them.
#[test]
fn lines_that_programs_print_stand_at_their_program() {
    let mut ladder = fed(Ladder::of(vec![program("client", 1), program("server", 2)], &ENGLISH), &opened());
    ladder.printed(1, Timestamp(250_000), "你好".repeat(60));
    ladder.printed(0, Timestamp(150_000), "Server said:  Grüße".into());
    let mut out = Vec::new();
    ladder.draw(&mut out, look(80, false, false)).unwrap();
    let rows: Vec<String> = String::from_utf8(out).unwrap().lines().map(str::to_owned).collect();
    assert!(rows[0].contains(" client 10.0.0.1:40000 ") && rows[0].ends_with("10.0.0.2:8005 server"), "{rows:#?}");
    assert!(rows[3].contains("0.150 ▌ Server said:  Grüße ") && rows[3].ends_with('│'), "{rows:#?}");
    assert!(rows[5].contains("0.250 │") && rows[5].ends_with('▐'), "{rows:#?}");
    assert!(rows.iter().skip(1).all(|row| row.width() == 80), "{rows:#?}");
}

#[test]
fn a_printed_line_that_has_no_room_goes_on_below_for_a_few_rows() {
    let mut ladder = Ladder::of(vec![program("client", 1), program("server", 2)], &ENGLISH);
    let text = "word ".repeat(12) + "and the end of what it said";
    ladder.printed(0, Timestamp(0), text.clone());
    ladder.printed(1, Timestamp(1), text);
    ladder.printed(1, Timestamp(2), "x".repeat(1000));
    let mut out = Vec::new();
    ladder.draw(&mut out, look(80, false, false)).unwrap();
    let text = String::from_utf8(out).unwrap();
    let rows: Vec<&str> = text.lines().map(str::trim).collect();
    assert!(rows[1].ends_with(" word and    │") && rows[2].starts_with("▌ the end of what it said "), "{text}");
    assert!(rows[3].ends_with(" word and ▐") && rows[4].ends_with("  the end of what it said ▐"), "{text}");
    assert!(rows.len() == 9 && rows[8].ends_with("x… ▐"), "{text}");
}

#[test]
fn one_packet_and_none_are_counted_as_such() {
    let counted = |frames: &[(i64, Vec<u8>)]| {
        let mut out = Vec::new();
        fed(Ladder::default(), frames).summary(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!(counted(&[]), "no packets\n");
    let datagram = (0, datagram(1, [10, 0, 0, 2], [7, 7], b"!"));
    assert_eq!(counted(std::slice::from_ref(&datagram)), "1 packet: 1 carries data\n");
    assert_eq!(counted(&[datagram.clone(), datagram]), "2 packets in 0.000 ms: 2 carry data\n");
}

#[test]
fn bytes_that_are_sent_again_are_counted_once() {
    let mut frames = opened();
    let data = segment(true, 0x18, 101, 301, b"twice");
    frames.extend([(1_000_000, data.clone()), (300_000_000, data)]);
    let mut out = Vec::new();
    fed(Ladder::default(), &frames).summary(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.ends_with("; 5 sent again\n"), "{text}");
}

/// Feeds frames that were captured in places of their own.
fn seen(mut ladder: Ladder, frames: &[(u32, i64, Vec<u8>)]) -> Ladder {
    let (mut tables, mut layers) = ([FlowTable::new(), FlowTable::new(), FlowTable::new()], Layers::new());
    for (place, (interface, time, data)) in frames.iter().enumerate() {
        let (number, link, length) = (place as u64 + 1, LinkType::ETHERNET, data.len() as u32);
        let time = Some(Timestamp(time.saturating_mul(1000)));
        let frame = Frame { number, time, interface: *interface, link, length, data, ..Frame::empty() };
        let packet = wire::decode(frame, &mut layers);
        let known = tables[*interface as usize].ingest(&packet);
        ladder.packet(&packet, &known).unwrap();
    }
    ladder
}

fn chart_of(ladder: &mut Ladder, width: usize) -> String {
    let mut out = Vec::new();
    ladder.draw(&mut out, look(width, false, false)).unwrap();
    String::from_utf8(out).unwrap()
}

/// A host 1 behind a NAT 7 speaks with 9; 8 is a stranger.
fn translated() -> Vec<(u32, i64, Vec<u8>)> {
    vec![
        (0, 0, datagram(1, [10, 0, 0, 9], [4000, 9000], b"hello")),
        (1, 50, datagram(7, [10, 0, 0, 9], [5000, 9000], b"hello")),
        (1, 900, datagram(9, [10, 0, 0, 7], [9000, 5000], b"you")),
        (0, 950, datagram(9, [10, 0, 0, 1], [9000, 4000], b"you")),
        (1, 2000, datagram(8, [10, 0, 0, 7], [6000, 5000], b"let me in")),
    ]
}

fn two_sides() -> Ground {
    Ground { nats: vec![Between { inside: vec![0], outside: vec![1], plain: false }], ..Ground::default() }
}

#[test]
fn a_packet_on_both_sides_of_a_nat_is_one_arrow_with_what_was_rewritten() {
    let mut ladder = seen(Ladder::default().on(two_sides()), &translated());
    let text = chart_of(&mut ladder, 100);
    let rows: Vec<&str> = text.lines().collect();
    // Inside, the NAT, outside.
    let columns = ["10.0.0.1", "10.0.0.7", "10.0.0.9"].map(|name| rows[0].find(name).or(rows[1].find(name)).unwrap());
    assert!(columns.is_sorted(), "{text}");
    let row = |sign: &str| rows.iter().position(|row| row.contains(sign)).unwrap_or_else(|| panic!("{sign} in {text}"));
    let out = row("1 UDP");
    assert!(rows[out..=out + 1].concat().contains("10.0.0.1:4000 ⇒ 10.0.0.7:5000"), "{text}");
    let back = row("3 UDP");
    assert!(rows[back..=back + 1].concat().contains("10.0.0.1:4000 ⇐ 10.0.0.7:5000"), "{text}");
    assert!(rows[row("5 UDP")].contains('╌') && text.contains("filtered: inside had not sent there"), "{text}");
    assert!(!text.contains("2 UDP") && !text.contains("4 UDP"), "{text}");
    let mut counted = Vec::new();
    ladder.summary(&mut counted).unwrap();
    assert_eq!(String::from_utf8(counted).unwrap(), "3 packets, seen 5 times in 2 places\n");
}

#[test]
fn what_a_nat_rewrote_stands_in_pictures_too() {
    let mut ladder = seen(Ladder::default().on(two_sides()), &translated());
    let (mut picture, mut mermaid) = (Vec::new(), Vec::new());
    ladder.draw_svg(&mut picture).unwrap();
    ladder.draw_mermaid(&mut mermaid).unwrap();
    assert!(String::from_utf8(picture).unwrap().contains(">10.0.0.1:4000 ⇒ 10.0.0.7:5000</text>"));
    assert!(String::from_utf8(mermaid).unwrap().contains("    Note over h1: 10.0.0.1:4000 ⇒ 10.0.0.7:5000\n"));
}

#[test]
fn what_a_filter_takes_away_tells_what_a_nat_did_all_the_same() {
    let mut ladder = Ladder::default().on(two_sides());
    let (mut table, mut layers) = (FlowTable::new(), Layers::new());
    for (place, (interface, time, data)) in translated().iter().enumerate() {
        let (number, link, length) = (place as u64 + 1, LinkType::ETHERNET, data.len() as u32);
        let time = Some(Timestamp(time * 1000));
        let packet = wire::decode(
            Frame { number, time, interface: *interface, link, length, data, ..Frame::empty() },
            &mut layers,
        );
        let known = table.ingest(&packet);
        ladder.watch(&packet);
        // The way out on the outside alone, and the stranger.
        if [2, 5].contains(&number) {
            ladder.packet(&packet, &known).unwrap();
        }
    }
    let text = chart_of(&mut ladder, 80);
    assert!(text.contains("2 UDP") && text.contains("filtered: inside had not sent there"), "{text}");
}

#[test]
fn the_clock_of_the_outside_need_not_be_that_of_the_inside() {
    let mut frames = translated();
    frames.iter_mut().filter(|(place, ..)| *place == 1).for_each(|(_, time, _)| *time += 3_000_000);
    let ground = Ground { clocks_differ: true, ..two_sides() };
    let text = chart_of(&mut seen(Ladder::default().on(ground), &frames), 100);
    assert!(text.contains("    0.9") && text.contains("    2.0") && !text.contains("3000"), "{text}");
}

#[test]
fn networks_apart_may_have_the_same_addresses() {
    let at = |name, host, places: &[u32]| Program { places: places.to_vec(), ..program(name, host) };
    let programs = vec![at("one", 1, &[0]), at("router", 7, &[0, 1]), at("another", 1, &[1])];
    let frames = [(0, 0, datagram(1, [10, 0, 0, 7], [5, 6], b"x")), (1, 9, datagram(1, [10, 0, 0, 7], [5, 6], b"y"))];
    let text = chart_of(&mut seen(Ladder::of(programs, &ENGLISH).on(two_sides()), &frames), 80);
    let arrows: Vec<&str> = text.lines().filter(|row| row.contains("UDP")).collect();
    assert!(arrows[0].contains('▶') && arrows[1].contains('◀'), "from either side: {text}");
}

#[test]
fn a_packet_through_a_plain_router_is_one_arrow_whichever_way_it_goes() {
    let at = |name, host, places: &[u32]| Program { places: places.to_vec(), ..program(name, host) };
    let programs = vec![at("one", 1, &[0]), at("router", 7, &[0, 1]), at("other", 9, &[1])];
    let (there, back) = (datagram(1, [10, 0, 0, 9], [5, 6], b"there"), datagram(9, [10, 0, 0, 1], [6, 5], b"back"));
    let behind = |frame: &[u8]| {
        let mut frame = frame.to_vec();
        frame[22] -= 1; // the time to live
        frame
    };
    let frames = [(0, 0, there.clone()), (1, 9, behind(&there)), (1, 500, back.clone()), (0, 520, behind(&back))];
    let mut ground = two_sides();
    ground.nats[0].plain = true;
    let text = chart_of(&mut seen(Ladder::of(programs, &ENGLISH).on(ground), &frames), 80);
    let row = |sign: &str| text.lines().find(|row| row.contains(sign)).unwrap_or_else(|| panic!("{sign}: {text}"));
    assert!(row("1 UDP").ends_with("▶│") && row("3 UDP").contains("│◀"), "{text}");
    assert!(!text.contains("2 UDP") && !text.contains("4 UDP") && !text.contains('⇒'), "{text}");
}

#[test]
fn a_packet_that_does_not_come_out_ends_at_the_router() {
    let at = |name, host, places: &[u32]| Program { places: places.to_vec(), ..program(name, host) };
    let programs = vec![at("one", 1, &[0]), at("router", 7, &[0, 1]), at("server", 9, &[1])];
    let frames =
        [(0, 0, datagram(1, [10, 0, 0, 9], [5, 6], b"lost")), (1, 9, datagram(9, [10, 0, 0, 7], [6, 5], b"?"))];
    let text = chart_of(&mut seen(Ladder::of(programs, &ENGLISH).on(two_sides()), &frames), 80);
    let row = text.lines().find(|row| row.contains("1 UDP")).unwrap();
    assert!(row.contains("▶│                "), "to the router, not to the server: {text}");
    assert!(text.contains("went no further"), "{text}");
}

#[test]
fn a_packet_to_a_group_shows_whom_it_reached() {
    let programs = vec![program("h1", 1), program("h2", 2), program("h3", 3)];
    let ground = Ground { ears: vec![Some(0), Some(1), Some(2)], ..Ground::default() };
    let (one, all) = (datagram(1, [239, 1, 2, 3], [5, 5007], b"One"), datagram(1, [224, 0, 0, 1], [5, 5007], b"All"));
    let nobody = datagram(2, [239, 9, 9, 9], [5, 5007], b"None");
    let frames =
        [(0, 0, one.clone()), (1, 2, one), (0, 10, all.clone()), (1, 11, all.clone()), (2, 12, all), (1, 20, nobody)];
    let text = chart_of(&mut seen(Ladder::of(programs, &ENGLISH).on(ground), &frames), 80);
    let below = |sign: &str| {
        let place = text.lines().position(|row| row.contains(sign)).unwrap_or_else(|| panic!("{sign}: {text}"));
        text.lines().nth(place + 1).unwrap_or_default()
    };
    assert!(below("\"One\"").ends_with("▶│                                  │"), "h2 alone: {text}");
    assert!(below("\"All\"").contains('●') && below("\"All\"").ends_with("▶│"), "both: {text}");
    assert!(below("\"None\" ↺").contains(" reached nobody "), "{text}");
    assert!(!text.lines().next().unwrap().contains("239."), "the group has no column: {text}");
}

/// Packets of a few hosts and groups, well made or not.
fn frames() -> impl Strategy<Value = Vec<(i64, Vec<u8>)>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..40);
    let text = proptest::string::string_regex("[\\PC\u{300}\u{1f3fd}=<>&]{0,30}").unwrap();
    let data = prop_oneof![bytes, text.prop_map(String::into_bytes)];
    let segment = (any::<bool>(), any::<u8>(), 0..200u32, 0..200u32, data.clone()).prop_map(
        |(side, flags, sequence, acknowledgment, data)| segment(side, flags, sequence, acknowledgment, &data),
    );
    let to = prop_oneof![(0..12u8).prop_map(|host| [10, 0, 0, host]), Just([239, 1, 2, 3]), Just([255; 4])];
    let datagram = (0..12u8, to, 0..3u16, data).prop_map(|(from, to, port, data)| datagram(from, to, [port, 7], &data));
    let any_bytes = proptest::collection::vec(any::<u8>(), 0..120);
    let typed = (any_bytes.clone(), proptest::sample::select(vec![0x0800u16, 0x0806, 0x86dd, 0x8100])).prop_map(
        |(mut data, kind)| {
            if let Some(place) = data.get_mut(12..14) {
                place.copy_from_slice(&kind.to_be_bytes());
            }
            data
        },
    );
    let times = prop_oneof![0..1_000_000i64, any::<i64>()];
    proptest::collection::vec((times, prop_oneof![4 => segment, 4 => datagram, 1 => any_bytes, 1 => typed]), 0..20)
}

fn acts(text: &str) -> bool {
    text.chars().any(|c| c != '\n' && crate::view::escape::acts(c))
}

proptest! {
    #[test]
    fn no_packets_of_several_places_act_on_the_terminal_or_leave_the_width(
        frames in frames(),
        places in proptest::collection::vec(0..3u32, 20),
        (width, ascii, clocks_differ) in (60usize..130, any::<bool>(), any::<bool>()),
    ) {
        let frames: Vec<_> = frames.into_iter().zip(places).map(|((time, data), place)| (place, time, data)).collect();
        let nats = vec![
            Between { inside: vec![0], outside: vec![1], plain: false },
            Between { inside: vec![2], outside: vec![1], plain: false },
        ];
        for ears in [Vec::new(), vec![Some(0), None, Some(1)]] {
            let ground = Ground { nats: nats.clone(), ears, clocks_differ, only_active: ascii };
            let mut ladder = seen(Ladder::default().on(ground), &frames);
            let mut texts = [Vec::new(), Vec::new(), Vec::new()];
            let [chart, picture, mermaid] = &mut texts;
            ladder.draw(chart, look(width, ascii, false)).unwrap();
            ladder.draw_svg(picture).unwrap();
            ladder.draw_mermaid(mermaid).unwrap();
            let texts = texts.map(|text| String::from_utf8(text).unwrap());
            prop_assert!(!texts.iter().any(|text| acts(text)), "{:?}", texts);
            for row in texts[0].lines() {
                prop_assert!(row.width() <= width, "{} columns, not {width}: {row}", row.width());
                prop_assert!(!ascii || row.is_ascii(), "{row}");
            }
        }
    }

    #[test]
    fn no_packets_act_on_the_terminal_or_leave_the_width(
        frames in frames(),
        (width, ascii, states) in (60usize..130, any::<bool>(), any::<bool>()),
        printed in "\\PC{0,100}",
    ) {
        let draw = || {
            let mut ladder = fed(Ladder::default(), &frames);
            ladder.printed(0, Timestamp(5), crate::view::escape::text(&printed));
            let mut texts = [Vec::new(), Vec::new(), Vec::new()];
            let [chart, picture, mermaid] = &mut texts;
            ladder.draw(chart, look(width, ascii, states)).unwrap();
            ladder.draw_svg(picture).unwrap();
            ladder.draw_mermaid(mermaid).unwrap();
            texts.map(|text| String::from_utf8(text).unwrap())
        };
        let texts = draw();
        prop_assert!(!texts.iter().any(|text| acts(text)), "{:?}", texts);
        for row in texts[0].lines() {
            prop_assert!(row.width() <= width, "{} columns, not {width}: {row}", row.width());
            prop_assert!(!ascii || row.is_ascii(), "{row}");
        }
        prop_assert_eq!(&texts, &draw(), "the same packets, other bytes");
        let mut live = Vec::new();
        fed(Live::new(&mut live, look(width, ascii, states), &ENGLISH), &frames);
        let live = String::from_utf8(live).unwrap();
        prop_assert!(!acts(&live) && live.lines().all(|row| row.width() <= width), "{live}");
    }
}
