//! A packet as a message of the chart: who to whom, its flags and numbers, and what they mean here.

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use super::ends::{Ends, ends};
use super::layout::{Cast, milliseconds};
use super::{Ladder, Message, Row};
use crate::flow::{Event, Known, course, tcp};
use crate::frame::Timestamp;
use crate::pipeline::{Next, Sink};
use crate::view::style::Role;
use crate::view::words::{Words, fill};
use crate::view::{findings, lines};
use crate::wire::tcp::{Flags, Header};
use crate::wire::{At, Packet, Protocol};

/// Between two things that are said of a packet.
const GAP: &str = "  ";

impl Sink for Ladder {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        if self.is_full() {
            // Counted, but not put into words that nobody will read.
            self.reader.count(packet, known);
            self.left_out += 1;
        } else if self.has_row(packet) {
            // Nothing to add.
        } else if let Some(mut message) = self.reader.read(packet, known, &mut self.cast) {
            message.carried = self.gathering.as_mut().and_then(|gathering| gathering.packet(packet, known));
            let time = packet.frame.time.unwrap_or(self.now);
            self.now = self.now.max(time);
            // Several places are handed over one after the other, each with what it saw meanwhile.
            let order = if self.ways.is_some() { time } else { self.now };
            self.add(order, time, Row::Packet(Box::new(message)));
        }
        Ok(Next::GoOn)
    }
}

/// Reads one packet after the other.
pub struct Reader {
    pub words: &'static Words,
    pub tally: Tally,
    /// Packets that do not say who sent them.
    pub nameless: u64,
    /// Conversations are counted apart in each place.
    pub apart: bool,
    receipts: HashMap<u32, Receipts>,
}

/// What both ends have acknowledged, of the conversation that was seen last.
#[derive(Clone, Copy, Debug, Default)]
struct Receipts {
    /// The conversation that the numbers below belong to.
    stream: Option<u32>,
    /// The last acknowledgment by client and by server, relative.
    acknowledged: [u32; 2],
    /// The sequence number behind the FIN of client and of server, relative.
    closing: [Option<u32>; 2],
}

