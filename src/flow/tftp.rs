//! Transfers by TFTP (RFC 1350 §4): a server answers from a port of its own, so that only the client's end and the
//! server's address tell that what passes between them belongs to the request.
//!
//! Guarantee: bounded, whatever comes: so many requests, the oldest leaves.

use super::bounded::ByAge;
use crate::wire::application::{self, Over};
use crate::wire::{Address, At, Packet, Protocol, Reread, tftp};

/// Requests that are remembered.
const MOST: usize = 4096;

/// A client's end and the address that it asked.
type Asked = (Address, u16, Address);

/// Knows the transfers that were asked for.
#[derive(Debug, Default)]
pub struct Transfers {
    asked: ByAge<Asked, (), MOST>,
}

impl Transfers {
    /// How the data of a datagram are to be read, where that is otherwise than they were.
    #[inline]
    pub fn look(&mut self, packet: &Packet<'_>) -> Option<Reread> {
        let last = packet.layers.last()?;
        if last.protocol == Protocol::Tftp {
            self.ask(packet);
            return None;
        }
        if self.asked.is_empty() || !last.protocol.is_application() { None } else { self.belongs(packet) }
    }

    #[cold]
    fn ask(&mut self, packet: &Packet<'_>) {
        if let Some((at, [asking, asked])) = ends(packet)
            && tftp::is_request(at.content())
        {
            self.asked.insert((asking.0, asking.1, asked.0), ());
        }
    }

    fn belongs(&self, packet: &Packet<'_>) -> Option<Reread> {
        let (at, [from, to]) = ends(packet)?;
        let is_one = |client: (Address, u16), server: Address| self.asked.of((client.0, client.1, server)).is_some();
        let known = is_one(to, from.0) || is_one(from, to.0);
        let is_free = !application::is_wished(Over::Udp, [from.1, to.1]);
        (known && is_free && tftp::is_message(at.content())).then_some(Reread::Tftp { layer: at.index })
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
