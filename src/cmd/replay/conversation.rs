//! One conversation of a file, as the script of one of its sides.

use std::net::SocketAddr;

use anyhow::bail;

use super::{Args, frames};
use crate::engine::replay::{Script, TooLong};
use crate::flow::key::{Direction, Key};
use crate::flow::stream::{Assembler, Item, LIMIT, Segment, Why};
use crate::flow::{Event, FlowTable, Known};
use crate::pipeline::{self, Next, Sink};
use crate::view::follow::side;
use crate::wire::tcp::Flags;
use crate::wire::{self, Layers, Packet, Protocol};

/// The conversation that was found.
pub struct Conversation {
    pub script: Script,
    pub stream: u32,
    pub name: &'static str,
    /// Client and server, as they were captured.
    pub ends: [SocketAddr; 2],
    /// Others of its kind in the file.
    pub others: u32,
}

/// The conversation that the command line asks for, with the client's script or the server's.
pub fn find(args: &Args, client: bool) -> anyhow::Result<Conversation> {
    let read = |protocol: Protocol| -> anyhow::Result<Reading> {
        let mut reading = Reading::new(protocol, args.played.stream, client);
        let mut source = frames::open(&args.file)?;
        let summary = pipeline::run(&mut source, &mut FlowTable::remembering(CONVERSATIONS), &mut reading)?;
        summary.failure.map_or(Ok(()), Err)?;
        Ok(reading)
    };
    if args.played.udp {
        return read(Protocol::Udp)?.finish();
    }
    let tcp = read(Protocol::Tcp)?;
    // A file of datagrams alone leaves no doubt; standard input is gone after one reading.
    if tcp.newest.is_none() && args.file.as_os_str() != "-" {
        let udp = read(Protocol::Udp)?;
        if udp.newest.is_some() {
            return udp.finish();
        }
    }
    tcp.finish()
}

/// Conversations that are told apart: one that leaves the table and comes back has a new number.
const CONVERSATIONS: usize = 1 << 20;

/// A sink that picks one conversation.
struct Reading {
    protocol: Protocol,
    wanted: u32,
    newest: Option<u32>,
    /// The conversation's ends, and which way its client's packets go.
    chosen: Option<(Key, Direction, [SocketAddr; 2])>,
    /// Its ports are another's now.
    over: bool,
    /// It began before the capture did.
    middle: bool,
    script: Script,
    assembler: Assembler,
    missing: Option<String>,
    too_long: Option<TooLong>,
}

impl Reading {
    fn new(protocol: Protocol, stream: Option<u32>, client: bool) -> Self {
        Self {
            protocol,
            wanted: stream.unwrap_or(0),
            newest: None,
            chosen: None,
            over: false,
            middle: false,
            script: Script::new(client, protocol == Protocol::Udp),
            assembler: Assembler::new(LIMIT),
            missing: None,
            too_long: None,
        }
    }

