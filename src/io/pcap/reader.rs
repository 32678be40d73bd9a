//! The thread of a live capture: empties the kernel's rings into batches until it is told to stop.
//!
//! It waits in poll(2) for the rings, the stop and the end of the duration alike. After the stop it goes on until it
//! has what the kernel had: that is counted where the kernel's figures allow it, else known once the kernel must have
//! handed over its last block. An interface that vanishes ends the capture the same way, with nothing lost.

use std::io::PipeReader;
use std::mem;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ::pcap::Stat;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{BLOCK_TIMEOUT, Tap, message};
use crate::frame::{Counts, Error};

/// A batch is handed on when it holds this much, or when the rings are empty. It should fit a processor's cache twice.
pub(super) const BATCH_BYTES: usize = 256 << 10;
/// Packets taken at once; between two such sips the batch's size is looked at.
const SIP: usize = 64;
/// libpcap's counters are 32 bits wide and wrap; looked at this often, none can wrap unseen.
const COUNT_EVERY: Duration = Duration::from_secs(10);
/// How often an interface that is down is asked whether it still exists: nothing wakes us when it goes.
const DOWN_EVERY: Duration = Duration::from_millis(100);
/// After this long the kernel has handed over every block that held a packet at the stop.
const LAST_BLOCK: Duration = Duration::from_millis(2 * BLOCK_TIMEOUT.as_millis() as u64 + 20);
/// With several interfaces packets wait this long for earlier ones from another ring, to be handed on in order.
const HOLD: Duration = Duration::from_millis(BLOCK_TIMEOUT.as_millis() as u64 + 15);
/// ... but no more than this many bytes of them.
const HOLD_BYTES: usize = 8 << 20;
/// How often to look again while packets are held, or while the last block is awaited.
const TICK: Duration = Duration::from_millis(5);
/// Batches in all; a consumer that is this far behind is waited for.
const BATCHES: usize = 16;
const TROUBLE: PollFlags = PollFlags::POLLERR.union(PollFlags::POLLHUP).union(PollFlags::POLLNVAL);

/// One packet of a batch: where its bytes are and what the kernel said about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// Nanoseconds since the epoch.
    pub time: i64,
    pub start: u32,
    pub captured: u32,
    pub length: u32,
    pub interface: u32,
}

/// Packets with their bytes, one copy away from the ring.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub bytes: Vec<u8>,
    pub records: Vec<Record>,
}

impl Batch {
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        // One flood of jumbo frames must not cost its memory for the rest of the capture.
        self.bytes.shrink_to(4 * BATCH_BYTES);
    }

    fn push(&mut self, mut record: Record, data: &[u8]) {
        record.start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(data);
        self.records.push(record);
    }

    pub fn data(&self, record: &Record) -> &[u8] {
        let start = record.start as usize;
        self.bytes.get(start..start + record.captured as usize).unwrap_or_default()
    }
}

/// The last word of the thread.
pub(super) struct End {
    /// Of each interface.
    pub counts: Vec<Counts>,
    pub error: Option<Error>,
}

pub(super) enum Message {
    Batch(Batch),
    End(End),
}

/// The thread's ends of the channels. `free` bounds the whole: who has no empty batch waits for one to come back.
pub(super) struct Channels {
    pub full: Sender<Message>,
    pub free: Receiver<Batch>,
    /// Messages sent and not yet taken.
    pub queued: Arc<AtomicUsize>,
}

impl Channels {
    fn send(&self, message: Message) -> Option<()> {
        self.queued.fetch_add(1, Ordering::AcqRel);
        self.full.send(message).ok()
    }
}

/// When and how the capture ends.
struct Stopping {
    /// By the packets' clock: what is later need not be waited for.
    moment: i64,
    /// By ours: from here on the kernel has handed over every block that held something at the stop.
    patience: Instant,
}

pub(super) struct Reader {
    rings: Vec<Ring>,
    wake: PipeReader,
    channels: Channels,
    until: Option<Instant>,
    next_count: Instant,
    stopping: Option<Stopping>,
    /// What is handed on next.
    batch: Batch,
    /// With several interfaces: what waits to be put in order.
    held: Batch,
    batches_made: usize,
}

