//! The server of `udp-server`.

use super::codec::{BUFFER, received};
use crate::exercise::datagrams::Datagrams;
use crate::exercise::service::announce;
use crate::exercise::{Error, Service, Transcript};

/// Receives one datagram, shows it and what was cut off, and ends.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let socket = Datagrams::bind(service)?;
    announce("udp-server", socket.address()?, service, transcript);
    loop {
        match socket.receive(BUFFER, None) {
            Ok(Some(datagram)) => {
                transcript.log("received", Some(datagram.sender()), "");
                transcript.line(&received(&datagram.bytes, datagram.sender()))?;
                if let Some(cut) = datagram.cut() {
                    transcript.line(&cut)?;
                }
                return Ok(1);
            }
            Ok(None) => {}
            Err(Error::Stopped) => return Ok(0),
            Err(error) => return Err(error),
        }
    }
}
