//! The beats that a capture shows: who, how often, what was missed, a line of time, and what would have happened with
//! this timeout or that NAT; the same as JSON.

use std::io::{self, Write};

use super::{plural, share};
use crate::field::text;
use crate::flow::heartbeat::track::Cell;
use crate::flow::heartbeat::train::Alike;
use crate::flow::heartbeat::{Beat, End, Exceeded};
use crate::view::object::Object;
use crate::view::style::{Palette, Role};
use crate::view::wrap;
use crate::wire::Address;

/// How it looks.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub palette: Palette,
    pub width: usize,
    pub ascii: bool,
    /// The user asked for these timeouts and bindings: the answer to each is told, not only to those that matter.
    pub timeouts_asked: bool,
    pub bindings_asked: bool,
    /// When the capture began, nanoseconds.
    pub begun: i64,
}

/// Columns of the names of lines.
const NAMES: usize = 11;
/// Gaps that are told one by one.
const GAPS: usize = 6;

impl Look {
    pub fn write(&self, beat: &Beat, out: &mut impl Write) -> io::Result<()> {
        let mut buffer = Vec::new();
        self.heading(beat, &mut buffer);
        let track = &beat.track;
        let mut lines: Vec<(&str, Role, String)> = Vec::new();
        lines.push(("period", Role::Plain, period(beat)));
        lines.push((
            "beats",
            Role::Plain,
            format!(
                "{} from packet {} to {}, {} to {}{}",
                track.beats,
                track.first.packet,
                track.last.packet,
                moment(track.first.time.saturating_sub(self.begun)),
                moment(track.last.time.saturating_sub(self.begun)),
                besides(beat)
            ),
        ));
        let role = if track.missed > 0 { Role::Trouble } else { Role::Plain };
        lines.push(("missed", role, missed(beat)));
        if let Some(answered) = beat.answered {
            let [least, average, most] = [answered.least, answered.average, answered.most].map(milliseconds);
            lines.push((
                "answered",
                Role::Plain,
                format!("{}, after min/avg/max {least}/{average}/{most} ms", share(answered.count, track.beats)),
            ));
        }
        if let Some((end, packet, after)) = beat.moved {
            let text = format!("goes on from {} at packet {packet}, after {}", name(end), span(after));
            lines.push(("moved", Role::Closing, text));
        } else if beat.silent_at_end > track.period().saturating_mul(2) {
            lines.push((
                "at the end",
                Role::Closing,
                format!("silent for {}, until the capture ends", span(beat.silent_at_end)),
            ));
        }
        for (name, role, text) in lines {
            self.line(name, role, &text, &mut buffer);
        }
        self.time_line(beat, &mut buffer);
        self.what_if(beat, &mut buffer);
        out.write_all(&buffer)
    }

    fn heading(&self, beat: &Beat, out: &mut Vec<u8>) {
        let arrow = if self.ascii { "->" } else { "→" };
        let text =
            format!("{} {} {arrow} {}{}", beat.transport.name(), name(beat.from), name(beat.to), alike(beat.alike));
        self.palette.begin(Role::Heading, out);
        wrap::hanging(&text, self.width, 0, 2, out);
        self.palette.end(Role::Heading, out);
        out.push(b'\n');
    }

    fn line(&self, name: &str, role: Role, text: &str, out: &mut Vec<u8>) {
        self.palette.begin(Role::Faint, out);
        out.extend_from_slice(format!("  {name:<width$}", width = NAMES - 2).as_bytes());
        self.palette.end(Role::Faint, out);
        out.push(b' ');
        self.palette.begin(role, out);
        wrap::hanging(text, self.width, NAMES + 1, NAMES + 1, out);
        self.palette.end(role, out);
        out.push(b'\n');
    }

    fn time_line(&self, beat: &Beat, out: &mut Vec<u8>) {
        let room = self.width.saturating_sub(NAMES + 1).clamp(10, 512);
        let drawn = drawn(beat.track.cells(), room, self.ascii);
        self.line("time", Role::Data, &drawn, out);
    }

    fn what_if(&self, beat: &Beat, out: &mut Vec<u8>) {
        let mut first = true;
        let mut tell = |text: String, role| {
            self.line(if std::mem::take(&mut first) { "what if" } else { "" }, role, &text, out);
        };
        let role = |exceeded: &Exceeded| if exceeded.count > 0 { Role::Closing } else { Role::Plain };
        for timeout in telling(&beat.timeouts, self.timeouts_asked, beat.track.period().saturating_mul(3) / 2) {
            let what = match timeout.count {
                0 => "would have raised no false alarm".to_owned(),
                count => format!(
                    "would have raised {}, {}",
                    plural(count, "false alarm", "false alarms"),
                    packets(timeout, "before")
                ),
            };
            tell(format!("a timeout of {} {what}", span(timeout.after)), role(timeout));
        }
        for binding in telling(&beat.bindings, self.bindings_asked, 0) {
            let what = match binding.count {
                0 => "would not have been lost".to_owned(),
                1 => format!("would have been lost once, {}", packets(binding, "at")),
                count => format!("would have been lost {count} times, {}", packets(binding, "at")),
            };
            tell(format!("a NAT binding of {} {what}", span(binding.after)), role(binding));
        }
    }
}

