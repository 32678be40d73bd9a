//! What the fuzzers run: bytes in, and nothing may panic, hang, or act on a terminal. The same functions run under
//! proptest in `cargo test` (tests/fuzz.rs), so that every machine runs them.
#![allow(dead_code)]

#[path = "applications.rs"]
mod applications;
#[path = "carried.rs"]
mod carried;
#[path = "handshakes.rs"]
mod handshakes;
#[path = "letters.rs"]
mod letters;
#[path = "packets.rs"]
mod packets;
#[path = "rendezvous.rs"]
mod rendezvous;
#[path = "streams.rs"]
mod streams;
#[path = "stun.rs"]
mod stun;
#[path = "talks.rs"]
mod talks;

use std::io::{self, Cursor, Read, Write};
use std::sync::OnceLock;

pub use applications::{applications, as_messages, prepare};
pub use handshakes::handshakes;
pub use letters::{LETTER, letters};
use netlab::field::{self, Resolved};
use netlab::filter::Filter;
use netlab::flow::multicast::{Lans, message};
use netlab::flow::{FlowTable, Known};
use netlab::frame::{Error, Frame, Interface, LinkType, Source, Timestamp};
use netlab::io::file::Capture;
use netlab::pipeline::{self, Next, Sink};
use netlab::view::explain;
use netlab::view::hex::Hex;
use netlab::view::json::Json;
use netlab::view::ladder::{Ladder, Look};
use netlab::view::lines::{self, Lines};
use netlab::view::multicast;
use netlab::view::style::Palette;
use netlab::view::tree::Tree;
use netlab::view::values::Values;
use netlab::view::words;
use netlab::wire::Packet;
pub use rendezvous::{SEED as MEETING, rendezvous};
pub use streams::{conversation, streams};
pub use stun::stun;
pub use talks::{as_talk, talks};

/// Frames of one input at most, so that a compressed file of a million empty packets is no 'hang'.
const MOST_FRAMES: u64 = 256;

/// How many views there are to choose from.
pub const VIEWS: u8 = 12;

/// Every link type through decode, the flow table and all views.
///
/// The first byte of `input` chooses the view; then come frames: one byte that chooses the link type (low four bits) and oddities (high four bits),
/// two bytes of length, big-endian, then the frame, which may end early.
pub fn decode(input: &[u8]) {
    if let Some((view, frames)) = input.split_first() {
        show(&mut Frames::new(frames), *view);
    }
}

/// A display filter of any text, then frames as `decode` takes them, a newline between.
///
/// What a filter takes, its negation does not.
pub fn filter(input: &[u8]) {
    prepare();
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (expression, frames) = input.split_at(end);
    let expression = String::from_utf8_lossy(expression);
    let filter = match Filter::parse(&expression) {
        Ok(filter) => filter,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    // A negation that does not parse has reached a bound: it is one deeper.
    let negation = Filter::parse(&format!("not ({expression})")).ok();
    let mut sink = Both { filter, negation, packets: 0 };
    let mut frames = Frames::new(frames.get(1..).unwrap_or_default());
    pipeline::run(&mut frames, &mut FlowTable::new(), &mut sink).expect("nothing is written");
}

/// A filter and its negation over every packet.
struct Both {
    filter: Filter,
    negation: Option<Filter>,
    packets: u64,
}

impl Sink for Both {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        self.packets += 1;
        let taken = self.filter.matches(packet, known.facts);
        if let Some(negation) = &self.negation {
            assert_ne!(taken, negation.matches(packet, known.facts), "packet {} and the negation", self.packets);
        }
        Ok(if self.packets == MOST_FRAMES { Next::Stop } else { Next::GoOn })
    }
}

/// The groups of LANs, as they come and at the end.
struct Heard {
    lans: Lans,
    palette: Palette,
    page: Page,
}

impl Sink for Heard {
    fn packet(&mut self, packet: &Packet<'_>, _known: &Known<'_>) -> io::Result<Next> {
        let (mut events, mut text) = (Vec::new(), Vec::new());
        if let message::Heard::Message(message) = message::read(packet) {
            self.lans.hear(&message, &mut events);
        }
        self.lans.advance(packet.frame.time.unwrap_or_default(), &mut events);
        let look = multicast::Look { palette: self.palette, width: 80, from: None, name: &|_| Some("\x1b[2J".into()) };
        events.iter().for_each(|event| multicast::event(event, &look, 0, false, &mut text));
        self.page.write_all(&text)?;
        Ok(Next::GoOn)
    }

