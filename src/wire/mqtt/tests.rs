//! Lengths, flags, lists with and without properties, what properties say, what is secret.

use super::*;

#[test]
fn a_length_has_at_most_four_bytes() {
    assert_eq!(head(&[0x30, 0x05]), Some((0x30, 5, 2)));
    assert_eq!(head(&[0x30, 0xff, 0xff, 0xff, 0x7f]), Some((0x30, 268_435_455, 5)));
    assert_eq!(head(&[0x30, 0xff, 0xff, 0xff, 0xff, 0x01]), None);
    assert_eq!(head(&[0x30, 0x80]), None);
}

#[test]
fn properties_of_version_5_are_no_topics() {
    let list = |message: &[u8]| {
        let mut reader = Reader::new(message);
        let mut found = Vec::new();
        while let Some((topic, options)) = filter(&mut reader, 8) {
            found.push((topic.to_vec(), options));
        }
        (is_list(Reader::new(message), 8, 2), found)
    };
    assert_eq!(list(b"\0\x03a/#\x01"), (true, vec![(b"a/#".to_vec(), Some(1))]));
    assert!(!list(b"\0\0\x03a/#\x01").0, "version 5 without properties");
    assert!(!list(b"\x02\x0b\x05\0\x03a/#\x01").0, "version 5 with an identifier");
}

#[test]
fn flags_that_no_message_has_are_no_message() {
    assert!(head(&[0x82, 0]).is_some() && head(&[0x80, 0]).is_none());
    assert!(head(&[0x6a, 0]).is_some() && head(&[0x6b, 0]).is_none(), "sent again, as 3.1 could");
    assert!(head(&[0x3b, 0]).is_some() && head(&[0x36, 0]).is_none());
    assert!(head(&[0, 0]).is_none() && head(&[]).is_none());
}

/// What is read of a message as of this version.
fn read(message: &[u8], version: u8) -> (Parts<'_>, Vec<Property<'_>>) {
    let parts = parts_of(message, version);
    (parts, parts.properties.into_iter().flat_map(properties::each).collect())
}

#[test]
fn properties_stand_between_topic_and_content() {
    let message = b"\x32\x0f\0\x01a\0\x07\x06\x01\x01\x02\0\0\0\x3cx";
    let (parts, said) = read(message, 5);
    assert_eq!((parts.topic, parts.identifier, parts.rest), (Some(&b"a"[..]), Some(7), Some(&b"\x3cx"[..])));
    assert_eq!(said, [Property { number: 1, what: What::Number(1) }], "the second is not whole");
    assert_eq!(read(message, 4).0.rest, Some(&message[7..]));
    assert_eq!(read(b"\x30\x04\0\x01a\0", 5).0.rest, Some(&b""[..]));
}

#[test]
fn every_property_is_as_long_as_its_kind() {
    let all = b"\x01\x01\x02\0\0\0\x3c\x03\0\x01t\x08\0\x01r\x09\0\x01c\x0b\x87\x01\x11\0\0\0\x1e\x12\0\x01i\x13\0\x0a\x15\0\x01m\x16\0\x01s\x17\x01\x18\0\0\0\x03\x19\0\x1a\0\x01w\x1c\0\x01o\x1f\0\x01e\x21\0\x14\x22\0\x0a\x23\0\x07\x24\x01\x25\0\x26\0\x01k\0\x01v\x27\0\0\x10\0\x28\x01\x29\x01\x2a\x01";
    let found: Vec<_> = properties::each(all).collect();
    let numbers: Vec<u8> = found.iter().map(|property| property.number).collect();
    assert_eq!(
        numbers,
        [
            &[1, 2, 3, 8, 9, 11][..],
            &[17, 18, 19],
            &[21, 22, 23, 24, 25, 26, 28, 31],
            &[33, 34, 35, 36, 37, 38, 39, 40, 41, 42]
        ]
        .concat()
    );
    assert!(found.iter().all(|property| properties::names(property.number.into()).is_some()));
    let what = |number| found.iter().find(|property| property.number == number).unwrap().what;
    assert_eq!((what(11), what(38)), (What::Number(135), What::Pair(b"k", b"v")));
    assert_eq!((what(35), what(36), what(3)), (What::Alias(7), What::Quality(1), What::Content(b"t")));
    let unknown: Vec<_> = properties::each(b"\x01\x01\x7f\x01\x01").map(|property| property.what).collect();
    assert_eq!(unknown, [What::Number(1), What::Unknown], "nobody knows where it ends");
}

#[test]
fn how_it_went_may_be_left_out() {
    assert_eq!(read(b"\x40\x02\0\x07", 5).0.reason, None);
    assert_eq!(read(b"\x40\x03\0\x07\x10", 5).0.reason, Some(16));
    let (parts, said) = read(b"\x40\x08\0\x07\x97\x04\x1f\0\x01q", 5);
    assert_eq!((parts.identifier, parts.reason), (Some(7), Some(151)));
    assert_eq!(said, [Property { number: 31, what: What::Text(b"q") }]);
    assert_eq!(read(b"\xe0\x01\x8e", 5).0.reason, Some(142));
    assert_eq!(read(b"\x90\x05\0\x01\0\x02\x80", 5).0.rest, Some(&b"\x02\x80"[..]));
    assert_eq!(read(b"\x90\x03\0\x01\x01", 4).0.rest, Some(&b"\x01"[..]));
}

#[test]
fn what_proves_who_speaks_is_secret() {
    let connect = b"\x10\x16\0\x04MQTT\x05\x02\0\x3c\x08\x15\0\x01m\x16\0\x01s\0\x01a";
    let connect = connect_of(connect).unwrap();
    assert_eq!(connect.client, b"a");
    let secrets: Vec<_> = properties::each(connect.properties).filter_map(Property::secret).collect();
    assert_eq!(secrets, [b"s"]);
    let cut = properties::each(b"\x16\0\x20tajn").filter_map(Property::secret).collect::<Vec<_>>();
    assert_eq!(cut, [b"tajn"], "as much of it as lies here");
}

#[test]
fn a_head_tells_how_much_follows_and_whether_it_may_be_secret() {
    assert_eq!(framed(b"\xf0\x20\0\x10"), Framed::Message { head: 2, content: 32, is_secret: true });
    assert_eq!(framed(b"\x30\x80\x01t"), Framed::Message { head: 3, content: 128, is_secret: false });
    assert_eq!(framed(b"\x20\x02\0\0"), Framed::Message { head: 2, content: 2, is_secret: false });
    assert_eq!(framed(b"\x11\x0c\0\x04MQTT"), Framed::Message { head: 2, content: 12, is_secret: true }, "bad flags");
    assert_eq!([&b""[..], b"\x10", b"\x10\x80", b"\x30\xff\xff\xff"].map(framed)[1..], [Framed::Cut; 3]);
    assert_eq!([&b"\x11\x0c\0\x04HTTP"[..], b"\0\0", b"\x30\xff\xff\xff\xff\x01"].map(framed), [Framed::None; 3]);
}
