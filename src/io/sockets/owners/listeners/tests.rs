//! Who is said to have taken what, by lists and notices that were made up.

use super::super::lookout::Ended;
use super::*;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn listener(local: &str, cookie: u64, since: i64) -> Taker {
    Taker {
        transport: Transport::Tcp,
        local: address(local),
        remote: None,
        six_only: false,
        interface: 0,
        inode: cookie as u32,
        cookie,
        since: Timestamp(since),
    }
}

fn datagrams(local: &str, remote: Option<&str>, cookie: u64, since: i64) -> Taker {
    Taker { transport: Transport::Udp, remote: remote.map(address), ..listener(local, cookie, since) }
}

fn ended(transport: Transport, local: &str, remote: &str, at: i64) -> Ended {
    Ended { transport, local: address(local), remote: address(remote), at: Timestamp(at) }
}

fn look(begun: i64, takers: &[Taker], ended: &[Ended]) -> Look {
    let (connections, of_ports) = ended.iter().copied().partition(Ended::is_connection);
    Look {
        begun: Timestamp(begun),
        listed: Timestamp(begun),
        takers: takers.to_vec(),
        ended: of_ports,
        ended_connections: connections,
        untold: Timestamp(i64::MIN),
        untold_connections: Timestamp(i64::MIN),
        ..Look::default()
    }
}

fn after(looks: &[Look]) -> Listeners {
    let mut listeners = Listeners::new();
    looks.iter().cloned().for_each(|look| listeners.update(look));
    listeners
}

/// Inodes of those that may have taken a connection, and whether they were there.
fn taken(listeners: &Listeners, local: &str, begun: i64) -> Option<(Vec<u32>, bool)> {
    let found = listeners.of_connection(address(local), Some(1), Timestamp(begun))?;
    Some((found.inodes, found.sure))
}

const PORT: &str = "127.0.0.1:80";

#[test]
fn a_listener_that_was_there_before_and_after_took_it() {
    let listeners = after(&[look(100, &[listener(PORT, 1, 50)], &[])]);
    assert_eq!(taken(&listeners, PORT, 90), Some((vec![1], true)));
    assert_eq!(taken(&listeners, PORT, 40), Some((vec![1], false)), "it may have come later");
    assert_eq!(taken(&listeners, "127.0.0.2:80", 90), None);
}

#[test]
fn where_a_listener_ended_since_nobody_can_say() {
    let first = look(100, &[listener(PORT, 1, 50)], &[]);
    let notice = ended(Transport::Tcp, PORT, "0.0.0.0:0", 150);
    // Another took over the port, with and without a notice of the end of the first.
    for notices in [&[notice][..], &[]] {
        let listeners = after(&[first.clone(), look(200, &[listener(PORT, 2, 210)], notices)]);
        assert_eq!(taken(&listeners, PORT, 90), None);
        assert_eq!(taken(&listeners, PORT, 149), None);
    }
    // One came and went between two looks, beside the one that stayed.
    let both = after(&[first.clone(), look(200, &[listener(PORT, 1, 50)], &[notice])]);
    assert_eq!(taken(&both, PORT, 120), None);
    assert_eq!(taken(&both, PORT, 160), Some((vec![1], true)), "what came later is the other's");
    // The end of a connection that it accepted is no end of the listener.
    let accepted = ended(Transport::Tcp, PORT, "127.0.0.1:40000", 150);
    let listeners = after(&[first, look(200, &[listener(PORT, 1, 50)], &[accepted])]);
    assert_eq!(taken(&listeners, PORT, 120), Some((vec![1], true)));
}

#[test]
fn what_was_not_told_makes_everything_before_doubtful() {
    let untold =
        Look { untold: Timestamp(150), untold_connections: Timestamp(150), ..look(200, &[listener(PORT, 1, 50)], &[]) };
    let listeners = after(&[untold]);
    assert_eq!(taken(&listeners, PORT, 150), None);
    assert_eq!(taken(&listeners, PORT, 151), Some((vec![1], true)));
    assert!(listeners.may_have_ended(address(PORT), address("127.0.0.1:9"), Timestamp(150)));
}

