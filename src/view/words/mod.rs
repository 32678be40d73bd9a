//! The catalogue of plain words: everything that views say beyond the fields' own names. One file a language.
//!
//! A language is a value of [`Words`], so that the compiler says what a new one lacks; it gets a file, and a place in
//! [`LANGUAGES`]. `{}` stands for a value, in the same order in all languages. Names of fields and what programs read
//! (JSON) are never translated.

mod en;
mod pt;
mod pt_fields;
mod pt_phrases;
mod sr;
mod sr_fields;
mod sr_phrases;
mod telling;

use super::style::Role;
use crate::field::text;
use crate::flow::{Event, Why};

pub use en::ENGLISH;
pub use pt::PORTUGUESE;
pub use sr::SERBIAN;
pub use telling::Telling;

/// All there are.
pub static LANGUAGES: &[&Words] = &[&ENGLISH, &SERBIAN, &PORTUGUESE];

/// The forms that a noun takes behind a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    One,
    Few,
    Many,
}

/// A phrase about a number of things.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    pub one: &'static str,
    pub few: &'static str,
    pub many: &'static str,
}

/// One language.
#[derive(Debug)]
pub struct Words {
    /// ISO 639-1, as `--lang` takes it.
    pub code: &'static str,
    /// Which form a number asks for.
    pub form: fn(u64) -> Form,
    pub opening_asks: &'static str,
    pub opening_accepts: &'static str,
    pub opening_done: &'static str,
    // Both sides ask at once.
    pub opening_crosses: &'static str,
    pub opening_crossed: &'static str,
    pub opening_crossed_done: &'static str,
    pub refused: &'static str,
    pub client_resets: &'static str,
    pub server_resets: &'static str,
    // Why somebody broke off.
    pub reset_unread: &'static str,
    pub reset_gave_up: &'static str,
    pub reset_after_close: &'static str,
    pub reset_unknown: &'static str,
    pub reset_unanswered: &'static str,
    pub reset_again: &'static str,
    pub client_closes: &'static str,
    pub server_closes: &'static str,
    pub client_closes_too: &'static str,
    pub server_closes_too: &'static str,
    pub closed: &'static str,
    pub bytes_arrived: Counted,
    pub close_arrived: &'static str,
    pub bytes_and_close_arrived: Counted,
    pub oversized: &'static str,
    pub checksum_bad: &'static str,
    pub fragment_first: &'static str,
    pub fragment_later: &'static str,
    pub datagram_whole: &'static str,
    pub port_closed: &'static str,
    pub host_unreachable: &'static str,
    pub network_unreachable: &'static str,
    pub prohibited: &'static str,
    pub needs_fragments: &'static str,
    pub hops_used_up: &'static str,
    pub fragments_missing: &'static str,
    pub packet_too_big: &'static str,
    pub ping_asks: &'static str,
    pub ping_answers: &'static str,
    pub arp_asks: &'static str,
    pub arp_answers: &'static str,
    pub arp_announces: &'static str,
    pub asks_all_groups: &'static str,
    pub asks_group: &'static str,
    pub asks_group_sources: &'static str,
    pub joins: &'static str,
    pub joins_sources: &'static str,
    pub joins_without: &'static str,
    pub leaves: &'static str,
    pub member: &'static str,
    pub member_sources: &'static str,
    pub member_without: &'static str,
    pub adds_sources: &'static str,
    pub drops_sources: &'static str,
    pub neighbour_asks: &'static str,
    pub neighbour_probes: &'static str,
    pub neighbour_answers: &'static str,
    pub router_asks: &'static str,
    pub router_answers: &'static str,
    pub redirects: &'static str,
    pub truncated: &'static str,
    pub truncated_by_capture: &'static str,
    pub malformed: &'static str,
    pub too_deep: &'static str,
    pub unknown: &'static str,
    pub unknown_link: &'static str,
    pub more_groups: &'static str,
    // What an application's message has to do with an earlier one.
    pub answers: &'static str,
    /// A command of FTP, and its packet.
    pub data_of: &'static str,
    /// How a connection for data was announced, and in which packet.
    pub data_announced: &'static str,
    pub asked_before: &'static str,
    pub answered_before: &'static str,
    // What a segment has to do with a message that spans several: a part, and of what it is.
    pub of_answer: &'static str,
    pub of_letter: &'static str,
    pub of_message: &'static str,
    pub goes_on: &'static str,
    pub in_all: Counted,
    /// An address and its name.
    pub named: &'static str,
    // What the analysis of TCP found.
    pub again_after: &'static str,
    pub again: &'static str,
    pub again_unseen: &'static str,
    pub again_asked: &'static str,
    pub again_needless: &'static str,
    pub late: &'static str,
    pub gap_before: &'static str,
    pub confirms_unseen: &'static str,
    pub still_waiting: &'static str,
    pub arrived_twice: &'static str,
    pub window_zero: &'static str,
    pub window_probe: &'static str,
    pub window_probe_answer: &'static str,
    pub window_reopened: &'static str,
    pub window_grew: &'static str,
    pub window_full: &'static str,
    pub keep_alive: &'static str,
    pub keep_alive_answer: &'static str,
    pub ports_reused: &'static str,
    // What stands at sequence charts.
    pub others: &'static str,
    pub others_are: &'static str,
    pub nameless: &'static str,
    pub more_rows: &'static str,
    // What the tree and explanations say.
    pub packet: &'static str,
    pub captured: &'static str,
    pub bytes: Counted,
    pub more_bytes: Counted,
    pub more_bytes_in_frame: Counted,
    pub datagram_of: &'static str,
    pub quoted: &'static str,
    /// Of a message in several packets.
    pub completed: &'static str,
    pub set: &'static str,
    pub not_set: &'static str,
    pub none: &'static str,
    // Why decoding ended, in a sentence.
    pub stop_fragment: &'static str,
    pub stop_snap: &'static str,
    pub stop_short: &'static str,
    pub stop_deep: &'static str,
    pub stop_link: &'static str,
    pub stop_unknown: &'static str,
    pub if_set: &'static str,
    pub and_more: &'static str,
    pub missing: &'static str,
    pub datagram_completed: &'static str,
    /// Labels, meanings and explanations of fields by their English words, in the order of bytes: those that begin with a
    /// capital letter.
    pub fields: &'static [(&'static str, &'static str)],
    /// The others.
    pub phrases: &'static [(&'static str, &'static str)],
    /// A conversation told step by step.
    pub telling: Telling,
}

