//! The pcapng capture file (draft-ietf-opsawg-pcapng): sections of blocks, each with its length before and after.
//!
//! Each section has its own byte order and its own interfaces; ours are numbered through all sections. Packets come from
//! enhanced, simple and the obsolete packet blocks; blocks of other types are stepped over, whatever their size.

use super::format::{
    BYTE_ORDER, ENHANCED_PACKET, IF_NAME, IF_TSOFFSET, IF_TSRESOL, INTERFACE_DESCRIPTION, INTERFACE_STATISTICS,
    ISB_FILTERACCEPT, ISB_IFDROP, ISB_IFRECV, ISB_OSDROP, OPT_COMMENT, OPT_END, PACKET, SECTION_HEADER, SIMPLE_PACKET,
    aligned, largest_packet, link_type,
};
use super::read::{Record, Trouble};
use super::window::Window;
use crate::frame::{Counts, Interface, Timestamp};

/// Blocks that are kept whole must not be larger, beside their packet's bytes. As in Wireshark.
const LARGEST_BLOCK: u64 = 16 << 20;
/// More interfaces than any capture has: a file of nothing but descriptions must not fill the memory.
const MOST_INTERFACES: usize = 1 << 16;
/// Bytes of an interface's name that are kept.
const LONGEST_NAME: usize = 256;

/// What the packets of an interface need of its description.
struct Described {
    link: u16,
    /// The most bytes of a packet; see [`largest_packet`].
    largest: u32,
    snap_length: u32,
    clock: Clock,
}

/// Where the reading stands. Its first block is a section header: whoever opens the file has made sure.
#[derive(Default)]
pub(super) struct File {
    big_endian: bool,
    /// Where this section's interfaces begin among those of the file.
    section: usize,
    /// What the packets of each interface need, and what it counted.
    described: Vec<Described>,
    counts: Vec<Counts>,
}

/// Whether 12 bytes or more begin a section: type, length, and the word that tells the byte order.
pub(super) fn is_section_header(bytes: &[u8]) -> bool {
    let word =
        |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).map(|four| u32::from_le_bytes(*four));
    word(0) == Some(SECTION_HEADER)
        && matches!(word(8), Some(order) if order == BYTE_ORDER || order.swap_bytes() == BYTE_ORDER)
}

impl File {
    /// Finds the next packet; `false` where the file ends after a whole block.
    #[inline]
    pub fn next(
        &mut self,
        window: &mut Window,
        interfaces: &mut Vec<Interface>,
        record: &mut Record,
    ) -> Result<bool, Trouble> {
        loop {
            if !window.fill(8) {
                if window.bytes().is_empty() {
                    return Ok(false);
                }
                return Err(Trouble::cut("a block's header", 8, window));
            }
            let kind = self.word(window.bytes(), 0);
            if kind == SECTION_HEADER {
                self.turn(window)?;
            }
            let told = self.word(window.bytes(), 4);
            // A length that is no multiple of four is rounded up, as Wireshark does.
            let total = aligned(u64::from(told));
            if total < 12 {
                return Err(Trouble::Corrupt(format!("a block claims a length of {told} bytes, and 12 is the least")));
            }
            if !matches!(kind, ENHANCED_PACKET | PACKET | SIMPLE_PACKET) {
                self.other(window, interfaces, kind, total)?;
                continue;
            }
            let block = self.whole(window, total, "a packet block", LARGEST_BLOCK + (128 << 20))?;
            return match kind {
                ENHANCED_PACKET => self.enhanced(block, record),
                PACKET => self.obsolete(block, record),
                _ => self.simple(block, record),
            };
        }
    }

    /// Takes in a block that is no packet.
    #[cold]
    fn other(
        &mut self,
        window: &mut Window,
        interfaces: &mut Vec<Interface>,
        kind: u32,
        total: u64,
    ) -> Result<(), Trouble> {
        match kind {
            SECTION_HEADER => self.section(self.whole(window, total, "a section header", LARGEST_BLOCK)?)?,
            INTERFACE_DESCRIPTION => {
                let block = self.whole(window, total, "an interface description", LARGEST_BLOCK)?;
                self.interface(block, interfaces)?;
            }
            INTERFACE_STATISTICS if total <= 1 << 16 => {
                self.statistics(self.whole(window, total, "a statistics block", LARGEST_BLOCK)?);
            }
            _ => return self.step_over(window, total),
        }
        window.consume(total as usize);
        Ok(())
    }

