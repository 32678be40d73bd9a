//! The pipeline with its first half, reading and decoding, on a thread of its own: for files, where nobody waits.
//!
//! Order and results are those of [`super::run`]: each step is done by one thread.

use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use super::batch::{BATCHES, Batch};
use super::{Beside, Mark, Next, Sink, Summary, moment, show};
use crate::flow::{FlowTable, Seeker};
use crate::frame::{Error, Frame, Source};
use crate::wire::{self, Layers};

/// Packets whose conversations are looked for together.
const TOGETHER: usize = 16;

/// As [`super::run`], with a thread that reads and decodes ahead. What reaches `mark` is handed to the sink `beside`.
pub fn run_ahead<S>(
    source: &mut S,
    table: &mut FlowTable,
    sink: &mut dyn Sink,
    mut beside: Option<(&mut Beside, &Mark)>,
) -> io::Result<Summary>
where
    S: Source + Send + ?Sized,
{
    let (full, batches) = sync_channel::<Batch>(BATCHES);
    let (back, empty) = channel::<Batch>();
    let (seeker, all) = (table.seeker(), sink.takes_packets());
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let failure = decode(source, &seeker, all, &full, &empty);
            (failure, source.counts())
        });
        let followed = follow(&batches, &back, table, sink, beside.as_mut());
        // Where the sink has enough, the reader finds nobody to send to, and ends.
        drop((batches, back));
        let (failure, counts) = reader.join().map_err(|_| io::Error::other("the thread that decodes ended early"))?;
        let frames = followed?;
        sink.flush()?;
        if let Some((beside, _)) = beside {
            beside.flush()?;
        }
        Ok(Summary { frames, failure, counts })
    })
}

/// Fills batches until the source ends, or nobody wants them; why the source ended early, if it did.
///
/// With `all` packets; else only with those of which the flow table needs more than was worked out here.
fn decode<S: Source + ?Sized>(
    source: &mut S,
    seeker: &Seeker,
    all: bool,
    full: &SyncSender<Batch>,
    empty: &Receiver<Batch>,
) -> Option<Error> {
    let mut layers = Layers::new();
    let mut batch = Batch::default();
    let mut number = 0;
    let failure = loop {
        match source.advance() {
            Ok(Some(_)) => {}
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
        number += 1;
        let frame = Frame { number, ..source.frame() };
        if all {
            let (packet, hint) = seeker.decode(frame, &mut layers);
            batch.add(&packet);
            batch.hints.push(hint);
        } else if let Some(glance) = seeker.glance(&frame) {
            // Who sees no packets sees no applications, and the table follows transports: mostly a glance is enough.
            batch.hints.push(Some(glance));
        } else {
            let packet = wire::decode_transport(frame, &mut layers);
            let hint = seeker.hint(&packet);
            if hint.as_ref().is_none_or(|hint| !hint.is_whole()) {
                batch.add(&packet);
            }
            batch.hints.push(hint);
        }
        if batch.is_full() {
            let next = empty.try_recv().unwrap_or_default();
            if full.send(std::mem::replace(&mut batch, next)).is_err() {
                return None;
            }
        }
    };
    // What was read before the end counts.
    let _ = full.send(batch);
    failure
}

/// Feeds the table and the sinks; how many packets they took.
fn follow(
    batches: &Receiver<Batch>,
    back: &Sender<Batch>,
    table: &mut FlowTable,
    sink: &mut dyn Sink,
    mut beside: Option<&mut (&mut Beside, &Mark)>,
) -> io::Result<u64> {
    let all = sink.takes_packets();
    let (mut frames, mut again) = (0, Layers::new());
    for mut batch in batches {
        let (mut hints, mut fates) = (std::mem::take(&mut batch.hints), std::mem::take(&mut batch.fates));
        let (mut packet_place, mut next) = (0, Next::GoOn);
        for place in 0..hints.len() {
            if place.is_multiple_of(TOGETHER) {
                let end = hints.len().min(place + TOGETHER);
                table.look(hints.get_mut(place..end).unwrap_or_default());
            }
            frames += 1;
            moment(frames, table, sink)?;
            let hint = hints.get(place).and_then(Option::as_ref);
            next = match hint.filter(|hint| !all && hint.is_whole()) {
                Some(hint) => sink.departed(table.count_segment(hint))?,
                None => {
                    let Some(packet) = batch.packet(packet_place) else { break };
                    let known = table.ingest_hinted(&packet, hint);
                    let next =
                        if all { show(sink, packet, &known, &mut again)? } else { sink.departed(known.departed)? };
                    if beside.as_ref().is_some_and(|(_, mark)| mark.take()) {
                        fates.add(packet_place, &known);
                    }
                    packet_place += 1;
                    next
                }
            };
            if next == Next::Stop {
                break;
            }
        }
        (batch.hints, batch.fates) = (hints, fates);
        let empty = match &mut beside {
            Some((beside, _)) => {
                let (empty, said) = beside.pass(batch)?;
                next = if said == Next::Stop { said } else { next };
                empty
            }
            None => {
                batch.clear();
                Some(batch)
            }
        };
        if next == Next::Stop {
            return Ok(frames);
        }
        empty.into_iter().for_each(|empty| drop(back.send(empty)));
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::flow::Known;
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
        let mut kept = Kept { most: 5, ..Kept::default() };
        let summary = run_ahead(&mut made(u64::MAX), &mut FlowTable::new(), &mut kept, None).unwrap();
        assert_eq!((summary.frames, kept.seen.len()), (5, 5));
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

    /// A sink that another thread has.
    struct Far(Arc<Mutex<Kept>>);

    impl Sink for Far {
        fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
            self.0.lock().unwrap().packet(packet, known)
        }
    }

    #[test]
    fn what_reaches_the_mark_and_nothing_else_is_handed_on_whole_and_in_order() {
        let mut plain = Kept::default();
        super::super::run(&mut made(5001), &mut FlowTable::new(), &mut plain).unwrap();
        // To the end of the source, and to a packet within a batch.
        for most in [u64::MAX, 3000] {
            let (far, mark) = (Arc::new(Mutex::new(Kept::default())), Mark::default());
            let mut beside = Beside::new(Box::new(Far(far.clone()))).unwrap();
            let (mut sink, handed) = (Third(mark.clone(), most), Some((&mut beside, &mark)));
            let summary = run_ahead(&mut made(5001), &mut FlowTable::new(), &mut sink, handed).unwrap();
            assert_eq!(summary.frames, most.min(5001));
            let wanted = plain.seen.iter().filter(|seen| seen.0 % 3 == 0 && seen.0 <= most);
            assert_eq!(far.lock().unwrap().seen, wanted.copied().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_sink_beside_that_has_enough_ends_the_run() {
        let (far, mark) = (Arc::new(Mutex::new(Kept { most: 700, ..Kept::default() })), Mark::default());
        let mut beside = Beside::new(Box::new(Far(far.clone()))).unwrap();
        let mut sink = mark.clone();
        let summary = run_ahead(&mut made(u64::MAX), &mut FlowTable::new(), &mut sink, Some((&mut beside, &mark)));
        assert!(summary.unwrap().frames < 100_000);
        assert_eq!(far.lock().unwrap().seen.len(), 700);
    }
}
