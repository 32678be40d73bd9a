//! What messages look like, what is none, and that what is written is read back, and nothing else.

use proptest::prelude::*;

use super::*;

fn word() -> Word {
    Word::new(b"open sesame")
}

fn end(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn id(number: u64) -> Id {
    Id::new(number).expect("not 0")
}

fn session() -> Session {
    "tea".parse().expect("a name")
}

fn register() -> Message {
    let inside = ["192.168.1.10:5000", "[2001:db8::7]:5000"].map(end).into_iter().collect();
    Message::Register { session: session(), peer: id(0xa1), nonce: 7, cookie: [0; 16], inside, has: None }
}

/// The same text with a mac of the right word.
fn proved(text: &str) -> Vec<u8> {
    let mut line = text.to_owned();
    line.push_str(fields::MAC);
    fields::write_hex(&word().tag(&[text.as_bytes()]), &mut line);
    line.into_bytes()
}

fn text(message: &Message) -> String {
    let line = String::from_utf8(message.encode(&word())).expect("text");
    let (text, mac) = line.rsplit_once(" mac=").expect("a mac");
    assert_eq!(mac.len(), 32);
    text.to_owned()
}

#[test]
fn can_be_read_by_a_person() {
    let stamp = Stamp { session: session(), from: id(0xa1), to: id(0xb2), seq: 3 };
    let data = Payload::new(b"hello").expect("short");
    let (peer, nonce, cookie) = (id(0xa1), 0xffff_ffff_ffff_ffff, [0xab; 16]);
    let outside = end("203.0.113.1:5000");
    let inside: Inside = [end("10.9.2.10:6000")].into_iter().collect();
    for (message, expected) in [
        (
            register(),
            "register session=tea peer=00000000000000a1 nonce=0000000000000007 cookie=00000000000000000000000000000000 \
             inside=192.168.1.10:5000,[2001:db8::7]:5000 has=0000000000000000",
        ),
        (
            Message::Relay { session: session(), peer, cookie, seq: 9, data: data.clone() },
            "relay session=tea peer=00000000000000a1 cookie=abababababababababababababababab seq=9 data=aGVsbG8=",
        ),
        (
            Message::Bye { session: session(), peer, cookie },
            "bye session=tea peer=00000000000000a1 cookie=abababababababababababababababab",
        ),
        (
            Message::Cookie { peer, nonce, cookie },
            "cookie peer=00000000000000a1 nonce=ffffffffffffffff cookie=abababababababababababababababab",
        ),
        (
            Message::Registered { peer, nonce, outside, lifetime: 30 },
            "registered peer=00000000000000a1 nonce=ffffffffffffffff outside=203.0.113.1:5000 lifetime=30",
        ),
        (
            Message::Meet {
                peer,
                nonce: 0,
                outside,
                other: id(0xb2),
                other_outside: end("203.0.113.2:6000"),
                other_inside: inside,
            },
            "meet peer=00000000000000a1 nonce=0000000000000000 outside=203.0.113.1:5000 other=00000000000000b2 \
             other-outside=203.0.113.2:6000 other-inside=10.9.2.10:6000",
        ),
        (
            Message::Relayed { session: session(), other: id(0xb2), seq: 9, data: data.clone() },
            "relayed session=tea other=00000000000000b2 seq=9 data=aGVsbG8=",
        ),
        (
            Message::Refused { peer, nonce, why: Refusal::Taken },
            "refused peer=00000000000000a1 nonce=ffffffffffffffff why=taken",
        ),
        (Message::Punch(stamp), "punch session=tea from=00000000000000a1 to=00000000000000b2 seq=3"),
        (
            Message::Reached { stamp, seen: outside },
            "reached session=tea from=00000000000000a1 to=00000000000000b2 seq=3 seen=203.0.113.1:5000",
        ),
        (Message::Beat(stamp), "beat session=tea from=00000000000000a1 to=00000000000000b2 seq=3"),
        (
            Message::Beaten { stamp, seen: outside },
            "beaten session=tea from=00000000000000a1 to=00000000000000b2 seq=3 seen=203.0.113.1:5000",
        ),
        (
            Message::Data { stamp, bytes: data },
            "data session=tea from=00000000000000a1 to=00000000000000b2 seq=3 bytes=aGVsbG8=",
        ),
    ] {
        assert_eq!(text(&message), expected);
        assert_eq!(Message::decode(&message.encode(&word()), &word()), Ok(message));
    }
}

#[test]
fn a_line_may_end_and_a_mac_made_elsewhere_is_the_same() {
    // python3: hmac.new(b"open sesame", b"punch session=tea from=00000000000000a1 to=00000000000000b2 seq=3",
    // "sha256").hexdigest()[:32]
    let line =
        b"punch session=tea from=00000000000000a1 to=00000000000000b2 seq=3 mac=f241ae28ad1952693630cc31efb582dd\n";
    let stamp = Stamp { session: session(), from: id(0xa1), to: id(0xb2), seq: 3 };
    assert_eq!(Message::decode(line, &word()), Ok(Message::Punch(stamp)));
}

#[test]
fn says_what_is_wrong() {
    let nothing = Error::NoMac;
    for (bytes, error) in [(&b""[..], nothing), (b" mac=", nothing), (&[0xff; 512], nothing), (b"punch\n", nothing)] {
        assert_eq!(Message::decode(bytes, &word()), Err(error));
    }
    assert_eq!(Message::decode(&[b'x'; 513], &word()), Err(Error::TooLong(513)));
    assert_eq!(Message::decode(&register().encode(&Word::new(b"another")), &word()), Err(Error::WrongMac));
    let mut upper = register().encode(&word());
    upper.last_chunk_mut::<32>().expect("a mac").make_ascii_uppercase();
    assert_eq!(Message::decode(&upper, &word()), Err(Error::NoMac));
    let good = text(&register());
    for (from, to, error) in [
        ("register", "Register", Error::Unknown),
        ("register", "registeR", Error::Unknown),
        ("register ", "", Error::Unknown),
        ("tea", "", Error::Field("session")),
        ("tea", "te/a", Error::Field("session")),
        ("tea", "a23456789012345678901234567890123", Error::Field("session")),
        ("session=tea ", "", Error::Field("session")),
        ("peer=", "peer=0", Error::Field("peer")),
        ("peer=00000000000000a1", "peer=0000000000000000", Error::Field("peer")),
        ("00a1", "00A1", Error::Field("peer")),
        ("peer", "pear", Error::Field("peer")),
        ("nonce=0", "nonce=", Error::Field("nonce")),
        ("nonce=0", "nonce=+", Error::Field("nonce")),
        ("cookie=00", "cookie=", Error::Field("cookie")),
        ("192.168.1.10:5000", "192.168.1.10", Error::Field("inside")),
        ("192.168.1.10:5000", "192.168.1.10:0", Error::Field("inside")),
        ("192.168.1.10:5000", "0.0.0.0:5000", Error::Field("inside")),
        ("192.168.1.10:5000", "224.0.0.1:5000", Error::Field("inside")),
        ("192.168.1.10:5000", "255.255.255.255:5000", Error::Field("inside")),
        ("192.168.1.10:5000", "[::ffff:255.255.255.255]:5000", Error::Field("inside")),
        ("192.168.1.10:5000", "[ff02::1]:5000", Error::Field("inside")),
        ("192.168.1.10:5000", "localhost:5000", Error::Field("inside")),
        (",", ",,", Error::Field("inside")),
        (",", ",1.2.3.4:1,1.2.3.4:2,1.2.3.4:3,", Error::Field("inside")),
        ("192.168.1.10:5000", "192.168.1.10:05000", Error::Form),
        ("192.168.1.10:5000", "[::ffff:192.168.1.10]:5000", Error::Form),
        ("2001:db8::7", "2001:db8:0::7", Error::Form),
        ("2001:db8::7", "2001:DB8::7", Error::Form),
        ("[2001:db8::7]", "[fe80::7%3]", Error::Form),
        (" has", "  has", Error::Field("has")),
        (" has", "\thas", Error::Field("inside")),
        ("has=0000000000000000", "", Error::Field("has")),
        ("has=0000000000000000", "has=0000000000000000 ", Error::Form),
        ("has=0000000000000000", "has=0000000000000000 more=1", Error::Form),
    ] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good, "{from} is not there");
        assert_eq!(Message::decode(&proved(&changed), &word()), Err(error), "{changed}");
    }
    let punch = "punch session=tea from=00000000000000a1 to=00000000000000b2 seq=";
    for (seq, error) in [("03", Error::Form), ("+3", Error::Form), ("4294967296", Error::Field("seq"))] {
        assert_eq!(Message::decode(&proved(&format!("{punch}{seq}")), &word()), Err(error));
    }
    assert!(Message::decode(&proved(&format!("{punch}4294967295")), &word()).is_ok());
    let mut latin = proved("x");
    latin[0] = 0xfc;
    assert_eq!(Message::decode(&latin, &word()), Err(Error::WrongMac));
}

