//! Start lines, heads that are cut, bodies, and messages one behind the other.

use super::*;
use crate::frame::{Frame, LinkType};
use crate::wire::Protocol::{Data, Http, Ipv4, Tcp};
use crate::wire::application::tell;
use crate::wire::sample::{covered, ethernet, fields, hex, ipv4, layers, values};
use crate::wire::{Layers, decode};

fn over(port: u16, data: &[u8]) -> Vec<u8> {
    let header = [&hex("c000")[..], &port.to_be_bytes(), &hex("00000001 00000001 5018 ffff 0000 0000")].concat();
    ethernet(0x0800, &ipv4(6, &[&header[..], data].concat()))
}

fn found(port: u16, data: &[u8]) -> Vec<Protocol> {
    layers(LinkType::ETHERNET, &over(port, data)).0.split_off(3)
}

const REQUEST: &[u8] = b"GET /a?b HTTP/1.1\r\nHost: lab\r\nUser-agent:curl \r\nAuthorization: Basic c2VjcmV0\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nnone\n";

#[test]
fn reads_the_start_line_and_the_headers() {
    assert_eq!(layers(LinkType::ETHERNET, &over(80, REQUEST)).0.get(1..), Some(&[Ipv4, Tcp, Http][..]));
    let text = |text: &str| format!("Text({:?})", text.as_bytes());
    let of = |data: &[u8], name: &str| values(LinkType::ETHERNET, &over(80, data), name);
    assert_eq!(of(REQUEST, "http.request.method"), [text("GET")]);
    assert_eq!(of(REQUEST, "http.request.uri"), [text("/a?b")]);
    assert_eq!(of(REQUEST, "http.request.version"), [text("HTTP/1.1")]);
    assert_eq!(of(REQUEST, "http.user_agent"), [text("curl")]);
    assert_eq!(of(RESPONSE, "http.response.phrase"), [text("Not Found")]);
    fields(&over(80, RESPONSE), &[("http.response.code", "404"), ("http.content_length", "5"), ("data.len", "5")]);
    fields(&over(80, RESPONSE), &[("http.request.method", "absent"), ("http.host", "absent")]);
}

#[test]
fn who_wants_no_applications_gets_data() {
    let bytes = over(80, REQUEST);
    let frame = Frame { link: LinkType::ETHERNET, data: &bytes, length: bytes.len() as u32, ..Frame::empty() };
    let mut layers = Layers::new();
    let packet = crate::wire::decode_transport(frame, &mut layers);
    let protocols: Vec<Protocol> = packet.layers.iter().skip(1).map(|layer| layer.protocol).collect();
    assert_eq!(protocols, [Ipv4, Tcp, Data]);
}

#[test]
fn a_secret_is_a_value_that_is_not_shown() {
    for (name, value) in [("http.authorization", "***"), ("http.request.line", "Authorization: ***")] {
        let all = values(LinkType::ETHERNET, &over(80, REQUEST), name).concat();
        assert!(all.contains(&format!("{:?}", b"Basic")[1..14]), "{all}");
        let shown = covered(&over(80, REQUEST), name);
        assert!(shown.iter().any(|shown| shown == value) && !shown.concat().contains("Basic"), "{shown:?}");
    }
}

#[test]
fn of_a_cookie_only_its_name_is_shown() {
    let asks = b"GET / HTTP/1.1\r\nHost: lab\r\nCookie: session=c2VjcmV0; theme=dark; alone\r\n\r\n";
    let sets = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=c2VjcmV0=; Path=/; HttpOnly\r\n\r\n";
    assert_eq!(covered(&over(80, asks), "http.cookie"), ["session=***; theme=***; ***"]);
    assert_eq!(covered(&over(80, asks), "http.request.line")[1..], ["Cookie: session=***; theme=***; ***"]);
    assert_eq!(covered(&over(80, sets), "http.set_cookie"), ["session=***; Path=/; HttpOnly"]);
    assert_eq!(covered(&over(80, sets), "http.response.line"), ["Set-Cookie: session=***; Path=/; HttpOnly"]);
}

#[test]
fn the_whole_target_has_the_site_in_front_of_it() {
    let of = |data: &[u8]| values(LinkType::ETHERNET, &over(80, data), "http.request.full_uri");
    assert_eq!(of(REQUEST), ["Made(http://lab/a?b)"]);
    assert_eq!(of(b"GET http://lab/a HTTP/1.1\r\nHost: proxy\r\n\r\n"), [format!("Text({:?})", b"http://lab/a")]);
    assert_eq!(
        of(b"GET /login?next=http://other/x HTTP/1.1\r\nHost: lab\r\n\r\n"),
        ["Made(http://lab/login?next=http://other/x)"]
    );
    assert_eq!(of(b"GET /a HTTP/1.0\r\n\r\n"), [""; 0]);
    assert_eq!(of(RESPONSE), [""; 0]);
}

#[test]
fn messages_behind_one_another_are_layers_of_their_own() {
    assert_eq!(found(80, &REQUEST.repeat(3)), [Http, Http, Http]);
    assert_eq!(found(80, &RESPONSE.repeat(2)), [Http, Data, Http, Data]);
    assert_eq!(
        found(80, &[b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", RESPONSE].concat()),
        [Http, Http, Data]
    );
    assert_eq!(found(80, b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nrest"), [Http, Data]);
    assert_eq!(found(80, b"GET / HTTP/1.1\r\n\r\nrest"), [Http, Data]);
}

#[test]
fn a_message_is_known_on_any_port_by_the_version_in_its_first_line() {
    assert_eq!(found(9999, REQUEST), [Http]);
    assert_eq!(found(9999, RESPONSE), [Http, Data]);
    assert_eq!(found(9999, b"GET /\r\n"), [Data]);
    assert_eq!(found(80, b"GET /\r\n"), [Http]);
    assert_eq!(found(80, b"SHOUT this\r\n"), [Data]);
    assert_eq!(found(9999, b"HELLO everybody\r\n"), [Data]);
    assert_eq!(found(80, b"body that goes on"), [Data]);
}

#[test]
fn a_head_may_be_cut_anywhere() {
    for kept in 4..REQUEST.len() {
        assert_eq!(found(80, &REQUEST[..kept]), [Http], "{kept}");
    }
    let many = [b"GET / HTTP/1.1\r\n".to_vec(), b"A: b\r\n".repeat(100_000), b"Host: late\r\n\r\n".to_vec()].concat();
    assert_eq!(header(&many, "host"), None, "no more lines than are looked at");
}

#[test]
fn tells_what_is_asked_and_answered() {
    let told = |data: &[u8]| {
        let (frame, mut out, mut found) = (over(80, data), Vec::new(), Layers::new());
        let frame = Frame { link: LinkType::ETHERNET, data: &frame, length: frame.len() as u32, ..Frame::empty() };
        let packet = decode(frame, &mut found);
        let tone = tell(&packet.find(Http).unwrap(), &mut out);
        (String::from_utf8(out).unwrap(), tone)
    };
    assert_eq!(told(REQUEST), ("GET /a?b HTTP/1.1, host lab".into(), Some(Tone::Plain)));
    assert_eq!(told(RESPONSE), ("HTTP/1.1 404 Not Found, text/html, 5 bytes".into(), Some(Tone::Trouble)));
}
