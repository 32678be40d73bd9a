//! The router between a host inside and a server outside, frame by frame.

use std::net::SocketAddrV4;

use proptest::prelude::*;

use super::*;

const INSIDE: usize = 0;
const OUTSIDE: usize = 1;
const HOST: Hardware = [2, 0, 0, 0, 9, 1];
const SERVER: Hardware = [2, 0, 0, 0, 9, 2];
const NOW: Duration = Duration::from_secs(1);

fn port(interface: &str, number: u8, network: &str) -> Port {
    let networks = vec![Network::parse(network).unwrap()];
    Port { interface: interface.into(), hardware: [2, 0, 0, 0, 1, number], networks }
}

fn router() -> Router {
    Router::new(Setup {
        ports: vec![port("lan", 1, "192.168.1.1/24"), port("wan", 2, "203.0.113.1/24")],
        outside: OUTSIDE,
        gateway: Some(Ipv4Addr::new(203, 0, 113, 254)),
        behaviour: Behaviour::default(),
        seed: 1,
    })
}

/// A UDP datagram with the right checksums in a frame.
fn datagram(from: Hardware, to: Hardware, source: &str, destination: &str, ttl: u8) -> Vec<u8> {
    let (source, destination): (SocketAddrV4, SocketAddrV4) = (source.parse().unwrap(), destination.parse().unwrap());
    let mut packet = vec![0x45, 0, 0, 32, 0, 7, 0, 0, ttl, 17, 0, 0];
    packet.extend(source.ip().octets());
    packet.extend(destination.ip().octets());
    let sum = checksum(&packet);
    packet.splice(10..12, sum);
    packet.extend(source.port().to_be_bytes());
    packet.extend(destination.port().to_be_bytes());
    // No checksum over UDP.
    packet.extend([0, 12, 0, 0, b'h', b'e', b'y', b'!']);
    [&to[..], &from, &ETHERTYPE_IPV4, &packet].concat()
}

fn address(frame: &[u8], at: usize) -> Ipv4Addr {
    Ipv4Addr::from(*frame[ETHERNET + at..].first_chunk::<4>().unwrap())
}

/// A router that knows both neighbours.
fn acquainted() -> Router {
    let mut router = router();
    let (lan, wan) = (router.setup.ports[INSIDE].hardware, router.setup.ports[OUTSIDE].hardware);
    router.take(NOW, INSIDE, &arp(HOST, BROADCAST, 1, [192, 168, 1, 10].into(), [0; 6], [192, 168, 1, 1].into()));
    router.take(NOW, OUTSIDE, &arp(SERVER, wan, 2, [203, 0, 113, 10].into(), wan, [203, 0, 113, 1].into()));
    assert_ne!(lan, wan);
    router
}

#[test]
fn answers_who_asks_for_its_own_addresses_and_nobody_else() {
    let ask = |port: usize, wanted: [u8; 4]| {
        router().take(NOW, port, &arp(HOST, BROADCAST, 1, [192, 168, 1, 10].into(), [0; 6], wanted.into()))
    };
    let answers = ask(INSIDE, [192, 168, 1, 1]);
    let [(INSIDE, frame)] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!((&frame[..6], &frame[6..12], frame[21]), (&HOST[..], &[2, 0, 0, 0, 1, 1][..], 2));
    assert_eq!(address(frame, 14), Ipv4Addr::new(192, 168, 1, 1));
    assert!(ask(INSIDE, [192, 168, 1, 2]).is_empty());
    assert!(ask(OUTSIDE, [192, 168, 1, 1]).is_empty(), "not from another network");
}

