//! VLAN tags, one layer each: 802.1Q, and 802.1ad for the outer tag of QinQ (IEEE 802.1Q).

use super::dispatch::Next;
use super::{Field, Protocol, Stop, Walk, numbers};

/// Tag control information and the EtherType of what follows.
pub const HEADER: usize = 4;

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Result<Next, Stop> {
    let [_, _, high, low] = *walk.peek::<HEADER>(Protocol::Vlan)?;
    let number = u16::from_be_bytes([high, low]);
    walk.push(Protocol::Vlan, HEADER)?;
    if number <= 1500 {
        walk.bound(number.into());
        return Ok(Next::Llc);
    }
    Ok(Next::EtherType(number))
}

const IEEE: &str = "IEEE 802.1Q §9.6";

pub static FIELDS: &[Field] = &[
    Field::dec("vlan.priority", "Priority", 0, 3).about("Class of service, 0 to 7", IEEE),
    Field::flag("vlan.dei", "Drop eligible", 3).about("May be dropped first where a switch has no room", IEEE),
    Field::dec("vlan.id", "VLAN identifier", 4, 12).about("Virtual LAN that the frame belongs to", IEEE),
    Field::one("vlan.etype", "Type", super::Kind::Hex(4), |at| {
        at.u16(2).filter(|number| *number > 1500).map(|number| super::Value::Uint(number.into()))
    })
    .at(16, 16)
    .words(numbers::ether_type)
    .about("Protocol of the content (EtherType)", IEEE),
    Field::one("vlan.len", "Length", super::Kind::Dec, |at| {
        at.u16(2).filter(|number| *number <= 1500).map(|number| super::Value::Uint(number.into()))
    })
    .at(16, 16)
    .about("Bytes of content of an 802.3 frame", IEEE),
];
