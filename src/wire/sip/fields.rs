//! The fields of a call's messages, under the names that Wireshark gives them.

use super::{Name, Start, address, description, head, header, headers, line, media, split, tag};
use crate::wire::{At, Field, Kind, Value, http};

const RFC: &str = "RFC 3261 §20";
const LINE: &str = "RFC 3261 §7.1";
const STATUS: &str = "RFC 3261 §7.2";
const SDP: &str = "RFC 8866 §5";

type Each<'e, 'a> = &'e mut dyn FnMut(Value<'a>) -> bool;

fn start<'a>(at: &At<'a>) -> Option<Start<'a>> {
    Start::read(http::line(at.header()).0)
}

fn of_request<'a>(at: &At<'a>, take: fn(&'a [u8], &'a [u8]) -> &'a [u8]) -> Option<Value<'a>> {
    match start(at)? {
        Start::Request { method, uri } => Some(Value::Text(take(method, uri))),
        Start::Response { .. } => None,
    }
}

fn first<'a>(at: &At<'a>, name: Name) -> Option<Value<'a>> {
    header(head(at), name).map(Value::Text)
}

fn each<'a>(at: &At<'a>, name: Name, give: Each<'_, 'a>) {
    let _ = headers(head(at), name).map(Value::Text).all(give);
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn count<'a>(at: &At<'a>, name: Name) -> Option<Value<'a>> {
    number(header(head(at), name)?).map(Value::Uint)
}

/// The word at a place of a line of the description.
fn word<'a>(at: &At<'a>, letter: u8, place: usize) -> Option<Value<'a>> {
    line(at, letter)?.split(|byte| *byte == b' ').nth(place).map(Value::Text)
}

fn lines<'a>(at: &At<'a>, letter: u8, give: Each<'_, 'a>) {
    let _ = description(at).filter(|(found, _)| *found == letter).map(|(_, value)| Value::Text(value)).all(give);
}

