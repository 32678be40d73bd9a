//! The client of `udp-messages`.

use super::codec::TEXT;
use crate::exercise::datagrams::send_one;
use crate::exercise::{Error, Transcript, Visit};

/// Sends one datagram.
pub fn run(visit: &mut Visit, _transcript: &Transcript) -> Result<(), Error> {
    send_one(visit, TEXT)
}