    /// Whether `bytes` hold all up to the end of the next packet's block, so that `next` need not wait.
    pub fn holds_a_record(&self, mut bytes: &[u8]) -> bool {
        let mut big_endian = self.big_endian;
        while bytes.len() >= 12 {
            let kind = word(bytes, 0, big_endian);
            if kind == SECTION_HEADER {
                big_endian = word(bytes, 8, true) == BYTE_ORDER;
            }
            let total = aligned(u64::from(word(bytes, 4, big_endian)));
            if total < 12 || total > bytes.len() as u64 {
                return false;
            }
            if matches!(kind, ENHANCED_PACKET | PACKET | SIMPLE_PACKET) {
                return true;
            }
            bytes = bytes.get(total as usize..).unwrap_or_default();
        }
        false
    }

    /// The sums of what the statistics blocks said; for each interface its last block counts.
    pub fn counts(&self) -> Counts {
        let sum = |field: fn(&Counts) -> Option<u64>| self.counts.iter().filter_map(field).reduce(u64::saturating_add);
        Counts {
            received: sum(|counts| counts.received),
            dropped_kernel: sum(|counts| counts.dropped_kernel),
            dropped_interface: sum(|counts| counts.dropped_interface),
        }
    }

    /// Takes the byte order of the section that begins here.
    fn turn(&mut self, window: &mut Window) -> Result<(), Trouble> {
        if !window.fill(12) {
            return Err(Trouble::cut("a section header", 28, window));
        }
        let order = window.bytes().get(8..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
        self.big_endian = match (u32::from_be_bytes(order), u32::from_le_bytes(order)) {
            (BYTE_ORDER, _) => true,
            (_, BYTE_ORDER) => false,
            (other, _) => {
                return Err(Trouble::Corrupt(format!("a section header has the byte-order mark {other:08x}")));
            }
        };
        Ok(())
    }

    /// The whole block, once it has arrived and its two lengths agree.
    #[inline]
    fn whole<'a>(
        &self,
        window: &'a mut Window,
        total: u64,
        what: &'static str,
        largest: u64,
    ) -> Result<&'a [u8], Trouble> {
        if total > largest {
            return Err(Trouble::Corrupt(format!("{what} claims {total} bytes, and {largest} is the most")));
        }
        let size = total as usize;
        if !window.fill(size) {
            return Err(Trouble::cut(what, size, window));
        }
        let block = window.bytes().get(..size).unwrap_or_default();
        self.agree(total, self.word(block, size - 4))?;
        Ok(block)
    }

    #[inline]
    fn agree(&self, total: u64, trailer: u32) -> Result<(), Trouble> {
        if aligned(u64::from(trailer)) == total {
            return Ok(());
        }
        Err(Trouble::Corrupt(format!("a block's lengths differ: {total} before it, {trailer} after it")))
    }

    /// Steps over a block that says nothing to us, without keeping it.
    fn step_over(&self, window: &mut Window, total: u64) -> Result<(), Trouble> {
        let start = window.offset();
        let at = |trouble| Trouble::At(start, Box::new(trouble));
        let cut = |lacks: u64| at(Trouble::Cut { what: "a block", needs: total, has: total - lacks });
        let lacks = window.skip(total - 4);
        if lacks > 0 {
            return Err(cut(lacks + 4));
        }
        if !window.fill(4) {
            return Err(cut(4 - window.bytes().len() as u64));
        }
        self.agree(total, self.word(window.bytes(), 0)).map_err(at)?;
        window.consume(4);
        Ok(())
    }

    fn section(&mut self, block: &[u8]) -> Result<(), Trouble> {
        if block.len() < 28 {
            return Err(Trouble::Corrupt(format!("a section header of {} bytes is shorter than 28", block.len())));
        }
        let (major, minor) = (self.half(block, 12), self.half(block, 14));
        if major != 1 || !matches!(minor, 0 | 2) {
            return Err(Trouble::Corrupt(format!("version {major}.{minor} of the pcapng format is not known")));
        }
        let _ = self.options(block, 24)?;
        self.section = self.described.len();
        Ok(())
    }

    fn interface(&mut self, block: &[u8], interfaces: &mut Vec<Interface>) -> Result<(), Trouble> {
        if block.len() < 20 {
            return Err(Trouble::Corrupt(format!(
                "an interface description of {} bytes is shorter than 20",
                block.len()
            )));
        }
        if interfaces.len() == MOST_INTERFACES {
            return Err(Trouble::Corrupt(format!("it describes more than {MOST_INTERFACES} interfaces")));
        }
        let (mut name, mut resolution, mut offset) = (None, None, None);
        // Where an option is repeated the first one counts, and one of the wrong length does not, as in Wireshark.
        for (code, value) in self.options(block, 16)? {
            match code {
                IF_NAME if name.is_none() => {
                    let value = value.get(..value.len().min(LONGEST_NAME)).unwrap_or_default();
                    name = Some(String::from_utf8_lossy(value).trim_end_matches('\0').to_owned());
                }
                IF_TSRESOL if value.len() == 1 => resolution = resolution.or(value.first().copied()),
                IF_TSOFFSET if value.len() == 8 => offset = offset.or(Some(self.double(value, 0).cast_signed())),
                _ => {}
            }
        }
        let (link, snap_length) = (link_type(self.half(block, 8)), self.word(block, 12));
        let clock = Clock::new(resolution.unwrap_or(6), offset.unwrap_or(0))?;
        self.described.push(Described { link: link.0, largest: largest_packet(link), snap_length, clock });
        self.counts.push(Counts::default());
        interfaces.push(Interface { name, link, snap_length });
        Ok(())
    }

    /// A statistics block that is odd is not worth losing packets for.
    fn statistics(&mut self, block: &[u8]) {
        let Ok(options) = self.options(block, 20) else { return };
        let (mut counts, mut from_wire) = (Counts::default(), None);
        for (code, value) in options {
            let number = (value.len() == 8).then(|| self.double(value, 0));
            match code {
                ISB_FILTERACCEPT => counts.received = number,
                ISB_IFRECV => from_wire = number,
                ISB_OSDROP => counts.dropped_kernel = number,
                ISB_IFDROP => counts.dropped_interface = number,
                _ => {}
            }
        }
        counts.received = counts.received.or(from_wire);
        let index = self.section.saturating_add(self.word(block, 8) as usize);
        if let Some(place) = self.counts.get_mut(index) {
            *place = counts;
        }
    }

    #[inline]
    fn enhanced(&self, block: &[u8], record: &mut Record) -> Result<bool, Trouble> {
        let Some(head) = block.first_chunk::<28>().filter(|_| block.len() >= 32) else {
            return Err(Trouble::Corrupt(format!("a packet block of {} bytes is shorter than 32", block.len())));
        };
        let interface = self.word(head, 8);
        let time = u64::from(self.word(head, 12)) << 32 | u64::from(self.word(head, 16));
        self.packet(block, 28, interface, time, self.word(head, 20), self.word(head, 24), record)
    }

    fn obsolete(&self, block: &[u8], record: &mut Record) -> Result<bool, Trouble> {
        if block.len() < 32 {
            return Err(Trouble::Corrupt(format!("a packet block of {} bytes is shorter than 32", block.len())));
        }
        let interface = u32::from(self.half(block, 8));
        let time = u64::from(self.word(block, 12)) << 32 | u64::from(self.word(block, 16));
        self.packet(block, 28, interface, time, self.word(block, 20), self.word(block, 24), record)
    }

    #[inline]
    #[expect(clippy::too_many_arguments, reason = "the words of a block's header, which two layouts share")]
    fn packet(
        &self,
        block: &[u8],
        start: usize,
        interface: u32,
        time: u64,
        captured: u32,
        length: u32,
        record: &mut Record,
    ) -> Result<bool, Trouble> {
        let index = self.section.saturating_add(interface as usize);
        let Some(known) = self.described.get(index) else {
            return Err(self.unknown(interface));
        };
        let end = start + captured as usize;
        let options = aligned(end as u64) as usize;
        if captured > known.largest || options + 4 > block.len() {
            return Err(does_not_fit(captured, block.len()));
        }
        let comment = if options + 4 == block.len() { (0, 0) } else { self.comment(block, options)? };
        *record = Record {
            size: block.len(),
            data: (start, end),
            comment,
            time: Some(known.clock.read(time)),
            link: known.link,
            interface: index as u32,
            length,
        };
        Ok(true)
    }

    /// A simple packet: of the section's first interface, without a time; cut at that interface's snap length.
    fn simple(&self, block: &[u8], record: &mut Record) -> Result<bool, Trouble> {
        if block.len() < 16 {
            return Err(Trouble::Corrupt(format!("a simple packet block of {} bytes is shorter than 16", block.len())));
        }
        let Some(known) = self.described.get(self.section) else {
            return Err(self.unknown(0));
        };
        let length = self.word(block, 8);
        let captured = if known.snap_length == 0 { length } else { length.min(known.snap_length) };
        let end = 12 + captured as usize;
        if captured > known.largest || end + 4 > block.len() {
            return Err(does_not_fit(captured, block.len()));
        }
        let interface = self.section as u32;
        *record = Record {
            size: block.len(),
            data: (12, end),
            comment: (0, 0),
            time: None,
            link: known.link,
            interface,
            length,
        };
        Ok(true)
    }

    #[cold]
    fn unknown(&self, interface: u32) -> Trouble {
        let known = self.described.len().saturating_sub(self.section);
        Trouble::Corrupt(format!("a packet names interface {interface}, and the section has described {known}"))
    }

    /// Where in the block the first comment lies.
    #[cold]
    fn comment(&self, block: &[u8], options: usize) -> Result<(usize, usize), Trouble> {
        let mut at = options;
        for (code, value) in self.options(block, options)? {
            if code == OPT_COMMENT {
                return Ok((at + 4, at + 4 + value.len()));
            }
            at += 4 + aligned(value.len() as u64) as usize;
        }
        Ok((0, 0))
    }

    /// The options between `start` and the block's closing length; an error where one reaches beyond.
    fn options<'a>(&self, block: &'a [u8], start: usize) -> Result<impl Iterator<Item = (u16, &'a [u8])>, Trouble> {
        let big_endian = self.big_endian;
        let area = block.get(start..block.len().saturating_sub(4)).unwrap_or_default();
        let split = move |rest: &'a [u8]| -> Option<(u16, &'a [u8], &'a [u8])> {
            let (code, length) = (half(rest, 0, big_endian), half(rest, 2, big_endian) as usize);
            let value = rest.get(4..4 + length)?;
            Some((code, value, rest.get(4 + aligned(length as u64) as usize..)?))
        };
        let mut rest = area;
        while !rest.is_empty() {
            match split(rest) {
                Some((OPT_END, ..)) => break,
                Some((.., next)) => rest = next,
                None => {
                    let at = block.len() - 4 - rest.len();
                    return Err(Trouble::Corrupt(format!(
                        "an option {at} bytes into the block reaches beyond its end"
                    )));
                }
            }
        }
        let mut rest = area;
        Ok(std::iter::from_fn(move || {
            let (code, value, next) = split(rest).filter(|(code, ..)| *code != OPT_END)?;
            rest = next;
            Some((code, value))
        }))
    }

    #[inline]
    fn word(&self, bytes: &[u8], at: usize) -> u32 {
        word(bytes, at, self.big_endian)
    }

    fn half(&self, bytes: &[u8], at: usize) -> u16 {
        half(bytes, at, self.big_endian)
    }

    fn double(&self, bytes: &[u8], at: usize) -> u64 {
        let eight = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()).copied().unwrap_or_default();
        if self.big_endian { u64::from_be_bytes(eight) } else { u64::from_le_bytes(eight) }
    }
}

