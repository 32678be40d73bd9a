//! The pipeline over several cores: for files, where nobody waits.
//!
//! Three steps ([`Steps`]): packets are read and decoded into a batch, the batch meets the flow table and the sink, and
//! what reached the [`Mark`] goes to a sink beside. Order and results are those of [`super::run`].

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use super::batch::{Batch, Fates};
use super::steps::{End, Follow, Show, Steps};
use super::{Next, Sink, Summary, moment, show};
use crate::flow::{FlowTable, Hint, Known, Seeker};
use crate::frame::{Error, Frame, Source};
use crate::wire::{self, Layers, Packet};

/// Packets whose conversations are looked for together.
const TOGETHER: usize = 16;

/// Stands for the sink beside: what reaches the mark is handed on to it.
#[derive(Clone, Debug, Default)]
pub struct Mark(Rc<Cell<bool>>);

impl Mark {
    /// Whether a packet has reached it since this was asked.
    #[inline]
    fn take(&self) -> bool {
        self.0.take()
    }
}

impl Sink for Mark {
    #[inline]
    fn packet(&mut self, _: &Packet<'_>, _: &Known<'_>) -> io::Result<Next> {
        self.0.set(true);
        Ok(Next::GoOn)
    }
}

/// As [`super::run`], on as many cores as there are steps and this process may use. What reaches the mark is handed to the
/// sink `beside`, which no conversation that leaves the table reaches.
pub fn run_ahead<S>(
    source: &mut S,
    table: &mut FlowTable,
    sink: &mut dyn Sink,
    beside: Option<(&mut (dyn Sink + Send), &Mark)>,
) -> io::Result<Summary>
where
    S: Source + Send + ?Sized,
{
    let steps = 2 + usize::from(beside.is_some());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    run_on(cores.min(steps), source, table, sink, beside)
}

/// As [`run_ahead`], on so many threads.
fn run_on<S>(
    threads: usize,
    source: &mut S,
    table: &mut FlowTable,
    sink: &mut dyn Sink,
    beside: Option<(&mut (dyn Sink + Send), &Mark)>,
) -> io::Result<Summary>
where
    S: Source + Send + ?Sized,
{
    let mut reading =
        Reading { source, seeker: table.seeker(), all: sink.takes_packets(), layers: Layers::new(), count: 0 };
    let (mut beside, mark) = beside.unzip();
    let mut follower = Follower { table, sink, mark, count: 0, again: Layers::new() };
    let mut read = |batch: &mut Batch| reading.fill(batch);
    let mut show = beside.as_deref_mut().map(|sink| |batch: &mut Batch| batch.hand_to(sink));
    let steps = Steps::new(&mut read, show.as_mut().map(|show| show as &mut Show<'_>));
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Where no more threads can be had, those that there are do it all.
            let _ = std::thread::Builder::new().spawn_scoped(scope, || steps.work(None));
        }
        let mut follow = |batch: &mut Batch| follower.follow(batch);
        steps.work(Some(&mut follow as &mut Follow<'_>));
    });
    let End { failure, said } = steps.end();
    let frames = follower.count;
    // What was written before the end counts.
    let shown = beside.map_or(Ok(()), |beside| beside.flush());
    let flushed = sink.flush();
    said.and(shown).and(flushed)?;
    Ok(Summary { frames, failure, counts: reading.source.counts() })
}

/// The first step.
struct Reading<'a, S: ?Sized> {
    source: &'a mut S,
    seeker: Seeker,
    /// All packets are wanted; else only those of which the flow table needs more than can be worked out here.
    all: bool,
    layers: Layers,
    /// Packets so far.
    count: u64,
}

impl<S: Source + ?Sized> Reading<'_, S> {
    /// Fills a batch; whether there is more, or why the source ended early.
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        while !batch.is_full() {
            if self.source.advance()?.is_none() {
                return Ok(false);
            }
            self.count += 1;
            let frame = Frame { number: self.count, ..self.source.frame() };
            if self.all {
                let (packet, hint) = self.seeker.decode(frame, &mut self.layers);
                batch.add(&packet);
                batch.hints.push(hint);
            } else if let Some(glance) = self.seeker.glance(&frame) {
                // Who sees no packets sees no applications, and the table follows transports: mostly a glance is enough.
                batch.hints.push(Some(glance));
            } else {
                let packet = wire::decode_transport(frame, &mut self.layers);
                let hint = self.seeker.hint(&packet);
                if hint.as_ref().is_none_or(|hint| !hint.is_whole()) {
                    batch.add(&packet);
                }
                batch.hints.push(hint);
            }
        }
        Ok(true)
    }
}

