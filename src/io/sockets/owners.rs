//! Which program is at an end of a packet: by the socket of its conversation, else by who listens on its port.
//!
//! Packets come to us some milliseconds after they passed, and sockets come and go meanwhile. The guarantee is that no
//! program is named that was not there:
//!
//! - *exact*: the kernel has a socket between the packet's two ends, a process holds it, and no other socket between
//!   them ended since the conversation began (the kernel's destroy notices, `lookout`).
//! - *by listener*: the conversation was seen to begin; all sockets that may have taken it belong to programs of one
//!   name; none of them came later, unless somebody did take the connection; and none that listened on that port has
//!   ended since.
//! - Where several processes of one name hold the socket (a server with workers), the name is sure and no pid is told.
//!   Where programs of different names do, nobody can say: unknown.
//!
//! A socket is looked for when its conversation begins and, while it is not known, a few times later. Everything is
//! bounded: memory by what was met lately, work by a share of the time.

mod listeners;
mod lookout;
mod recent;
mod scanner;

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use super::diag::Diag;
use super::processes::Holder;
use super::{Endpoint, Error, Socket, State};
use crate::frame::Timestamp;
use crate::process::{Certainty, End, Ends, Programs, Question, Sign, Transport};
use listeners::{Claim, Listeners};
use lookout::{Lookout, Sockets, plain};
use recent::Recent;
use scanner::{Scanner, Sought};

/// Conversations remembered, in each half.
const CONVERSATIONS: usize = 1 << 15;
/// A socket that is not known is sought again after so many milliseconds of packets, four times as long each time.
const AGAIN: i64 = 10;
const MOST_TRIES: u8 = 6;
/// What is known is compared with who holds it now so often.
const RENEWED: i64 = 1000;
/// Of UDP: sockets change behind the same ports.
const DATAGRAMS_RENEWED: i64 = 5;
const MILLISECOND: i64 = 1_000_000;
/// Looks at all listeners take no more than a fifth of a core; several at once may run ahead of that by so much.
const SEVERAL_LOOKS: Duration = Duration::from_millis(20);
/// Questions about single sockets: so many in so much time of packets.
const MOST_QUESTIONS: u32 = 1000;
const WINDOW: i64 = 100 * MILLISECOND;
/// Who holds the listeners is looked at again after this time.
const HOLDERS_STAY: Duration = Duration::from_secs(1);

/// What has to be opened while that may be done, and in the right network namespace.
pub struct Opened {
    sockets: Sockets,
    diag: Diag,
}

/// Opens the ways to the kernel, in the network namespace of the calling thread. Needs no privilege.
pub fn open() -> Result<Opened, Error> {
    Ok(Opened { sockets: Sockets::open()?, diag: Diag::open()? })
}

impl Opened {
    /// Starts the threads. Privileges that are needed to look into other users' processes must still be there.
    pub fn start(self) -> std::io::Result<Owners> {
        let now = Instant::now();
        Ok(Owners {
            diag: self.diag,
            lookout: Lookout::start(self.sockets)?,
            scanner: Scanner::start()?,
            listeners: Listeners::new(),
            addresses: HashSet::new(),
            conversations: Recent::new(CONVERSATIONS),
            next_look: now,
            window: Timestamp::default(),
            questions: 0,
        })
    }
}

/// One end of a conversation.
#[derive(Clone, Copy, Debug)]
struct Side {
    /// On this machine.
    ours: bool,
    end: End,
    socket: Own,
}

/// The socket of a connection at one side, by its inode.
#[derive(Clone, Copy, Debug)]
enum Own {
    Unknown,
    /// There was one at this moment; what ended before is not known yet.
    Found(u32, Timestamp),
    Sure(u32),
    /// There may have been several, one after the other.
    Doubtful,
}

impl Side {
    fn is_sought(&self) -> bool {
        self.ours && self.end.certainty != Certainty::Exact && !matches!(self.socket, Own::Doubtful)
    }
}

#[derive(Clone, Copy, Debug)]
struct Conversation {
    /// The sender of its first packet, whose side is the first.
    first: SocketAddr,
    begun: Timestamp,
    /// It was seen to begin: a SYN.
    asked: bool,
    /// Somebody took it.
    taken: bool,
    /// What the listeners say of the side that was asked.
    claim: Claim,
    sides: [Side; 2],
    next: Timestamp,
    tries: u8,
}

impl Conversation {
    /// What is known, as this packet goes.
    fn ends(&self, question: &Question) -> Ends {
        let [first, second] = self.sides.map(|side| side.ours.then_some(side.end));
        let ends = Ends { source: first, destination: second };
        if question.source == self.first { ends } else { ends.reversed() }
    }
}

