//! Any bytes as what an application says: by every row of the table, with and without its look at them.

use std::io;
use std::sync::Once;

use netlab::flow::secret::Places;
use netlab::flow::{FlowTable, Known};
use netlab::frame::{LinkType, Source};
use netlab::pipeline::{self, Next, Sink};
use netlab::view::hex;
use netlab::view::lines::{self, Lines};
use netlab::view::style::Palette;
use netlab::wire::application::{self, DecodeAs, Over, ROWS, Row, Wishes};
use netlab::wire::{self, At, Layers, Packet, Protocol, Value};

use super::packets::{self, Header, end};
use super::{Frames, Page};

/// The port that is decoded as the first row says, whatever is said there; those of the others follow.
const ASKED: u16 = 41_000;
/// Most bytes that one datagram or segment carries here.
const MOST: usize = 60_000;
/// Bytes of a line at most: numbers, and a few messages of which each is cut.
const LINE: usize = 8 << 10;
/// Bytes of a text at most that is put together.
const MADE: usize = 16 << 10;

/// Has a port for each row decoded as that row. Whatever decodes a packet has to come behind this.
pub fn prepare() {
    static ASK: Once = Once::new();
    ASK.call_once(|| {
        let rows = ROWS.iter().zip(ASKED..);
        let decode_as = rows.map(|(row, port)| DecodeAs { over: row.over, port, protocol: row.protocol }).collect();
        assert!(application::wish(Wishes { decode_as, show_secrets: false }), "a packet was decoded before");
    });
}

/// The first byte of `input` chooses a row, the second how: from the server (1), on a port of the row so that its look
/// decides (2), which of them (12), cut by the snap length (16). The rest is what is said.
pub fn applications(input: &[u8]) {
    prepare();
    let Some(([which, how], said)) = input.split_first_chunk() else { return };
    let index = usize::from(*which) % ROWS.len();
    let frame = frame(&ROWS[index], port(index, *how), *how, said);
    let (kind, length) = (if how & 16 == 0 { 0 } else { 4 << 4 }, (frame.len() as u16).to_be_bytes());
    let record = [&[kind], &length[..], &frame].concat();
    let page = Page { colored: false, width: Some(LINE), json: false, text: Vec::new() };
    let mut checked =
        Checked { lines: Lines::new(page, super::options(Palette::new(false), None, lines::Time::Relative)) };
    pipeline::run(&mut Frames::new(&record), &mut FlowTable::new(), &mut checked).expect("a page takes everything");
}

fn port(index: usize, how: u8) -> u16 {
    let own = ROWS[index].ports;
    match own.len() {
        0 => ASKED + index as u16,
        _ if how & 2 == 0 => ASKED + index as u16,
        count => own[usize::from(how >> 2 & 3) % count],
    }
}

/// Ethernet, IPv4, and UDP or TCP.
fn frame(row: &Row, port: u16, how: u8, said: &[u8]) -> Vec<u8> {
    let said = &said[..said.len().min(MOST)];
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    let (client, server) = (end([10, 0, 0, 1], 40_000), end([10, 0, 0, 2], port));
    let (from, to) = if how & 1 == 0 { (client, server) } else { (server, client) };
    let header = Header { sequence: 1, acknowledgment: 1, flags: 0x18 };
    match row.over {
        Over::Udp => packets::datagram(from, to, said, &mut frame),
        Over::Tcp => packets::segment(from, to, header, said, &mut frame),
    }
    frame
}

struct Checked {
    lines: Lines<Page>,
}

impl Sink for Checked {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        let mut layers = Layers::new();
        let plain = wire::decode_transport(packet.frame, &mut layers);
        let transport = |layer: &wire::Layer| matches!(layer.protocol, Protocol::Tcp | Protocol::Udp);
        let below = plain.layers.iter().position(transport).expect("a header that is whole") + 1;
        assert_eq!(packet.layers[..below], plain.layers[..below], "the layers below");
        for at in packet.each().take(below) {
            assert_eq!(values(&at), values(&plain.at(at.index).expect("the same layers")), "{:?}", at.layer.protocol);
        }
        let mut end = packet.layers[below - 1].start + packet.layers[below - 1].header;
        for at in packet.each().skip(below) {
            let layer = at.layer;
            assert!(layer.protocol.is_application() && layer.start >= end, "{layer:?} behind {end}");
            end = layer.start + layer.header;
            assert!(end as usize <= packet.frame.data.len().max(layer.end as usize), "{layer:?}");
            values(&at);
            let mut told = Vec::new();
            application::tell(&at, &mut told);
            assert!(told.len() <= at.header().len() * 8 + MADE, "{} bytes told of {layer:?}", told.len());
        }
        let places = Places::of(packet, known.facts);
        assert!(places.ranges().iter().all(|place| place.start < place.end && place.end <= packet.frame.data.len()));
        assert_eq!(known.facts.secrets.any, !places.is_empty());
        let mut dump = Vec::new();
        hex::write(packet, &places, Palette::new(false), &mut dump);
        let covered: usize = dump.windows(3).filter(|window| window == b" **").count();
        assert!(places.is_empty() || covered > 0, "secrets and none covered");
        self.lines.packet(packet, known)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lines.flush()
    }
}

/// The values of all fields of a layer: each in bounds, and not more of them than there are bytes.
fn values(at: &At<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for field in at.layer.protocol.fields() {
        let mut count = 0;
        field.each(at, &mut |value| {
            count += 1;
            let length = match value {
                Value::Text(text) | Value::Bytes(text) => text.len().saturating_sub(at.packet.frame.data.len()),
                Value::Made(made) => made.text().len(),
                _ => 0,
            };
            assert!(length <= MADE, "{} has {length} bytes", field.name);
            // What lies below is compared.
            if !at.layer.protocol.is_application() {
                all.push(format!("{} {value:?}", field.name));
            }
            true
        });
        assert!(count <= at.bytes().len() + 64, "{} has {count} values", field.name);
    }
    all
}

/// An input of `applications` for each message of a capture, as its sender said it.
pub fn as_messages(source: &mut dyn Source) -> Vec<Vec<u8>> {
    prepare();
    let mut inputs = Vec::new();
    while let Ok(Some(_)) = source.advance() {
        let mut layers = Layers::new();
        let packet = wire::decode(source.frame(), &mut layers);
        let is_application = |at: &At<'_>| at.layer.protocol.is_application() && at.layer.protocol != Protocol::Data;
        let Some(first) = packet.each().find(is_application) else { continue };
        let Some(below) = first.index.checked_sub(1).and_then(|index| packet.at(index)) else { continue };
        let over = if below.layer.protocol == Protocol::Udp { Over::Udp } else { Over::Tcp };
        let row = ROWS.iter().position(|row| row.over == over && row.protocol == first.layer.protocol);
        let from_server = row.zip(below.u16(0)).is_some_and(|(row, port)| ROWS[row].ports.contains(&port));
        if let Some(row) = row {
            let how = 2 | u8::from(from_server);
            inputs.push([&[row as u8, how], below.content()].concat());
        }
    }
    inputs
}

/// The link type of what is built here is the first that `decode` chooses from.
const _: () = assert!(super::LINKS[0].0 == LinkType::ETHERNET.0);
