//! Many clients on one thread, as a chat or a game has them: lines in, lines out, for one or for everyone.
//!
//! Guarantee: memory is bounded by `backlog` and, for each client, an unfinished line and [`OWN`] bytes, whatever they do.
//! What everyone is told is kept once, in the [`feed::Feed`]; a client that is more than `backlog` bytes behind is put out with a notice,
//! one that floods is read more slowly, and no call waits for a client. The selector is edge-triggered (epoll through
//! mio): what is readable or writable is remembered until the kernel says `EWOULDBLOCK`.

mod deadlines;
mod door;
mod feed;
mod guest;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use self::deadlines::{Deadlines, Why};
use self::door::Door;
use self::feed::Feed;
use self::guest::{Guest, Leaving};
use super::framing::{QUIET, TooLong};
use super::service::announce;
use super::{Error, Service, Transcript};

/// How long one that leaves has for taking its last lines and closing.
const FAREWELL: Duration = Duration::from_secs(5);
/// The same when the server ends.
const CLOSING: Duration = Duration::from_secs(1);
/// Bytes that are read of one client before it is the next one's turn.
const TURN: usize = 16 * 1024;
/// Bytes that may wait for one client alone: answers to what it sent, of which it takes none back.
const OWN: usize = 8 * 1024;
/// Bytes for everyone that are collected before they are sent.
const BATCH: u64 = 32 * 1024;
/// Until the next try where the system has no descriptors left.
const PAUSE: Duration = Duration::from_millis(50);
const DOOR: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);

/// What is said to the clients, and when: a chat, a game.
pub trait Party {
    /// A client sent a line (without its end, not decoded).
    fn line(&mut self, who: Who, line: &[u8], hall: &mut Hall<'_>) -> Result<(), Error>;
    /// A client has left or was put out; it is told nothing any more.
    fn left(&mut self, who: Who, hall: &mut Hall<'_>) -> Result<(), Error>;
    /// When [`Party::tick`] is to be called.
    fn due(&self) -> Option<Instant> {
        None
    }
    fn tick(&mut self, _hall: &mut Hall<'_>) -> Result<(), Error> {
        Ok(())
    }
}

/// A client, from its connection to its leaving. The number is free for another one afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Who(pub usize);

/// The clients, and what is on its way to them.
pub struct Hall<'a> {
    guests: Vec<Option<Guest>>,
    free: Vec<usize>,
    feed: Feed,
    /// Up to here everyone was offered the feed.
    offered: u64,
    deadlines: Deadlines,
    /// Those that can be read.
    ready: Vec<usize>,
    /// Those that have left, and whose party has not been told.
    departed: Vec<usize>,
    backlog: usize,
    served: u64,
    serials: u64,
    service: &'a Service,
    transcript: &'a Transcript,
}

/// What the options of all servers mean to one of these.
pub fn options(command: clap::Command) -> clap::Command {
    command
        .mut_arg("once", |once| once.help("End when the last client has left"))
        .mut_arg("idle", |idle| {
            idle.default_value("12h").help("Put a client out that has sent nothing for so long, even if it reads")
        })
        .mut_arg("max_clients", |most| most.default_value("16384"))
        .mut_arg("max_line", |longest| longest.default_value("4KiB"))
}

/// Serves until Ctrl-C (or, with `service.once`, until the last one has left); how many were welcomed.
///
/// `backlog`: bytes that a client may be behind. `opening` is printed when the server listens.
pub fn serve(
    name: &str,
    opening: &str,
    backlog: usize,
    service: &Service,
    transcript: &Transcript,
    party: &mut impl Party,
) -> Result<u64, Error> {
    let system = |operation| move |source| Error::System { operation, target: name.to_owned(), source };
    let door = Door::open(name, service)?;
    let (listener, places) = (&door.listener, door.places);
    let mut poll = Poll::new().map_err(system("make the selector of"))?;
    let registry = poll.registry();
    registry
        .register(&mut SourceFd(&listener.as_raw_fd()), DOOR, Interest::READABLE)
        .and_then(|()| registry.register(&mut SourceFd(&service.stop.as_fd().as_raw_fd()), STOP, Interest::READABLE))
        .map_err(system("watch the sockets of"))?;
    transcript.line(opening)?;
    announce(name, door.address, service, transcript);
    door.tell_limit(service, transcript);

    let mut hall = Hall {
        guests: Vec::new(),
        free: Vec::new(),
        feed: Feed::default(),
        offered: 0,
        deadlines: Deadlines::default(),
        ready: Vec::new(),
        departed: Vec::new(),
        backlog,
        served: 0,
        serials: 0,
        service,
        transcript,
    };
    let mut events = Events::with_capacity(1024);
    let mut closing = None;
    let mut knocked = true;
    let mut piece = vec![0; TURN].into_boxed_slice();
    loop {
        let now = Instant::now();
        let until = [hall.deadlines.next(), party.due(), closing].into_iter().flatten().min();
        let timeout = if !hall.ready.is_empty() || knocked && hall.present() < places && closing.is_none() {
            Some(Duration::ZERO)
        } else {
            until.map(|until| until.saturating_duration_since(now))
        };
        match poll.poll(&mut events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(system("wait for the clients of")(error)),
        }
        for event in &events {
            match event.token() {
                DOOR => knocked = true,
                STOP => {
                    if closing.is_none() {
                        closing = Some(Instant::now() + CLOSING);
                        // Those that wait are closed like the others, and not reset with the listener.
                        hall.let_in(listener, &poll, places, Instant::now())?;
                        hall.close();
                    }
                }
                Token(at) => {
                    if let Some(guest) = hall.guests.get_mut(at).and_then(Option::as_mut) {
                        guest.readable |= event.is_readable() || event.is_error();
                        guest.blocked &= !(event.is_writable() || event.is_error());
                        guest.send(&hall.feed);
                    }
                    hall.list(at);
                }
            }
        }
        let now = Instant::now();
        if knocked && closing.is_none() && hall.present() < places {
            knocked = hall.let_in(listener, &poll, places, now)?;
        }
        hall.keep_time(party, now, &mut knocked)?;
        for at in std::mem::take(&mut hall.ready) {
            hall.hear(at, party, &mut piece)?;
        }
        if closing.is_none() && party.due().is_some_and(|due| due <= now) {
            party.tick(&mut hall)?;
        }
        hall.offer(party)?;
        if closing.is_some_and(|closing| hall.present() == 0 || Instant::now() >= closing) {
            return Ok(hall.served);
        }
        if service.once && closing.is_none() && hall.serials > 0 && hall.present() == 0 {
            return Ok(hall.served);
        }
    }
}

impl Hall<'_> {
    /// Says a line to everyone who was welcomed.
    pub fn tell_all(&mut self, line: &str) {
        self.feed.say(line.as_bytes());
        self.feed.say(b"\n");
    }

