//! Requests: sent, sent again, answered or not (RFC 8489 §6.2.1); and what comes in.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Action, Discovery, Heard, Input, Socket};
use crate::wire::stun::{self, BINDING, Class, Draft, Message, Transaction};

/// RFC 8489 §6.2.1: where nothing is known of the way, half a second.
pub const FIRST_RTO: Duration = Duration::from_millis(500);
/// Between two new requests (RFC 5780 §4.8: at most ten in a second).
const APART: Duration = Duration::from_millis(100);
/// Long enough that the longest answer, over IPv6, is at most one and a half times as long.
pub const SOFTWARE: &[u8] = b"netlab nat discover (RFC 8489, RFC 5780)";

/// How often a request is sent, and how long the next one waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pub count: u32,
    /// Wait twice as long each time, beginning with the machine's RTO; else so long each time.
    pub every: Option<Duration>,
    /// No wait is longer than so many RTOs.
    pub longest: u32,
    /// After the last one: so many RTOs.
    pub last: u32,
    /// Does not wait for its turn among the new requests.
    pub at_once: bool,
}

/// RFC 8489: seven times in half a minute.
pub const PATIENT: Pace = Pace { count: 7, every: None, longest: 64, last: 16, at_once: false };
/// To know that nothing comes, with a share of a hundred thousandth that a tenth lost each way deceives.
pub const SURE: Pace = Pace { count: 8, every: None, longest: 4, last: 8, at_once: false };
/// All copies within a quarter of a second, where the moment counts.
pub const BURST: Pace = Pace { count: 6, every: Some(Duration::from_millis(40)), longest: 1, last: 4, at_once: true };
pub const SURE_AT_ONCE: Pace = Pace { at_once: true, ..SURE };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its socket is not open yet, or it is not its turn.
    New,
    Sent,
    Answered(Heard),
    /// Nothing came, however often it was sent.
    Silent,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Ask {
    id: Transaction,
    pub socket: usize,
    pub to: SocketAddr,
    bytes: Vec<u8>,
    pace: Pace,
    pub sent: u32,
    pub first: Duration,
    pub last: Duration,
    /// When it is sent again, or given up.
    next: Duration,
    wait: Duration,
    ready: bool,
    pub state: State,
}

impl Ask {
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Answered(_) | State::Silent)
    }

    /// Its transaction, and it has been sent.
    pub fn is(&self, id: &Transaction) -> bool {
        self.id == *id && self.sent > 0
    }

    pub fn heard(&self) -> Option<&Heard> {
        match &self.state {
            State::Answered(heard) => Some(heard),
            _ => None,
        }
    }

    pub fn due(&self, next_new: Duration) -> Option<Duration> {
        match self.state {
            State::New if !self.ready => None,
            State::New if self.pace.at_once => Some(Duration::ZERO),
            State::New => Some(next_new),
            State::Sent => Some(self.next),
            _ => None,
        }
    }
}

impl Discovery {
    pub(super) fn open(&mut self, host: usize) -> usize {
        let socket = self.sockets.len();
        self.sockets.push(Socket { host, local: None, mapped: None, heard: Duration::ZERO });
        self.actions.push_back(Action::Open { socket, host });
        socket
    }

    pub(super) fn close(&mut self, socket: usize) {
        self.actions.push_back(Action::Close { socket });
    }

    pub(super) fn request(&mut self, add: impl FnOnce(Draft) -> Draft) -> (Transaction, Vec<u8>) {
        let mut id = [0; 12];
        let random = [self.chance.number().to_be_bytes(), self.chance.number().to_be_bytes()].concat();
        id.iter_mut().zip(random).for_each(|(place, byte)| *place = byte);
        (id, add(Draft::new(Class::Request, BINDING, id).with(stun::SOFTWARE, SOFTWARE)).finish(false))
    }

    /// Asks `to` from a socket; the number of the request.
    pub(super) fn ask(&mut self, socket: usize, to: SocketAddr, pace: Pace, add: impl FnOnce(Draft) -> Draft) -> usize {
        let (id, bytes) = self.request(add);
        let ready = self.sockets.get(socket).is_some_and(|socket| socket.local.is_some());
        let none = Duration::ZERO;
        self.asks.push(Ask {
            id,
            socket,
            to,
            bytes,
            pace,
            sent: 0,
            first: none,
            last: none,
            next: none,
            wait: none,
            ready,
            state: State::New,
        });
        self.asks.len() - 1
    }