#[test]
fn the_kernel_prefers_a_specific_address_and_the_packets_own_family() {
    let all = [
        listener("0.0.0.0:80", 1, 0),
        listener("[::]:80", 2, 0),
        listener("10.0.0.1:80", 3, 0),
        listener("[fd00::1]:80", 4, 0),
    ];
    let listeners = after(&[look(100, &all, &[])]);
    assert_eq!(taken(&listeners, "10.0.0.1:80", 50), Some((vec![3], true)));
    assert_eq!(taken(&listeners, "10.0.0.2:80", 50), Some((vec![1], true)));
    assert_eq!(taken(&listeners, "[fd00::1]:80", 50), Some((vec![4], true)));
    assert_eq!(taken(&listeners, "[fd00::2]:80", 50), Some((vec![2], true)));
    let dual = after(&[look(100, &all[1..2], &[])]);
    assert_eq!(taken(&dual, "10.0.0.2:80", 50), Some((vec![2], true)));
    let six_only = Taker { six_only: true, ..all[1] };
    assert_eq!(taken(&after(&[look(100, &[six_only], &[])]), "10.0.0.2:80", 50), None);
}

#[test]
fn of_several_that_share_a_port_all_may_have_taken_it() {
    let listeners = after(&[look(100, &[listener(PORT, 1, 0), listener(PORT, 2, 60)], &[])]);
    assert_eq!(taken(&listeners, PORT, 50), Some((vec![1, 2], false)));
}

#[test]
fn one_bound_to_an_interface_takes_what_comes_there() {
    let bound = Taker { interface: 7, ..listener("0.0.0.0:80", 1, 0) };
    let listeners = after(&[look(100, &[bound, listener("0.0.0.0:80", 2, 0)], &[])]);
    let on = |interface| {
        let mut inodes = listeners.of_connection(address(PORT), interface, Timestamp(50)).unwrap().inodes;
        inodes.sort_unstable();
        inodes
    };
    assert_eq!((on(Some(7)), on(Some(1)), on(None)), (vec![1], vec![2], vec![1, 2]));
}

#[test]
fn a_socket_that_ended_between_the_same_ends_makes_its_successor_doubtful() {
    let (here, there) = (address("127.0.0.1:40000"), address(PORT));
    let doubtful = |remote: &str, local: &str, since: i64| {
        let notice = ended(Transport::Tcp, local, remote, 150);
        after(&[look(200, &[], &[notice])]).may_have_ended(here, there, Timestamp(since))
    };
    assert!(doubtful("127.0.0.1:80", "127.0.0.1:40000", 140));
    assert!(!doubtful("127.0.0.1:80", "127.0.0.1:40000", 151), "it ended before this one began");
    assert!(!doubtful("127.0.0.1:80", "127.0.0.1:40001", 140), "another one");
    // A reset takes the remote port away, and the local address where nobody had chosen it.
    assert!(doubtful("127.0.0.1:0", "127.0.0.1:40000", 140) && doubtful("127.0.0.1:0", "0.0.0.0:40000", 140));
}

#[test]
fn a_datagram_is_of_the_connected_socket_else_of_who_has_the_port() {
    let open = datagrams("0.0.0.0:53", None, 1, 0);
    let connected = datagrams("127.0.0.1:53", Some("127.0.0.1:9999"), 2, 0);
    let listeners = after(&[look(100, &[open, connected], &[])]);
    let of = |remote: &str, sends| {
        listeners.of_datagram(address("127.0.0.1:53"), address(remote), sends, Some(1), Timestamp(50))
    };
    assert_eq!(of("127.0.0.1:9999", false), Some((vec![2], Certainty::Exact)));
    assert_eq!(of("127.0.0.1:8888", false), Some((vec![1], Certainty::ByListener)));
    assert_eq!(of("127.0.0.1:8888", true), Some((vec![1, 2], Certainty::ByListener)), "either may send there");
}

#[test]
fn a_datagram_that_came_before_its_receiver_was_seen_is_nobodys() {
    let listeners = after(&[look(100, &[datagrams("0.0.0.0:53", None, 1, 80)], &[])]);
    let of = |sends, time| {
        let (local, remote) = (address("127.0.0.1:53"), address("127.0.0.1:9"));
        listeners.of_datagram(local, remote, sends, Some(1), Timestamp(time)).map(|(inodes, _)| inodes)
    };
    assert_eq!((of(false, 70), of(false, 90)), (None, Some(vec![1])));
    assert_eq!(of(true, 70), Some(vec![1]), "who sends is there");
}
