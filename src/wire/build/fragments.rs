//! A built packet divided into fragments (RFC 791 §3.2, RFC 8200 §4.5), whole or overlapping on purpose.

use super::{Built, Error};
use crate::wire::{Protocol, fragment, ipv4, ipv6, numbers};

/// The most fragments of one packet: each 8 bytes of 65,535.
const UNIT: usize = 8;

/// Divides what the packet's IP header carries into pieces of `size` bytes, each of which begins `overlap` bytes before
/// the end of the one before. Both are multiples of 8, and `overlap` is less than `size`. `identification`: the one that
/// the fragments of IPv6 get; IPv4 has its own in the header.
///
/// Headers of the link stand before each fragment as before the packet.
pub fn divide(packet: &Built, size: usize, overlap: usize, identification: u32) -> Result<Vec<Vec<u8>>, Error> {
    let refused = |why| Err(Error::Fragments(why));
    if size == 0 || !size.is_multiple_of(UNIT) || !overlap.is_multiple_of(UNIT) {
        return refused("fragments are cut at multiples of 8 bytes");
    }
    if overlap >= size {
        return refused("fragments overlap by less than they are long");
    }
    let Some(start) = packet.network() else { return refused("only IP packets have fragments") };
    let (link, whole) = packet.bytes.split_at_checked(start).unwrap_or_default();
    let version_6 = packet.starts.iter().any(|(protocol, at)| *at == start && *protocol == Protocol::Ipv6);
    let header = if version_6 { unfragmentable(packet, start) } else { header_length(whole) };
    let Some((header, content)) = whole.split_at_checked(header) else {
        return refused("the header is longer than the packet");
    };
    if content.len() <= size {
        return refused("what the IP header carries fits into one fragment of this size");
    }
    let mut fragments = Vec::new();
    let mut at = 0;
    while let Some(rest) = content.get(at..).filter(|rest| !rest.is_empty()) {
        let piece = rest.get(..size).unwrap_or(rest);
        let more = piece.len() < rest.len();
        let headers = if version_6 {
            sixth(header, packet, start, at, more, piece.len(), identification)
        } else {
            fourth(header, at, more, piece.len())
        };
        let headers = headers.ok_or(Error::Fragments("the header is not one that can be divided"))?;
        fragments.push([link, &headers, piece].concat());
        if !more {
            break;
        }
        at += size - overlap;
    }
    Ok(fragments)
}

fn header_length(packet: &[u8]) -> usize {
    packet.first().map_or(0, |byte| usize::from(byte & 15) * 4).max(ipv4::HEADER)
}

/// IPv6's own header and the hop-by-hop options: these every fragment has (RFC 8200 §4.5).
fn unfragmentable(packet: &Built, start: usize) -> usize {
    let behind = packet.starts.iter().skip_while(|(_, at)| *at <= start);
    let first = behind.clone().find(|(protocol, _)| *protocol != Protocol::HopByHop);
    first.map_or(ipv6::HEADER, |(_, at)| at - start)
}

fn fourth(header: &[u8], at: usize, more: bool, length: usize) -> Option<Vec<u8>> {
    let mut header = header.to_vec();
    let total = u16::try_from(header.len() + length).ok()?;
    let word = u16::try_from(at / UNIT).ok()? | if more { ipv4::MORE_FRAGMENTS } else { 0 };
    header.get_mut(2..4)?.copy_from_slice(&total.to_be_bytes());
    header.get_mut(6..8)?.copy_from_slice(&word.to_be_bytes());
    header.get_mut(10..12)?.fill(0);
    fragment::fill_in_checksum(&mut header)?;
    Some(header)
}

fn sixth(
    header: &[u8],
    packet: &Built,
    start: usize,
    at: usize,
    more: bool,
    length: usize,
    identification: u32,
) -> Option<Vec<u8>> {
    let mut header = header.to_vec();
    let options = packet.starts.iter().find(|(protocol, at)| *protocol == Protocol::HopByHop && *at > start);
    // Who says what follows now says: a fragment header.
    let names_next = match options {
        Some((_, at)) if at - start < header.len() => at - start,
        _ => 6,
    };
    let next = header.get_mut(names_next)?;
    let next = std::mem::replace(next, numbers::FRAGMENT);
    let word = u16::try_from(at).ok()? | u16::from(more);
    header.extend([next, 0]);
    header.extend(word.to_be_bytes());
    header.extend(identification.to_be_bytes());
    let payload = u16::try_from(header.len() - ipv6::HEADER + length).ok()?;
    header.get_mut(4..6)?.copy_from_slice(&payload.to_be_bytes());
    Some(header)
}