    /// Says a line to one client alone, before what everyone is told from now on.
    pub fn tell(&mut self, who: Who, line: &str) {
        let (feed, most) = (&self.feed, self.backlog.min(OWN));
        let Some(guest) = self.guests.get_mut(who.0).and_then(Option::as_mut) else { return };
        if guest.tell(format!("{line}\n").as_bytes(), most) {
            guest.send(feed);
            self.list(who.0);
        } else {
            self.put_out(who, &too_slow(most));
        }
    }

    /// From now on this client hears what everyone is told.
    pub fn welcome(&mut self, who: Who) {
        self.count(who);
        let end = self.feed.end();
        if let Some(guest) = self.guests.get_mut(who.0).and_then(Option::as_mut) {
            guest.place = Some(end);
        }
    }

    /// Counts this client as one that was served.
    pub fn count(&mut self, who: Who) {
        let Some(guest) = self.guests.get_mut(who.0).and_then(Option::as_mut) else { return };
        if !std::mem::replace(&mut guest.counted, true) {
            self.served += 1;
        }
    }

    pub fn peer(&self, who: Who) -> Option<SocketAddr> {
        self.guests.get(who.0)?.as_ref().map(|guest| guest.peer)
    }

    /// Ends the connection with a last line that says why; the party is told that it left.
    fn put_out(&mut self, who: Who, notice: &str) {
        let Some(guest) = self.guests.get_mut(who.0).and_then(Option::as_mut) else { return };
        if guest.leaving == Leaving::No {
            guest.put_out(notice, &self.feed);
            self.transcript.about(guest.peer, &format!("{} was put out: {notice}", guest.peer));
            self.depart(who.0);
        }
    }

    /// It is on its way out: the party will hear of it, and its time is limited.
    fn depart(&mut self, at: usize) {
        if let Some(guest) = self.guests.get_mut(at).and_then(Option::as_mut)
            && !std::mem::replace(&mut guest.departed, true)
        {
            self.deadlines.set(Instant::now() + FAREWELL, Why::Farewell, (at, guest.serial));
            self.departed.push(at);
        }
        self.list(at);
    }

