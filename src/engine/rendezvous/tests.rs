//! The server among peers: who meets, who is refused, what is sent where, and what is held.

mod meeting;
mod reflecting;
mod soak;

use std::net::SocketAddr;
use std::time::Duration;

use super::message::{Cookie, Id, Inside, Message, Nonce, Payload, Refusal, Session};
use super::server::{Answer, Bounds, Event, Held, Server, What};
use super::word::Word;
use crate::engine::limit::Limits;
use crate::process::Transport;

const UDP: Transport = Transport::Udp;

fn word() -> Word {
    Word::new(b"open sesame")
}

fn end(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn id(number: u64) -> Id {
    Id::new(number).expect("not 0")
}

fn session(name: &str) -> Session {
    name.parse().expect("a name")
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn server(bounds: Bounds) -> Server {
    Server::new(word(), [7; 32], bounds)
}

/// No more of a peer than the server has to see.
#[derive(Clone, Debug)]
struct Peer {
    session: Session,
    id: Id,
    from: SocketAddr,
    inside: Inside,
    cookie: Cookie,
    nonce: Nonce,
    seq: u32,
    has: Option<Id>,
    /// Where it was told that it is, and where the other one is.
    outside: Option<SocketAddr>,
    other: Option<(Id, SocketAddr, Inside)>,
}

impl Peer {
    fn new(name: &str, number: u64, from: &str) -> Self {
        let inside = [end("192.168.1.10:5000")].into_iter().collect();
        Self {
            session: session(name),
            id: id(number),
            from: end(from),
            inside,
            cookie: [0; 16],
            nonce: 0,
            seq: 0,
            has: None,
            outside: None,
            other: None,
        }
    }

    fn register(&mut self) -> Vec<u8> {
        self.nonce += 1;
        let Self { session, id: peer, cookie, nonce, has, .. } = *self;
        Message::Register { session, peer, nonce, cookie, inside: self.inside.clone(), has }.encode(&word())
    }

    fn relay(&mut self, data: &[u8]) -> Vec<u8> {
        self.seq += 1;
        let data = Payload::new(data).expect("short");
        Message::Relay { session: self.session, peer: self.id, cookie: self.cookie, seq: self.seq, data }
            .encode(&word())
    }

    fn bye(&self) -> Vec<u8> {
        Message::Bye { session: self.session, peer: self.id, cookie: self.cookie }.encode(&word())
    }

    /// Takes in what the server says; whether it was for this one.
    fn hear(&mut self, bytes: &[u8]) -> bool {
        match Message::decode(bytes, &word()).expect("what a peer can read") {
            Message::Cookie { peer, nonce, cookie } if (peer, nonce) == (self.id, self.nonce) => self.cookie = cookie,
            Message::Registered { peer, outside, .. } if peer == self.id => self.outside = Some(outside),
            Message::Meet { peer, outside, other, other_outside, other_inside, .. } if peer == self.id => {
                (self.outside, self.has) = (Some(outside), Some(other));
                self.other = Some((other, other_outside, other_inside));
            }
            _ => return false,
        }
        true
    }

    /// Sends a request, and hears what comes back; what goes to others.
    fn send(&mut self, server: &mut Server, now: Duration, bytes: &[u8]) -> Vec<Answer> {
        let mut answers: Vec<Answer> = server.handle(now, UDP, self.from, bytes).into_iter().collect();
        answers.retain(|answer| answer.to != self.from || !self.hear(&answer.bytes));
        answers
    }

    /// Gets its cookie, and registers with it.
    fn enter(&mut self, server: &mut Server, now: Duration) -> Vec<Answer> {
        let first = self.register();
        assert_eq!(self.send(server, now, &first), []);
        let second = self.register();
        self.send(server, now, &second)
    }
}

fn events(server: &mut Server) -> Vec<What> {
    std::iter::from_fn(|| server.event()).map(|Event { what, .. }| what).collect()
}