impl Words {
    /// The language of this code (ISO 639-1).
    pub fn of(code: &str) -> Option<&'static Self> {
        LANGUAGES.iter().copied().find(|words| words.code == code)
    }

    /// A label, a meaning or an explanation of a field in this language; as it is where there is none.
    pub fn field(&self, english: &'static str) -> &'static str {
        self.said(english).unwrap_or(english)
    }

    fn said(&self, english: &str) -> Option<&'static str> {
        let table =
            if english.starts_with(|first: char| first.is_ascii_uppercase()) { self.fields } else { self.phrases };
        let place = table.binary_search_by_key(&english, |(english, _)| english).ok()?;
        table.get(place).map(|(_, said)| *said)
    }

    /// A name or a sentence that a grid or an option has; a number in it stays. As it is where there is none.
    pub fn text(&self, english: &str) -> String {
        if let Some(said) = self.said(english) {
            return said.to_owned();
        }
        let Some(from) = english.find(|c: char| c.is_ascii_digit()) else { return english.to_owned() };
        let (before, rest) = english.split_at(from);
        let (number, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
        self.said(&format!("{before}{{}}{behind}")).map_or_else(|| english.to_owned(), |said| filled(said, &[number]))
    }

    /// The form of a phrase that fits a number.
    pub fn form_of(&self, phrase: &Counted, number: u64) -> &'static str {
        match (self.form)(number) {
            Form::One => phrase.one,
            Form::Few => phrase.few,
            Form::Many => phrase.many,
        }
    }

    /// What happened, and what colour that has; a datagram that is whole has numbers to say and is told elsewhere.
    pub fn event(&self, event: &Event) -> Option<(Role, &'static str)> {
        Some(match event {
            Event::Opening { step: 1, .. } => (Role::Opening, self.opening_asks),
            Event::Opening { step: 2, .. } => (Role::Opening, self.opening_accepts),
            Event::Opening { .. } => (Role::Opening, self.opening_done),
            Event::Crossing { step: 1 } => (Role::Opening, self.opening_crosses),
            Event::Crossing { step: 2 } => (Role::Opening, self.opening_crossed),
            Event::Crossing { .. } => (Role::Opening, self.opening_crossed_done),
            Event::Refused => (Role::Trouble, self.refused),
            Event::Closing { by_client: true, second: false } => (Role::Closing, self.client_closes),
            Event::Closing { by_client: false, second: false } => (Role::Closing, self.server_closes),
            Event::Closing { by_client: true, second: true } => (Role::Closing, self.client_closes_too),
            Event::Closing { by_client: false, second: true } => (Role::Closing, self.server_closes_too),
            Event::Closed => (Role::Closing, self.closed),
            Event::Reset { by_client: true, .. } => (Role::Trouble, self.client_resets),
            Event::Reset { by_client: false, .. } => (Role::Trouble, self.server_resets),
            Event::Datagram(_) => return None,
        })
    }

    /// The reason that goes with what happened, where there is one.
    pub fn reason(&self, event: &Event) -> Option<&'static str> {
        match event {
            Event::Reset { why, .. } => match why {
                Why::Aborted => None,
                Why::Unread => Some(self.reset_unread),
                Why::GaveUp => Some(self.reset_gave_up),
                Why::AfterClose => Some(self.reset_after_close),
                Why::Unknown => Some(self.reset_unknown),
                Why::Unanswered => Some(self.reset_unanswered),
                Why::Again => Some(self.reset_again),
            },
            _ => None,
        }
    }

    /// A phrase with its number in place.
    pub fn count(&self, phrase: &Counted, number: u64) -> String {
        self.form_of(phrase, number).replacen("{}", &number.to_string(), 1)
    }
}

