//! `--dry-run`: each packet explained, and its bytes, as they would be sent.

use std::io::Write;

use crate::flow::FlowTable;
use crate::frame::{Counts, Error, Frame, Interface, LinkType, Source, Timestamp};
use crate::pipeline;
use crate::view::explain::{Explain, Options};
use crate::view::hex::Hex;
use crate::view::style::Palette;
use crate::wire::{Layers, Protocol, decode};

use super::compose::Packets;
use super::way::Way;
use super::{Args, Exit};
use crate::cmd::output::Output;
use crate::cmd::{args as terminal, output};

/// Frames that were made and come from no capture.
pub struct Made {
    frames: Vec<Vec<u8>>,
    interface: [Interface; 1],
    next: usize,
}

impl Made {
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

/// The link type of what is sent.
pub fn link_type(way: &Way) -> LinkType {
    if way.layer_3 { LinkType::RAW } else { LinkType::ETHERNET }
}

pub fn print(args: &Args, packets: &Packets, way: &Way) -> anyhow::Result<Exit> {
    let frames = packets.frames(0)?;
    let count = frames.len() as u64;
    let source = || Made::new(frames.clone(), link_type(way));
    let chosen = &args.output;
    if !chosen.fields.is_empty() || chosen.json || chosen.verbose || chosen.hex {
        pipeline::run(&mut source(), &mut FlowTable::new(), &mut chosen.sink()?)?;
    } else {
        explain(chosen, count, |_| Vec::new(), source)?;
    }
    let whole = packets.whole(0)?;
    let length = u32::try_from(whole.bytes.len()).unwrap_or(u32::MAX);
    let frame = Frame { link: link_type(way), data: &whole.bytes, length, ..Frame::empty() };
    super::exchange::say_taken(packets);
    super::exchange::say_unread(args, &decode(frame, &mut Layers::new()));
    let how = if way.layer_3 { "at layer 3, the kernel adds the rest" } else { "as a frame" };
    terminal::talk(&format!("netlab: nothing was sent; it would go out on {}, {how}", way.link.name));
    if !way.layer_3 && way.next_hop.is_none() && !packets.has_set("eth.dst") && args.kind != Some(super::Kind::Arp) {
        terminal::talk("netlab: eth.dst is not known yet: the neighbour is asked for it when the packet is sent");
    }
    let more = args.pace.most() - 1;
    if more > 0 {
        terminal::talk(&format!("netlab: and {more} more like it, {} a second", args.pace.rate));
    }
    Ok(Exit::Done)
}

/// Each packet explained, with the layers that `only` names for its number (none: all), and then the bytes of all.
pub fn explain(
    chosen: &Output,
    count: u64,
    only: impl Fn(u64) -> Vec<Protocol>,
    source: impl Fn() -> Made,
) -> anyhow::Result<()> {
    let (palette, words) = (Palette::new(chosen.color.on_stdout()), chosen.language.words());
    for number in 1..=count {
        let options = Options { words, palette, width: terminal::width(), ascii: false, only: only(number) };
        let mut explain = Explain::new(output::stdout()?, options, number);
        pipeline::run(&mut source(), &mut FlowTable::new(), &mut explain)?;
        writeln!(output::stdout()?)?;
    }
    let mut hex = Hex::new(output::stdout()?, palette).words(words);
    pipeline::run(&mut source(), &mut FlowTable::new(), &mut hex)?;
    Ok(())
}
