//! Feeds packets to the readers of their conversations and gathers the messages.

mod undecided;

use std::collections::HashMap;

use super::body::{Body, Budget};
use super::http::Http;
use super::smtp::Smtp;
use super::{Bytes, Conversation, Limits, Message, Place, What};
use crate::flow::key::{Direction, Key};
use crate::flow::stream::{Assembler, Item, Segment, is_fragment};
use crate::flow::{Known, Transport};
use crate::wire::tcp::Flags;
use crate::wire::{Packet, Protocol};
use undecided::Undecided;

/// What a message costs besides its texts.
const COST: usize = size_of::<Message>();

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

/// One value for the client's stream and one for the server's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ways<T> {
    client: T,
    server: T,
}

impl<T: Copy> Ways<T> {
    pub(super) fn of(&self, from_client: bool) -> T {
        if from_client { self.client } else { self.server }
    }

    fn at(&mut self, from_client: bool) -> &mut T {
        if from_client { &mut self.client } else { &mut self.server }
    }
}

/// A message that is being read.
pub(super) struct Draft {
    pub number: u32,
    pub from_client: bool,
    pub place: Place,
    pub body: Body,
}

/// Where readers put their messages.
pub(super) struct Output<'a> {
    pub budget: &'a mut Budget,
    pub left_out: &'a mut LeftOut,
    conversation: Conversation,
    begun: &'a mut u32,
    messages: &'a mut Vec<Message>,
}

impl Output<'_> {
    /// A message begins with these bytes.
    pub(super) fn begin(&mut self, bytes: &Bytes<'_>, from_client: bool) -> Draft {
        *self.begun = self.begun.saturating_add(1);
        Draft { number: *self.begun, from_client, place: Place::of(bytes), body: Body::default() }
    }

    /// A message is over.
    pub(super) fn message(&mut self, application: Protocol, draft: Draft, what: What) {
        let Draft { number, from_client, place, body } = draft;
        // A head has been taken into account while it was read.
        let texts = match &what {
            What::Request { .. } => 0,
            What::Response { asked, .. } => {
                asked.as_ref().map_or(0, |asked| asked.method.len() + asked.target.len() + asked.host.len())
            }
            What::Mail(envelope) => {
                let to: usize = envelope.to.iter().map(|to| to.len() + size_of::<Vec<u8>>()).sum();
                envelope.from.len() + to + envelope.reply.len() + envelope.command.len()
            }
            What::File(file) => file.name.len() + file.command.len() + file.reply.len(),
        };
        if !self.budget.takes(COST + texts) {
            self.left_out.messages += 1;
            return;
        }
        let conversation = self.conversation;
        self.messages.push(Message { number, application, conversation, from_client, place, what, body });
    }
}

/// What reads both streams of a connection.
enum Reader {
    Undecided(Undecided),
    Http(Box<Http>),
    Smtp(Box<Smtp>),
    /// Nothing of it is read any more.
    Over,
}

impl Reader {
    fn is_over(&self) -> bool {
        match self {
            Self::Undecided(_) => false,
            Self::Http(reader) => reader.is_over(),
            Self::Smtp(reader) => reader.is_over(),
            Self::Over => true,
        }
    }

    fn bytes(&mut self, from_client: bool, bytes: Bytes<'_>, out: &mut Output<'_>) {
        match self {
            Self::Undecided(undecided) => {
                let ends = (out.conversation.client.1, out.conversation.server.1);
                let ports = if from_client { [ends.0, ends.1] } else { [ends.1, ends.0] };
                if let Some(application) = undecided.look(from_client, &bytes, ports) {
                    let undecided = std::mem::take(undecided);
                    *self = Self::of(application, &undecided);
                    for (from_client, bytes) in undecided.heard() {
                        self.bytes(from_client, bytes, out);
                    }
                }
            }
            Self::Http(reader) => reader.bytes(from_client, bytes, out),
            Self::Smtp(reader) => reader.bytes(from_client, bytes, out),
            Self::Over => {}
        }
    }

    fn of(application: Protocol, undecided: &Undecided) -> Self {
        match application {
            Protocol::Http => {
                let mut reader = Http::default();
                for from_client in [true, false] {
                    if !undecided.has_all() {
                        reader.begins_within(from_client);
                    }
                }
                Self::Http(Box::new(reader))
            }
            Protocol::Smtp => Self::Smtp(Box::default()),
            _ => Self::Over,
        }
    }

    fn gap(&mut self, from_client: bool, length: u64, out: &mut Output<'_>) {
        match self {
            Self::Undecided(undecided) => undecided.gap(),
            Self::Http(reader) => reader.gap(from_client, length, out),
            Self::Smtp(reader) => reader.gap(from_client, length, out),
            Self::Over => {}
        }
    }

    fn finish(&mut self, closed: Ways<bool>, out: &mut Output<'_>) {
        match self {
            Self::Undecided(_) | Self::Over => {}
            Self::Http(reader) => reader.finish(closed, out),
            Self::Smtp(reader) => reader.finish(out),
        }
    }
}

/// What is heard of a connection behind reassembly.
struct Heard {
    reader: Reader,
    /// Offset of the byte that comes next.
    next: Ways<u64>,
    /// Behind the last byte that is known to be missing.
    missing: Ways<u64>,
    /// The stream ended with a FIN.
    closed: Ways<bool>,
}