impl Reader {
    pub fn new(taps: Vec<Tap>, wake: PipeReader, channels: Channels, duration: Option<Duration>) -> Self {
        let now = Instant::now();
        Self {
            rings: taps.into_iter().zip(0..).map(|(tap, number)| Ring::new(tap, number)).collect(),
            wake,
            channels,
            until: duration.and_then(|duration| now.checked_add(duration)),
            next_count: now + COUNT_EVERY,
            stopping: None,
            batch: Batch::default(),
            held: Batch::default(),
            batches_made: 0,
        }
    }

    /// Reads until the end and says the last word, unless nobody listens any more.
    pub fn run(mut self) {
        if self.read_all().is_some() {
            let end = self.end();
            let _ = self.channels.send(Message::End(end));
        }
    }

    /// `None` where nobody listens.
    fn read_all(&mut self) -> Option<()> {
        loop {
            let busy = self.fill();
            let over = self.drained();
            if self.rings.len() > 1 {
                self.put_in_order(over);
            }
            if !self.batch.records.is_empty() {
                self.hand_on()?;
            }
            if over {
                return Some(());
            }
            self.wait(busy);
        }
    }

    /// Takes what the rings hold, up to a batch of each; whether there was anything.
    fn fill(&mut self) -> bool {
        let batch = if self.rings.len() > 1 { &mut self.held } else { &mut self.batch };
        let mut busy = false;
        for ring in &mut self.rings {
            let full = batch.bytes.len() + BATCH_BYTES;
            loop {
                ring.idle = ring.sip(batch) == 0;
                busy |= !ring.idle;
                if ring.idle || batch.bytes.len() >= full {
                    break;
                }
            }
        }
        if self.stopping.is_none() && self.rings.iter().any(|ring| ring.failure.is_some()) {
            self.stop();
        }
        busy
    }

    /// Moves from `held` what no earlier packet can still come before; everything where `all` says so.
    fn put_in_order(&mut self, all: bool) {
        let mut held = mem::take(&mut self.held);
        held.records.sort_by_key(|record| record.time);
        let settled = if all || held.bytes.len() > HOLD_BYTES {
            held.records.len()
        } else {
            let before = now().saturating_sub(HOLD.as_nanos() as i64);
            held.records.partition_point(|record| record.time <= before)
        };
        for (index, record) in held.records.iter().enumerate() {
            let to = if index < settled { &mut self.batch } else { &mut self.held };
            to.push(*record, held.data(record));
        }
    }

    fn hand_on(&mut self) -> Option<()> {
        let empty = match self.channels.free.try_recv() {
            Ok(empty) => empty,
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) if self.batches_made < BATCHES => {
                self.batches_made += 1;
                Batch::default()
            }
            // The consumer is behind: wait for it, the ring has room for much more than we have.
            Err(TryRecvError::Empty) => self.channels.free.recv().ok()?,
        };
        let full = mem::replace(&mut self.batch, empty);
        self.channels.send(Message::Batch(full))
    }

    /// Waits until there is something to do; where the rings are `busy` only looks whether to stop.
    fn wait(&mut self, busy: bool) {
        let now = Instant::now();
        let timeout = if busy { Duration::ZERO } else { self.pause(now) };
        let stopping = self.stopping.is_some();
        let mut fds: Vec<PollFd<'_>> =
            self.rings.iter().map(|ring| PollFd::new(ring.tap.handle.as_fd(), PollFlags::POLLIN)).collect();
        if !stopping {
            fds.push(PollFd::new(self.wake.as_fd(), PollFlags::POLLIN));
        }
        // Rounded up: a wait cut short by less than a millisecond would be a busy one.
        let milliseconds = timeout.as_nanos().div_ceil(1_000_000);
        let _ = poll(&mut fds, PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX));
        let troubled = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| events.intersects(TROUBLE));
        let down: Vec<bool> = fds.iter().map(troubled).collect();
        let woken = !stopping && fds.last().and_then(PollFd::any).unwrap_or(false);
        drop(fds);
        for (ring, down) in self.rings.iter_mut().zip(down) {
            ring.down |= down;
        }
        let now = Instant::now();
        if now >= self.next_count {
            self.next_count = now + COUNT_EVERY;
            self.rings.iter_mut().for_each(Ring::count);
        }
        if !stopping && (woken || self.until.is_some_and(|until| now >= until)) {
            self.stop();
        }
    }

    /// How long nothing but a packet or a stop needs us.
    fn pause(&self, now: Instant) -> Duration {
        let mut pause = self.next_count.saturating_duration_since(now);
        if let Some(until) = self.until {
            pause = pause.min(until.saturating_duration_since(now));
        }
        if self.stopping.is_some() || !self.held.records.is_empty() {
            pause = pause.min(TICK);
        }
        if self.rings.iter().any(|ring| ring.down) {
            pause = pause.min(DOWN_EVERY);
        }
        pause
    }

    fn stop(&mut self) {
        self.stopping = Some(Stopping { moment: now(), patience: Instant::now() + LAST_BLOCK });
        for ring in &mut self.rings {
            ring.count();
            ring.due = ring.held_at_stop();
        }
    }

    /// Whether every ring has given what it held at the stop.
    fn drained(&self) -> bool {
        let Some(stopping) = &self.stopping else { return false };
        let patient = Instant::now() < stopping.patience;
        self.rings
            .iter()
            .all(|ring| ring.delivered >= ring.due || ring.newest > stopping.moment || (ring.idle && !patient))
    }

    fn end(&mut self) -> End {
        let mut counts = Vec::new();
        let mut error = None;
        for ring in &mut self.rings {
            ring.count();
            counts.push(Counts {
                received: Some(ring.received_once()),
                dropped_kernel: Some(ring.dropped),
                dropped_interface: Some(ring.missed),
            });
            if let (None, Some(why)) = (&error, ring.failure.take()) {
                let target = ring.tap.interface.name.clone().unwrap_or_default();
                error = Some(Error::Ended { target, why });
            }
        }
        End { counts, error }
    }
}

