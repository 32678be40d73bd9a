//! LANs told by hand: elections, timers and filters at the moments that the RFCs name.

use proptest::prelude::*;

use super::message::{Query, Record, RecordKind, Says};
use super::*;

const SECOND: i64 = 1_000_000_000;
const GROUP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(239, 1, 2, 3));

fn at(seconds: i64) -> Timestamp {
    Timestamp(1_700_000_000 * SECOND + seconds * SECOND)
}

fn host(last: u8) -> Host {
    Host { address: [10, 0, 0, last].into(), hardware: None }
}

fn message(seconds: i64, sender: u8, version: u8, says: Says) -> Message {
    let sender = if sender == 0 { Host { address: [0; 4].into(), hardware: None } } else { host(sender) };
    let place = Place::default();
    Message { time: at(seconds), place, sender, hardware: None, family: Family::Igmp, version, says }
}

fn general(version: u8) -> Query {
    let told = version == 3;
    Query {
        group: None,
        sources: Vec::new(),
        suppress: false,
        response: 10 * SECOND,
        robustness: told.then_some(2),
        interval: told.then_some(125 * SECOND),
    }
}

fn query(seconds: i64, sender: u8, version: u8) -> Message {
    message(seconds, sender, version, Says::Query(general(version)))
}

fn query_group(seconds: i64, sender: u8, version: u8, sources: &[u8]) -> Message {
    let sources = sources.iter().map(|last| IpAddr::from([192, 0, 2, *last])).collect();
    message(
        seconds,
        sender,
        version,
        Says::Query(Query { group: Some(GROUP), sources, response: SECOND, ..general(version) }),
    )
}

fn record(kind: RecordKind, sources: &[u8]) -> Record {
    Record { kind, group: GROUP, sources: sources.iter().map(|last| IpAddr::from([192, 0, 2, *last])).collect() }
}

fn report(seconds: i64, sender: u8, version: u8, kind: RecordKind, sources: &[u8]) -> Message {
    message(seconds, sender, version, Says::Report(vec![record(kind, sources)]))
}

fn joins(seconds: i64, sender: u8, version: u8) -> Message {
    report(seconds, sender, version, RecordKind::IsExclude, &[])
}

/// What the messages, and then the time until `end`, bring about, with the second of each.
fn told(messages: &[Message], end: i64) -> Vec<(i64, What)> {
    let (mut lans, mut events) = (Lans::new(), Vec::new());
    for message in messages {
        lans.hear(message, &mut events);
    }
    lans.finish(at(end), &mut events);
    events.into_iter().map(|event| (event.time.since(at(0)) / SECOND, event.what)).collect()
}

fn elected(last: u8, version: u8, before: Option<u8>) -> What {
    let before = before.map(|last| host(last).address);
    What::Elected { querier: host(last).address, version, before }
}

fn joined(last: u8, version: u8, sources: Option<&[u8]>) -> What {
    let excludes = sources.is_none();
    let sources = sources.unwrap_or_default().iter().map(|last| IpAddr::from([192, 0, 2, *last])).collect();
    What::Joined { host: host(last), group: GROUP, wants: Wants { version, excludes, sources } }
}

fn left(last: u8) -> What {
    What::Left { host: host(last), group: GROUP }
}

fn expired(last: u8) -> What {
    What::Expired { host: host(last), group: GROUP }
}

fn asked(seconds: i64) -> What {
    What::Asked { group: GROUP, sources: Vec::new(), within: seconds * SECOND }
}

#[test]
fn the_lowest_address_queries_and_another_takes_over_when_it_falls_silent() {
    let messages = [query(0, 9, 3), query(10, 5, 3), query(20, 9, 3), query(264, 9, 3), query(266, 9, 3)];
    let expected = [
        (0, elected(9, 3, None)),
        (10, elected(5, 3, Some(9))),
        // 2 × 125 s + 10 s / 2 after it was heard.
        (265, What::Gone { querier: host(5).address }),
        (266, elected(9, 3, None)),
    ];
    assert_eq!(told(&messages, 300), expected);
}