    pub(super) fn heard(&self, ask: usize) -> Option<&Heard> {
        self.asks.get(ask)?.heard()
    }

    pub(super) fn are_over(&self, asks: &[usize]) -> bool {
        asks.iter().all(|ask| self.asks.get(*ask).is_none_or(Ask::is_over))
    }

    /// Sends what is due.
    pub(super) fn transmit(&mut self, now: Duration) {
        for ask in &mut self.asks {
            match ask.state {
                State::New if ask.ready && (ask.pace.at_once || now >= self.next_new) => {
                    if !ask.pace.at_once {
                        self.next_new = now + APART;
                    }
                    ask.state = State::Sent;
                    ask.first = now;
                    ask.wait = ask.pace.every.unwrap_or(self.rto);
                }
                State::Sent if now >= ask.next && ask.sent >= ask.pace.count => {
                    ask.state = State::Silent;
                    continue;
                }
                State::Sent if now >= ask.next => {}
                _ => continue,
            }
            let bytes = ask.bytes.clone();
            self.actions.push_back(Action::Send { socket: ask.socket, to: ask.to, bytes });
            ask.sent += 1;
            ask.last = now;
            let last = ask.sent >= ask.pace.count;
            ask.next = now + if last { self.rto * ask.pace.last } else { ask.wait };
            if ask.pace.every.is_none() {
                ask.wait = (ask.wait * 2).min(self.rto * ask.pace.longest);
            }
        }
    }

    /// Takes in what came.
    pub fn handle(&mut self, now: Duration, input: Input<'_>) {
        match input {
            Input::Opened { socket, local } => {
                if let Some(socket) = self.sockets.get_mut(socket) {
                    socket.local = Some(local);
                }
                self.asks.iter_mut().filter(|ask| ask.socket == socket).for_each(|ask| ask.ready = true);
            }
            Input::Failed { socket } => {
                for ask in self.asks.iter_mut().filter(|ask| ask.socket == socket && !ask.is_over()) {
                    ask.state = State::Silent;
                }
            }
            Input::Datagram { socket, from, bytes } => self.datagram(now, socket, from, bytes),
            Input::Overheard { packet } => self.overheard(packet),
            Input::Stream { exchange, local, bytes } => {
                let mapped = Message::read(bytes).ok().and_then(|message| message.address(stun::XOR_MAPPED_ADDRESS));
                let told =
                    mapped.map(|mapped| (local, mapped)).ok_or_else(|| "the server's answer says nothing".into());
                self.exchanged(exchange, told);
            }
            Input::Broken { exchange } => self.exchanged(exchange, Err("no answer over TCP".into())),
        }
    }

    fn exchanged(&mut self, exchange: usize, told: super::Told<(SocketAddr, SocketAddr)>) {
        if let Some(place) = self.exchanges.get_mut(exchange)
            && place.is_none()
        {
            *place = Some(told);
        }
    }

    fn datagram(&mut self, now: Duration, socket: usize, from: SocketAddr, bytes: &[u8]) {
        let Ok(message) = Message::read(bytes) else { return };
        if message.class == Class::Request {
            return self.hairpinned(socket, from, &message.transaction);
        }
        if !matches!(message.class, Class::Success | Class::Error) {
            return;
        }
        let Some(ask) = self.asks.iter_mut().find(|ask| ask.is(&message.transaction)) else { return };
        if let Some(socket) = self.sockets.get_mut(socket) {
            socket.heard = now;
        }
        if ask.is_over() {
            return;
        }
        let heard = Heard {
            at: now,
            socket,
            from,
            mapped: message.address(stun::XOR_MAPPED_ADDRESS),
            plain: message.address(stun::MAPPED_ADDRESS),
            other: message.address(stun::OTHER_ADDRESS),
            error: (message.class == Class::Error).then(|| message.error().unwrap_or(0)),
        };
        ask.state = State::Answered(heard);
        let asked = ask.socket;
        if let Some(socket) = self.sockets.get_mut(asked)
            && socket.mapped.is_none()
        {
            socket.mapped = heard.mapped;
        }
    }

    /// A request of ours that came back to us: the end that it came from, if it went round now.
    pub(super) fn hairpinned(&mut self, socket: usize, from: SocketAddr, id: &Transaction) {
        let ours = self.asks.iter().any(|ask| ask.id == *id && ask.socket != socket);
        if ours {
            self.stage.came_round(from);
        }
    }
}
