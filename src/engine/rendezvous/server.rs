//! The server: tells the two peers of a session where each is seen to be, and carries between them what they cannot send
//! each other. A pure machine: datagrams, or lines, in; at most two out.
//!
//! Guarantee: what does not prove the shared word gets no answer; what proves no cookie gets at most one, no longer than
//! it itself, and leaves nothing behind. Nothing is sent but to an address from which a cookie came back, whatever peers
//! tell of their insides. A message that comes again does nothing. Memory is bounded by [`Bounds`].

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use arrayvec::ArrayVec;

use super::cookie::{self, Bearer, Jar};
use super::life::{Life, Lives, State};
use super::message::{Cookie, Error, Id, Inside, Message, Nonce, Payload, Refusal, Session, is_one_hosts};
use super::word::Word;
use crate::engine::limit::{Limiter, Limits, source};
use crate::process::Transport;

/// The port that it listens at where nobody says otherwise.
pub const PORT: u16 = 7000;
/// Events that wait to be taken; further ones are not told.
const MOST_EVENTS: usize = 1024;
/// How often it is looked for lives that are over.
const SWEEP: Duration = Duration::from_secs(1);

/// How much it takes upon itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Messages in a second, of those who know the word.
    pub messages: Limits,
    /// Peers that are held, and those that were and are still remembered.
    pub peers: usize,
    /// Peers of one source: an IPv4 address, or the first 64 bits of an IPv6 one.
    pub of_a_source: usize,
    /// How long a peer is held that registers no more.
    pub lifetime: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        let messages = Limits { source: 500, all: 50_000 };
        Self { messages, peers: 8192, of_a_source: 256, lifetime: Duration::from_secs(30) }
    }
}

/// What has been counted, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Peers that came, each life once.
    pub came: u64,
    /// Answers to registers that brought the right cookie back.
    pub registered: u64,
    /// Pairs that met.
    pub met: u64,
    pub relayed: u64,
    /// Cookies given to those who had none.
    pub challenged: u64,
    pub refused: u64,
    /// What came a second time.
    pub repeated: u64,
    /// What is no message, or one that no peer sends to a server, or comes from nobody's address.
    pub garbage: u64,
    /// Messages whose mac the shared word has not made.
    pub forged: u64,
    /// Requests with a wrong cookie that are answered by nothing, and relays of those who are alone.
    pub unheard: u64,
    /// Messages beyond the limits.
    pub limited: u64,
}

/// What is held now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub sessions: usize,
    /// Peers that are there.
    pub living: usize,
    /// Peers that were, and are remembered until their cookies hold no more.
    pub over: usize,
    /// Requests that are remembered, of all peers.
    pub nonces: usize,
    /// Sources that are counted.
    pub sources: usize,
}

/// What to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub transport: Transport,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// What happened, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub session: Session,
    pub transport: Transport,
    /// Where the peer that it is about is seen.
    pub peer: SocketAddr,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It came, and tells these addresses of its own.
    Came {
        inside: Inside,
    },
    /// It and this other one know of each other.
    Met {
        other: SocketAddr,
    },
    /// The same peer was seen there before: its NAT made another mapping.
    Moved {
        before: SocketAddr,
    },
    /// The first time that it has something carried to the other one.
    Relays {
        other: SocketAddr,
    },
    Left,
    /// It was not heard for as long as it is held.
    Silent,
    Refused {
        why: Refusal,
    },
}

impl What {
    /// One word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Came { .. } => "came",
            Self::Met { .. } => "met",
            Self::Moved { .. } => "moved",
            Self::Relays { .. } => "relays",
            Self::Left => "left",
            Self::Silent => "silent",
            Self::Refused { .. } => "refused",
        }
    }
}

type Key = (Transport, Session);

