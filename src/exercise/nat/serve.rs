//! The end of `nat` with an address of its own: says who speaks to it, tells them, and speaks to them when asked.

use std::net::SocketAddr;
use std::time::Duration;

use super::codec::{BEAT, BUFFER, To, answer, typed};
use crate::exercise::datagrams::{Datagram, Datagrams};
use crate::exercise::service::announce;
use crate::exercise::typing::{Happened, Typing};
use crate::exercise::{Answers, Error, Service, Transcript, text_of};
use crate::quantity;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// With --once: end after the last line typed and so long a silence
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = quantity::duration)]
    linger: Duration,
}

/// Hears, answers, and sends what is typed, until it is stopped; how many peers there were.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let Options { linger } = service.options()?;
    let socket = Datagrams::bind(service)?;
    announce("nat", socket.address()?, service, transcript);
    let mut answers = Answers::Input;
    let mut typing = Typing::new(&mut answers, transcript)?;
    let mut peers = Peers { known: Vec::new(), most: service.max_clients };
    let mut patience = None;
    typing.ask("")?;
    loop {
        match typing.wait(Some(&socket), patience)? {
            Happened::Line(line) => {
                match typed(&String::from_utf8_lossy(&line)).and_then(|(to, text)| Ok((peers.endpoint(&to)?, text))) {
                    Ok((to, text)) => socket.send_to(text.as_bytes(), to)?,
                    Err(why) => typing.note(&why),
                }
                typing.ask("")?;
            }
            Happened::Readable => {
                if let Some(datagram) = socket.receive(BUFFER, Some(Duration::ZERO))? {
                    peers.hear(&datagram, &socket, &mut typing)?;
                }
            }
            Happened::End if service.once => patience = Some(linger),
            Happened::End => {}
            Happened::Quiet | Happened::Interrupted => return Ok(peers.known.len() as u64),
        }
    }
}

/// Who has spoken, in the order in which they did so first.
struct Peers {
    known: Vec<SocketAddr>,
    most: usize,
}

impl Peers {
    fn hear(&mut self, datagram: &Datagram, socket: &Datagrams<'_>, typing: &mut Typing<'_>) -> Result<(), Error> {
        let from = datagram.sender();
        if datagram.bytes == BEAT {
            return Ok(());
        }
        let known = self.known.iter().position(|one| *one == from);
        if known.is_none() && self.known.len() < self.most {
            self.known.push(from);
        }
        let words = match known.or_else(|| self.known.iter().position(|one| *one == from)) {
            Some(place) => format!("[{}] {from}: ", place + 1),
            None => format!("{from}: "),
        };
        typing.heard(&words, &text_of(&datagram.bytes))?;
        socket.send_to(answer(from).as_bytes(), datagram.from)
    }

    fn endpoint(&self, to: &To) -> Result<SocketAddr, String> {
        match to {
            To::Endpoint(endpoint) => Ok(*endpoint),
            To::Peer(number) => {
                let known = number.checked_sub(1).and_then(|place| self.known.get(place));
                known.copied().ok_or_else(|| format!("there is no [{number}]: {} have spoken", self.known.len()))
            }
        }
    }
}