impl Heard {
    fn item(&mut self, item: Item<'_>, out: &mut Output<'_>) {
        match item {
            Item::Bytes(chunk) => {
                let next = std::mem::replace(
                    self.next.at(chunk.from_client),
                    chunk.offset.saturating_add(chunk.data.len() as u64),
                );
                if chunk.offset > next {
                    self.reader.gap(chunk.from_client, chunk.offset - next, out);
                }
                let bytes = Bytes { data: chunk.data, offset: chunk.offset, frame: chunk.frame, time: chunk.time };
                self.reader.bytes(chunk.from_client, bytes, out);
            }
            // Bytes that are told as missing may still come: what counts is where the next ones stand.
            Item::Missing(missing) => {
                let end = self.missing.at(missing.from_client);
                *end = (*end).max(missing.offset.saturating_add(missing.length));
            }
            Item::Differs(_) | Item::Late(_) => {}
        }
    }

    fn finish(&mut self, out: &mut Output<'_>) {
        for from_client in [true, false] {
            let (next, missing) = (self.next.of(from_client), self.missing.of(from_client));
            if missing > next {
                self.reader.gap(from_client, missing - next, out);
            }
        }
        self.reader.finish(self.closed, out);
    }
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
    budget: Budget,
    connections: HashMap<u32, Box<Connection>>,
    /// Bytes that wait in all connections.
    waiting: usize,
    /// A bit for each conversation of TCP that is read no more.
    over: Vec<u64>,
    begun: u32,
    messages: Vec<Message>,
    left_out: LeftOut,
}

impl Collector {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            budget: Budget::new(limits.kept, limits.body),
            connections: HashMap::new(),
            waiting: 0,
            over: Vec::new(),
            begun: 0,
            messages: Vec::new(),
            left_out: LeftOut::default(),
        }
    }

    /// Takes in the next packet and what the flow table knows of it.
    pub fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) {
        if let Some(facts) = known.facts.tcp
            && !self.is_over(facts.stream)
            && let Some(at) = packet.find(Protocol::Tcp).filter(|at| !at.layer.quoted)
            && !is_fragment(packet, at.index)
            && let Some((key, direction)) = Key::new(&at)
        {
            let connection = self.connection(facts.stream, key, direction, facts.from_client);
            let from_client = connection.client == direction;
            if let Some(segment) = Segment::new(&at, from_client) {
                self.segment(facts.stream, &segment);
            }
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
        self.connections.entry(stream).or_insert_with(|| {
            let client = if from_client { direction } else { direction.reverse() };
            let [low, high] = key.ends();
            let (client_end, server_end) = if client == Direction::Up { (low, high) } else { (high, low) };
            let conversation =
                Conversation { transport: Transport::Tcp, stream, client: client_end, server: server_end };
            let heard = Heard {
                reader: Reader::Undecided(Undecided::default()),
                next: Ways::default(),
                missing: Ways::default(),
                closed: Ways::default(),
            };
            let assembler = Assembler::without_copies(waiting);
            Box::new(Connection { conversation, client, assembler, heard, frame: 0 })
        })
    }

    pub(super) fn segment(&mut self, stream: u32, segment: &Segment<'_>) {
        let Self { connections, budget, begun, messages, left_out, .. } = self;
        let Some(connection) = connections.get_mut(&stream) else { return };
        let Connection { conversation, assembler, heard, frame, .. } = &mut **connection;
        *frame = segment.frame;
        if segment.flags.any(Flags::SYN)
            && let Reader::Undecided(undecided) = &mut heard.reader
        {
            undecided.begins(segment.from_client);
        }
        let before = assembler.kept();
        let mut out = Output { budget, left_out, conversation: *conversation, begun, messages };
        assembler.segment(segment, &mut |item| heard.item(item, &mut out));
        if segment.flags.any(Flags::FIN) {
            *heard.closed.at(segment.from_client) = true;
        }
        self.waiting = (self.waiting + assembler.kept()).saturating_sub(before);
        if heard.reader.is_over() {
            self.finish_one(stream);
        } else if self.waiting > self.limits.waiting {
            self.relieve();
        }
    }

    /// Gives up the holes of all connections: what waits behind them takes too much memory.
    fn relieve(&mut self) {
        let Self { connections, budget, begun, messages, left_out, .. } = self;
        let mut streams: Vec<u32> = connections.keys().copied().collect();
        streams.sort_unstable();
        for stream in streams {
            let Some(connection) = connections.get_mut(&stream) else { continue };
            let Connection { conversation, assembler, heard, .. } = &mut **connection;
            let mut out = Output { budget, left_out, conversation: *conversation, begun, messages };
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
                let Heard { reader, closed, .. } = &connection.heard;
                let is_closed = closed.client && closed.server;
                !is_closed && !matches!(reader, Reader::Undecided(_))
            };
            let read = self.connections.get(&stream).is_some_and(|connection| is_read(connection));
            self.left_out.connections += u64::from(read);
            self.finish_one(stream);
        }
    }

    fn finish_one(&mut self, stream: u32) {
        let Self { connections, budget, begun, messages, left_out, .. } = self;
        if let Some(connection) = connections.get_mut(&stream) {
            let Connection { conversation, assembler, heard, .. } = &mut **connection;
            let kept = assembler.kept();
            let mut out = Output { budget, left_out, conversation: *conversation, begun, messages };
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
        let Self { mut messages, left_out, .. } = self;
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
