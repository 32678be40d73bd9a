//! The machines under loss, duplicates, late and strange answers, with a clock that the tests hold.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn target(protocol: Protocol) -> Target {
    Target { address: SocketAddr::from(([10, 0, 2, 2], 0)), protocol }
}

fn pace(count: Option<u64>) -> Pace {
    Pace { interval: SECOND, wait: SECOND, count, duration: None }
}

fn there() -> IpAddr {
    target(Protocol::Echo).address.ip()
}

fn reply() -> Answer {
    Answer { what: What::Echo { length: 56, same: true }, from: Some(there()), ttl: Some(63) }
}

fn exceeded(router: u8) -> Answer {
    Answer {
        what: What::Icmp { kind: 11, code: 0, info: 0 },
        from: Some(IpAddr::from([10, 0, router, 254])),
        ttl: None,
    }
}

fn events(course: &mut dyn Course) -> Vec<Event> {
    std::iter::from_fn(|| course.event()).map(|(_, event)| event).collect()
}

fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}

#[test]
fn sends_one_an_interval_and_ends_when_the_last_is_answered() {
    let mut ping = Ping::new(pace(Some(2)), target(Protocol::Echo), SECOND);
    assert_eq!(ping.transmit(SECOND).map(|probe| probe.number), Some(1));
    assert_eq!(ping.transmit(SECOND), None);
    assert_eq!(ping.wait(), Some(SECOND * 2));
    ping.handle(SECOND + milliseconds(5), 1, reply());
    assert_eq!(ping.transmit(SECOND * 2).map(|probe| probe.number), Some(2));
    assert_eq!(ping.wait(), Some(SECOND * 3), "the second one's answer is waited for");
    ping.handle(SECOND * 2 + milliseconds(7), 2, reply());
    assert_eq!(ping.wait(), None);
    assert_eq!(ping.transmit(SECOND * 9), None);
    let found = ping.statistics().round_trips().unwrap();
    assert_eq!((found.least, found.average, found.most, found.deviation), (5000, 6000, 7000, 1000));
    assert_eq!(ping.statistics().loss(), Some(0.0));
}

#[test]
fn tells_silence_once_and_counts_what_comes_late() {
    let mut ping = Ping::new(pace(Some(1)), target(Protocol::Echo), Duration::ZERO);
    ping.transmit(Duration::ZERO);
    ping.handle_time(SECOND);
    ping.handle_time(SECOND * 2);
    let unanswered = Event::Unanswered { number: 1, waited: SECOND };
    assert_eq!(events(&mut ping), [Event::Sent(Probe { number: 1, ttl: None }), unanswered]);
    assert_eq!(ping.statistics().loss(), Some(100.0));
    ping.handle(SECOND * 3, 1, reply());
    ping.handle(SECOND * 4, 1, reply());
    let told = events(&mut ping);
    assert!(
        matches!(
            told.as_slice(),
            [Event::Answered { late: true, again: false, .. }, Event::Answered { late: false, again: true, .. }]
        ),
        "{told:?}"
    );
    let statistics = ping.statistics();
    assert_eq!((statistics.received, statistics.duplicates, statistics.loss()), (1, 1, Some(0.0)));
}

#[test]
fn a_routers_error_is_counted_and_not_an_answer() {
    let mut ping = Ping::new(pace(Some(1)), target(Protocol::Echo), Duration::ZERO);
    ping.transmit(Duration::ZERO);
    ping.handle(milliseconds(3), 1, exceeded(1));
    assert_eq!((ping.statistics().received, ping.statistics().errors), (0, 1));
    assert_eq!(ping.wait(), None, "nothing else is waited for");
}