/// The second step.
struct Follower<'a> {
    table: &'a mut FlowTable,
    sink: &'a mut dyn Sink,
    mark: Option<&'a Mark>,
    /// Packets so far.
    count: u64,
    again: Layers,
}

impl Follower<'_> {
    /// Feeds the table and the sink; the batch knows then what is to be handed on of it.
    fn follow(&mut self, batch: &mut Batch) -> io::Result<Next> {
        let (mut hints, mut fates) = (std::mem::take(&mut batch.hints), std::mem::take(&mut batch.fates));
        let next = self.take_in(batch, &mut hints, &mut fates);
        (batch.hints, batch.fates) = (hints, fates);
        next
    }

    fn take_in(&mut self, batch: &Batch, hints: &mut [Option<Hint>], fates: &mut Fates) -> io::Result<Next> {
        let all = self.sink.takes_packets();
        let mut packets = 0;
        for place in 0..hints.len() {
            if place.is_multiple_of(TOGETHER) {
                let end = hints.len().min(place + TOGETHER);
                self.table.look(hints.get_mut(place..end).unwrap_or_default());
            }
            self.count += 1;
            moment(self.count, self.table, self.sink)?;
            let hint = hints.get(place).and_then(Option::as_ref);
            let next = match hint.filter(|hint| !all && hint.is_whole()) {
                Some(hint) => self.sink.departed(self.table.count_segment(hint))?,
                None => {
                    let packet = batch.packet(packets);
                    let known = self.table.ingest_hinted(&packet, hint);
                    let next = match all {
                        true => show(self.sink, &packet, &known, &mut self.again)?,
                        false => self.sink.departed(known.departed)?,
                    };
                    if self.mark.is_some_and(Mark::take) {
                        fates.add(packets, &known);
                    }
                    packets += 1;
                    next
                }
            };
            if next == Next::Stop {
                return Ok(next);
            }
        }
        Ok(Next::GoOn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Interface, LinkType, Timestamp};
    use crate::wire::Packet;

    /// Frames of growing length, then an error.
    struct Made {
        count: u64,
        at: u64,
        data: Vec<u8>,
    }

    impl Source for Made {
        fn advance(&mut self) -> Result<Option<Timestamp>, Error> {
            if self.at == self.count {
                return Err(Error::NotACapture { target: "made".into(), why: "it ends here".into() });
            }
            self.at += 1;
            self.data = vec![0x45; self.at as usize % 61];
            Ok(Some(Timestamp(self.at as i64)))
        }

        fn frame(&self) -> Frame<'_> {
            let time = Some(Timestamp(self.at as i64));
            Frame { time, link: LinkType::RAW, data: &self.data, length: self.data.len() as u32, ..Frame::empty() }
        }

        fn interfaces(&self) -> &[Interface] {
            &[]
        }
    }

    #[derive(Default)]
    struct Kept {
        seen: Vec<(u64, usize, usize, Option<i64>)>,
        most: usize,
    }

    impl Sink for Kept {
        fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
            let time = known.facts.time_relative;
            self.seen.push((packet.frame.number, packet.frame.data.len(), packet.layers.len(), time));
            Ok(if self.seen.len() == self.most { Next::Stop } else { Next::GoOn })
        }
    }

    fn made(count: u64) -> Made {
        Made { count, at: 0, data: Vec::new() }
    }

    #[test]
    fn reading_ahead_gives_what_reading_gives() {
        let (mut plain, mut ahead) = (Kept::default(), Kept::default());
        let one = super::super::run(&mut made(3000), &mut FlowTable::new(), &mut plain).unwrap();
        let other = run_ahead(&mut made(3000), &mut FlowTable::new(), &mut ahead, None).unwrap();
        assert_eq!(plain.seen, ahead.seen);
        assert_eq!((one.frames, other.frames), (3000, 3000));
        assert!(other.failure.is_some(), "why the source ended is told");
    }

    #[test]
    fn a_sink_that_has_enough_ends_the_reader_too() {
        for threads in 1..=2 {
            let mut kept = Kept { most: 5, ..Kept::default() };
            let summary = run_on(threads, &mut made(u64::MAX), &mut FlowTable::new(), &mut kept, None).unwrap();
            assert_eq!((summary.frames, kept.seen.len()), (5, 5));
        }
    }

    /// Marks every third packet; has enough at the last of so many.
    struct Third(Mark, u64);

    impl Sink for Third {
        fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
            if packet.frame.number.is_multiple_of(3) {
                self.0.packet(packet, known)?;
            }
            Ok(if packet.frame.number == self.1 { Next::Stop } else { Next::GoOn })
        }
    }

    #[test]
    fn what_reaches_the_mark_and_nothing_else_is_handed_on_whole_and_in_order() {
        let mut plain = Kept::default();
        super::super::run(&mut made(5001), &mut FlowTable::new(), &mut plain).unwrap();
        // To the end of the source, and to a packet within a batch: also of that behind which the source is wrong.
        for (most, threads) in (1..=3).flat_map(|threads| [u64::MAX, 3000, 5000, 5001].map(|most| (most, threads))) {
            let (mut far, mark) = (Kept::default(), Mark::default());
            let mut sink = Third(mark.clone(), most);
            let beside = Some((&mut far as &mut (dyn Sink + Send), &mark));
            let summary = run_on(threads, &mut made(5001), &mut FlowTable::new(), &mut sink, beside).unwrap();
            assert_eq!(summary.frames, most.min(5001));
            assert_eq!(summary.failure.is_some(), most > 5001, "what is behind the last packet is not reached");
            let wanted = plain.seen.iter().filter(|seen| seen.0 % 3 == 0 && seen.0 <= most);
            assert_eq!(far.seen, wanted.copied().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_sink_beside_that_has_enough_ends_the_run() {
        for threads in 1..=3 {
            let (mut far, mark) = (Kept { most: 700, ..Kept::default() }, Mark::default());
            let beside = Some((&mut far as &mut (dyn Sink + Send), &mark));
            let mut sink = mark.clone();
            let summary = run_on(threads, &mut made(u64::MAX), &mut FlowTable::new(), &mut sink, beside);
            assert!(summary.unwrap().frames < 100_000);
            assert_eq!(far.seen.len(), 700);
        }
    }

    /// A sink that cannot write.
    struct Full;

    impl Sink for Full {
        fn packet(&mut self, packet: &Packet<'_>, _: &Known<'_>) -> io::Result<Next> {
            if packet.frame.number == 2000 { Err(io::Error::other("the disk is full")) } else { Ok(Next::GoOn) }
        }
    }

    #[test]
    fn an_error_of_either_sink_ends_the_run() {
        for threads in 1..=3 {
            let said = run_on(threads, &mut made(u64::MAX), &mut FlowTable::new(), &mut Full, None);
            assert_eq!(said.unwrap_err().to_string(), "the disk is full");
            let (mut full, mark) = (Full, Mark::default());
            let beside = Some((&mut full as &mut (dyn Sink + Send), &mark));
            let said = run_on(threads, &mut made(u64::MAX), &mut FlowTable::new(), &mut mark.clone(), beside);
            assert_eq!(said.unwrap_err().to_string(), "the disk is full");
        }
    }

    /// A sink with a mistake in it.
    struct Wrong;

    impl Sink for Wrong {
        fn packet(&mut self, _: &Packet<'_>, _: &Known<'_>) -> io::Result<Next> {
            panic!("a mistake")
        }
    }

    #[test]
    fn a_thread_that_comes_to_grief_is_not_waited_for() {
        let run = || {
            let mark = Mark::default();
            let beside = Some((&mut Wrong as &mut (dyn Sink + Send), &mark));
            run_on(2, &mut made(u64::MAX), &mut FlowTable::new(), &mut mark.clone(), beside)
        };
        assert!(std::panic::catch_unwind(run).is_err());
    }
}