/// What the summary counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub packets: u64,
    opening: u64,
    data: u64,
    receipts: u64,
    closing: u64,
    broken: u64,
    other: u64,
    bytes: [u64; 2],
    /// Bytes that came before, which are not among `bytes`.
    again: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Reader {
    pub fn new(words: &'static Words) -> Self {
        let tally = Tally::default();
        Self { words, tally, nameless: 0, apart: false, receipts: HashMap::new() }
    }

    /// The packet as a message between members of `cast`; `None` where it names no sender.
    pub fn read(&mut self, packet: &Packet<'_>, known: &Known<'_>, cast: &mut Cast) -> Option<Message> {
        let own = packet.find(Protocol::Tcp).filter(|at| !at.layer.quoted);
        let segment = own.as_ref().and_then(|at| Some((at, Header::new(at)?, known.facts.tcp?)));
        let Some(ends) = ends(packet, segment.as_ref().map(|(.., facts)| facts.from_client)) else {
            self.nameless += 1;
            return None;
        };
        self.count(packet, known);
        if let Some((at, header, facts)) = segment {
            let places = cast.meet(&ends, Some((facts.stream, facts.from_client)));
            known.names.into_iter().for_each(|names| cast.name(&ends, names));
            let (role, words, said) = self.segment(at, &header, &facts, known, ends.place);
            let states = Some(facts.states);
            let header = drawn(&header, &facts);
            let number = packet.frame.number;
            return Some(Message {
                ends: places,
                ports: ends.ports,
                number,
                protocol: "TCP",
                header,
                words,
                said,
                carried: None,
                role,
                states,
                names: ends.hosts.map(|host| host.name),
                place: ends.place,
                via: Vec::new(),
                heard: Vec::new(),
            });
        }
        // An error quotes the ports at least (RFC 792), which need not be enough for the flow table.
        let quoted = packet.each().find(|at| at.layer.quoted && at.layer.protocol == Protocol::Tcp);
        let places = match quoted.and_then(|at| Some([at.u16(0)?, at.u16(2)?])) {
            Some(about) => cast.hear_about(&ends, about),
            None => cast.meet(&ends, None),
        };
        known.names.into_iter().for_each(|names| cast.name(&ends, names));
        let described = lines::described(packet, known, self.words);
        let (header, words) = (described.header, described.words);
        let Ends { ports, hosts, place } = ends;
        Some(Message {
            ends: places,
            ports,
            number: packet.frame.number,
            protocol: described.protocol,
            header,
            words,
            said: 0..0,
            carried: None,
            role: described.role,
            states: None,
            names: hosts.map(|host| host.name),
            place,
            via: Vec::new(),
            heard: Vec::new(),
        })
    }

    /// Counts a packet for the summary.
    pub fn count(&mut self, packet: &Packet<'_>, known: &Known<'_>) {
        let own = packet.find(Protocol::Tcp).filter(|at| !at.layer.quoted);
        match own.as_ref().and_then(|at| Some((Header::new(at)?, known.facts.tcp?))) {
            Some((header, facts)) => self.tally.segment(&header, &facts, packet.frame.time, known.events),
            None => self.tally.other(packet, packet.frame.time),
        }
    }

    /// What a segment means: the trouble with it, what it opens or closes, its data (and where in the text that stands),
    /// what it acknowledges.
    fn segment(
        &mut self,
        at: &At<'_>,
        header: &Header<'_>,
        facts: &tcp::Facts,
        known: &Known<'_>,
        place: u32,
    ) -> (Role, String, Range<usize>) {
        let newly = self.acknowledged(header, facts, place);
        let mut said: Vec<String> = Vec::new();
        let mut role = if header.length > 0 { Role::Data } else { Role::Faint };
        if let Some((event, (found, words))) =
            known.events.iter().find_map(|event| Some((event, self.words.event(event)?)))
        {
            role = found;
            let reason = self.words.reason(event).map(|reason| format!(": {reason}")).unwrap_or_default();
            said.push(format!("{words}{reason}"));
        }
        for finding in findings::of(facts, self.words) {
            if finding.role == Role::Trouble {
                role = Role::Trouble;
            }
            let mut told = Vec::new();
            let values: Vec<&[u8]> = finding.values.iter().map(Vec::as_slice).collect();
            fill(finding.said, &values, &mut told);
            said.push(String::from_utf8(told).unwrap_or_default());
        }
        // Before the text, which may be long.
        if facts.oversized {
            said.push(self.words.oversized.to_owned());
        }
        let mut data = 0..0;
        if header.length > 0 {
            let course = &known.facts.course;
            if !course.as_ref().is_some_and(course::Found::tells_content) {
                let before: usize = said.iter().map(|part| part.len() + GAP.len()).sum();
                said.push(lines::said(at.packet, at, known.facts));
                data = before..before + said.last().map_or(0, String::len);
            }
            if let Some((found, told)) = lines::exercise(at, course) {
                role = if found == Role::Trouble { found } else { role };
                said.push(told);
            }
        }
        if let Some(transfer) = known.facts.transfer.as_deref().filter(|_| header.length > 0 || facts.first) {
            let mut told = Vec::new();
            lines::of_transfer(transfer, self.words, &mut told);
            said.push(String::from_utf8(told).unwrap_or_default());
        }
        if let Some(join) = &known.facts.join {
            let mut told = Vec::new();
            lines::joined(join, self.words, &mut told);
            said.push(String::from_utf8(told).unwrap_or_default());
        }
        if said.is_empty() && !newly.is_empty() {
            said.push(newly);
        }
        (role, said.join(GAP), data)
    }

    /// What an acknowledgment adds to the one before it, in words.
    fn acknowledged(&mut self, header: &Header<'_>, facts: &tcp::Facts, place: u32) -> String {
        let words = self.words;
        let receipts = self.receipts.entry(if self.apart { place } else { 0 }).or_default();
        if receipts.stream != Some(facts.stream) {
            // Between conversations that alternate nothing is told: what was before is not known any more.
            let known = if facts.first { 1 } else { u32::MAX };
            *receipts = Receipts { stream: Some(facts.stream), acknowledged: [known; 2], closing: [None; 2] };
        }
        let own = usize::from(!facts.from_client);
        let flags = header.flags();
        let ([client, server], [client_fin, server_fin]) = (&mut receipts.acknowledged, &mut receipts.closing);
        let (acknowledged, fin, other_fin) =
            if own == 0 { (client, client_fin, server_fin) } else { (server, server_fin, client_fin) };
        if flags.any(Flags::SYN) {
            // A new connection; its SYN takes the number 0, so that data begins with 1.
            (*acknowledged, *fin) = (1, None);
        }
        if flags.any(Flags::FIN) {
            *fin = Some(facts.next);
        }
        if !flags.any(Flags::ACK) || flags.any(Flags::SYN) || facts.unmeasured {
            return String::new();
        }
        let before = std::mem::replace(acknowledged, facts.acknowledgment);
        let grown = if before == u32::MAX { 0 } else { facts.acknowledgment.saturating_sub(before) };
        let close = grown > 0 && *other_fin == Some(facts.acknowledgment);
        let bytes = grown - u32::from(close);
        match (bytes, close) {
            (0, false) => String::new(),
            (_, false) => words.count(&words.bytes_arrived, bytes.into()),
            (0, true) => words.close_arrived.to_owned(),
            (_, true) => words.count(&words.bytes_and_close_arrived, bytes.into()),
        }
    }
}

