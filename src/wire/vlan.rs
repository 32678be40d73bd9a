//! VLAN tags, one layer each: 802.1Q, 802.1ad for the outer tag of QinQ, 802.1ah around whole frames (IEEE 802.1Q).

use super::dispatch::Next;
use super::{Field, Kind, Protocol, Stop, Value, Walk, numbers};

/// Tag control information and the EtherType of what follows.
pub const HEADER: usize = 4;

/// `protocol`: [`Protocol::Vlan`] or, where a provider's EtherType stands in front, [`Protocol::ServiceTag`].
pub(super) fn decode(walk: &mut Walk<'_, '_>, protocol: Protocol) -> Result<Next, Stop> {
    let [_, _, high, low] = *walk.peek::<HEADER>(protocol)?;
    let number = u16::from_be_bytes([high, low]);
    walk.push(protocol, HEADER)?;
    if number <= 1500 {
        walk.bound(number.into());
        return Ok(Next::Llc);
    }
    Ok(Next::EtherType(number))
}

/// The service instance tag of a provider backbone bridge: flags and identifier; the customer's frame follows.
pub(super) fn decode_backbone(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    walk.peek::<HEADER>(Protocol::Backbone)?;
    walk.push(Protocol::Backbone, HEADER)?;
    Ok(Next::Ethernet)
}

const IEEE: &str = "IEEE 802.1Q §9.6";
const ETYPE: Field = Field::one("", "Type", Kind::Hex(4), |at| {
    at.u16(2).filter(|number| *number > 1500).map(|number| Value::Uint(number.into()))
})
.at(16, 16)
.words(numbers::ether_type)
.about("Protocol of the content (EtherType)", IEEE);

pub static FIELDS: &[Field] = &[
    Field::dec("vlan.priority", "Priority", 0, 3).about("Class of service, 0 to 7", IEEE),
    Field::flag("vlan.dei", "Drop eligible", 3).about("May be dropped first where a switch has no room", IEEE),
    Field::dec("vlan.id", "VLAN identifier", 4, 12).about("Virtual LAN that the frame belongs to", IEEE),
    Field { name: "vlan.etype", ..ETYPE },
    Field::one("vlan.len", "Length", Kind::Dec, |at| {
        at.u16(2).filter(|number| *number <= 1500).map(|number| Value::Uint(number.into()))
    })
    .at(16, 16)
    .about("Bytes of content of an 802.3 frame", IEEE),
];

pub static SERVICE_FIELDS: &[Field] = &[
    Field::dec("ieee8021ad.priority", "Priority", 0, 3).about("Class of service at the provider, 0 to 7", IEEE),
    Field::flag("ieee8021ad.dei", "Drop eligible", 3).about("May be dropped first where a switch has no room", IEEE),
    Field::dec("ieee8021ad.id", "Service VLAN", 4, 12).about("Virtual LAN of the provider's customer", IEEE),
    Field { name: "netlab.ieee8021ad.etype", ..ETYPE },
];

pub static BACKBONE_FIELDS: &[Field] = &[
    Field::dec("ieee8021ah.priority", "Priority", 0, 3).about("Class of service in the backbone", "IEEE 802.1Q §9.7"),
    Field::dec("ieee8021ah.isid", "Service instance", 8, 24).about("Customer's service", "IEEE 802.1Q §9.7"),
];

#[cfg(test)]
mod tests {
    use crate::wire::Protocol::{Backbone, Data, Ethernet, Ipv4, Llc, ServiceTag, Udp, Vlan};
    use crate::wire::sample::{decodes, ethernet, fields, hex, ipv4, udp};

    #[test]
    fn the_outer_tag_of_qinq_is_the_providers() {
        let packet = ipv4(17, &udp(9, b"hi"));
        let frame = ethernet(0x88a8, &[hex("a064 8100 b065 0800"), packet].concat());
        decodes(&frame, &[ServiceTag, Vlan, Ipv4, Udp, Data]);
        fields(&frame, &[("ieee8021ad.id", "100"), ("ieee8021ad.priority", "5"), ("vlan.id", "101")]);
        fields(&frame, &[("vlan.priority", "5"), ("vlan.dei", "true"), ("ieee8021ad.dei", "false")]);
    }

    #[test]
    fn a_tag_may_stand_before_a_length() {
        let frame = ethernet(0x8100, &hex("0001 0003 424203 000000"));
        decodes(&frame, &[Vlan, Llc]);
        fields(&frame, &[("vlan.len", "3"), ("vlan.etype", "absent")]);
    }

    #[test]
    fn a_backbone_tag_holds_a_whole_frame() {
        let inner = ethernet(0x0800, &ipv4(17, &udp(9, b"hi")));
        let frame = ethernet(0x88e7, &[hex("60 000102"), inner].concat());
        decodes(&frame, &[Backbone, Ethernet, Ipv4, Udp, Data]);
        fields(&frame, &[("ieee8021ah.isid", "258"), ("ieee8021ah.priority", "3")]);
    }
}
