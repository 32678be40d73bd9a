//! The server of `upper-udp`.

use super::codec::{MOST, answer};
use crate::exercise::datagrams::serve_datagrams;
use crate::exercise::{Error, Service, Transcript};

/// Answers datagram after datagram; how many senders there were.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    serve_datagrams("upper-udp", service, transcript, MOST, |socket, datagram| {
        let (peer, cut) = (datagram.sender(), datagram.cut());
        if let Some(cut) = &cut {
            transcript.about(peer, &format!("{cut} from {peer}"));
        }
        // Whoever sent it may have gone, or never been there: any address can stand in a datagram.
        match socket.send_to(&answer(&datagram.bytes, cut.is_some()), datagram.from) {
            Ok(()) => transcript.log("served", Some(peer), ""),
            Err(error) => transcript.about(peer, &error.to_string()),
        }
        Ok(())
    })
}
