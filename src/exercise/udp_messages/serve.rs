//! The server of `udp-messages`.

use super::codec::{BUFFER, received};
use crate::exercise::datagrams::serve_datagrams;
use crate::exercise::{Error, Service, Transcript};

/// Prints datagram after datagram; how many senders there were.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    serve_datagrams("udp-messages", service, transcript, BUFFER, |_, datagram| {
        transcript.line(&received(&datagram.bytes))?;
        match datagram.cut() {
            Some(cut) => transcript.line(&cut),
            None => Ok(()),
        }
    })
}
