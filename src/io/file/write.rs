//! Writing captures: classic with nanoseconds, or pcapng with interface names, comments and statistics.
//!
//! Always little-endian, the same bytes on every machine. Whole records only: where the disk is full, what was written
//! is cut back to the last whole packet, so that the file can be read.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::fchown;
use std::path::Path;

use super::format::{
    BYTE_ORDER, ENHANCED_PACKET, Format, IF_NAME, IF_TSRESOL, INTERFACE_DESCRIPTION, INTERFACE_STATISTICS, ISB_ENDTIME,
    ISB_FILTERACCEPT, ISB_IFDROP, ISB_OSDROP, ISB_STARTTIME, ISB_USRDELIV, MAGIC_NANOSECONDS, OPT_COMMENT, OPT_END,
    PCAP_HEADER, PCAP_RECORD, SECTION_HEADER, SHB_USERAPPL, SIMPLE_PACKET, aligned,
};
use crate::frame::{Counts, Error, Frame, Interface, LinkType, Timestamp};

/// Bytes gathered before they are written.
const BATCH: usize = 256 << 10;
/// The longest option value that is written, so that it and its padding fit their 16 bits of length.
const LONGEST_OPTION: usize = 65_532;

/// A capture file being written.
pub struct Writer {
    format: Format,
    target: String,
    output: Box<dyn Write + Send>,
    /// The same file, to cut it back; `None` for a pipe or a device.
    regular: Option<File>,
    /// Whole records that are not written yet.
    buffer: Vec<u8>,
    /// Bytes and packets that are in the file.
    flushed: u64,
    packets: u64,
    /// The one link type of a classic file, once its header is written.
    link: Option<LinkType>,
    /// Beside each interface that is described in the file: packets written.
    delivered: Vec<u64>,
    first: Option<Timestamp>,
    last: Timestamp,
    over: bool,
}

impl Writer {
    /// Creates the file (or empties it) and writes what can be known before the first packet.
    ///
    /// The format is told by the name's ending, `.pcap` or `.pcapng`. `owner` is the user and group the file is given to;
    /// pass it while still root. `-` is a file of that name; see [`to_stdout`](Self::to_stdout).
    pub fn create(path: &Path, owner: Option<(u32, u32)>) -> Result<Self, Error> {
        let format = Format::of(path)?;
        let target = path.display().to_string();
        let refused = |operation, source| Error::System { operation, target: target.clone(), source, remedy: None };
        let file = File::create(path).map_err(|error| refused("create", error))?;
        let is_file = file.metadata().map_err(|error| refused("look at", error))?.is_file();
        // Never a device: `-w` into a link to /dev/null must not give /dev/null away.
        if let Some((user, group)) = owner.filter(|_| is_file) {
            fchown(&file, Some(user), Some(group)).map_err(|error| refused("change the owner of", error))?;
        }
        let regular = if is_file { Some(file.try_clone().map_err(|error| refused("open", error))?) } else { None };
        Self::new(Box::new(file), target, format, regular)
    }

    /// Writes to standard output, as pcapng; refuses a terminal.
    pub fn to_stdout() -> Result<Self, Error> {
        let target = "standard output".to_owned();
        let refused = |source, remedy| Error::System { operation: "write to", target: target.clone(), source, remedy };
        if io::stdout().is_terminal() {
            let why = io::Error::new(io::ErrorKind::InvalidInput, "it is a terminal, and a capture is not text");
            return Err(refused(why, Some("send it on with | or >".into())));
        }
        // A descriptor of our own: `io::stdout` looks for the ends of lines.
        let own = io::stdout().as_fd().try_clone_to_owned().map_err(|error| refused(error, None))?;
        Self::new(Box::new(File::from(own)), target, Format::Pcapng, None)
    }

    pub(super) fn new(
        output: Box<dyn Write + Send>,
        target: String,
        format: Format,
        regular: Option<File>,
    ) -> Result<Self, Error> {
        let mut writer = Self {
            format,
            target,
            output,
            regular,
            buffer: Vec::with_capacity(BATCH + (64 << 10)),
            flushed: 0,
            packets: 0,
            link: None,
            delivered: Vec::new(),
            first: None,
            last: Timestamp::default(),
            over: false,
        };
        if format == Format::Pcapng {
            writer.section();
            writer.flush()?;
        }
        Ok(writer)
    }

    /// Describes the interfaces that are not described yet; `interfaces` begins with those that were.
    ///
    /// [`write`](Self::write) does it by itself. Called before a capture it makes the file valid from the start, and tells
    /// at once where a classic file cannot hold several link types.
    pub fn describe(&mut self, interfaces: &[Interface]) -> Result<(), Error> {
        for interface in interfaces.iter().skip(self.delivered.len()) {
            match self.format {
                Format::Pcap => self.file_header(interface.link, interface.snap_length)?,
                Format::Pcapng => self.interface(interface),
            }
            self.delivered.push(0);
        }
        Ok(())
    }