    fn flush(&mut self) -> io::Result<()> {
        let look = multicast::Look { palette: self.palette, width: 80, from: None, name: &|_| Some("\x1b[2J".into()) };
        let (mut text, mut json) = (Vec::new(), Vec::new());
        multicast::lans(&self.lans, &look, &mut text)?;
        multicast::objects(&self.lans, &look, &mut json);
        self.page.write_all(&text)?;
        self.page.flush()?;
        let mut objects = Page { colored: false, width: None, json: true, text: json };
        objects.flush()
    }
}

/// Expressions of every kind, for the fuzzers to begin with.
pub const EXPRESSIONS: [&str; 16] = [
    "tcp",
    "!(arp or icmp) && udp.port == 8005",
    "tcp.port in {80, 443, 8000..8010}",
    "ip.addr == 10.0.5.0/24",
    "ipv6.dst == fd00:5::/64 or eth.src == 02:00:00:00:05:01",
    "eth.addr[0:3] == 02:00:00",
    "tcp.flags & 0x02",
    "tcp.flags.syn == 1 and not tcp.flags.ack",
    "frame.len > 100 and frame.time_relative < 0.5",
    "tcp.payload contains \"hello\"",
    "tcp.payload contains 48:65:6c",
    "ip.src != ip.dst",
    "tcp.srcport == tcp.dstport",
    "igmp.maddr == 239.1.2.3",
    "ip.ttl <= 64 xor udp",
    "tcp.flags.str matches \"S\" or upper(tcp.flags.str) == \"A\"",
];

/// A capture file of any bytes, read at once and in drips: the same frames, the same ending.
pub fn files(input: &[u8]) {
    let whole = opened(Box::new(Cursor::new(input.to_vec())));
    let drips = opened(Box::new(Drips(Cursor::new(input.to_vec()))));
    match (whole, drips) {
        (Ok(mut whole), Ok(mut drips)) => assert_eq!(digest(&mut whole), digest(&mut drips), "drips read otherwise"),
        (Err(whole), Err(drips)) => assert_eq!(whole.to_string(), drips.to_string(), "drips fail otherwise"),
        (whole, drips) => panic!("at once {:?}, in drips {:?}", whole.err(), drips.err()),
    }
    if let Ok(mut capture) = opened(Box::new(Cursor::new(input.to_vec()))) {
        show(&mut capture, input.len() as u8);
    }
}

fn opened(input: Box<dyn Read + Send>) -> Result<Capture, Error> {
    Capture::new(input, "the input".into(), None, false)
}

/// All that a reader hands out, as text that can be compared.
fn digest(source: &mut dyn Source) -> Vec<String> {
    let mut told = Vec::new();
    while told.len() < MOST_FRAMES as usize {
        match source.advance() {
            Ok(Some(time)) => told.push(format!("{time:?} {:?}", source.frame())),
            Ok(None) => break,
            Err(error) => {
                told.push(error.to_string());
                break;
            }
        }
    }
    told.push(format!("{:?}", source.interfaces()));
    told
}

/// Hands out a byte or a few at a time, as a pipe may.
struct Drips(Cursor<Vec<u8>>);

impl Read for Drips {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = 1 + self.0.position() as usize % 7;
        let room = buffer.len().min(most);
        self.0.read(&mut buffer[..room])
    }
}