#[rustfmt::skip]
pub static FIELDS: &[Field] = &[
    Field::one("sip.Request-Line", "Request line", Kind::Text, |at| of_request(at, |_, _| &[]).map(|_| Value::Text(http::line(at.header()).0)))
        .combined()
        .about("The whole first line of a request", LINE),
    Field::one("sip.Method", "Method", Kind::Text, |at| of_request(at, |method, _| method))
        .about("INVITE: call; ACK: I heard the answer; BYE: end; REGISTER: here I am", LINE),
    Field::one("sip.r-uri", "Target", Kind::Text, |at| of_request(at, |_, uri| uri)).about("Who is meant", LINE),
    Field::one("sip.Status-Line", "Status line", Kind::Text, |at| match start(at)? {
        Start::Response { .. } => Some(Value::Text(http::line(at.header()).0)),
        Start::Request { .. } => None,
    })
    .combined()
    .about("The whole first line of an answer", STATUS),
    Field::one("sip.Status-Code", "Status", Kind::Dec, |at| match start(at)? {
        Start::Response { code, .. } => Some(Value::Uint(code.into())),
        Start::Request { .. } => None,
    })
    .about("1xx: wait, 2xx: yes, 3xx: elsewhere, 4xx to 6xx: no", STATUS),
    Field::many("sip.Via", "Via", Kind::Text, |at, give| each(at, Name::Via, give))
        .about("Who passed it on: the answer goes back the same way", RFC),
    Field::one("sip.From", "From", Kind::Text, |at| first(at, Name::From)).about("Who began, in answers too", RFC),
    Field::one("sip.from.addr", "From", Kind::Text, |at| header(head(at), Name::From).map(|value| Value::Text(address(value))))
        .combined()
        .about("The address alone", RFC),
    Field::one("sip.from.tag", "From's tag", Kind::Text, |at| tag(header(head(at), Name::From)?).map(Value::Text))
        .combined()
        .about("Names the caller's end of the call", RFC),
    Field::one("sip.To", "To", Kind::Text, |at| first(at, Name::To)).about("Whom it was for at first", RFC),
    Field::one("sip.to.addr", "To", Kind::Text, |at| header(head(at), Name::To).map(|value| Value::Text(address(value))))
        .combined()
        .about("The address alone", RFC),
    Field::one("sip.to.tag", "To's tag", Kind::Text, |at| tag(header(head(at), Name::To)?).map(Value::Text))
        .combined()
        .about("Names the called one's end of the call, once that has answered", RFC),
    Field::one("sip.Call-ID", "Call", Kind::Text, |at| first(at, Name::CallId))
        .about("All messages of a call have the same", RFC),
    Field::one("sip.CSeq", "Sequence", Kind::Text, |at| first(at, Name::CSeq))
        .about("Number and method of the request, in its answers too", RFC),
    Field::one("sip.CSeq.seq", "Sequence number", Kind::Dec, |at| number(split(header(head(at), Name::CSeq)?).0).map(Value::Uint))
        .combined()
        .about("The number alone", RFC),
    Field::one("sip.CSeq.method", "Sequence method", Kind::Text, |at| Some(Value::Text(split(header(head(at), Name::CSeq)?).1)))
        .combined()
        .about("The method alone", RFC),
    Field::many("sip.Contact", "Contact", Kind::Text, |at, give| each(at, Name::Contact, give))
        .about("Where the next request is to go, past those who passed this one on", RFC),
    Field::one("sip.Max-Forwards", "Hops left", Kind::Dec, |at| count(at, Name::MaxForwards))
        .about("How often it may still be passed on", RFC),
    Field::one("sip.Expires", "Expires", Kind::Dec, |at| count(at, Name::Expires)).about("Seconds that it holds", RFC),
    Field::one("sip.User-Agent", "User agent", Kind::Text, |at| first(at, Name::UserAgent)).about("The program that asks", RFC),
    Field::one("sip.Server", "Server", Kind::Text, |at| first(at, Name::Server)).about("The program that answers", RFC),
    Field::one("sip.Subject", "Subject", Kind::Text, |at| first(at, Name::Subject)).about("What it is about", RFC),
    Field::one("sip.Authorization", "Authorization", Kind::Text, |at| header(head(at), Name::Authorization).map(Value::Text))
        .about("Proof of who asks; shown covered", RFC),
    Field::one("sip.Proxy-Authorization", "Proxy authorization", Kind::Text, |at| {
        header(head(at), Name::ProxyAuthorization).map(Value::Text)
    })
    .about("The same for who passes it on", RFC),
    Field::one("sip.Content-Type", "Content type", Kind::Text, |at| first(at, Name::ContentType)).about("What the body is", RFC),
    Field::one("sip.Content-Length", "Content length", Kind::Dec, |at| count(at, Name::ContentLength))
        .about("Bytes of the body", RFC),
    Field::one("sdp.version", "Version", Kind::Text, |at| line(at, b'v').map(Value::Text)).about("0", SDP),
    Field::one("sdp.owner", "Origin", Kind::Text, |at| line(at, b'o').map(Value::Text))
        .about("Who describes: name, numbers, address", SDP),
    Field::one("sdp.session_name", "Session", Kind::Text, |at| line(at, b's').map(Value::Text)).about("Its name", SDP),
    Field::one("sdp.connection_info", "Connection", Kind::Text, |at| line(at, b'c').map(Value::Text))
        .about("Where to: network, kind of address, address", SDP),
    Field::one("sdp.connection_info.address", "Address", Kind::Text, |at| word(at, b'c', 2))
        .combined()
        .about("The address alone", SDP),
    Field::one("sdp.time", "Time", Kind::Text, |at| line(at, b't').map(Value::Text)).about("From when to when; 0: no matter", SDP),
    Field::many("sdp.media", "Media", Kind::Text, |at, give| lines(at, b'm', give))
        .about("What is carried: kind, port, protocol, formats", SDP),
    Field::many("sdp.media.media", "Kind", Kind::Text, |at, give| { let _ = media(at, 0).map(Value::Text).all(give); })
        .combined()
        .about("audio, video, ...", SDP),
    Field::many("sdp.media.port", "Port", Kind::Dec, |at, give| {
        let _ = media(at, 1).filter_map(number).map(Value::Uint).all(give);
    })
    .combined()
    .about("Where its packets (RTP) are to go", SDP),
    Field::many("sdp.media.proto", "Protocol", Kind::Text, |at, give| { let _ = media(at, 2).map(Value::Text).all(give); })
        .combined()
        .about("RTP/AVP: RTP with the usual payload types", SDP),
    Field::many("sdp.media_attr", "Attribute", Kind::Text, |at, give| {
        // Those behind the first line of media: before it they are the session's.
        let of_media = description(at).skip_while(|(letter, _)| *letter != b'm').filter(|(letter, _)| *letter == b'a');
        let _ = of_media.map(|(_, value)| Value::Text(value)).all(give);
    })
    .about("More about the media: rtpmap says what a payload type is", SDP),
];
