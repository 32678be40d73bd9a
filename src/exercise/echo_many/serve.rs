//! The server of `echo-many`.

use std::net::SocketAddr;

use crate::exercise::many::{Protocol, Turn, Wrong, serve};
use crate::exercise::text::address_tuple;
use crate::exercise::{Error, Service, Transcript};

/// Gives every client back what it sends, until it closes; how many did.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    serve("echo-many", Echo, service, transcript)
}

/// What one receive returns is sent back, whatever it is: no message, so nothing to remember.
struct Echo;

impl Protocol for Echo {
    type Session = ();
    const PIECE: usize = 1024;

    fn open(&self, peer: SocketAddr, transcript: &Transcript) -> Result<(), Error> {
        transcript.line(&format!("Connected by {}", address_tuple(peer)))
    }

    fn heard(&self, (): &mut (), bytes: &[u8], out: &mut Vec<u8>) -> Result<Turn, Wrong> {
        out.extend_from_slice(bytes);
        Ok(Turn::Answered)
    }

    fn quiet(&self, (): &mut (), _out: &mut Vec<u8>) -> Result<Turn, Wrong> {
        Ok(Turn::Answered)
    }

    fn ended(&self, (): &mut (), _out: &mut Vec<u8>) -> Result<(), Wrong> {
        Ok(())
    }
}