#[test]
fn nobody_has_the_port_is_an_answer_to_a_datagram_where_the_target_says_so() {
    let port = |from: Option<IpAddr>| Answer { what: What::Icmp { kind: 3, code: 3, info: 0 }, from, ttl: None };
    assert!(port(Some(there())).reached(&target(Protocol::Udp)));
    assert!(!port(Some([10, 0, 1, 254].into())).reached(&target(Protocol::Udp)), "a firewall on the way");
    assert!(!port(Some(there())).reached(&target(Protocol::Echo)));
    assert!(!exceeded(1).reached(&target(Protocol::Udp)));
}

#[test]
fn hops_are_guessed_from_the_usual_beginnings() {
    let from = |ttl| Answer { ttl, ..reply() }.hops();
    assert_eq!(from(Some(64)), Some((0, 64)));
    assert_eq!(from(Some(61)), Some((3, 64)));
    assert_eq!(from(Some(128)), Some((0, 128)));
    assert_eq!(from(Some(250)), Some((5, 255)));
    assert_eq!(from(Some(30)), Some((2, 32)));
    assert_eq!((from(None), from(Some(0))), (None, None));
}

#[test]
fn ends_after_its_duration() {
    let limited = Pace { duration: Some(milliseconds(2500)), ..pace(None) };
    let mut ping = Ping::new(limited, target(Protocol::Echo), Duration::ZERO);
    let (mut now, mut sent) = (Duration::ZERO, 0);
    while let Some(next) = ping.wait() {
        now = next;
        ping.handle_time(now);
        sent += u32::from(ping.transmit(now).is_some());
    }
    assert_eq!((sent, now), (3, milliseconds(2500)));
}

fn plan() -> Plan {
    Plan { first: 1, last: 30, probes: 3, pause: milliseconds(50), wait: SECOND }
}

/// Walks a route whose hops answer as `answer` says; the hops that were told.
fn walk(plan: Plan, protocol: Protocol, answer: impl Fn(Probe) -> Option<Answer>) -> (Vec<Event>, bool) {
    let mut route = Route::new(plan, target(protocol), Duration::ZERO);
    let (mut now, mut told) = (Duration::ZERO, Vec::new());
    while let Some(next) = route.wait() {
        now = now.max(next);
        route.handle_time(now);
        while let Some(probe) = route.transmit(now) {
            if let Some(answer) = answer(probe) {
                route.handle(now + milliseconds(1), probe.number, answer);
            }
        }
        told.extend(events(&mut route));
    }
    told.retain(|event| matches!(event, Event::Hop { .. }));
    (told, route.has_arrived())
}

#[test]
fn walks_from_router_to_router_until_the_target_answers() {
    let (told, arrived) = walk(plan(), Protocol::Echo, |probe| match probe.ttl {
        Some(hop @ 1..=3) => Some(exceeded(hop)),
        _ => Some(reply()),
    });
    assert!(arrived);
    let whole = |event: &Event| match event {
        Event::Hop { ttl, probes } if probes.len() == 3 && probes.iter().all(Option::is_some) => Some(*ttl),
        _ => None,
    };
    let ttls: Vec<u8> = told.iter().filter_map(whole).collect();
    assert_eq!(ttls, [1, 2, 3, 4]);
}

#[test]
fn silence_ends_at_the_last_hop() {
    let (told, arrived) = walk(Plan { last: 5, ..plan() }, Protocol::Udp, |_| None);
    assert!(!arrived);
    assert_eq!(told.len(), 5);
    assert!(told.iter().all(|event| matches!(event, Event::Hop { probes, .. } if probes == &[None; 3])), "{told:?}");
}

#[test]
fn a_router_without_a_route_ends_the_way() {
    let unreachable = Answer { what: What::Icmp { kind: 3, code: 0, info: 0 }, ..exceeded(1) };
    let (told, arrived) = walk(plan(), Protocol::Tcp, |_| Some(unreachable));
    assert_eq!((told.len(), arrived), (1, false));
}

