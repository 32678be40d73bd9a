//! One TCP segment as a row of the story: its flags and numbers, and what they mean here.

use std::net::{IpAddr, SocketAddr};

use super::{Row, Side, Story};
use crate::flow::{Event, Known, tcp};
use crate::pipeline::{Next, Sink};
use crate::view::escape;
use crate::view::style::Role;
use crate::view::words::ENGLISH;
use crate::wire::tcp::{Flags, Header};
use crate::wire::{Address, At, Packet, Protocol};

/// No more bytes of a segment's data than these are looked at: no row is wider.
const MOST_TEXT: usize = 200;

impl Sink for Story {
    /// Takes TCP segments; other packets are no part of a conversation between two programs over TCP.
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        if let Some(at) = packet.find(Protocol::Tcp)
            && let Some(header) = Header::new(&at)
            && let Some(facts) = known.facts.tcp
        {
            self.segment(&at, &header, &facts, known.events);
        }
        Ok(Next::GoOn)
    }
}

impl Story {
    fn segment(&mut self, at: &At<'_>, header: &Header<'_>, facts: &tcp::Facts, events: &[Event]) {
        let from = if facts.from_client { Side::Client } else { Side::Server };
        self.name_ends(at, header, from);
        let time = at.packet.frame.time.unwrap_or_default();
        let newly = self.acknowledged(from, header, facts);
        let (role, words) = match events.iter().find_map(meaning) {
            Some(found) => found,
            None if header.length > 0 => (Role::Data, quoted(at.content())),
            None => (Role::Faint, newly),
        };
        self.count(from, header, time, role);
        let row = Row::Packet { from, number: at.packet.frame.number, header: drawn(header, facts), words, role };
        self.add(time, row);
    }

    /// Remembers the two endpoints; of several connections, those of the last.
    fn name_ends(&mut self, at: &At<'_>, header: &Header<'_>, from: Side) {
        let Some((source, destination)) = at.packet.addresses(at.index) else { return };
        let source = endpoint(source, header.source_port());
        let destination = endpoint(destination, header.destination_port());
        self.ends = match from {
            Side::Client => [Some(source), Some(destination)],
            Side::Server => [Some(destination), Some(source)],
        };
    }

    /// What an acknowledgment adds to the one before it, in words.
    fn acknowledged(&mut self, from: Side, header: &Header<'_>, facts: &tcp::Facts) -> String {
        let (own, other) = match from {
            Side::Client => (0, 1),
            Side::Server => (1, 0),
        };
        if header.flags().any(Flags::SYN) {
            // A new connection; its SYN takes the number 0, so that data begins with 1.
            self.acknowledged[own] = 1;
            self.closing[own] = None;
        }
        if header.flags().any(Flags::FIN) {
            self.closing[own] = Some(facts.next);
        }
        if !header.flags().any(Flags::ACK) || header.flags().any(Flags::SYN) {
            return String::new();
        }
        let before = std::mem::replace(&mut self.acknowledged[own], facts.acknowledgment);
        let grown = facts.acknowledgment.saturating_sub(before);
        let close = grown > 0 && self.closing[other] == Some(facts.acknowledgment);
        let bytes = grown - u32::from(close);
        match (bytes, close) {
            (0, false) => String::new(),
            (_, false) => ENGLISH.count(&ENGLISH.bytes_arrived, bytes.into()),
            (0, true) => ENGLISH.close_arrived.to_owned(),
            (_, true) => ENGLISH.count(&ENGLISH.bytes_and_close_arrived, bytes.into()),
        }
    }

    fn count(&mut self, from: Side, header: &Header<'_>, time: crate::frame::Timestamp, role: Role) {
        let tally = &mut self.tally;
        tally.packets += 1;
        match role {
            Role::Opening => tally.opening += 1,
            Role::Data => tally.data += 1,
            Role::Closing => tally.closing += 1,
            Role::Trouble => tally.trouble += 1,
            _ => tally.receipts += 1,
        }
        tally.bytes[if from == Side::Client { 0 } else { 1 }] += u64::from(header.length);
        tally.first.get_or_insert(time);
        tally.last = Some(time);
    }
}

fn endpoint(address: Address, port: u16) -> String {
    let address = match address {
        Address::V4(bytes) => IpAddr::from(bytes),
        Address::V6(bytes) => IpAddr::from(bytes),
    };
    SocketAddr::new(address, port).to_string()
}

/// `PSH·ACK seq 1 ack 1 len 17`: what of the header matters in a conversation without loss.
fn drawn(header: &Header<'_>, facts: &tcp::Facts) -> String {
    let flags = header.flags();
    let mut text = flags.names().collect::<Vec<_>>().join("·");
    if header.length > 0 || flags.any(Flags::SYN | Flags::FIN) {
        text.push_str(&format!(" seq {}", facts.sequence));
    }
    if flags.any(Flags::ACK) {
        text.push_str(&format!(" ack {}", facts.acknowledgment));
    }
    if header.length > 0 {
        text.push_str(&format!(" len {}", header.length));
    }
    text
}

/// What an event is to the story; `None` for those that do not concern it.
fn meaning(event: &Event) -> Option<(Role, String)> {
    ENGLISH.event(event).map(|(role, words)| (role, words.to_owned()))
}

/// Data in quotation marks, as much of it as a row can show, safe for a terminal.
fn quoted(data: &[u8]) -> String {
    let mut text = vec![b'"'];
    escape::write(data.get(..MOST_TEXT).unwrap_or(data), &mut text);
    text.push(b'"');
    String::from_utf8(text).unwrap_or_default()
}
