//! A thread that hears of every socket that ends, and lists who listens when it is asked to, and now and then.
//!
//! It answers with a [`Look`]: who listens, since when at the latest, and what has ended since the last one. What the
//! kernel had no room to tell is told as a time: whatever ended until then may be missing.

use std::collections::{HashMap, HashSet};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::super::diag::Diag;
use super::super::{Endpoint, Error, Protocol, Socket, State};
use super::worked;
use crate::frame::Timestamp;
use crate::process::Transport;

/// Listens by itself so often, to know since when somebody listens.
const NOW_AND_THEN: Duration = Duration::from_millis(250);
/// Notices are gathered this long, so that a crowd of connections does not wake the thread for each.
const GATHER: Duration = Duration::from_millis(2);
/// Notices kept for whoever asks next; the oldest are forgotten.
const MOST_ENDED: usize = 1 << 16;
/// SKNLGRP_INET_TCP_DESTROY, INET_UDP, INET6_TCP, INET6_UDP.
const ENDINGS: u32 = 0b1111;
const LISTEN: u32 = 1 << State::LISTEN.0;

/// A socket that takes what comes to a port.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taker {
    pub transport: Transport,
    pub local: SocketAddr,
    /// Of a connected UDP socket.
    pub remote: Option<SocketAddr>,
    /// An IPv6 socket that may not take IPv4.
    pub six_only: bool,
    /// The interface it is bound to, 0: none.
    pub interface: u32,
    pub inode: u32,
    pub cookie: u64,
    /// It was there at this moment, perhaps earlier.
    pub since: Timestamp,
}

/// A socket that ended, at this moment or a little earlier.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub transport: Transport,
    pub local: SocketAddr,
    /// The port is 0 where the socket was reset; all is zero where it was not connected.
    pub remote: SocketAddr,
    pub at: Timestamp,
}

impl Ended {
    pub fn is_connection(&self) -> bool {
        let connected = self.remote.port() != 0 || !self.remote.ip().is_unspecified();
        connected && self.transport == Transport::Tcp
    }
}

#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Who was there at `begun` and is not among `ended` is among `takers`.
    pub begun: Timestamp,
    /// The list was made by then.
    pub listed: Timestamp,
    pub takers: Vec<Taker>,
    /// Sockets that had a port without a connection of TCP.
    pub ended: Vec<Ended>,
    /// Connections of TCP, which are many.
    pub ended_connections: Vec<Ended>,
    /// Of what ended until then, some may not have been told; of connections, until then.
    pub untold: Timestamp,
    pub untold_connections: Timestamp,
    /// Processor time that it took.
    pub cost: Duration,
    /// Addresses of this machine.
    pub addresses: HashSet<IpAddr>,
}

/// The asking side.
pub struct Lookout {
    ask: PipeWriter,
    looks: Receiver<Look>,
}

/// Opened while that may be done; the thread starts later.
pub struct Sockets {
    notices: Diag,
    diag: Diag,
    /// Nothing before is known.
    opened: Timestamp,
}

impl Sockets {
    pub fn open() -> Result<Self, Error> {
        let notices = Diag::listening(ENDINGS)?;
        Ok(Self { notices, diag: Diag::open()?, opened: now() })
    }
}

impl Lookout {
    pub fn start(sockets: Sockets) -> std::io::Result<Self> {
        let (asked, ask) = std::io::pipe()?;
        let (answer, looks) = sync_channel(1);
        let untold = sockets.opened;
        let mut watcher = Watcher {
            sockets,
            since: HashMap::new(),
            ended: Default::default(),
            untold: [untold; 2],
            addresses: addresses(),
        };
        watcher.list();
        thread::Builder::new().name("sockets".to_owned()).spawn(move || watcher.run(asked, &answer))?;
        Ok(Self { ask, looks })
    }

    /// How things stand now; `None` where the thread is no more.
    pub fn look(&mut self) -> Option<Look> {
        self.ask.write_all(b"?").ok()?;
        self.looks.recv().ok()
    }
}

struct Watcher {
    sockets: Sockets,
    /// Of each that listens, when it was first seen.
    since: HashMap<u64, Timestamp>,
    /// Sockets with a port, and connections: both with the time up to which some may be missing.
    ended: [Vec<Ended>; 2],
    untold: [Timestamp; 2],
    addresses: HashSet<IpAddr>,
}

