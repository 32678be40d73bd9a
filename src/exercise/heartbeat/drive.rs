//! A heartbeat on a socket: the machine gets the time and what came, and the socket what is to be sent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::codec::{BUFFER, line};
use crate::engine::heartbeat::{Event, Heartbeat, Peers};
use crate::exercise::datagrams::Datagrams;
use crate::exercise::{Error, Transcript};

/// When to end without being asked to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Until {
    /// So many heartbeats have been sent, and the last one was answered or the next would be due.
    pub count: Option<u64>,
    /// The other end is lost.
    pub lost: bool,
}

/// Lets the ends speak until asked to stop, or until what `until` says.
pub fn drive(
    socket: &Datagrams<'_>,
    peers: &mut Peers,
    start: Instant,
    until: Until,
    transcript: &Transcript,
) -> Result<(), Error> {
    loop {
        let now = start.elapsed();
        peers.handle_time(now);
        if let Some(over) = tell(peers, until, transcript)? {
            return over;
        }
        if until.count.is_some_and(|count| peers.ends().iter().any(|end| is_through(end, count, now))) {
            peers.give_up();
            return tell(peers, until, transcript)?.unwrap_or(Ok(()));
        }
        while let Some(transmit) = peers.transmit(now) {
            send(socket, &transmit.bytes, transmit.to, transcript)?;
        }
        if let Some(over) = tell(peers, until, transcript)? {
            return over;
        }
        let patience = peers.wait().map(|wait| wait.saturating_sub(start.elapsed()));
        match socket.receive(BUFFER, patience) {
            Ok(Some(datagram)) => peers.handle(start.elapsed(), datagram.from, &datagram.bytes),
            Ok(None) => {}
            Err(Error::Stopped) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Whether an end has sent its last heartbeat and has its answer, or no hope of one.
fn is_through(end: &Heartbeat, count: u64, now: Duration) -> bool {
    let tally = end.tally();
    tally.sent >= count && (end.is_answered() || end.is_due(now))
}

/// A network that is gone for a while is what heartbeats are for: it ends nothing.
fn send(socket: &Datagrams<'_>, bytes: &[u8], to: SocketAddr, transcript: &Transcript) -> Result<(), Error> {
    match socket.send_to(bytes, to) {
        Ok(()) => Ok(()),
        Err(Error::Output(error)) => Err(Error::Output(error)),
        Err(error) => {
            transcript.about(to, &error.to_string());
            Ok(())
        }
    }
}

/// As exact as it is told.
fn tenths(silence: Duration) -> Duration {
    Duration::from_millis(u64::try_from(silence.as_millis() / 100 * 100).unwrap_or(u64::MAX))
}

/// Prints what happened; `Some` where that is the end.
fn tell(peers: &mut Peers, until: Until, transcript: &Transcript) -> Result<Option<Result<(), Error>>, Error> {
    while let Some(event) = peers.event() {
        if let Some(line) = line(&event) {
            transcript.line(&line)?;
        }
        if let Event::Lost { peer, silence } = event
            && until.lost
        {
            return Ok(Some(Err(Error::Silent { peer, after: tenths(silence) })));
        }
    }
    Ok(None)
}
