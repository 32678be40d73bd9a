//! Conversations as a table that fits its terminal: narrower gaps first, then shorter words, then cells of several lines.
//!
//! Lines are broken here, not by the table, so that it is known beforehand how many there will be: a picture that is
//! to be drawn again in its place must not be higher than the screen.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::super::escape;
use super::super::lines::program;
use super::super::style::{Palette, Role};
use super::super::table::{Align, Table};
use super::super::words::span;
use super::{called, ending, role};
use crate::field::text;
use crate::flow::gist::Gist;
use crate::flow::names::Names;
use crate::flow::{Ending, Summary};
use crate::process::End;

/// What there is room for.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub width: usize,
    /// Lines below the header; `None`: as many as it takes.
    pub lines: Option<usize>,
    /// Where the width has no column for what applications did, it stands beneath each conversation; else nowhere.
    pub beneath: bool,
}

/// Columns from which on the table has round trips.
const WIDE: usize = 110;
/// An address that is broken has at least so many.
const LEAST: usize = 8;
const CLIENT: usize = 2;
const SERVER: usize = 3;
const RTT: usize = 7;
const ENDED: usize = 8;
const PROGRAMS: usize = 9;
const APPLICATION: usize = 10;
/// What an application did has at least so many columns, or none.
const ABOUT: usize = 18;
/// Blanks before what stands beneath a row.
const INDENT: usize = 4;
/// An ending that is broken has at least so many columns.
const WORDS: usize = "half closed by".len();
const COLUMNS: [(&str, Align); 11] = [
    ("", Align::Left),
    ("#", Align::Right),
    ("client", Align::Left),
    ("server", Align::Left),
    ("packets", Align::Right),
    ("bytes", Align::Right),
    ("seconds", Align::Right),
    ("rtt: server + client", Align::Right),
    ("ended", Align::Left),
    ("programs", Align::Left),
    ("application", Align::Left),
];

/// A conversation's cells, `None` in a column that is not shown.
type Cells = [Option<(String, Role)>; COLUMNS.len()];
/// The columns that each takes; `None` of one that is not shown.
type Widths = [Option<usize>; COLUMNS.len()];

/// A table of conversations for a terminal; how many of them had room.
pub fn table<'a>(
    summaries: impl IntoIterator<Item = (Summary, Option<&'a Gist>)>,
    room: Room,
    palette: Palette,
    names: Option<&Names>,
    out: &mut impl Write,
) -> io::Result<usize> {
    let most = room.lines.unwrap_or(usize::MAX);
    let (mut rows, named): (Vec<Cells>, Vec<_>) = summaries
        .into_iter()
        .take(most)
        .map(|(summary, gist)| {
            (
                cells(&summary, room.lines.is_some(), names),
                (
                    summary.programs.map(named),
                    gist.map(|gist| String::from_utf8_lossy(&super::about(gist)).into_owned()),
                ),
            )
        })
        .unzip();
    let (programs, applications): (Vec<_>, Vec<_>) = named.into_iter().unzip();
    let mut widths = widths(&rows);
    widths[APPLICATION] = None;
    // Whose they are: a column where there is room for it besides all but the round trips, else below the addresses.
    let known = programs.iter().flatten().any(|name| !name.is_empty());
    let besides = taken(&widths, 1).saturating_sub(widths[RTT].unwrap_or(0) + 1);
    let below = known && besides > room.width;
    if !known || below {
        rows.iter_mut().for_each(|row| row[PROGRAMS] = None);
        widths[PROGRAMS] = None;
    }
    // The round trip of the handshake, on both sides of the place of capture, where there is room for it.
    let words = widths[ENDED].map_or(0, |width| width.saturating_sub(WORDS));
    if room.width < WIDE || taken(&widths, 1).saturating_sub(words) > room.width {
        rows.iter_mut().for_each(|row| row[RTT] = None);
        widths[RTT] = None;
    }
    add_applications(&mut rows, &mut widths, &applications, room.width);
    let columns: Vec<_> =
        COLUMNS.iter().zip(&widths).filter(|(_, width)| width.is_some()).map(|(column, _)| *column).collect();
    // The table has a blank behind its last column, too.
    let gap = if taken(&widths, 2) < room.width { 2 } else { 1 };
    let widths = fold(&mut rows, widths, room.width, gap);
    if below {
        for (row, names) in rows.iter_mut().zip(&programs) {
            put_below(row, names, &widths);
        }
    }
    let mut table = Table::new(&columns, room.width, palette).gap(gap);
    let (mut shown, mut lines) = (0, 0);
    let is_beneath = room.beneath && widths[APPLICATION].is_none();
    for (row, application) in rows.iter().zip(&applications) {
        let beneath = application.as_ref().filter(|_| is_beneath);
        lines += row.iter().flatten().map(|(text, _)| text.lines().count()).max().unwrap_or(1);
        lines += usize::from(beneath.is_some());
        if lines > most {
            break;
        }
        shown += 1;
        table.row(row.iter().flatten().map(|(text, role)| (text.as_str(), *role)));
        if let Some(text) = beneath {
            table.beneath(&format!("{:INDENT$}{}", "", shortened(text, room.width.saturating_sub(INDENT))), Role::Data);
        }
    }
    table.write(out)?;
    Ok(shown)
}

