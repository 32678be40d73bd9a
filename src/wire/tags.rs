//! What switches put in front of a frame or behind its addresses: Cisco's ISL, MACsec (IEEE 802.1AE) where it does not
//! encrypt, Cisco's metadata tag (security groups) and Arista's timestamps.

use super::dispatch::Next;
use super::{Field, Kind, Protocol, Stop, Walk, numbers};

/// The first five bytes of an ISL frame's destination; the next byte holds type and priority.
const ISL: [[u8; 5]; 2] = [[0x01, 0x00, 0x0c, 0x00, 0x00], [0x03, 0x00, 0x0c, 0x00, 0x00]];
const ISL_HEADER: usize = 26;

/// Whether a frame that begins with these bytes is in ISL's encapsulation.
#[inline]
pub(super) fn is_isl(header: &[u8; super::ethernet::HEADER]) -> bool {
    header[2] == 0x0c && header.first_chunk().is_some_and(|start| ISL.contains(start))
}

pub(super) fn decode_isl(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let header = walk.peek::<ISL_HEADER>(Protocol::Isl)?;
    let (kind, length) = (header[5] >> 4, u16::from_be_bytes([header[12], header[13]]));
    walk.push(Protocol::Isl, ISL_HEADER)?;
    // The length counts what follows it.
    walk.bound(usize::from(length).saturating_sub(ISL_HEADER - 14));
    if kind == 0 { Ok(Next::Ethernet) } else { Err(Stop::Unknown { space: "ISL frame type", number: kind.into() }) }
}

/// The tag's first byte: an identifier of the channel is present; the data is encrypted, or changed.
const CHANNEL: u8 = 0x20;
const ENCRYPTED: u8 = 0x08;
const CHANGED: u8 = 0x04;
const CHECK_VALUE: usize = 16;

pub(super) fn decode_macsec(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let [control, short, ..] = *walk.peek::<6>(Protocol::Macsec)?;
    let tag = if control & CHANNEL != 0 { 14 } else { 6 };
    if control & (ENCRYPTED | CHANGED) != 0 {
        if walk.rest().len() < tag {
            return Err(walk.cut(Protocol::Macsec, tag));
        }
        walk.push(Protocol::Macsec, tag)?;
        return Ok(Next::Payload);
    }
    // Integrity only: the frame goes on in the clear, and the check value ends it. The short length tells padding (it counts the EtherType).
    let Some(number) = walk.rest().get(tag..).and_then(|rest| rest.first_chunk()) else {
        return Err(walk.cut(Protocol::Macsec, tag + 2));
    };
    let number = u16::from_be_bytes(*number);
    walk.push(Protocol::Macsec, tag + 2)?;
    walk.bound(match short & 0x3f {
        0 => walk.length().saturating_sub(CHECK_VALUE),
        length => usize::from(length).saturating_sub(2),
    });
    Ok(Next::EtherType(number))
}

/// Cisco metadata: in GRE the EtherType of the content comes first, in Ethernet last.
pub(super) fn decode_metadata(walk: &mut Walk<'_, '_>, type_first: bool) -> Result<Next, Stop> {
    let header = walk.peek::<8>(Protocol::Metadata)?;
    let number = if type_first { [header[0], header[1]] } else { [header[6], header[7]] };
    walk.push(Protocol::Metadata, 8)?;
    Ok(Next::EtherType(u16::from_be_bytes(number)))
}

/// Sub-type 1, a version that says how long the timestamp is, the timestamp, the EtherType of the content.
pub(super) fn decode_avsp(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let [_, kind, _, version] = *walk.peek::<4>(Protocol::Avsp)?;
    let timestamp = match (kind, version) {
        (1, 0x10) => 8,
        (1, 0x20) => 6,
        _ => {
            walk.push(Protocol::Avsp, 4)?;
            return Ok(Next::Payload);
        }
    };
    let Some(number) = walk.rest().get(4 + timestamp..).and_then(|rest| rest.first_chunk()) else {
        return Err(walk.cut(Protocol::Avsp, 4 + timestamp + 2));
    };
    let number = u16::from_be_bytes(*number);
    walk.push(Protocol::Avsp, 4 + timestamp + 2)?;
    Ok(Next::EtherType(number))
}

const CISCO_ISL: &str = "Cisco, Inter-Switch Link frame format";
const IEEE: &str = "IEEE 802.1AE §9.3";
const CISCO: &str = "Cisco TrustSec, CMD header";
const ARISTA: &str = "Arista EOS, timestamp headers";

