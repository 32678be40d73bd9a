//! One side of a captured conversation, played to a live program: who speaks when is as the capture had it.
//!
//! [`Script`]: what was said and heard, in the order of the capture. [`Player`]: goes through it, waits for as many bytes
//! or datagrams as were heard before it speaks again, and notes where they differ. [`Ignored`]: parts that may differ.

mod expected;
mod player;
mod script;
#[cfg(test)]
mod tests;

pub use expected::{Expected, Ignored, Match};
pub use player::{Difference, Do, Input, Options, Pauses, Player, Why};
pub use script::{Script, Step, TooLong};
