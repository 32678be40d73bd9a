//! Feeds packets to the readers of their conversations and gathers the messages.

mod reader;
mod undecided;

use std::collections::HashMap;

use super::body::Budget;
use super::output::Output;
use super::tftp::{self, Tftp};
use super::transfer::{Data, Transfers};
use super::{Bytes, Carried, Conversation, Limits, Message, What};
use crate::flow::key::{Direction, Key};
use crate::flow::stream::{Assembler, Segment, is_fragment};
use crate::flow::{Event, Known, Transport};
use crate::wire::tcp::Flags;
use crate::wire::{Layers, Packet, Protocol, decode};
use reader::{Heard, Reader};
use undecided::Undecided;

/// What was left out, to bound the memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Messages for whose heads there was no room.
    pub messages: u64,
    /// Connections that were read no further because too many others came.
    pub connections: u64,
}

/// All messages of a capture.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// By their numbers.
    pub messages: Vec<Message>,
    pub left_out: LeftOut,
}

/// A TCP connection that is read.
pub(super) struct Connection {
    conversation: Conversation,
    /// Which way the client's packets go.
    client: Direction,
    assembler: Assembler,
    heard: Heard,
    /// The last frame of it.
    frame: u64,
}

/// Gathers the messages of a capture.
pub struct Collector {
    limits: Limits,
    connections: HashMap<u32, Box<Connection>>,
    /// Bytes that wait in all connections.
    waiting: usize,
    /// A bit for each conversation of TCP that is read no more.
    over: Vec<u64>,
    shared: Shared,
    tftp: Tftp,
}

/// What all readers put their messages into.
struct Shared {
    budget: Budget,
    transfers: Transfers,
    begun: u32,
    messages: Vec<Message>,
    left_out: LeftOut,
}

impl Shared {
    fn output(&mut self, conversation: Conversation, frame: u64) -> Output<'_> {
        let Self { budget, transfers, begun, messages, left_out } = self;
        Output { budget, left_out, transfers, conversation, frame, begun, messages }
    }
}

