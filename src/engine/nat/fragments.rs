//! Fragments at a NAT (RFC 4787 REQ-14): only the first one has ports, so the others go where it went; those that come
//! before it wait for it.
//!
//! Guarantee: so many datagrams and bytes are remembered at most, and each for [`WAIT`].

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::translator::Side;
use super::{Dropped, headers::Headers};

/// RFC 791 §3.2: a datagram is put together within 15 seconds.
pub const WAIT: Duration = Duration::from_secs(15);
const MOST_DATAGRAMS: usize = 1024;
const MOST_HELD: usize = 256;
const MOST_HELD_BYTES: usize = 512 * 1024;

/// The fragments of one datagram have this in common.
pub type Datagram = (Side, Ipv4Addr, Ipv4Addr, u8, u16);

/// What became of a first fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub to: Side,
}

#[derive(Debug, Default)]
pub struct Fragments {
    known: HashMap<Datagram, (Way, Duration)>,
    held: Vec<(Datagram, Duration, Vec<u8>)>,
}

pub fn datagram(from: Side, headers: &Headers) -> Datagram {
    (from, headers.source, headers.destination, headers.protocol, headers.identification)
}

impl Fragments {
    /// Where a later fragment goes.
    pub fn way(&self, now: Duration, datagram: &Datagram) -> Option<Way> {
        self.known.get(datagram).filter(|(_, until)| now < *until).map(|(way, _)| *way)
    }

    /// The first one went there: the others that waited for it.
    pub fn follow(&mut self, now: Duration, datagram: Datagram, way: Way) -> Vec<Vec<u8>> {
        if self.known.len() >= MOST_DATAGRAMS {
            self.known.retain(|_, (_, until)| now < *until);
        }
        // Where there is no room, those that come later wait in vain; those that are here go.
        if self.known.len() < MOST_DATAGRAMS {
            self.known.insert(datagram, (way, now + WAIT));
        }
        let mut released = Vec::new();
        self.held.retain_mut(|(of, until, packet)| {
            let goes = *of == datagram && now < *until;
            if goes {
                released.push(std::mem::take(packet));
            }
            !goes
        });
        released
    }

    /// Keeps a later fragment until the first one comes.
    pub fn hold(&mut self, now: Duration, datagram: Datagram, packet: &[u8]) -> Result<(), Dropped> {
        self.held.retain(|(_, until, _)| now < *until);
        let bytes: usize = self.held.iter().map(|(_, _, held)| held.len()).sum();
        if self.held.len() >= MOST_HELD || bytes + packet.len() > MOST_HELD_BYTES {
            return Err(Dropped::Fragments);
        }
        self.held.push((datagram, now + WAIT, packet.to_vec()));
        Ok(())
    }
}
