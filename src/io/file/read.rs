//! Opening a capture and handing on its frames: the format is told by the first bytes, never by the name.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::format::{
    GZIP, MAGIC_IXIA_HARDWARE, MAGIC_IXIA_SOFTWARE, MAGIC_MICROSECONDS, MAGIC_MODIFIED, MAGIC_NANOSECONDS,
    SECTION_HEADER,
};
use super::gzip::{Counted, Gunzip};
use super::window::Window;
use super::{pcap, pcapng};
use crate::frame::{Counts, Error, Frame, Interface, LinkType, Source, Timestamp};

/// Bytes that tell what a file is that is no capture.
const HEAD: usize = 64;

/// Opens a capture file: pcap or pcapng, plain or in gzip. `-` is a file of that name; see [`open_stdin`].
///
/// A FIFO works too, and is read as it comes.
pub fn open(path: &Path) -> Result<Capture, Error> {
    let target = path.display().to_string();
    let refused = |source: io::Error| {
        let remedy = (source.kind() == io::ErrorKind::PermissionDenied)
            .then(|| format!("to make it yours: sudo chown \"$USER\" '{target}'"));
        Error::System { operation: "open", target: target.clone(), source, remedy }
    };
    let file = File::open(path).map_err(refused)?;
    let metadata = file.metadata().map_err(refused)?;
    if metadata.is_dir() {
        return Err(refused(io::ErrorKind::IsADirectory.into()));
    }
    from_file(file, &metadata, target)
}

/// Reads a capture from standard input, whatever that is.
pub fn open_stdin() -> Result<Capture, Error> {
    let target = "standard input".to_owned();
    // A descriptor of our own: `io::stdin` has a buffer and a lock that are in the way here.
    let own = std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned();
    let refused = |source| Error::System { operation: "read", target: "standard input".into(), source, remedy: None };
    let file = File::from(own.map_err(refused)?);
    let metadata = file.metadata().map_err(refused)?;
    from_file(file, &metadata, target)
}

fn from_file(file: File, metadata: &Metadata, target: String) -> Result<Capture, Error> {
    let size = metadata.is_file().then_some(metadata.len());
    let mut capture = Capture::new(Box::new(file), target, size, size.is_none())?;
    capture.identity = size.map(|_| (metadata.dev(), metadata.ino()));
    Ok(capture)
}

/// A capture file being read: a [`Source`] of its frames.
pub struct Capture {
    window: Window,
    layout: Layout,
    target: String,
    gzip: bool,
    interfaces: Vec<Interface>,
    record: Record,
    /// The last time seen, for frames that have none of their own.
    time: Timestamp,
    over: bool,
    /// Bytes read of the file as it lies on the disk, and how many it has.
    read: Arc<AtomicU64>,
    size: Option<u64>,
    /// Reading may have to wait for somebody to write.
    waits: bool,
    /// Device and inode of a regular file.
    identity: Option<(u64, u64)>,
}

enum Layout {
    Pcap(pcap::File),
    Pcapng(pcapng::File),
}

/// One packet in the window; offsets count from the window's start, which is the record's.
#[derive(Clone, Copy, Default)]
pub(super) struct Record {
    /// Bytes of the whole record, given up when the next one is asked for.
    pub size: usize,
    pub data: (usize, usize),
    pub comment: (usize, usize),
    pub time: Option<Timestamp>,
    pub link: u16,
    pub interface: u32,
    pub length: u32,
}

/// Why a parser could not go on; the offset is where the window stands, or the block's where that is told.
pub(super) enum Trouble {
    Cut {
        what: &'static str,
        needs: u64,
        has: u64,
    },
    Corrupt(String),
    /// As either, for a block whose start has already left the window.
    At(u64, Box<Trouble>),
}

impl Trouble {
    pub fn cut(what: &'static str, needs: usize, window: &Window) -> Self {
        Self::Cut { what, needs: needs as u64, has: window.bytes().len() as u64 }
    }
}

