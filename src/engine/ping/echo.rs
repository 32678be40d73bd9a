//! Echo requests, and what in hostile bytes is an answer to one of them (RFC 792; RFC 4443 §4).

use super::packet::data;
use crate::wire::checksum;

/// Bytes of the header: type, code, checksum, identifier, sequence number.
pub const HEADER: usize = 8;

/// An echo request with so many bytes of data. Its checksum is filled in for IPv4; for IPv6 it takes addresses, and the
/// kernel does it.
pub fn request(six: bool, identifier: u16, sequence: u16, length: usize) -> Vec<u8> {
    let mut bytes = vec![if six { 128 } else { 8 }, 0, 0, 0];
    bytes.extend_from_slice(&identifier.to_be_bytes());
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend(data(length));
    if !six {
        let sum = checksum::of(&bytes);
        bytes.splice(2..4, sum.to_be_bytes());
    }
    bytes
}

/// An answer to one of our requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    pub sequence: u16,
    /// Bytes of data.
    pub length: usize,
    /// They are those that were sent.
    pub same: bool,
}

/// Reads an echo reply to `identifier`, asked with `length` bytes of data; `None` for anything else. Without an identifier
/// it is the kernel that knows whose the reply is, as with a ping socket (icmp(7)). `header`: an IPv4 header comes before
/// it, as on a raw socket (raw(7)).
pub fn reply(six: bool, header: bool, bytes: &[u8], identifier: Option<u16>, length: usize) -> Option<Reply> {
    let skipped = if header { usize::from(bytes.first()? & 0x0f) * 4 } else { 0 };
    let message = bytes.get(skipped..)?;
    let kind = if six { 129 } else { 0 };
    let (sequence, found) = numbered(message, kind, identifier)?;
    Some(Reply { sequence, length: found.len(), same: found == data(length) })
}

/// The sequence number of the request that an error quotes; `None` where it is not one of ours. The quote begins with
/// the request's header, or with the IP header before it, as the kernel has it.
pub fn quoted(six: bool, quote: &[u8], identifier: u16) -> Option<u16> {
    let skipped = match (six, quote.first()? >> 4) {
        (true, 6) => 40,
        (false, 4) => usize::from(quote.first()? & 0x0f) * 4,
        _ => 0,
    };
    let kind = if six { 128 } else { 8 };
    numbered(quote.get(skipped..)?, kind, Some(identifier)).map(|(sequence, _)| sequence)
}

fn numbered(message: &[u8], kind: u8, identifier: Option<u16>) -> Option<(u16, &[u8])> {
    let (header, data) = message.split_at_checked(HEADER)?;
    let &[found, code, _, _, a, b, c, d] = header else { return None };
    let ours =
        found == kind && code == 0 && identifier.is_none_or(|identifier| identifier == u16::from_be_bytes([a, b]));
    ours.then_some((u16::from_be_bytes([c, d]), data))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(six: bool, sequence: u16, length: usize) -> Vec<u8> {
        let mut bytes = request(six, 77, sequence, length);
        bytes[0] = if six { 129 } else { 0 };
        bytes
    }

    #[test]
    fn a_reply_is_known_by_its_identifier() {
        for six in [false, true] {
            let bytes = answer(six, 9, 30);
            assert_eq!(reply(six, false, &bytes, Some(77), 30), Some(Reply { sequence: 9, length: 30, same: true }));
            assert_eq!(reply(six, false, &bytes, Some(78), 30), None, "another program's");
            assert_eq!(reply(six, false, &request(six, 77, 9, 30), Some(77), 30), None, "our own request");
            assert_eq!(reply(six, false, &bytes[..7], Some(77), 30), None, "too short");
            let cut = reply(six, false, &bytes[..20], Some(77), 30).unwrap();
            assert_eq!((cut.length, cut.same), (12, false));
        }
        let raw = [vec![0x46; 24], answer(false, 3, 0)].concat();
        assert_eq!(reply(false, true, &raw, Some(77), 0), Some(Reply { sequence: 3, length: 0, same: true }));
        assert_eq!(reply(false, true, &raw, None, 0).map(|reply| reply.sequence), Some(3));
        assert_eq!(reply(false, true, &[0x4f; 12], Some(77), 0), None, "less than its header says");
    }

    #[test]
    fn a_changed_byte_is_seen() {
        let mut bytes = answer(false, 1, 56);
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(reply(false, false, &bytes, Some(77), 56).unwrap(), Reply { sequence: 1, length: 56, same: false });
    }

    #[test]
    fn a_quote_is_read_with_and_without_its_ip_header() {
        let bytes = request(false, 77, 5, 56);
        assert_eq!(quoted(false, &bytes[..8], 77), Some(5));
        assert_eq!(quoted(false, &[vec![0x45; 20], bytes[..8].to_vec()].concat(), 77), Some(5));
        assert_eq!(quoted(false, &bytes[..7], 77), None);
        assert_eq!(quoted(false, &bytes, 1), None);
        let bytes = request(true, 77, 6, 56);
        assert_eq!(quoted(true, &bytes, 77), Some(6));
        assert_eq!(quoted(true, &[vec![0x60; 40], bytes].concat(), 77), Some(6));
        assert_eq!(quoted(true, &[0x60; 12], 77), None);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes: Vec<u8>, six: bool, header: bool, identifier: u16, length in 0usize..100) {
            reply(six, header, &bytes, Some(identifier), length);
            quoted(six, &bytes, identifier);
        }
    }
}