/// The same as a text.
pub fn filled(template: &str, values: &[&str]) -> String {
    let mut out = Vec::new();
    let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
    fill(template, &values, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Writes a stretch of time as a person says it: `340 µs`, `201 ms`, `1.02 s`, `3 min 20 s`.
pub fn span(nanoseconds: i64, out: &mut Vec<u8>) {
    let micros = nanoseconds.max(0) / 1000;
    let mut say = |whole: i64, fraction: &[i64], unit: &str| {
        text::decimal(whole as u64, out);
        if !fraction.is_empty() {
            out.push(b'.');
        }
        fraction.iter().for_each(|digit| out.push(b'0' + (digit % 10) as u8));
        out.push(b' ');
        out.extend_from_slice(unit.as_bytes());
    };
    match micros {
        0..=999 => say(micros, &[], "µs"),
        1_000..=9_999 => say(micros / 1000, &[micros / 100], "ms"),
        10_000..=999_999 => say(micros / 1000, &[], "ms"),
        1_000_000..=59_999_999 => say(micros / 1_000_000, &[micros / 100_000, micros / 10_000], "s"),
        _ => {
            say(micros / 60_000_000, &[], "min ");
            say(micros / 1_000_000 % 60, &[], "s");
        }
    }
}

/// Writes `template` with `values` in the places of its `{}`, in order.
pub fn fill(template: &str, values: &[&[u8]], out: &mut Vec<u8>) {
    fill_with(template, out, |place, out| out.extend_from_slice(values.get(place).copied().unwrap_or_default()));
}

/// Writes `template`; `value` writes what stands in the place of its `{}` of each number, from 0.
pub fn fill_with(template: &str, out: &mut Vec<u8>, mut value: impl FnMut(usize, &mut Vec<u8>)) {
    let (mut rest, mut place) = (template.as_bytes(), 0);
    while let Some(brace) = memchr::memchr(b'{', rest) {
        let (before, behind) = rest.split_at(brace);
        out.extend_from_slice(before);
        match behind.strip_prefix(b"{}") {
            Some(behind) => {
                value(place, out);
                (rest, place) = (behind, place + 1);
            }
            None => {
                out.push(b'{');
                rest = &behind[1..];
            }
        }
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Protocol;

    #[test]
    fn fills_the_places_of_a_template_in_order() {
        let mut out = Vec::new();
        fill("{} is at {}", &[b"10.0.0.1", b"02:00:00:00:00:01"], &mut out);
        assert_eq!(out, b"10.0.0.1 is at 02:00:00:00:00:01");
    }

    /// The lines of a catalogue as `Debug` writes them: a name and a text each, in the order of declaration.
    fn entries(words: &Words) -> Vec<(String, String)> {
        let text = format!("{words:#?}");
        let entry = |line: &str| line.trim().split_once(": \"").map(|(name, text)| (name.to_owned(), text.to_owned()));
        text.lines().filter_map(entry).collect()
    }

    #[test]
    fn all_languages_have_the_same_places_in_every_template() {
        let english = entries(&ENGLISH);
        assert!(english.len() > 100, "{}", english.len());
        for words in LANGUAGES {
            for ((name, text), (_, theirs)) in english.iter().zip(entries(words)) {
                assert_eq!(text.matches("{}").count(), theirs.matches("{}").count(), "{} {name}: {theirs}", words.code);
                assert!(!theirs.trim_end_matches(['"', ',']).is_empty(), "{} {name} is empty", words.code);
            }
        }
    }

    #[test]
    fn numbers_ask_for_their_forms() {
        let bytes = |words: &Words, number| words.count(&words.bytes, number);
        assert_eq!(bytes(&ENGLISH, 1), "1 byte");
        assert_eq!(bytes(&ENGLISH, 21), "21 bytes");
        for (number, told) in [(1, "1 bajt"), (3, "3 bajta"), (5, "5 bajtova"), (11, "11 bajtova"), (12, "12 bajtova")]
        {
            assert_eq!(bytes(&SERBIAN, number), told);
        }
        assert_eq!(bytes(&SERBIAN, 21), "21 bajt");
        assert_eq!(bytes(&SERBIAN, 112), "112 bajtova");
        assert_eq!(bytes(&PORTUGUESE, 2), "2 bytes");
    }

    #[test]
    fn times_are_short_whatever_their_length() {
        let said = |nanoseconds| {
            let mut out = Vec::new();
            span(nanoseconds, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(said(340_999), "340 µs");
        assert_eq!(said(1_250_000), "1.2 ms");
        assert_eq!(said(201_900_000), "201 ms");
        assert_eq!(said(1_029_000_000), "1.02 s");
        assert_eq!(said(200_000_000_000), "3 min 20 s");
        assert_eq!(said(-5), "0 µs");
    }

    #[test]
    fn every_field_of_the_protocols_that_are_taught_is_translated() {
        let taught = ["eth", "ip", "ipv6", "tcp", "udp", "icmp", "icmpv6", "icmpv6.nd", "icmpv6.mld", "igmp", "arp"];
        for words in LANGUAGES.iter().filter(|words| words.code != "en") {
            let known = |english: &str| words.said(english).is_some_and(|said| !said.is_empty());
            for protocol in Protocol::ALL.iter().filter(|protocol| taught.contains(&protocol.name())) {
                for entry in crate::field::of(*protocol) {
                    assert!(known(entry.label()), "{}: {} ({})", words.code, entry.label(), entry.name());
                    assert!(known(entry.help()), "{}: {} ({})", words.code, entry.help(), entry.name());
                }
            }
        }
    }

    #[test]
    fn what_errors_and_checksums_mean_is_translated() {
        use crate::wire::{checksum::Verdict, icmp, icmpv6};
        let codes = (0..=255).flat_map(|kind| (0..=15).map(move |code| (kind, code)));
        let meanings =
            codes.flat_map(|(kind, code)| [icmp::meaning(kind, code), icmpv6::meaning(kind, code)]).flatten();
        let verdicts = [Verdict::Good, Verdict::Bad(0), Verdict::NotFilledIn, Verdict::Absent].map(Verdict::text);
        let all: Vec<&str> = meanings.chain(verdicts).collect();
        for words in LANGUAGES.iter().filter(|words| words.code != "en") {
            for english in &all {
                assert!(words.said(english).is_some(), "{}: {english}", words.code);
            }
        }
    }

    #[test]
    fn fields_are_in_order_and_fall_back_to_english() {
        for words in LANGUAGES {
            for (table, capital) in [(words.fields, true), (words.phrases, false)] {
                assert!(table.windows(2).all(|pair| pair[0].0 < pair[1].0), "{}", words.code);
                let begins = |word: &str| word.starts_with(|first: char| first.is_ascii_uppercase());
                assert!(table.iter().all(|(word, _)| begins(word) == capital), "{}", words.code);
            }
            assert_eq!(words.field("nothing is called so"), "nothing is called so");
        }
        assert_eq!(SERBIAN.field("Time to live"), "Vreme života (TTL)");
        assert_eq!(PORTUGUESE.field("Source port"), "Porta de origem");
    }
}
