//! Losses, doubles and delays as they are counted: single cases, the turn of the numbers, and against a list that
//! remembers everything.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;

use super::report::{Said, Silence, State, joining, leaving, objection};
use super::*;

fn heard(numbers: &[u32]) -> (Vec<Order>, Counts) {
    let mut window = Window::new(numbers[0]);
    let orders = numbers[1..].iter().map(|number| window.hear(*number)).collect();
    (orders, window.counts())
}

#[test]
fn what_is_missing_is_lost_until_it_comes_late() {
    let (orders, counts) = heard(&[1, 2, 5]);
    assert_eq!(orders, [Order::Next, Order::Ahead { missing: 2 }]);
    assert_eq!(counts, Counts { expected: 5, received: 3, lost: 2, ..Counts::default() });
    let (orders, counts) = heard(&[1, 2, 5, 4]);
    assert_eq!(orders[2], Order::Late { by: 1 });
    assert_eq!(counts, Counts { expected: 5, received: 4, lost: 1, late: 1, ..Counts::default() });
}

#[test]
fn what_comes_again_is_doubled_and_neither_late_nor_received_anew() {
    let (orders, counts) = heard(&[7, 8, 8, 7, 9]);
    assert_eq!(orders, [Order::Next, Order::Doubled, Order::Doubled, Order::Next]);
    assert_eq!(counts, Counts { expected: 3, received: 3, doubled: 2, ..Counts::default() });
}

#[test]
fn one_that_was_sent_before_the_first_that_was_heard_counts_too() {
    let (orders, counts) = heard(&[10, 7, 7, 10]);
    assert_eq!(orders, [Order::Late { by: 3 }, Order::Doubled, Order::Doubled]);
    assert_eq!(counts, Counts { expected: 4, received: 2, lost: 2, late: 1, doubled: 2, ..Counts::default() });
}

#[test]
fn numbers_go_round() {
    let (orders, counts) = heard(&[u32::MAX - 1, u32::MAX, 1, 0, u32::MAX]);
    assert_eq!(orders, [Order::Next, Order::Ahead { missing: 1 }, Order::Late { by: 1 }, Order::Doubled]);
    assert_eq!(counts, Counts { expected: 4, received: 4, late: 1, doubled: 1, ..Counts::default() });
    // Also backwards, before the first.
    assert_eq!(heard(&[0, u32::MAX]).0, [Order::Late { by: 1 }]);
}

#[test]
fn beyond_the_window_nobody_knows() {
    let far = u32::try_from(WINDOW).unwrap();
    let (orders, counts) = heard(&[1, 1 + far, 2, 1]);
    assert_eq!(orders, [Order::Ahead { missing: far - 1 }, Order::Late { by: far - 1 }, Order::Old]);
    assert_eq!((counts.received, counts.old, counts.lost), (3, 1, WINDOW - 2));
    // The places of numbers that are gone belong to new ones.
    let (orders, _) = heard(&[1, 2, 3, 1 + far, 3 + far, 2 + far]);
    assert_eq!(orders[4], Order::Late { by: 1 });
}