/// Shows every packet in one of the views, which `view` chooses; one at a time is what makes fuzzing fast.
fn show(source: &mut dyn Source, view: u8) {
    prepare();
    let colored = view >= 128;
    let palette = Palette::new(colored);
    let page = |width| Page { colored, width, json: false, text: Vec::new() };
    let view: Box<dyn Sink> = match view % VIEWS {
        0 => Box::new(Lines::new(page(None), options(palette, None, lines::Time::Relative))),
        1 => Box::new(Lines::new(page(Some(80)), options(palette, Some(80), lines::Time::Delta))),
        2 => Box::new(Tree::new(page(None), palette).width(80).with_hex(true)),
        3 => Box::new(Hex::new(page(None), palette)),
        4 => Box::new(Json::new(Page { colored: false, width: None, json: true, text: Vec::new() })),
        5 => Box::new(Explained { page: page(Some(80)), options: explained(palette, 80, false) }),
        6 => Box::new(Explained { page: page(Some(100)), options: explained(palette, 100, true) }),
        7 => Box::new(Told { story: Ladder::default(), page: page(Some(80)), look: charted(palette) }),
        8 => Box::new(Lines::new(page(Some(100)), options(palette, Some(100), lines::Time::Epoch))),
        9 => Box::new(Values::new(Page { colored: false, width: None, json: false, text: Vec::new() }, every_field())),
        10 => Box::new(Heard { lans: Lans::new(), palette, page: page(None) }),
        _ => Box::new(carried::Carried::default()),
    };
    let mut first = First { view, packets: 0 };
    // Writing to a Page cannot fail, and a source that ends early is no fault here.
    pipeline::run(source, &mut FlowTable::new(), &mut first).expect("a page takes everything");
}

fn options(palette: Palette, width: Option<usize>, time: lines::Time) -> lines::Options {
    lines::Options { time, palette, width, words: &words::ENGLISH }
}

fn explained(palette: Palette, width: usize, ascii: bool) -> explain::Options {
    explain::Options { words: &words::ENGLISH, palette, width, ascii, only: Vec::new() }
}

fn charted(palette: Palette) -> Look {
    Look { width: 80, palette, ascii: false, states: true }
}

/// Explains every packet.
struct Explained {
    page: Page,
    options: explain::Options,
}

impl Sink for Explained {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        // Explanations are long: the first packets are enough for an input.
        if packet.frame.number > 4 {
            return Ok(Next::Stop);
        }
        let mut out = Vec::new();
        explain::write(packet, known, &self.options, &mut out);
        let out = if self.options.ascii { explain::ascii(&out) } else { out };
        self.page.write_all(&out)?;
        Ok(Next::GoOn)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.page.flush()
    }
}

/// Draws the story of all packets at the end.
struct Told {
    story: Ladder,
    page: Page,
    look: Look,
}

impl Sink for Told {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        self.story.packet(packet, known)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.story.draw(&mut self.page, self.look)?;
        self.page.flush()?;
        // A sentence, not a row of the chart.
        self.story.summary(&mut io::sink())
    }
}

fn every_field() -> Vec<Resolved> {
    static FIELDS: OnceLock<Vec<Resolved>> = OnceLock::new();
    let resolve = || {
        let mut names: Vec<&str> = field::all().map(|entry| entry.name()).collect();
        names.dedup();
        names.into_iter().filter_map(|name| field::resolve(name).ok()).collect()
    };
    FIELDS.get_or_init(resolve).clone()
}

/// The first packets of a run, in a view.
struct First {
    view: Box<dyn Sink>,
    packets: u64,
}

impl Sink for First {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        self.packets += 1;
        if self.view.packet(packet, known)? == Next::Stop {
            return Ok(Next::Stop);
        }
        Ok(if self.packets == MOST_FRAMES { Next::Stop } else { Next::GoOn })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.view.flush()
    }
}

/// A terminal that trusts nobody: it panics at what would act on a real one, and at lines that are too long.
struct Page {
    colored: bool,
    width: Option<usize>,
    /// Every line has to be a JSON object.
    json: bool,
    text: Vec<u8>,
}

impl Page {
    fn check(&self) {
        let text = std::str::from_utf8(&self.text).expect("output is UTF-8");
        let text = if self.colored { without_colors(text) } else { text.to_owned() };
        for line in text.lines() {
            let acts = |c: char| {
                let bidirectional =
                    matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
                (c.is_control() && c != '\t') || bidirectional
            };
            assert!(!line.contains(acts), "acts on a terminal: {line:?}");
            if self.json {
                let object = serde_json::from_str::<serde_json::Value>(line);
                assert!(object.as_ref().is_ok_and(serde_json::Value::is_object), "{object:?}: {line}");
            }
            if let Some(width) = self.width {
                let columns = unicode_width::UnicodeWidthStr::width(line);
                assert!(columns <= width.max(needed(line)), "{columns} columns, not {width}: {line}");
            }
        }
    }
}

