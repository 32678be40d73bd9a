//! The classic capture file (draft-ietf-opsawg-pcap): a header of 24 bytes, then packets with 16 bytes before each.
//!
//! Also read: Kuznetsov's modified form (24 bytes before each packet), Ixia's (28 bytes of header), and the order of
//! lengths in files before version 2.3. As Wireshark does, a packet may be longer than the snap length, or than its own
//! original length, but not longer than any packet of its link type can be.

use super::format::{
    MAGIC_IXIA_HARDWARE, MAGIC_IXIA_SOFTWARE, MAGIC_MODIFIED, MAGIC_NANOSECONDS, PCAP_HEADER, PCAP_RECORD,
    largest_packet, link_type,
};
use super::read::{Record, Trouble};
use super::window::Window;
use crate::frame::{Interface, Timestamp};

/// What the header said.
pub(super) struct File {
    big_endian: bool,
    lengths: Lengths,
    /// Bytes before each packet's own.
    header: usize,
    /// Nanoseconds in a unit of the timestamp's second word: 1000 or 1.
    unit: i64,
    link: u16,
    largest: u32,
}

/// Which of the two length words comes first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    OriginalFirst,
    /// Version 2.3 was written both ways: the smaller is the captured length.
    SmallerIsCaptured,
}

impl File {
    /// Reads the header, of which four bytes (a magic number that is known) are already in the window.
    pub fn open(window: &mut Window, big_endian: bool) -> Result<(Self, Interface), Trouble> {
        window.fill(PCAP_HEADER);
        let Some(head) = window.bytes().first_chunk::<PCAP_HEADER>() else {
            return Err(Trouble::cut("the file header", PCAP_HEADER, window));
        };
        let word = |at: usize| word(head, at, big_endian);
        let magic = word(0);
        let (major, minor) = match big_endian {
            true => (word(4) >> 16, word(4) & 0xffff),
            false => (word(4) & 0xffff, word(4) >> 16),
        };
        if major < 2 {
            return Err(Trouble::Corrupt(format!("version {major}.{minor} of the pcap format is not known")));
        }
        let lengths = match (major, minor) {
            (2, 0..=2) | (543, _) => Lengths::OriginalFirst,
            (2, 3) => Lengths::SmallerIsCaptured,
            _ => Lengths::CapturedFirst,
        };
        // The upper half of the last word tells the length of a frame check sequence, not the link type.
        let link = link_type((word(20) & 0xffff) as u16);
        let snap_length = word(16);
        let ixia = matches!(magic, MAGIC_IXIA_HARDWARE | MAGIC_IXIA_SOFTWARE);
        let size = if ixia { PCAP_HEADER + 4 } else { PCAP_HEADER };
        if !window.fill(size) {
            return Err(Trouble::cut("the file header", size, window));
        }
        window.consume(size);
        let file = Self {
            big_endian,
            lengths,
            header: if magic == MAGIC_MODIFIED { PCAP_RECORD + 8 } else { PCAP_RECORD },
            unit: if matches!(magic, MAGIC_NANOSECONDS | MAGIC_IXIA_HARDWARE) { 1 } else { 1000 },
            link: link.0,
            largest: largest_packet(link),
        };
        Ok((file, Interface { name: None, link, snap_length }))
    }

    /// Finds the next packet; `false` where the file ends after a whole one.
    #[inline]
    pub fn next(&self, window: &mut Window, record: &mut Record) -> Result<bool, Trouble> {
        if !window.fill(self.header) {
            if window.bytes().is_empty() {
                return Ok(false);
            }
            return Err(Trouble::cut("a packet's header", self.header, window));
        }
        let Some(head) = window.bytes().first_chunk::<PCAP_RECORD>() else { return Ok(false) };
        let (captured, length) = self.lengths(head);
        let seconds = i64::from(word(head, 0, self.big_endian));
        let time = Timestamp::new(seconds, i64::from(word(head, 4, self.big_endian)) * self.unit);
        if captured > self.largest {
            return Err(too_long(captured, self.largest));
        }
        let size = self.header + captured as usize;
        if !window.fill(size) {
            return Err(Trouble::cut("a packet", size, window));
        }
        *record = Record {
            size,
            data: (self.header, size),
            comment: (0, 0),
            time: Some(time),
            link: self.link,
            interface: 0,
            length,
        };
        Ok(true)
    }

    /// Whether `bytes` begin with a whole packet (or one that is damaged, which needs no waiting either).
    pub fn holds_a_record(&self, bytes: &[u8]) -> bool {
        bytes.first_chunk::<PCAP_RECORD>().is_some_and(|head| {
            let captured = self.lengths(head).0;
            captured > self.largest || bytes.len() >= self.header + captured as usize
        })
    }

    /// Captured and original length.
    #[inline]
    fn lengths(&self, head: &[u8; PCAP_RECORD]) -> (u32, u32) {
        let (first, second) = (word(head, 8, self.big_endian), word(head, 12, self.big_endian));
        match self.lengths {
            Lengths::CapturedFirst => (first, second),
            Lengths::OriginalFirst => (second, first),
            Lengths::SmallerIsCaptured => (first.min(second), first.max(second)),
        }
    }
}

#[cold]
fn too_long(captured: u32, largest: u32) -> Trouble {
    Trouble::Corrupt(format!("a packet claims {captured} bytes, and {largest} is the most for its link type"))
}

/// The 32-bit word at `at`; 0 beyond the end, which callers rule out by the array's size.
#[inline]
fn word<const N: usize>(bytes: &[u8; N], at: usize, big_endian: bool) -> u32 {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
    if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
}
