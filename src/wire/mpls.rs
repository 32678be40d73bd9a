//! MPLS labels (RFC 3032), over UDP too (RFC 7510), and Ethernet frames behind them (RFC 4448).
//!
//! No field says what the labels carry: the routers at both ends know. IP is told by its version, because RFC 4928 §3
//! keeps the first four bits 4 and 6 for it; 0 begins a pseudowire's control word (RFC 4385 §3).

use super::dispatch::Next;
use super::{Field, Protocol, Stop, Walk};

pub const HEADER: usize = 4;

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let [_, _, third, _] = *walk.peek::<HEADER>(Protocol::Mpls)?;
    let bottom = third & 1 == 1;
    walk.push(Protocol::Mpls, HEADER)?;
    if !bottom {
        return Ok(Next::Mpls);
    }
    match walk.rest().first().map(|byte| byte >> 4) {
        Some(4 | 6) => Ok(Next::Ip),
        Some(0) if walk.rest().len() > 4 + super::ethernet::HEADER => {
            walk.push(Protocol::ControlWord, 4)?;
            Ok(Next::Ethernet)
        }
        _ => Err(walk.payload()),
    }
}

pub static FIELDS: &[Field] = &[
    Field::dec("mpls.label", "Label", 0, 20).about("Names the path to the next router", "RFC 3032 §2.1"),
    Field::dec("mpls.exp", "Traffic class", 20, 3).about("Priority", "RFC 5462"),
    Field::flag("mpls.bottom", "Bottom of stack", 23).about("The last label", "RFC 3032 §2.1"),
    Field::dec("mpls.ttl", "Time to live", 24, 8).about("Routers it may still pass", "RFC 3032 §2.1"),
];

pub static CONTROL_WORD_FIELDS: &[Field] = &[Field::dec("pweth.cw.sequence_number", "Sequence number", 16, 16)
    .about("Counts the frames of the pseudowire; 0: not used", "RFC 4448 §4.6")];
