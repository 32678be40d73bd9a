//! Ethernet II, and 802.3 with LLC and SNAP (IEEE 802.3, 802.2).

use super::dispatch::Next;
use super::{Field, Kind, Protocol, Stop, Walk, numbers, tags};

/// Destination, source, EtherType.
pub const HEADER: usize = 14;

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<HEADER>(Protocol::Ethernet)?;
    let number = u16::from_be_bytes([header[12], header[13]]);
    if tags::is_isl(header) {
        return Ok(Next::Isl);
    }
    walk.push(Protocol::Ethernet, HEADER)?;
    // Up to 1500 it is the length of an 802.3 frame; what lies behind that is padding. No LLC fits into nothing.
    if is_length(number) {
        walk.bound(number.into());
        return Ok(Next::Llc);
    }
    Ok(Next::EtherType(number))
}

/// Whether the two bytes behind the addresses are a length (IEEE 802.3 §3.2.6).
fn is_length(number: u16) -> bool {
    (1..=1500).contains(&number)
}

/// Whether they are an EtherType; what lies between is neither.
fn is_type(number: u16) -> bool {
    number == 0 || number >= 1536
}

/// Logical link control: three bytes, or four where the control field is 16 bits wide; SNAP adds five.
pub(super) fn decode_llc(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let [destination, _, control] = *walk.peek::<3>(Protocol::Llc)?;
    let plain = if control & 3 == 3 { 3 } else { 4 };
    if destination != 0xaa || plain != 3 {
        walk.push(Protocol::Llc, plain.min(walk.rest().len()))?;
        return match destination {
            0x06 => Ok(Next::Ip),
            number => Err(Stop::Unknown { space: "LLC access point", number: number.into() }),
        };
    }
    let header = walk.peek::<8>(Protocol::Llc)?;
    let (organisation, number) = ([header[3], header[4], header[5]], u16::from_be_bytes([header[6], header[7]]));
    walk.push(Protocol::Llc, 8)?;
    match organisation {
        // RFC 1042, and 802.1H for what bridges translate.
        [0, 0, 0] | [0, 0, 0xf8] => Ok(Next::EtherType(number)),
        _ => Err(Stop::Unknown { space: "SNAP protocol", number: number.into() }),
    }
}

fn access_point(number: u64) -> Option<&'static str> {
    Some(match number {
        0x42 => "spanning tree",
        0xaa => "SNAP",
        0x06 => "IP",
        0xe0 => "NetWare",
        0xf0 => "NetBIOS",
        0xfe => "ISO network layer",
        _ => return None,
    })
}

const IEEE: &str = "IEEE 802.3 §3.2";
const LLC: &str = "IEEE 802.2 §3.2";

pub static FIELDS: &[Field] = &[
    Field::fixed("eth.dst", "Destination", Kind::Mac, 0, 48).about("Station or group that the frame is for", IEEE),
    Field::fixed("eth.src", "Source", Kind::Mac, 48, 48).about("Station that sent the frame", IEEE),
    Field::many("eth.addr", "Address", Kind::Mac, |at, each| at.both(Kind::Mac, [0, 48], 48, each))
        .combined()
        .about("Destination and source: either", IEEE),
    Field::one("eth.type", "Type", Kind::Hex(4), |at| {
        at.u16(12).filter(|number| is_type(*number)).map(|number| super::Value::Uint(number.into()))
    })
    .at(96, 16)
    .words(numbers::ether_type)
    .about("Protocol of the content (EtherType)", IEEE),
    Field::one("eth.len", "Length", Kind::Dec, |at| {
        at.u16(12).filter(|number| is_length(*number)).map(|number| super::Value::Uint(number.into()))
    })
    .at(96, 16)
    .about("Bytes of content in an 802.3 frame", IEEE),
];

pub static LLC_FIELDS: &[Field] = &[
    Field::hex("llc.dsap", "Destination access point", 0, 8)
        .words(access_point)
        .about("Protocol that the content is for", LLC),
    Field::hex("llc.ssap", "Source access point", 8, 8)
        .words(access_point)
        .about("Protocol that the content is from", LLC),
    Field::hex("llc.control", "Control", 16, 8).about("Kind of 802.2 frame; 3: unnumbered information", LLC),
    Field::one("llc.oui", "Organisation", Kind::Hex(6), |at| {
        let [_, a, b, c] = snap(at)?.to_be_bytes();
        Some(super::Value::Uint(u32::from_be_bytes([0, a, b, c]).into()))
    })
    .about("Whose numbering the protocol field follows; 0: EtherType", "RFC 1042"),
    Field::one("llc.type", "Type", Kind::Hex(4), |at| {
        snap(at)?;
        at.u16(6).map(|number| super::Value::Uint(number.into()))
    })
    .words(numbers::ether_type)
    .about("Protocol of the content (EtherType)", "RFC 1042"),
];

/// The control byte and the organisation of a SNAP header.
fn snap(at: &super::At<'_>) -> Option<u32> {
    (at.layer.header == 8).then(|| at.u32(2)).flatten()
}

#[cfg(test)]
mod tests {
    use crate::frame::LinkType;
    use crate::wire::sample::{decodes, ethernet, fields, hex, ipv4, layers, udp};
    use crate::wire::{Protocol, Stop};

    #[test]
    fn up_to_1500_the_type_is_a_length_and_the_rest_padding() {
        let packet = ipv4(17, &udp(9, b"hi"));
        let content = [hex("aaaa03 000000 0800"), packet.clone(), vec![0; 8]].concat();
        let frame = ethernet(8 + packet.len() as u16, &content);
        decodes(&frame, &[Protocol::Llc, Protocol::Ipv4, Protocol::Udp, Protocol::Data]);
        fields(&frame, &[("eth.len", "38"), ("eth.type", "absent"), ("llc.type", "2048"), ("data.len", "2")]);
    }

    #[test]
    fn between_length_and_type_there_is_neither() {
        let frame = ethernet(1520, b"?");
        fields(&frame, &[("eth.len", "absent"), ("eth.type", "absent")]);
        assert_eq!(layers(LinkType::ETHERNET, &frame).1, Stop::Unknown { space: "EtherType", number: 1520 });
    }

    #[test]
    fn llc_of_other_protocols_names_the_access_point() {
        let tree = ethernet(7, &hex("424203 00000000"));
        assert_eq!(layers(LinkType::ETHERNET, &tree).1, Stop::Unknown { space: "LLC access point", number: 0x42 });
    }
}
