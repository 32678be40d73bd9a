//! What is wrong with a filter: the message, and the expression with carets under the place.

use std::fmt;
use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use super::{MAX_DEPTH, MAX_LENGTH};

/// Columns of the expression that are shown around the place.
const SHOWN: usize = 60;

/// A filter that cannot be used. Its `Display` has three lines: the message, the expression, the carets.
#[derive(Debug)]
pub struct Error {
    pub expression: String,
    /// Bytes of the expression that the message is about; empty at its end.
    pub place: Range<usize>,
    pub fault: Fault,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("the filter is longer than {MAX_LENGTH} bytes")]
    TooLong,
    #[error("more than {MAX_DEPTH} brackets within brackets")]
    TooDeep,
    #[error("this {0} has no end")]
    Unclosed(&'static str),
    #[error("expected {expected}, but the filter ends")]
    Ends { expected: &'static str },
    #[error("expected {expected}, found {found:?}")]
    Unexpected { expected: &'static str, found: String },
    #[error("no field or protocol is named {name:?}; {}`netlab fields` lists them", hint(.near))]
    Unknown { name: String, near: Vec<&'static str> },
    #[error("{found:?} is not a value of {field}; expected {expected}")]
    Value { field: String, found: String, expected: String },
    #[error("{found} is too big for {field}; the largest is {largest}")]
    TooBig { field: String, found: String, largest: u64 },
    #[error("{operation} does not go with {field}, which is {kind}; it wants {wants}")]
    Operation { operation: &'static str, field: String, kind: &'static str, wants: &'static str },
    #[error("{left} is {left_kind} and {right} is {right_kind}: they cannot be compared")]
    Kinds { left: String, left_kind: &'static str, right: String, right_kind: &'static str },
    #[error("the range ends before it begins")]
    EmptyRange,
    #[error("not a regular expression: {0}")]
    Pattern(String),
}

fn hint(near: &[&str]) -> String {
    if near.is_empty() { String::new() } else { format!("did you mean {}? ", near.join(", ")) }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.fault)?;
        let (mut text, mut before, mut under) = (String::new(), 0, 0);
        let skipped = self.expression.get(..self.place.start).map_or(0, |head| width(head).saturating_sub(SHOWN));
        if skipped > 0 {
            text.push('…');
            before = 1;
        }
        let mut column = 0;
        for (at, character) in self.expression.char_indices() {
            // A control character would move the carets, or worse.
            let character = if character.is_control() { '·' } else { character };
            let wide = character.width().unwrap_or(0);
            column += wide;
            if column <= skipped {
                continue;
            }
            if at >= self.place.end && column > skipped + 2 * SHOWN || under >= 2 * SHOWN {
                text.push('…');
                break;
            }
            text.push(character);
            match at {
                at if at < self.place.start => before += wide,
                at if at < self.place.end => under += wide,
                _ => {}
            }
        }
        write!(f, "  {text}\n  {:before$}{:^<carets$}", "", "", carets = under.max(1))
    }
}

fn width(text: &str) -> usize {
    text.chars().map(|c| if c.is_control() { 1 } else { c.width().unwrap_or(0) }).sum()
}