    fn name(&self) -> &'static str {
        if self.protocol == Protocol::Udp { "UDP" } else { "TCP" }
    }

    fn finish(mut self) -> anyhow::Result<Conversation> {
        let name = self.name();
        let Some((.., ends)) = self.chosen else {
            match self.newest {
                None => bail!("there is no conversation of {name} in it"),
                Some(newest) => bail!("there is no conversation {} of {name}: it has 0 to {newest}", self.wanted),
            }
        };
        self.items(|assembler, take| assembler.finish(take));
        if self.middle {
            bail!(
                "TCP stream {} was opened before the capture began: what was said before is not known, so it cannot be played",
                self.wanted
            );
        }
        if let Some(missing) = self.missing {
            bail!("TCP stream {} cannot be played: {missing}", self.wanted);
        }
        if let Some(error) = self.too_long {
            return Err(error.into());
        }
        if self.script.steps().is_empty() {
            bail!("nothing was said in {name} stream {}", self.wanted);
        }
        let others = self.newest.unwrap_or(0);
        Ok(Conversation { script: self.script, stream: self.wanted, name, ends, others })
    }

    /// Takes what the assembler hands out.
    fn items(&mut self, run: impl FnOnce(&mut Assembler, &mut dyn FnMut(Item<'_>))) {
        let (script, missing, too_long) = (&mut self.script, &mut self.missing, &mut self.too_long);
        run(&mut self.assembler, &mut |item| match item {
            Item::Bytes(chunk) if !chunk.late => {
                let time = chunk.time.map(|time| time.0);
                if let Err(error) = script.bytes(chunk.from_client, chunk.data, chunk.frame, time) {
                    *too_long = Some(error);
                }
            }
            Item::Missing(hole) => {
                let why = match hole.why {
                    Why::Cut { frame } => format!("frame {frame} was cut short by the capture"),
                    Why::NotCaptured => "no frame has them".to_owned(),
                    Why::Limit => "they came too late".to_owned(),
                    Why::Ended => "the capture ends before they came".to_owned(),
                };
                missing.get_or_insert_with(|| {
                    format!(
                        "{} bytes of the {} are missing from byte {} on: {why}",
                        hole.length,
                        side(hole.from_client),
                        hole.offset
                    )
                });
            }
            _ => {}
        });
    }

    fn datagram(&mut self, at: &wire::At<'_>, direction: Direction) {
        let Some((_, client, _)) = self.chosen else { return };
        let from_client = client == direction;
        let frame = at.packet.frame;
        let length = at.layer.end.saturating_sub(at.layer.start + at.layer.header) as usize;
        if at.content().len() < length {
            self.missing.get_or_insert_with(|| format!("frame {} was cut short by the capture", frame.number));
        }
        let time = frame.time.map(|time| time.0);
        if let Err(error) = self.script.bytes(from_client, at.content(), frame.number, time) {
            self.too_long = Some(error);
        }
    }
}

impl Sink for Reading {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        for event in known.events {
            if let Event::Datagram(whole) = event
                && self.protocol == Protocol::Udp
                && let Some((key, ..)) = self.chosen
            {
                let mut layers = Layers::new();
                let whole = wire::decode(whole.frame(&packet.frame), &mut layers);
                if let Some(at) = whole.find(Protocol::Udp)
                    && let Some((this, direction)) = Key::new(&at)
                    && this == key
                    && !self.over
                {
                    self.datagram(&at, direction);
                }
            }
        }
        let stream = match self.protocol {
            Protocol::Udp => known.facts.udp_stream,
            _ => known.facts.tcp.map(|facts| facts.stream),
        };
        let at = packet.find(self.protocol).filter(|at| !at.layer.quoted);
        let (Some(stream), Some(at)) = (stream, at) else { return Ok(Next::GoOn) };
        let Some((key, direction)) = Key::new(&at) else { return Ok(Next::GoOn) };
        let begins = self.newest.is_none_or(|newest| stream > newest);
        if begins {
            self.newest = Some(stream);
        }
        let from_client = known.facts.tcp.filter(|_| self.protocol == Protocol::Tcp).is_none_or(|tcp| tcp.from_client);
        if begins && stream == self.wanted {
            let client = if from_client { direction } else { direction.reverse() };
            if let Some([source, destination]) = super::super::follow::ends(&at) {
                let ends = if from_client { [source, destination] } else { [destination, source] };
                self.chosen = Some((key, client, ends));
                self.middle = self.protocol == Protocol::Tcp
                    && !wire::tcp::Header::new(&at).is_some_and(|header| header.flags().any(Flags::SYN));
            }
        }
        let Some((chosen, client, _)) = self.chosen else { return Ok(Next::GoOn) };
        if chosen != key {
            return Ok(Next::GoOn);
        }
        self.over = stream != self.wanted;
        if self.over || crate::flow::stream::is_fragment(packet, at.index) {
            return Ok(Next::GoOn);
        }
        if self.protocol == Protocol::Udp {
            self.datagram(&at, direction);
        } else if let Some(segment) = Segment::new(&at, client == direction) {
            self.items(|assembler, take| assembler.segment(&segment, take));
            if segment.flags.any(Flags::RST) {
                self.script.reset(segment.from_client);
            } else if segment.flags.any(Flags::FIN) && !self.script.is_broken() {
                self.script.close(segment.from_client);
            }
        }
        Ok(Next::GoOn)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