    /// Adds a frame; `interfaces` are its source's. It reaches the file with the next [`flush`](Self::flush), or when
    /// enough has gathered.
    ///
    /// A frame without a time gets that of the frame before it, but where pcapng can say that there is none.
    #[inline]
    pub fn write(&mut self, frame: &Frame<'_>, interfaces: &[Interface]) -> Result<(), Error> {
        let captured = u32::try_from(frame.data.len()).unwrap_or(u32::MAX);
        let data = frame.data.get(..captured as usize).unwrap_or_default();
        let time = frame.time.unwrap_or(self.last);
        match self.format {
            Format::Pcap => {
                if self.link != Some(frame.link) {
                    let snap_length = interfaces.get(frame.interface as usize).map_or(0, |known| known.snap_length);
                    self.file_header(frame.link, snap_length)?;
                }
                // Seconds are 32 bits without a sign: 1970 to 2106.
                let nanoseconds = time.0.max(0).cast_unsigned();
                let seconds = u32::try_from(nanoseconds / 1_000_000_000).unwrap_or(u32::MAX);
                let mut head = [0; PCAP_RECORD];
                head[..4].copy_from_slice(&seconds.to_le_bytes());
                head[4..8].copy_from_slice(&((nanoseconds % 1_000_000_000) as u32).to_le_bytes());
                head[8..12].copy_from_slice(&captured.to_le_bytes());
                head[12..].copy_from_slice(&frame.length.to_le_bytes());
                self.buffer.extend_from_slice(&head);
                self.buffer.extend_from_slice(data);
            }
            Format::Pcapng => {
                if self.delivered.len() <= frame.interface as usize {
                    self.describe(interfaces)?;
                }
                let snap_length = interfaces.get(frame.interface as usize).map_or(0, |known| known.snap_length);
                let simple = if snap_length == 0 { frame.length } else { frame.length.min(snap_length) };
                if frame.time.is_none() && frame.interface == 0 && frame.comment.is_empty() && simple == captured {
                    self.simple(frame.length, data);
                } else {
                    self.enhanced(frame, time.0.max(0).cast_unsigned(), data);
                }
            }
        }
        self.packets += 1;
        if let Some(time) = frame.time {
            self.first.get_or_insert(time);
            self.last = time;
        }
        if let Some(delivered) = self.delivered.get_mut(frame.interface as usize) {
            *delivered += 1;
        }
        if self.buffer.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    /// Bytes of the file so far, those not yet written among them.
    pub fn size(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    /// Frames taken so far.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Hands everything to the operating system, so that whoever reads the file sees it.
    pub fn flush(&mut self) -> Result<(), Error> {
        if self.over {
            self.buffer.clear();
            return Ok(());
        }
        let mut written = 0;
        while let Some(rest) = self.buffer.get(written..).filter(|rest| !rest.is_empty()) {
            match self.output.write(rest) {
                Ok(0) => return Err(self.lost(written, io::ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.lost(written, error)),
            }
        }
        self.flushed += written as u64;
        self.buffer.clear();
        self.output.flush().map_err(|error| self.lost(0, error))
    }

    /// Ends the file: statistics (pcapng; `counts` beside each interface, as far as they are known), and all to the disk.
    pub fn finish(&mut self, counts: &[Counts]) -> Result<(), Error> {
        if self.over {
            return Ok(());
        }
        match self.format {
            Format::Pcap if self.link.is_none() => self.file_header(LinkType::ETHERNET, 0)?,
            Format::Pcap => {}
            Format::Pcapng => {
                for (index, delivered) in self.delivered.clone().into_iter().enumerate() {
                    self.statistics(index as u32, counts.get(index).copied().unwrap_or_default(), delivered);
                }
            }
        }
        self.flush()?;
        self.over = true;
        Ok(())
    }

    /// The error for a write that failed after `written` bytes of the buffer, having cut the file back to whole records.
    #[cold]
    fn lost(&mut self, written: usize, source: io::Error) -> Error {
        self.over = true;
        let (whole, unwritten) = self.whole_records(written);
        self.flushed += whole as u64;
        self.packets -= unwritten;
        self.buffer.clear();
        let remedy = self.regular.as_ref().and_then(|file| {
            file.set_len(self.flushed).ok()?;
            Some(format!("the first {} packets are in the file, whole", self.packets))
        });
        Error::System { operation: "write to", target: self.target.clone(), source, remedy }
    }

    /// How many of the buffer's first `written` bytes are whole records, and how many packets come after them.
    fn whole_records(&self, written: usize) -> (usize, u64) {
        let word = |at: usize| {
            self.buffer.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |four| u32::from_le_bytes(*four))
        };
        let (mut at, mut whole, mut lost) = (0, 0, 0);
        while at < self.buffer.len() {
            let (size, is_packet) = match self.format {
                Format::Pcap if at == 0 && self.flushed == 0 => (PCAP_HEADER, false),
                Format::Pcap => (PCAP_RECORD + word(at + 8) as usize, true),
                Format::Pcapng => (word(at + 4).max(12) as usize, matches!(word(at), ENHANCED_PACKET | SIMPLE_PACKET)),
            };
            at += size;
            if at <= written {
                whole = at;
            } else {
                lost += u64::from(is_packet);
            }
        }
        (whole, lost)
    }

    /// The classic file's header; an error where there is one already, of another link type.
    fn file_header(&mut self, link: LinkType, snap_length: u32) -> Result<(), Error> {
        if let Some(first) = self.link {
            if first == link {
                return Ok(());
            }
            return Err(Error::System {
                operation: "write to",
                target: self.target.clone(),
                source: io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("a .pcap file holds one link type, and these frames are {first} and {link}"),
                ),
                remedy: Some("give it a name that ends in .pcapng: that format holds both".into()),
            });
        }
        self.link = Some(link);
        let snap_length = if snap_length == 0 { 256 << 10 } else { snap_length };
        // Version 2.4, then two words that are always 0.
        for word in [MAGIC_NANOSECONDS, 4 << 16 | 2, 0, 0, snap_length, u32::from(link.0)] {
            self.word(word);
        }
        self.flush()
    }

    fn section(&mut self) {
        let start = self.begin(SECTION_HEADER);
        self.word(BYTE_ORDER);
        // Version 1.0, then the section's length: not said.
        self.word(1);
        self.buffer.extend_from_slice(&u64::MAX.to_le_bytes());
        self.option(SHB_USERAPPL, concat!("netlab ", env!("CARGO_PKG_VERSION")).as_bytes());
        self.end_options();
        self.end(start);
    }

    fn interface(&mut self, interface: &Interface) {
        let start = self.begin(INTERFACE_DESCRIPTION);
        self.word(u32::from(interface.link.0));
        self.word(interface.snap_length);
        if let Some(name) = &interface.name {
            self.option(IF_NAME, name.as_bytes());
        }
        // Units of 10^-9 seconds.
        self.option(IF_TSRESOL, &[9]);
        self.end_options();
        self.end(start);
    }

    #[inline]
    fn enhanced(&mut self, frame: &Frame<'_>, time: u64, data: &[u8]) {
        let start = self.buffer.len();
        let mut head = [0; 28];
        let words =
            [ENHANCED_PACKET, 0, frame.interface, (time >> 32) as u32, time as u32, data.len() as u32, frame.length];
        for (place, word) in head.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        self.buffer.extend_from_slice(&head);
        self.padded(data);
        if !frame.comment.is_empty() {
            self.option(OPT_COMMENT, frame.comment);
            self.end_options();
        }
        self.end(start);
    }

    fn simple(&mut self, length: u32, data: &[u8]) {
        let start = self.begin(SIMPLE_PACKET);
        self.word(length);
        self.padded(data);
        self.end(start);
    }

    fn statistics(&mut self, interface: u32, counts: Counts, delivered: u64) {
        let time = |time: Timestamp| {
            let unsigned = time.0.max(0).cast_unsigned();
            // The two halves of a time stand in this order, whatever the byte order.
            unsigned.rotate_left(32).to_le_bytes()
        };
        let start = self.begin(INTERFACE_STATISTICS);
        self.word(interface);
        let last = time(self.last);
        self.buffer.extend_from_slice(&last);
        if let Some(first) = self.first {
            self.option(ISB_STARTTIME, &time(first));
            self.option(ISB_ENDTIME, &last);
        }
        let figures = [
            (ISB_FILTERACCEPT, counts.received),
            (ISB_OSDROP, counts.dropped_kernel),
            (ISB_IFDROP, counts.dropped_interface),
            (ISB_USRDELIV, Some(delivered)),
        ];
        for (code, figure) in figures {
            if let Some(figure) = figure {
                self.option(code, &figure.to_le_bytes());
            }
        }
        self.end_options();
        self.end(start);
    }

    /// Begins a block; its length is filled in by [`end`](Self::end).
    fn begin(&mut self, kind: u32) -> usize {
        let start = self.buffer.len();
        self.word(kind);
        self.word(0);
        start
    }

    #[inline]
    fn end(&mut self, start: usize) {
        let total = (self.buffer.len() - start + 4) as u32;
        if let Some(place) = self.buffer.get_mut(start + 4..start + 8) {
            place.copy_from_slice(&total.to_le_bytes());
        }
        self.word(total);
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        let value = value.get(..LONGEST_OPTION).unwrap_or(value);
        self.buffer.extend_from_slice(&code.to_le_bytes());
        self.buffer.extend_from_slice(&(value.len() as u16).to_le_bytes());
        self.padded(value);
    }

    fn end_options(&mut self) {
        self.word(u32::from(OPT_END));
    }

    #[inline]
    fn word(&mut self, word: u32) {
        self.buffer.extend_from_slice(&word.to_le_bytes());
    }

    #[inline]
    fn padded(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        let padding = aligned(bytes.len() as u64) as usize - bytes.len();
        self.buffer.extend_from_slice([0; 3].get(..padding).unwrap_or_default());
    }
}

impl Drop for Writer {
    /// What was taken is written, should nobody have called `finish`; nobody is left to hear of an error.
    fn drop(&mut self) {
        let _ = self.flush();
    }
}
