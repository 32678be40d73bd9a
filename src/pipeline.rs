//! The one way a packet goes: source, decoder, flow table, filter, sink. Also the merge of several sources by time.

mod ahead;
mod batch;
mod beside;
mod steps;

pub use ahead::{Mark, run_ahead};
pub use beside::Beside;

use crate::filter::Filter;
use crate::flow::{FlowTable, Known, Summary as Conversation};
use crate::frame::{Counts, Error, Frame, Interface, Source, Timestamp};
use crate::process::Programs;
use crate::wire::{self, Layers, Packet};

/// Whether a sink wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    GoOn,
    /// Enough; the run ends without an error.
    Stop,
}

/// Where decoded packets go: an output format over a writer, a statistic, a file.
pub trait Sink {
    /// Takes a packet and what is known of it.
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next>;

    /// Whether packets and what they mean matter to it, or only what the flow table counts. Constant.
    fn takes_packets(&self) -> bool {
        true
    }

    /// Takes the conversations that had to leave with a packet, where packets do not matter.
    fn departed(&mut self, _departed: &[Conversation]) -> std::io::Result<Next> {
        Ok(Next::GoOn)
    }

    /// Called before the source makes its reader wait: what was written must be seen now.
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    /// A moment to show what is known so far: before a wait, and every few thousand packets.
    fn idle(&mut self, _table: &FlowTable) -> std::io::Result<()> {
        Ok(())
    }
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    #[inline]
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        (**self).packet(packet, known)
    }

    fn takes_packets(&self) -> bool {
        (**self).takes_packets()
    }

    fn departed(&mut self, departed: &[Conversation]) -> std::io::Result<Next> {
        (**self).departed(departed)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        (**self).flush()
    }
}

impl<S: Sink + ?Sized> Sink for &mut S {
    #[inline]
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        (**self).packet(packet, known)
    }

    fn takes_packets(&self) -> bool {
        (**self).takes_packets()
    }

    fn departed(&mut self, departed: &[Conversation]) -> std::io::Result<Next> {
        (**self).departed(departed)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        (**self).flush()
    }
}

/// Passes on the packets that a filter wants; all of them where there is none.
///
/// The flow table has seen every packet before: what a packet means does not depend on the filter.
pub struct Filtered<S> {
    filter: Option<Filter>,
    inner: S,
}

impl<S: Sink> Filtered<S> {
    pub fn new(filter: Option<Filter>, inner: S) -> Self {
        Self { filter, inner }
    }

