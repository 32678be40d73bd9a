//! Axis by axis, on endpoints.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use super::super::bindings::{Bindings, Config, ICMP_QUERY, Protocol, Step, TCP_ESTABLISHED, TCP_TRANSITORY};
use super::super::*;
use super::{OUTSIDE, S, end, host, server};

fn nat(behaviour: Behaviour) -> Bindings {
    Bindings::new(Config::new(behaviour, OUTSIDE))
}

fn out(nat: &mut Bindings, now: Duration, from: SocketAddrV4, to: SocketAddrV4) -> SocketAddrV4 {
    nat.outbound(now, Protocol::Udp, from, to, Step::Goes).expect("a mapping")
}

fn comes(nat: &mut Bindings, now: Duration, from: SocketAddrV4, to: SocketAddrV4) -> Result<SocketAddrV4, Dropped> {
    nat.inbound(now, Protocol::Udp, from, to, Step::Goes)
}

#[test]
fn maps_by_what_the_mapping_depends_on() {
    for mapping in Dependence::ALL {
        for ports in Ports::ALL {
            let mut nat = nat(Behaviour { mapping, ports, ..Behaviour::default() });
            let inside = host(10, 40_000);
            let [first, port, address] =
                [server(0, 3478), server(0, 3479), server(1, 3478)].map(|to| out(&mut nat, S, inside, to));
            let same = [first == port, first == address];
            let built = match mapping {
                Dependence::EndpointIndependent => [true, true],
                Dependence::AddressDependent => [true, false],
                Dependence::AddressAndPortDependent => [false, false],
            };
            assert_eq!(same, built, "{mapping:?} {ports:?}");
            assert_eq!(first.port() == 40_000, ports == Ports::Preserved);
        }
    }
}

#[test]
fn lets_in_whom_the_filter_knows() {
    for mapping in Dependence::ALL {
        for filtering in Dependence::ALL {
            let mut nat = nat(Behaviour { mapping, filtering, ..Behaviour::default() });
            let inside = host(10, 40_000);
            let outside = out(&mut nat, S, inside, server(0, 3478));
            let passes = [server(0, 3478), server(0, 3479), server(1, 3478)]
                .map(|from| comes(&mut nat, 2 * S, from, outside) == Ok(inside));
            let built = match filtering {
                Dependence::EndpointIndependent => [true, true, true],
                Dependence::AddressDependent => [true, true, false],
                Dependence::AddressAndPortDependent => [true, false, false],
            };
            assert_eq!(passes, built, "{mapping:?} {filtering:?}");
        }
    }
}

#[test]
fn answers_from_where_it_was_asked_whatever_the_mapping() {
    for mapping in Dependence::ALL {
        let filtering = Dependence::EndpointIndependent;
        let mut nat = nat(Behaviour { mapping, filtering, ports: Ports::Random, ..Behaviour::default() });
        let (inside, peer) = (host(10, 40_000), server(1, 9));
        let told = out(&mut nat, S, inside, server(0, 3478));
        // There is a mapping towards the peer already when it comes to the one that it was told.
        out(&mut nat, S, inside, peer);
        assert_eq!(comes(&mut nat, S, peer, told), Ok(inside));
        assert_eq!(out(&mut nat, S, inside, peer), told, "{mapping:?}");
    }
}

#[test]
fn forgets_a_mapping_to_the_nanosecond() {
    let nanosecond = Duration::from_nanos(1);
    for filtering in Dependence::ALL {
        let mut nat = nat(Behaviour { filtering, udp_timeout: 5 * S, ..Behaviour::default() });
        let outside = out(&mut nat, S, host(10, 1), server(0, 3478));
        assert_eq!(nat.awaited(6 * S - nanosecond, Protocol::Udp, server(0, 3478), outside), Ok(host(10, 1)));
        assert_eq!(nat.awaited(6 * S, Protocol::Udp, server(0, 3478), outside), Err(Dropped::NoMapping));
    }
}

#[test]
fn refreshes_by_those_who_may() {
    for refresh in Refresh::ALL {
        for filtering in Dependence::ALL {
            let mut nat = nat(Behaviour { refresh, filtering, udp_timeout: 5 * S, ..Behaviour::default() });
            let outside = out(&mut nat, S, host(10, 1), server(0, 3478));
            assert!(comes(&mut nat, 4 * S, server(0, 3478), outside).is_ok());
            let later = comes(&mut nat, 8 * S, server(0, 3478), outside);
            assert_eq!(later.is_ok(), refresh == Refresh::Any, "{refresh:?} {filtering:?}");
        }
    }
}

#[test]
fn a_mapping_that_another_host_gets_does_not_let_in_whom_the_first_one_knew() {
    let behaviour = Behaviour { filtering: Dependence::AddressDependent, udp_timeout: 5 * S, ..Behaviour::default() };
    let mut nat = nat(behaviour);
    let first = out(&mut nat, S, host(10, 40_000), server(0, 3478));
    let second = out(&mut nat, 7 * S, host(11, 40_000), server(1, 3478));
    assert_eq!(first, second);
    assert_eq!(comes(&mut nat, 7 * S, server(0, 3478), second), Err(Dropped::Filtered));
}

