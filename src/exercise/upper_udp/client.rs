//! The client of `upper-udp`.

use super::codec::{MOST, padded, text};
use crate::exercise::datagrams::Datagrams;
use crate::exercise::{Error, Transcript, Visit, text_of};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Send the whole buffer of 1024 bytes, NULs behind the text, as a Java client does
    #[arg(long)]
    pad: bool,
}

/// Sends a datagram and prints the server's. An end of input before it ends the client without error.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let options: Options = visit.options()?;
    visit.answers.at_most(1, "upper-udp sends one line: put its words in quotes")?;
    let (socket, server) = Datagrams::towards(visit)?;
    // Connected, it hears that nobody has the port, and hears nobody else.
    socket.socket().connect(server).map_err(|source| Error::talking("prepare to send to", server, source))?;

    let Some(line) = visit.answers.ask("Input lowercase sentence: ", transcript)? else { return Ok(()) };
    if line.len() > MOST {
        return Err(Error::Answer(format!("{} bytes: a datagram of upper-udp has at most {MOST}", line.len())));
    }
    let datagram = if options.pad { padded(&line) } else { line };
    socket.send_to(&datagram, server)?;
    let Some(answer) = socket.receive(MOST, Some(visit.timeout))? else {
        return Err(Error::Silent { peer: server, after: visit.timeout });
    };
    if let Some(cut) = answer.cut() {
        transcript.note(&cut);
    }
    transcript.heard("FROM SERVER:", &text_of(text(&answer.bytes)))
}
