//! A sink that works beside the pipeline, on a thread of its own: packets are handed over in batches.
//!
//! Decoding and following conversations take about as long as writing lines, fields or JSON. Order and results are the
//! same, for one thread does each step. Batches are bounded in packets and bytes, at most [`BATCHES`] of them wait for the
//! sink, and they are used again.

use std::io;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;

use super::batch::{BATCHES, Batch};
use super::{Next, Sink};
use crate::flow::Known;
use crate::wire::Packet;

/// A batch that comes back, and what the sink said.
type Done = (Batch, io::Result<Next>);

/// A sink on a thread of its own. Conversations that leave the table do not reach it.
pub struct Beside {
    batch: Batch,
    to: Option<Sender<Batch>>,
    back: Receiver<Done>,
    under_way: usize,
    worker: Option<JoinHandle<()>>,
    next: Next,
}

impl Beside {
    /// Starts the thread.
    pub fn new(mut sink: Box<dyn Sink + Send>) -> io::Result<Self> {
        let (to, batches) = channel::<Batch>();
        let (done, back) = channel::<Done>();
        let work = move || {
            for batch in batches {
                let said = batch.hand_to(sink.as_mut());
                let over = !matches!(said, Ok(Next::GoOn));
                if over {
                    // What was written before the end counts.
                    let _ = sink.flush();
                }
                if done.send((batch, said)).is_err() || over {
                    return;
                }
            }
        };
        let worker = std::thread::Builder::new().name("output".into()).spawn(work)?;
        let (batch, to, worker) = (Batch::default(), Some(to), Some(worker));
        Ok(Self { batch, to, back, under_way: 0, worker, next: Next::GoOn })
    }

    /// Hands a batch over; an empty one for it.
    fn pass(&mut self, batch: Batch) -> io::Result<Batch> {
        let empty = if self.under_way < BATCHES { self.look_back()? } else { Some(self.take_back()?) };
        if self.next == Next::GoOn && self.to.as_ref().is_some_and(|to| to.send(batch).is_ok()) {
            self.under_way += 1;
        }
        Ok(empty.unwrap_or_default())
    }

    /// The batch that has come back, if one has.
    fn look_back(&mut self) -> io::Result<Option<Batch>> {
        match self.back.try_recv() {
            Err(TryRecvError::Empty) => Ok(None),
            came => self.came_back(came.ok()).map(Some),
        }
    }

    /// Waits for a batch to come back: one must be under way.
    fn take_back(&mut self) -> io::Result<Batch> {
        let came = self.back.recv().ok();
        self.came_back(came)
    }

    fn came_back(&mut self, came: Option<Done>) -> io::Result<Batch> {
        let Some((mut batch, said)) = came else {
            // The thread is gone: it has said why with an earlier batch.
            (self.under_way, self.next) = (0, Next::Stop);
            return Ok(Batch::default());
        };
        self.under_way = self.under_way.saturating_sub(1);
        batch.clear();
        if said? == Next::Stop {
            (self.under_way, self.next) = (0, Next::Stop);
        }
        Ok(batch)
    }
}

impl Sink for Beside {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        self.batch.add_known(packet, known);
        if self.batch.is_full() {
            let full = std::mem::take(&mut self.batch);
            self.batch = self.pass(full)?;
        }
        Ok(self.next)
    }

    /// Returns when all has been written.
    fn flush(&mut self) -> io::Result<()> {
        let mut last = std::mem::take(&mut self.batch);
        last.flush = true;
        self.batch = self.pass(last)?;
        while self.under_way > 0 {
            self.take_back()?;
        }
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.to = None;
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::flow::FlowTable;
    use crate::frame::Frame;
    use crate::wire::{Layers, decode};

    /// Keeps what it was given; fails or stops at a packet.
    struct Kept {
        numbers: Arc<Mutex<Vec<(u64, usize)>>>,
        fail_at: u64,
        stop_at: u64,
    }

    impl Sink for Kept {
        fn packet(&mut self, packet: &Packet<'_>, _: &Known<'_>) -> io::Result<Next> {
            if packet.frame.number == self.fail_at {
                return Err(io::Error::other("the disk is full"));
            }
            self.numbers.lock().unwrap().push((packet.frame.number, packet.frame.data.len()));
            Ok(if packet.frame.number == self.stop_at { Next::Stop } else { Next::GoOn })
        }
    }

    fn feed(count: u64, fail_at: u64, stop_at: u64) -> (io::Result<u64>, Vec<(u64, usize)>) {
        let numbers = Arc::new(Mutex::new(Vec::new()));
        let mut sink = Beside::new(Box::new(Kept { numbers: numbers.clone(), fail_at, stop_at })).unwrap();
        let (mut flows, mut layers) = (FlowTable::new(), Layers::new());
        let mut fed = 0;
        let run = (|| {
            for number in 1..=count {
                let data = vec![7; number as usize % 97];
                let frame = Frame { number, data: &data, length: data.len() as u32, ..Frame::empty() };
                let packet = decode(frame, &mut layers);
                fed = number;
                if sink.packet(&packet, &flows.ingest(&packet))? == Next::Stop {
                    break;
                }
            }
            sink.flush()?;
            Ok(fed)
        })();
        drop(sink);
        let kept = numbers.lock().unwrap().clone();
        (run, kept)
    }

    #[test]
    fn every_packet_arrives_whole_and_in_order() {
        let (run, kept) = feed(5000, 0, 0);
        assert_eq!(run.unwrap(), 5000);
        let wanted: Vec<(u64, usize)> = (1..=5000).map(|number| (number, number as usize % 97)).collect();
        assert_eq!(kept, wanted);
    }

    #[test]
    fn an_error_of_the_sink_reaches_the_pipeline() {
        let (run, kept) = feed(50_000, 2000, 0);
        assert_eq!(run.unwrap_err().to_string(), "the disk is full");
        assert_eq!(kept.len(), 1999);
    }

    #[test]
    fn a_sink_that_has_enough_stops_the_run() {
        let (run, kept) = feed(1_000_000, 0, 700);
        assert!(run.unwrap() < 100_000);
        assert_eq!(kept.len(), 700);
    }
}