/// What the thread knows about one ring.
struct Ring {
    tap: Tap,
    number: u32,
    /// Packets that libpcap handed over.
    delivered: u64,
    /// The kernel's figures, widened to 64 bits: packets that passed the filter, of those dropped for lack of room,
    /// and packets that the interface missed.
    received: u64,
    dropped: u64,
    missed: u64,
    last: Stat,
    /// Once stopping: how many must have been delivered for the ring to hold nothing older than the stop.
    due: u64,
    /// The time of the last packet.
    newest: i64,
    /// Whether the last look found nothing.
    idle: bool,
    /// The interface was reported down; it may come up again, or be gone.
    down: bool,
    failure: Option<String>,
}

impl Ring {
    fn new(tap: Tap, number: u32) -> Self {
        let last = Stat { received: 0, dropped: 0, if_dropped: 0 };
        Self {
            tap,
            number,
            delivered: 0,
            received: 0,
            dropped: 0,
            missed: 0,
            last,
            due: u64::MAX,
            newest: i64::MIN,
            idle: true,
            down: false,
            failure: None,
        }
    }

    /// Copies some packets into the batch; how many.
    fn sip(&mut self, batch: &mut Batch) -> usize {
        let unit = if self.tap.nanoseconds { 1 } else { 1000 };
        let interface = self.number;
        let result = self.tap.handle.dispatch(Some(SIP), |packet| {
            let time = packet.header.ts.tv_sec * 1_000_000_000 + packet.header.ts.tv_usec * unit;
            let captured = packet.data.len() as u32;
            batch.push(Record { time, start: 0, captured, length: packet.header.len, interface }, packet.data);
        });
        match result {
            Ok(0) => 0,
            Ok(taken) => {
                self.delivered += taken as u64;
                self.newest = batch.records.last().map_or(self.newest, |record| record.time);
                self.down = false;
                taken
            }
            Err(error) => {
                // Blocks may be left in the ring: the capture stops, and goes on reading until they are in.
                self.failure.get_or_insert_with(|| message(&error));
                0
            }
        }
    }

    fn count(&mut self) {
        if let Ok(stat) = self.tap.handle.stats() {
            self.received += u64::from(stat.received.wrapping_sub(self.last.received));
            self.dropped += u64::from(stat.dropped.wrapping_sub(self.last.dropped));
            self.missed += u64::from(stat.if_dropped.wrapping_sub(self.last.if_dropped));
            self.last = stat;
        }
    }

    /// How many packets must have been delivered once the ring is empty, or more than that.
    fn held_at_stop(&self) -> u64 {
        if self.tap.loopback && self.dropped == 0 {
            // Counted when it left, then when it arrived; the last may still be under way.
            return self.received.div_ceil(2);
        }
        self.received.saturating_sub(self.dropped)
    }

    /// The kernel counts a packet on `lo` when it leaves and when it arrives; libpcap hands over the second only.
    fn received_once(&self) -> u64 {
        if self.tap.loopback { self.delivered + self.dropped } else { self.received.max(self.delivered + self.dropped) }
    }
}

/// The packets' clock, in nanoseconds since the epoch.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
