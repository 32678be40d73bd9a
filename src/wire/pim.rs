//! Protocol Independent Multicast, version 2 (RFC 7761): the header, and the packet that a register message carries.

use super::dispatch::Next;
use super::{Field, Protocol, Stop, Walk};

/// A multicast packet on its way to the rendezvous point.
const REGISTER: u8 = 1;
/// Nothing is carried: the inner header only says for which source and group.
const NULL_REGISTER: u8 = 0x40;

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let [first, ..] = *walk.peek::<4>(Protocol::Pim)?;
    if first != 2 << 4 | REGISTER {
        walk.push(Protocol::Pim, 4)?;
        return Ok(Next::Payload);
    }
    let [.., flags, _, _, _] = *walk.peek::<8>(Protocol::Pim)?;
    walk.push(Protocol::Pim, 8)?;
    if flags & NULL_REGISTER != 0 { Ok(Next::Payload) } else { Ok(Next::Ip) }
}

fn kind(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "hello",
        1 => "register",
        2 => "register-stop",
        3 => "join/prune",
        4 => "bootstrap",
        5 => "assert",
        6 => "graft",
        7 => "graft-ack",
        8 => "candidate-RP advertisement",
        _ => return None,
    })
}

const RFC: &str = "RFC 7761 §4.9";

pub static FIELDS: &[Field] = &[
    Field::dec("pim.version", "Version", 0, 4).about("2", RFC),
    Field::dec("pim.type", "Type", 4, 4).words(kind).about("Kind of message", RFC),
    Field::hex("pim.cksum", "Checksum", 16, 16)
        .about("Over the message; of a register only over its first 8 bytes", "RFC 7761 §4.9.3"),
];
