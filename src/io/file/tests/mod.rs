//! Bytes written by hand for each feature of the formats, every truncation, round trips, and arbitrary bytes.

mod reading;
mod writing;

use std::io::Cursor;

use super::Capture;
use crate::frame::{Error, Source, Timestamp};

/// What a test compares of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    time: Option<Timestamp>,
    link: u16,
    interface: u32,
    length: u32,
    data: Vec<u8>,
    comment: String,
}

fn open(bytes: &[u8]) -> Result<Capture, Error> {
    Capture::new(Box::new(Cursor::new(bytes.to_vec())), "x".into(), Some(bytes.len() as u64), false)
}

/// All frames, and the error after them.
fn read(bytes: &[u8]) -> (Vec<Seen>, Option<Error>) {
    match open(bytes) {
        Ok(mut capture) => drain(&mut capture),
        Err(error) => (Vec::new(), Some(error)),
    }
}

fn drain(capture: &mut Capture) -> (Vec<Seen>, Option<Error>) {
    let mut seen = Vec::new();
    loop {
        match capture.advance() {
            Ok(Some(_)) => {
                let frame = capture.frame();
                seen.push(Seen {
                    time: frame.time,
                    link: frame.link.0,
                    interface: frame.interface,
                    length: frame.length,
                    data: frame.data.to_vec(),
                    comment: String::from_utf8_lossy(frame.comment).into_owned(),
                });
            }
            Ok(None) => return (seen, None),
            Err(error) => return (seen, Some(error)),
        }
    }
}

/// Numbers in one byte order, as a file of that order has them.
#[derive(Clone, Copy)]
struct Order {
    big: bool,
}

const LITTLE: Order = Order { big: false };
const BIG: Order = Order { big: true };

impl Order {
    fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| if self.big { word.to_be_bytes() } else { word.to_le_bytes() }).collect()
    }

    fn half(self, half: u16) -> [u8; 2] {
        if self.big { half.to_be_bytes() } else { half.to_le_bytes() }
    }

    /// A classic file's header.
    fn pcap(self, magic: u32, link: u32) -> Vec<u8> {
        let version = if self.big { 2 << 16 | 4 } else { 4 << 16 | 2 };
        self.words(&[magic, version, 0, 0, 65535, link])
    }

    fn packet(self, seconds: u32, fraction: u32, length: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = self.words(&[seconds, fraction, data.len() as u32, length]);
        bytes.extend(data);
        bytes
    }

    /// A block of pcapng around its body.
    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let total = padded as u32 + 12;
        let mut bytes = self.words(&[kind, total]);
        bytes.extend(body);
        bytes.resize(8 + padded, 0);
        bytes.extend(self.words(&[total]));
        bytes
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = [self.half(code), self.half(value.len() as u16)].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn section(self) -> Vec<u8> {
        let version = if self.big { 1 << 16 } else { 1 };
        self.block(0x0a0d_0d0a, &self.words(&[0x1a2b_3c4d, version, u32::MAX, u32::MAX]))
    }

    fn interface(self, link: u16, snap_length: u32, options: &[u8]) -> Vec<u8> {
        let body = [&self.half(link)[..], &[0, 0], &self.words(&[snap_length]), options].concat();
        self.block(1, &body)
    }

    fn enhanced(self, interface: u32, time: u64, length: u32, data: &[u8], options: &[u8]) -> Vec<u8> {
        let mut body = self.words(&[interface, (time >> 32) as u32, time as u32, data.len() as u32, length]);
        body.extend(data);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(options);
        self.block(6, &body)
    }
}
