//! Frames: bytes as a capture holds them, and what the capture knew about them. No decoding happens here.
//!
//! A [`Source`] (file or live) lends one [`Frame`] at a time; whoever keeps one must copy it.

use std::fmt;

/// The type of the link layer header, as the numbers of files name it (LINKTYPE_*, draft-ietf-opsawg-pcaplinktype).
///
/// These are file numbers; a live handle's DLT_* differs for a few (raw IP is DLT 12 and LINKTYPE 101).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    pub const NULL: Self = Self(0);
    pub const ETHERNET: Self = Self(1);
    pub const RAW: Self = Self(101);
    pub const LOOP: Self = Self(108);
    pub const LINUX_SLL: Self = Self(113);
    pub const IPV4: Self = Self(228);
    pub const IPV6: Self = Self(229);
    pub const LINUX_SLL2: Self = Self(276);

    /// The name that `pcap-linktype(7)` gives the number, without `LINKTYPE_`; `None` for numbers not in our list.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "NULL",
            1 => "ETHERNET",
            3 => "AX25",
            6 => "IEEE802_5",
            7 => "ARCNET_BSD",
            8 => "SLIP",
            9 => "PPP",
            10 => "FDDI",
            50 => "PPP_HDLC",
            51 => "PPP_ETHER",
            100 => "ATM_RFC1483",
            101 => "RAW",
            104 => "C_HDLC",
            105 => "IEEE802_11",
            107 => "FRELAY",
            108 => "LOOP",
            113 => "LINUX_SLL",
            114 => "LTALK",
            117 => "PFLOG",
            119 => "IEEE802_11_PRISM",
            122 => "IP_OVER_FC",
            127 => "IEEE802_11_RADIOTAP",
            129 => "ARCNET_LINUX",
            138 => "APPLE_IP_OVER_IEEE1394",
            140 => "MTP2",
            141 => "MTP3",
            143 => "DOCSIS",
            144 => "LINUX_IRDA",
            147..=162 => "USER (private use)",
            163 => "IEEE802_11_AVS",
            187 => "BLUETOOTH_HCI_H4",
            189 => "USB_LINUX",
            192 => "PPI",
            195 => "IEEE802_15_4_WITHFCS",
            201 => "BLUETOOTH_HCI_H4_WITH_PHDR",
            215 => "IEEE802_15_4_NONASK_PHY",
            220 => "USB_LINUX_MMAPPED",
            227 => "CAN_SOCKETCAN",
            228 => "IPV4",
            229 => "IPV6",
            230 => "IEEE802_15_4_NOFCS",
            231 => "DBUS",
            239 => "NFLOG",
            240 => "NETANALYZER",
            242 => "IPOIB",
            247 => "INFINIBAND",
            249 => "USBPCAP",
            251 => "BLUETOOTH_LE_LL",
            253 => "NETLINK",
            258 => "PKTAP",
            271 => "VSOCK",
            272 => "NORDIC_BLE",
            276 => "LINUX_SLL2",
            283 => "IEEE802_15_4_TAP",
            _ => return None,
        })
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "link type {}", self.0),
        }
    }
}

/// A moment: nanoseconds since 1970-01-01 00:00:00 UTC, saturating at both ends of `i64` (years 1677 to 2262).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// From whole seconds and nanoseconds since the epoch; saturates.
    pub fn new(seconds: i64, nanoseconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds))
    }

    /// Nanoseconds from `earlier` to `self`; negative where `earlier` is later. Saturates.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// One frame as captured. `data` may be shorter than `length` (cut by the snap length).
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// From 1, in the order the frames are handed on; the pipeline sets it, a source leaves 0.
    pub number: u64,
    /// When it was captured; `None` where the file does not say (pcapng simple packets).
    pub time: Option<Timestamp>,
    pub link: LinkType,
    /// Index into [`Source::interfaces`].
    pub interface: u32,
    /// Length on the wire in bytes, as the capture says.
    pub length: u32,
    /// The bytes that were kept.
    pub data: &'a [u8],
    /// The first comment on this packet (pcapng `opt_comment`, UTF-8 by its specification, not checked); empty where none.
    pub comment: &'a [u8],
}

impl Frame<'_> {
    /// No frame: what a source lends before its first and after its last.
    pub fn empty() -> Self {
        Self::EMPTY
    }

    /// No bytes, no number, no time.
    pub const EMPTY: Self =
        Self { number: 0, time: None, link: LinkType::NULL, interface: 0, length: 0, data: &[], comment: &[] };
}