#[test]
fn a_datagram_waits_until_its_neighbour_is_known_and_is_answered() {
    let mut router = router();
    let lan = router.setup.ports[INSIDE].hardware;
    let wan = router.setup.ports[OUTSIDE].hardware;
    let out = router.take(NOW, INSIDE, &datagram(HOST, lan, "192.168.1.10:4000", "203.0.113.10:7", 64));
    let [(OUTSIDE, question)] = out.as_slice() else { panic!("{out:?}") };
    assert_eq!((&question[..6], &question[12..14], question[21]), (&BROADCAST[..], &ETHERTYPE_ARP[..], 1));
    let known = arp(SERVER, wan, 2, [203, 0, 113, 10].into(), wan, [203, 0, 113, 1].into());
    let out = router.take(NOW, OUTSIDE, &known);
    let [(OUTSIDE, sent)] = out.as_slice() else { panic!("{out:?}") };
    assert_eq!((&sent[..6], address(sent, 12)), (&SERVER[..], Ipv4Addr::new(203, 0, 113, 1)));
    // Back in; the host is asked for, too.
    let port = u16::from_be_bytes([sent[ETHERNET + 20], sent[ETHERNET + 21]]);
    let back = datagram(SERVER, wan, "203.0.113.10:7", &format!("203.0.113.1:{port}"), 64);
    let out = router.take(NOW, OUTSIDE, &back);
    assert!(matches!(out.as_slice(), [(INSIDE, question)] if question[12..14] == ETHERTYPE_ARP), "{out:?}");
    let here = arp(HOST, lan, 2, [192, 168, 1, 10].into(), lan, [192, 168, 1, 1].into());
    let out = router.take(NOW, INSIDE, &here);
    let [(INSIDE, arrived)] = out.as_slice() else { panic!("{out:?}") };
    assert_eq!((&arrived[..6], address(arrived, 16)), (&HOST[..], Ipv4Addr::new(192, 168, 1, 10)));
}

#[test]
fn what_is_further_away_goes_to_the_gateway() {
    let mut router = acquainted();
    let lan = router.setup.ports[INSIDE].hardware;
    let out = router.take(NOW, INSIDE, &datagram(HOST, lan, "192.168.1.10:4000", "8.8.8.8:53", 64));
    let [(OUTSIDE, question)] = out.as_slice() else { panic!("{out:?}") };
    assert_eq!(address(question, 24), Ipv4Addr::new(203, 0, 113, 254));
}

#[test]
fn answers_pings_and_says_when_a_packet_is_too_old() {
    let mut router = acquainted();
    let lan = router.setup.ports[INSIDE].hardware;
    let mut echo = vec![8, 0, 0, 0, 0, 1, 0, 1, b'x'];
    let sum = checksum(&echo);
    echo.splice(2..4, sum);
    let ping = icmp([192, 168, 1, 10].into(), [192, 168, 1, 1].into(), &echo);
    let frame = [&lan[..], &HOST, &ETHERTYPE_IPV4, &ping].concat();
    let out = router.take(NOW, INSIDE, &frame);
    let [(INSIDE, pong)] = out.as_slice() else { panic!("{out:?}") };
    assert_eq!((pong[ETHERNET + 20], address(pong, 16)), (0, Ipv4Addr::new(192, 168, 1, 10)));
    assert_eq!(checksum(&pong[ETHERNET + 20..]), [0, 0]);
    let out = router.take(NOW, INSIDE, &datagram(HOST, lan, "192.168.1.10:4000", "203.0.113.10:7", 1));
    let [(INSIDE, error)] = out.as_slice() else { panic!("{out:?}") };
    assert_eq!((error[ETHERNET + 20], address(error, 12)), (11, Ipv4Addr::new(192, 168, 1, 1)));
    assert_eq!((checksum(&error[ETHERNET..ETHERNET + 20]), checksum(&error[ETHERNET + 20..])), ([0, 0], [0, 0]));
}

#[test]
fn what_waits_is_bounded() {
    let mut router = router();
    let lan = router.setup.ports[INSIDE].hardware;
    let mut asked = 0;
    for number in 0..5000_u32 {
        let to = format!("203.0.113.{}:7", 20 + number % 200);
        asked += router.take(NOW, INSIDE, &datagram(HOST, lan, "192.168.1.10:4000", &to, 64)).len();
    }
    let waiting: usize = router.waiting.values().map(|waiting| waiting.packets.len()).sum();
    assert!(waiting <= MOST_WAITING_IN_ALL && asked > 0, "{waiting} wait");
    for number in 0..5000_u32 {
        let sender = Ipv4Addr::from(0xc0a8_0100 + number % 250 + 2);
        router.take(NOW, INSIDE, &arp(HOST, BROADCAST, 1, sender, [0; 6], [192, 168, 1, 1].into()));
    }
    assert!(router.neighbours.len() <= MOST_NEIGHBOURS);
}

proptest! {
    #[test]
    fn no_frame_makes_it_panic(frame in proptest::collection::vec(any::<u8>(), 0..90), port in 0..3_usize, arp in any::<bool>()) {
        let mut router = acquainted();
        let mut frame = frame;
        if frame.len() >= ETHERNET && port < 2 {
            frame[..6].copy_from_slice(&router.setup.ports[port].hardware);
            frame[12..14].copy_from_slice(if arp { &ETHERTYPE_ARP } else { &ETHERTYPE_IPV4 });
        }
        router.take(NOW, port, &frame);
    }
}
