//! Messages made byte by byte: kinds, values, and lengths that lie.

use super::*;
use crate::frame::LinkType;
use crate::wire::Protocol::{Data, Ipv4, Snmp, Udp};
use crate::wire::sample::{covered, ethernet, fields, ipv4, layers, udp, values};

fn of(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [&[tag, content.len() as u8][..], &content].concat()
}

fn carried(message: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4(17, &udp(161, message)))
}

/// A message of version 2c with one name, sysName.0.
fn about_its_name(kind: u8, numbers: &[u8], value: &[u8]) -> Vec<u8> {
    let name = of(OBJECT_IDENTIFIER, &[&[0x2b, 6, 1, 2, 1, 1, 5, 0]]);
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| [INTEGER, 1, *number]).collect();
    let bindings = of(SEQUENCE, &[&of(SEQUENCE, &[&name, value])]);
    let body = of(FIRST_KIND + kind, &[&numbers, &bindings]);
    of(SEQUENCE, &[&[INTEGER, 1, 1], &of(OCTET_STRING, &[b"tajna-rec"]), &body])
}

fn told(message: &[u8]) -> (String, Tone) {
    let bytes = carried(message);
    let mut found = crate::wire::Layers::new();
    let frame = crate::frame::Frame {
        link: LinkType::ETHERNET,
        data: &bytes,
        length: bytes.len() as u32,
        ..crate::frame::Frame::empty()
    };
    let packet = crate::wire::decode(frame, &mut found);
    let mut out = Vec::new();
    let tone = tell(&packet.find(Snmp).unwrap(), &mut out);
    (String::from_utf8(out).unwrap(), tone)
}

#[test]
fn a_question_and_its_answer_have_a_number_in_common() {
    let question = about_its_name(0, &[7, 0, 0], &[ber::NULL, 0]);
    assert_eq!(layers(LinkType::ETHERNET, &carried(&question)).0[1..], [Ipv4, Udp, Snmp]);
    fields(&carried(&question), &[("snmp.request_id", "7"), ("snmp.data", "0"), ("snmp.variable_bindings", "1")]);
    assert_eq!(values(LinkType::ETHERNET, &carried(&question), "snmp.name"), ["Made(1.3.6.1.2.1.1.5.0)"]);
    assert_eq!(told(&question), ("get 7: 1.3.6.1.2.1.1.5.0 (sysName)".into(), Tone::Plain));
    let answer = about_its_name(RESPONSE, &[7, 0, 0], b"\x04\x02a1");
    assert_eq!(told(&answer), ("response 7: 1.3.6.1.2.1.1.5.0 (sysName) = \"a1\"".into(), Tone::Plain));
}

#[test]
fn errors_and_missing_objects_are_trouble() {
    let refused = about_its_name(RESPONSE, &[7, 17, 1], &[ber::NULL, 0]);
    let line = "response 7 error: not writable (1. name): 1.3.6.1.2.1.1.5.0 (sysName)";
    assert_eq!(told(&refused), (line.into(), Tone::Trouble));
    let missing = about_its_name(RESPONSE, &[7, 0, 0], &[0x81, 0]);
    assert_eq!(told(&missing).1, Tone::Trouble);
    let many = about_its_name(BULK, &[7, 0, 10], &[ber::NULL, 0]);
    assert_eq!(told(&many).0, "get bulk 7, 10 of each: 1.3.6.1.2.1.1.5.0 (sysName)");
    fields(&carried(&many), &[("snmp.max_repetitions", "10"), ("snmp.error_status", "absent")]);
}

#[test]
fn the_community_is_covered() {
    let question = about_its_name(0, &[7, 0, 0], &[ber::NULL, 0]);
    assert_eq!(covered(&carried(&question), "snmp.community"), ["***"]);
    fields(&carried(&question), &[("snmp.community", &format!("{:?}", b"tajna-rec"))]);
}

#[test]
fn lengths_that_lie_end_the_reading() {
    let question = about_its_name(0, &[7, 0, 0], &[ber::NULL, 0]);
    for place in 0..question.len() {
        for wrong in [0, 0x7f, 0x80, 0x84, 0xff] {
            let mut changed = question.clone();
            changed[place] = wrong;
            let (found, _) = layers(LinkType::ETHERNET, &carried(&changed));
            if found.last() == Some(&Snmp) {
                told(&changed);
            }
        }
    }
    assert_eq!(layers(LinkType::ETHERNET, &carried(b"public")).0.last(), Some(&Data));
    assert_eq!(layers(LinkType::ETHERNET, &carried(&[0x30, 3, 2, 1, 4])).0.last(), Some(&Data));
}

#[test]
fn a_community_is_secret_wherever_its_message_is_cut() {
    let whole = carried(&about_its_name(0, &[7, 0, 0], &[5, 0]));
    let start = whole.windows(5).position(|bytes| bytes == b"tajna").unwrap();
    for end in start + 1..=whole.len() {
        let mut found = crate::wire::Layers::new();
        let (link, data) = (LinkType::ETHERNET, &whole[..end]);
        let frame = crate::frame::Frame { link, data, length: whole.len() as u32, ..crate::frame::Frame::empty() };
        let packet = crate::wire::decode(frame, &mut found);
        let mut secret: Vec<u8> = Vec::new();
        packet.each().for_each(|at| crate::wire::secret::of(&at, &mut |piece| secret.extend(piece)));
        assert_eq!(secret, whole[start..end.min(start + 9)], "{end}");
    }
}