/// An interface that frames of a source were captured on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// As the capture names it; bytes from a file, escape before printing. `None`: not said (classic pcap).
    pub name: Option<String>,
    pub link: LinkType,
    /// Bytes kept of each frame; 0: no limit.
    pub snap_length: u32,
}

/// What a source of frames counted, for the closing statement. `None`: not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames that passed the capture filter in the kernel.
    pub received: Option<u64>,
    /// Dropped by the kernel for lack of room in the ring.
    pub dropped_kernel: Option<u64>,
    /// Dropped by the interface or its driver.
    pub dropped_interface: Option<u64>,
}

/// Where frames come from: a file, standard input, a live capture, or several of them merged by time.
pub trait Source {
    /// Moves on to the next frame and tells its time (for merging); `None` at the end.
    ///
    /// A frame without a time of its own gets that of the frame before it. An error ends the source: every frame
    /// before it has been handed out, and `advance` is not called again.
    fn advance(&mut self) -> Result<Option<Timestamp>, Error>;

    /// The frame `advance` moved to. Before the first `advance`, and after the end, an empty frame.
    fn frame(&self) -> Frame<'_>;

    /// The interfaces known so far; a pcapng file or a live capture may add some while it is read.
    fn interfaces(&self) -> &[Interface];

    /// Whether `advance` will answer without waiting. Output is flushed before a wait.
    fn ready(&self) -> bool {
        true
    }

    /// Figures for the closing statement; final once `advance` has said `None`.
    fn counts(&self) -> Counts {
        Counts::default()
    }

    /// How far a file has been read, as (bytes done, bytes in all); `None` where nobody knows.
    fn progress(&self) -> Option<(u64, u64)> {
        None
    }
}

/// What a source around another, in its field `$inner`, says as that one does: all of `impl Source` but `advance`.
macro_rules! said_by {
    ($inner:ident) => {
        fn frame(&self) -> $crate::frame::Frame<'_> {
            self.$inner.frame()
        }

        fn interfaces(&self) -> &[$crate::frame::Interface] {
            self.$inner.interfaces()
        }

        fn ready(&self) -> bool {
            self.$inner.ready()
        }

        fn counts(&self) -> $crate::frame::Counts {
            self.$inner.counts()
        }

        fn progress(&self) -> Option<(u64, u64)> {
            self.$inner.progress()
        }
    };
}
pub(crate) use said_by;

impl<S: Source + ?Sized> Source for Box<S> {
    fn advance(&mut self) -> Result<Option<Timestamp>, Error> {
        (**self).advance()
    }

    fn frame(&self) -> Frame<'_> {
        (**self).frame()
    }

    fn interfaces(&self) -> &[Interface] {
        (**self).interfaces()
    }

    fn ready(&self) -> bool {
        (**self).ready()
    }

    fn counts(&self) -> Counts {
        (**self).counts()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        (**self).progress()
    }
}

/// Why a source of frames ended early, or could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused: `operation` on `target`.
    #[error("cannot {operation} {target}: {source}{}", advice(.remedy))]
    System { operation: &'static str, target: String, source: std::io::Error, remedy: Option<String> },
    /// The file is not a capture at all.
    #[error("{target} is not a capture: {why}")]
    NotACapture { target: String, why: String },
    /// The file ends in the middle of a record.
    #[error("{target} is cut short at byte {offset}: {what} needs {needs} bytes, {has} are left")]
    Cut { target: String, offset: u64, what: &'static str, needs: u64, has: u64 },
    /// The file contradicts its own format.
    #[error("{target} is corrupt at byte {offset}: {why}")]
    Corrupt { target: String, offset: u64, why: String },
    /// The live capture ended by itself, for instance because the interface vanished.
    #[error("the capture on {target} ended: {why}")]
    Ended { target: String, why: String },
    /// The capture could not be started (no permission, no such interface, bad filter).
    #[error("cannot capture on {target}: {why}{}", advice(.remedy))]
    Capture { target: String, why: String, remedy: Option<String> },
}

fn advice(remedy: &Option<String>) -> String {
    remedy.as_ref().map_or_else(String::new, |text| format!("\n{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_beyond_the_range_saturates_instead_of_wrapping() {
        assert_eq!(Timestamp::new(i64::MAX, 5), Timestamp(i64::MAX));
        assert_eq!(Timestamp(i64::MIN).since(Timestamp(1)), i64::MIN);
    }

    #[test]
    fn an_error_says_what_where_and_what_to_do() {
        let error =
            Error::Capture { target: "eth0".into(), why: "no permission".into(), remedy: Some("type sudo".into()) };
        assert_eq!(error.to_string(), "cannot capture on eth0: no permission\ntype sudo");
    }
}
