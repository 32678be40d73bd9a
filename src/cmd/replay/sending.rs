//! The thread that sends: round after round, from memory or from the file.

use std::path::PathBuf;

use anyhow::Context;

use super::frames::{self, Survey, due};
use super::prepare::{Exit, Prepared};
use crate::frame::Source;
use crate::io::link::burst::Burst;
use crate::io::link::timed::{Done, Frames, Out, Timed};
use crate::io::raw::Raw;
use crate::wire::rewrite::Rewrite;

/// Bytes of frames that are read before they are sent, where a file does not fit into memory.
const AHEAD: usize = 4 << 20;

/// The way out; `unseen`: captures on this interface need not see what goes out.
pub fn open(exit: &Exit, unseen: bool) -> anyhow::Result<Out> {
    let name = exit.link.name.as_str();
    if exit.layer_3 {
        let open = |any: [u8; 4]| Raw::open_on(name, any.into());
        let six = Raw::open_on(name, std::net::Ipv6Addr::UNSPECIFIED.into())?;
        return Ok(Out::Packets { four: open([0; 4])?, six, interface: exit.link.index });
    }
    Ok(Out::Frames(Burst::open(name, unseen)?))
}

/// All that is to be sent.
pub struct Job {
    pub survey: Survey,
    pub rewrite: Rewrite,
    pub rounds: u64,
    pub path: PathBuf,
    pub exit: Exit,
}

impl Job {
    pub fn run(mut self, mut timed: Timed) -> anyhow::Result<Done> {
        // A round begins one gap of usual length after the last frame of the round before.
        let usual = self.survey.length / self.survey.frames.saturating_sub(1).max(1);
        let name = self.exit.link.name.clone();
        let kept = self.survey.kept.take();
        for _ in 0..self.rounds {
            let goes_on = match &kept {
                Some(kept) => timed.send(kept).with_context(|| format!("cannot send on {name}"))?,
                None => self.read_and_send(&mut timed)?,
            };
            if !goes_on {
                break;
            }
            timed.shift(self.survey.length + usual);
        }
        Ok(timed.done())
    }

    /// One round, read while it is sent.
    fn read_and_send(&mut self, timed: &mut Timed) -> anyhow::Result<bool> {
        let name = self.exit.link.name.clone();
        let mut source =
            Prepared::new(frames::open(&self.path)?, self.rewrite.clone(), Some(&mut self.exit), self.survey.frames);
        let (mut chunk, mut first, mut before) = (Frames::default(), None, 0);
        loop {
            let more = source.advance()?;
            if let Some(time) = more {
                before = due(time, &mut first, before);
                chunk.push(source.frame().data, before);
            }
            if more.is_none() || chunk.size() > AHEAD {
                if !timed.send(&chunk).with_context(|| format!("cannot send on {name}"))? {
                    return Ok(false);
                }
                chunk.clear();
            }
            if more.is_none() {
                return Ok(true);
            }
        }
    }
}
