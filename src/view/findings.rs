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
pub const TIMER: i64 = 1_000_000;

/// What was found about a segment, the most important first; nothing where it bears no marks.
pub fn of(facts: &Facts, words: &'static Words) -> impl Iterator<Item = Finding> {
    let marks = facts.analysis.marks;
    let mut found: ArrayVec<Finding, 16> = ArrayVec::new();
    let mut add = |role, said, values: ArrayVec<Vec<u8>, 2>| {
        // There are fewer kinds than room, so nothing is lost.
        let _ = found.try_push(Finding { said, values, role });
    };
    let nothing = ArrayVec::new;
    if marks.any(Marks::SPURIOUS_RETRANSMISSION) {
        add(Role::Trouble, words.again_needless, nothing());
    } else if marks.any(Marks::FAST_RETRANSMISSION) {
        add(Role::Trouble, words.again_asked, nothing());
    } else if marks.any(Marks::RETRANSMISSION) {
        match facts.analysis.rto.filter(|waited| *waited >= TIMER) {
            Some(waited) => {
                let mut time = Vec::new();
                span(waited, &mut time);
                add(Role::Trouble, words.again_after, ArrayVec::from_iter([time]));
            }
            None => add(Role::Trouble, words.again, nothing()),
        }
    } else if marks.any(Marks::OUT_OF_ORDER) {
        add(Role::Trouble, words.late, nothing());
    }
    // An answer to a probe says no more than that the window is still closed.
    if marks.any(Marks::ZERO_WINDOW_PROBE_ACK) {
        add(Role::Trouble, words.window_probe_answer, nothing());
    } else if marks.any(Marks::ZERO_WINDOW) {
        add(Role::Trouble, words.window_zero, nothing());
    }
    for (mark, role, said) in [
        (Marks::LOST_SEGMENT, Role::Trouble, words.gap_before),
        (Marks::ACK_LOST_SEGMENT, Role::Trouble, words.confirms_unseen),
        (Marks::ZERO_WINDOW_PROBE, Role::Trouble, words.window_probe),
        (Marks::WINDOW_FULL, Role::Trouble, words.window_full),
        (Marks::KEEP_ALIVE, Role::Plain, words.keep_alive),
        (Marks::KEEP_ALIVE_ACK, Role::Plain, words.keep_alive_answer),
    ] {
        if marks.any(mark) {
            add(role, said, nothing());
        }
    }
    if marks.any(Marks::DUPLICATE_ACK) {
        let [mut byte, mut number] = [Vec::new(), Vec::new()];
        text::decimal(facts.acknowledgment.into(), &mut byte);
        text::decimal(facts.analysis.duplicate.map_or(1, |(number, _)| number).into(), &mut number);
        add(Role::Trouble, words.still_waiting, ArrayVec::from([byte, number]));
    }
    if marks.any(Marks::WINDOW_REOPENED) {
        add(Role::Opening, words.window_reopened, nothing());
    } else if marks.any(Marks::WINDOW_UPDATE) {
        add(Role::Faint, words.window_grew, nothing());
    }
    if marks.any(Marks::REUSED_PORTS) {
        add(Role::Plain, words.ports_reused, nothing());
    }
    found.into_iter()
}
