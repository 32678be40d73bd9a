//! A live capture as a [`Source`]: takes the batches that the reading thread fills and lends their packets.

use std::io::{self, PipeWriter, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Tap;
use super::reader::{Batch, Channels, End, Message, Reader, Record};
use crate::frame::{Counts, Error, Frame, Interface, LinkType, Source, Timestamp};

/// Stops a capture: from any thread, and through [`Stop::descriptor`] from a signal handler.
///
/// What the kernel had captured by then is still handed out. Stopping twice, or after the end, does nothing.
#[derive(Debug)]
pub struct Stop {
    pipe: PipeWriter,
    end: io::PipeReader,
}

impl Stop {
    pub fn new() -> io::Result<Self> {
        let (end, pipe) = io::pipe()?;
        Ok(Self { pipe, end })
    }

    /// A descriptor that stops the capture when anything is written to it.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        Ok(self.pipe.try_clone()?.into())
    }
}

/// Stops a capture that runs.
#[derive(Debug)]
pub struct StopHandle(PipeWriter);

impl StopHandle {
    pub fn stop(&self) {
        let _ = (&self.0).write_all(b"s");
    }
}

/// A capture that runs. Dropping it ends it.
pub struct Live {
    interfaces: Vec<Interface>,
    full: Receiver<Message>,
    free: Sender<Batch>,
    queued: Arc<AtomicUsize>,
    stop: PipeWriter,
    batch: Batch,
    /// Records of the batch that were handed out; the current one is the last of them.
    taken: usize,
    end: Option<End>,
    thread: Option<JoinHandle<()>>,
}

impl Live {
    pub(super) fn start(taps: Vec<Tap>, stop: Stop, duration: Option<Duration>) -> Result<Self, Error> {
        let interfaces: Vec<_> = taps.iter().map(|tap| tap.interface.clone()).collect();
        let (full_in, full) = mpsc::channel();
        let (free, free_out) = mpsc::channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let channels = Channels { full: full_in, free: free_out, queued: Arc::clone(&queued) };
        let reader = Reader::new(taps, stop.end, channels, duration);
        let thread = thread::Builder::new().name("capture".to_owned()).spawn(move || reader.run());
        let thread = thread.map_err(|source| Error::System {
            operation: "start a thread for",
            target: "the capture".to_owned(),
            source,
            remedy: None,
        })?;
        Ok(Self {
            interfaces,
            full,
            free,
            queued,
            stop: stop.pipe,
            batch: Batch::default(),
            taken: 0,
            end: None,
            thread: Some(thread),
        })
    }

    /// Something to stop this capture with, from another thread.
    pub fn stop_handle(&self) -> io::Result<StopHandle> {
        Ok(StopHandle(self.stop.try_clone()?))
    }

    /// Ends the capture without handing out the rest; after it [`Source::counts`] is final.
    pub fn finish(&mut self) {
        let _ = self.stop.write_all(b"s");
        self.taken = 0;
        self.batch.clear();
        while self.end.is_none() {
            self.take();
        }
    }

    /// What was counted on each interface; empty until the end.
    pub fn counts_by_interface(&self) -> Vec<Counts> {
        self.end.as_ref().map_or_else(Vec::new, |end| end.counts.clone())
    }

    /// Takes the next message; at the end, or where the thread died, sets `end`.
    fn take(&mut self) {
        let message = self.full.recv();
        self.queued.fetch_sub(1, Ordering::AcqRel);
        self.taken = 0;
        match message {
            Ok(Message::Batch(batch)) => {
                let mut empty = std::mem::replace(&mut self.batch, batch);
                empty.clear();
                // Where the thread has ended it needs no more batches.
                let _ = self.free.send(empty);
            }
            Ok(Message::End(end)) => {
                self.batch.clear();
                self.end = Some(end);
            }
            Err(_) => {
                let why = "its thread ended by a fault of netlab's own".to_owned();
                let error = Some(Error::Ended { target: "the interfaces".to_owned(), why });
                self.end = Some(End { counts: Vec::new(), error });
            }
        }
    }

    fn record(&self) -> Option<&Record> {
        self.batch.records.get(self.taken.checked_sub(1)?)
    }
}

impl Source for Live {
    fn advance(&mut self) -> Result<Option<Timestamp>, Error> {
        loop {
            if let Some(record) = self.batch.records.get(self.taken) {
                self.taken += 1;
                return Ok(Some(Timestamp(record.time)));
            }
            if let Some(end) = &mut self.end {
                self.taken = 0;
                return end.error.take().map_or(Ok(None), Err);
            }
            self.take();
        }
    }

    fn frame(&self) -> Frame<'_> {
        let link = self.interfaces.first().map_or(LinkType::NULL, |interface| interface.link);
        let Some(record) = self.record() else {
            return Frame { number: 0, time: None, link, interface: 0, length: 0, data: &[], comment: &[] };
        };
        Frame {
            number: 0,
            time: Some(Timestamp(record.time)),
            link: self.interfaces.get(record.interface as usize).map_or(link, |interface| interface.link),
            interface: record.interface,
            length: record.length,
            data: self.batch.data(record),
            comment: &[],
        }
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn ready(&self) -> bool {
        self.taken < self.batch.records.len() || self.end.is_some() || self.queued.load(Ordering::Acquire) > 0
    }

    fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        for counts in self.counts_by_interface() {
            let add = |sum: &mut Option<u64>, more: Option<u64>| {
                *sum = more.map(|more| sum.unwrap_or(0).saturating_add(more)).or(*sum);
            };
            add(&mut sum.received, counts.received);
            add(&mut sum.dropped_kernel, counts.dropped_kernel);
            add(&mut sum.dropped_interface, counts.dropped_interface);
        }
        sum
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.finish();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
