//! Requests, answers, short header names, descriptions, several messages in a segment.

use super::*;
use crate::frame::{Frame, LinkType};
use crate::wire::Protocol::{Data, Ipv4, Sip, Udp};
use crate::wire::sample::{covered, ethernet, fields, hex, ipv4, layers, udp, values};

const INVITE: &[u8] = b"INVITE sip:branko@lab.example SIP/2.0\r\nv: SIP/2.0/UDP 10.0.0.1;branch=z9\r\nf: \"Ana\" <sip:ana@lab.example>;tag=7\r\n\
To: sip:branko@lab.example\r\ni: 1@10.0.0.1\r\nCSeq: 3 INVITE\r\nProxy-Authorization: Digest username=\"ana\"\r\nc: application/sdp\r\nl: 53\r\n\r\n\
v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 6000 RTP/AVP 0\r\na=x\r\n";
const BUSY: &[u8] =
    b"SIP/2.0 486 Busy Here\r\nFrom: sip:ana@lab.example\r\nCSeq: 3 INVITE\r\nContent-Length: 0\r\n\r\n";

fn carried(message: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4(17, &udp(5060, message)))
}

fn over_tcp(port: u16, data: &[u8]) -> Vec<u8> {
    let header = [&hex("c000")[..], &port.to_be_bytes(), &hex("00000001 00000001 5018 ffff 0000 0000")].concat();
    ethernet(0x0800, &ipv4(6, &[&header[..], data].concat()))
}

fn told(message: &[u8]) -> (String, Tone) {
    let bytes = carried(message);
    let mut found = crate::wire::Layers::new();
    let frame = Frame { link: LinkType::ETHERNET, data: &bytes, length: bytes.len() as u32, ..Frame::empty() };
    let packet = crate::wire::decode(frame, &mut found);
    let mut out = Vec::new();
    let tone = tell(&packet.find(Sip).unwrap(), &mut out);
    (String::from_utf8(out).unwrap(), tone)
}

#[test]
fn a_call_says_who_and_where_its_media_go() {
    let (found, _) = layers(LinkType::ETHERNET, &carried(INVITE));
    assert_eq!(found[1..], [Ipv4, Udp, Sip]);
    let text = |text: &str| format!("Text({:?})", text.as_bytes());
    let of = |name| values(LinkType::ETHERNET, &carried(INVITE), name).concat();
    assert_eq!(of("sip.from.addr"), text("sip:ana@lab.example"));
    assert_eq!(of("sip.from.tag"), text("7"));
    assert_eq!(of("sip.to.addr"), text("sip:branko@lab.example"));
    assert_eq!(of("sip.Call-ID"), text("1@10.0.0.1"));
    assert_eq!(covered(&carried(INVITE), "sip.Proxy-Authorization"), ["***"]);
    assert_eq!(of("sdp.connection_info.address"), text("10.0.0.1"));
    fields(&carried(INVITE), &[("sip.CSeq.seq", "3"), ("sdp.media.port", "6000"), ("sip.Content-Length", "53")]);
    let line = "INVITE sip:branko@lab.example from sip:ana@lab.example, audio at port 6000, call 1@10.0.0.1";
    assert_eq!(told(INVITE), (line.into(), Tone::Plain));
    assert_eq!(told(BUSY), ("486 Busy Here to INVITE".into(), Tone::Trouble));
}

#[test]
fn messages_are_known_on_every_port_by_their_first_line() {
    let udp_at = |message: &[u8]| layers(LinkType::ETHERNET, &ethernet(0x0800, &ipv4(17, &udp(9, message)))).0;
    assert_eq!(udp_at(INVITE).last(), Some(&Sip));
    assert_eq!(udp_at(b"INVITE everybody to the party\r\n").last(), Some(&Data));
    for other in [&b"\r\n\r\n"[..], b"SIP/2.0 x", b"OPTIONS * HTTP/1.1\r\n"] {
        assert_eq!(layers(LinkType::ETHERNET, &carried(other)).0.last(), Some(&Data), "{other:?}");
    }
    assert_eq!(
        layers(LinkType::ETHERNET, &over_tcp(8080, b"OPTIONS sip:a SIP/2.0\r\n\r\n")).0[1..],
        [Ipv4, crate::wire::Protocol::Tcp, Sip]
    );
}

#[test]
fn a_segment_may_hold_several_messages() {
    let of = |data: &[u8]| layers(LinkType::ETHERNET, &over_tcp(5060, data)).0.split_off(3);
    assert_eq!(of(&[INVITE, BUSY].concat()), [Sip, Sip]);
    assert_eq!(of(&[BUSY, b"rest"].concat()), [Sip, Data]);
    assert_eq!(of(&INVITE[..60]), [Sip]);
    assert_eq!(of(b"SIP/2.0 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nrest"), [Sip]);
}
