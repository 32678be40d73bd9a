//! The frame that most packets are, read at one glance: Ethernet II, IPv4 without options or IPv6 without extension
//! headers, a whole TCP header. For those who want the segment and nothing else of the packet.
//!
//! What it says is what [`decode`](super::decode) says of the same frame; of every other frame it says nothing.

use super::ipv4::{MORE_FRAGMENTS, OFFSET};
use super::tcp::Header;
use super::{Address, ethernet, ipv4, ipv6, numbers, tags, tcp};
use crate::frame::{Frame, LinkType};

/// The layer of the segment: behind Ethernet and IP.
pub const LAYER: usize = 2;

/// Source, destination and TCP header of a usual frame.
#[inline]
pub fn segment<'a>(frame: &Frame<'a>) -> Option<(Address, Address, Header<'a>)> {
    if frame.link != LinkType::ETHERNET {
        return None;
    }
    let (header, rest) = frame.data.split_first_chunk::<{ ethernet::HEADER }>()?;
    if tags::is_isl(header) {
        return None;
    }
    // Bytes behind the Ethernet header, captured or not.
    let length = (frame.length as usize).max(frame.data.len()) - ethernet::HEADER;
    let (source, destination, start, end) = match u16::from_be_bytes([header[12], header[13]]) {
        numbers::ETHERTYPE_IPV4 => {
            let header = rest.first_chunk::<{ ipv4::HEADER }>()?;
            let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
            let fragment = u16::from_be_bytes([header[6], header[7]]);
            // Version 4, five words; zero as length is what a card's segmentation leaves to itself.
            if header[0] != 0x45 || header[9] != numbers::TCP || fragment & (MORE_FRAGMENTS | OFFSET) != 0 || total == 0
            {
                return None;
            }
            let [.., a, b, c, d, e, f, g, h] = *header;
            (Address::V4([a, b, c, d]), Address::V4([e, f, g, h]), ipv4::HEADER, total)
        }
        numbers::ETHERTYPE_IPV6 => {
            let header = rest.first_chunk::<{ ipv6::HEADER }>()?;
            let content = usize::from(u16::from_be_bytes([header[4], header[5]]));
            if header[0] >> 4 != 6 || header[6] != numbers::TCP || content == 0 {
                return None;
            }
            let (addresses, _) = header.get(8..)?.as_chunks::<16>();
            let [source, destination] = addresses else { return None };
            (Address::V6(*source), Address::V6(*destination), ipv6::HEADER, ipv6::HEADER + content)
        }
        _ => return None,
    };
    let end = end.min(length);
    let segment = rest.get(start..end.min(rest.len()))?;
    let length = usize::from(segment.get(12)? >> 4) * 4;
    if length < tcp::HEADER {
        return None;
    }
    Some((source, destination, Header::read(segment.get(..length)?, (end - start) as u32, false)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::sample::{ethernet, hex, ipv4, ipv6};
    use crate::wire::{Layers, Protocol, decode};

    /// Frames that are usual, or would be but for one byte, or for where they end.
    fn frames() -> impl Strategy<Value = (Vec<u8>, u32)> {
        let segment = hex("04d2 0050 00000001 00000002 8010 0400 0000 0000 0101080a0000000700000008 68656c6c6f");
        let frames = vec![ethernet(0x0800, &ipv4(6, &segment)), ethernet(0x86dd, &ipv6(6, &segment))];
        let change = prop::option::of((any::<prop::sample::Index>(), any::<u8>()));
        (prop::sample::select(frames), change, any::<prop::sample::Index>(), 0u32..40, any::<bool>()).prop_map(
            |(mut frame, change, cut, more, whole)| {
                if let Some((place, byte)) = change {
                    let place = place.index(frame.len().min(70));
                    frame[place] = byte;
                }
                let length = frame.len() as u32 + more;
                if !whole {
                    frame.truncate(cut.index(frame.len() + 1));
                }
                (frame, length)
            },
        )
    }

    #[test]
    fn the_usual_frames_are_taken() {
        let data = hex("04d2 0050 00000001 00000002 8010 0400 0000 0000 0101080a0000000700000008 68656c6c6f");
        for data in [ethernet(0x0800, &ipv4(6, &data)), ethernet(0x86dd, &ipv6(6, &data))] {
            let length = data.len() as u32;
            let frame = Frame { link: LinkType::ETHERNET, data: &data, length, ..Frame::empty() };
            let (_, _, header) = segment(&frame).unwrap();
            assert_eq!((header.source_port(), header.destination_port(), header.length), (1234, 80, 5));
        }
    }

    proptest! {
        #[test]
        fn says_what_decoding_says((data, length) in frames()) {
            let frame = Frame { link: LinkType::ETHERNET, data: &data, length, ..Frame::empty() };
            let Some((source, destination, header)) = segment(&frame) else { return Ok(()) };
            let mut layers = Layers::new();
            let packet = decode(frame, &mut layers);
            let at = packet.at(LAYER).unwrap();
            prop_assert_eq!(at.layer.protocol, Protocol::Tcp);
            prop_assert_eq!(packet.find(Protocol::Tcp).unwrap().index, LAYER);
            prop_assert_eq!(packet.addresses(LAYER), Some((source, destination)));
            prop_assert_eq!(format!("{header:?}"), format!("{:?}", Header::new(&at).unwrap()));
            prop_assert!(!at.layer.quoted && !at.layer.fragment);
        }
    }
}
