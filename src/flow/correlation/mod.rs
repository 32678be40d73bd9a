//! The translation table of a NAT, found out from what was captured on both its sides (RFC 4787, RFC 5382, RFC 5508).
//!
//! A packet is the same on both sides where the data, the endpoint of the host outside and what else translators leave
//! alone are equal; where several packets are alike, what the sure ones said of their flow decides, then the time.
//! Captures of two machines need not have the same clock: the difference is worked out from both directions.
//!
//! Trap: a NAT that rewrites TCP's sequence numbers or the data (an application gateway) leaves nothing to compare; its
//! packets are reported as seen on one side alone. Bounded: [`REMEMBERED`] packets a side, others are counted.

mod pairing;
mod report;
mod sighting;
#[cfg(test)]
mod tests;

use crate::wire::Packet;

pub use super::Transport;
pub use report::{Binding, Changes, Ended, Hairpin, Refusal, Report, Twin, Why};
pub use sighting::Sighting;

/// The most packets of a side that are held against the other's.
pub const REMEMBERED: usize = 1 << 20;

/// Where a packet was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Inside,
    Outside,
}

/// Which way a packet went through the NAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    Out,
    In,
}

impl Way {
    pub const BOTH: [Self; 2] = [Self::Out, Self::In];
}

/// What was captured on both sides.
#[derive(Debug, Default)]
pub struct Correlation {
    inside: Vec<Sighting>,
    outside: Vec<Sighting>,
    /// Packets without ports of their own, by side: other protocols, later fragments, ICMP errors.
    skipped: [u64; 2],
    /// Packets beyond [`REMEMBERED`].
    forgotten: u64,
}

impl Correlation {
    /// Takes in a packet of one side; the order of the two sides does not matter, that within a side is the capture's.
    pub fn add(&mut self, side: Side, packet: &Packet<'_>) {
        let Some(sighting) = Sighting::of(packet) else {
            let [inside, outside] = &mut self.skipped;
            *(if side == Side::Inside { inside } else { outside }) += 1;
            return;
        };
        let seen = if side == Side::Inside { &mut self.inside } else { &mut self.outside };
        if seen.len() < REMEMBERED {
            seen.push(sighting);
        } else {
            self.forgotten += 1;
        }
    }

    /// What the NAT did.
    pub fn report(mut self) -> Report {
        for seen in [&mut self.inside, &mut self.outside] {
            seen.sort_by_key(|sighting| sighting.time);
        }
        let pairing = pairing::pair(&self.inside, &self.outside);
        report::report(&self, &pairing)
    }
}
