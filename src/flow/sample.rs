//! For tests: packets between hosts of 10.0.0.0/24, made of bytes and read as the pipeline reads them.

use crate::flow::{FlowTable, Known};
use crate::frame::{Frame, LinkType};
use crate::wire::{Layers, Packet, decode, read_again};

/// The last byte of a host's address, and a port.
pub type End = (u8, u16);

/// The flags of a segment with data.
pub const DATA: u8 = 0x18;
pub const SYN: u8 = 2;

fn ipv4(protocol: u8, ends: [End; 2], head: &[u8], data: &[u8]) -> Vec<u8> {
    let [(from, source), (to, destination)] = ends;
    let length = 20 + 4 + head.len() + data.len();
    let mut bytes = [&[0x45, 0][..], &(length as u16).to_be_bytes(), &[0, 1, 0, 0, 64, protocol, 0, 0]].concat();
    bytes.extend([10, 0, 0, from, 10, 0, 0, to]);
    bytes.extend([source.to_be_bytes(), destination.to_be_bytes()].concat());
    [&bytes, head, data].concat()
}

/// An IPv4 packet with a segment; its numbers are that of its first byte and that of the byte that it awaits.
pub fn segment(ends: [End; 2], numbers: [u32; 2], flags: u8, data: &[u8]) -> Vec<u8> {
    let [sequence, acknowledgment] = numbers.map(u32::to_be_bytes);
    ipv4(6, ends, &[&sequence[..], &acknowledgment, &[0x50, flags, 0x20, 0, 0, 0, 0, 0]].concat(), data)
}

/// An IPv4 packet with a UDP datagram.
pub fn datagram(ends: [End; 2], data: &[u8]) -> Vec<u8> {
    let [high, low] = (8 + data.len() as u16).to_be_bytes();
    ipv4(17, ends, &[high, low, 0, 0], data)
}

/// A connection between 10.0.0.1 and 10.0.0.2.
pub struct Connection {
    /// The ports of client and server.
    pub ports: [u16; 2],
    /// The numbers of what they say next.
    pub next: [u32; 2],
}

impl Connection {
    pub fn to(port: u16) -> Self {
        Self { ports: [40_000, port], next: [1; 2] }
    }

    /// What a side says next.
    pub fn say(&mut self, from_client: bool, data: &[u8]) -> Vec<u8> {
        let side = usize::from(!from_client);
        let bytes = self.segment(from_client, self.next[side], DATA, data);
        self.next[side] += data.len() as u32;
        bytes
    }

    pub fn segment(&self, from_client: bool, sequence: u32, flags: u8, data: &[u8]) -> Vec<u8> {
        let mut ends = [(1, self.ports[0]), (2, self.ports[1])];
        if !from_client {
            ends.reverse();
        }
        segment(ends, [sequence, self.next[usize::from(from_client)]], flags, data)
    }
}

/// Tells of a packet what `told` asks, with what the flow table knows of it and of those before.
pub fn read<T>(table: &mut FlowTable, bytes: &[u8], told: impl FnOnce(&Packet<'_>, &Known<'_>) -> T) -> T {
    let frame = Frame { link: LinkType::RAW, data: bytes, length: bytes.len() as u32, ..Frame::empty() };
    read_frame(table, frame, told)
}

/// As [`read`], of a frame with a number, a time or an end that was not captured.
pub fn read_frame<T>(table: &mut FlowTable, frame: Frame<'_>, told: impl FnOnce(&Packet<'_>, &Known<'_>) -> T) -> T {
    let (mut layers, mut again) = (Layers::new(), Layers::new());
    let packet = decode(frame, &mut layers);
    let known = table.ingest(&packet);
    let packet = match known.facts.reread {
        None => packet,
        Some(how) => read_again(packet, how, &mut again),
    };
    told(&packet, &known)
}