impl Collector {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            connections: HashMap::new(),
            waiting: 0,
            over: Vec::new(),
            shared: Shared {
                budget: Budget::new(limits.kept, limits.body),
                transfers: Transfers::default(),
                begun: 0,
                messages: Vec::new(),
                left_out: LeftOut::default(),
            },
            tftp: Tftp::default(),
        }
    }

    /// Takes in the next packet and what the flow table knows of it. Where its data lies in what its sender says, if it
    /// belongs to a TCP connection that is read.
    pub fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> Option<Carried> {
        if let Some(facts) = known.facts.tcp
            && !self.is_over(facts.stream)
            && let Some(at) = packet.find(Protocol::Tcp).filter(|at| !at.layer.quoted)
            && !is_fragment(packet, at.index)
            && let Some((key, direction)) = Key::new(&at)
        {
            let connection = self.connection(facts.stream, key, direction, facts.from_client);
            let from_client = connection.client == direction;
            return Segment::new(&at, from_client).and_then(|segment| self.segment(facts.stream, &segment));
        }
        self.datagram(packet, known.facts.udp_stream);
        for event in known.events {
            if let Event::Datagram(whole) = event {
                let mut layers = Layers::new();
                self.datagram(&decode(whole.frame(&packet.frame), &mut layers), None);
            }
        }
        None
    }

    /// A packet that may hold a datagram of TFTP.
    fn datagram(&mut self, packet: &Packet<'_>, stream: Option<u32>) {
        let asks = packet.find(Protocol::Tftp).is_some();
        if !asks && self.tftp.is_idle() {
            return;
        }
        let Some(at) = packet.find(Protocol::Udp).filter(|at| !at.layer.quoted) else { return };
        let (Some((source, destination)), false) = (packet.addresses(at.index), is_fragment(packet, at.index)) else {
            return;
        };
        let (Some(from), Some(to)) = (at.u16(0), at.u16(2)) else { return };
        let data = at.content();
        let length = at.layer.end.saturating_sub(at.layer.start + at.layer.header);
        let frame = packet.frame.number;
        let datagram = tftp::Datagram {
            source: (source, from),
            destination: (destination, to),
            stream,
            bytes: Bytes { data, offset: 0, frame, time: packet.frame.time },
            cut: u64::from(length).saturating_sub(data.len() as u64),
        };
        let conversation = Conversation {
            transport: Transport::Udp,
            stream: stream.unwrap_or_default(),
            client: datagram.source,
            server: datagram.destination,
        };
        let mut out = self.shared.output(conversation, frame);
        if asks {
            self.tftp.request(&datagram, &mut out);
        } else {
            self.tftp.datagram(&datagram, &mut out);
        }
    }

    fn is_over(&self, stream: u32) -> bool {
        self.over.get(stream as usize / 64).is_some_and(|word| word >> (stream % 64) & 1 != 0)
    }

    /// Reads no more of a connection.
    fn forget(&mut self, stream: u32) {
        let place = stream as usize / 64;
        if place >= self.over.len() {
            self.over.resize(place + 1, 0);
        }
        if let Some(word) = self.over.get_mut(place) {
            *word |= 1 << (stream % 64);
        }
        if let Some(connection) = self.connections.remove(&stream) {
            self.waiting = self.waiting.saturating_sub(connection.assembler.kept());
        }
    }

    pub(super) fn connection(
        &mut self,
        stream: u32,
        key: Key,
        direction: Direction,
        from_client: bool,
    ) -> &mut Connection {
        if !self.connections.contains_key(&stream) && self.connections.len() >= self.limits.connections {
            self.make_room();
        }
        let waiting = self.limits.waiting / 4;
        let transfers = &mut self.shared.transfers;
        self.connections.entry(stream).or_insert_with(|| {
            let client = if from_client { direction } else { direction.reverse() };
            let [low, high] = key.ends();
            let (client_end, server_end) = if client == Direction::Up { (low, high) } else { (high, low) };
            let conversation =
                Conversation { transport: Transport::Tcp, stream, client: client_end, server: server_end };
            let reader = match transfers.connect(server_end) {
                Some(transfer) => Reader::Data(Box::new(Data::of(transfer))),
                None => Reader::Undecided(Undecided::default()),
            };
            let heard = Heard::new(reader);
            let assembler = Assembler::without_copies(waiting);
            Box::new(Connection { conversation, client, assembler, heard, frame: 0 })
        })
    }

    pub(super) fn segment(&mut self, stream: u32, segment: &Segment<'_>) -> Option<Carried> {
        let Self { connections, shared, .. } = self;
        let connection = connections.get_mut(&stream)?;
        let Connection { conversation, assembler, heard, frame, .. } = &mut **connection;
        *frame = segment.frame;
        if segment.flags.any(Flags::SYN)
            && let Reader::Undecided(undecided) = &mut heard.reader
        {
            undecided.begins(segment.from_client);
        }
        let before = assembler.kept();
        let mut out = shared.output(*conversation, segment.frame);
        assembler.segment(segment, &mut |item| heard.item(item, &mut out));
        out.hand_out_transfers(false);
        let start = assembler.place(segment).offset.and_then(|offset| u64::try_from(offset).ok());
        if segment.flags.any(Flags::FIN) && !segment.flags.any(Flags::RST) {
            let end = heard.end.at(segment.from_client);
            *end = end.or(start.map(|start| start.saturating_add(segment.length.into())));
        }
        self.waiting = (self.waiting + assembler.kept()).saturating_sub(before);
        if heard.reader.is_over() || heard.is_complete() {
            self.finish_one(stream);
        } else if self.waiting > self.limits.waiting {
            self.relieve();
        }
        let Segment { from_client, frame, length, .. } = *segment;
        let offset = start.filter(|_| length > 0 && !segment.flags.any(Flags::RST))?;
        Some(Carried { stream, from_client, frame, offset, length })
    }

    /// Gives up the holes of all connections: what waits behind them takes too much memory.
    fn relieve(&mut self) {
        let Self { connections, shared, .. } = self;
        let mut streams: Vec<u32> = connections.keys().copied().collect();
        streams.sort_unstable();
        for stream in streams {
            let Some(connection) = connections.get_mut(&stream) else { continue };
            let Connection { conversation, assembler, heard, frame, .. } = &mut **connection;
            let mut out = shared.output(*conversation, *frame);
            assembler.relieve(&mut |item| heard.item(item, &mut out));
        }
        self.waiting = self.connections.values().map(|connection| connection.assembler.kept()).sum();
    }

    /// Ends the connections that were silent for longest, an eighth of them.
    fn make_room(&mut self) {
        let mut silent: Vec<(u64, u32)> =
            self.connections.iter().map(|(stream, connection)| (connection.frame, *stream)).collect();
        silent.sort_unstable();
        let leaving = silent.len().div_ceil(8);
        for (_, stream) in silent.into_iter().take(leaving) {
            let is_read = |connection: &Connection| {
                let Heard { reader, end, .. } = &connection.heard;
                let is_closed = end.client.is_some() && end.server.is_some();
                !is_closed && !matches!(reader, Reader::Undecided(_))
            };
            let read = self.connections.get(&stream).is_some_and(|connection| is_read(connection));
            self.shared.left_out.connections += u64::from(read);
            self.finish_one(stream);
        }
    }

    fn finish_one(&mut self, stream: u32) {
        let Self { connections, shared, .. } = self;
        if let Some(connection) = connections.get_mut(&stream) {
            let Connection { conversation, assembler, heard, frame, .. } = &mut **connection;
            let kept = assembler.kept();
            let mut out = shared.output(*conversation, *frame);
            assembler.finish(&mut |item| heard.item(item, &mut out));
            heard.finish(&mut out);
            self.waiting = (self.waiting + assembler.kept()).saturating_sub(kept);
        }
        self.forget(stream);
    }

    /// All messages, numbered.
    pub fn finish(mut self) -> Found {
        let mut streams: Vec<u32> = self.connections.keys().copied().collect();
        streams.sort_unstable();
        for stream in streams {
            self.finish_one(stream);
        }
        let nobody = ((crate::wire::Address::V4([0; 4])), 0);
        let conversation = Conversation { transport: Transport::Tcp, stream: 0, client: nobody, server: nobody };
        let mut out = self.shared.output(conversation, 0);
        out.hand_out_transfers(true);
        self.tftp.finish(&mut out);
        let Shared { mut messages, left_out, .. } = self.shared;
        number(&mut messages);
        Found { messages, left_out }
    }
}

/// Numbers messages in the order of the packets that hold their first bytes, and what speaks of them alike.
fn number(messages: &mut [Message]) {
    messages.sort_by_key(|message| {
        let Conversation { transport, stream, .. } = message.conversation;
        (message.place.first, transport, stream, !message.from_client, message.place.offset)
    });
    let numbers: HashMap<u32, u32> =
        messages.iter().zip(1..).map(|(message, number)| (message.number, number)).collect();
    let mut answers = HashMap::new();
    for message in messages.iter_mut() {
        message.number = numbers.get(&message.number).copied().unwrap_or_default();
        if let What::Response { asked: Some(asked), code, .. } = &mut message.what {
            asked.number = numbers.get(&asked.number).copied().unwrap_or_default();
            // The last one is the answer: those before it say that it will come.
            if *code >= 200 || *code == 101 {
                answers.insert(asked.number, message.number);
            }
        }
    }
    for message in messages {
        if let What::Request { answer, .. } = &mut message.what {
            *answer = answers.get(&message.number).copied();
        }
    }
}
