//! Why decoding ended early, in a sentence for a person.

use std::fmt::Write;

use super::words::{Words, filled};
use crate::frame::LinkType;
use crate::wire::{Cut, Packet, Stop, numbers};

/// Says why the decoder did not reach the end of the packet; `None` where it did, or where an application's bytes follow.
pub fn sentence(packet: &Packet<'_>, words: &Words) -> Option<String> {
    Some(match packet.stop {
        Stop::End | Stop::Payload => return None,
        Stop::Fragment => words.stop_fragment.to_owned(),
        Stop::Unknown { space, number } => unknown(space, number, words),
        Stop::Truncated { protocol, needs, has, by } => {
            let template = match by {
                Cut::SnapLength => words.stop_snap,
                Cut::LengthField => words.stop_short,
            };
            filled(template, &[protocol.title(), &needs.to_string(), &has.to_string()])
        }
        Stop::Malformed { protocol, why } => filled(words.malformed, &[protocol.title(), why]),
        Stop::TooDeep => filled(words.stop_deep, &[&crate::wire::MAX_LAYERS.to_string()]),
    })
}

fn unknown(space: &str, number: u32, words: &Words) -> String {
    if space == "link type" {
        let link = u16::try_from(number).map_or_else(|_| number.to_string(), |number| LinkType(number).to_string());
        return filled(words.stop_link, &[&link]);
    }
    let mut text = match space {
        "EtherType" | "PPP protocol" | "SNAP protocol" => format!("{space} {number:#06x}"),
        "LLC access point" => format!("{space} {number:#04x}"),
        _ => format!("{space} {number}"),
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
    filled(words.stop_unknown, &[&text])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;
    use crate::view::words::ENGLISH;
    use crate::wire::{Layers, decode};

    fn said(link: u16, length: u32, data: &[u8]) -> Option<String> {
        let mut layers = Layers::new();
        sentence(&decode(Frame { link: LinkType(link), length, data, ..Frame::empty() }, &mut layers), &ENGLISH)
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