/// The one who knows.
pub struct Owners {
    diag: Diag,
    lookout: Lookout,
    scanner: Scanner,
    listeners: Listeners,
    addresses: HashSet<IpAddr>,
    conversations: Recent<(Transport, u32), Conversation>,
    next_look: Instant,
    /// Questions about single sockets since `window`.
    window: Timestamp,
    questions: u32,
}

impl Programs for Owners {
    fn ends(&mut self, question: &Question) -> Ends {
        let key = (question.transport, question.stream);
        // Most packets have nothing new to say.
        if let Some(known) = self.conversations.at_hand(&key)
            && question.time < known.next
            && (known.taken || question.sign == Sign::None)
            && !begins_again(known, question)
        {
            return known.ends(question);
        }
        let known = self.conversations.take(&key).filter(|known| !begins_again(known, question));
        let mut conversation = match known {
            Some(known) => known,
            None => self.begin(question),
        };
        let took = question.sign == Sign::Taken && !conversation.taken;
        conversation.taken |= took;
        if conversation.sides.iter().any(|side| side.ours) && (took || question.time >= conversation.next) {
            match question.transport {
                Transport::Tcp => self.tcp(&mut conversation, question),
                Transport::Udp => self.udp(&mut conversation, question),
            }
        }
        self.conversations.put(key, conversation);
        conversation.ends(question)
    }
}

/// Another connection between the same ends, where flow still counts it as the old one.
fn begins_again(known: &Conversation, question: &Question) -> bool {
    question.sign == Sign::Asks && known.taken
}

impl Owners {
    fn begin(&mut self, question: &Question) -> Conversation {
        self.look(question.time);
        let side = |end: SocketAddr| Side { ours: self.is_ours(end.ip()), end: End::UNKNOWN, socket: Own::Unknown };
        let sides = [side(question.source), side(question.destination)];
        // Of two strangers there is never anything to say.
        let next = if sides.iter().any(|side| side.ours) { question.time } else { Timestamp(i64::MAX) };
        Conversation {
            first: question.source,
            begun: question.time,
            asked: question.sign == Sign::Asks,
            taken: false,
            claim: Claim::Open,
            sides,
            next,
            tries: 0,
        }
    }

    fn is_ours(&self, address: IpAddr) -> bool {
        // All of 127.0.0.0/8 is this machine's. Groups and broadcasts have no single receiver.
        match address {
            IpAddr::V4(four) => four.is_loopback() || self.addresses.contains(&address),
            IpAddr::V6(_) => self.addresses.contains(&address),
        }
    }

    /// Sees to it that the listeners are known as they stood at `time` or later, as far as that may be done now.
    fn look(&mut self, time: Timestamp) -> bool {
        if self.listeners.known_until() >= time {
            return true;
        }
        if Instant::now() + SEVERAL_LOOKS < self.next_look {
            return false;
        }
        let Some(look) = self.lookout.look() else { return false };
        self.next_look = self.next_look.max(Instant::now()) + look.cost * 4;
        self.addresses.clone_from(&look.addresses);
        self.listeners.update(look);
        self.listeners.known_until() >= time
    }

    fn tcp(&mut self, conversation: &mut Conversation, question: &Question) {
        let ends = [question.source, question.destination];
        let [first, second] = if question.source == conversation.first { ends } else { [ends[1], ends[0]] };
        let known = self.look(conversation.begun);
        if known && conversation.tries < MOST_TRIES {
            for (at, (local, remote)) in [(0, (first, second)), (1, (second, first))] {
                self.seek(conversation, at, local, remote, question.time);
            }
        }
        let asked = &conversation.sides[1];
        if known && conversation.asked && asked.ours && asked.end.certainty != Certainty::Exact {
            if conversation.claim == Claim::Open {
                conversation.claim = self.claim(conversation.begun, second, question);
            }
            if let Some(end) = conversation.claim.end(conversation.taken) {
                conversation.sides[1].end = end;
            }
        }
        self.renew(conversation);
        let wait = if conversation.sides.iter().any(Side::is_sought) && conversation.tries < MOST_TRIES {
            AGAIN << (2 * conversation.tries)
        } else {
            RENEWED
        };
        conversation.tries = conversation.tries.saturating_add(u8::from(known));
        conversation.next = Timestamp(question.time.0.saturating_add(wait * MILLISECOND));
    }

    /// Whether one more question is within bounds.
    fn may_ask(&mut self, time: Timestamp) -> bool {
        if time.since(self.window) >= WINDOW || time < self.window {
            (self.window, self.questions) = (time, 0);
        }
        self.questions += 1;
        self.questions <= MOST_QUESTIONS
    }

