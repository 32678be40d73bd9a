//! The server of `upper-udp`.

use super::codec::{MOST, answer};
use crate::exercise::datagrams::Datagrams;
use crate::exercise::service::announce;
use crate::exercise::{Error, Service, Transcript};

/// Answers datagram after datagram; how many.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let socket = Datagrams::bind(service)?;
    announce("upper-udp", socket.address()?, service, transcript);
    let mut answered = 0;
    loop {
        let datagram = match socket.receive(MOST, None) {
            Ok(Some(datagram)) => datagram,
            Ok(None) => continue,
            Err(Error::Stopped) => return Ok(answered),
            Err(error) => return Err(error),
        };
        let (taken, length) = (datagram.bytes.len(), datagram.length);
        if taken < length {
            transcript.about(datagram.from, &format!("truncated: {taken} of {length} bytes from {}", datagram.from));
        }
        match socket.send_to(&answer(&datagram.bytes, taken < length), datagram.from) {
            Ok(()) => {
                answered += 1;
                transcript.log("served", Some(datagram.from), "");
            }
            // Whoever sent it may have gone, or never been there: any address can stand in a datagram.
            Err(error) => transcript.about(datagram.from, &error.to_string()),
        }
        if service.once {
            return Ok(answered);
        }
    }
}
