//! How a meeting goes on: late and lost datagrams, relays, lines, rebinding, leave.

use super::*;
use crate::engine::nat::Refresh;

fn named(name: &str) -> Behaviour {
    Behaviour::named(name).unwrap()
}

fn pair(a: &str, b: &str) -> [Side; 2] {
    [behind(&[named(a)], 1), behind(&[named(b)], 2)]
}

#[test]
fn loss_and_delay_change_no_outcome() {
    for seed in 0..30 {
        let link = Link { loss: 0.2, jitter: Duration::from_millis(150), ..Link::default() };
        let mut world = world(link, pair("port-restricted", "port-restricted"), |one, plan| {
            plan.patience = 10 * S;
            plan.seed = 1000 + 2 * seed + one as u64;
        });
        world.run(60 * S);
        for one in [0, 1] {
            assert!(matches!(world.reach(one), Reach::Direct { .. }), "{seed}: {:#?}", world.events);
        }
    }
}

#[test]
fn waits_for_the_other_one_and_tells_where_both_are() {
    let mut world = world(Link::default(), pair("symmetric", "full-cone"), |_, _| {});
    world.late(1, 20 * S);
    world.run(60 * S);
    let Event::Waiting { outside } = world.events[0][0] else { panic!("{:?}", world.events[0]) };
    assert_eq!(outside.ip().to_string(), "203.0.113.101");
    let met = Event::Met {
        outside,
        other_outside: "203.0.113.102:40002".parse().unwrap(),
        other_inside: vec!["192.168.2.10:40002".parse().unwrap()],
    };
    assert_eq!(world.events[0][1], met);
    // The other one has found it by itself, at a port that nobody could have told.
    let report = world.peers[1].report();
    let Reach::Direct { address, origin: Origin::Seen } = report.reach else { panic!("{report:?}") };
    assert_eq!(address.ip(), outside.ip());
    assert_ne!(address, outside);
    let told = why(&report, &Default::default()).join(" ");
    assert!(told.contains("its NAT's mapping depends on the destination"), "{told}");
    let told = why(&world.peers[0].report(), &Default::default()).join(" ");
    assert!(told.contains("your own NAT's mapping depends on the destination"), "{told}");
}

#[test]
fn falls_back_to_the_relay_and_carries_lines() {
    let mut world = world(Link::default(), pair("symmetric", "port-restricted"), |_, plan| plan.once = false);
    world.run(10 * S);
    assert!(!world.peers[0].is_settled(Duration::ZERO) || world.peers[0].is_open());
    let line = "Grüße ".repeat(60);
    assert!(world.peers[0].say(line.as_bytes()) && world.peers[1].say(b""));
    // Longer than a cookie holds.
    world.run(300 * S);
    assert!(world.peers[1].say(b"still there"));
    world.run(301 * S);
    for one in [0, 1] {
        assert_eq!(world.reach(one), Reach::Relay, "{:#?}", world.events[one]);
        assert!(!world.saw(one, |event| matches!(event, Event::Lost { .. })), "{:#?}", world.events[one]);
    }
    let said = |one: usize| -> Vec<&[u8]> {
        let lines = world.events[one].iter().filter_map(|event| match event {
            Event::Said(line) => Some(line.as_slice()),
            _ => None,
        });
        lines.collect()
    };
    assert_eq!(said(1).concat(), line.as_bytes());
    assert!(said(1).iter().all(|piece| str::from_utf8(piece).is_ok()), "pieces are cut between characters");
    assert_eq!(said(0), [&b""[..], b"still there"]);
    let told = why(&world.peers[0].report(), &Default::default()).join(" ");
    assert!(told.contains("Nothing came from any of its addresses"), "{told}");
    let tried = world.peers[0].report().tried;
    assert!(tried.len() == 2 && tried.iter().all(|tried| tried.sent == 10 && tried.heard == 0), "{tried:?}");
}

#[test]
fn gives_up_where_it_may_not_be_relayed() {
    let mut world = world(Link::default(), pair("symmetric", "symmetric"), |_, plan| plan.relay = false);
    world.run(60 * S);
    for one in [0, 1] {
        assert_eq!(world.peers[one].ended(), Some(Ending::NotReached));
        assert_eq!(world.events[one].last(), Some(&Event::NotReached { relays: false }));
        assert_eq!(world.reach(one), Reach::None);
    }
    let own = crate::engine::nat_behaviour::predict::Side {
        mapping: Some(Some(Dependence::AddressAndPortDependent)),
        filtering: Some(Some(Dependence::AddressAndPortDependent)),
        ..Default::default()
    };
    let told = why(&world.peers[0].report(), &own).join(" ");
    assert!(told.contains("Your NAT's mapping is address-and-port-dependent"), "{told}");
}

