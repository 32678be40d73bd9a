//! A peer: hears on one socket, sends what is typed from another, or from the same.

use std::net::SocketAddr;
use std::time::Duration;

use super::codec::{BUFFER, objection};
use crate::exercise::datagrams::Datagrams;
use crate::exercise::typing::{Happened, Typing};
use crate::exercise::{Answers, Error, Transcript, text_of};

/// A peer and its other one.
pub struct Peer<'a> {
    pub hears: Datagrams<'a>,
    /// `None`: it speaks from the socket that hears.
    pub speaks: Option<Datagrams<'a>>,
    pub other: SocketAddr,
}

/// When a peer ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Never.
    OnInterrupt,
    /// After its last line, and so long a silence.
    AfterInput(Duration),
}

impl Peer<'_> {
    /// Prints what comes and sends what is typed; how many datagrams came.
    pub fn converse(&self, mut answers: Answers, ends: Ends, transcript: &Transcript) -> Result<u64, Error> {
        let mut typing = Typing::new(&mut answers, transcript)?;
        let person = typing.can_ask_again();
        let mut heard = 0;
        let mut patience = None;
        typing.ask("")?;
        loop {
            match typing.wait(Some(&self.hears), patience)? {
                Happened::Line(line) => {
                    match objection(&line) {
                        Some(why) => typing.note(why),
                        None => self.speaks.as_ref().unwrap_or(&self.hears).send_to(&line, self.other)?,
                    }
                    typing.ask("")?;
                }
                Happened::Readable => {
                    if let Some(datagram) = self.hears.receive(BUFFER, Some(Duration::ZERO))? {
                        heard += 1;
                        typing.heard("", &text_of(&datagram.bytes))?;
                        if let Some(cut) = datagram.cut() {
                            typing.heard(&cut, "")?;
                        }
                    }
                }
                Happened::End => match ends {
                    Ends::OnInterrupt => {}
                    Ends::AfterInput(_) if person => return Ok(heard),
                    Ends::AfterInput(quiet) => patience = Some(quiet),
                },
                Happened::Quiet | Happened::Interrupted => return Ok(heard),
            }
        }
    }
}
