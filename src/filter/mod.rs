//! The display filter of `-Y`: Wireshark's syntax and meaning (wireshark-filter(4), version 4), checked before the
//! first packet and evaluated without allocation.
//!
//! What a name means with several values in a packet (`ip.addr`, options, tunnels): `==`, `<` and their like hold where
//! any value fits, `!=` where none is equal; `===` and `!==` (`~=`) are the other way round; `any` and `all` in front
//! of a name say it aloud. A comparison with a field that is not there is false, `!=` too. A name alone asks whether it
//! is there: `tcp.flags.syn` is there in every segment, `tcp.flags.syn == 1` asks for its value.
//!
//! Different from Wireshark: moments in text are UTC; names of hosts and ports are not looked up; `ndp` and `mld` name
//! the two parts of ICMPv6; regular expressions know neither look-around nor references back (so none is slow).
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod check;
mod error;
mod lex;
mod parse;
mod program;
mod source;
mod value;

#[cfg(test)]
mod tests;

use crate::flow::Facts;
use crate::wire::Packet;
pub use error::{Error, Fault};
use program::Test;

/// The longest expression, in bytes.
pub const MAX_LENGTH: usize = 1 << 16;
/// How deep brackets may stand within brackets.
pub const MAX_DEPTH: usize = 64;

/// A checked filter.
#[derive(Debug)]
pub struct Filter(Test);

impl Filter {
    /// Parses and checks an expression; an empty one takes every packet.
    pub fn parse(expression: &str) -> Result<Self, Error> {
        compile(expression).map(Self).map_err(|(fault, place)| {
            // What is too long to be read is too long to be shown.
            let shown = if matches!(fault, Fault::TooLong) { String::new() } else { expression.to_owned() };
            Error { expression: shown, place, fault }
        })
    }

    /// Whether the packet is one of those the expression asks for.
    #[inline]
    pub fn matches(&self, packet: &Packet<'_>, facts: &Facts) -> bool {
        self.0.holds(packet, facts)
    }
}

fn compile(expression: &str) -> Result<Test, (Fault, parse::Place)> {
    if expression.len() > MAX_LENGTH {
        return Err((Fault::TooLong, 0..0));
    }
    let tokens = lex::tokens(expression)?;
    if tokens.is_empty() {
        return Ok(Test::Always);
    }
    check::check(&parse::parse(&tokens, expression.len())?)
}