#[test]
fn two_hosts_never_share_an_outside_port_and_parity_is_kept() {
    for ports in Ports::ALL {
        let mut nat = nat(Behaviour { ports, ..Behaviour::default() });
        let mut given: Vec<_> =
            (0..200).map(|at| out(&mut nat, S, host(at, 5004 + u16::from(at % 2)), server(0, 1))).collect();
        if ports == Ports::Parity {
            assert!(given.iter().enumerate().all(|(at, outside)| usize::from(outside.port()) % 2 == at % 2));
            assert!(given.iter().enumerate().all(|(at, outside)| usize::from(outside.port()) != 5004 + at % 2));
        }
        given.sort();
        given.dedup();
        assert_eq!(given.len(), 200);
    }
}

#[test]
fn pools_several_addresses_paired_or_arbitrarily() {
    for pooling in Pooling::ALL {
        let config = Config {
            outside: (1..=4).map(|last| Ipv4Addr::new(203, 0, 113, last)).collect(),
            ..Config::new(Behaviour { pooling, ..Behaviour::default() }, OUTSIDE)
        };
        let mut nat = Bindings::new(config);
        let mut of = |host_number| {
            let given = (0..32).map(|port| *out(&mut nat, S, host(host_number, 40_000 + port), server(0, 1)).ip());
            given.collect::<std::collections::BTreeSet<_>>().len()
        };
        let many: Vec<_> = (10..20).map(&mut of).collect();
        assert!(many.iter().all(|many| if pooling == Pooling::Paired { *many == 1 } else { *many == 4 }), "{many:?}");
    }
}

#[test]
fn sends_a_packet_to_its_own_mapping_round_as_it_is_built() {
    for hairpinning in Hairpinning::ALL {
        let mut nat = nat(Behaviour { hairpinning, ..Behaviour::default() });
        let to = out(&mut nat, S, host(10, 40_000), server(0, 3478));
        let from = out(&mut nat, S, host(11, 40_001), server(0, 3478));
        let ends = nat.hairpin(S, Protocol::Udp, host(11, 40_001), to, Step::Goes);
        let built = match hairpinning {
            Hairpinning::Off => Err(Dropped::HairpinOff),
            Hairpinning::External => Ok((from, host(10, 40_000))),
            Hairpinning::Internal => Ok((host(11, 40_001), host(10, 40_000))),
        };
        assert_eq!(ends, built);
        let nobody = nat.hairpin(S, Protocol::Udp, host(11, 40_001), end(OUTSIDE, 9), Step::Goes);
        assert_eq!(nobody, Err(Dropped::NoMapping));
    }
}

#[test]
fn gives_tcp_and_queries_the_lifetimes_of_their_rfcs() {
    let mut nat = nat(Behaviour::default());
    let (inside, to) = (host(10, 40_000), server(0, 80));
    let outside = nat.outbound(S, Protocol::Tcp, inside, to, Step::Opens).expect("a mapping");
    let ends = |nat: &Bindings| nat.mappings(S).next().expect("a mapping").expires;
    assert_eq!(ends(&nat), S + TCP_TRANSITORY);
    nat.inbound(S, Protocol::Tcp, to, outside, Step::Opens).expect("in");
    assert_eq!(ends(&nat), S + TCP_ESTABLISHED);
    nat.outbound(S, Protocol::Tcp, inside, to, Step::Closes).expect("out");
    assert_eq!(ends(&nat), S + TCP_TRANSITORY);
    nat.outbound(S, Protocol::Tcp, inside, to, Step::Opens).expect("out");
    nat.inbound(S, Protocol::Tcp, to, outside, Step::Goes).expect("in");
    assert_eq!(ends(&nat), S + TCP_ESTABLISHED);

    let query = nat.outbound(S, Protocol::Icmp, host(10, 7), server(0, 0), Step::Opens).expect("a mapping");
    assert!(nat.inside_of(S + ICMP_QUERY - Duration::from_nanos(1), Protocol::Icmp, query).is_some());
    assert!(nat.inside_of(S + ICMP_QUERY, Protocol::Icmp, query).is_none());
}

#[test]
fn refuses_new_mappings_where_the_table_is_full_and_keeps_the_old_ones() {
    let mut nat = Bindings::new(Config { most: 100, ..Config::new(Behaviour::default(), OUTSIDE) });
    let first = out(&mut nat, S, host(10, 2000), server(0, 1));
    for port in 2001..3000 {
        let made = nat.outbound(S, Protocol::Udp, host(10, port), server(0, 1), Step::Goes);
        assert_eq!(made.err(), (port >= 2100).then_some(Dropped::TableFull));
    }
    assert!(comes(&mut nat, S, server(0, 1), first).is_ok());
    // One socket that writes to the world fills the table of those let in, and no more.
    for port in 2..2000 {
        let made = nat.outbound(S, Protocol::Udp, host(10, 2000), server(0, port), Step::Goes);
        assert!(made.is_ok() || made == Err(Dropped::TableFull));
    }
    assert!(nat.outbound(40 * S, Protocol::Udp, host(11, 1), server(0, 1), Step::Goes).is_ok(), "what expired goes");
}

#[test]
fn says_that_no_port_is_free() {
    let config =
        Config { most: 100_000, ..Config::new(Behaviour { ports: Ports::Parity, ..Behaviour::default() }, OUTSIDE) };
    let mut nat = Bindings::new(config);
    let made: Vec<_> = (0..40_000u32)
        .map(|at| {
            nat.outbound(
                S,
                Protocol::Udp,
                host((at / 20_000) as u8, (at % 20_000 * 2) as u16),
                server(0, 1),
                Step::Goes,
            )
        })
        .collect();
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), (65_536 - 1024) / 2);
    assert_eq!(made.last(), Some(&Err(Dropped::PortsExhausted)));
}
