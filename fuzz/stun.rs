//! Any bytes as STUN messages, as a server's answers to the machine that measures a NAT, and as packets through a NAT.

use std::net::SocketAddr;
use std::time::Duration;

use netlab::engine::limit::Limits;
use netlab::engine::nat::bindings::Config;
use netlab::engine::nat::{Behaviour, Hairpinning, Side, Translator};
use netlab::engine::nat_behaviour::{Action, Discovery, Input, Plan};
use netlab::engine::stun::{Place, Server, Sockets, Transport};
use netlab::wire::stun::{self, Class, Draft, Message};

/// Steps in which the machine must have come to its end, whatever it is told.
const MOST_STEPS: usize = 20_000;

/// `input` is taken three times: as a message and the attributes of one, as attributes of answers (one byte of length
/// before each), and as packets (two bytes: side and length).
pub fn stun(input: &[u8]) {
    super::prepare();
    message(input);
    let draft = Draft::new(Class::Request, stun::BINDING, *b"netlab-fuzz!");
    let whole =
        [&draft.clone().finish(false)[..2], &(input.len() as u16).to_be_bytes(), &draft.finish(false)[4..], input];
    message(&whole.concat());
    measure(input);
    translate(input);
}

fn end(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn message(bytes: &[u8]) {
    if let Ok(message) = Message::read(bytes) {
        assert!(message.attributes().count() <= bytes.len() / 4);
        let _ = (message.change(), message.response_port(), message.error());
        for kind in [stun::MAPPED_ADDRESS, stun::XOR_MAPPED_ADDRESS, stun::OTHER_ADDRESS] {
            let _ = message.address(kind);
        }
    }
    let addresses = ["203.0.113.10", "203.0.113.11"].map(|text| text.parse().expect("an address"));
    for sockets in [Sockets::One(None), Sockets::Four { addresses, ports: [3478, 3479] }] {
        let mut server = Server::new(sockets, Limits::default());
        for (from, headers) in [(end("192.0.2.7:4000"), 28), (end("[2001:db8::7]:4000"), 48)] {
            for transport in [Transport::Udp, Transport::Tcp] {
                let answer = server.handle(Duration::ZERO, Place::default(), transport, from, bytes);
                let Some(answer) = answer else { continue };
                assert!(Message::read(&answer.bytes).is_ok(), "an answer that nobody can read");
                assert!((answer.bytes.len() + headers) * 2 <= (bytes.len() + headers) * 3, "amplified");
                assert_eq!(answer.to.ip(), from.ip());
            }
        }
    }
}

fn measure(mut input: &[u8]) {
    let plan = Plan {
        server: end("203.0.113.10:3478"),
        server2: None,
        beside: input.len().is_multiple_of(2),
        tcp: true,
        max_lifetime: Duration::from_secs(4),
        seed: 1,
    };
    let mut now = Duration::ZERO;
    let mut machine = Discovery::new(plan, now);
    let mut next = || {
        let (length, rest) = input.split_first()?;
        let (attributes, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        input = rest;
        Some(attributes)
    };
    for _ in 0..MOST_STEPS {
        while let Some(action) = machine.poll(now) {
            let answer = |request: &[u8], attributes: &[u8]| {
                let mut bytes = [&request[..20], attributes].concat();
                // An answer; of each kind one now and then.
                bytes[..2].copy_from_slice(&[1, if attributes.len() % 7 == 6 { 0x11 } else { 1 }]);
                bytes[2..4].copy_from_slice(&(attributes.len() as u16).to_be_bytes());
                bytes
            };
            match action {
                Action::Open { socket, .. } => {
                    let local = SocketAddr::new([192, 168, 1, 10].into(), 20_000 + socket as u16);
                    machine.handle(now, Input::Opened { socket, local });
                }
                Action::Send { socket, bytes, .. } => {
                    let Some(attributes) = next() else { continue };
                    let bytes =
                        if attributes.len() % 5 == 4 { attributes.to_vec() } else { answer(&bytes, attributes) };
                    let socket = if attributes.len() % 11 == 10 { socket + 1 } else { socket };
                    machine.handle(now, Input::Datagram { socket, from: end("203.0.113.10:3478"), bytes: &bytes });
                }
                Action::Close { .. } => {}
                Action::Overhear { .. } => {
                    let packet = next().unwrap_or_default();
                    machine.handle(now, Input::Overheard { packet });
                }
                Action::Connect { exchange, bytes, .. } => match next() {
                    Some(attributes) => {
                        let bytes = answer(&bytes, attributes);
                        machine.handle(now, Input::Stream { exchange, local: end("192.168.1.10:9"), bytes: &bytes });
                    }
                    None => machine.handle(now, Input::Broken { exchange }),
                },
            }
        }
        if machine.is_done() {
            return;
        }
        now = machine.deadline().expect("something that it waits for").max(now);
    }
    panic!("it does not end: {}", machine.doing());
}

fn translate(mut input: &[u8]) {
    let behaviour = Behaviour { hairpinning: Hairpinning::External, ..Behaviour::default() };
    let mut nat = Translator::new(Config { most: 64, ..Config::new(behaviour, [203, 0, 113, 1].into()) });
    let mut now = Duration::ZERO;
    while let Some(([side, length], rest)) = input.split_first_chunk() {
        let (bytes, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        input = rest;
        let side = if side & 1 == 0 { Side::Inside } else { Side::Outside };
        let mut packet = bytes.to_vec();
        nat.translate(now, side, &mut packet);
        assert_eq!(packet.len(), bytes.len());
        while nat.released().is_some() {}
        now += Duration::from_millis(u64::from(*length) * 10);
    }
}
