//! The server's part of one connection, as a machine that never waits: it goes on as far as the socket allows and says
//! what to wait for, and until when. The five models differ in who does the waiting.
//!
//! Nothing is received before what was received is answered, so a client that does not read is held up by TCP's window
//! and takes no memory here. The last words and the FIN leave in one segment; then what the client still sends is
//! dropped until it closes as well: closing with bytes unread would send RST, and the client might lose the answer. Only
//! where the client has said that nothing follows ([`Turn::Final`]) is the socket closed at once.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, Shutdown, recv, send, shutdown};

use super::house::House;
use super::{Protocol, Turn, Wrong};
use crate::exercise::Error;
use crate::exercise::framing::QUIET;

/// Room for one receive.
pub const LARGEST_PIECE: usize = 4096;

/// How long a closing server waits for the client to close as well.
const FAREWELL: Duration = Duration::from_secs(1);

/// Receives in a row before the other clients have their turn.
const ROUNDS: usize = 16;

/// A socket, asked without waiting: `WouldBlock` where it would have to wait.
pub trait Wire {
    fn receive(&self, piece: &mut [u8]) -> io::Result<usize>;

    /// `last`: a FIN follows, so what is sent may wait for it.
    fn send(&self, bytes: &[u8], last: bool) -> io::Result<usize>;

    fn finish(&self) -> io::Result<()>;
}

impl Wire for TcpStream {
    fn receive(&self, piece: &mut [u8]) -> io::Result<usize> {
        receive_now(self, piece)
    }

    fn send(&self, bytes: &[u8], last: bool) -> io::Result<usize> {
        send_now(self, bytes, last)
    }

    fn finish(&self) -> io::Result<()> {
        Ok(shutdown(self.as_raw_fd(), Shutdown::Write)?)
    }
}

/// Receives what is there; `WouldBlock` where nothing is.
pub fn receive_now(socket: &impl AsRawFd, piece: &mut [u8]) -> io::Result<usize> {
    Ok(recv(socket.as_raw_fd(), piece, MsgFlags::MSG_DONTWAIT)?)
}

/// Sends what there is room for; `last` lets it wait for the FIN that follows.
pub fn send_now(socket: &impl AsRawFd, bytes: &[u8], last: bool) -> io::Result<usize> {
    let more = if last { MsgFlags::from_bits_retain(nix::libc::MSG_MORE) } else { MsgFlags::empty() };
    Ok(send(socket.as_raw_fd(), bytes, more | MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL)?)
}

/// What a talk needs to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Something to receive.
    Readable,
    /// Room to send.
    Writable,
    /// A turn after the other clients: this one has more to say than it may at once.
    Turn,
    /// Nothing: it has come to its end.
    Nothing,
}

/// One client's talk.
#[derive(Debug)]
pub struct Talk<S> {
    pub peer: SocketAddr,
    session: S,
    phase: Phase,
    out: Vec<u8>,
    sent: usize,
    /// When the client is silent for so long that what it said is taken as complete.
    quiet: Option<Instant>,
    /// When the client has been idle for too long.
    until: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Talking,
    LastWords,
    /// As `LastWords`, of a client that sends nothing more.
    FinalWords,
    Farewell,
}

impl<S> Talk<S> {
    pub fn new(peer: SocketAddr, session: S, now: Instant, idle: Duration) -> Self {
        Self { peer, session, phase: Phase::Talking, out: Vec::new(), sent: 0, quiet: None, until: now + idle }
    }

    /// When to call [`Talk::overdue`], unless it goes on before.
    pub fn deadline(&self) -> Instant {
        self.quiet.map_or(self.until, |quiet| quiet.min(self.until))
    }

    /// Goes on as far as the socket allows. An error ends this client.
    pub fn go_on<P: Protocol<Session = S>>(
        &mut self,
        house: &House<P>,
        wire: &impl Wire,
        now: Instant,
        piece: &mut [u8; LARGEST_PIECE],
    ) -> Result<Need, Error> {
        let piece = piece.get_mut(..P::PIECE).unwrap_or_default();
        for _ in 0..ROUNDS {
            if !self.flush(wire)? {
                return Ok(Need::Writable);
            }
            if self.phase == Phase::FinalWords {
                house.answered();
                return Ok(Need::Nothing);
            }
            if self.phase == Phase::LastWords {
                self.phase = Phase::Farewell;
                house.answered();
                self.until = now + FAREWELL;
                // A client that is gone already has no need of a farewell.
                if wire.finish().is_err() {
                    return Ok(Need::Nothing);
                }
            }
            let length = match wire.receive(piece) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Need::Readable),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // All was said and heard: a reset harms nobody now.
                Err(_) if self.phase == Phase::Farewell => return Ok(Need::Nothing),
                Err(error) => return Err(Error::talking("receive from", self.peer, error)),
            };
            match (self.phase, length) {
                (Phase::Farewell, 0) => return Ok(Need::Nothing),
                (Phase::Farewell, _) => {}
                (_, 0) => {
                    let ended = house.protocol.ended(&mut self.session, &mut self.out);
                    self.take(ended.map(|()| Turn::Over), now, house.idle)?;
                }
                (_, length) => {
                    let heard = piece.get(..length).unwrap_or_default();
                    let turn = house.protocol.heard(&mut self.session, heard, &mut self.out);
                    self.take(turn, now, house.idle)?;
                }
            }
        }
        Ok(Need::Turn)
    }

    /// Tells that [`Talk::deadline`] has passed: true where the talk goes on (call [`Talk::go_on`]), false at its end.
    pub fn overdue<P: Protocol<Session = S>>(&mut self, house: &House<P>, now: Instant) -> Result<bool, Error> {
        if self.phase == Phase::Farewell {
            return Ok(false);
        }
        if now >= self.until {
            return Err(Error::Silent { peer: self.peer, after: house.idle });
        }
        let turn = house.protocol.quiet(&mut self.session, &mut self.out);
        self.take(turn, now, house.idle)?;
        Ok(true)
    }

    fn take(&mut self, turn: Result<Turn, Wrong>, now: Instant, idle: Duration) -> Result<(), Error> {
        let peer = self.peer;
        self.quiet = None;
        match turn {
            Ok(Turn::Waiting) => self.quiet = Some(now + QUIET),
            Ok(Turn::Answered) => self.until = now + idle,
            Ok(Turn::Over) => self.phase = Phase::LastWords,
            Ok(Turn::Final) => self.phase = Phase::FinalWords,
            Err(Wrong::TooLong(longest)) => return Err(Error::LineTooLong { peer, longest }),
            Err(Wrong::ClosedEarly(before)) => return Err(Error::ClosedEarly { peer, before }),
        }
        Ok(())
    }

    /// Sends what is to be sent; false where the client has to read first.
    fn flush(&mut self, wire: &impl Wire) -> Result<bool, Error> {
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match wire.send(rest, self.phase != Phase::Talking) {
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::talking("send to", self.peer, error)),
            }
        }
        self.out.clear();
        self.sent = 0;
        Ok(true)
    }
}
