//! The client of `udp-reply`.

use super::codec::{BUFFER, CLIENT};
use crate::exercise::datagrams::Datagrams;
use crate::exercise::{Answers, Error, Transcript, Visit, text_of};

/// Says two texts, and hears an answer to each through the port it sent them from.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let mut given = match &mut visit.answers {
        Answers::Given(given) if given.len() > CLIENT.len() => {
            return Err(Error::Answer("udp-reply says two texts: put the words of each in quotes".to_owned()));
        }
        Answers::Given(given) => std::mem::take(given),
        Answers::Input => Default::default(),
    };
    let (socket, server) = Datagrams::towards(visit)?;
    // Connected, so that ICMP can tell that nobody is there.
    socket.socket().connect(server).map_err(|source| Error::talking("reach", server, source))?;
    for text in CLIENT {
        socket.send_to_peer(&given.pop_front().unwrap_or_else(|| text.to_owned()), server)?;
        let Some(answer) = socket.receive(BUFFER, Some(visit.timeout))? else {
            return Err(Error::Silent { peer: server, after: visit.timeout });
        };
        transcript.heard("", &text_of(&answer.bytes))?;
    }
    Ok(())
}
