//! Packets that were made here, for `--dry-run` and for bytes that a person types: explained, with their bytes.

use std::io::Write;

use super::args;
use super::output::{Color, Language, stdout};
use crate::flow::secret::Found;
use crate::flow::{FlowTable, Known};
use crate::frame::{Counts, Error, Frame, Interface, LinkType, Source, Timestamp};
use crate::pipeline::{self, Next, Sink};
use crate::view::explain::{Explain, Options};
use crate::view::hex::Hex;
use crate::view::style::Palette;
use crate::wire::{Packet, Protocol};

/// Frames that were made and come from no capture.
pub struct Made {
    frames: Vec<Vec<u8>>,
    interface: [Interface; 1],
    next: usize,
}

impl Made {
    /// Frames of this link type, of which nobody knows a time.
    pub fn new(frames: Vec<Vec<u8>>, link: LinkType) -> Self {
        Self { frames, interface: [Interface { name: None, link, snap_length: 0 }], next: 0 }
    }
}

impl Source for Made {
    fn advance(&mut self) -> Result<Option<Timestamp>, Error> {
        self.next += 1;
        Ok((self.next <= self.frames.len()).then(Timestamp::default))
    }

    fn frame(&self) -> Frame<'_> {
        let data = self.next.checked_sub(1).and_then(|at| self.frames.get(at));
        let [interface] = &self.interface;
        data.map_or(Frame::empty(), |data| Frame {
            link: interface.link,
            length: u32::try_from(data.len()).unwrap_or(u32::MAX),
            data,
            ..Frame::empty()
        })
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interface
    }

    fn counts(&self) -> Counts {
        Counts::default()
    }
}

/// A sink, and what is secret in the packets before it that they alone do not tell: they are a capture's, and are taken
/// out of a conversation.
pub struct Covered<S> {
    pub secrets: Found,
    pub sink: S,
}

impl<S: Sink> Sink for Covered<S> {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        if !self.secrets.any {
            return self.sink.packet(packet, known);
        }
        let facts = known.facts.with_secrets(self.secrets);
        self.sink.packet(packet, &Known { facts: &facts, ..*known })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.sink.flush()
    }
}

/// Each packet explained, with the layers that `only` names for its number (none: all), and then the bytes of all.
/// `secrets`: as [`Covered`] has them.
pub fn explain(
    color: Color,
    language: Language,
    count: u64,
    only: impl Fn(u64) -> Vec<Protocol>,
    secrets: Found,
    source: impl Fn() -> Made,
) -> anyhow::Result<()> {
    let (palette, words) = (Palette::new(color.on_stdout()), language.words());
    for number in 1..=count {
        let options = Options { words, palette, width: args::width(), ascii: false, only: only(number) };
        let mut explain = Covered { secrets, sink: Explain::new(stdout()?, options, number) };
        pipeline::run(&mut source(), &mut FlowTable::new(), &mut explain)?;
        writeln!(stdout()?)?;
    }
    let mut hex = Covered { secrets, sink: Hex::new(stdout()?, palette).words(words) };
    pipeline::run(&mut source(), &mut FlowTable::new(), &mut hex)?;
    Ok(())
}

/// The same of one IP packet, only the layers of these protocols.
pub fn explain_packet(bytes: Vec<u8>, color: Color, only: &[Protocol]) -> anyhow::Result<()> {
    let source = || Made::new(vec![bytes.clone()], LinkType::RAW);
    explain(color, Language { lang: None }, 1, |_| only.to_vec(), Found::default(), source)
}

/// All layers but the frame: what was not sent yet has none.
pub fn without_frame() -> Vec<Protocol> {
    Protocol::ALL.iter().filter(|protocol| protocol.name() != "frame").copied().collect()
}
