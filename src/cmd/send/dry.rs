//! `--dry-run`: each packet explained, and its bytes, as they would be sent.

use crate::flow::FlowTable;
use crate::frame::{Frame, LinkType};
use crate::pipeline;
use crate::wire::{Layers, decode};

use super::compose::Packets;
use super::way::Way;
use super::{Args, Exit};
use crate::cmd::args as terminal;
use crate::cmd::made::{self, Covered, Made};

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
        let mut sink = Covered { secrets: packets.secrets, sink: chosen.sink()? };
        pipeline::run(&mut source(), &mut FlowTable::new(), &mut sink)?;
    } else {
        made::explain(chosen.color, chosen.language, count, |_| Vec::new(), packets.secrets, source)?;
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
