//! One client after another: the simplest server there is, and all wait for the slowest.

use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use nix::poll::PollFlags;

use super::Protocol;
use super::house::{Accepted, House, PAUSE};
use super::talk::{LARGEST_PIECE, Need, Talk};
use crate::exercise::connection::{readable, ready};
use crate::exercise::{Error, Service, Stop};

/// A client with its socket.
type Guest<P> = (TcpStream, Talk<<P as Protocol>::Session>);

pub fn run<P: Protocol>(house: &House<P>, listener: &TcpListener, service: &Service) -> Result<(), Error> {
    while let Some((stream, mut talk)) = next(house, listener, &service.stop)? {
        let ending = attend(house, &stream, &mut talk, &service.stop);
        house.left(talk.peer, ending)?;
        house.protocol.settle(&house.transcript)?;
    }
    Ok(())
}

/// Serves one client, whose trouble is the answer; 0 when stopped before.
pub fn once<P: Protocol>(house: &House<P>, listener: &TcpListener, service: &Service) -> Result<u64, Error> {
    let Some((stream, mut talk)) = next(house, listener, &service.stop)? else { return Ok(0) };
    attend(house, &stream, &mut talk, &service.stop)?;
    house.protocol.settle(&house.transcript)?;
    Ok(1)
}

/// Waits for the next client; `None` when stopped.
pub fn next<P: Protocol>(house: &House<P>, listener: &TcpListener, stop: &Stop) -> Result<Option<Guest<P>>, Error> {
    loop {
        match house.accept(listener) {
            Accepted::Client(stream, peer) => return Ok(Some((stream, house.arrived(peer, Instant::now())?))),
            Accepted::Nobody => match readable(listener, Some(stop), None) {
                Ok(_) => {}
                Err(Error::Stopped) => return Ok(None),
                Err(error) => return Err(error),
            },
            Accepted::NoRoom => {
                if readable(stop, None, Some(PAUSE))? {
                    return Ok(None);
                }
            }
        }
    }
}

/// Talks with one client to the end, waiting for nobody else.
pub fn attend<P: Protocol>(
    house: &House<P>,
    stream: &TcpStream,
    talk: &mut Talk<P::Session>,
    stop: &Stop,
) -> Result<(), Error> {
    let mut piece = [0; LARGEST_PIECE];
    loop {
        let wanted = match talk.go_on(house, stream, Instant::now(), &mut piece)? {
            Need::Readable => PollFlags::POLLIN,
            Need::Writable => PollFlags::POLLOUT,
            Need::Turn => continue,
            Need::Nothing => return Ok(()),
        };
        // What was answered is shown now, not when a slow client has gone.
        house.protocol.settle(&house.transcript)?;
        let patience = talk.deadline().saturating_duration_since(Instant::now());
        if !ready(stream, wanted, Some(stop), Some(patience))? && !talk.overdue(house, Instant::now())? {
            return Ok(());
        }
    }
}
