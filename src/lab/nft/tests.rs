//! The text of the rules: whole for one NAT, and what differs for the others. That they do what they say is tested
//! against the kernel in tests/lab.

use std::time::Duration;

use super::*;

fn sides() -> Sides<'static> {
    Sides {
        outside: "wan",
        external: Ipv4Addr::new(203, 0, 113, 1),
        inside: vec!["lan"],
        networks: vec![Network::parse("192.168.1.1/24").unwrap()],
    }
}

fn text(behaviour: &Behaviour) -> String {
    rules(&sides(), behaviour)
}

fn nat(mapping: Dependence, filtering: Dependence) -> Behaviour {
    let ports = if mapping == Dependence::EndpointIndependent { Ports::Preserved } else { Ports::Random };
    Behaviour { mapping, filtering, ports, ..Behaviour::default() }
}

#[test]
fn an_address_restricted_nat_with_hairpinning_is_these_rules() {
    let behaviour = Behaviour {
        hairpinning: Hairpinning::External,
        udp_timeout: Duration::from_secs(5),
        ..Behaviour::named("address-restricted").unwrap()
    };
    assert_eq!(text(&behaviour), include_str!("address-restricted.nft"));
}

#[test]
fn a_symmetric_nat_needs_no_memory_but_conntrack() {
    let symmetric = text(&Behaviour::named("symmetric").unwrap());
    assert!(symmetric.contains("oifname \"wan\" masquerade fully-random\n"), "{symmetric}");
    assert!(!symmetric.contains('@'), "{symmetric}");
}

#[test]
fn what_is_let_in_follows_the_filtering() {
    let of = |filtering| text(&nat(Dependence::EndpointIndependent, filtering));
    let open = of(Dependence::EndpointIndependent);
    assert!(open.contains("iifname \"wan\" ip daddr 203.0.113.1 meta l4proto udp dnat ip to udp dport map @map_in\n"));
    assert!(!open.contains("allow"), "{open}");
    let by_address = of(Dependence::AddressDependent);
    assert!(by_address.contains("udp dport . ip saddr @allow dnat ip to udp dport map @map_in\n"), "{by_address}");
    let by_port = of(Dependence::AddressAndPortDependent);
    assert!(!by_port.contains("dnat ip"), "conntrack alone lets in whom a packet was sent to: {by_port}");
}

#[test]
fn what_a_mapping_depends_on_is_its_key() {
    let of = |mapping| text(&nat(mapping, Dependence::AddressAndPortDependent));
    assert!(of(Dependence::EndpointIndependent).contains("snat ip to ip saddr . udp sport map @map_m\n"));
    let by_address = of(Dependence::AddressDependent);
    assert!(by_address.contains("snat ip to ip saddr . udp sport . ip daddr map @map_m\n"), "{by_address}");
    assert!(by_address.contains("type ipv4_addr . inet_service . ipv4_addr : ipv4_addr . inet_service"));
    assert!(!of(Dependence::AddressAndPortDependent).contains("map_m"));
}

#[test]
fn nothing_new_from_outside_is_for_the_router() {
    for mapping in Dependence::ALL {
        for filtering in Dependence::ALL {
            assert!(text(&nat(mapping, filtering)).contains("iifname \"wan\" ct state new drop"));
        }
    }
}

#[test]
fn several_insides_are_a_set() {
    let sides = Sides {
        inside: vec!["lan", "dmz"],
        networks: vec![Network::parse("192.168.1.1/24").unwrap(), Network::parse("10.0.0.1/8").unwrap()],
        ..sides()
    };
    let rules = rules(&sides, &Behaviour { hairpinning: Hairpinning::External, ..Behaviour::default() });
    assert!(rules.contains("iifname { \"lan\", \"dmz\" }"), "{rules}");
    assert!(rules.contains("ip saddr { 192.168.1.0/24, 10.0.0.0/8 } ct status dnat"), "{rules}");
}

#[test]
fn says_what_rules_cannot_do() {
    let plain = Behaviour::default();
    assert_eq!(cannot(&plain, 1), None);
    assert!(Behaviour::named("symmetric").is_some_and(|symmetric| cannot(&symmetric, 1).is_none()));
    assert!(cannot(&plain, 2).is_some());
    for asked in [
        Behaviour { ports: Ports::Parity, ..plain },
        Behaviour { pooling: Pooling::Arbitrary, ..plain },
        Behaviour { refresh: Refresh::Outbound, ..plain },
        Behaviour { mapping: Dependence::AddressDependent, ..plain },
        Behaviour { udp_timeout: Duration::from_millis(1500), ..plain },
    ] {
        assert!(cannot(&asked, 1).is_some(), "{asked:?}");
    }
}