    fn present(&self) -> usize {
        self.guests.len() - self.free.len()
    }

    /// Puts a client on the list of those to be read, where there is something to read and it may be read.
    fn list(&mut self, at: usize) {
        if let Some(guest) = self.guests.get_mut(at).and_then(Option::as_mut) {
            // One that does not take its own words back is not read before it does; one that floods, after a pause.
            let heard = guest.readable && !guest.paused && (!guest.blocked || guest.leaving != Leaving::No);
            if (heard || guest.leaving == Leaving::Gone) && !std::mem::replace(&mut guest.listed, true) {
                self.ready.push(at);
            }
        }
    }

    /// Lets in those that wait, as long as there are places; whether more may wait.
    fn let_in(&mut self, listener: &TcpListener, poll: &Poll, places: usize, now: Instant) -> Result<bool, Error> {
        while self.present() < places {
            let (stream, peer) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted) => {
                    continue;
                }
                Err(error) => {
                    // Out of descriptors or memory: others may free some, the clients wait in the backlog.
                    self.transcript.note(&format!("cannot accept a client: {error}"));
                    self.deadlines.set(now + PAUSE, Why::Door, (0, 0));
                    return Ok(false);
                }
            };
            let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
            let at = self.free.pop().unwrap_or_else(|| {
                self.guests.push(None);
                self.guests.len() - 1
            });
            let watched = stream.set_nonblocking(true).and_then(|()| {
                let both = Interest::READABLE | Interest::WRITABLE;
                poll.registry().register(&mut SourceFd(&stream.as_raw_fd()), Token(at), both)
            });
            if let Err(error) = watched {
                self.free.push(at);
                self.transcript.note(&format!("cannot serve {peer}: {error}"));
                continue;
            }
            self.transcript.log("connected", Some(peer), "");
            self.serials += 1;
            self.deadlines.set(now + self.service.idle, Why::Idle, (at, self.serials));
            if let Some(place) = self.guests.get_mut(at) {
                *place = Some(Guest::new(stream, peer, self.serials, self.service.max_line, now));
            }
            self.list(at);
        }
        Ok(true)
    }

    /// Does what is due.
    fn keep_time(&mut self, party: &mut impl Party, now: Instant, knocked: &mut bool) -> Result<(), Error> {
        while let Some((why, (who, serial))) = self.deadlines.due(now) {
            if why == Why::Door {
                *knocked = true;
                continue;
            }
            let idle = self.service.idle;
            let Some(guest) = self.guests.get_mut(who).and_then(Option::as_mut) else { continue };
            if guest.serial != serial {
                continue;
            }
            match why {
                Why::Quiet => match guest.quiet_at {
                    Some(later) if later > now => self.deadlines.set(later, why, (who, serial)),
                    _ => {
                        guest.quiet_at = None;
                        if let Some(line) = guest.lines.rest().filter(|_| guest.leaving == Leaving::No) {
                            self.take(who, &line, party)?;
                        }
                    }
                },
                Why::Idle if guest.leaving != Leaving::No => {}
                Why::Idle if guest.heard_at + idle > now => {
                    self.deadlines.set(guest.heard_at + idle, why, (who, serial));
                }
                Why::Idle => {
                    self.put_out(Who(who), &format!("error: nothing came from you for {}s", idle.as_secs_f64()))
                }
                Why::Resume => {
                    guest.paused = false;
                    self.list(who);
                }
                Why::Farewell => {
                    guest.leaving = Leaving::Gone;
                    self.list(who);
                }
                Why::Door => {}
            }
        }
        Ok(())
    }

    /// Reads one client's turn.
    fn hear(&mut self, at: usize, party: &mut impl Party, piece: &mut [u8]) -> Result<(), Error> {
        let Some(guest) = self.guests.get_mut(at).and_then(Option::as_mut) else { return Ok(()) };
        guest.listed = false;
        if guest.leaving == Leaving::Gone {
            self.depart(at);
            self.forget(at);
            return Ok(());
        }
        let now = Instant::now();
        let received = guest.receive(piece);
        let length = match received {
            Ok(0) => {
                guest.readable = false;
                return self.closed(at, party);
            }
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                guest.readable = false;
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(_) => {
                // A reset: nothing can be sent any more either.
                guest.leaving = Leaving::Gone;
                self.list(at);
                return Ok(());
            }
        };
        guest.heard_at = now;
        if guest.leaving != Leaving::No {
            // Read on, so that the close sends no RST over its last lines.
            self.list(at);
            return Ok(());
        }
        guest.lines.feed(piece.get(..length).unwrap_or_default());
        let before = self.feed.end();
        loop {
            let Some(guest) = self.guests.get_mut(at).and_then(Option::as_mut) else { return Ok(()) };
            if guest.leaving != Leaving::No {
                break;
            }
            match guest.lines.next_line() {
                Ok(Some(line)) => self.take(at, &line, party)?,
                Ok(None) => {
                    if guest.lines.is_pending() && guest.quiet_at.replace(now + QUIET).is_none() {
                        self.deadlines.set(now + QUIET, Why::Quiet, (at, guest.serial));
                    }
                    break;
                }
                Err(TooLong(longest)) => {
                    self.put_out(Who(at), &format!("error: a line may have {longest} bytes at most"));
                    break;
                }
            }
        }
        let caused = self.feed.end() - before;
        let Some(guest) = self.guests.get_mut(at).and_then(Option::as_mut) else { return Ok(()) };
        match guest.pay(caused, now) {
            Some(again) => {
                guest.paused = true;
                self.deadlines.set(again, Why::Resume, (at, guest.serial));
            }
            None => self.list(at),
        }
        Ok(())
    }

    /// Hands a line to the party; everyone is offered what it led to before it becomes much.
    fn take(&mut self, at: usize, line: &[u8], party: &mut impl Party) -> Result<(), Error> {
        party.line(Who(at), line, self)?;
        if self.feed.end() - self.offered >= BATCH { self.offer(party) } else { Ok(()) }
    }

    /// The client has said that it sends nothing more: it leaves, having got what was said until now.
    fn closed(&mut self, at: usize, party: &mut impl Party) -> Result<(), Error> {
        let Some(guest) = self.guests.get_mut(at).and_then(Option::as_mut) else { return Ok(()) };
        if let Some(line) = guest.lines.rest().filter(|_| guest.leaving == Leaving::No) {
            self.take(at, &line, party)?;
        }
        let Some(guest) = self.guests.get_mut(at).and_then(Option::as_mut) else { return Ok(()) };
        guest.closed(&self.feed);
        self.depart(at);
        Ok(())
    }

    /// Sends everyone what was said; puts out who is too far behind; tells the party who has left.
    fn offer(&mut self, party: &mut impl Party) -> Result<(), Error> {
        loop {
            if self.offered < self.feed.end() {
                self.offered = self.feed.end();
                let (mut slowest, backlog) = (self.feed.end(), self.backlog);
                for at in 0..self.guests.len() {
                    let Some(guest) = self.guests.get_mut(at).and_then(Option::as_mut) else { continue };
                    guest.send(&self.feed);
                    if guest.behind(&self.feed) > backlog as u64 {
                        self.put_out(Who(at), &too_slow(backlog));
                    } else if let Some(place) = guest.place.filter(|place| *place < guest.until) {
                        slowest = slowest.min(place);
                    }
                    // Sending may have shown that it is gone.
                    self.list(at);
                }
                self.feed.forget_before(slowest);
            }
            let Some(at) = self.departed.pop() else { return Ok(()) };
            party.left(Who(at), self)?;
        }
    }

    /// Frees the place of a client that is gone.
    fn forget(&mut self, at: usize) {
        if let Some(guest) = self.guests.get_mut(at).and_then(Option::take) {
            if guest.counted {
                self.transcript.log("served", Some(guest.peer), "");
            }
            self.free.push(at);
            let guests = &self.guests;
            self.deadlines.tidy(guests.len(), |(at, serial)| {
                guests.get(at).and_then(Option::as_ref).is_some_and(|guest| guest.serial == serial)
            });
        }
    }

    /// The server ends: everyone gets what was said, then our FIN.
    fn close(&mut self) {
        for at in 0..self.guests.len() {
            if let Some(guest) = self.guests.get_mut(at).and_then(Option::as_mut) {
                guest.finish(&self.feed);
                guest.send(&self.feed);
            }
            self.list(at);
        }
    }
}

impl std::fmt::Debug for Hall<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hall").field("present", &self.present()).field("served", &self.served).finish_non_exhaustive()
    }
}

fn too_slow(backlog: usize) -> String {
    format!("error: you read too slowly, more than {backlog} bytes were waiting for you")
}
