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

#[cfg(test)]
mod tests {
    use crate::wire::Protocol::{Data, Ethernet, Geneve, Ipv4, Nsh, Udp, Vxlan};
    use crate::wire::sample::{decodes, ethernet, fields, hex, ipv4, udp};

    fn over(port: u16, header: &str, inner: &[u8]) -> Vec<u8> {
        ethernet(0x0800, &ipv4(17, &udp(port, &[&hex(header), inner].concat())))
    }

    #[test]
    fn frames_and_packets_go_on_inside() {
        let packet = ipv4(17, &udp(9, b"hi"));
        let frame = ethernet(0x0800, &packet);
        let vxlan = over(4789, "08000000 00002a00", &frame);
        decodes(&vxlan, &[Ipv4, Udp, Vxlan, Ethernet, Ipv4, Udp, Data]);
        fields(&vxlan, &[("vxlan.vni", "42")]);
        decodes(&over(4790, "0c000001 00002a00", &packet), &[Ipv4, Udp, Vxlan, Ipv4, Udp, Data]);
        let chained = [hex("0002 0201 00000307"), packet.clone()].concat();
        decodes(&over(4790, "0c000004 00002a00", &chained), &[Ipv4, Udp, Vxlan, Nsh, Ipv4, Udp, Data]);
        let geneve = over(6081, "01006558 00002a00 00000000", &frame);
        decodes(&geneve, &[Ipv4, Udp, Geneve, Ethernet, Ipv4, Udp, Data]);
        decodes(&over(6081, "00000800 00002a00", &packet), &[Ipv4, Udp, Geneve, Ipv4, Udp, Data]);
    }
}
