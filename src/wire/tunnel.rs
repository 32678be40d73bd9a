//! Encapsulations that go on to an inner packet: GRE (RFC 2784, 2890), VXLAN (RFC 7348), Geneve (RFC 8926),
//! MPLS (RFC 3032), PPPoE (RFC 2516) and the PPP in it (RFC 1661).

use super::dispatch::Next;
use super::{Field, Kind, Protocol, Stop, Value, Walk, numbers};

pub(super) fn decode_gre(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<4>(Protocol::Gre)?;
    let (flags, number) = (u16::from_be_bytes([header[0], header[1]]), u16::from_be_bytes([header[2], header[3]]));
    // Checksum (or routing), key, sequence number; version 1 (RFC 2637) has an acknowledgment too.
    let mut length = 4;
    length += if flags & 0xc000 != 0 { 4 } else { 0 };
    length += if flags & 0x2000 != 0 { 4 } else { 0 };
    length += if flags & 0x1000 != 0 { 4 } else { 0 };
    length += if flags & 7 == 1 && flags & 0x0080 != 0 { 4 } else { 0 };
    if walk.rest().len() < length {
        return Err(walk.cut(Protocol::Gre, length));
    }
    walk.push(Protocol::Gre, length)?;
    match number {
        _ if walk.rest().is_empty() => Err(Stop::End),
        0x880b => Ok(Next::Ppp),
        _ => Ok(Next::EtherType(number)),
    }
}

pub(super) fn decode_vxlan(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    walk.peek::<8>(Protocol::Vxlan)?;
    walk.push(Protocol::Vxlan, 8)?;
    Ok(Next::Ethernet)
}

pub(super) fn decode_geneve(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<8>(Protocol::Geneve)?;
    let (options, number) = (usize::from(header[0] & 0x3f) * 4, u16::from_be_bytes([header[2], header[3]]));
    if walk.rest().len() < 8 + options {
        return Err(walk.cut(Protocol::Geneve, 8 + options));
    }
    walk.push(Protocol::Geneve, 8 + options)?;
    Ok(Next::EtherType(number))
}

pub(super) fn decode_mpls(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<4>(Protocol::Mpls)?;
    let bottom = header[2] & 1 == 1;
    walk.push(Protocol::Mpls, 4)?;
    if !bottom {
        return Ok(Next::Mpls);
    }
    // No field says what follows; IP is known by its version (RFC 4928 §3 keeps 4 and 6 for it).
    match walk.rest().first().map(|byte| byte >> 4) {
        Some(4 | 6) => Ok(Next::Ip),
        _ => Err(walk.payload()),
    }
}

pub(super) fn decode_pppoe(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<6>(Protocol::Pppoe)?;
    let length = u16::from_be_bytes([header[4], header[5]]);
    walk.push(Protocol::Pppoe, 6)?;
    walk.bound(length.into());
    Ok(Next::Ppp)
}

pub(super) fn decode_ppp(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    // Address and control may be left out, and the first byte of the protocol where it is zero (RFC 1661 §6).
    let skip = if walk.rest().starts_with(&[0xff, 3]) { 2 } else { 0 };
    let Some(&first) = walk.rest().get(skip) else { return Err(walk.cut(Protocol::Ppp, skip + 1)) };
    let (number, length) = match walk.rest().get(skip + 1) {
        _ if first & 1 == 1 => (u16::from(first), skip + 1),
        Some(second) => (u16::from_be_bytes([first, *second]), skip + 2),
        None => return Err(walk.cut(Protocol::Ppp, skip + 2)),
    };
    walk.push(Protocol::Ppp, length)?;
    match number {
        0x0021 => Ok(Next::EtherType(numbers::ETHERTYPE_IPV4)),
        0x0057 => Ok(Next::EtherType(numbers::ETHERTYPE_IPV6)),
        0x0281 | 0x0283 => Ok(Next::Mpls),
        _ => Err(Stop::Unknown { space: "PPP protocol", number: number.into() }),
    }
}

pub static GRE_FIELDS: &[Field] = &[
    Field::flag("gre.flags.checksum", "Checksum present", 0).about("A checksum follows", "RFC 2784 §2.2"),
    Field::flag("gre.flags.key", "Key present", 2).about("A key follows", "RFC 2890 §2"),
    Field::flag("gre.flags.sequence_number", "Sequence number present", 3)
        .about("A sequence number follows", "RFC 2890 §2"),
    Field::dec("gre.flags.version", "Version", 13, 3).about("0, or 1 for PPTP", "RFC 2784 §2.3"),
    Field::hex("gre.proto", "Protocol", 16, 16)
        .words(numbers::ether_type)
        .about("Protocol of the content (EtherType)", "RFC 2784 §2.4"),
    Field::one("gre.key", "Key", Kind::Hex(8), |at| {
        let flags = at.u16(0)?;
        let place = if flags & 0xc000 != 0 { 8 } else { 4 };
        (flags & 0x2000 != 0).then(|| at.u32(place).map(|key| Value::Uint(key.into()))).flatten()
    })
    .about("Tells one tunnel from another", "RFC 2890 §2.1"),
];

pub static VXLAN_FIELDS: &[Field] = &[
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

pub static MPLS_FIELDS: &[Field] = &[
    Field::dec("mpls.label", "Label", 0, 20).about("Names the path to the next router", "RFC 3032 §2.1"),
    Field::dec("mpls.exp", "Traffic class", 20, 3).about("Priority", "RFC 5462"),
    Field::flag("mpls.bottom", "Bottom of stack", 23).about("The last label", "RFC 3032 §2.1"),
    Field::dec("mpls.ttl", "Time to live", 24, 8).about("Routers it may still pass", "RFC 3032 §2.1"),
];

pub static PPPOE_FIELDS: &[Field] = &[
    Field::hex("pppoe.code", "Code", 8, 8).about("0: session data", "RFC 2516 §4"),
    Field::hex("pppoe.session_id", "Session", 16, 16).about("Tells one session from another", "RFC 2516 §4"),
    Field::dec("pppoe.payload_length", "Payload length", 32, 16).about("Bytes behind this header", "RFC 2516 §4"),
];

pub static PPP_FIELDS: &[Field] = &[Field::one("ppp.protocol", "Protocol", Kind::Hex(4), |at| {
    let header = at.header();
    let last = u16::from(*header.last()?);
    let high = header.len().checked_sub(2).and_then(|place| header.get(place)).copied();
    Some(Value::Uint(match high {
        Some(byte) if byte & 1 == 0 => (u16::from(byte) << 8 | last).into(),
        _ => last.into(),
    }))
})
.about("Protocol of the content", "RFC 1661 §2")];