#[test]
fn a_peer_may_keep_its_inside_to_itself() {
    let hidden = Message::Register {
        session: session(),
        peer: id(1),
        nonce: 0,
        cookie: [0; 16],
        inside: Inside::new(),
        has: None,
    };
    assert!(text(&hidden).contains(" inside= has="));
    assert_eq!(Message::decode(&hidden.encode(&word()), &word()), Ok(hidden));
}

#[test]
fn an_address_is_written_without_its_scope_and_as_one_of_ipv4_where_it_is() {
    let scoped = std::net::SocketAddrV6::new("fe80::1".parse().expect("an address"), 5, 0, 3);
    let stamp = Stamp { session: session(), from: id(1), to: id(2), seq: 0 };
    assert!(text(&Message::Reached { stamp, seen: scoped.into() }).ends_with(" seen=[fe80::1]:5"));
    assert!(text(&Message::Reached { stamp, seen: end("[::ffff:1.2.3.4]:5") }).ends_with(" seen=1.2.3.4:5"));
}

fn session_of() -> impl Strategy<Value = Session> {
    "[A-Za-z0-9._-]{1,32}".prop_map(|name| name.parse().expect("a name"))
}

fn id_of() -> impl Strategy<Value = Id> {
    (1..=u64::MAX).prop_map(id)
}