pub static ISL_FIELDS: &[Field] = &[
    Field::fixed("isl.dst", "Destination", Kind::Mac, 0, 48).about("ISL's group, type and priority", CISCO_ISL),
    Field::fixed("isl.src", "Source", Kind::Mac, 48, 48).about("Switch that sent the frame", CISCO_ISL),
    Field::dec("isl.len", "Length", 96, 16).about("Bytes behind this field", CISCO_ISL),
    Field::dec("isl.vlan_id", "VLAN", 160, 15).about("Virtual LAN that the frame belongs to", CISCO_ISL),
    Field::dec("isl.index", "Index", 176, 16).about("Port that the frame came in on", CISCO_ISL),
];

pub static MACSEC_FIELDS: &[Field] = &[
    Field::flag("macsec.TCI.SC", "Channel given", 2).about("The identifier of the secure channel follows", IEEE),
    Field::flag("macsec.TCI.E", "Encrypted", 4).about("The content is encrypted", IEEE),
    Field::flag("macsec.TCI.C", "Changed", 5).about("The content is not as it was before", IEEE),
    Field::dec("macsec.AN", "Association", 6, 2).about("Association within the secure channel", IEEE),
    Field::dec("macsec.SL", "Short length", 10, 6).about("Bytes that are secured, where fewer than 48", IEEE),
    Field::dec("macsec.PN", "Packet number", 16, 32).about("Against replay", IEEE),
];

pub static METADATA_FIELDS: &[Field] = &[Field::one("cmd.sgt", "Security group", Kind::Dec, |at| {
    let place = if at.index > 0 && at.packet.at(at.index - 1)?.layer.protocol == Protocol::Gre { 6 } else { 4 };
    at.u16(place).map(|number| super::Value::Uint(number.into()))
})
.about("Group of the sender, for access rules", CISCO)];

pub static AVSP_FIELDS: &[Field] = &[
    Field::dec("avsp.sub_type", "Sub-type", 0, 16).about("1: timestamp", ARISTA),
    Field::hex("avsp.ver", "Version", 16, 16).about("Width and clock of the timestamp", ARISTA),
    Field::one("avsp.etype", "Type", Kind::Hex(4), |at| {
        let place = at.header().len().checked_sub(2).filter(|place| *place > 4)?;
        at.u16(place).map(|number| super::Value::Uint(number.into()))
    })
    .words(numbers::ether_type)
    .about("Protocol of the content (EtherType)", ARISTA),
];

#[cfg(test)]
mod tests {
    use crate::frame::LinkType;
    use crate::wire::Protocol::{Avsp, Data, Ethernet, Ipv4, Isl, Llc, Macsec, Metadata, Udp};
    use crate::wire::sample::{cuts, decodes, ethernet, fields, hex, ipv4, layers, udp};

    #[test]
    fn isl_stands_in_front_of_the_whole_frame() {
        let inner = ethernet(3, &hex("424203"));
        let length = (12 + inner.len()) as u8;
        let frame =
            [hex("01000c000000 020000000009 00"), vec![length], hex("aaaa03 00000c 000a 0001 0000"), inner].concat();
        assert_eq!(layers(LinkType::ETHERNET, &frame).0, [Isl, Ethernet, Llc]);
        fields(&frame, &[("isl.vlan_id", "5"), ("eth.dst", "[2, 0, 0, 0, 0, 2]")]);
        cuts(LinkType::ETHERNET, &frame[..frame.len()]);
    }

    #[test]
    fn macsec_in_the_clear_goes_on_up_to_its_check_value() {
        let packet = ipv4(17, &udp(9, b"hi"));
        let tail = [packet.clone(), vec![0xee; 16]].concat();
        let frame = ethernet(0x88e5, &[hex("20 00 00000044 020000000001 0001 0800"), tail.clone()].concat());
        decodes(&frame, &[Macsec, Ipv4, Udp, Data]);
        fields(&frame, &[("macsec.PN", "68"), ("data.len", "2")]);
        let short = ethernet(0x88e5, &[hex("00 20 00000044 0800"), tail.clone()].concat());
        decodes(&short, &[Macsec, Ipv4, Udp, Data]);
        let encrypted = ethernet(0x88e5, &[hex("0c 00 00000044"), tail].concat());
        decodes(&encrypted, &[Macsec, Data]);
    }

    #[test]
    fn metadata_and_timestamps_name_the_content_behind_them() {
        let packet = ipv4(17, &udp(9, b"hi"));
        let tagged = ethernet(0x8909, &[hex("01 01 0001 0007 0800"), packet.clone()].concat());
        decodes(&tagged, &[Metadata, Ipv4, Udp, Data]);
        fields(&tagged, &[("cmd.sgt", "7")]);
        for header in ["0001 0010 5ceeed58 36ab6e7c 0800", "0001 0020 ed58 36ab6e7c 0800"] {
            let stamped = ethernet(0xd28b, &[hex(header), packet.clone()].concat());
            decodes(&stamped, &[Avsp, Ipv4, Udp, Data]);
            fields(&stamped, &[("avsp.etype", "2048")]);
        }
    }
}
