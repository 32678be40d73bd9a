//! Asking a neighbour for its link address, and waiting for the answer.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::engine::neighbour::{self, Mac};
use crate::frame::{Frame, LinkType};
use crate::io::link::channel::Channel;
use crate::wire::{Layers, Packet, decode};

/// How often it is asked, and how long each answer may take.
const ATTEMPTS: u32 = 3;
const PATIENCE: Duration = Duration::from_millis(500);

/// The link address of `address` on the interface `name`, from its own answer, which goes to `source`; `None` where there
/// is none.
pub fn ask(
    channel: &mut Channel,
    name: &str,
    own: Mac,
    source: IpAddr,
    address: IpAddr,
) -> anyhow::Result<Option<Mac>> {
    let question = neighbour::question(own, Some(source), address)?;
    for _ in 0..ATTEMPTS {
        channel.send(&question).with_context(|| format!("cannot send on {name}"))?;
        if let Some(found) = heard(channel, name, PATIENCE, |packet| neighbour::answer(packet, address))? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What `wanted` finds in the first packet that has it, of those that pass within a time.
pub fn heard<T>(
    channel: &mut Channel,
    name: &str,
    time: Duration,
    mut wanted: impl FnMut(&Packet<'_>) -> Option<T>,
) -> anyhow::Result<Option<T>> {
    let until = Instant::now() + time;
    while Instant::now() < until {
        let Some(data) = channel.receive().with_context(|| format!("cannot receive on {name}"))? else { continue };
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let mut layers = Layers::new();
        let frame = Frame { link: LinkType::ETHERNET, data, length, ..Frame::empty() };
        if let Some(found) = wanted(&decode(frame, &mut layers)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
