//! One thread and select(2): before each wait the program tells the kernel every socket that it waits for, and after it
//! looks at every one. A set has room for descriptors below FD_SETSIZE (1024), whatever the system allows.

use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::select::{FD_SETSIZE, FdSet, select};
use nix::sys::time::{TimeVal, TimeValLike};

use super::Protocol;
use super::house::{Accepted, House, PAUSE};
use super::room::Room;
use super::talk::Need;
use crate::exercise::{Error, Service, Transcript};

pub fn run<P: Protocol>(house: &House<P>, listener: &TcpListener, service: &Service) -> Result<(), Error> {
    let failed = |source| Error::System { operation: "wait for the clients of", target: house.name.to_owned(), source };
    let mut room = Room::new(house);
    let mut refused = Refused::default();
    let mut closed_until = None::<Instant>;
    loop {
        let now = Instant::now();
        room.tend(now)?;
        house.protocol.settle(&house.transcript)?;
        refused.tell(&house.transcript, now);
        closed_until = closed_until.filter(|until| now < *until);

        let (mut readers, mut writers) = (FdSet::new(), FdSet::new());
        readers.insert(service.stop.as_fd());
        let open = !room.is_full() && closed_until.is_none();
        if open {
            readers.insert(listener.as_fd());
        }
        for (_, client) in room.clients() {
            match client.need {
                Need::Writable => writers.insert(client.stream.as_fd()),
                _ => readers.insert(client.stream.as_fd()),
            }
        }
        let opens = closed_until.map(|until| until.saturating_duration_since(now));
        let patience = [room.patience(now), opens, refused.patience(now)].into_iter().flatten().min();
        let mut timeout = patience.map(whole_microseconds);
        match select(None, &mut readers, &mut writers, None, &mut timeout) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(failed(errno.into())),
        }
        if readers.contains(service.stop.as_fd()) {
            return Ok(());
        }
        let knocks = open && readers.contains(listener.as_fd());
        let ready: Vec<usize> = room
            .clients()
            .filter(|(_, client)| readers.contains(client.stream.as_fd()) || writers.contains(client.stream.as_fd()))
            .map(|(place, _)| place)
            .collect();

        let now = Instant::now();
        for place in ready {
            room.attend(place, now)?;
        }
        while knocks && closed_until.is_none() && !room.is_full() {
            match house.accept(listener) {
                Accepted::Client(stream, _) if usize::try_from(stream.as_raw_fd()).is_ok_and(|fd| fd >= FD_SETSIZE) => {
                    refused.count += 1;
                }
                Accepted::Client(stream, peer) => _ = room.admit(stream, peer, now)?,
                Accepted::Nobody => break,
                Accepted::NoRoom => closed_until = Some(now + PAUSE),
            }
        }
    }
}

fn whole_microseconds(patience: Duration) -> TimeVal {
    // One more than is left: select(2) must not come back early and often.
    TimeVal::microseconds(i64::try_from(patience.as_micros()).unwrap_or(i64::MAX).saturating_add(1))
}

/// Clients that were closed because select(2) could not watch them; told at most once a second.
#[derive(Default)]
struct Refused {
    count: u64,
    told: u64,
    last: Option<Instant>,
}

impl Refused {
    const EVERY: Duration = Duration::from_secs(1);

    fn tell(&mut self, transcript: &Transcript, now: Instant) {
        if self.count == self.told || self.patience(now).is_some_and(|wait| !wait.is_zero()) {
            return;
        }
        let clients = if self.count == 1 { "client" } else { "clients" };
        transcript.note(&format!(
            "{} {clients} refused: select(2) watches descriptors below {FD_SETSIZE} only (FD_SETSIZE), and all are taken",
            self.count
        ));
        self.told = self.count;
        self.last = Some(now);
    }

    fn patience(&self, now: Instant) -> Option<Duration> {
        let last = self.last.filter(|_| self.count > self.told)?;
        Some((last + Self::EVERY).saturating_duration_since(now))
    }
}
