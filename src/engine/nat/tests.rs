//! The NAT against RFC 4787: the tables on endpoints, axis by axis, and the translator on packets.

mod bindings;
mod packets;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use super::*;

const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const SERVERS: [Ipv4Addr; 2] = [Ipv4Addr::new(203, 0, 113, 10), Ipv4Addr::new(203, 0, 113, 11)];
const S: Duration = Duration::from_secs(1);

fn end(address: Ipv4Addr, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(address, port)
}

fn host(last: u8, port: u16) -> SocketAddrV4 {
    end(Ipv4Addr::new(192, 168, 1, last), port)
}

fn server(which: usize, port: u16) -> SocketAddrV4 {
    end(SERVERS[which], port)
}

#[test]
fn every_word_is_read_back() {
    assert!(Dependence::ALL.iter().all(|word| Dependence::of_name(word.name()) == Some(*word)));
    assert!(Hairpinning::ALL.iter().all(|word| Hairpinning::of_name(word.name()) == Some(*word)));
    assert!(Ports::ALL.iter().all(|word| Ports::of_name(word.name()) == Some(*word)));
    assert!(Pooling::ALL.iter().all(|word| Pooling::of_name(word.name()) == Some(*word)));
    assert!(Refresh::ALL.iter().all(|word| Refresh::of_name(word.name()) == Some(*word)));
    assert!(NAMED.iter().all(|(name, mapping, filtering)| {
        Behaviour::named(name).is_some_and(|nat| (nat.mapping, nat.filtering) == (*mapping, *filtering))
    }));
}