fn cells(summary: &Summary, brief: bool, names: Option<&Names>) -> Cells {
    let [client, server] = [summary.client, summary.server].map(|end| {
        let mut shown = Vec::new();
        called(end, names, &mut shown);
        String::from_utf8(shown).unwrap_or_default()
    });
    let client = if summary.guessed { format!("{client}?") } else { client };
    let mut seconds = Vec::new();
    text::seconds(summary.duration(), 3, &mut seconds);
    let rtt = summary.tcp.as_ref().map(|tcp| round_trips(tcp.rtt)).unwrap_or_default();
    let ended = match summary.ending {
        Ending::Reset { by_client: true, .. } if brief => "reset by client",
        Ending::Reset { by_client: false, .. } if brief => "reset by server",
        whole => ending(whole),
    };
    [
        Some((summary.transport.name().to_owned(), Role::Faint)),
        Some((summary.stream.to_string(), Role::Faint)),
        Some((client, Role::Plain)),
        Some((server, Role::Plain)),
        Some((summary.packets().to_string(), Role::Plain)),
        Some((size(summary.bytes()), Role::Plain)),
        Some((String::from_utf8(seconds).unwrap_or_default(), Role::Plain)),
        Some((rtt, Role::Plain)),
        Some((ended.to_owned(), role(summary.ending))),
        Some((super::programs(summary), Role::Plain)),
        None,
    ]
}

/// The widest cell of each column, its header included; `None` of one that is not shown.
fn widths(rows: &[Cells]) -> Widths {
    std::array::from_fn(|at| {
        let cells = rows.iter().map(|row| row[at].as_ref().map(|(text, _)| text.width()));
        cells.max().map_or(Some(COLUMNS[at].0.len()), |widest| widest.map(|widest| widest.max(COLUMNS[at].0.len())))
    })
}

fn taken(widths: &Widths, gap: usize) -> usize {
    let shown = widths.iter().flatten();
    shown.clone().sum::<usize>() + gap * (shown.count() - 1)
}

/// What applications did, in what is left of the width: round trips and long endings give way to it.
fn add_applications(rows: &mut [Cells], widths: &mut Widths, applications: &[Option<String>], width: usize) {
    // What cannot be shown takes more room: the table escapes it.
    let shown = |text: &String| escape::text(text).width();
    let Some(widest) = applications.iter().flatten().map(shown).max() else { return };
    // With `more` columns from others. Where others have too little already, there is none.
    let room = |widths: &Widths, more: usize| (width + more).saturating_sub(taken(widths, 1) + 1);
    if room(widths, 0) < widest.min(2 * ABOUT) && widths[RTT].is_some() {
        rows.iter_mut().for_each(|row| row[RTT] = None);
        widths[RTT] = None;
    }
    // The words of endings may be broken.
    let words = widths[ENDED].map_or(0, |ended| ended.saturating_sub(WORDS));
    let left = room(widths, 0);
    let room = if left < widest.min(ABOUT) { room(widths, words) } else { left };
    if room < widest.min(ABOUT) {
        return;
    }
    let column = widest.max(COLUMNS[APPLICATION].0.len()).min(room);
    widths[APPLICATION] = Some(column);
    for (row, text) in rows.iter_mut().zip(applications) {
        row[APPLICATION] = Some((shortened(text.as_deref().unwrap_or_default(), column), Role::Data));
    }
}

/// As much of a text as fits once it is escaped, with a sign where it does not.
fn shortened(text: &str, room: usize) -> String {
    if escape::text(text).width() <= room {
        return text.to_owned();
    }
    let (mut short, mut columns) = (String::new(), 1);
    for letter in text.chars() {
        columns += escape::text(letter.encode_utf8(&mut [0; 4])).width();
        if columns > room {
            break;
        }
        short.push(letter);
    }
    short.push('…');
    short
}

