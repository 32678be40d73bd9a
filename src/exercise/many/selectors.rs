//! One thread and a selector: the kernel remembers which sockets to watch and tells only those where something happened
//! (epoll(7) on Linux, through the portable selector of mio).
//!
//! Trap: mio tells each change once (edge-triggered), so a talk goes on until its socket would block.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::Protocol;
use super::house::{Accepted, House, PAUSE};
use super::room::Room;
use crate::exercise::{Error, Service};

const LISTENER: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);

/// Events that one wait brings at most.
const EVENTS: usize = 1024;

pub fn run<P: Protocol>(house: &House<P>, listener: &TcpListener, service: &Service) -> Result<(), Error> {
    let failed = |source| Error::System { operation: "wait for the clients of", target: house.name.to_owned(), source };
    let mut poll = Poll::new().map_err(failed)?;
    let watch = |poll: &Poll, source: &dyn AsFd, token, interest| {
        poll.registry().register(&mut SourceFd(&source.as_fd().as_raw_fd()), token, interest)
    };
    watch(&poll, listener, LISTENER, Interest::READABLE).map_err(failed)?;
    watch(&poll, &service.stop, STOP, Interest::READABLE).map_err(failed)?;

    let mut room = Room::new(house);
    let mut events = Events::with_capacity(EVENTS);
    // Whether somebody may wait in the backlog, and from when on there may be room for it.
    let (mut knocks, mut closed_until) = (true, None::<Instant>);
    loop {
        let now = Instant::now();
        while knocks && closed_until.is_none_or(|until| now >= until) && !room.is_full() {
            match house.accept(listener) {
                Accepted::Client(stream, peer) => {
                    let place = room.admit(stream, peer, now)?;
                    // What it has said already is answered at once.
                    room.attend(place, now)?;
                    let watched = room.client(place).map(|client| {
                        watch(&poll, &client.stream, Token(place), Interest::READABLE | Interest::WRITABLE)
                    });
                    if let Some(Err(source)) = watched {
                        room.leave(place, Err(failed(source)))?;
                    }
                }
                Accepted::Nobody => knocks = false,
                Accepted::NoRoom => closed_until = Some(now + PAUSE),
            }
        }
        room.tend(now)?;
        house.protocol.settle(&house.transcript)?;

        let opens = closed_until.map(|until| until.saturating_duration_since(now)).filter(|wait| !wait.is_zero());
        let again = if knocks && !room.is_full() { Some(opens.unwrap_or(Duration::ZERO)) } else { None };
        let patience = [room.patience(now), again].into_iter().flatten().min();
        match poll.poll(&mut events, patience) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        }
        let now = Instant::now();
        for event in &events {
            match event.token() {
                STOP => return Ok(()),
                LISTENER => knocks = true,
                Token(place) => room.attend(place, now)?,
            }
        }
    }
}
