//! Sentences about what did not go as it should: lost, late, repeated, no room, nobody there.

use super::{Segment, Telling, time};
use crate::flow::analysis::Marks;
use crate::view::findings::{self, Again};
use crate::view::style::Role;
use crate::view::words::filled;
use crate::wire::tcp::Flags;

impl Telling {
    /// Acknowledgments that only repeat one another make one sentence.
    pub(super) fn duplicate(&mut self, segment: &Segment<'_, '_>) -> bool {
        if !segment.facts.analysis.marks.any(Marks::DUPLICATE_ACK) {
            return false;
        }
        if segment.facts.analysis.twice.is_some() {
            // Nothing is missing: the copy of something had to be acknowledged too.
            self.arrived_twice(segment);
            return true;
        }
        let (side, number) = (segment.side, segment.facts.acknowledgment);
        let times = match self.duplicates {
            Some((by, of, times)) if (by, of) == (side, number) && self.left_out == 0 => times + 1,
            _ => 1,
        };
        let text = if times == 1 {
            filled(self.words.telling.repeats_once, &[self.who(side), &number.to_string()])
        } else {
            let template = self.words.form_of(&self.words.telling.repeats, times);
            filled(template, &[self.who(side), &times.to_string(), &number.to_string()])
        };
        match self.steps.last_mut().filter(|_| times > 1) {
            Some(last) => {
                last.text = text;
                last.packets.1 = segment.number;
                last.figures.receipts += 1;
            }
            None => self.say(segment, Role::Trouble, text),
        }
        self.duplicates = Some((side, number, times));
        true
    }

    /// What the receiver says to have got a second time.
    pub(super) fn arrived_twice(&mut self, segment: &Segment<'_, '_>) {
        let (telling, who) = (&self.words.telling, self.who(segment.side));
        let text = match (segment.facts.analysis.twice, findings::twice(segment.facts)) {
            (_, Some([first, last])) => filled(telling.arrived_twice, &[who, &first.to_string(), &last.to_string()]),
            (Some(_), None) => filled(telling.syn_twice, &[who]),
            (None, None) => return,
        };
        self.say(segment, Role::Trouble, text);
    }

    /// Segments whose marks say all there is to say.
    pub(super) fn told_by_marks(&mut self, segment: &Segment<'_, '_>) -> bool {
        let (telling, who, facts) = (&self.words.telling, self.who(segment.side), segment.facts);
        let marks = facts.analysis.marks;
        let (role, text) = if marks.any(Marks::REPEATED | Marks::OUT_OF_ORDER) {
            self.again(segment);
            return true;
        } else if marks.any(Marks::ZERO_WINDOW_PROBE) {
            (Role::Trouble, filled(telling.probes, &[who]))
        } else if marks.any(Marks::EMPTY_PROBE) {
            let template = if segment.header.length == 0 { telling.probes_empty } else { telling.probes };
            (Role::Trouble, filled(template, &[who]))
        } else if marks.any(Marks::ZERO_WINDOW_PROBE_ACK | Marks::STILL_CLOSED) {
            (Role::Trouble, filled(telling.still_no_room, &[who]))
        } else if marks.any(Marks::KEEP_ALIVE) {
            (Role::Plain, filled(telling.keeps_alive, &[who]))
        } else if marks.any(Marks::KEEP_ALIVE_ACK) {
            (Role::Plain, filled(telling.is_alive, &[who]))
        } else if marks.any(Marks::WINDOW_REOPENED) {
            (Role::Opening, filled(telling.room_again, &[who, &facts.window.to_string()]))
        } else {
            return false;
        };
        self.say(segment, role, text);
        true
    }

    /// Something that was sent before, or should have come before.
    pub(super) fn again(&mut self, segment: &Segment<'_, '_>) {
        let (telling, who, facts) = (&self.words.telling, self.who(segment.side), segment.facts);
        let (marks, flags, length) = (facts.analysis.marks, segment.header.flags(), segment.header.length);
        let what = if length > 0 {
            let last = facts.sequence.wrapping_add(length - 1);
            filled(telling.bytes_from_to, &[&facts.sequence.to_string(), &last.to_string()])
        } else {
            (if flags.any(Flags::SYN) { "SYN" } else { "FIN" }).to_owned()
        };
        let text = match Again::of(marks, facts.analysis.seen_before) {
            Some(Again::Needless) => filled(telling.again_needless, &[who, &what]),
            Some(Again::Asked) => filled(telling.again_asked, &[who, &what]),
            Some(Again::Late) => filled(telling.late, &[who, &what]),
            Some(Again::Unseen) => filled(telling.again_unseen, &[who, &what]),
            Some(Again::After(waited)) => filled(telling.again_after, &[who, &what, &time(waited)]),
            Some(Again::AtOnce) | None => filled(telling.again, &[who, &what]),
        };
        self.say(segment, Role::Trouble, text);
    }
}
