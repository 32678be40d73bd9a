//! State over time: who talks with whom, and what each packet means to that conversation.
//!
//! Pure: the clock is the frames' own. [`FlowTable::ingest`] is fed every packet once, in order, and tells what it
//! means: [`Facts`] (numbers that need the past: stream index, relative sequence numbers) and [`Event`]s. Views never
//! ask back. Tables are bounded and count what they drop.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod analysis;
mod bounded;
pub mod conversation;
pub mod correlation;
pub mod course;
pub mod datagram;
pub mod event;
pub mod exchange;
mod facts;
pub mod fields;
pub mod ftp;
pub mod gist;
pub mod heartbeat;
mod hint;
mod http2;
mod icmp;
pub mod key;
pub mod matching;
mod media;
pub mod message;
pub mod mime;
mod mqtt;
pub mod multicast;
pub mod names;
mod programs;
mod reread;
pub mod rtp;
#[cfg(test)]
pub mod sample;
pub mod secret;
pub mod state;
pub mod stats;
pub mod stream;
pub mod table;
pub mod tcp;
pub mod tftp;
mod tls;
pub mod upgrade;
pub mod whole;

use crate::frame::{Frame, Timestamp};
use crate::process::{Ends, Programs};
use crate::wire::{self, At, Layers, Packet, Protocol, Stop, decode, udp};
pub use conversation::{Ending, Outline, Summary, Transport};
pub use event::{Event, Why};
pub use facts::Facts;
pub use fields::FIELDS;
pub use hint::{Hint, Seeker};
use key::Key;
use table::{Conversation, Table, Traffic};

/// Everything the flow table has to say about the packet it was just fed.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub facts: &'a Facts,
    pub events: &'a [Event],
    /// Conversations that had to leave, to bound the memory; only where [`FlowTable::keep_departed`] asked for them.
    pub departed: &'a [Summary],
    /// The names of addresses that were told so far; only where somebody wants them ([`names::Names::learn`]).
    pub names: Option<&'a names::Names>,
}

/// Conversations that are remembered where nobody says how many: with them, a run stays under 64 MiB.
const CONVERSATIONS: usize = 1 << 16;

/// Conversations and half-built datagrams.
pub struct FlowTable {
    tcp: Table<tcp::Connection>,
    udp: Table<()>,
    echo: Table<icmp::Echo>,
    secrets: secret::Watch,
    course: course::Watch,
    rereads: reread::Watches,
    datagrams: datagram::Datagrams,
    exchanges: exchange::Exchanges,
    streams: http2::Streams,
    first: Option<Timestamp>,
    previous: Option<Timestamp>,
    facts: Facts,
    events: Vec<Event>,
    departed: Vec<Summary>,
}

impl Default for FlowTable {
    fn default() -> Self {
        Self::new()
    }
}

impl FlowTable {
    /// A table that remembers 65,536 conversations of each transport: enough for views of packets, in little memory.
    pub fn new() -> Self {
        Self::remembering(CONVERSATIONS)
    }

    /// Tells times since this moment, not since its own first packet: one of several tables of one capture.
    pub fn count_from(&mut self, moment: Timestamp) {
        self.first = Some(moment);
    }

    /// A table that remembers at most so many conversations of each transport; the oldest idle ones leave.
    pub fn remembering(conversations: usize) -> Self {
        Self {
            tcp: Table::new(conversations),
            udp: Table::new(conversations),
            echo: Table::new(conversations),
            secrets: secret::Watch::default(),
            course: course::Watch::default(),
            rereads: reread::Watches::default(),
            datagrams: datagram::Datagrams::default(),
            exchanges: exchange::Exchanges::default(),
            streams: http2::Streams::default(),
            first: None,
            previous: None,
            facts: Facts::default(),
            events: Vec::new(),
            departed: Vec::new(),
        }
    }

    /// What works out hints for this table.
    pub fn seeker(&self) -> Seeker {
        Seeker::new(self.tcp.hasher().clone())
    }

