//! Decoding and the outputs: ten thousand packets of many conversations, made here and the same at every run.
//!
//! `cargo bench --bench views`; a name as argument chooses: `cargo bench --bench views -- json`.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use etherparse::{PacketBuilder, TcpOptionElement};
use netlab::field;
use netlab::filter::Filter;
use netlab::flow::{Facts, FlowTable};
use netlab::frame::{Error, Frame, Interface, LinkType, Source, Timestamp};
use netlab::pipeline::{self, Sink};
use netlab::view::json::Json;
use netlab::view::lines::{Lines, Options, Time};
use netlab::view::style::Palette;
use netlab::view::tree::Tree;
use netlab::view::values::Values;
use netlab::view::words;
use netlab::wire::{self, Layers};

fn main() {
    divan::main();
}

const PACKETS: usize = 10_000;

/// Frames in memory, as a source.
struct Capture {
    bytes: Vec<u8>,
    /// Where each frame ends.
    ends: Vec<usize>,
    next: usize,
}

impl Capture {
    /// Conversations of twenty packets over TCP and IPv4, every fourth over IPv6, with pings and datagrams between.
    fn new() -> Self {
        let mut capture = Self { bytes: Vec::new(), ends: Vec::with_capacity(PACKETS), next: 0 };
        let text = "The quick brown fox jumps over the lazy dog. ".repeat(32);
        for conversation in 0.. {
            for turn in 0..20_u32 {
                if capture.ends.len() == PACKETS {
                    return capture;
                }
                capture.add(conversation, turn, text.as_bytes());
            }
        }
        capture
    }

    fn add(&mut self, conversation: u32, turn: u32, text: &[u8]) {
        let (client, server) = ([2, 0, 0, 0, 5, 1], [2, 0, 0, 0, 5, 2]);
        let asks = turn.is_multiple_of(2);
        let (source, target) = if asks { (client, server) } else { (server, client) };
        let ethernet = PacketBuilder::ethernet2(source, target);
        let [_, _, high, low] = conversation.to_be_bytes();
        let (here, there) = if asks { (1, 2) } else { (2, 1) };
        let port = 40_000 + (conversation % 20_000) as u16;
        let (from, to) = if asks { (port, 8005) } else { (8005, port) };
        let network = if conversation % 4 == 3 {
            let address = |end| [0xFD, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, high, low, 0, end];
            ethernet.ipv6(address(here), address(there), 64)
        } else {
            ethernet.ipv4([10, high, low, here], [10, high, low, there], 64)
        };
        let payload = &text[..(turn as usize * 131 + conversation as usize) % text.len()];
        let written = match turn {
            5 => network.udp(from, to).write(&mut self.bytes, payload),
            7 if conversation % 4 != 3 => network.icmpv4_echo_request(7, turn as u16).write(&mut self.bytes, payload),
            _ => {
                let tcp = network.tcp(from, to, 1_000 * turn, 64_240);
                let tcp = match turn {
                    0 => tcp.syn(),
                    1 => tcp.syn().ack(1),
                    18 | 19 => tcp.fin().ack(1_000 * turn),
                    _ => tcp.psh().ack(1_000 * turn),
                };
                let noop = TcpOptionElement::Noop;
                let options = [noop.clone(), noop, TcpOptionElement::Timestamp(1_000_000 + turn, 2_000_000 + turn)];
                let payload = if (2..18).contains(&turn) { payload } else { &[] };
                tcp.options(&options).expect("they fit").write(&mut self.bytes, payload)
            }
        };
        written.expect("writing to memory");
        self.ends.push(self.bytes.len());
    }

    fn rewind(&mut self) -> &mut Self {
        self.next = 0;
        self
    }
}

impl Source for Capture {
    fn advance(&mut self) -> Result<Option<Timestamp>, Error> {
        self.next += 1;
        Ok((self.next <= self.ends.len()).then(|| Timestamp(1_700_000_000_000_000_000 + self.next as i64 * 10_000)))
    }

    fn frame(&self) -> Frame<'_> {
        let start = if self.next > 1 { self.ends[self.next - 2] } else { 0 };
        let data = &self.bytes[start..self.ends[self.next - 1]];
        let time = Some(Timestamp(1_700_000_000_000_000_000 + self.next as i64 * 10_000));
        let number = self.next as u64;
        Frame { number, time, link: LinkType::ETHERNET, interface: 0, length: data.len() as u32, data, comment: &[] }
    }

    fn interfaces(&self) -> &[Interface] {
        &[]
    }
}