/// Breaks what is too wide: the words of the ending first, then addresses.
fn fold(rows: &mut [Cells], mut widths: Widths, width: usize, gap: usize) -> Widths {
    let over = |widths: &Widths| taken(widths, gap).saturating_sub(width);
    // Words stay readable as long as addresses can give way.
    if let (Some(ended), much @ 1..) = (widths[ENDED], over(&widths)) {
        narrow(rows, &mut widths, ENDED, ended.saturating_sub(much).max(WORDS), ' ');
    }
    let much = over(&widths);
    if much > 0 {
        let [client, server] = [CLIENT, SERVER].map(|at| widths[at].unwrap_or(0));
        let room = (client + server).saturating_sub(much);
        // The shorter ones are not broken where their half is enough; the longer ones have the rest.
        let less = client.min(server).min(room / 2);
        for (at, is_less) in [(CLIENT, client <= server), (SERVER, client > server)] {
            narrow(rows, &mut widths, at, if is_less { less } else { room - less }.max(LEAST), ':');
        }
    }
    widths
}

/// Breaks the cells of a column, where it has more than `room`.
fn narrow(rows: &mut [Cells], widths: &mut Widths, at: usize, room: usize, mark: char) {
    if widths[at].is_some_and(|width| width > room) {
        for (text, _) in rows.iter_mut().filter_map(|row| row[at].as_mut()) {
            *text = broken(text, room, mark);
        }
        widths[at] = Some(room);
    }
}

/// A program as its cell shows it.
fn named(end: Option<End>) -> String {
    let mut text = Vec::new();
    program(end.filter(|end| end.name().is_some()), &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// Puts the programs' names below the addresses that they are at.
fn put_below(row: &mut Cells, names: &[String; 2], widths: &Widths) {
    for (at, name) in [CLIENT, SERVER].into_iter().zip(names) {
        if let (Some((text, _)), false) = (&mut row[at], name.is_empty()) {
            text.push('\n');
            text.push_str(&broken(name, widths[at].unwrap_or(LEAST).max(LEAST), '['));
        }
    }
}

/// `text` in lines of at most `room` columns, broken before `mark`s (of which blanks are left out), else anywhere.
fn broken(text: &str, room: usize, mark: char) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (at, part) in text.split(mark).enumerate() {
        let part = if at > 0 { format!("{mark}{part}") } else { part.to_owned() };
        match lines.last_mut() {
            Some(line) if line.width() + part.width() <= room => line.push_str(&part),
            _ => {
                let letters: Vec<char> = part.trim_start().chars().collect();
                lines.extend(letters.chunks(room.max(1)).map(|letters| letters.iter().collect::<String>()));
            }
        }
    }
    lines.join("\n")
}

/// Bytes in at most five columns.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes}"),
        10_000..10_000_000 => format!("{} k", bytes / 1000),
        10_000_000..10_000_000_000 => format!("{} M", bytes / 1_000_000),
        _ => format!("{} G", bytes / 1_000_000_000),
    }
}

