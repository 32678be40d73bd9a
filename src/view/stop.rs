//! Why decoding ended early, in a sentence for a person.

use std::fmt::Write;

use crate::frame::LinkType;
use crate::wire::{Cut, Packet, Stop, numbers};

/// Says why the decoder did not reach the end of the packet; `None` where it did, or where an application's bytes follow.
pub fn sentence(packet: &Packet<'_>) -> Option<String> {
    Some(match packet.stop {
        Stop::End | Stop::Payload => return None,
        Stop::Fragment => "a later fragment: its datagram's own header came in the first".to_owned(),
        Stop::Unknown { space, number } => unknown(space, number),
        Stop::Truncated { protocol, needs, has, by: Cut::SnapLength } => {
            format!("cut by the snap length: {} needs {needs} bytes, the capture kept {has}", protocol.title())
        }
        Stop::Truncated { protocol, needs, has, by: Cut::LengthField } => {
            format!("too short: {} needs {needs} bytes, by the lengths around it there are {has}", protocol.title())
        }
        Stop::Malformed { protocol, why } => format!("malformed {}: {why}", protocol.title()),
        Stop::TooDeep => {
            format!("more than {} headers in one another: the rest is not decoded", crate::wire::MAX_LAYERS)
        }
    })
}

fn unknown(space: &str, number: u32) -> String {
    if space == "link type" {
        let link = u16::try_from(number).map_or_else(|_| number.to_string(), |number| LinkType(number).to_string());
        return format!("not decoded: {link}; only the frame's own fields are known");
    }
    let mut text = match space {
        "EtherType" | "PPP protocol" | "SNAP protocol" => format!("unknown {space} {number:#06x}"),
        "LLC access point" => format!("unknown {space} {number:#04x}"),
        _ => format!("unknown {space} {number}"),
    };
    let name = match space {
        "EtherType" => numbers::ether_type(number.into()),
        "IP protocol" => numbers::protocol(number.into()),
        _ => None,
    };
    if let Some(name) = name {
        // Writing to a string cannot fail.
        let _ = write!(text, " ({name})");
    }
    text + ": not decoded"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;
    use crate::wire::{Layers, decode};

    fn said(link: u16, length: u32, data: &[u8]) -> Option<String> {
        let mut layers = Layers::new();
        sentence(&decode(Frame { link: LinkType(link), length, data, ..Frame::empty() }, &mut layers))
    }

    #[test]
    fn names_what_is_not_decoded() {
        assert_eq!(
            said(1, 16, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x88, 0xcc, 1, 2]).as_deref(),
            Some("unknown EtherType 0x88cc (LLDP): not decoded")
        );
        assert_eq!(
            said(105, 2, &[1, 2]).as_deref(),
            Some("not decoded: IEEE802_11 (105); only the frame's own fields are known")
        );
    }

    #[test]
    fn tells_the_snap_length_from_a_length_field() {
        assert_eq!(
            said(101, 60, &[0x45, 0, 0, 60]).as_deref(),
            Some("cut by the snap length: Internet Protocol version 4 needs 20 bytes, the capture kept 4")
        );
        assert_eq!(
            said(101, 4, &[0x45, 0, 0, 60]).as_deref(),
            Some("too short: Internet Protocol version 4 needs 20 bytes, by the lengths around it there are 4")
        );
    }
}
