//! The messages of a capture, for the commands that show them.

use super::selection::Selection;
use crate::flow::message::{Collector, Found, Limits};
use crate::flow::{FlowTable, Known};
use crate::frame::{Error, Source};
use crate::pipeline::{self, Next, Sink};
use crate::wire::Packet;

/// Conversations that are told apart: one that leaves the table and comes back has a new number.
const CONVERSATIONS: usize = 1 << 20;

/// A sink that gathers messages.
struct Gathering(Collector);

impl Sink for Gathering {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        self.0.packet(packet, known);
        Ok(Next::GoOn)
    }
}

/// All messages of a capture, numbered from 1 in the order of the packets that hold their first bytes; and what ended
/// the source early, if something did.
pub fn read(source: &mut dyn Source, limits: Limits) -> anyhow::Result<(Found, Option<Error>)> {
    let mut sink = Gathering(Collector::new(limits));
    let summary = pipeline::run(source, &mut FlowTable::remembering(CONVERSATIONS), &mut sink)?;
    Ok((sink.0.finish(), summary.failure))
}

/// As [`read`], of the packets that are selected; conversations and packets keep the numbers that they have in the file.
pub fn read_selected(
    source: &mut dyn Source,
    selection: &Selection,
    limits: Limits,
) -> anyhow::Result<(Found, Option<Error>)> {
    let mut sink = Gathering(Collector::new(limits));
    let summary = pipeline::run(source, &mut FlowTable::remembering(CONVERSATIONS), &mut selection.before(&mut sink)?)?;
    Ok((sink.0.finish(), summary.failure))
}