/// To the server and back, and to the client and back, as far as they are known.
fn round_trips(rtt: [Option<i64>; 2]) -> String {
    let said = rtt.map(|rtt| {
        let Some(rtt) = rtt else { return "?".to_owned() };
        let mut out = Vec::new();
        span(rtt, &mut out);
        String::from_utf8(out).unwrap_or_default()
    });
    if rtt == [None; 2] { String::new() } else { said.join(" + ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Transport, Why};
    use crate::frame::Timestamp;
    use crate::process::Certainty;
    use crate::wire::{Address, Protocol};

    const V4: Address = Address::V4([192, 168, 100, 101]);
    const V6: Address = Address::V6([0x20, 1, 0xd, 0xb8, 9, 9, 9, 9, 8, 8, 8, 8, 7, 7, 7, 7]);

    fn summary(address: Address) -> Summary {
        Summary {
            transport: Transport::Tcp,
            stream: 12,
            client: (address, 54321),
            server: (address, 8005),
            guessed: true,
            first: Timestamp(0),
            last: Timestamp(1_500_000_000),
            traffic: Default::default(),
            ending: Ending::Reset { by_client: true, why: Why::Unread },
            tcp: None,
            programs: [None; 2],
        }
    }

    fn drawn(address: Address, width: usize, lines: Option<usize>) -> (usize, String) {
        let mut out = Vec::new();
        let all = std::iter::repeat_with(|| (summary(address), None)).take(30);
        let shown = table(all, Room { width, lines, beneath: false }, Palette::new(false), None, &mut out).unwrap();
        (shown, String::from_utf8(out).unwrap())
    }

    #[test]
    fn no_picture_is_larger_than_its_room() {
        for (address, width) in [(V4, 120), (V4, 80), (V4, 60), (V6, 160), (V6, 120), (V6, 80)] {
            for room in [None, Some(20)] {
                let (shown, text) = drawn(address, width, room);
                assert!(text.lines().all(|line| line.width() <= width), "{width}:\n{text}");
                assert!(shown > 0 && shown <= 30);
                if room.is_some() {
                    assert!(text.lines().count() <= 22, "{width}: {}\n{text}", text.lines().count());
                }
            }
        }
        let ours = Address::V4([127, 0, 0, 1]);
        assert_eq!(drawn(ours, 80, Some(20)).0, 20, "a line each");
    }

    #[test]
    fn programs_have_a_column_or_stand_below_their_addresses() {
        let whose = |pid, certainty| Some(End::new(b"python3", pid, certainty));
        let programs = [whose(Some(1234), Certainty::Exact), whose(None, Certainty::ByListener)];
        let summary = || Summary { programs, ..summary(Address::V4([127, 0, 0, 1])) };
        let draw = |width| {
            let mut out = Vec::new();
            let room = Room { width, lines: None, beneath: true };
            table([(summary(), None)], room, Palette::new(false), None, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert!(draw(140).contains("programs") && draw(140).contains(" python3[1234] > ~python3"), "{}", draw(140));
        let narrow = draw(80);
        assert!(!narrow.contains("programs") && narrow.lines().all(|line| line.width() <= 80), "{narrow}");
        assert!(narrow.lines().any(|line| line.contains("python3[1234]") && line.contains("~python3")), "{narrow}");
    }

    #[test]
    fn what_applications_did_has_a_column_where_there_is_room() {
        let gist = Gist::made(Protocol::Http, "GET /a\x1b[2J/rather/long/path/of/a/page.html", "200, 61200 bytes");
        let draw = |address, width| {
            let mut out = Vec::new();
            let room = Room { width, lines: None, beneath: true };
            let both = [(summary(address), Some(&gist)), (summary(address), None)];
            table(both, room, Palette::new(false), None, &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.lines().all(|line| line.width() <= width), "{width}:\n{text}");
            text
        };
        let ours = Address::V4([127, 0, 0, 1]);
        let wide = draw(ours, 200);
        assert!(wide.contains(r"HTTP GET /a\x1b[2J/rather/long/path/of/a/page.html → 200, 61200 bytes"), "{wide}");
        assert!(draw(ours, 120).lines().any(|line| line.contains(r"HTTP GET /a\x1b[2J/") && line.contains('…')));
        // Only of the conversation of which something is known.
        let narrow = draw(V6, 80);
        assert!(
            narrow.contains("\n    HTTP GET /a\\x1b[2J/rather/long/path/of/a/page.html → 200, 61200 bytes\n"),
            "{narrow}"
        );
        assert_eq!(narrow.matches("HTTP").count(), 1, "{narrow}");
    }

    #[test]
    fn addresses_break_before_their_port() {
        let (_, text) = drawn(V6, 120, None);
        assert!(text.lines().any(|line| line.contains(" :54321?  ") || line.contains(" :54321? ")), "{text}");
        assert_eq!(broken("[fd00:5::1]:40001", 14, ':'), "[fd00:5::1]\n:40001");
        assert_eq!(
            broken("reset by client, perhaps with data unread", 16, ' '),
            "reset by client,\nperhaps with\ndata unread"
        );
        assert_eq!(broken("abcdefgh", 3, ':'), "abc\ndef\ngh");
    }

    #[test]
    fn a_long_address_leaves_short_ones_whole() {
        let draw = |pairs: &[(Address, Address)], width| {
            let all = pairs.iter().map(|(client, server)| {
                let ending = Ending::Open;
                let summary = summary(*client);
                (Summary { server: (*server, 8005), guessed: false, ending, ..summary }, None)
            });
            let mut out = Vec::new();
            table(all, Room { width, lines: None, beneath: false }, Palette::new(false), None, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let text = draw(&[(V6, Address::V4([10, 0, 5, 2])), (V4, V4)], 80);
        for whole in ["192.168.100.101:54321 192.168.100.101:8005", " 10.0.5.2:8005 "] {
            assert!(text.contains(whole), "{text}");
        }
        // As wide as the screen to a column: each conversation has its line.
        for width in 60..90 {
            let text = draw(&[(V4, V4)], width);
            assert!(text.lines().count() == 3 || width < 77, "{width}:\n{text}");
        }
    }

    #[test]
    fn round_trips_are_told_on_both_sides_as_far_as_they_are_known() {
        assert_eq!(round_trips([Some(12_000_000), Some(340_000)]), "12 ms + 340 µs");
        assert_eq!(round_trips([Some(1_200_000), None]), "1.2 ms + ?");
        assert_eq!(round_trips([None; 2]), "");
    }
}
