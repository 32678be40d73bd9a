//! One client of a crowd: its socket, the lines it sends, its place in what everyone is told.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::feed::Feed;
use crate::exercise::framing::Lines;

/// The kernel's buffer for what a client has not read yet, in bytes (Linux takes twice that).
pub const SEND_BUFFER: usize = 64 * 1024;
/// The same, once its notice must fit behind what it does not read.
const LAST_BUFFER: usize = 2 * SEND_BUFFER;
/// Bytes a second that one client's lines may cause, so that none talks the others out of the room.
const RATE: u64 = 1 << 20;

/// A client that is connected.
#[derive(Debug)]
pub struct Guest {
    pub stream: TcpStream,
    pub peer: SocketAddr,
    /// Tells it from the one that had its place before.
    pub serial: u64,
    pub lines: Lines,
    /// Bytes for it alone, and how many of them are sent.
    own: Vec<u8>,
    own_sent: usize,
    /// Where it is in what everyone is told, if it hears that.
    pub place: Option<u64>,
    /// Where what it hears ends.
    pub until: u64,
    ends_a_line: bool,
    /// The kernel takes no more bytes for it.
    pub blocked: bool,
    /// The kernel has bytes of it.
    pub readable: bool,
    /// It has said so much that it is read again only after a pause.
    pub paused: bool,
    /// It is on the list of those that can be read.
    pub listed: bool,
    pub heard_at: Instant,
    /// When what has come without a line's end is taken as a line.
    pub quiet_at: Option<Instant>,
    /// Its lines have caused what [`RATE`] allows up to here.
    paid_until: Instant,
    /// It is counted as one that was served.
    pub counted: bool,
    pub leaving: Leaving,
    /// The party was told, or is about to be.
    pub departed: bool,
    /// Its own FIN has come.
    has_closed: bool,
}

/// How far a client is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    No,
    /// What is still to be sent is sent, then our FIN.
    Finishing,
    /// Our FIN is sent; its own is waited for.
    Finished,
    /// Nothing more is to come: its place is free.
    Gone,
}

impl Guest {
    pub fn new(stream: TcpStream, peer: SocketAddr, serial: u64, max_line: usize, now: Instant) -> Self {
        Self {
            stream,
            peer,
            serial,
            lines: Lines::new(max_line),
            own: Vec::new(),
            own_sent: 0,
            place: None,
            until: u64::MAX,
            ends_a_line: true,
            blocked: false,
            readable: true,
            paused: false,
            listed: false,
            heard_at: now,
            quiet_at: None,
            paid_until: now,
            counted: false,
            leaving: Leaving::No,
            departed: false,
            has_closed: false,
        }
    }

    /// Receives once; 0: it has closed.
    pub fn receive(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        self.stream.read(piece)
    }

    /// Takes a line for it alone; false where it would keep more than `most` bytes.
    pub fn tell(&mut self, bytes: &[u8], most: usize) -> bool {
        if self.own.len() - self.own_sent + bytes.len() > most {
            return false;
        }
        self.own.extend_from_slice(bytes);
        true
    }

    /// Bytes of what everyone is told that it has not taken.
    pub fn behind(&self, feed: &Feed) -> u64 {
        self.place.map_or(0, |place| self.until.min(feed.end()).saturating_sub(place))
    }

    fn owes_nothing(&self, feed: &Feed) -> bool {
        self.own.is_empty() && self.behind(feed) == 0
    }

    /// Sends what the kernel takes: what is for it alone, then what everyone is told; and FIN where it is leaving.
    pub fn send(&mut self, feed: &Feed) {
        if self.blocked || self.leaving == Leaving::Gone {
            return;
        }
        while !self.owes_nothing(feed) {
            let (one, two) = feed.between(self.place.unwrap_or_default(), self.until);
            let own = self.own.get(self.own_sent..).unwrap_or_default();
            let piece = [own, one, two].into_iter().find(|piece| !piece.is_empty()).unwrap_or_default();
            match self.stream.write(piece) {
                Ok(sent) => {
                    self.ends_a_line = piece.get(..sent).and_then(<[u8]>::last) == Some(&b'\n');
                    if own.is_empty() {
                        self.place = self.place.map(|place| place + sent as u64);
                    } else {
                        self.own_sent += sent;
                        if self.own_sent == self.own.len() {
                            (self.own, self.own_sent) = (Vec::new(), 0);
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.blocked = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.leaving = Leaving::Gone,
            }
        }
        if self.leaving == Leaving::Finishing {
            let waits = self.stream.shutdown(Shutdown::Write).is_ok() && !self.has_closed;
            self.leaving = if waits { Leaving::Finished } else { Leaving::Gone };
        }
    }

    /// Nothing that is said from now on is for it; what was said before is still sent.
    pub fn finish(&mut self, feed: &Feed) {
        self.until = self.until.min(feed.end());
        if self.leaving == Leaving::No {
            self.leaving = Leaving::Finishing;
        }
    }

    /// Its FIN has come: ours follows when it has got what was said until now.
    pub fn closed(&mut self, feed: &Feed) {
        self.has_closed = true;
        self.finish(feed);
        if self.leaving == Leaving::Finished {
            self.leaving = Leaving::Gone;
        }
        self.send(feed);
    }

    /// Puts it out: `notice` is the last line it gets. What it has not read of what everyone is told is dropped.
    pub fn put_out(&mut self, notice: &str, feed: &Feed) {
        self.send(feed);
        if !self.owes_nothing(feed) {
            // The kernel takes some more bytes, so that the notice is there whenever the client reads.
            let _ = SockRef::from(&self.stream).set_send_buffer_size(LAST_BUFFER);
            self.blocked = false;
            (self.own, self.own_sent) = (Vec::new(), 0);
        }
        self.place = None;
        let torn = if self.ends_a_line { "" } else { "\n" };
        self.own.extend_from_slice(format!("{torn}{notice}\n").as_bytes());
        self.finish(feed);
        self.send(feed);
    }

    /// Its lines caused `bytes` for everyone: when it is heard again, if that was too much at once.
    pub fn pay(&mut self, bytes: u64, now: Instant) -> Option<Instant> {
        self.paid_until = self.paid_until.max(now) + Duration::from_micros(bytes * 1_000_000 / RATE);
        // An eighth of a second's worth may come at once.
        self.paid_until.checked_sub(Duration::from_millis(125)).filter(|again| *again > now)
    }
}
