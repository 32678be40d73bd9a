//! Live capture through libpcap, and its filter language; the `pcap` crate is wrapped here and nowhere else.
//!
//! No immediate mode: it leaves room for a few dozen packets in the ring. Instead a block of the ring is handed over
//! when full or after [`BLOCK_TIMEOUT`]; that timeout is libpcap's packet buffer timeout, never a clock of ours.
//! Trap: the socket belongs to the network namespace of the thread that calls [`open`].

mod live;
mod reader;

use std::time::Duration;

use ::pcap as libpcap;
use libpcap::{Active, Capture, Linktype, Precision};

use super::bpf::Selection;
use super::sys;
use crate::frame::{Error, Interface, LinkType};

pub use live::{Live, Stop, StopHandle};

/// The interface that stands for all of them.
pub const ANY: &str = "any";

/// How long the kernel may keep a block of the ring that is not full. A third of the 150 ms within which a packet is
/// on the screen; below this, idle captures wake more often for nothing.
pub const BLOCK_TIMEOUT: Duration = Duration::from_millis(50);

/// What to capture and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names; empty means [`ANY`].
    pub interfaces: Vec<String>,
    pub selection: Selection,
    /// Bytes of the kernel's ring, for each interface.
    pub buffer: u32,
    /// Also frames for other stations. Never on `any`, which cannot.
    pub promiscuous: bool,
    /// Bytes kept of each frame.
    pub snap_length: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            selection: Selection::default(),
            buffer: 64 << 20,
            promiscuous: false,
            snap_length: 262_144,
        }
    }
}

/// One interface, open and capturing.
struct Tap {
    handle: Capture<Active>,
    interface: Interface,
    /// Whether the sub-second part of a time is in nanoseconds; else microseconds.
    nanoseconds: bool,
    /// The loopback interface by itself (not as a part of `any`).
    loopback: bool,
}

/// Interfaces that are open, with their filters active: the kernel captures already, nobody reads yet.
///
/// This is the moment to give up privileges: no thread has been started.
pub struct Opened {
    taps: Vec<Tap>,
    notes: Vec<String>,
}

/// Opens every interface and makes its filter active, or none: the first that fails is the error.
pub fn open(options: &Options) -> Result<Opened, Error> {
    let any = [ANY.to_owned()];
    let names = if options.interfaces.is_empty() { &any[..] } else { &options.interfaces[..] };
    let mut opened = Opened { taps: Vec::new(), notes: Vec::new() };
    for (index, name) in names.iter().enumerate() {
        if !names[..index].contains(name) {
            let tap = open_one(name, options, &mut opened.notes)?;
            opened.taps.push(tap);
        }
    }
    Ok(opened)
}

impl Opened {
    /// What was asked for and not granted, in sentences for standard error.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    pub fn interfaces(&self) -> impl Iterator<Item = &Interface> {
        self.taps.iter().map(|tap| &tap.interface)
    }

    /// The same under another name, for one interface of several networks.
    pub fn called(mut self, name: &str) -> Self {
        self.taps.iter_mut().for_each(|tap| tap.interface.name = Some(name.to_owned()));
        self
    }

    /// These and those, which may have been opened in another network.
    pub fn and(mut self, others: Self) -> Self {
        self.taps.extend(others.taps);
        self.notes.extend(others.notes);
        self
    }

    /// Starts the thread that reads, until stopped, for `duration` at most.
    pub fn start(self, stop: Stop, duration: Option<Duration>) -> Result<Live, Error> {
        Live::start(self.taps, stop, duration)
    }
}

fn open_one(name: &str, options: &Options, notes: &mut Vec<String>) -> Result<Tap, Error> {
    let promiscuous = options.promiscuous && name != ANY;
    if options.promiscuous && !promiscuous {
        notes.push(format!("{ANY} cannot be promiscuous: name the interface with -i"));
    }
    // libpcap reports some refused wishes as failures and others not at all: try again without, then ask what it is.
    let attempts = [(promiscuous, true), (false, true), (false, false)];
    let mut handle = Err(libpcap::Error::InvalidString);
    for (promiscuous, nanoseconds) in attempts {
        handle = activate(name, options, promiscuous, nanoseconds);
        if handle.is_ok() {
            if options.promiscuous && name != ANY && !promiscuous {
                notes.push(format!("{name} cannot be promiscuous"));
            }
            break;
        }
        if super::link::may_open(name).is_err() {
            break;
        }
    }
    let mut handle = handle.map_err(|error| refused(name, &error))?;
    if name == ANY {
        // Cooked v2 tells the interface of each packet. Where libpcap is too old for it, v1 stays.
        let _ = handle.set_datalink(Linktype(i32::from(LinkType::LINUX_SLL2.0)));
    }
    let link = link_type(handle.get_datalink());
    if let Some(text) = live_filter(&options.selection, link) {
        handle.filter(&text, true).map_err(|error| bad_filter(name, link, &options.selection, &error))?;
    }
    let nanoseconds = sys::stamps_nanoseconds(&handle);
    let handle = handle.setnonblock().map_err(|error| refused(name, &error))?;
    let interface = Interface { name: Some(name.to_owned()), link, snap_length: options.snap_length };
    Ok(Tap { handle, interface, nanoseconds, loopback: super::link::is_loopback(name) })
}