    /// Looks for the socket of a TCP connection at one of its sides, and for who holds it.
    fn seek(
        &mut self,
        conversation: &mut Conversation,
        at: usize,
        local: SocketAddr,
        remote: SocketAddr,
        time: Timestamp,
    ) {
        let mut side = conversation.sides[at];
        if !side.is_sought() {
            return;
        }
        if matches!(side.socket, Own::Unknown)
            && self.may_ask(time)
            && let Ok(Some(socket)) = self.diag.tcp_between(local, remote)
            && is_between(&socket, local, remote)
        {
            conversation.taken |= at == 1;
            if socket.inode != 0 {
                side.socket = Own::Found(socket.inode, lookout::now());
            }
        }
        if let Own::Found(inode, found) = side.socket
            && self.look(found)
        {
            // What ended between these ends since the conversation began may have been its socket, and this the next.
            let doubtful = self.listeners.may_have_ended(local, remote, conversation.begun);
            side.socket = if doubtful { Own::Doubtful } else { Own::Sure(inode) };
        }
        if let Own::Sure(inode) = side.socket
            && let Some(end) = self.holder(&[inode], false, Certainty::Exact)
        {
            side.end = end;
        }
        conversation.sides[at] = side;
    }

    /// Compares what is known with who holds it now: a server may have handed its connection to a child.
    fn renew(&mut self, conversation: &mut Conversation) {
        for side in &mut conversation.sides {
            if let Own::Sure(inode) = side.socket
                && let Some(known) = self.scanner.known()
                && let Some(end) = program(known.of(inode).iter(), Certainty::Exact)
            {
                side.end = end;
            }
        }
    }

    /// What the listeners say of a connection that was asked for at `begun`.
    fn claim(&mut self, begun: Timestamp, local: SocketAddr, question: &Question) -> Claim {
        let Some(found) = self.listeners.of_connection(local, question.interface, begun) else { return Claim::Nobody };
        match self.holder(&found.inodes, true, Certainty::ByListener) {
            Some(end) => found.claim(end),
            None => Claim::Open,
        }
    }

    /// The program that alone holds all of these sockets; `shared`: they may be handed on while they live, so that what is
    /// known of them grows old.
    fn holder(&mut self, inodes: &[u32], shared: bool, certainty: Certainty) -> Option<End> {
        let all_known = |scanner: &mut Scanner| {
            scanner.known().is_some_and(|known| inodes.iter().all(|inode| !known.of(*inode).is_empty()))
        };
        let mut known = all_known(&mut self.scanner);
        if !known || (shared && self.scanner.is_older(HOLDERS_STAY)) {
            let sought = if shared { Sought::Listening } else { Sought::Own };
            let looked = self.scanner.look(sought);
            known = all_known(&mut self.scanner);
            if looked {
                self.scanner.found(sought, known);
            }
        }
        let holders = self.scanner.known().filter(|_| known)?;
        program(inodes.iter().flat_map(|inode| holders.of(*inode)), certainty)
    }

    fn udp(&mut self, conversation: &mut Conversation, question: &Question) {
        let looked = self.look(question.time);
        if looked || conversation.tries > 0 {
            for (local, remote, sends) in
                [(question.source, question.destination, true), (question.destination, question.source, false)]
            {
                let place = usize::from(local != conversation.first);
                if !conversation.sides[place].ours {
                    continue;
                }
                let found = self.listeners.of_datagram(local, remote, sends, question.interface, question.time);
                let end = found.and_then(|(inodes, certainty)| self.holder(&inodes, true, certainty));
                conversation.sides[place].end = end.unwrap_or(End::UNKNOWN);
            }
            conversation.tries = 1;
        }
        conversation.next = Timestamp(question.time.0.saturating_add(DATAGRAMS_RENEWED * MILLISECOND));
    }
}

/// Processor time of this thread.
fn worked() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

/// Whether it is a connection's own socket; else it is the listener that would take it.
fn is_between(socket: &Socket, local: SocketAddr, remote: SocketAddr) -> bool {
    let same = |end: &Endpoint, asked| matches!(end, Endpoint::Address(address) if plain(*address) == asked);
    socket.state != State::LISTEN && same(&socket.local, local) && same(&socket.remote, remote)
}

/// The one program that all of these are; its process where it is one alone.
fn program<'a>(holders: impl Iterator<Item = &'a Holder>, certainty: Certainty) -> Option<End> {
    let mut first: Option<(&Arc<str>, Option<i32>)> = None;
    for holder in holders {
        match &mut first {
            None => first = Some((&holder.process, Some(holder.pid))),
            Some((name, _)) if **name != holder.process => return None,
            Some((_, pid)) => *pid = pid.filter(|pid| *pid == holder.pid),
        }
    }
    let (name, pid) = first?;
    Some(End::new(name.as_bytes(), pid.and_then(|pid| u32::try_from(pid).ok()), certainty))
}
