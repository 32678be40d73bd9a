//! Ethernet and IP over UDP between tunnel endpoints: VXLAN (RFC 7348), its generic extension
//! (draft-ietf-nvo3-vxlan-gpe) and Geneve (RFC 8926).

use super::dispatch::Next;
use super::{Field, Protocol, Stop, Walk, nsh, numbers};

pub const HEADER: usize = 8;

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    walk.peek::<HEADER>(Protocol::Vxlan)?;
    walk.push(Protocol::Vxlan, HEADER)?;
    Ok(Next::Ethernet)
}

/// The fourth byte names what follows, where bit P (0x04) of the first is set.
pub(super) fn decode_generic(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let [flags, _, _, number, ..] = *walk.peek::<HEADER>(Protocol::Vxlan)?;
    walk.push(Protocol::Vxlan, HEADER)?;
    if flags & 0x04 == 0 { Ok(Next::Ethernet) } else { nsh::next(number) }
}

pub(super) fn decode_geneve(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<HEADER>(Protocol::Geneve)?;
    let (options, number) = (usize::from(header[0] & 0x3f) * 4, u16::from_be_bytes([header[2], header[3]]));
    if walk.rest().len() < HEADER + options {
        return Err(walk.cut(Protocol::Geneve, HEADER + options));
    }
    walk.push(Protocol::Geneve, HEADER + options)?;
    Ok(Next::EtherType(number))
}

pub static FIELDS: &[Field] = &[
    Field::hex("vxlan.flags", "Flags", 0, 16).about("Bit 4: the network identifier is valid", "RFC 7348 §5"),
    Field::dec("vxlan.vni", "Network identifier", 32, 24).about("Virtual network of the inner frame", "RFC 7348 §5"),
];

pub static GENEVE_FIELDS: &[Field] = &[
    Field::dec("geneve.version", "Version", 0, 2).about("0", "RFC 8926 §3.4"),
    Field::hex("geneve.proto_type", "Protocol", 16, 16)
        .words(numbers::ether_type)
        .about("Protocol of the content (EtherType)", "RFC 8926 §3.4"),
    Field::hex("geneve.vni", "Network identifier", 32, 24).about("Virtual network of the inner frame", "RFC 8926 §3.4"),
];
