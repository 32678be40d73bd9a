//! The clients of a server with one thread that waits for all of them: each in its place, with one clock for all.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::Protocol;
use super::house::House;
use super::talk::{LARGEST_PIECE, Need, Talk};
use crate::exercise::Error;

/// Deadlines are kept to within this: looking at every client's takes time.
const GRAIN: Duration = Duration::from_millis(10);

pub struct Room<'h, P: Protocol> {
    house: &'h House<P>,
    places: Vec<Option<Client<P::Session>>>,
    free: Vec<usize>,
    /// Places of those that have more to say and gave way to the others.
    waiting: Vec<usize>,
    /// No deadline is before this.
    due: Option<Instant>,
    piece: [u8; LARGEST_PIECE],
}

pub struct Client<S> {
    pub stream: TcpStream,
    /// What its socket is to be watched for; never [`Need::Nothing`].
    pub need: Need,
    talk: Talk<S>,
}

impl<'h, P: Protocol> Room<'h, P> {
    pub fn new(house: &'h House<P>) -> Self {
        let piece = [0; LARGEST_PIECE];
        Self { house, places: Vec::new(), free: Vec::new(), waiting: Vec::new(), due: None, piece }
    }

    pub fn is_full(&self) -> bool {
        self.places.len() - self.free.len() >= self.house.max_clients
    }

    /// The clients and their places.
    pub fn clients(&self) -> impl Iterator<Item = (usize, &Client<P::Session>)> {
        self.places.iter().enumerate().filter_map(|(place, client)| Some((place, client.as_ref()?)))
    }

    /// Who is in `place`.
    pub fn client(&self, place: usize) -> Option<&Client<P::Session>> {
        self.places.get(place)?.as_ref()
    }

    /// Gives a client its place.
    pub fn admit(&mut self, stream: TcpStream, peer: SocketAddr, now: Instant) -> Result<usize, Error> {
        let talk = self.house.arrived(peer, now)?;
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        if let Some(client) = self.places.get_mut(place) {
            // Also a client that never says a word has a deadline.
            let deadline = talk.deadline();
            self.due = Some(self.due.map_or(deadline, |due| due.min(deadline)));
            *client = Some(Client { stream, need: Need::Readable, talk });
        }
        Ok(place)
    }

    /// Goes on with the client in `place`; nobody may be there any more. Only what ends the server is an error.
    pub fn attend(&mut self, place: usize, now: Instant) -> Result<(), Error> {
        let Some(client) = self.places.get_mut(place).and_then(Option::as_mut) else { return Ok(()) };
        let ending = match client.talk.go_on(self.house, &client.stream, now, &mut self.piece) {
            Ok(Need::Nothing) => Ok(()),
            Ok(need) => {
                client.need = need;
                if need == Need::Turn {
                    self.waiting.push(place);
                }
                let deadline = client.talk.deadline();
                self.due = Some(self.due.map_or(deadline, |due| due.min(deadline)));
                return Ok(());
            }
            Err(error) => Err(error),
        };
        self.leave(place, ending)
    }

    /// Sends a client away without a word.
    pub fn leave(&mut self, place: usize, ending: Result<(), Error>) -> Result<(), Error> {
        let Some(client) = self.places.get_mut(place).and_then(Option::take) else { return Ok(()) };
        self.free.push(place);
        self.house.left(client.talk.peer, ending)
    }

    /// Those that gave way have their turn, and deadlines that have passed are kept.
    pub fn tend(&mut self, now: Instant) -> Result<(), Error> {
        for place in std::mem::take(&mut self.waiting) {
            self.attend(place, now)?;
        }
        if self.due.is_none_or(|due| now < due) {
            return Ok(());
        }
        let overdue: Vec<usize> =
            self.clients().filter(|(_, client)| now >= client.talk.deadline()).map(|(place, _)| place).collect();
        for place in overdue {
            let Some(client) = self.places.get_mut(place).and_then(Option::as_mut) else { continue };
            match client.talk.overdue(self.house, now) {
                Ok(true) => self.attend(place, now)?,
                Ok(false) => self.leave(place, Ok(()))?,
                Err(error) => self.leave(place, Err(error))?,
            }
        }
        let earliest = self.clients().map(|(_, client)| client.talk.deadline()).min();
        self.due = earliest.map(|due| due.max(now + GRAIN));
        Ok(())
    }

    /// How long to wait for the sockets at most; `None`: as long as it takes.
    pub fn patience(&self, now: Instant) -> Option<Duration> {
        if self.waiting.is_empty() {
            self.due.map(|due| due.saturating_duration_since(now))
        } else {
            Some(Duration::ZERO)
        }
    }
}
