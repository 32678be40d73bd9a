//! Transfers by TFTP (RFC 1350 §4): a server answers from a port of its own, so that only the client's end and the
//! server's address tell that what passes between them belongs to the request.
//!
//! Guarantee: bounded, whatever comes: so many requests, the oldest leaves.

use std::sync::Arc;

use super::bounded::ByAge;
use crate::wire::application::{self, Over};
use crate::wire::{Address, At, Packet, Protocol, Reread, tftp};

/// Requests that are remembered.
const MOST: usize = 4096;
/// Bytes of the name of a file that are kept.
const LONGEST: usize = 256;

/// A client's end and the address that it asked.
type Asked = (Address, u16, Address);

/// What a client asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// The file to be read or written, as the client names it; unescaped.
    pub file: Box<[u8]>,
    /// The frame that says so.
    pub frame: u64,
}

/// Knows the transfers that were asked for.
#[derive(Debug, Default)]
pub struct Transfers {
    asked: ByAge<Asked, Arc<Request>, MOST>,
}

impl Transfers {
    /// The request that a message belongs to which is none itself, and how the message is to be read, where that is
    /// otherwise than it was.
    #[inline]
    pub fn look(&mut self, packet: &Packet<'_>) -> Option<(Arc<Request>, Option<Reread>)> {
        let last = packet.layers.last()?;
        if last.protocol == Protocol::Tftp && self.ask(packet) {
            return None;
        }
        if self.asked.is_empty() || !last.protocol.is_application() { None } else { self.belongs(packet) }
    }

    /// Remembers a request; whether it is one.
    #[cold]
    fn ask(&mut self, packet: &Packet<'_>) -> bool {
        let own = ends(packet);
        let Some((at, [asking, asked])) = own.filter(|(at, _)| tftp::is_request(at.content())) else { return false };
        let file = tftp::file(at.content());
        let file = file.get(..file.len().min(LONGEST)).unwrap_or_default().into();
        let request = Arc::new(Request { file, frame: packet.frame.number });
        self.asked.insert((asking.0, asking.1, asked.0), request);
        true
    }

    fn belongs(&self, packet: &Packet<'_>) -> Option<(Arc<Request>, Option<Reread>)> {
        let (at, [from, to]) = ends(packet)?;
        let of = |client: (Address, u16), server: Address| self.asked.of((client.0, client.1, server));
        let request = of(to, from.0).or_else(|| of(from, to.0)).filter(|_| tftp::is_message(at.content()))?;
        let is_read = packet.layers.get(at.index + 1).is_some_and(|layer| layer.protocol == Protocol::Tftp);
        if !is_read && application::is_wished(Over::Udp, [from.1, to.1]) {
            return None;
        }
        Some((Arc::clone(request), (!is_read).then_some(Reread::Tftp { layer: at.index })))
    }
}

/// The first UDP layer of a packet that is no quotation, and its two ends.
fn ends<'a>(packet: &'a Packet<'a>) -> Option<(At<'a>, [(Address, u16); 2])> {
    let at = packet.each().find(|at| at.layer.protocol == Protocol::Udp)?;
    if at.layer.quoted {
        return None;
    }
    let (source, destination) = packet.addresses(at.index)?;
    let ends = [(source, at.u16(0)?), (destination, at.u16(2)?)];
    Some((at, ends))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowTable;
    use crate::flow::sample::{self, End, datagram};
    use crate::frame::{Frame, LinkType};

    const CLIENT: End = (1, 40_000);
    const SERVER: End = (2, 50_000);

    /// What a datagram between two hosts of 10.0.0.0/24 is read as.
    fn read(table: &mut FlowTable, from: End, to: End, data: &[u8]) -> Protocol {
        let bytes = datagram([from, to], data);
        sample::read(table, &bytes, |packet, _| packet.layers.last().expect("layers").protocol)
    }

    #[test]
    fn what_follows_a_request_is_read_on_whatever_port_the_server_answers_from() {
        let mut table = FlowTable::new();
        let (block, acknowledgment) = (b"\0\x03\0\x01Dragi Branko", b"\0\x04\0\x01");
        assert_eq!(read(&mut table, SERVER, CLIENT, block), Protocol::Data, "nobody asked");
        assert_eq!(read(&mut table, CLIENT, (2, 69), b"\0\x01a.txt\0octet\0"), Protocol::Tftp);
        assert_eq!(read(&mut table, SERVER, CLIENT, block), Protocol::Tftp);
        assert_eq!(read(&mut table, CLIENT, SERVER, acknowledgment), Protocol::Tftp);
    }

    #[test]
    fn what_follows_a_request_tells_its_file_and_its_frame() {
        let mut table = FlowTable::new();
        let mut number = 0;
        let mut told = |from: End, to: End, data: &[u8]| {
            number += 1;
            let bytes = datagram([from, to], data);
            let (data, length) = (&bytes[..], bytes.len() as u32);
            let frame = Frame { number, link: LinkType::RAW, data, length, ..Frame::empty() };
            let asked = sample::read_frame(&mut table, frame, |_, known| known.facts.asked.clone());
            asked.map(|asked| (String::from_utf8_lossy(&asked.file).into_owned(), asked.frame))
        };
        let of = |file: &str, frame| Some((file.to_owned(), frame));
        assert_eq!(told(CLIENT, (2, 69), b"\0\x02a.txt\0octet\0"), None, "it says so itself");
        assert_eq!(told(SERVER, CLIENT, b"\0\x04\0\0"), of("a.txt", 1));
        assert_eq!(told((2, 69), CLIENT, b"\0\x05\0\x01no\0"), of("a.txt", 1), "from the port that was asked");
        let long = [b"\0\x01", &[b'x'; 400][..], b"\0octet\0"].concat();
        assert_eq!(told(CLIENT, (2, 69), &long), None);
        assert_eq!(told(CLIENT, SERVER, b"\0\x04\0\x01"), of(&"x".repeat(LONGEST), 4));
        assert_eq!(told(CLIENT, (3, 50_000), b"\0\x04\0\x01"), None);
    }

    #[test]
    fn other_ends_and_other_bytes_are_no_part_of_a_transfer() {
        let mut table = FlowTable::new();
        read(&mut table, CLIENT, (2, 69), b"\0\x02a.txt\0octet\0");
        assert_eq!(read(&mut table, (3, 50_000), CLIENT, b"\0\x04\0\0"), Protocol::Data, "another host");
        assert_eq!(read(&mut table, SERVER, (1, 40_001), b"\0\x04\0\0"), Protocol::Data, "another port");
        assert_eq!(read(&mut table, SERVER, CLIENT, b"\0\x09\0\0"), Protocol::Data, "no code of TFTP");
        // A block answers; it asks for nothing.
        assert_eq!(read(&mut table, (4, 40_000), (5, 69), b"\0\x03\0\x01"), Protocol::Tftp);
        assert_eq!(read(&mut table, (5, 50_000), (4, 40_000), b"\0\x04\0\x01"), Protocol::Data);
    }

    #[test]
    fn the_oldest_request_is_forgotten() {
        let mut table = FlowTable::new();
        for port in 0..=MOST as u16 {
            read(&mut table, (1, 10_000 + port), (2, 69), b"\0\x01a\0octet\0");
        }
        assert_eq!(read(&mut table, SERVER, (1, 10_000), b"\0\x03\0\x01"), Protocol::Data);
        assert_eq!(read(&mut table, SERVER, (1, 10_001), b"\0\x03\0\x01"), Protocol::Tftp);
    }
}
