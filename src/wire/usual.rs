//! The frame that most packets are, read at one glance: Ethernet II, IPv4 without options or IPv6 without extension
//! headers, a whole TCP header. For those who want the segment before all else of the packet, or nothing else of it.
//!
//! What it says is what [`decode`](super::decode) says of the same frame; of every other frame it says nothing.

use super::ipv4::{MORE_FRAGMENTS, OFFSET};
use super::tcp::Header;
use super::{Address, Layer, Layers, Packet, Protocol, Walk, application, ethernet, ipv4, ipv6, numbers, tags, tcp};
use crate::frame::{Frame, LinkType};

/// The layer of the segment: behind Ethernet and IP.
pub const LAYER: usize = 2;

/// The segment of a usual frame.
pub struct Segment<'a> {
    pub source: Address,
    pub destination: Address,
    pub header: Header<'a>,
    network: Protocol,
    /// Bytes of the IP header, and of the TCP header.
    headers: [usize; 2],
    /// Behind the last byte of the IP packet, counted from its first.
    end: usize,
}

/// The segment that a usual frame carries.
#[inline(always)]
pub fn segment<'a>(frame: &Frame<'a>) -> Option<Segment<'a>> {
    if frame.link != LinkType::ETHERNET {
        return None;
    }
    let (header, rest) = frame.data.split_first_chunk::<{ ethernet::HEADER }>()?;
    if tags::is_isl(header) {
        return None;
    }
    // Bytes behind the Ethernet header, captured or not.
    let length = (frame.length as usize).max(frame.data.len()) - ethernet::HEADER;
    let (network, source, destination, start, end) = match u16::from_be_bytes([header[12], header[13]]) {
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
            (Protocol::Ipv4, Address::V4([a, b, c, d]), Address::V4([e, f, g, h]), ipv4::HEADER, total)
        }
        numbers::ETHERTYPE_IPV6 => {
            let header = rest.first_chunk::<{ ipv6::HEADER }>()?;
            let content = usize::from(u16::from_be_bytes([header[4], header[5]]));
            if header[0] >> 4 != 6 || header[6] != numbers::TCP || content == 0 {
                return None;
            }
            let (addresses, _) = header.get(8..)?.as_chunks::<16>();
            let [source, destination] = addresses else { return None };
            (Protocol::Ipv6, Address::V6(*source), Address::V6(*destination), ipv6::HEADER, ipv6::HEADER + content)
        }
        _ => return None,
    };
    let end = end.min(length);
    let segment = rest.get(start..end.min(rest.len()))?;
    let length = usize::from(segment.get(12)? >> 4) * 4;
    if length < tcp::HEADER {
        return None;
    }
    let header = Header::read(segment.get(..length)?, (end - start) as u32, false)?;
    Some(Segment { source, destination, header, network, headers: [start, length], end })
}

/// Decodes a usual frame, as [`decode`](super::decode) does; gives the room for layers back where it is another.
#[inline(always)]
pub fn decode<'a>(frame: Frame<'a>, layers: &'a mut Layers) -> Result<(Packet<'a>, Segment<'a>), &'a mut Layers> {
    let Some(segment) = segment(&frame) else { return Err(layers) };
    let (ip, tcp) = (ethernet::HEADER, ethernet::HEADER + segment.headers[0]);
    let (at, end) = (tcp + segment.headers[1], ethernet::HEADER + segment.end);
    let layer = |protocol, start: usize, header: usize, end: usize| {
        let (start, header, end) = (start as u32, header as u32, end as u32);
        Layer { protocol, quoted: false, fragment: false, version: 0, start, header, end }
    };
    let below = [
        layer(Protocol::Ethernet, 0, ethernet::HEADER, (frame.length as usize).max(frame.data.len())),
        layer(segment.network, ip, segment.headers[0], end),
        layer(Protocol::Tcp, tcp, segment.headers[1], end),
    ];
    layers.0.clear();
    // There is room for them.
    let _ = layers.0.try_extend_from_slice(&below);
    let ports = [segment.header.source_port(), segment.header.destination_port()];
    let (quoted, fragment, applications) = (false, false, true);
    let mut walk = Walk { data: frame.data, at, end, quoted, fragment, applications, layers: &mut layers.0 };
    let stop = application::decode(&mut walk, application::Over::Tcp, ports);
    Ok((Packet { frame, layers: &layers.0, stop }, segment))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::decode;
    use crate::wire::sample::{ethernet, hex, ipv4, ipv6};

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
            let header = segment(&frame).unwrap().header;
            assert_eq!((header.source_port(), header.destination_port(), header.length), (1234, 80, 5));
        }
    }

    proptest! {
        #[test]
        fn says_what_decoding_says((data, length) in frames()) {
            let frame = Frame { link: LinkType::ETHERNET, data: &data, length, ..Frame::empty() };
            let mut usual = Layers::new();
            let Ok((quick, Segment { source, destination, header, .. })) = super::decode(frame, &mut usual) else {
                return Ok(());
            };
            let mut layers = Layers::new();
            let packet = decode(frame, &mut layers);
            prop_assert_eq!((quick.layers, quick.stop), (packet.layers, packet.stop));
            let at = packet.at(LAYER).unwrap();
            prop_assert_eq!(at.layer.protocol, Protocol::Tcp);
            prop_assert_eq!(packet.find(Protocol::Tcp).unwrap().index, LAYER);
            prop_assert_eq!(packet.addresses(LAYER), Some((source, destination)));
            prop_assert_eq!(format!("{header:?}"), format!("{:?}", Header::new(&at).unwrap()));
            prop_assert!(!at.layer.quoted && !at.layer.fragment);
        }
    }
}
