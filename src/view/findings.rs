//! What the analysis of TCP found about a segment, in plain words: the most important first.

use arrayvec::ArrayVec;

use super::style::Role;
use super::words::{Words, span};
use crate::field::text;
use crate::flow::analysis::Marks;
use crate::flow::tcp::Facts;

/// One finding: a template of the catalogue and what stands in its places.
#[derive(Clone, Debug)]
pub struct Finding {
    pub said: &'static str,
    pub values: ArrayVec<Vec<u8>, 2>,
    /// [`Role::Faint`] for what matters little.
    pub role: Role,
}

/// No timer is this short: what is sent again sooner was sent for another reason, or was captured twice. 1 ms.
const TIMER: i64 = 1_000_000;

/// Why bytes come that ought to have come before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// They had been acknowledged.
    Needless,
    /// Repeated acknowledgments asked for them.
    Asked,
    /// Newer ones have overtaken them.
    Late,
    /// They are sent again, though they were not seen before.
    Unseen,
    /// They were sent first so many nanoseconds ago.
    After(i64),
    /// As before, but no timer is that short.
    AtOnce,
}

impl Again {
    /// By Wireshark's marks and by what was seen: what was seen before was not overtaken.
    pub fn of(marks: Marks, seen_before: Option<i64>) -> Option<Self> {
        if marks.any(Marks::CROSSING) || !marks.any(Marks::REPEATED | Marks::OUT_OF_ORDER) {
            return None;
        }
        Some(match seen_before {
            _ if marks.any(Marks::SPURIOUS_RETRANSMISSION) => Self::Needless,
            Some(_) if marks.any(Marks::FAST_RETRANSMISSION) => Self::Asked,
            Some(waited) if waited >= TIMER => Self::After(waited),
            Some(_) => Self::AtOnce,
            None if marks.any(Marks::OUT_OF_ORDER) => Self::Late,
            None => Self::Unseen,
        })
    }
}

/// The bytes (first and last, relative) that a segment says have arrived twice; nothing where it was the SYN.
pub fn twice(facts: &Facts) -> Option<[u32; 2]> {
    let ((left, right), base) = facts.analysis.twice.zip(facts.acknowledged)?;
    let [first, behind] = [left, right].map(|edge| edge.wrapping_sub(base));
    (first > 0 && first < behind).then(|| [first, behind - 1])
}

/// What was found about a segment, the most important first; nothing where it bears no marks.
pub fn of(facts: &Facts, words: &'static Words) -> impl Iterator<Item = Finding> {
    let (marks, seen_before) = (facts.analysis.marks, facts.analysis.seen_before);
    let mut found: ArrayVec<Finding, 16> = ArrayVec::new();
    let mut add = |role, said, values: ArrayVec<Vec<u8>, 2>| {
        // There are fewer kinds than room, so nothing is lost.
        let _ = found.try_push(Finding { said, values, role });
    };
    let nothing = ArrayVec::new;
    match Again::of(marks, seen_before) {
        Some(Again::Needless) => add(Role::Trouble, words.again_needless, nothing()),
        Some(Again::Asked) => add(Role::Trouble, words.again_asked, nothing()),
        Some(Again::Late) => add(Role::Trouble, words.late, nothing()),
        Some(Again::Unseen) => add(Role::Trouble, words.again_unseen, nothing()),
        Some(Again::After(waited)) => {
            let mut time = Vec::new();
            span(waited, &mut time);
            add(Role::Trouble, words.again_after, ArrayVec::from_iter([time]));
        }
        Some(Again::AtOnce) => add(Role::Trouble, words.again, nothing()),
        None => {}
    }
    // An answer to a probe says no more than that the window is still closed.
    if marks.any(Marks::ZERO_WINDOW_PROBE_ACK | Marks::STILL_CLOSED) {
        add(Role::Trouble, words.window_probe_answer, nothing());
    } else if marks.any(Marks::ZERO_WINDOW) {
        add(Role::Trouble, words.window_zero, nothing());
    }
    let probe = marks.any(Marks::ZERO_WINDOW_PROBE | Marks::EMPTY_PROBE);
    if probe {
        add(Role::Trouble, words.window_probe, nothing());
    }
    for (mark, role, said) in [
        (Marks::LOST_SEGMENT, Role::Trouble, words.gap_before),
        (Marks::ACK_LOST_SEGMENT, Role::Trouble, words.confirms_unseen),
        (Marks::WINDOW_FULL, Role::Trouble, words.window_full),
        (Marks::KEEP_ALIVE, Role::Plain, words.keep_alive),
        (Marks::KEEP_ALIVE_ACK, Role::Plain, words.keep_alive_answer),
    ] {
        if marks.any(mark) && !(probe && mark == Marks::KEEP_ALIVE) {
            add(role, said, nothing());
        }
    }
    if let Some([first, last]) = twice(facts) {
        let [mut from, mut to] = [Vec::new(), Vec::new()];
        text::decimal(first.into(), &mut from);
        text::decimal(last.into(), &mut to);
        add(Role::Trouble, words.arrived_twice, ArrayVec::from([from, to]));
    } else if marks.any(Marks::DUPLICATE_ACK) {
        let [mut byte, mut number] = [Vec::new(), Vec::new()];
        text::decimal(facts.acknowledgment.into(), &mut byte);
        text::decimal(facts.analysis.duplicate.map_or(1, |(number, _)| number).into(), &mut number);
        add(Role::Trouble, words.still_waiting, ArrayVec::from([byte, number]));
    }
    if marks.any(Marks::WINDOW_REOPENED) {
        add(Role::Opening, words.window_reopened, nothing());
    } else if marks.any(Marks::WINDOW_GREW) {
        add(Role::Faint, words.window_grew, nothing());
    }
    if marks.any(Marks::REUSED_PORTS) {
        add(Role::Plain, words.ports_reused, nothing());
    }
    found.into_iter()
}