fn activate(
    name: &str,
    options: &Options,
    promiscuous: bool,
    nanoseconds: bool,
) -> Result<Capture<Active>, libpcap::Error> {
    let ceiling = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let wish = Capture::from_device(name)?
        .promisc(promiscuous)
        .immediate_mode(false)
        .timeout(BLOCK_TIMEOUT.as_millis() as i32)
        .buffer_size(ceiling(options.buffer))
        .snaplen(ceiling(options.snap_length));
    if nanoseconds { wish.precision(Precision::Nano) } else { wish }.open()
}

/// The selection's text, and on cooked v2 without the copy that every loopback packet leaves on its way out: the
/// kernel then neither counts it nor gives it room in the ring. (libpcap would only skip it.)
///
/// Trap: of the cooked header only type, interface and direction can be tested in the kernel; with any other field
/// libpcap quietly filters in this process instead, after every packet has been through the ring.
fn live_filter(selection: &Selection, link: LinkType) -> Option<String> {
    let text = selection.text(link);
    let loopback = super::link::loopback_index().filter(|_| link == LinkType::LINUX_SLL2);
    let Some(index) = loopback else { return text };
    let once = format!("not (outbound and ifindex {index})");
    Some(text.map_or_else(|| once.clone(), |text| format!("({text}) and {once}")))
}

fn refused(name: &str, error: &libpcap::Error) -> Error {
    match super::link::may_open(name) {
        Err(reason) => reason,
        Ok(()) => Error::Capture { target: name.to_owned(), why: message(error), remedy: None },
    }
}

fn bad_filter(name: &str, link: LinkType, selection: &Selection, error: &libpcap::Error) -> Error {
    let remedy = if link == LinkType::LINUX_SLL2 && selection.expression.is_some() {
        "filters are in the language of pcap-filter(7), as in -f 'tcp and port 80'; `any` knows no words of one kind of \
         link, such as vlan or ether host: name an interface with -i"
    } else {
        "filters are in the language of pcap-filter(7), as in -f 'tcp and port 80'; --where takes Wireshark's"
    };
    let expression = selection.expression.as_deref().unwrap_or_default();
    let why = format!("the filter '{expression}' is refused: {}", message(error));
    Error::Capture { target: name.to_owned(), why, remedy: Some(remedy.to_owned()) }
}

/// libpcap's own words, without the crate's "libpcap error:" before them.
fn message(error: &libpcap::Error) -> String {
    match error {
        libpcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether libpcap has a device of this name that is no network interface (`nflog`, `usbmon0`).
pub(super) fn has_device(name: &str) -> bool {
    libpcap::Device::list().is_ok_and(|devices| devices.iter().any(|device| device.name == name))
}

/// A filter compiled for one link type, for frames that do not come from a live capture.
///
/// Trap: libpcap is told that the frame is as long as what was kept of it, so `len`, `less` and `greater` are wrong
/// for frames cut by the snap length.
pub struct Program(libpcap::BpfProgram);

impl Program {
    /// Compiles `text` (pcap-filter(7)) for frames of `link`. The error is libpcap's message.
    pub fn compile(link: LinkType, text: &str) -> Result<Self, String> {
        let handle = Capture::dead(data_link(link)).map_err(|error| message(&error))?;
        handle.compile(text, true).map(Self).map_err(|error| message(&error))
    }

    /// Whether the filter takes this frame, given from its first byte.
    pub fn matches(&self, frame: &[u8]) -> bool {
        self.0.filter(frame)
    }
}

/// Where the number of a live handle on Linux (DLT_*, pcap/dlt.h) differs from that of files (LINKTYPE_*).
const RENUMBERED: [(i32, u16); 5] = [(11, 100), (12, 101), (15, 102), (16, 103), (19, 106)];

fn link_type(data_link: Linktype) -> LinkType {
    let file = RENUMBERED.iter().find(|(live, _)| *live == data_link.0).map(|(_, file)| *file);
    LinkType(file.unwrap_or_else(|| u16::try_from(data_link.0).unwrap_or(u16::MAX)))
}

fn data_link(link: LinkType) -> Linktype {
    let live = RENUMBERED.iter().find(|(_, file)| *file == link.0).map(|(live, _)| *live);
    Linktype(live.unwrap_or_else(|| i32::from(link.0)))
}
