//! The server's answers, their lengths, and what gets none.

use proptest::prelude::*;

use super::*;
use crate::engine::limit::MOST_SOURCES;
use crate::wire::stun::{BINDING, Change, OTHER_ADDRESS, RESPONSE_ORIGIN, XOR_MAPPED_ADDRESS};

const CLIENT: &str = "192.0.2.7:40000";
const ID: stun::Transaction = *b"netlab-test!";

fn end(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn four() -> Server {
    let addresses = ["203.0.113.10", "203.0.113.11"].map(|text| text.parse().expect("an address"));
    Server::new(Sockets::Four { addresses, ports: [3478, 3479] }, Limits::default())
}

fn one() -> Server {
    Server::new(Sockets::One(Some(end("203.0.113.10:3478"))), Limits::default())
}

fn request() -> Draft {
    Draft::new(Class::Request, BINDING, ID).with(stun::SOFTWARE, b"netlab 0.1.0")
}

fn ask(server: &mut Server, bytes: &[u8]) -> Option<Answer> {
    server.handle(Duration::ZERO, Place::default(), Transport::Udp, end(CLIENT), bytes)
}

#[test]
fn tells_the_mapping_its_origin_and_its_other_address() {
    let answer = ask(&mut four(), &request().finish(false)).expect("an answer");
    let message = Message::read(&answer.bytes).expect("a message");
    assert_eq!((answer.from, answer.to, message.class), (Place::default(), end(CLIENT), Class::Success));
    assert_eq!(message.transaction, ID);
    for (kind, address) in [
        (XOR_MAPPED_ADDRESS, CLIENT),
        (stun::MAPPED_ADDRESS, CLIENT),
        (RESPONSE_ORIGIN, "203.0.113.10:3478"),
        (OTHER_ADDRESS, "203.0.113.11:3479"),
    ] {
        assert_eq!(message.address(kind), Some(end(address)));
    }
    let answer = ask(&mut one(), &request().finish(false)).expect("an answer");
    let message = Message::read(&answer.bytes).expect("a message");
    assert_eq!(message.address(OTHER_ADDRESS), None);
    assert_eq!(message.address(RESPONSE_ORIGIN), Some(end("203.0.113.10:3478")));
}

#[test]
fn answers_from_where_a_change_request_asks_it_to() {
    for (address, port) in [(false, false), (true, false), (false, true), (true, true)] {
        let bytes = request().with_change(Change { address, port }).finish(false);
        let answer = ask(&mut four(), &bytes).expect("an answer");
        assert_eq!(answer.from, Place { address: usize::from(address), port: usize::from(port) });
        let message = Message::read(&answer.bytes).expect("a message");
        let origin = format!("203.0.113.{}:{}", 10 + u8::from(address), 3478 + u16::from(port));
        assert_eq!(message.address(RESPONSE_ORIGIN), Some(end(&origin)));
        assert_eq!(message.address(OTHER_ADDRESS), Some(end("203.0.113.11:3479")), "as seen from where it was asked");
    }
}

#[test]
fn sends_to_the_response_port_of_the_same_address() {
    let answer = ask(&mut four(), &request().with_response_port(5000).finish(false)).expect("an answer");
    assert_eq!(answer.to, end("192.0.2.7:5000"));
    let message = Message::read(&answer.bytes).expect("a message");
    assert_eq!(message.address(XOR_MAPPED_ADDRESS), Some(end(CLIENT)));
}

#[test]
fn pads_its_answer_as_the_request_is_padded_but_not_to_another_port() {
    let padded = request().with(stun::PADDING, &[0; 2000]);
    let answer = ask(&mut four(), &padded.clone().finish(false)).expect("an answer");
    assert_eq!(Message::read(&answer.bytes).expect("a message").value(stun::PADDING).map(<[u8]>::len), Some(2000));
    let answer = ask(&mut four(), &padded.with_response_port(5000).finish(false)).expect("an answer");
    assert_eq!(Message::read(&answer.bytes).expect("a message").error(), Some(400));
    assert_eq!(answer.to, end(CLIENT));
}

#[test]
fn names_what_it_does_not_know() {
    for (mut server, kind) in [(four(), 0x7777), (one(), stun::CHANGE_REQUEST)] {
        let answer = ask(&mut server, &request().with(kind, &[0; 4]).finish(false)).expect("an answer");
        let message = Message::read(&answer.bytes).expect("a message");
        assert_eq!((message.class, message.error()), (Class::Error, Some(420)));
        assert_eq!(message.value(stun::UNKNOWN_ATTRIBUTES), Some(&kind.to_be_bytes()[..]));
        assert_eq!(server.tally().errors, 1);
    }
    let optional = request().with(0xf777, &[0; 4]).finish(false);
    let answer = ask(&mut one(), &optional).expect("an answer");
    assert_eq!(Message::read(&answer.bytes).expect("a message").class, Class::Success);
}

#[test]
fn answers_nothing_but_requests() {
    let mut server = four();
    let whole = request().finish(false);
    let others =
        [Class::Indication, Class::Success, Class::Error].map(|class| Draft::new(class, BINDING, ID).finish(false));
    let allocate = Draft::new(Class::Request, 3, ID).finish(false);
    for bytes in others.iter().map(Vec::as_slice).chain([&whole[..30], b"hello", &[], &[0; 20], &allocate]) {
        assert_eq!(ask(&mut server, bytes), None);
    }
    assert_eq!((server.tally().garbage, server.tally().answered), (8, 0));
}

#[test]
fn limits_its_answers_to_one_source_and_in_all() {
    let limits = Limits { source: 5, all: 12 };
    let mut server = Server::new(Sockets::One(None), limits);
    let bytes = request().finish(false);
    let mut answers = |second: u64, last: u8, port: u16| {
        let from = SocketAddr::new([192, 0, 2, last].into(), port);
        server.handle(Duration::from_secs(second), Place::default(), Transport::Udp, from, &bytes).is_some()
    };
    assert_eq!((0..20).filter(|port| answers(0, 1, 1000 + port)).count(), 5, "whatever its port");
    assert_eq!((0..20).filter(|port| answers(0, 2, 1000 + port)).count(), 5);
    assert_eq!((0..20).filter(|port| answers(0, 3, 1000 + port)).count(), 2);
    assert_eq!((0..20).filter(|port| answers(1, 3, 1000 + port)).count(), 5);
    assert_eq!(server.tally().limited, 63);
}

#[test]
fn a_flood_of_sources_takes_little_memory() {
    let mut server = Server::new(Sockets::One(None), Limits { source: 5, all: u32::MAX });
    let bytes = request().finish(false);
    for source in 0..20_000u32 {
        let from = SocketAddr::new(std::net::Ipv4Addr::from_bits(0x0a00_0001 + source).into(), 9);
        server.handle(Duration::ZERO, Place::default(), Transport::Udp, from, &bytes);
    }
    assert_eq!((server.limiter.sources(), server.tally().answered), (MOST_SOURCES, MOST_SOURCES as u64));
}

proptest! {
    #[test]
    fn never_answers_more_than_one_and_a_half_times_what_came(
        kinds in prop::collection::vec((prop_oneof![Just(3u16), Just(0x26), Just(0x27), any::<u16>()], 0usize..60), 0..6),
        six: bool,
        over_one: bool,
    ) {
        let mut server = if over_one { one() } else { four() };
        let draft = Draft::new(Class::Request, BINDING, ID);
        let bytes = kinds.iter().fold(draft, |draft, (kind, length)| draft.with(*kind, &vec![1; *length])).finish(false);
        let (from, headers) = if six { (end("[2001:db8::1]:9"), 48) } else { (end(CLIENT), 28) };
        if let Some(answer) = server.handle(Duration::ZERO, Place::default(), Transport::Udp, from, &bytes) {
            prop_assert!(Message::read(&answer.bytes).is_ok());
            prop_assert_eq!(answer.to.ip(), from.ip());
            prop_assert!(
                (answer.bytes.len() + headers) * 2 <= (bytes.len() + headers) * 3,
                "{} for {}", answer.bytes.len(), bytes.len(),
            );
        }
    }
}
