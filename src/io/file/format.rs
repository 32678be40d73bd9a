//! The numbers of both file formats, shared by reader and writer.
//!
//! draft-ietf-opsawg-pcap (classic, since 1988) and draft-ietf-opsawg-pcapng (blocks).

use std::path::Path;

use crate::frame::{Error, LinkType};

/// Bytes of a classic file's header and of the header before each packet.
pub(super) const PCAP_HEADER: usize = 24;
pub(super) const PCAP_RECORD: usize = 16;

/// First four bytes of a classic file, in the byte order of the machine that wrote it.
pub(super) const MAGIC_MICROSECONDS: u32 = 0xa1b2_c3d4;
pub(super) const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Kuznetsov's patch of 1999: 8 more bytes (interface, protocol, packet type) in each packet's header.
pub(super) const MAGIC_MODIFIED: u32 = 0xa1b2_cd34;
/// Ixia's hardware (nanoseconds) and software captures: 4 more bytes in the file's header.
pub(super) const MAGIC_IXIA_HARDWARE: u32 = 0x1c00_01ac;
pub(super) const MAGIC_IXIA_SOFTWARE: u32 = 0x1c00_01ab;

/// A pcapng section's byte order is told by how this number reads.
pub(super) const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// Block types of pcapng. The section header's reads the same in both byte orders.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
pub(super) const INTERFACE_DESCRIPTION: u32 = 1;
pub(super) const PACKET: u32 = 2;
pub(super) const SIMPLE_PACKET: u32 = 3;
pub(super) const INTERFACE_STATISTICS: u32 = 5;
pub(super) const ENHANCED_PACKET: u32 = 6;

/// Options of any block.
pub(super) const OPT_END: u16 = 0;
pub(super) const OPT_COMMENT: u16 = 1;
/// Options of a section header: the program that wrote the file.
pub(super) const SHB_USERAPPL: u16 = 4;
/// Options of an interface description.
pub(super) const IF_NAME: u16 = 2;
pub(super) const IF_TSRESOL: u16 = 9;
pub(super) const IF_TSOFFSET: u16 = 14;
/// Options of interface statistics.
pub(super) const ISB_STARTTIME: u16 = 2;
pub(super) const ISB_ENDTIME: u16 = 3;
pub(super) const ISB_IFRECV: u16 = 4;
pub(super) const ISB_IFDROP: u16 = 5;
pub(super) const ISB_FILTERACCEPT: u16 = 6;
pub(super) const ISB_OSDROP: u16 = 7;
pub(super) const ISB_USRDELIV: u16 = 8;

/// The gzip header's first two bytes (RFC 1952 section 2.3.1).
pub(super) const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The most bytes a packet may claim to hold; more means that the length is damaged. As in libpcap and Wireshark:
/// 256 KiB, but 128 MiB for the links whose messages are that large (D-Bus, USB) and 8 MiB for EBHSCR.
pub(super) fn largest_packet(link: LinkType) -> u32 {
    match link.0 {
        186 | 189 | 220 | 231 | 249 | 266 => 128 << 20,
        279 => 8 << 20,
        _ => 256 << 10,
    }
}

/// The link type for a file's number. Raw IP was also written under two numbers that systems gave DLT_RAW at home.
pub(super) fn link_type(number: u16) -> LinkType {
    match number {
        12 | 14 => LinkType::RAW,
        other => LinkType(other),
    }
}

/// A number of bytes rounded up to the 4 that pcapng aligns everything to.
#[inline]
pub(super) fn aligned(length: u64) -> u64 {
    (length + 3) & !3
}

/// What kind of file to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Classic, with times in nanoseconds; one link type a file.
    Pcap,
    /// Blocks: interfaces with names and link types, comments, statistics.
    Pcapng,
}

impl Format {
    /// By the file name's ending, `.pcap` or `.pcapng` (any case); anything else is an error that says so.
    pub fn of(path: &Path) -> Result<Self, Error> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        match ending.as_deref() {
            Some("pcap") => Ok(Self::Pcap),
            Some("pcapng") => Ok(Self::Pcapng),
            _ => Err(Error::System {
                operation: "choose the format of",
                target: path.display().to_string(),
                source: std::io::Error::new(
                    std::io::ErrorKind::InvalidInput,
                    "its name ends in neither .pcapng nor .pcap",
                ),
                remedy: Some(format!("name it {}", path.with_extension("pcapng").display())),
            }),
        }
    }
}