impl Capture {
    /// Reads a capture from any stream; `target` is what errors call it, `size` its length where known, `waits` whether
    /// reading may wait for a writer.
    pub fn new(input: Box<dyn Read + Send>, target: String, size: Option<u64>, waits: bool) -> Result<Self, Error> {
        let read = Arc::new(AtomicU64::new(0));
        let mut window = Window::new(Box::new(Counted::new(input, Arc::clone(&read))));
        window.fill(2);
        let gzip = window.bytes().starts_with(&GZIP);
        if gzip {
            let (head, rest) = window.into_parts();
            window = Window::new(Box::new(Gunzip::new(io::Cursor::new(head).chain(rest))));
        }
        let target = if gzip { format!("{target} (uncompressed)") } else { target };
        let mut capture = Self {
            window,
            layout: Layout::Pcapng(pcapng::File::default()),
            target,
            gzip,
            interfaces: Vec::new(),
            record: Record::default(),
            time: Timestamp::default(),
            over: false,
            read,
            size,
            waits,
            identity: None,
        };
        capture.begin()?;
        Ok(capture)
    }

    /// Whether this is the file at `path`, under whatever name: writing there would destroy what is still to be read.
    pub fn is_file_at(&self, path: &Path) -> bool {
        let at_path = std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
        self.identity.is_some() && self.identity == at_path
    }

    /// Tells the format and reads the file's header.
    fn begin(&mut self) -> Result<(), Error> {
        self.window.fill(4);
        let Some(first) = self.window.bytes().first_chunk::<4>().copied() else {
            if let Some(fault) = self.window.fault() {
                return Err(self.broken(fault, 0));
            }
            return Err(self.foreign());
        };
        let little = u32::from_le_bytes(first);
        if little == SECTION_HEADER {
            // The byte order comes only with the third word: without it, any file that begins with "\n\r\r\n" would do.
            if self.window.fill(12) && !pcapng::is_section_header(self.window.bytes()) {
                return Err(self.foreign());
            }
            return Ok(());
        }
        let is_pcap = |magic| {
            matches!(
                magic,
                MAGIC_MICROSECONDS | MAGIC_NANOSECONDS | MAGIC_MODIFIED | MAGIC_IXIA_HARDWARE | MAGIC_IXIA_SOFTWARE
            )
        };
        let big_endian = match (is_pcap(little), is_pcap(little.swap_bytes())) {
            (true, _) => false,
            (_, true) => true,
            _ => return Err(self.foreign()),
        };
        match pcap::File::open(&mut self.window, big_endian) {
            Ok((file, interface)) => {
                self.layout = Layout::Pcap(file);
                self.interfaces.push(interface);
                Ok(())
            }
            Err(trouble) => Err(self.error(trouble)),
        }
    }

    /// The error for something that is no capture: says what it seems to be instead.
    fn foreign(&mut self) -> Error {
        // The verdict must not hang on how much a pipe handed over first.
        self.window.fill(HEAD);
        let bytes = self.window.bytes();
        let seen = match bytes {
            [] => "it is empty (0 bytes)".to_owned(),
            [_] | [_, _] | [_, _, _] => format!("it has only {} bytes", bytes.len()),
            _ => match kind_of(bytes) {
                Some(kind) => format!("it seems to be {kind}"),
                None => format!(
                    "it begins with {}",
                    bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
                ),
            },
        };
        Error::NotACapture {
            target: self.target.clone(),
            why: format!("{seen}; netlab reads pcap and pcapng, plain or in gzip"),
        }
    }

    /// The error for a stream that failed underneath.
    fn broken(&self, fault: io::Error, offset: u64) -> Error {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        match fault.kind() {
            UnexpectedEof if self.gzip => {
                self.corrupt(offset, "the compressed data ends before its end mark: the gzip file is cut short".into())
            }
            InvalidData | InvalidInput if self.gzip => {
                self.corrupt(offset, format!("the compressed data is damaged ({fault})"))
            }
            _ => Error::System { operation: "read", target: self.target.clone(), source: fault, remedy: None },
        }
    }

    fn corrupt(&self, offset: u64, why: String) -> Error {
        Error::Corrupt { target: self.target.clone(), offset, why }
    }