#[inline]
fn word(bytes: &[u8], at: usize, big_endian: bool) -> u32 {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
    if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
}

fn half(bytes: &[u8], at: usize, big_endian: bool) -> u16 {
    let two = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>()).copied().unwrap_or_default();
    if big_endian { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) }
}

#[cold]
fn does_not_fit(captured: u32, block: usize) -> Trouble {
    Trouble::Corrupt(format!("a packet claims {captured} bytes in a block of {block}"))
}

/// How an interface's times are to be read: units a second (if_tsresol) and seconds to add (if_tsoffset).
#[derive(Clone, Copy)]
struct Clock {
    /// Nanoseconds a unit where that is a whole number, else 0.
    multiple: u64,
    units: u128,
    /// Nanoseconds.
    offset: i64,
}

impl Clock {
    /// `resolution` is a power of 10, or of 2 where its highest bit is set; what no 64 bits can count is an error.
    fn new(resolution: u8, offset: i64) -> Result<Self, Trouble> {
        let (base, exponent, most) = match resolution & 0x80 {
            0 => (10_u128, resolution, 19),
            _ => (2_u128, resolution & 0x7f, 63),
        };
        if exponent > most {
            return Err(Trouble::Corrupt(format!("an interface counts time in {base}^-{exponent} seconds")));
        }
        let units = base.pow(u32::from(exponent));
        let multiple = if 1_000_000_000 % units == 0 { (1_000_000_000 / units) as u64 } else { 0 };
        Ok(Self { multiple, units, offset: offset.saturating_mul(1_000_000_000) })
    }

    #[inline]
    fn read(&self, time: u64) -> Timestamp {
        let nanoseconds = match self.multiple {
            0 => u64::try_from(u128::from(time) * 1_000_000_000 / self.units).unwrap_or(u64::MAX),
            multiple => time.saturating_mul(multiple),
        };
        Timestamp(i64::try_from(nanoseconds).unwrap_or(i64::MAX).saturating_add(self.offset))
    }
}