impl Tally {
    fn tick(&mut self, time: Option<Timestamp>) {
        self.packets += 1;
        let time = time.unwrap_or_default();
        self.first.get_or_insert(time);
        self.last = Some(time);
    }

    fn segment(&mut self, header: &Header<'_>, facts: &tcp::Facts, time: Option<Timestamp>, events: &[Event]) {
        self.tick(time);
        let told = events.iter().find(|event| !matches!(event, Event::Datagram(_)));
        *match told {
            Some(Event::Opening { .. } | Event::Crossing { .. }) => &mut self.opening,
            Some(Event::Closing { .. } | Event::Closed) => &mut self.closing,
            Some(_) => &mut self.broken,
            None if header.length > 0 => &mut self.data,
            None => &mut self.receipts,
        } += 1;
        let [to_server, to_client] = &mut self.bytes;
        let counted = match (facts.analysis.seen_before, facts.from_client) {
            (Some(_), _) => &mut self.again,
            (None, true) => to_server,
            (None, false) => to_client,
        };
        *counted += u64::from(header.length);
    }

    fn other(&mut self, packet: &Packet<'_>, time: Option<Timestamp>) {
        self.tick(time);
        let carries = packet.layers.iter().any(|layer| layer.protocol == Protocol::Udp && !layer.quoted);
        *if carries { &mut self.data } else { &mut self.other } += 1;
    }

    pub fn write(&self, out: &mut impl io::Write) -> io::Result<()> {
        let took = self.first.zip(self.last).map_or(0, |(first, last)| last.since(first));
        let mut parts = Vec::new();
        for (count, one, more) in [
            (self.opening, "opens", "open"),
            (self.data, "carries data", "carry data"),
            (self.receipts, "only acknowledges", "only acknowledge"),
            (self.closing, "closes", "close"),
            (self.broken, "breaks off", "break off"),
            (self.other, "other", "other"),
        ] {
            match count {
                0 => {}
                1 => parts.push(format!("1 {one}")),
                _ => parts.push(format!("{count} {more}")),
            }
        }
        match self.packets {
            0 => writeln!(out, "no packets")?,
            1 => writeln!(out, "1 packet: {}", parts.join(", "))?,
            count => writeln!(out, "{count} packets in {} ms: {}", milliseconds(took), parts.join(", "))?,
        }
        let [to_server, to_client] = self.bytes;
        // Only TCP's are counted: what else carries data says so in its own row.
        if to_server + to_client == 0 && self.opening + self.receipts + self.closing + self.broken == 0 {
            return Ok(());
        }
        write!(out, "data: {to_server} bytes from the client, {to_client} from the server")?;
        if self.again > 0 {
            write!(out, "; {} sent again", self.again)?;
        }
        writeln!(out)
    }
}

/// `PSH·ACK seq 1 ack 1 len 17`: what of the header matters.
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
