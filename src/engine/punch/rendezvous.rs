//! What a peer says to the rendezvous, and hears from it.
//!
//! Trap: what the rendezvous says unasked ('the other one has come') has no nonce of ours, so it might be a replay: it only
//! makes this peer ask at once.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::peer::Other;
use super::{Ending, Event, Origin, Punch, Way, Witness};
use crate::engine::rendezvous::message::{Cookie, Id, MOST_INSIDE, Message, Payload, Refusal};

/// Between two requests while the other one is awaited.
const ASK: Duration = Duration::from_secs(1);
/// Between two once it is reached, if the rendezvous remembers for longer.
const ASK_SELDOM: Duration = Duration::from_secs(10);
/// Unasked messages make this peer ask no more often than this.
const ASK_AT_MOST: Duration = Duration::from_millis(100);
/// Silence for so long from the start on: nobody is there.
const SILENCE: Duration = Duration::from_secs(5);
/// A cookie holds for a minute at least (`engine::rendezvous`): it is renewed before, as a relayed message with an old one
/// would be lost.
const COOKIE: Duration = Duration::from_secs(45);
/// Requests that may still be answered.
const MOST_NONCES: usize = 4;
const NO_COOKIE: Cookie = [0; 16];

/// How it stands with the rendezvous.
#[derive(Debug)]
pub struct Asking {
    cookie: Cookie,
    baked: Duration,
    /// Of requests that are not answered, the last one at the end.
    nonces: VecDeque<u64>,
    pub next: Duration,
    asked: Option<Duration>,
    /// When it was last heard.
    pub heard: Option<Duration>,
    /// Where it sees this peer.
    pub outside: Option<SocketAddr>,
    lifetime: Duration,
    /// The number of the last message to be relayed.
    relayed: u32,
    gone: bool,
}

impl Asking {
    pub fn new(now: Duration) -> Self {
        Self {
            cookie: NO_COOKIE,
            baked: now,
            nonces: VecDeque::new(),
            next: now,
            asked: None,
            heard: None,
            outside: None,
            lifetime: Duration::from_secs(30),
            relayed: 0,
            gone: false,
        }
    }

    /// Whether this is the answer to a request, and its first.
    fn answers(&mut self, nonce: u64) -> bool {
        let Some(at) = self.nonces.iter().position(|known| *known == nonce) else { return false };
        // Older requests will not be answered any more, or too late.
        self.nonces.drain(..=at);
        true
    }
}

impl Punch {
    pub(super) fn ask_when_due(&mut self, now: Duration) {
        if now < self.asking.next {
            return;
        }
        if self.asking.heard.is_none() && now >= self.began + SILENCE {
            self.ended = Some(Ending::Silent);
            return;
        }
        self.ask(now);
    }

    fn ask(&mut self, now: Duration) {
        if self.asking.gone {
            self.asking.next = now + ASK_SELDOM;
            return;
        }
        let nonce = self.chance.number();
        if self.asking.nonces.len() == MOST_NONCES {
            self.asking.nonces.pop_front();
        }
        self.asking.nonces.push_back(nonce);
        let seldom = ASK_SELDOM.min(self.asking.lifetime / 3).max(ASK);
        self.asking.next = now + if self.is_open() { seldom } else { ASK };
        self.asking.asked = Some(now);
        let message = Message::Register {
            session: self.plan.session,
            peer: self.id,
            nonce,
            cookie: if now < self.asking.baked + COOKIE { self.asking.cookie } else { NO_COOKIE },
            inside: self.plan.inside.iter().copied().take(MOST_INSIDE).collect(),
            has: self.other.as_ref().map(|other| other.id),
        };
        let bytes = message.encode(&self.plan.word);
        self.send(Way::Rendezvous, bytes);
    }

    /// Something that nobody asked for is a reason to ask.
    pub(super) fn ask_soon(&mut self, now: Duration) {
        let soon = self.asking.asked.map_or(now, |asked| (asked + ASK_AT_MOST).max(now));
        self.asking.next = self.asking.next.min(soon);
    }

    pub(super) fn bye(&mut self) {
        let (session, peer, cookie) = (self.plan.session, self.id, self.asking.cookie);
        let bytes = Message::Bye { session, peer, cookie }.encode(&self.plan.word);
        self.send(Way::Rendezvous, bytes);
    }

    /// Has a message carried by the rendezvous.
    pub(super) fn relay(&mut self, bytes: &[u8]) {
        let Some(data) = Payload::new(bytes) else { return };
        self.asking.relayed = self.asking.relayed.saturating_add(1);
        let (session, peer, cookie, seq) = (self.plan.session, self.id, self.asking.cookie, self.asking.relayed);
        let bytes = Message::Relay { session, peer, cookie, seq, data }.encode(&self.plan.word);
        self.send(Way::Rendezvous, bytes);
    }