#[test]
fn a_switch_that_asks_as_0_0_0_0_is_not_elected_and_keeps_groups_alive() {
    let (mut lans, mut events) = (Lans::new(), Vec::new());
    for message in [query(0, 0, 2), joins(1, 7, 2), query(125, 0, 2), joins(126, 7, 2)] {
        lans.hear(&message, &mut events);
    }
    lans.finish(at(300), &mut events);
    assert_eq!(events.len(), 1, "{events:?}");
    let state = lans.each().next().unwrap().1.of(Family::Igmp);
    assert!(state.election.querier.is_none() && state.election.is_asked_by_proxy(at(300)));
    assert!(!state.election.is_asked_by_proxy(at(400)));
}

#[test]
fn a_query_of_an_older_version_is_told() {
    let version = What::Speaks { querier: host(5).address, version: 2, before: 3 };
    assert_eq!(told(&[query(0, 5, 3), query(60, 5, 2)], 61), [(0, elected(5, 3, None)), (60, version)]);
}

#[test]
fn a_group_is_forgotten_260_seconds_after_the_last_report_where_nobody_asks() {
    assert_eq!(told(&[joins(0, 7, 3), joins(10, 7, 3)], 269), [(0, joined(7, 3, None))]);
    assert_eq!(told(&[joins(0, 7, 3), joins(10, 7, 3)], 270), [(0, joined(7, 3, None)), (270, expired(7))]);
}

#[test]
fn the_querier_sets_the_time_after_which_a_group_is_forgotten() {
    let quick = Query { robustness: Some(3), interval: Some(20 * SECOND), response: 4 * SECOND, ..general(3) };
    let messages = [message(0, 1, 3, Says::Query(quick)), joins(1, 7, 3)];
    let expected = [
        (0, elected(1, 3, None)),
        (1, joined(7, 3, None)),
        (62, What::Gone { querier: host(1).address }),
        (65, expired(7)),
    ];
    assert_eq!(told(&messages, 70), expected);
}

#[test]
fn who_does_not_answer_the_query_after_a_leave_is_forgotten_in_two_seconds() {
    let leave = message(30, 7, 2, Says::Leave(GROUP));
    let both = [query(0, 1, 2), joins(1, 7, 2), joins(2, 8, 2), leave.clone(), query_group(30, 1, 2, &[])];
    let begin =
        [(0, elected(1, 2, None)), (1, joined(7, 2, None)), (2, joined(8, 2, None)), (30, left(7)), (30, asked(2))];
    assert_eq!(told(&both, 60), [&begin[..], &[(32, expired(8))]].concat());
    let answered = [&both[..], &[joins(31, 8, 2)]].concat();
    assert_eq!(told(&answered, 60), begin);
}

#[test]
fn a_query_with_the_suppress_flag_lowers_no_timer() {
    let mut asks = query_group(30, 1, 3, &[]);
    if let Says::Query(query) = &mut asks.says {
        query.suppress = true;
    }
    assert_eq!(told(&[query(0, 1, 3), joins(1, 7, 3), asks], 60), [(0, elected(1, 3, None)), (1, joined(7, 3, None))]);
}

#[test]
fn hosts_of_version_2_live_by_the_reports_of_others_and_those_of_version_3_do_not() {
    let silent = |version| {
        let mut messages = vec![query(0, 1, 2), joins(1, 7, version)];
        messages.extend((1..=4).flat_map(|round| [query(round * 125, 1, 2), joins(round * 125 + 1, 8, 2)]));
        told(&messages, 520).into_iter().any(|(_, what)| what == expired(7))
    };
    assert!(!silent(2));
    assert!(silent(3));
}

#[test]
fn where_a_host_of_version_1_is_a_group_is_not_given_up_at_a_leave() {
    let messages = [query(0, 1, 2), joins(1, 7, 1), query_group(30, 1, 2, &[])];
    assert!(!told(&messages, 60).contains(&(32, expired(7))));
}

