//! The client of `udp-server`.

use super::codec::TEXT;
use crate::exercise::datagrams::send_one;
use crate::exercise::{Error, Transcript, Visit};

/// Sends one datagram. Nothing tells it whether that arrived, only ICMP where nobody has the port.
pub fn run(visit: &mut Visit, _transcript: &Transcript) -> Result<(), Error> {
    send_one(visit, TEXT)
}
