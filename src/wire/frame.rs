//! What the capture says of a frame (`frame.*`), and the bytes that no decoder takes (`data`).

use super::{Field, Kind, Value};

const CAPTURE: &str = "capture";

pub static FIELDS: &[Field] = &[
    Field::one("frame.number", "Number", Kind::Dec, |at| Some(Value::Uint(at.packet.frame.number)))
        .about("Place of the frame in the capture, from 1", CAPTURE),
    Field::one("frame.time_epoch", "Time", Kind::Seconds, |at| at.packet.frame.time.map(|t| Value::Nanoseconds(t.0)))
        .about("When it was captured, in seconds since 1970-01-01 UTC", CAPTURE),
    Field::one("frame.len", "Length", Kind::Dec, |at| Some(Value::Uint(at.packet.frame.length.into())))
        .about("Bytes on the wire", CAPTURE),
    Field::one("frame.cap_len", "Captured length", Kind::Dec, |at| {
        Some(Value::Uint(at.packet.frame.data.len() as u64))
    })
    .about("Bytes that the capture kept", CAPTURE),
    Field::one("frame.interface_id", "Interface", Kind::Dec, |at| Some(Value::Uint(at.packet.frame.interface.into())))
        .about("Interface of the capture, from 0", CAPTURE),
    Field::one("frame.encap_type", "Link type", Kind::Dec, |at| Some(Value::Uint(at.packet.frame.link.0.into())))
        .words(|number| crate::frame::LinkType(u16::try_from(number).ok()?).name())
        .about("Link type of the capture (LINKTYPE number)", "pcap-linktype(7)"),
    Field::one("frame.comment", "Comment", Kind::Text, |at| {
        let comment = at.packet.frame.comment;
        (!comment.is_empty()).then_some(Value::Text(comment))
    })
    .about("What somebody wrote on this packet", "pcapng"),
];

pub static DATA_FIELDS: &[Field] = &[
    Field::one("data.data", "Data", Kind::Bytes, |at| Some(Value::Bytes(at.header())))
        .about("Bytes of the application, not decoded", CAPTURE),
    Field::one("data.len", "Length", Kind::Dec, |at| Some(Value::Uint(at.header().len() as u64)))
        .about("Captured bytes of the application", CAPTURE)
        .computed(),
];