#[test]
fn sources_are_joined_changed_blocked_and_forgotten() {
    let messages = [
        query(0, 1, 3),
        report(1, 7, 3, RecordKind::Allow, &[1, 2]),
        report(2, 7, 3, RecordKind::Block, &[1]),
        query_group(2, 1, 3, &[1]),
        query_group(10, 1, 3, &[2]),
        report(20, 8, 3, RecordKind::Block, &[9]),
    ];
    let changed = |sources: &[u8]| match joined(7, 3, Some(sources)) {
        What::Joined { host, group, wants } => What::Changed { host, group, wants },
        other => other,
    };
    let one = |last: u8| What::Asked { group: GROUP, sources: vec![[192, 0, 2, last].into()], within: 2 * SECOND };
    let expected = [
        (0, elected(1, 3, None)),
        (1, joined(7, 3, Some(&[1, 2]))),
        (2, changed(&[2])),
        (2, one(1)),
        (10, one(2)),
        (12, expired(7)),
    ];
    assert_eq!(told(&messages, 30), expected);
}

#[test]
fn leaving_everything_is_told_once() {
    let messages = [
        report(0, 7, 3, RecordKind::ToExclude, &[]),
        report(5, 7, 3, RecordKind::ToInclude, &[]),
        report(6, 7, 3, RecordKind::ToInclude, &[]),
    ];
    assert_eq!(told(&messages, 10), [(0, joined(7, 3, None)), (5, left(7))]);
}

#[test]
fn a_host_that_gets_an_address_stays_the_same_host() {
    let hardware = Some([2, 0, 0, 0, 0, 7]);
    let before = Host { address: [0; 4].into(), hardware };
    let without = Message { sender: before, hardware, ..joins(0, 7, 3) };
    let with = Message { hardware, ..joins(1, 7, 3) };
    let [first, second] = told(&[without, with.clone(), with], 5).try_into().unwrap();
    let wants = Wants { version: 3, excludes: true, sources: Vec::new() };
    assert_eq!(first, (0, What::Joined { host: before, group: GROUP, wants }));
    assert_eq!(second, (1, What::Addressed { before, host: host(7), group: GROUP }));
}

#[test]
fn one_that_joins_again_after_its_time_is_told_to_have_ended_before() {
    // Less than a tenth of a second after the end: nobody has searched since.
    let mut again = joins(260, 7, 3);
    again.time = Timestamp(again.time.0 + 1);
    let mut between = query(260, 0, 3);
    between.time = Timestamp(between.time.0 - 1);
    let expected = [(0, joined(7, 3, None)), (260, expired(7)), (260, joined(7, 3, None))];
    assert_eq!(told(&[joins(0, 7, 3), between, again], 270), expected);
}

#[test]
fn a_hostile_lan_finds_no_room_beyond_the_bounds_and_that_is_told_once() {
    let (mut lans, mut events) = (Lans::new(), Vec::new());
    let mut join = |lans: &mut Lans, group: u32, host: u32| {
        let record = Record { group: (0xef00_0000 + group).to_be_bytes().into(), ..record(RecordKind::IsExclude, &[]) };
        let mut message = message(0, 7, 2, Says::Report(vec![record]));
        message.sender.address = host.to_be_bytes().into();
        lans.hear(&message, &mut events);
    };
    // Many hosts in one group, then many groups of one host.
    for host in 1..=MOST_HOSTS as u32 + 10 {
        join(&mut lans, 0, host);
    }
    assert_eq!((lans.memberships, lans.refused), (MOST_HOSTS, 10));
    for group in 1..=MOST_MEMBERSHIPS as u32 {
        join(&mut lans, group, 1);
    }
    assert_eq!((lans.memberships, lans.refused), (MOST_MEMBERSHIPS, 10 + MOST_HOSTS as u64));
    // Who is known may still report.
    join(&mut lans, 0, 1);
    assert_eq!(lans.refused, 10 + MOST_HOSTS as u64);
    assert_eq!(events.iter().filter(|event| event.what == What::Full).count(), 1);
    for number in 0..MOST_LANS as u32 + 5 {
        let mut message = query(2, 1, 3);
        message.place.interface = number;
        lans.hear(&message, &mut events);
    }
    assert_eq!(lans.each().count(), MOST_LANS);
}

