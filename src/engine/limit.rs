//! So many in a second: of one source, and of all. What a server that anybody can send to gives away.
//!
//! Guarantee: however many sources there are, memory is bounded; where there are more than can be counted, none beyond
//! those is let in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Sources that are counted in one second; where there are more, none is known any better than the others.
pub const MOST_SOURCES: usize = 4096;

/// How many in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of one source: an IPv4 address, or the first 64 bits of an IPv6 one.
    pub source: u32,
    pub all: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { source: 100, all: 10_000 }
    }
}

/// Counts, second after second.
#[derive(Debug)]
pub struct Limiter {
    limits: Limits,
    second: u64,
    sources: HashMap<IpAddr, u32>,
    all: u32,
}

impl Limiter {
    pub fn new(limits: Limits) -> Self {
        Self { limits, second: 0, sources: HashMap::new(), all: 0 }
    }

    /// Sources that are counted now.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// Whether one more of this address is within the limits; it is counted then. Times are since any moment.
    pub fn admits(&mut self, now: Duration, from: IpAddr) -> bool {
        if now.as_secs() != self.second {
            self.second = now.as_secs();
            self.sources.clear();
            self.all = 0;
        }
        let room = self.sources.len() < MOST_SOURCES;
        let source = source(from);
        let count = match self.sources.get_mut(&source) {
            Some(count) => count,
            None if room => self.sources.entry(source).or_default(),
            None => return false,
        };
        if *count >= self.limits.source || self.all >= self.limits.all {
            return false;
        }
        *count += 1;
        self.all += 1;
        true
    }
}

/// What is counted together: a host has a whole /64 to choose from.
pub fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_source_of_ipv6_is_a_network_and_one_of_ipv4_an_address() {
        assert_eq!(source(ip("2001:db8::1")), source(ip("2001:db8::ffff:1")));
        assert_ne!(source(ip("2001:db8::1")), source(ip("2001:db8:0:1::1")));
        assert_ne!(source(ip("192.0.2.1")), source(ip("192.0.2.2")));
        assert_eq!(source(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    }

    #[test]
    fn lets_in_so_many_of_a_source_and_of_all_until_the_next_second() {
        let mut limiter = Limiter::new(Limits { source: 2, all: 3 });
        let mut admits = |milliseconds, text| limiter.admits(Duration::from_millis(milliseconds), ip(text));
        assert!(admits(0, "192.0.2.1") && admits(999, "192.0.2.1") && !admits(999, "192.0.2.1"));
        assert!(admits(999, "192.0.2.2") && !admits(999, "192.0.2.2") && !admits(999, "192.0.2.3"));
        assert!(admits(1000, "192.0.2.1"));
    }
}