/// Times a run of all packets through a sink that is made anew for each.
fn through<S: Sink>(bencher: Bencher<'_, '_>, sink: impl Fn() -> S) {
    let mut capture = Capture::new();
    let bytes = capture.bytes.len();
    bencher.counter(ItemsCount::new(PACKETS)).counter(BytesCount::new(bytes)).bench_local(|| {
        let summary = pipeline::run(capture.rewind(), &mut FlowTable::new(), &mut sink()).expect("nothing to fail");
        assert_eq!(summary.frames, PACKETS as u64);
    });
}

fn lines_options() -> Options {
    Options { time: Time::Relative, palette: Palette::new(false), width: None, words: &words::ENGLISH }
}

#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let mut capture = Capture::new();
    let mut layers = Layers::new();
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        capture.rewind();
        while let Ok(Some(_)) = capture.advance() {
            black_box(wire::decode(capture.frame(), &mut layers));
        }
    });
}

#[divan::bench]
fn decode_and_follow(bencher: Bencher<'_, '_>) {
    let mut capture = Capture::new();
    let mut layers = Layers::new();
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        let mut table = FlowTable::new();
        capture.rewind();
        while let Ok(Some(_)) = capture.advance() {
            let packet = wire::decode(capture.frame(), &mut layers);
            black_box(table.ingest(&packet));
        }
    });
}

#[divan::bench]
fn lines(bencher: Bencher<'_, '_>) {
    through(bencher, || Lines::new(std::io::sink(), lines_options()));
}

#[divan::bench]
fn json(bencher: Bencher<'_, '_>) {
    through(bencher, || Json::new(std::io::sink()));
}

#[divan::bench]
fn tree(bencher: Bencher<'_, '_>) {
    through(bencher, || Tree::new(std::io::sink(), Palette::new(false)));
}

#[divan::bench]
fn fields(bencher: Bencher<'_, '_>) {
    let names = ["frame.number", "ip.src", "ip.dst", "tcp.srcport", "tcp.dstport", "tcp.len", "tcp.flags"];
    through(bencher, || {
        let fields = names.iter().map(|name| field::resolve(name).expect("a field of ours")).collect();
        Values::new(std::io::sink(), fields)
    });
}

/// A filter over every packet, with the decoding and following that come before it.
#[divan::bench(args = ["tcp.port == 8005", "ip.addr == 10.0.7.0/24 and tcp.flags.syn == 1", "tcp.payload contains \"lazy\""])]
fn filter(bencher: Bencher<'_, '_>, expression: &str) {
    let filter = Filter::parse(expression).expect("a filter");
    let mut capture = Capture::new();
    let mut layers = Layers::new();
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        let mut table = FlowTable::new();
        let mut taken = 0;
        capture.rewind();
        while let Ok(Some(_)) = capture.advance() {
            let packet = wire::decode(capture.frame(), &mut layers);
            let known = table.ingest(&packet);
            taken += u32::from(filter.matches(&packet, known.facts));
        }
        taken
    });
}

/// The filter alone, on packets that are decoded already.
#[divan::bench(args = [
    "tcp.flags.syn == 1",
    "tcp.port == 8005",
    "udp && ip.ttl < 5",
    "ip.addr == 10.0.0.0/8",
    "tcp.options.timestamp.tsval > 5",
    "tcp.payload contains \"lazy\"",
    "tcp.payload matches \"l[aeiou]zy\"",
])]
fn filter_alone(bencher: Bencher<'_, '_>, expression: &str) {
    const DECODED: usize = 500;
    let capture = Capture::new();
    let mut layers: Vec<Layers> = (0..DECODED).map(|_| Layers::new()).collect();
    let mut start = 0;
    let packets = capture.ends.iter().zip(&mut layers).map(|(end, layers)| {
        let data = &capture.bytes[start..*end];
        start = *end;
        let frame = Frame { link: LinkType::ETHERNET, length: data.len() as u32, data, ..Frame::empty() };
        wire::decode(frame, layers)
    });
    let packets: Vec<_> = packets.collect();
    let filter = Filter::parse(expression).expect("a filter");
    let facts = Facts::default();
    bencher
        .counter(ItemsCount::new(DECODED))
        .bench_local(|| packets.iter().filter(|packet| filter.matches(packet, &facts)).count());
}