/// Columns up to the protocol: two long IPv6 addresses do not fit into 80, and cutting an address would be a lie.
fn needed(line: &str) -> usize {
    if line.starts_with("Packet ") {
        // A headline: as many words as things happened at once.
        return usize::MAX;
    }
    let Some((before, after)) = line.split_once(" → ") else { return 0 };
    let column = after.split_inclusive(' ').scan(0, |words, part| {
        *words += usize::from(part != " ");
        (*words <= 2).then_some(part)
    });
    unicode_width::UnicodeWidthStr::width(before) + 3 + column.map(unicode_width::UnicodeWidthStr::width).sum::<usize>()
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.check();
        self.text.clear();
        Ok(())
    }
}

/// Takes out what our own palette writes: ESC [ digits and semicolons m.
fn without_colors(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        plain.push_str(&rest[..at]);
        let code = &rest[at + 2..];
        let end = code.find(|c: char| !(c.is_ascii_digit() || c == ';')).unwrap_or(code.len());
        assert!(code[end..].starts_with('m'), "an escape sequence that is no colour");
        rest = &code[end + 1..];
    }
    plain.push_str(rest);
    plain
}

/// The link types that `decode` chooses from; the last is one that nobody decodes.
pub const LINKS: [LinkType; 9] = [
    LinkType::ETHERNET,
    LinkType::LINUX_SLL2,
    LinkType::LINUX_SLL,
    LinkType::NULL,
    LinkType::LOOP,
    LinkType::RAW,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType(147),
];

/// The frames that an input of `decode` describes.
struct Frames<'a> {
    rest: &'a [u8],
    data: &'a [u8],
    odd: u8,
    link: LinkType,
    time: Timestamp,
    interfaces: Vec<Interface>,
}

impl<'a> Frames<'a> {
    fn new(input: &'a [u8]) -> Self {
        let interface = |link: &LinkType| Interface { name: None, link: *link, snap_length: 0 };
        Self {
            rest: input,
            data: &[],
            odd: 0,
            link: LINKS[0],
            time: Timestamp(1_700_000_000_000_000_000),
            interfaces: LINKS.iter().map(interface).collect(),
        }
    }
}

impl Source for Frames<'_> {
    fn advance(&mut self) -> Result<Option<Timestamp>, Error> {
        let Some(([kind, high, low], rest)) = self.rest.split_first_chunk::<3>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        (self.data, self.rest) = rest.split_at(length);
        self.link = LINKS[usize::from(kind & 0x0F) % LINKS.len()];
        self.odd = kind >> 4;
        let step = match self.odd & 3 {
            0 => 1_000,
            1 => 250_000_000,
            2 => -1_000_000,
            _ => 40_000_000_000,
        };
        self.time = Timestamp(self.time.0.saturating_add(step));
        Ok(Some(self.time))
    }

    fn frame(&self) -> Frame<'_> {
        // Cut by a snap length, or without a time.
        let (cut, timeless) = (self.odd & 4 != 0, self.odd & 8 != 0);
        Frame {
            number: 0,
            time: (!timeless).then_some(self.time),
            link: self.link,
            interface: LINKS.iter().position(|link| *link == self.link).unwrap_or(0) as u32,
            length: self.data.len() as u32 + if cut { 100 } else { 0 },
            data: self.data,
            comment: &[],
        }
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }
}

/// The input of `decode` that shows the frames of a capture in a view: what the fuzzers begin with.
pub fn as_frames(view: u8, source: &mut dyn Source) -> Vec<u8> {
    let mut input = vec![view];
    while let Ok(Some(_)) = source.advance() {
        let frame = source.frame();
        let link = LINKS.iter().position(|link| *link == frame.link).unwrap_or(LINKS.len() - 1) as u8;
        let cut = if frame.length as usize > frame.data.len() { 4 << 4 } else { 0 };
        input.push(link | cut);
        input.extend_from_slice(&(frame.data.len().min(0xFFFF) as u16).to_be_bytes());
        input.extend_from_slice(&frame.data[..frame.data.len().min(0xFFFF)]);
    }
    input
}
