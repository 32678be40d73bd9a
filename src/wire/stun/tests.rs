//! The messages of RFC 5769, every prefix of them, and messages that we write and read back.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;
use crate::frame::{Frame, LinkType};
use crate::wire::Protocol::Stun;
use crate::wire::sample::{ethernet, fields, hex, ipv4, layers, told, udp, values};

/// RFC 5769 §2.2, without the integrity that only its password could check.
const RESPONSE_V4: &str = "0101 003c 2112a442 b7e7a701bc34d686fa87dfae 8022 000b 7465737420766563746f7220
    0020 0008 0001 a147 e112a643 0008 0014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7 8028 0004 c07d4c96";
/// RFC 5769 §2.3.
const RESPONSE_V6: &str = "0101 0048 2112a442 b7e7a701bc34d686fa87dfae 8022 000b 7465737420766563746f7220
    0020 0014 0002 a147 0113a9faa5d3f179bc25f4b5bed2b9d9 0008 0014 a382954e4be67bf11784c97c8292c275bfe3ed41
    8028 0004 c8fb0b4c";

const ID: Transaction = *b"netlab-test!";

fn end(text: &str) -> SocketAddr {
    text.parse().expect("an address with its port")
}

#[test]
fn reads_the_responses_of_rfc_5769() {
    for (digits, mapped) in
        [(RESPONSE_V4, "192.0.2.1:32853"), (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853")]
    {
        let bytes = hex(digits);
        let message = Message::read(&bytes).expect("a message");
        assert_eq!((message.class, message.method), (Class::Success, BINDING));
        assert_eq!(message.address(XOR_MAPPED_ADDRESS), Some(end(mapped)));
        assert_eq!(message.value(SOFTWARE), Some(&b"test vector"[..]));
        for at in 0..bytes.len() {
            assert!(Message::read(&bytes[..at]).is_err(), "{at} bytes are none");
            let mut wrong = bytes.clone();
            wrong[at] ^= 0x04;
            // Of another type the last attribute is no fingerprint: nothing checks the message then.
            let checked = !(bytes.len() - 8..bytes.len() - 6).contains(&at);
            assert_eq!(Message::read(&wrong).is_err(), checked, "a bit of byte {at} changed");
        }
    }
}

#[test]
fn shows_a_message_on_any_port_and_its_turned_addresses() {
    for port in [PORT, 3479, 40_000] {
        let frame = ethernet(0x0800, &ipv4(17, &udp(port, &hex(RESPONSE_V4))));
        assert_eq!(layers(LinkType::ETHERNET, &frame).0[1..], [Protocol::Ipv4, Protocol::Udp, Protocol::Stun]);
        fields(&frame, &[("stun.type", "257"), ("stun.type.class", "16"), ("stun.type.method", "1")]);
        fields(&frame, &[("stun.length", "60"), ("stun.att.ipv4", "[192, 0, 2, 1]"), ("stun.att.port", "32853")]);
        let of = |name| values(LinkType::ETHERNET, &frame, name);
        assert_eq!(of("stun.att.ipv4-xord"), [format!("{:?}", crate::wire::Value::Bytes(&hex("e112a643")))]);
        assert_eq!(of("stun.att.port-xord"), [format!("{:?}", crate::wire::Value::Bytes(&hex("a147")))]);
        assert_eq!(of("stun.att.type"), ["Uint(32802)", "Uint(32)", "Uint(8)", "Uint(32808)"]);
    }
}

#[test]
fn a_message_whose_end_was_not_captured_is_said_to_be_cut() {
    let frame = ethernet(0x0800, &ipv4(17, &udp(PORT, &hex(RESPONSE_V4))));
    for kept in 50..frame.len() {
        let data = &frame[..kept];
        let mut found = crate::wire::Layers::new();
        let whole = Frame { link: LinkType::ETHERNET, length: frame.len() as u32, data, ..Frame::empty() };
        let packet = crate::wire::decode(whole, &mut found);
        assert!(matches!(packet.stop, Stop::Truncated { protocol: Protocol::Stun, .. }), "{kept}: {:?}", packet.stop);
        packet.each().for_each(|at| at.layer.protocol.fields().iter().for_each(|field| _ = field.first(&at)));
    }
}

#[test]
fn leaves_data_alone_that_is_no_message() {
    let response = hex(RESPONSE_V4);
    let mut without_cookie = response.clone();
    without_cookie[4] = 0;
    let mut channel = response.clone();
    channel[0] = 0x40;
    for bytes in [&without_cookie[..], &channel, &response[..60], &hex("0001 0000 2112a442")] {
        let (found, _) = layers(LinkType::ETHERNET, &ethernet(0x0800, &ipv4(17, &udp(PORT, bytes))));
        assert_eq!(found.last(), Some(&Protocol::Data));
    }
    // Attributes that do not fit are shown as far as they do.
    let frame =
        ethernet(0x0800, &ipv4(17, &udp(PORT, &hex("0001 0008 2112a442 000000000000000000000000 0003 0004 0000"))));
    assert_eq!(layers(LinkType::ETHERNET, &frame).0.last(), Some(&Protocol::Data));
    let frame = ethernet(0x0800, &ipv4(17, &udp(PORT, &hex("0001 0004 2112a442 000000000000000000000000 0003 0004"))));
    assert_eq!(layers(LinkType::ETHERNET, &frame).0.last(), Some(&Protocol::Stun));
    assert!(values(LinkType::ETHERNET, &frame, "stun.att.type").is_empty());
}

#[test]
fn class_and_method_share_the_type_as_rfc_8489_draws_it() {
    for class_of in [Class::Request, Class::Indication, Class::Success, Class::Error] {
        for number in 0..0x1000 {
            let both = kind(class_of, number);
            assert_eq!((class(both), method(both), both & 0xc000), (class_of, number, 0));
        }
    }
    assert_eq!([kind(Class::Error, BINDING), kind(Class::Success, 3)], [0x0111, 0x0103]);
}

#[test]
fn reads_back_what_it_writes_of_rfc_5780() {
    let bytes = Draft::new(Class::Request, BINDING, ID)
        .with_change(Change { address: true, port: false })
        .with_response_port(40_000)
        .with(PADDING, &[0; 5])
        .with(0x7777, b"x")
        .finish(true);
    let message = Message::read(&bytes).expect("a message");
    assert_eq!(message.change(), Some(Change { address: true, port: false }));
    assert_eq!(message.response_port(), Some(40_000));
    assert_eq!(message.value(PADDING).map(<[u8]>::len), Some(5));
    assert_eq!(message.unknown(&[CHANGE_REQUEST, RESPONSE_PORT, PADDING]).collect::<Vec<_>>(), [0x7777]);

    let bytes = Draft::new(Class::Error, BINDING, ID).with_error(420, "no").with_unknown(&[3, 0x27]).finish(false);
    let message = Message::read(&bytes).expect("a message");
    assert_eq!(message.error(), Some(420));
    let frame = ethernet(0x0800, &ipv4(17, &udp(9, &bytes)));
    fields(&frame, &[("stun.att.error.class", "4"), ("stun.att.error", "20")]);
    assert_eq!(values(LinkType::ETHERNET, &frame, "stun.att.unknown"), ["Uint(3)", "Uint(39)"]);
}

#[test]
fn a_draft_never_grows_beyond_what_its_length_can_say() {
    let draft = (0..40).fold(Draft::new(Class::Request, BINDING, ID), |draft, _| draft.with(PADDING, &[0; 4000]));
    assert!(Message::read(&draft.finish(false)).is_ok());
}

proptest! {
    #[test]
    fn any_address_comes_back(ip: std::net::IpAddr, port: u16, id: Transaction, with_fingerprint: bool) {
        let address = SocketAddr::new(ip, port);
        let draft = [MAPPED_ADDRESS, XOR_MAPPED_ADDRESS, OTHER_ADDRESS]
            .into_iter()
            .fold(Draft::new(Class::Success, BINDING, id), |draft, kind| draft.with_address(kind, address));
        let bytes = draft.finish(with_fingerprint);
        let message = Message::read(&bytes).expect("a message");
        prop_assert_eq!(message.transaction, id);
        for kind in [MAPPED_ADDRESS, XOR_MAPPED_ADDRESS, OTHER_ADDRESS] {
            prop_assert_eq!(message.address(kind), Some(address));
        }
        if ip.is_ipv4() {
            prop_assert_ne!(message.value(MAPPED_ADDRESS), message.value(XOR_MAPPED_ADDRESS));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(head in 0u16..0x4000, id: Transaction, body: Vec<u8>) {
        let length = u16::try_from(body.len()).expect("a short body");
        let bytes = [&head.to_be_bytes()[..], &length.to_be_bytes(), &COOKIE.to_be_bytes(), &id, &body].concat();
        let found = attributes(&body).count();
        prop_assert!(found <= body.len() / 4);
        if let Ok(message) = Message::read(&bytes) {
            prop_assert_eq!(message.attributes().count(), found);
            let _ = (message.change(), message.response_port(), message.error());
            let _ = [MAPPED_ADDRESS, XOR_MAPPED_ADDRESS].map(|kind| message.address(kind));
        }
        let _ = layers(LinkType::ETHERNET, &ethernet(0x0800, &ipv4(17, &udp(PORT, &bytes))));
    }
}

#[test]
fn a_relay_is_told_with_its_addresses_and_an_error_with_its_words() {
    let told = |message: Draft| told(&ethernet(0x0800, &ipv4(17, &udp(PORT, &message.finish(false)))), Stun);
    // Allocate (RFC 8656 §17).
    let allocated = Draft::new(Class::Success, 3, ID)
        .with_address(XOR_RELAYED_ADDRESS, end("192.0.2.15:50000"))
        .with(LIFETIME, &600u32.to_be_bytes())
        .with_address(XOR_MAPPED_ADDRESS, end("192.0.2.1:7000"));
    assert_eq!(told(allocated), "allocate success mapped 192.0.2.1:7000 relayed 192.0.2.15:50000 for 600 s");
    let sent = Draft::new(Class::Indication, 6, ID).with_address(XOR_PEER_ADDRESS, end("192.0.2.150:32102"));
    assert_eq!(told(sent), "send indication peer 192.0.2.150:32102");
    let refused = Draft::new(Class::Error, 3, ID).with_error(401, "Unauthorized");
    assert_eq!(told(refused), "allocate error 401 Unauthorized");
}