/// The server. Times are since a moment that the caller chooses.
#[derive(Debug)]
pub struct Server {
    word: Word,
    jar: Jar,
    bounds: Bounds,
    limiter: Limiter,
    sessions: HashMap<Key, Lives>,
    /// Lives in all sessions, those that are over too.
    lives: usize,
    /// Those that are not, of each source.
    sources: HashMap<IpAddr, usize>,
    swept: Duration,
    tally: Tally,
    events: VecDeque<Event>,
}

/// A register, without its cookie.
struct Request {
    nonce: Nonce,
    inside: Inside,
    has: Option<Id>,
}

/// What goes out because of one message.
type Answers = ArrayVec<Answer, 2>;

impl Server {
    /// `secret` is what cookies are made with: chosen at random for each run.
    pub fn new(word: Word, secret: [u8; 32], bounds: Bounds) -> Self {
        Self {
            word,
            jar: Jar::new(secret),
            bounds,
            limiter: Limiter::new(bounds.messages),
            sessions: HashMap::new(),
            lives: 0,
            sources: HashMap::new(),
            swept: Duration::ZERO,
            tally: Tally::default(),
            events: VecDeque::new(),
        }
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Counted one by one.
    pub fn held(&self) -> Held {
        let mut held = Held { sessions: self.sessions.len(), sources: self.sources.len(), ..Held::default() };
        for life in self.sessions.values().flat_map(Lives::all) {
            *(if life.is_living() { &mut held.living } else { &mut held.over }) += 1;
            held.nonces += life.nonces();
        }
        held
    }

    /// The next thing that happened, in order.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether anybody is held: [`Server::sweep`] has something to do.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Takes in a datagram, or a line, that came from `from`.
    pub fn handle(&mut self, now: Duration, transport: Transport, from: SocketAddr, bytes: &[u8]) -> Answers {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let message = match Message::decode(bytes, &self.word) {
            Ok(message) if is_one_hosts(from) => message,
            Err(Error::WrongMac) => {
                self.tally.forged += 1;
                return Answers::new();
            }
            _ => {
                self.tally.garbage += 1;
                return Answers::new();
            }
        };
        let (session, peer, cookie) = match &message {
            Message::Register { session, peer, cookie, .. }
            | Message::Relay { session, peer, cookie, .. }
            | Message::Bye { session, peer, cookie } => (*session, *peer, *cookie),
            _ => {
                self.tally.garbage += 1;
                return Answers::new();
            }
        };
        if !self.limiter.admits(now, from.ip()) {
            self.tally.limited += 1;
            return Answers::new();
        }
        self.sweep(now);
        let bearer = Bearer { transport, from, session, peer };
        let is_proved = self.jar.knows(now, bearer, cookie);
        match message {
            Message::Register { nonce, .. } if !is_proved => self.challenge(now, bearer, nonce, bytes.len()),
            Message::Register { nonce, inside, has, .. } => self.register(now, bearer, Request { nonce, inside, has }),
            Message::Relay { seq, data, .. } if is_proved => self.relay(bearer, seq, data),
            Message::Bye { .. } if is_proved => self.bye(bearer),
            _ => self.unheard(),
        }
    }

    /// Ends the lives of those that were silent for too long, and forgets those whose cookies hold no more.
    pub fn sweep(&mut self, now: Duration) {
        if now < self.swept + SWEEP {
            return;
        }
        self.swept = now;
        if let Some(until) = now.checked_sub(self.bounds.lifetime) {
            let (events, sources) = (&mut self.events, &mut self.sources);
            for ((transport, session), lives) in &mut self.sessions {
                lives.end_silent(until, |life| {
                    leave(sources, life.outside.ip());
                    let (session, transport, peer) = (*session, *transport, life.outside);
                    tell(events, Event { session, transport, peer, what: What::Silent });
                });
            }
        }
        self.forget(now.saturating_sub(cookie::LONGEST));
    }

    /// Forgets those that are over and were not heard since.
    fn forget(&mut self, since: Duration) {
        self.sessions.retain(|_, lives| {
            lives.forget(since);
            !lives.is_empty()
        });
        self.lives = self.sessions.values().map(|lives| lives.all().len()).sum();
    }

    fn challenge(&mut self, now: Duration, bearer: Bearer, nonce: Nonce, asked: usize) -> Answers {
        let cookie: Cookie = self.jar.cookie(now, bearer);
        let bytes = Message::Cookie { peer: bearer.peer, nonce, cookie }.encode(&self.word);
        if bytes.len() > asked {
            return self.unheard();
        }
        self.tally.challenged += 1;
        one(Answer { transport: bearer.transport, to: bearer.from, bytes })
    }

    fn register(&mut self, now: Duration, bearer: Bearer, request: Request) -> Answers {
        let key = (bearer.transport, bearer.session);
        let Request { nonce, inside, has } = request;
        let known = self.sessions.get_mut(&key).and_then(|lives| lives.of(bearer.peer));
        let mut before = None;
        if let Some(life) = known {
            if life.state == State::Gone || !life.is_new(nonce) {
                self.tally.repeated += 1;
                return Answers::new();
            }
            before = life.is_living().then_some(life.outside);
        }
        if let Err(why) = self.admit(now, bearer, before) {
            self.tally.refused += 1;
            self.happened(bearer, What::Refused { why });
            let refused = Message::Refused { peer: bearer.peer, nonce, why };
            return one(self.answer(bearer.transport, bearer.from, &refused));
        }
        let Some(lives) = self.sessions.get_mut(&key) else { return Answers::new() };
        let Some(life) = lives.of(bearer.peer) else { return Answers::new() };
        // It may be the first one, which nothing was there to remember.
        life.is_new(nonce);
        let told = inside.clone();
        (life.state, life.heard, life.outside, life.inside, life.has) = (State::Living, now, bearer.from, inside, has);
        let (own, other) = (snapshot(life), lives.other(bearer.peer).map(snapshot));
        self.tally.registered += 1;
        let is_elsewhere = before != Some(bearer.from);
        match before {
            None => {
                self.tally.came += 1;
                self.happened(bearer, What::Came { inside: told });
            }
            Some(before) if is_elsewhere => self.happened(bearer, What::Moved { before }),
            Some(_) => {}
        }
        let Some(other) = other else {
            let lifetime = u32::try_from(self.bounds.lifetime.as_secs()).unwrap_or(u32::MAX);
            let alone = Message::Registered { peer: own.id, nonce, outside: own.outside, lifetime };
            return one(self.answer(bearer.transport, bearer.from, &alone));
        };
        if before.is_none() {
            self.tally.met += 1;
            self.happened(bearer, What::Met { other: other.outside });
        }
        let mut answers = one(self.answer(bearer.transport, own.outside, &own.meets(&other, nonce)));
        if other.has != Some(own.id) || is_elsewhere {
            answers.push(self.answer(bearer.transport, other.outside, &other.meets(&own, 0)));
        }
        answers
    }

    /// Whether there is room for this peer, which was seen at `before`; it has its place then.
    fn admit(&mut self, now: Duration, bearer: Bearer, before: Option<SocketAddr>) -> Result<(), Refusal> {
        let key = (bearer.transport, bearer.session);
        if before.is_none() {
            // Who speaks from the very address of another life has taken its place: the program was started again.
            let replaced = self.sessions.get_mut(&key).and_then(|lives| lives.at(bearer.from));
            if let Some(life) = replaced {
                life.state = State::Gone;
                leave(&mut self.sources, bearer.from.ip());
                self.happened(bearer, What::Left);
            }
            if self.sessions.get(&key).is_some_and(|lives| lives.living().count() >= 2) {
                return Err(Refusal::Taken);
            }
            let is_known = self.sessions.get_mut(&key).is_some_and(|lives| lives.of(bearer.peer).is_some());
            if self.lives >= self.bounds.peers && !is_known {
                // Those that are there come before the memory of those that were.
                self.forget(Duration::MAX);
            }
            if self.lives >= self.bounds.peers && !is_known {
                return Err(Refusal::Full);
            }
        }
        let source_of = |address: SocketAddr| source(address.ip());
        if before.map(source_of) != Some(source_of(bearer.from)) {
            let count = self.sources.get(&source_of(bearer.from)).copied().unwrap_or_default();
            if count >= self.bounds.of_a_source {
                return Err(Refusal::Busy);
            }
            self.sources.insert(source_of(bearer.from), count + 1);
            if let Some(before) = before {
                leave(&mut self.sources, before.ip());
            }
        }
        if before.is_none() {
            let lives = self.sessions.entry(key).or_default();
            let held = lives.all().len();
            if lives.of(bearer.peer).is_none() {
                lives.add(Life::new(bearer.peer, bearer.from, now));
            }
            self.lives = (self.lives + lives.all().len()).saturating_sub(held);
        }
        Ok(())
    }

    fn relay(&mut self, bearer: Bearer, seq: u32, data: Payload) -> Answers {
        let Some(lives) = self.sessions.get_mut(&(bearer.transport, bearer.session)) else { return self.unheard() };
        let Some(other) = lives.other(bearer.peer).map(|life| life.outside) else { return self.unheard() };
        let own = lives.of(bearer.peer).filter(|life| life.is_living() && life.outside == bearer.from);
        let Some(own) = own else { return self.unheard() };
        if own.relayed.is_some_and(|last| seq <= last) {
            self.tally.repeated += 1;
            return Answers::new();
        }
        let is_first = own.relayed.replace(seq).is_none();
        self.tally.relayed += 1;
        if is_first {
            self.happened(bearer, What::Relays { other });
        }
        let relayed = Message::Relayed { session: bearer.session, other: bearer.peer, seq, data };
        one(self.answer(bearer.transport, other, &relayed))
    }

    fn bye(&mut self, bearer: Bearer) -> Answers {
        let lives = self.sessions.get_mut(&(bearer.transport, bearer.session));
        let Some(life) = lives.and_then(|lives| lives.of(bearer.peer)) else { return self.unheard() };
        if !life.is_living() || life.outside != bearer.from {
            self.tally.repeated += 1;
            return Answers::new();
        }
        life.state = State::Gone;
        leave(&mut self.sources, bearer.from.ip());
        self.happened(bearer, What::Left);
        Answers::new()
    }

    fn unheard(&mut self) -> Answers {
        self.tally.unheard += 1;
        Answers::new()
    }

    fn answer(&self, transport: Transport, to: SocketAddr, message: &Message) -> Answer {
        Answer { transport, to, bytes: message.encode(&self.word) }
    }

    fn happened(&mut self, bearer: Bearer, what: What) {
        let Bearer { transport, from, session, .. } = bearer;
        tell(&mut self.events, Event { session, transport, peer: from, what });
    }
}

fn one(answer: Answer) -> Answers {
    [answer].into_iter().collect()
}

fn tell(events: &mut VecDeque<Event>, event: Event) {
    if events.len() < MOST_EVENTS {
        events.push_back(event);
    }
}

/// One less of this source.
fn leave(sources: &mut HashMap<IpAddr, usize>, address: IpAddr) {
    let source = source(address);
    if let Some(count) = sources.get_mut(&source) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            sources.remove(&source);
        }
    }
}

/// What one is told of another.
struct Seen {
    id: Id,
    outside: SocketAddr,
    inside: Inside,
    has: Option<Id>,
}

fn snapshot(life: &Life) -> Seen {
    Seen { id: life.id, outside: life.outside, inside: life.inside.clone(), has: life.has }
}

impl Seen {
    /// What this one is told when it meets the other one.
    fn meets(&self, other: &Self, nonce: Nonce) -> Message {
        Message::Meet {
            peer: self.id,
            nonce,
            outside: self.outside,
            other: other.id,
            other_outside: other.outside,
            other_inside: other.inside.clone(),
        }
    }
}