impl Watcher {
    /// Until nobody asks any more.
    fn run(mut self, mut asked: PipeReader, answer: &SyncSender<Look>) {
        let mut next = Instant::now() + NOW_AND_THEN;
        loop {
            let left = next.saturating_duration_since(Instant::now()).as_millis();
            let mut descriptors = [
                PollFd::new(self.sockets.notices.socket().as_fd(), PollFlags::POLLIN),
                PollFd::new(asked.as_fd(), PollFlags::POLLIN),
            ];
            let _ = poll(&mut descriptors, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX));
            let [told, question] = descriptors.map(|descriptor| descriptor.any().unwrap_or(false));
            if question {
                let mut byte = [0];
                if !matches!(asked.read(&mut byte), Ok(1)) {
                    return;
                }
                let (begun, before) = (now(), worked());
                let takers = self.list();
                let listed = now();
                // Behind the list: what ended before it has been told by now.
                self.hear();
                let [ended, ended_connections] = std::mem::take(&mut self.ended);
                let [untold, untold_connections] = self.untold;
                let cost = worked().saturating_sub(before);
                let look = Look {
                    begun,
                    listed,
                    takers,
                    ended,
                    ended_connections,
                    untold,
                    untold_connections,
                    cost,
                    addresses: self.addresses.clone(),
                };
                if answer.send(look).is_err() {
                    return;
                }
            } else if told {
                self.hear();
                // A question wakes it at once.
                let mut descriptors = [PollFd::new(asked.as_fd(), PollFlags::POLLIN)];
                let _ = poll(&mut descriptors, PollTimeout::try_from(GATHER).unwrap_or(PollTimeout::ZERO));
            }
            if Instant::now() >= next {
                next = Instant::now() + NOW_AND_THEN;
                self.list();
                self.addresses = addresses();
            }
        }
    }

    /// Takes in what has ended.
    fn hear(&mut self) {
        let ended = &mut self.ended;
        let lost = self.sockets.notices.notices(&mut |socket| {
            if let Some(one) = ending(&socket) {
                ended[usize::from(one.is_connection())].push(one);
            }
        });
        if lost.unwrap_or(true) {
            self.untold = [now(); 2];
        }
        for (ended, untold) in self.ended.iter_mut().zip(&mut self.untold) {
            if ended.len() > MOST_ENDED {
                let forgotten = ended.len() - MOST_ENDED / 2;
                let last = ended.drain(..forgotten).map(|ended| ended.at).max();
                *untold = last.unwrap_or(*untold).max(*untold);
            }
        }
    }

    /// Lists who listens.
    fn list(&mut self) -> Vec<Taker> {
        let mut found = Vec::new();
        let diag = &mut self.sockets.diag;
        let listed = diag
            .in_states(Protocol::Tcp, LISTEN, &mut found)
            .and_then(|()| diag.in_states(Protocol::Udp, u32::MAX, &mut found));
        let now = now();
        if listed.is_err() {
            // Who is not in the list is not known to be gone.
            self.untold = [now; 2];
            return Vec::new();
        }
        let takers: Vec<Taker> = found
            .iter()
            .filter_map(|socket| {
                let since = self.since.get(&socket.cookie).copied().unwrap_or(now);
                taker(socket, since)
            })
            .collect();
        self.since = takers.iter().map(|taker| (taker.cookie, taker.since)).collect();
        takers
    }
}

fn transport(protocol: Protocol) -> Option<Transport> {
    match protocol {
        Protocol::Tcp => Some(Transport::Tcp),
        Protocol::Udp => Some(Transport::Udp),
        _ => None,
    }
}

fn taker(socket: &Socket, since: Timestamp) -> Option<Taker> {
    let (Endpoint::Address(local), Endpoint::Address(remote)) = (&socket.local, &socket.remote) else { return None };
    Some(Taker {
        transport: transport(socket.protocol)?,
        local: plain(*local),
        remote: Some(plain(*remote)).filter(|remote| remote.port() != 0),
        six_only: local.is_ipv6() && socket.v6only == Some(true),
        interface: socket.interface,
        inode: socket.inode,
        cookie: socket.cookie,
        since,
    })
}

fn ending(socket: &Socket) -> Option<Ended> {
    let (Endpoint::Address(local), Endpoint::Address(remote)) = (&socket.local, &socket.remote) else { return None };
    let transport = transport(socket.protocol)?;
    // A socket that never had a port has harmed nobody.
    (local.port() != 0).then(|| Ended { transport, local: plain(*local), remote: plain(*remote), at: now() })
}

/// IPv4 addresses that IPv6 sockets show mapped are IPv4 on the wire (RFC 4291 §2.5.5.2); no scope.
pub fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn addresses() -> HashSet<IpAddr> {
    let all = nix::ifaddrs::getifaddrs().into_iter().flatten();
    all.filter_map(|interface| {
        let address = interface.address?;
        let four = address.as_sockaddr_in().map(|four| IpAddr::V4(four.ip()));
        four.or_else(|| address.as_sockaddr_in6().map(|six| IpAddr::V6(six.ip())))
    })
    .collect()
}

/// The packets' clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