/// What of a table of times is worth telling: those that were exceeded, the four longest of them, and the first that was
/// not; all of them where the user has chosen them.
fn telling(all: &[Exceeded], asked: bool, least: i64) -> Vec<&Exceeded> {
    if asked {
        return all.iter().collect();
    }
    let mut told: Vec<&Exceeded> = all.iter().filter(|one| one.count > 0 && one.after >= least).collect();
    told.drain(..told.len().saturating_sub(2));
    told.extend(all.iter().find(|one| one.count == 0 && one.after >= least));
    told
}

/// `at packets 3, 8 and 2 more`.
fn packets(exceeded: &Exceeded, word: &str) -> String {
    let numbers: Vec<String> = exceeded.packets.iter().map(u64::to_string).collect();
    let more = exceeded.count.saturating_sub(numbers.len() as u64);
    let name = if exceeded.count == 1 { "packet" } else { "packets" };
    match more {
        0 => format!("{word} {name} {}", numbers.join(", ")),
        _ => format!("{word} {name} {} and {more} more", numbers.join(", ")),
    }
}

fn period(beat: &Beat) -> String {
    let track = &beat.track;
    let mut text = span(track.period());
    if track.longest > 0 {
        text.push_str(&format!(" (from {} to {})", span(track.shortest), span(track.longest)));
    }
    text.push_str(&format!(
        ", jitter {} ms",
        milliseconds(i64::try_from(track.jitter.nanoseconds()).unwrap_or(i64::MAX))
    ));
    text
}

fn besides(beat: &Beat) -> String {
    let mut text = String::new();
    if beat.track.late > 0 {
        text.push_str(&format!("; {} of them late", beat.track.late));
    }
    if beat.track.besides > 0 {
        text.push_str(&format!(
            "; besides {} like it, not at the beat",
            plural(beat.track.besides, "packet", "packets")
        ));
    }
    text
}

fn missed(beat: &Beat) -> String {
    let track = &beat.track;
    if track.missed == 0 && track.gap_count == 0 {
        return "none".to_owned();
    }
    let mut text = format!("{} in {}", track.missed, plural(track.gap_count, "gap", "gaps"));
    let told: Vec<String> = track
        .gaps
        .iter()
        .take(GAPS)
        .map(|gap| format!("{} of {} before packet {}", gap.missed, span(gap.silence), gap.packet))
        .collect();
    text.push_str(&format!(": {}", told.join(", ")));
    let more = track.gap_count.saturating_sub(told.len() as u64);
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

/// A character for some beats: all of them came, some did, none did.
fn drawn(cells: &[Cell], room: usize, ascii: bool) -> String {
    let together = cells.len().div_ceil(room.max(1)).max(1);
    let sum = |part: &[Cell]| {
        part.iter().fold((0u64, 0u64), |(came, due), cell| (came + u64::from(cell.came), due + u64::from(cell.due)))
    };
    cells
        .chunks(together)
        .map(|part| match (sum(part), ascii) {
            ((0, _), _) => '_',
            ((came, due), false) if came < due => '▄',
            ((came, due), true) if came < due => '=',
            (_, false) => '█',
            (_, true) => '#',
        })
        .collect()
}

/// What its packets have in common, where the direction says other things too.
fn alike(alike: Alike) -> String {
    match alike {
        Alike::All => String::new(),
        Alike::KeepAlive => ", keep-alives".to_owned(),
        Alike::Length(length) => format!(", packets of {}", plural(length.into(), "byte", "bytes")),
        Alike::Begin(begin) if begin.iter().all(u8::is_ascii_graphic) => {
            format!(", packets that begin with {:?}", begin.map(char::from).iter().collect::<String>())
        }
        Alike::Begin([a, b, c, d]) => format!(", packets that begin with {a:02x} {b:02x} {c:02x} {d:02x}"),
    }
}

/// An end as people write it.
fn name((address, port): End) -> String {
    let mut out = Vec::new();
    match address {
        Address::V4(four) => text::ipv4(four, &mut out),
        Address::V6(six) => {
            out.push(b'[');
            text::ipv6(six, &mut out);
            out.push(b']');
        }
    }
    format!("{}:{port}", String::from_utf8_lossy(&out))
}

/// A moment since the capture began.
fn moment(nanoseconds: i64) -> String {
    format!("{} s", decimals(nanoseconds, 3))
}

fn milliseconds(nanoseconds: i64) -> String {
    decimals(nanoseconds.saturating_mul(1_000), 3)
}

/// Milliseconds below a second, seconds from there on; no zeros that say nothing.
fn span(nanoseconds: i64) -> String {
    let short = nanoseconds < 1_000_000_000;
    let text = if short { milliseconds(nanoseconds) } else { decimals(nanoseconds, 3) };
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} {}", if short { "ms" } else { "s" })
}