fn address_of() -> impl Strategy<Value = SocketAddr> {
    let ip = prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)];
    (ip, any::<u16>()).prop_map(SocketAddr::from).prop_filter("one host's", |address| is_one_hosts(*address))
}

fn inside_of() -> impl Strategy<Value = Inside> {
    prop::collection::vec(address_of(), 0..=4).prop_map(|all| all.into_iter().collect())
}

fn payload_of() -> impl Strategy<Value = Payload> {
    prop::collection::vec(any::<u8>(), 0..=MOST_PAYLOAD).prop_map(|bytes| Payload::new(&bytes).expect("short"))
}

fn message_of() -> impl Strategy<Value = Message> {
    let stamp = || {
        (session_of(), id_of(), id_of(), any::<u32>()).prop_map(|(session, from, to, seq)| Stamp {
            session,
            from,
            to,
            seq,
        })
    };
    let named = || (session_of(), id_of(), any::<Cookie>());
    let asked = || (id_of(), any::<Nonce>());
    prop_oneof![
        (named(), any::<Nonce>(), inside_of(), prop::option::of(id_of())).prop_map(
            |((session, peer, cookie), nonce, inside, has)| Message::Register {
                session,
                peer,
                nonce,
                cookie,
                inside,
                has
            }
        ),
        (named(), any::<u32>(), payload_of()).prop_map(|((session, peer, cookie), seq, data)| Message::Relay {
            session,
            peer,
            cookie,
            seq,
            data
        }),
        named().prop_map(|(session, peer, cookie)| Message::Bye { session, peer, cookie }),
        (asked(), any::<Cookie>()).prop_map(|((peer, nonce), cookie)| Message::Cookie { peer, nonce, cookie }),
        (asked(), address_of(), any::<u32>()).prop_map(|((peer, nonce), outside, lifetime)| Message::Registered {
            peer,
            nonce,
            outside,
            lifetime
        }),
        (asked(), address_of(), id_of(), address_of(), inside_of()).prop_map(
            |((peer, nonce), outside, other, other_outside, other_inside)| Message::Meet {
                peer,
                nonce,
                outside,
                other,
                other_outside,
                other_inside
            }
        ),
        (session_of(), id_of(), any::<u32>(), payload_of()).prop_map(|(session, other, seq, data)| Message::Relayed {
            session,
            other,
            seq,
            data
        }),
        (asked(), prop::sample::select(&Refusal::ALL[..])).prop_map(|((peer, nonce), why)| Message::Refused {
            peer,
            nonce,
            why
        }),
        stamp().prop_map(Message::Punch),
        (stamp(), address_of()).prop_map(|(stamp, seen)| Message::Reached { stamp, seen }),
        stamp().prop_map(Message::Beat),
        (stamp(), address_of()).prop_map(|(stamp, seen)| Message::Beaten { stamp, seen }),
        (stamp(), payload_of()).prop_map(|(stamp, bytes)| Message::Data { stamp, bytes }),
    ]
}

/// The address as it is written: one of IPv4 that hides in IPv6 comes out.
fn reread(message: &Message) -> Message {
    Message::read(&message.text()).expect("what was written")
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_and_fits(message in message_of()) {
        let bytes = message.encode(&word());
        prop_assert!(bytes.len() <= MOST_BYTES, "{} bytes: {:?}", bytes.len(), message);
        let decoded = Message::decode(&bytes, &word());
        prop_assert_eq!(decoded, Ok(reread(&message)));
        prop_assert_eq!(reread(&message).encode(&word()), bytes);
    }

    #[test]
    fn a_changed_byte_is_noticed(message in message_of(), at in any::<prop::sample::Index>(), by in 1u8..) {
        let mut bytes = message.encode(&word());
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        prop_assert!(Message::decode(&bytes, &word()).is_err());
        bytes.truncate(at);
        prop_assert!(Message::decode(&bytes, &word()).is_err());
    }

    #[test]
    fn text_with_a_right_mac_is_refused_or_is_what_would_be_written(
        message in message_of(), at in any::<prop::sample::Index>(), new in "[ -~]{0,3}", gone in 0usize..4,
    ) {
        let mut text = message.text();
        let at = at.index(text.len() + 1);
        text.replace_range(at..(at + gone).min(text.len()), &new);
        let bytes = proved(&text);
        if let Ok(message) = Message::decode(&bytes, &word()) {
            prop_assert_eq!(message.encode(&word()), bytes);
        }
    }

    #[test]
    fn an_answer_before_the_proof_is_shorter_than_its_request(session in session_of(), peer in id_of(), inside in inside_of()) {
        let ask = Message::Register { session, peer, nonce: 1, cookie: [0; 16], inside, has: None }.encode(&word());
        let answer = Message::Cookie { peer, nonce: 1, cookie: [1; 16] }.encode(&word());
        prop_assert!(answer.len() < ask.len());
    }
}
