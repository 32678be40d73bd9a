//! `--dry-run`: the packets that would be sent, with a textbook's peer at the other end.

use std::time::Duration;

use super::{Args, Exit, Place};
use crate::cmd::args::talk;
use crate::cmd::made::{self, Made};
use crate::engine::handshake::textbook::Textbook;
use crate::engine::handshake::{Ends, Machine, Plan, Station};
use crate::flow::FlowTable;
use crate::flow::secret::Found;
use crate::frame::LinkType;
use crate::pipeline;
use crate::wire::Protocol;

/// Packets that are shown at most.
const MOST: usize = 100;

pub fn print(args: &Args, plan: Plan, ends: Ends, place: &Place) -> anyhow::Result<Exit> {
    let frames = frames(plan, ends)?;
    let source = || Made::new(frames.clone(), LinkType::ETHERNET);
    let chosen = &args.output;
    if !chosen.fields.is_empty() || chosen.json || chosen.verbose || chosen.hex {
        pipeline::run(&mut source(), &mut FlowTable::new(), &mut chosen.sink()?)?;
    } else {
        // The first one whole; in the others only TCP's header is another.
        let only = |number| if number == 1 { Vec::new() } else { vec![Protocol::Tcp] };
        made::explain(chosen.color, chosen.language, frames.len() as u64, only, Found::default(), source)?;
    }
    talk(&format!("netlab: nothing was sent; it would go {}, from {}", place.name(), ends.here.ip()));
    talk("netlab: the peer is made up: its numbers begin with 0, and it sends back what it gets");
    if ends.hop == [0; 6] {
        talk("netlab: eth.dst is not known yet: the neighbour is asked for it when the packets are sent");
    }
    Ok(Exit::Done)
}

/// What the machine sends to a host that does as the RFC says.
fn frames(plan: Plan, ends: Ends) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut station = Station::new(ends, Machine::new(plan));
    let mut peer = Textbook::open(0);
    let mut frames = Vec::new();
    let mut now = Duration::ZERO;
    while frames.len() < MOST {
        let mut answers = peer.handle_time(now);
        while let Some((frame, sent)) = station.transmit(now)? {
            frames.push(frame);
            answers.extend(peer.handle(now, &sent.segment));
        }
        for answer in &answers {
            station.machine.handle(now, answer);
        }
        if !answers.is_empty() {
            continue;
        }
        let Some(wait) = station.machine.wait() else { break };
        now = peer.wait().map_or(wait, |peer| peer.min(wait)).max(now);
        station.machine.handle_time(now);
    }
    Ok(frames)
}