    /// The connection to it is over: nobody else can be met, and nothing is relayed.
    pub(super) fn rendezvous_gone(&mut self) {
        self.asking.gone = true;
        if self.other.is_none() {
            self.ended.get_or_insert(Ending::Silent);
        }
    }

    /// Something came from the address of the rendezvous.
    pub(super) fn told(&mut self, now: Duration, bytes: &[u8]) {
        let Some(message) = self.read(bytes) else { return };
        match message {
            Message::Cookie { peer, nonce, cookie } if peer == self.id => {
                if self.answers(nonce) {
                    self.asking.heard = Some(now);
                    (self.asking.cookie, self.asking.baked) = (cookie, now);
                    self.ask(now);
                }
            }
            Message::Registered { peer, nonce, outside, lifetime } if peer == self.id => {
                if self.answers(nonce) {
                    self.asking.heard = Some(now);
                    self.asking.lifetime = Duration::from_secs(lifetime.into());
                    self.alone(now, outside);
                }
            }
            Message::Meet { peer, nonce: 0, other, .. } if peer == self.id => {
                if self.other.as_ref().is_none_or(|known| known.id != other) {
                    self.ask_soon(now);
                }
            }
            Message::Meet { peer, nonce, outside, other, other_outside, other_inside } if peer == self.id => {
                if other != self.id && self.answers(nonce) {
                    self.asking.heard = Some(now);
                    self.seen_by_rendezvous(outside);
                    self.met(now, other, other_outside, &other_inside);
                }
            }
            Message::Refused { peer, nonce, why } if peer == self.id => {
                if self.answers(nonce) {
                    self.asking.heard = Some(now);
                    // Once the other one is reached, the rendezvous has done its work.
                    if self.other.as_ref().is_none_or(|other| other.path.is_none()) && why != Refusal::Busy {
                        self.ended.get_or_insert(Ending::Refused(why));
                    }
                }
            }
            Message::Relayed { session, other, data, .. } => {
                if session == self.plan.session && self.other.as_ref().is_some_and(|known| known.id == other) {
                    self.heard(now, Way::Rendezvous, data.as_bytes());
                } else {
                    self.dropped.strange += 1;
                }
            }
            _ => self.dropped.strange += 1,
        }
    }

    fn answers(&mut self, nonce: u64) -> bool {
        let answers = self.asking.answers(nonce);
        self.dropped.repeated += u64::from(!answers);
        answers
    }

    fn seen_by_rendezvous(&mut self, outside: SocketAddr) {
        match self.asking.outside.replace(outside) {
            Some(from) if from != outside => {
                self.events.push_back(Event::Moved { witness: Witness::Rendezvous, from, to: outside });
            }
            _ => {}
        }
    }

    /// Nobody else is there, or not any more.
    fn alone(&mut self, now: Duration, outside: SocketAddr) {
        let first = self.asking.outside.is_none();
        self.seen_by_rendezvous(outside);
        match &mut self.other {
            None if first => self.events.push_back(Event::Waiting { outside }),
            None => {}
            // The way may live on: the rendezvous need not know why it is not asked any more.
            Some(Other { path: Some(path), left: left @ false, .. }) => {
                (*left, path.next_beat) = (true, now);
                self.events.push_back(Event::Left);
            }
            Some(Other { path: Some(_), .. }) => {}
            Some(_) => {
                self.forget();
                self.events.push_back(Event::Left);
            }
        }
    }

    /// Another one will be waited for.
    pub(super) fn forget(&mut self) {
        self.remember();
        self.other = None;
        self.close_connections(None);
    }

    fn met(&mut self, now: Duration, id: Id, outside: SocketAddr, inside: &[SocketAddr]) {
        match &mut self.other {
            Some(other) if other.id == id => {
                other.left = false;
                // It has a new mapping towards the rendezvous; where it was reached, that means nothing.
                let until = if other.path.is_some() { now } else { now + self.plan.patience };
                other.add(now, outside, Origin::Outside, until);
            }
            _ => {
                let event = Event::Met {
                    outside: self.asking.outside.unwrap_or(outside),
                    other_outside: outside,
                    other_inside: inside.to_vec(),
                };
                self.close_connections(None);
                self.sent.clear();
                self.other = Some(Other::new(id, outside, inside, self.plan.server, now, self.plan.patience));
                self.events.push_back(event);
            }
        }
    }
}