    #[cold]
    fn error(&mut self, trouble: Trouble) -> Error {
        self.over = true;
        self.record = Record::default();
        let (offset, trouble) = match trouble {
            Trouble::At(offset, trouble) => (offset, *trouble),
            trouble => (self.window.offset(), trouble),
        };
        match trouble {
            Trouble::Corrupt(why) => self.corrupt(offset, why),
            Trouble::Cut { what, needs, has } => match self.window.fault() {
                Some(fault) => self.broken(fault, offset),
                None => Error::Cut { target: self.target.clone(), offset, what, needs, has },
            },
            Trouble::At(..) => self.corrupt(offset, "the block is damaged".into()),
        }
    }

    #[cold]
    fn end(&mut self) -> Result<Option<Timestamp>, Error> {
        self.over = true;
        self.record = Record::default();
        match self.window.fault() {
            Some(fault) => Err(self.broken(fault, self.window.offset())),
            None => Ok(None),
        }
    }
}

impl Source for Capture {
    #[inline]
    fn advance(&mut self) -> Result<Option<Timestamp>, Error> {
        if self.over {
            return Ok(None);
        }
        self.window.consume(self.record.size);
        self.record.size = 0;
        let next = match &mut self.layout {
            Layout::Pcap(file) => file.next(&mut self.window, &mut self.record),
            Layout::Pcapng(file) => file.next(&mut self.window, &mut self.interfaces, &mut self.record),
        };
        match next {
            Ok(true) => {
                self.time = self.record.time.unwrap_or(self.time);
                Ok(Some(self.time))
            }
            Ok(false) => self.end(),
            Err(trouble) => Err(self.error(trouble)),
        }
    }

    #[inline]
    fn frame(&self) -> Frame<'_> {
        let record = &self.record;
        let bytes = self.window.bytes();
        Frame {
            number: 0,
            time: record.time,
            link: LinkType(record.link),
            interface: record.interface,
            length: record.length,
            data: bytes.get(record.data.0..record.data.1).unwrap_or_default(),
            comment: bytes.get(record.comment.0..record.comment.1).unwrap_or_default(),
        }
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn ready(&self) -> bool {
        if !self.waits || self.over || self.window.ended() {
            return true;
        }
        let rest = self.window.bytes().get(self.record.size..).unwrap_or_default();
        match &self.layout {
            Layout::Pcap(file) => file.holds_a_record(rest),
            Layout::Pcapng(file) => file.holds_a_record(rest),
        }
    }

    fn counts(&self) -> Counts {
        match &self.layout {
            Layout::Pcap(_) => Counts::default(),
            Layout::Pcapng(file) => file.counts(),
        }
    }

    fn progress(&self) -> Option<(u64, u64)> {
        let size = self.size?;
        let done = if self.gzip { self.read.load(Ordering::Relaxed) } else { self.window.offset() };
        Some((done.min(size), size))
    }
}

/// What bytes that are no capture of ours seem to be, for the error.
fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    const KNOWN: &[(&[u8], &str)] = &[
        (b"\x28\xb5\x2f\xfd", "compressed with zstd (unpack it with: zstd -d)"),
        (b"\xfd7zXZ", "compressed with xz (unpack it with: unxz)"),
        (b"BZh", "compressed with bzip2 (unpack it with: bunzip2)"),
        (b"\x04\x22\x4d\x18", "compressed with lz4 (unpack it with: lz4 -d)"),
        (b"PK\x03\x04", "a zip archive (unpack it first)"),
        (b"snoop\0\0\0", "a Solaris snoop capture (editcap -F pcapng turns it into one that is read)"),
        (b"GMBU", "a Microsoft Network Monitor capture (editcap -F pcapng turns it into one that is read)"),
        (b"\x7fELF", "a program"),
    ];
    let known = KNOWN.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, kind)| *kind);
    let head = bytes.get(..bytes.len().min(HEAD)).unwrap_or_default();
    let is_text = || head.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t'));
    known.or_else(|| is_text().then_some("text"))
}