    /// The sink behind the filter, to ask it what it counted.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S: Sink> Sink for Filtered<S> {
    #[inline]
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        match &self.filter {
            Some(filter) if !filter.matches(packet, known.facts) => Ok(Next::GoOn),
            _ => self.inner.packet(packet, known),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// How a run went.
#[derive(Debug, Default)]
pub struct Summary {
    /// Frames that the source handed out.
    pub frames: u64,
    /// Why the source ended early, if it did. Everything before that has reached the sink.
    pub failure: Option<Error>,
    /// What the source counted.
    pub counts: Counts,
}

/// Packets between two moments at which sinks may show what is known so far.
const MOMENT: u64 = 1 << 12;

/// Gives the sink its moment, where packet number `frames` is due for one.
#[inline]
fn moment(frames: u64, table: &FlowTable, sink: &mut dyn Sink) -> std::io::Result<()> {
    if frames.is_multiple_of(MOMENT) { sink.idle(table) } else { Ok(()) }
}

/// Feeds every frame of `source` through `table` to `sink`, until one of them has enough.
///
/// The error is the sink's: a source that ends early is told in the summary, because what came before it counts.
pub fn run(source: &mut dyn Source, table: &mut FlowTable, sink: &mut dyn Sink) -> std::io::Result<Summary> {
    run_asking(source, table, None, sink)
}

/// As [`run`]; which programs are at the ends of each packet is asked of `programs`.
pub fn run_asking(
    source: &mut dyn Source,
    table: &mut FlowTable,
    mut programs: Option<&mut dyn Programs>,
    sink: &mut dyn Sink,
) -> std::io::Result<Summary> {
    let (mut layers, mut again) = (Layers::new(), Layers::new());
    let mut summary = Summary::default();
    loop {
        if !source.ready() {
            sink.idle(table)?;
            sink.flush()?;
        }
        match source.advance() {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => {
                summary.failure = Some(error);
                break;
            }
        }
        summary.frames += 1;
        moment(summary.frames, table, sink)?;
        let frame = Frame { number: summary.frames, ..source.frame() };
        let packet = wire::decode(frame, &mut layers);
        let known = match &mut programs {
            Some(programs) => table.ingest_asking(&packet, *programs),
            None => table.ingest(&packet),
        };
        if show(sink, &packet, &known, &mut again)? == Next::Stop {
            break;
        }
    }
    sink.flush()?;
    summary.counts = source.counts();
    Ok(summary)
}

/// Shows a packet as it is to be read by what its conversation has agreed on; as it was, mostly.
#[inline]
fn show(sink: &mut dyn Sink, packet: &Packet<'_>, known: &Known<'_>, again: &mut Layers) -> std::io::Result<Next> {
    match known.facts.reread {
        None => sink.packet(packet, known),
        Some(how) => sink.packet(&wire::read_again(*packet, how, again), known),
    }
}

/// More interfaces than this share the last one's table.
const MOST_TABLES: usize = 64;

/// As [`run`], for captures at several places of the same network: a table of conversations for each interface, so that
/// what passes the next place is no retransmission.
pub fn run_apart(source: &mut dyn Source, sink: &mut dyn Sink) -> std::io::Result<Summary> {
    let (mut layers, mut again, mut summary) = (Layers::new(), Layers::new(), Summary::default());
    let mut tables: Vec<FlowTable> = Vec::new();
    let mut began = None;
    loop {
        if !source.ready() {
            sink.flush()?;
        }
        match source.advance() {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => {
                summary.failure = Some(error);
                break;
            }
        }
        summary.frames += 1;
        let frame = Frame { number: summary.frames, ..source.frame() };
        began = began.or(frame.time);
        let place = usize::try_from(frame.interface).unwrap_or(usize::MAX).min(MOST_TABLES - 1);
        while tables.len() <= place {
            let mut table = FlowTable::new();
            // Times are counted from the first packet of all.
            if let Some(began) = began {
                table.count_from(began);
            }
            tables.push(table);
        }
        let Some(table) = tables.get_mut(place) else { break };
        let packet = wire::decode(frame, &mut layers);
        let known = table.ingest(&packet);
        if show(sink, &packet, &known, &mut again)? == Next::Stop {
            break;
        }
    }
    sink.flush()?;
    summary.counts = source.counts();
    Ok(summary)
}

/// Several sources as one, their frames in the order of time; equal times in the order of the sources.
pub struct Merge<S> {
    sources: Vec<Head<S>>,
    current: usize,
    interfaces: Vec<Interface>,
    failure: Option<Error>,
}

struct Head<S> {
    source: S,
    /// The time of the frame that waits in it; `None` at its end.
    time: Option<Timestamp>,
    /// Numbers of its interfaces in the list of all.
    interfaces: Vec<u32>,
}

impl<S: Source> Merge<S> {
    /// Begins with the first frame of each.
    pub fn new(sources: Vec<S>) -> Self {
        let sources = sources.into_iter().map(|source| Head { source, time: None, interfaces: Vec::new() }).collect();
        let mut merge = Self { sources, current: usize::MAX, interfaces: Vec::new(), failure: None };
        for place in 0..merge.sources.len() {
            merge.refill(place);
        }
        merge
    }

    /// Moves one source on. Where it fails, the others go on; the first failure is told at the end.
    fn refill(&mut self, place: usize) {
        let Some(head) = self.sources.get_mut(place) else { return };
        match head.source.advance() {
            Ok(time) => head.time = time,
            Err(error) => {
                head.time = None;
                self.failure.get_or_insert(error);
            }
        }
        self.number_interfaces();
    }

    /// Interfaces of all sources in one list, each behind those that were told before it: a number once given stays, so
    /// that whoever writes frames as they come has told of their interfaces.
    fn number_interfaces(&mut self) {
        for head in &mut self.sources {
            for interface in head.source.interfaces().iter().skip(head.interfaces.len()) {
                head.interfaces.push(self.interfaces.len() as u32);
                self.interfaces.push(interface.clone());
            }
        }
    }
}

impl<S: Source> Source for Merge<S> {
    fn advance(&mut self) -> Result<Option<Timestamp>, Error> {
        if self.current != usize::MAX {
            self.refill(self.current);
        }
        let waiting = self.sources.iter().enumerate().filter_map(|(place, head)| Some((head.time?, place)));
        match waiting.min() {
            Some((time, place)) => {
                self.current = place;
                Ok(Some(time))
            }
            None => {
                self.current = usize::MAX;
                self.failure.take().map_or(Ok(None), Err)
            }
        }
    }

    fn frame(&self) -> Frame<'_> {
        match self.sources.get(self.current) {
            Some(head) => {
                let frame = head.source.frame();
                let number = head.interfaces.get(frame.interface as usize).copied();
                Frame { interface: number.unwrap_or(frame.interface), ..frame }
            }
            None => Frame::empty(),
        }
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.sources.iter().try_fold((0, 0), |(done, all), head| {
            let (more_done, more) = head.source.progress()?;
            Some((done + more_done, all + more))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::LinkType;

    /// A file of two frames: the second came in on an interface that is told only then.
    struct Late {
        name: &'static str,
        times: Vec<i64>,
        told: Vec<Interface>,
    }

    impl Late {
        fn new(name: &'static str, times: [i64; 2]) -> Self {
            Self { name, times: times.into_iter().rev().collect(), told: Vec::new() }
        }
    }

    impl Source for Late {
        fn advance(&mut self) -> Result<Option<Timestamp>, Error> {
            let Some(time) = self.times.pop() else { return Ok(None) };
            let name = Some(format!("{}{}", self.name, self.told.len()));
            self.told.push(Interface { name, link: LinkType::RAW, snap_length: 0 });
            Ok(Some(Timestamp(time)))
        }

        fn frame(&self) -> Frame<'_> {
            Frame { interface: self.told.len() as u32 - 1, ..Frame::empty() }
        }

        fn interfaces(&self) -> &[Interface] {
            &self.told
        }
    }

    #[test]
    fn interfaces_of_merged_files_keep_their_numbers_when_more_are_told() {
        let mut merge = Merge::new(vec![Late::new("a", [1, 3]), Late::new("b", [2, 4])]);
        // As a writer does: an interface is described once, the first time that it is known.
        let (mut described, mut frames) = (Vec::new(), Vec::new());
        while merge.advance().unwrap().is_some() {
            let known =
                merge.interfaces().iter().skip(described.len()).map(|interface| interface.name.clone().unwrap());
            described.extend(known);
            frames.push(described[merge.frame().interface as usize].clone());
        }
        assert_eq!(frames, ["a0", "b0", "a1", "b1"]);
    }
}
