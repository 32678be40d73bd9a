//! The model's packets as frames of a raw IPv4 link, and as a capture file that tshark reads.

use super::end::{Packet, SYN};
use super::{Captured, Ends};

/// Between 10.0.0.1 and 10.0.0.2, from the given port to 8005 and back.
pub fn frame(packet: &Packet, ends: &Ends, port: u16) -> Vec<u8> {
    let mut options = Vec::new();
    let window = packet.window >> packet.shift();
    if packet.has(SYN) {
        options.extend([2, 4]);
        options.extend((ends.mss as u16).to_be_bytes());
        if let Some(shift) = ends.shift {
            options.extend([1, 3, 3, shift]);
        }
    }
    let number = |side: usize, position: u64| ends.isn[side].wrapping_add(position as u32);
    let (from, to) = (packet.from, 1 - packet.from);
    let address = |side: usize| [10, 0, 0, 1 + side as u8];
    let ports = [port, 8005];
    let length = (40 + options.len() + packet.data.len()) as u16;
    let mut bytes = vec![0x45, 0];
    bytes.extend(length.to_be_bytes());
    bytes.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
    bytes.extend([address(from), address(to)].concat());
    bytes.extend(ports[from].to_be_bytes());
    bytes.extend(ports[to].to_be_bytes());
    bytes.extend(number(from, packet.at).to_be_bytes());
    bytes.extend(packet.ack.map_or(0, |ack| number(to, ack)).to_be_bytes());
    bytes.extend((((5 + options.len() as u16 / 4) << 12) | packet.flags).to_be_bytes());
    bytes.extend((window.min(0xffff) as u16).to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(&options);
    bytes.extend(&packet.data);
    bytes
}

/// A pcap file of exchanges one after the other, each from a port of its own.
pub fn file<'a>(exchanges: impl Iterator<Item = (&'a Ends, &'a [Captured])>) -> Vec<u8> {
    let mut bytes = vec![0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0];
    for (number, (ends, captured)) in exchanges.enumerate() {
        for Captured { time, packet, .. } in captured {
            let frame = frame(packet, ends, 10_000 + number as u16);
            // Each exchange a thousand seconds behind the one before.
            let time = time + (number as i64 + 1) * 1_000_000_000_000;
            let (seconds, nanoseconds) = (time / 1_000_000_000, time % 1_000_000_000);
            for field in [seconds as u32, nanoseconds as u32, frame.len() as u32, frame.len() as u32] {
                bytes.extend(field.to_le_bytes());
            }
            bytes.extend(frame);
        }
    }
    bytes
}