proptest! {
    /// Numbers from all around the turn, steps small and large, held against a set of all that came.
    #[test]
    fn counts_as_one_who_remembers_all(start: u32, steps in prop::collection::vec(-40i64..60, 1..400)) {
        let mut window = Window::new(start);
        let (mut at, mut all, mut doubled, mut late) = (0i64, BTreeSet::from([0i64]), 0, 0);
        for step in steps {
            at += step;
            let highest = *all.last().unwrap();
            if highest - at >= WINDOW as i64 {
                continue;
            }
            let order = window.hear(start.wrapping_add(at as u32));
            let expected = match at - highest {
                _ if all.contains(&at) => { doubled += 1; Order::Doubled }
                1 => Order::Next,
                ahead @ 2.. => Order::Ahead { missing: ahead as u32 - 1 },
                behind => { late += 1; Order::Late { by: -behind as u32 } }
            };
            prop_assert_eq!(order, expected);
            all.insert(at);
        }
        let counts = window.counts();
        let span = (all.last().unwrap() - all.first().unwrap() + 1) as u64;
        prop_assert_eq!(counts.expected, span);
        prop_assert_eq!(counts.received, all.len() as u64);
        prop_assert_eq!(counts.lost, span - all.len() as u64);
        prop_assert_eq!((counts.doubled, counts.late), (doubled, late));
    }

    #[test]
    fn no_numbers_make_it_fail_or_lie(numbers in prop::collection::vec(any::<u32>(), 1..200)) {
        let (orders, counts) = heard(&numbers);
        prop_assert_eq!(counts.received + counts.doubled + counts.old, orders.len() as u64 + 1);
        prop_assert_eq!(counts.expected, counts.received + counts.lost);
    }

    #[test]
    fn a_mark_is_read_as_it_was_written(text: Vec<u8>, run: u32, number: u32) {
        let mark = Mark { run, number };
        let bytes = mark.encode(&text);
        prop_assert!(bytes.starts_with(&text) && bytes.len() <= text.len() + mark::LONGEST);
        prop_assert_eq!(Mark::decode(&bytes), Some((text.as_slice(), mark)));
        let line = [&bytes[..], b"\n"].concat();
        prop_assert_eq!(Mark::decode(&line), Some((text.as_slice(), mark)));
    }

    #[test]
    fn no_bytes_make_reading_fail(bytes: Vec<u8>) {
        if let Some((text, mark)) = Mark::decode(&bytes) {
            prop_assert!(bytes.starts_with(&mark.encode(text)));
        }
    }
}

#[test]
fn what_only_looks_like_a_mark_is_text() {
    let (text, mark) = Mark::decode(b"a [netlab 00000001 2] [netlab 5f3a9c1e 17]").unwrap();
    assert_eq!((text, mark), (b"a [netlab 00000001 2]".as_slice(), Mark { run: 0x5f3a_9c1e, number: 17 }));
    for wrong in [
        "Hey all!",
        "",
        "]",
        "x [netlab 5f3a9c1e 17] ",
        "x [netlab 5F3A9C1E 17]",
        "x [netlab 5f3a9c1e 017]",
        "x [netlab 5f3a9c1e +7]",
        "x [netlab 5f3a9c1e 4294967296]",
        "x [netlab 9c1e 17]",
        "x[netlab 5f3a9c1e 17]",
    ] {
        assert_eq!(Mark::decode(wrong.as_bytes()), None, "{wrong}");
    }
}

fn from(number: u16) -> SocketAddr {
    ([10, 0, 0, 1], number).into()
}

fn to(last: u8) -> SocketAddr {
    ([239, 0, 0, last], 5000).into()
}

fn order(heard: Heard<'_>) -> Option<Order> {
    match heard {
        Heard::Counted { order, .. } => Some(order),
        _ => None,
    }
}

#[test]
fn senders_runs_and_groups_are_counted_apart() {
    let mut receiver = Receiver::default();
    let mut hear = |from, to, run, number| {
        let bytes = Mark { run, number }.encode(b"x");
        order(receiver.hear(Duration::ZERO, from, to, &bytes))
    };
    assert_eq!(hear(from(1), to(1), 7, 1), Some(Order::First));
    assert_eq!(hear(from(2), to(1), 7, 1), Some(Order::First));
    assert_eq!(hear(from(1), to(2), 7, 1), Some(Order::First));
    assert_eq!(hear(from(1), to(1), 8, 1), Some(Order::First));
    assert_eq!(hear(from(1), to(1), 7, 1), Some(Order::Doubled));
    assert_eq!(hear(from(1), to(1), 7, 2), Some(Order::Next));
    assert_eq!(receiver.hear(Duration::ZERO, from(1), to(1), b"Hey all!"), Heard::Plain);
    assert_eq!((receiver.senders().len(), receiver.plain()), (4, 1));
}