    /// Looks for the conversations of the next few packets.
    pub fn look(&self, hints: &mut [Option<Hint>]) {
        for hint in hints.iter_mut().flatten() {
            self.tcp.look(&mut hint.segment.sought);
        }
    }

    /// Takes in the next packet and tells what it means.
    pub fn ingest(&mut self, packet: &Packet<'_>) -> Known<'_> {
        self.ingest_hinted(packet, None)
    }

    /// As [`ingest`](Self::ingest), for a packet of which a hint was made.
    pub fn ingest_hinted(&mut self, packet: &Packet<'_>, hint: Option<&Hint>) -> Known<'_> {
        self.take_in(packet, hint);
        if !packet.frame.comment.is_empty() {
            self.keep_programs(packet, Ends::of_comment(packet.frame.comment));
        }
        self.known()
    }

    /// As [`ingest`](Self::ingest); which programs are at its ends is asked of who knows.
    pub fn ingest_asking(&mut self, packet: &Packet<'_>, programs: &mut dyn Programs) -> Known<'_> {
        self.take_in(packet, None);
        self.keep_programs(packet, programs::ends(packet, &self.facts, programs));
        self.known()
    }

    /// A packet and its conversation remember whose they are.
    #[inline]
    fn keep_programs(&mut self, packet: &Packet<'_>, ends: Ends) {
        if ends.is_empty() {
            return;
        }
        self.facts.rare().ends = ends;
        let own = packet.each().filter(|at| !at.layer.quoted);
        let mut ported = own.filter(|at| matches!(at.layer.protocol, Protocol::Tcp | Protocol::Udp));
        let Some(at) = ported.next() else { return };
        let Some((key, direction)) = Key::new(&at) else { return };
        match at.layer.protocol {
            Protocol::Tcp => self.tcp.of(key).map(|known| known.belongs_to(direction, &ends)),
            _ => self.udp.of(key).map(|known| known.belongs_to(direction, &ends)),
        };
    }

    /// Takes in the next packet, of which the table needs no more than its hint, where nobody asks what it means; the
    /// conversations that had to leave, as [`Known::departed`].
    #[inline]
    pub fn count_segment(&mut self, hint: &Hint) -> &[Summary] {
        self.departed.clear();
        if let Some(time) = hint.segment.time {
            self.first.get_or_insert(time);
            self.previous = Some(time);
        }
        tcp::count(&mut self.tcp, &hint.segment, self.previous.unwrap_or_default());
        self.end();
        &self.departed
    }

    fn take_in(&mut self, packet: &Packet<'_>, hint: Option<&Hint>) {
        let now = self.begin(packet.frame.time);
        self.layers(packet, now, hint);
        let found = match &self.facts.tcp {
            Some(tcp) => self.secrets.look(packet, tcp),
            None => secret::Watch::look_at_datagram(packet),
        };
        let is_part = packet.stop == Stop::Fragment || packet.layers.last().is_some_and(|last| last.fragment);
        let found = if is_part { self.secrets.look_at_fragment(packet).or(found) } else { found };
        self.facts.keep_secrets(found);
        if let Some(found) = self.facts.tcp.as_ref().and_then(|tcp| self.course.look(packet, tcp)) {
            self.facts.rare().course = Some(found);
        }
        self.rereads.look(packet, &mut self.facts);
        self.end();
    }

    /// Forgets what was known of the packet before; the time of this one.
    #[inline]
    fn begin(&mut self, time: Option<Timestamp>) -> Timestamp {
        self.events.clear();
        self.departed.clear();
        self.facts = Facts::default();
        self.clock(time);
        self.previous.unwrap_or_default()
    }

    #[inline]
    fn end(&mut self) {
        if self.tcp.has_departed() || self.udp.has_departed() || self.echo.has_departed() {
            self.depart();
        }
    }

    #[inline]
    fn known(&self) -> Known<'_> {
        Known { facts: &self.facts, events: &self.events, departed: &self.departed, names: None }
    }

    fn segment(&mut self, at: &At<'_>, now: Timestamp, hint: Option<&Hint>) {
        match hint {
            Some(hint) if hint.layer == at.index => self.arrived(&hint.segment, now),
            _ => {
                let read = tcp::Arrived::new(at, self.tcp.hasher());
                read.iter().for_each(|segment| self.arrived(segment, now));
            }
        }
    }

    #[inline]
    fn arrived(&mut self, segment: &tcp::Arrived, now: Timestamp) {
        // Facts are those of the first segment; a tunnel may carry others.
        let mut other = None;
        let facts = if self.facts.tcp.is_none() { &mut self.facts.tcp } else { &mut other };
        tcp::segment(&mut self.tcp, segment, now, facts, &mut self.events);
    }

    /// Takes in every layer of a packet.
    fn layers(&mut self, packet: &Packet<'_>, now: Timestamp, hint: Option<&Hint>) {
        let mut from = 0;
        if let Some(hint) = hint.filter(|hint| hint.is_whole()) {
            // Before the segment lies nothing that means anything, and behind it what the application says.
            self.arrived(&hint.segment, now);
            from = hint.layer + 1;
        }
        for at in packet.each().skip(from) {
            match at.layer.protocol {
                Protocol::Tcp => self.segment(&at, now, hint),
                Protocol::Udp if at.layer.header as usize >= udp::HEADER => {
                    if let Some((key, direction)) = Key::new(&at)
                        && let Some((conversation, _)) = self.udp.at(key, now, |()| false)
                    {
                        self.facts.udp_stream.get_or_insert(conversation.index);
                        if !at.layer.quoted {
                            let data = at.layer.end.saturating_sub(at.layer.start + at.layer.header);
                            conversation.count(direction, now, Traffic::packet(packet.frame.length, data));
                        }
                    }
                }
                Protocol::Icmp | Protocol::Icmpv6 if !at.layer.quoted => self.echo(&at, now),
                Protocol::Ipv4 | Protocol::Fragment if !at.layer.quoted => {
                    if let Some(whole) = self.datagrams.ingest(&at) {
                        self.rest(&whole, &packet.frame, now);
                        self.events.push(Event::Datagram(Box::new(whole)));
                    }
                }
                protocol if protocol.is_application() && protocol != Protocol::Data && !at.layer.quoted => {
                    self.message(&at, now);
                }
                _ => {}
            }
        }
    }

    /// The message of an application, which may answer an earlier one.
    #[cold]
    fn message(&mut self, at: &At<'_>, now: Timestamp) {
        if self.facts.repeats() {
            return;
        }
        let stream = self.facts.tcp.map(|tcp| tcp.stream).or(self.facts.udp_stream);
        let before = at.index.checked_sub(1).and_then(|before| at.packet.layers.get(before));
        let is_first = before.is_some_and(|before| !before.protocol.is_application());
        if at.layer.protocol == Protocol::Http2 {
            self.framed(at, now);
            return;
        }
        let within = wire::http2::stream_around(at);
        let place = exchange::Place { carrier: at, stream, within: within.unwrap_or_default() };
        let Some(join) = self.exchanges.ingest(at, &place, now) else { return };
        if is_first || within.is_some() && self.facts.join.is_none() {
            self.facts.rare().join = Some(join);
        }
    }

    /// A frame of HTTP/2, which may complete a message.
    fn framed(&mut self, at: &At<'_>, now: Timestamp) {
        let Some((tcp, part)) = self.facts.tcp.zip(wire::http2::part(at)) else { return };
        let side = (tcp.stream, tcp.from_client, part.stream);
        let Some(whole) = self.streams.ingest(side, &part, at.index) else { return };
        let place = exchange::Place { carrier: at, stream: Some(tcp.stream), within: part.stream };
        if let Some(join) = self.exchanges.ingest(&whole.at(), &place, now) {
            self.facts.rare().join.get_or_insert(join);
        }
        if self.facts.wholes.is_empty() {
            self.facts.rare().wholes.push(whole);
        }
    }

    /// Later fragments bear no ports: those of a whole datagram go to the conversation that its first one belongs to.
    #[cold]
    fn rest(&mut self, whole: &datagram::Datagram, last: &Frame<'_>, now: Timestamp) {
        let mut layers = Layers::new();
        let packet = decode(whole.frame(last), &mut layers);
        for at in packet.each().take_while(|at| !at.layer.quoted) {
            if at.layer.protocol == Protocol::Udp {
                if let Some((key, direction)) = Key::new(&at)
                    && let Some((conversation, _)) = self.udp.at(key, now, |()| false)
                {
                    conversation.count(direction, now, whole.later);
                }
                return;
            }
            if let Some((key, direction, _)) = icmp::echo_key(&at)
                && let Some((conversation, _)) = self.echo.at(key, now, |_| false)
            {
                conversation.count(direction, now, whole.later);
                return;
            }
        }
    }

    fn echo(&mut self, at: &At<'_>, now: Timestamp) {
        if let Some((key, direction, request)) = icmp::echo_key(at)
            && let Some((conversation, _)) = self.echo.at(key, now, |_| false)
        {
            conversation.state.message(direction, request);
            let data = at.layer.end.saturating_sub(at.layer.start + at.layer.header);
            conversation.count(direction, now, Traffic::packet(at.packet.frame.length, data));
        }
    }

    /// From now on, conversations that have to leave are told ([`Known::departed`]).
    pub fn keep_departed(&mut self) {
        self.tcp.keep_departed();
        self.udp.keep_departed();
        self.echo.keep_departed();
    }

    #[cold]
    fn depart(&mut self) {
        let (tcp, udp, echo) = (self.tcp.take_departed(), self.udp.take_departed(), self.echo.take_departed());
        let tcp = tcp.iter().map(Summary::of_tcp);
        let all = tcp.chain(udp.iter().map(Summary::of_udp)).chain(echo.iter().map(Summary::of_icmp));
        self.departed.extend(all);
    }

    /// The conversations that are remembered, each at the place by which [`Self::conversation`] finds it.
    pub fn conversations(&self) -> impl Iterator<Item = Summary> {
        let tcp = self.tcp.present().iter().map(Summary::of_tcp);
        let udp = self.udp.present().iter().map(Summary::of_udp);
        tcp.chain(udp).chain(self.echo.present().iter().map(Summary::of_icmp))
    }

    /// How many places of conversations there are.
    pub fn places(&self) -> usize {
        self.tcp.present().len() + self.udp.present().len() + self.echo.present().len()
    }

    /// Times and traffic of the conversation at a place: what they are sorted by, at little cost.
    #[inline]
    pub fn outline(&self, place: usize) -> Option<Outline> {
        self.at(place, Outline::of, Outline::of, Outline::of)
    }

    /// The conversation at a place of [`Self::conversations`].
    pub fn conversation(&self, place: usize) -> Option<Summary> {
        self.at(place, Summary::of_tcp, Summary::of_udp, Summary::of_icmp)
    }

    /// What is to be said of the conversation at a place, whichever transport it has.
    #[inline]
    fn at<T>(
        &self,
        place: usize,
        of_tcp: impl FnOnce(&Conversation<tcp::Connection>) -> T,
        of_udp: impl FnOnce(&Conversation<()>) -> T,
        of_echo: impl FnOnce(&Conversation<icmp::Echo>) -> T,
    ) -> Option<T> {
        let (tcp, udp) = (self.tcp.present(), self.udp.present());
        if let Some(conversation) = tcp.get(place) {
            return Some(of_tcp(conversation));
        }
        let place = place.checked_sub(tcp.len())?;
        match udp.get(place) {
            Some(conversation) => Some(of_udp(conversation)),
            None => self.echo.present().get(place.checked_sub(udp.len())?).map(of_echo),
        }
    }

    /// How many conversations had to leave to bound the memory.
    pub fn forgotten(&self) -> u64 {
        self.tcp.forgotten() + self.udp.forgotten() + self.echo.forgotten()
    }

    fn clock(&mut self, time: Option<Timestamp>) {
        let Some(time) = time else { return };
        let first = *self.first.get_or_insert(time);
        self.facts.time_relative = Some(time.since(first));
        self.facts.time_delta = Some(self.previous.map_or(0, |previous| time.since(previous)));
        self.previous = Some(time);
    }
}