fn decimals(nanoseconds: i64, decimals: u32) -> String {
    let mut out = Vec::new();
    text::seconds(nanoseconds, decimals, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// What the characters of the line of time are.
pub fn legend(ascii: bool) -> &'static str {
    if ascii {
        "time: # all beats came, = some did, _ none did"
    } else {
        "time: █ all beats came, ▄ some did, _ none did"
    }
}

/// An object for a beat; `begun`: when the capture began.
pub fn object(beat: &Beat, begun: i64, out: &mut Vec<u8>) {
    let track = &beat.track;
    let mut object = Object::new(out);
    object.string("transport", beat.transport.name());
    object.string("source", &name(beat.from));
    object.string("destination", &name(beat.to));
    match beat.alike {
        Alike::All => object.string("alike", "all"),
        Alike::KeepAlive => object.string("alike", "keep-alive"),
        Alike::Begin(begin) => {
            object.string("alike", "begin");
            object.string("begin", &begin.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        }
        Alike::Length(length) => {
            object.string("alike", "length");
            object.number("length", length.into());
        }
    }
    object.seconds("period", track.period(), 6);
    if track.longest > 0 {
        object.seconds("period_min", track.shortest, 6);
        object.seconds("period_max", track.longest, 6);
    }
    object.seconds("jitter", i64::try_from(track.jitter.nanoseconds()).unwrap_or(i64::MAX), 6);
    object.number("beats", track.beats);
    object.number("missed", track.missed);
    object.number("late", track.late);
    object.number("besides", track.besides);
    object.number("first_packet", track.first.packet);
    object.number("last_packet", track.last.packet);
    object.seconds("start", track.first.time.saturating_sub(begun), 6);
    object.seconds("end", track.last.time.saturating_sub(begun), 6);
    object.seconds("silent_at_end", beat.silent_at_end, 6);
    object.number("gap_count", track.gap_count);
    object.list("gaps", &track.gaps, |gap, object| {
        object.number("packet", gap.packet);
        object.seconds("start", gap.from.saturating_sub(begun), 6);
        object.seconds("silence", gap.silence, 6);
        object.number("missed", gap.missed);
    });
    if let Some(answered) = beat.answered {
        object.number("answered", answered.count);
        object.seconds("answer_min", answered.least, 6);
        object.seconds("answer_avg", answered.average, 6);
        object.seconds("answer_max", answered.most, 6);
    }
    if let Some((end, packet, after)) = beat.moved {
        object.string("moved_to", &name(end));
        object.number("moved_packet", packet);
        object.seconds("moved_after", after, 6);
    }
    for (key, what, all) in [("timeouts", "false_alarms", &beat.timeouts), ("bindings", "lost", &beat.bindings)] {
        object.list(key, all, |one, object| {
            object.seconds("after", one.after, 3);
            object.number(what, one.count);
            if let Some(first) = one.packets.first() {
                object.number("packet", *first);
            }
        });
    }
    object.string("time_line", &drawn(track.cells(), usize::MAX, true));
    object.end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_time_fits_its_room_and_hides_no_missed_beat() {
        let mut cells = vec![Cell { came: 1, due: 1 }; 300];
        cells[150].came = 0;
        for room in [10, 68, 108] {
            let line = drawn(&cells, room, false);
            assert!(line.chars().count() <= room, "{line}");
            assert_eq!(line.chars().filter(|cell| *cell == '▄').count(), 1);
        }
        assert_eq!(drawn(&cells[148..152], 80, true), "##_#");
    }

    #[test]
    fn what_matters_is_told_unless_somebody_asks() {
        let one = |after, count| Exceeded { after, count, packets: vec![7; count.min(4) as usize] };
        let all = [one(1, 90), one(2, 9), one(3, 3), one(5, 1), one(10, 0), one(30, 0)];
        let told = |asked, least| telling(&all, asked, least).iter().map(|one| one.after).collect::<Vec<_>>();
        assert_eq!(told(false, 2), [3, 5, 10]);
        assert_eq!(told(false, 10), [10]);
        assert_eq!(told(true, 10).len(), 6);
        assert_eq!(packets(&one(2, 9), "at"), "at packets 7, 7, 7, 7 and 5 more");
    }

    #[test]
    fn times_are_short() {
        assert_eq!(
            [span(200_000_000), span(1_500_000_000), span(30_000_000_000), span(2_010_123_000)],
            ["200 ms", "1.5 s", "30 s", "2.010 s"].map(|text| text.replace("2.010", "2.01"))
        );
    }
}