#[test]
fn more_senders_than_there_is_room_for_push_nobody_out_who_speaks() {
    let mut receiver = Receiver::default();
    let mut hear = |seconds, port: usize, number| {
        let bytes = Mark { run: 1, number }.encode(b"x");
        order(receiver.hear(Duration::from_secs(seconds), from(port as u16), to(1), &bytes))
    };
    for port in 0..MOST_SENDERS {
        assert_eq!(hear(0, port, 1), Some(Order::First));
    }
    assert_eq!(hear(59, 0, 2), Some(Order::Next));
    assert_eq!(hear(59, MOST_SENDERS, 1), None);
    // Later only the first still speaks: another one makes room.
    assert_eq!(hear(60, MOST_SENDERS, 2), Some(Order::First));
    assert_eq!(hear(61, 0, 3), Some(Order::Next));
    assert_eq!((receiver.senders().len(), receiver.forgotten(), receiver.uncounted()), (MOST_SENDERS, 1, 1));
}

const STATE: State = State { version: 3, others: 0, reporter: true, link_local: true };

fn group(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_join_is_told_to_whom_the_version_says() {
    let said = |text: &str, version| joining(group(text), State { version, ..STATE }, false);
    let message = |version, to: &str| Said::Message { version, to: group(to) };
    assert_eq!(said("239.1.2.3", 1), message(1, "239.1.2.3"));
    assert_eq!(said("239.1.2.3", 2), message(2, "239.1.2.3"));
    assert_eq!(said("239.1.2.3", 3), message(3, "224.0.0.22"));
    assert_eq!(said("ff15::1", 1), message(1, "ff15::1"));
    assert_eq!(said("ff15::1", 2), message(2, "ff02::16"));
    assert_eq!(said("224.0.0.251", 3), message(3, "224.0.0.22"));
}

#[test]
fn a_leave_is_told_where_the_version_has_one_and_this_host_has_to() {
    let said = |text: &str, state| leaving(group(text), state, false);
    let message = |version, to: &str| Said::Message { version, to: group(to) };
    assert_eq!(said("239.1.2.3", STATE), message(3, "224.0.0.22"));
    assert_eq!(said("239.1.2.3", State { version: 2, ..STATE }), message(2, "224.0.0.2"));
    assert_eq!(said("ff15::1", State { version: 1, ..STATE }), message(1, "ff02::2"));
    assert_eq!(said("239.1.2.3", State { version: 1, ..STATE }), Said::Nothing(Silence::Version1));
    let silent = State { version: 2, reporter: false, ..STATE };
    assert_eq!(said("239.1.2.3", silent), Said::Nothing(Silence::NotReporter));
    assert_eq!(said("239.1.2.3", State { reporter: false, ..STATE }), message(3, "224.0.0.22"));
}

#[test]
fn what_nobody_needs_to_know_is_not_said() {
    let said = |text: &str, state| joining(group(text), state, false);
    assert_eq!(said("224.0.0.1", STATE), Said::Nothing(Silence::Everybody));
    assert_eq!(said("ff02::1", STATE), Said::Nothing(Silence::Everybody));
    assert_eq!(said("ff11::5", STATE), Said::Nothing(Silence::HostOnly));
    let off = State { link_local: false, ..STATE };
    assert_eq!(said("224.0.0.251", off), Said::Nothing(Silence::SwitchedOff));
    assert!(matches!(said("239.1.2.3", off), Said::Message { .. }));
    let others = State { others: 2, ..STATE };
    assert_eq!(said("239.1.2.3", others), Said::Nothing(Silence::Others(2)));
    // A source that nobody named before is news.
    assert!(matches!(joining(group("232.1.2.3"), others, true), Said::Message { .. }));
}

#[test]
fn a_host_s_address_is_no_group() {
    for text in ["10.0.0.1", "255.255.255.255", "fe80::1", "::"] {
        assert!(objection(group(text)).is_some(), "{text}");
    }
    for text in ["224.0.0.1", "239.255.255.255", "ff02::1"] {
        assert_eq!(objection(group(text)), None, "{text}");
    }
}
