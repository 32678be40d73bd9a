//! Packets that the fuzzers make: IPv4 without options, UDP or TCP without options, no checksums.

/// An address and a port, as they stand in headers.
pub type End = [u8; 6];

pub fn end(address: [u8; 4], port: u16) -> End {
    let ([a, b, c, d], [high, low]) = (address, port.to_be_bytes());
    [a, b, c, d, high, low]
}

/// What stands in a header of TCP besides its ends.
#[derive(Clone, Copy, Default)]
pub struct Header {
    pub sequence: u32,
    pub acknowledgment: u32,
    pub flags: u8,
}

const IP: usize = 20;
const UDP: usize = 8;
const TCP: usize = 20;

/// Appends a datagram.
pub fn datagram(from: End, to: End, data: &[u8], out: &mut Vec<u8>) {
    addresses(17, from, to, UDP + data.len(), out);
    out.extend(((UDP + data.len()) as u16).to_be_bytes());
    out.extend([0, 0]);
    out.extend_from_slice(data);
}

/// Appends a segment.
pub fn segment(from: End, to: End, header: Header, data: &[u8], out: &mut Vec<u8>) {
    addresses(6, from, to, TCP + data.len(), out);
    out.extend(header.sequence.to_be_bytes());
    out.extend(header.acknowledgment.to_be_bytes());
    out.extend([0x50, header.flags, 0x20, 0, 0, 0, 0, 0]);
    out.extend_from_slice(data);
}

/// The IPv4 header, and the ports that both transports begin with.
fn addresses(protocol: u8, from: End, to: End, length: usize, out: &mut Vec<u8>) {
    out.extend([0x45, 0]);
    out.extend(((IP + length) as u16).to_be_bytes());
    out.extend([0, 1, 0, 0, 64, protocol, 0, 0]);
    out.extend([&from[..4], &to[..4], &from[4..], &to[4..]].concat());
}