/// What may happen to a machine.
#[derive(Clone, Debug)]
enum Deed {
    Pass(u64),
    Answer(u64, Answer),
    Stop,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let what = prop_oneof![
        Just(What::Open),
        Just(What::Reset),
        (0usize..100, any::<bool>()).prop_map(|(length, same)| What::Echo { length, same }),
        (any::<u8>(), any::<u8>(), any::<u32>()).prop_map(|(kind, code, info)| What::Icmp { kind, code, info }),
        any::<i32>().prop_map(What::Local),
    ];
    let answer = (what, any::<Option<u32>>(), any::<Option<u8>>()).prop_map(|(what, from, ttl)| Answer {
        what,
        from: from.map(|bits| std::net::Ipv4Addr::from(bits).into()),
        ttl,
    });
    let deed = prop_oneof![
        8 => (0u64..3000).prop_map(Deed::Pass),
        8 => (prop_oneof![0u64..40, any::<u64>()], answer).prop_map(|(number, answer)| Deed::Answer(number, answer)),
        1 => Just(Deed::Stop),
    ];
    prop::collection::vec(deed, 0..200)
}

proptest! {
    #[test]
    fn a_ping_counts_what_it_tells_whatever_happens(deeds in deeds(), count in prop::option::of(0u64..50)) {
        let mut ping = Ping::new(pace(count), target(Protocol::Tcp), Duration::ZERO);
        let (mut now, mut told) = (Duration::ZERO, Vec::new());
        for deed in deeds {
            match deed {
                Deed::Pass(time) => {
                    now += milliseconds(time);
                    ping.handle_time(now);
                    let probe = ping.transmit(now);
                    prop_assert!(probe.is_none() || ping.transmit(now).is_none(), "one at a time");
                }
                Deed::Answer(number, answer) => ping.handle(now, number, answer),
                Deed::Stop => ping.stop(now),
            }
            told.extend(events(&mut ping));
        }
        let many = |wanted: fn(&Event) -> bool| told.iter().filter(|event| wanted(event)).count() as u64;
        let statistics = ping.statistics();
        prop_assert_eq!(statistics.transmitted, many(|event| matches!(event, Event::Sent(_))));
        prop_assert_eq!(statistics.received, many(|event| matches!(event, Event::Answered { again: false, .. })));
        prop_assert_eq!(statistics.duplicates, many(|event| matches!(event, Event::Answered { again: true, .. })));
        prop_assert_eq!(statistics.errors, many(|event| matches!(event, Event::Failed { .. })));
        prop_assert!(statistics.received <= statistics.transmitted);
        prop_assert!(count.is_none_or(|count| statistics.transmitted <= count));
        prop_assert!(ping.window.len() <= 1024);
    }

    #[test]
    fn a_route_ends_whatever_answers(answers in prop::collection::vec(prop::option::of(any::<(u8, u8)>()), 1..20), last in 1u8..) {
        let (told, _) = walk(Plan { last, ..plan() }, Protocol::Udp, |probe| {
            let (kind, code) = (*answers.get(probe.number as usize % answers.len())?)?;
            Some(Answer { what: What::Icmp { kind, code, info: 0 }, ..exceeded(1) })
        });
        prop_assert!((1..=usize::from(last)).contains(&told.len()));
    }

    #[test]
    fn a_sequence_number_finds_its_probe(sent in 0u64..200_000, back in 0u64..65_536) {
        struct Counted(u64);
        impl Course for Counted {
            fn transmit(&mut self, _: Duration) -> Option<Probe> { None }
            fn handle(&mut self, _: Duration, _: u64, _: Answer) {}
            fn handle_time(&mut self, _: Duration) {}
            fn event(&mut self) -> Option<(Duration, Event)> { None }
            fn wait(&self) -> Option<Duration> { None }
            fn stop(&mut self, _: Duration) {}
            fn sent(&self) -> u64 { self.0 }
        }
        let number = sent.checked_sub(back).filter(|number| *number > 0);
        prop_assert_eq!(Counted(sent).number_of(sent.wrapping_sub(back) as u16), number);
    }
}
