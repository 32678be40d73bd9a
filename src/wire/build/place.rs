//! Where a field stands in its header, for writing.

use super::Error;
use crate::wire::{Bits, Field, Protocol};

/// The places of fields that are read by functions and not drawn in the bit grid.
const UNDRAWN: [(&str, Bits); 1] = [("tcp.flags", Bits { at: 100, length: 12 })];

/// The place of a field; `None` for what is worked out or has none.
pub fn of(field: &Field) -> Option<Bits> {
    if field.computed || field.combined {
        return None;
    }
    let undrawn = UNDRAWN.iter().find(|(name, _)| *name == field.name);
    undrawn.map(|(_, bits)| *bits).or(field.bits)
}

/// Whether a recipe may set this field of this protocol.
pub fn is_settable(protocol: Protocol, field: &Field) -> bool {
    super::start::header(protocol).is_some() && (of(field).is_some() || super::options::knows(field.name))
}

/// A name and which layer of those that have it is meant, from 0: `ip.ttl#2` is the second one's.
pub fn numbered(name: &str) -> Result<(&str, usize), Error> {
    let Some((plain, number)) = name.split_once('#') else { return Ok((name, 0)) };
    let number = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    number.map(|number| (plain, number)).ok_or_else(|| Error::value(name, "", "a layer's number behind #, from 1"))
}