#[test]
fn says_that_nobody_serves() {
    let mut world = world(Link::default(), pair("full-cone", "full-cone"), |_, _| {});
    world.silent = true;
    world.run(60 * S);
    assert_eq!(world.peers[0].ended(), Some(Ending::Silent));
    assert_eq!(world.now, 6 * S);
    assert!(why(&world.peers[0].report(), &Default::default())[0].contains("the shared words differ"));
}

#[test]
fn follows_a_rebinding_and_says_it() {
    let mut forgets = named("symmetric");
    forgets.udp_timeout = 2 * S;
    forgets.refresh = Refresh::Outbound;
    let mut world = world(Link::default(), [behind(&[forgets], 1), behind(&[], 2)], |one, plan| {
        plan.once = false;
        // What the public one says keeps nothing alive.
        plan.every = if one == 0 { 5 * S } else { 100 * S };
    });
    world.run(40 * S);
    let moved = world.events[1].iter().filter(|event| matches!(event, Event::OtherMoved { .. })).count();
    assert!((5..=8).contains(&moved), "{:#?}", world.events[1]);
    assert!(world.saw(0, |event| matches!(event, Event::Moved { witness: Witness::Other, .. })));
    assert!(world.saw(0, |event| matches!(event, Event::Moved { witness: Witness::Rendezvous, .. })));
    let lost = |one| world.saw(one, |event| matches!(event, Event::Lost { .. }));
    assert!(!lost(0) && !lost(1), "{:#?}", world.events);
}

#[test]
fn beats_below_the_lifetime_keep_the_way_and_too_few_lose_it() {
    for (every, kept) in [(3, true), (60, false)] {
        let mut short = named("port-restricted");
        short.udp_timeout = 5 * S;
        let mut world = world(Link::default(), [behind(&[short], 1), behind(&[short], 2)], |_, plan| {
            plan.once = false;
            plan.every = every * S;
        });
        world.run(59 * S);
        // Filters have forgotten each other after silence; what is said then opens one only, and is lost.
        world.peers[0].say(b"hello");
        world.run(62 * S);
        let heard = world.saw(1, |event| matches!(event, Event::Said(_)));
        assert_eq!(heard, kept, "every {every} s: {:#?}", world.events);
    }
}

#[test]
fn a_way_that_is_lost_is_sought_again() {
    let mut short = named("port-restricted");
    short.udp_timeout = 5 * S;
    let mut world = world(Link::default(), [behind(&[short], 1), behind(&[short], 2)], |_, plan| {
        plan.once = false;
        plan.every = 20 * S;
    });
    world.run(120 * S);
    for one in [0, 1] {
        assert!(matches!(world.reach(one), Reach::Direct { .. }), "{:#?}", world.events[one]);
    }
}

#[test]
fn one_that_is_killed_is_missed_and_one_that_leaves_has_left() {
    let mut killed = world(Link::default(), pair("full-cone", "full-cone"), |_, plan| plan.once = false);
    killed.ends[1] = 20 * S;
    killed.run(100 * S);
    assert!(killed.saw(0, |event| matches!(event, Event::Lost { .. })), "{:#?}", killed.events[0]);

    let mut world = world(Link::default(), pair("full-cone", "full-cone"), |one, plan| plan.once = one == 1);
    world.run(5 * S);
    assert_eq!(world.peers[1].ended(), Some(Ending::Settled));
    world.peers[1].leave();
    world.run(30 * S);
    assert!(world.saw(0, |event| *event == Event::Left), "{:#?}", world.events[0]);
    assert!(matches!(world.reach(0), Reach::Direct { .. }), "it had been reached");
}

#[test]
fn a_new_life_of_the_other_one_is_met_anew() {
    let mut world = world(Link::default(), pair("full-cone", "full-cone"), |_, plan| plan.once = false);
    world.run(5 * S);
    let mut again = plan(99, "192.168.2.10:40002".parse().unwrap());
    again.once = false;
    world.peers[1] = Punch::new(again, world.now);
    world.run(30 * S);
    let met = world.events[0].iter().filter(|event| matches!(event, Event::Met { .. })).count();
    assert_eq!(met, 2, "{:#?}", world.events[0]);
    assert!(matches!(world.reach(0), Reach::Direct { .. }) && matches!(world.reach(1), Reach::Direct { .. }));
}