fn any_message() -> impl Strategy<Value = Message> {
    let kinds = [
        RecordKind::IsInclude,
        RecordKind::IsExclude,
        RecordKind::ToInclude,
        RecordKind::ToExclude,
        RecordKind::Allow,
        RecordKind::Block,
    ];
    let record = (0..6usize, 0..3u8, prop::collection::vec(0..5u8, 0..4)).prop_map(move |(kind, group, sources)| {
        Record { group: [239, 0, 0, group].into(), ..record(kinds[kind], &sources) }
    });
    let response = prop_oneof![Just(0), Just(SECOND), Just(i64::MAX)];
    let query = (prop::option::of(0..3u8), prop::collection::vec(0..5u8, 0..3), any::<bool>(), response).prop_map(
        |(group, sources, suppress, response)| {
            let Says::Query(base) = query_group(0, 1, 3, &sources).says else { unreachable!() };
            Says::Query(Query { group: group.map(|last| [239, 0, 0, last].into()), suppress, response, ..base })
        },
    );
    let says = prop_oneof![
        prop::collection::vec(record, 0..3).prop_map(Says::Report),
        query,
        (0..3u8).prop_map(|last| Says::Leave([239, 0, 0, last].into())),
    ];
    // Clocks jump, also back.
    let time = prop_oneof![8 => -5..400i64, 1 => Just(i64::MAX / SECOND - 1_700_000_000), 1 => Just(-1_700_000_000)];
    (time, 0..5u8, 1..4u8, says).prop_map(|(time, sender, version, says)| {
        let mut message = message(time, sender, version, says);
        // One of them has no address at times.
        message.hardware = Some([2, 0, 0, 0, 0, sender.max(1)]);
        message.sender.hardware = message.hardware.filter(|_| sender == 0);
        message
    })
}

proptest! {
    #[test]
    fn the_table_is_right_whatever_is_said(messages in prop::collection::vec(any_message(), 0..60)) {
        let (mut lans, mut events) = (Lans::new(), Vec::new());
        let mut members = std::collections::BTreeSet::new();
        for message in &messages {
            lans.hear(message, &mut events);
            for event in events.drain(..) {
                // Who joins was no member, who leaves or ends was one.
                match event.what {
                    What::Joined { host, group, .. } => prop_assert!(members.insert((host, group))),
                    What::Left { host, group } | What::Expired { host, group } => {
                        prop_assert!(members.remove(&(host, group)));
                    }
                    What::Addressed { before, host, group } => {
                        prop_assert!(members.remove(&(before, group)) && members.insert((host, group)));
                    }
                    What::Changed { host, group, .. } => prop_assert!(members.contains(&(host, group))),
                    _ => {}
                }
            }
            let states = lans.each().flat_map(|(_, lan)| Family::ALL.map(|family| lan.of(family)));
            let all: Vec<_> = states.flat_map(|state| &state.groups).collect();
            prop_assert!(all.iter().all(|(_, hosts)| !hosts.is_empty()));
            let shown: std::collections::BTreeSet<_> =
                all.iter().flat_map(|(group, hosts)| hosts.keys().map(|host| (*host, **group))).collect();
            prop_assert_eq!(&shown, &members);
            prop_assert_eq!(lans.memberships, members.len());
            let sources: usize = all.iter().flat_map(|(_, hosts)| hosts.values()).map(|one| one.filter.count()).sum();
            prop_assert_eq!(lans.sources, sources);
        }
        lans.finish(Timestamp(i64::MAX), &mut events);
        prop_assert!(lans.each().all(|(_, lan)| Family::ALL.iter().all(|family| lan.of(*family).groups.is_empty())));
    }
}
