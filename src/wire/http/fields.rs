//! The fields of a head, under the names that Wireshark gives them.

use super::{Start, header, line, number, values};
use crate::wire::secret::write_addresses;
use crate::wire::{At, Field, Kind, Made, Value};

const LINE: &str = "RFC 9112 §3";
const STATUS: &str = "RFC 9112 §4";
const RFC: &str = "RFC 9110";

fn start<'a>(at: &At<'a>) -> Option<Start<'a>> {
    Start::read(line(at.header()).0)
}

fn request<'a>(at: &At<'a>, take: fn([&'a [u8]; 3]) -> &'a [u8]) -> Option<Value<'a>> {
    match start(at)? {
        Start::Request { method, uri, version } => {
            Some(take([method, uri, version])).filter(|text| !text.is_empty()).map(Value::Text)
        }
        Start::Response { .. } => None,
    }
}

fn response<'a>(at: &At<'a>, take: fn(&'a [u8], u16, &'a [u8]) -> Value<'a>) -> Option<Value<'a>> {
    match start(at)? {
        Start::Response { version, code, phrase } => Some(take(version, code, phrase)),
        Start::Request { .. } => None,
    }
}

/// The target as one would type it: behind the site, unless it names that itself; none where no site is named.
fn full_uri<'a>(at: &At<'a>) -> Option<Value<'a>> {
    let head = at.header();
    let Some(Start::Request { method, uri, .. }) = start(at) else { return None };
    // RFC 3986 §3.1; a query may hold an address, too.
    let scheme = uri.iter().position(|byte| !byte.is_ascii_alphanumeric() && !b"+-.".contains(byte));
    let is_absolute = scheme.and_then(|end| uri.get(end..)).is_some_and(|rest| rest.starts_with(b"://"));
    if method == b"CONNECT" || is_absolute {
        return Some(Value::Text(uri));
    }
    header(head, "host")?;
    Some(Value::Made(Made::new(head, 0, |head, _, out| {
        let Some(Start::Request { uri, .. }) = Start::read(line(head).0) else { return };
        out.extend_from_slice(b"http://");
        out.extend_from_slice(header(head, "host").unwrap_or_default());
        write_addresses(uri, out);
    })))
}

fn each<'a>(at: &At<'a>, name: &'static str, give: &mut dyn FnMut(Value<'a>) -> bool) {
    let _ = values(at.header(), name).map(Value::Text).all(give);
}

/// The values of the headers of one name, as they stand.
macro_rules! header {
    ($field:literal $label:literal $name:literal $help:literal) => {
        Field::many($field, $label, Kind::Text, |at, give| each(at, $name, give)).about($help, RFC)
    };
}

fn lines<'a>(at: &At<'a>, request: bool, give: &mut dyn FnMut(Value<'a>) -> bool) {
    if matches!(start(at), Some(Start::Request { .. })) != request {
        return;
    }
    let lines = at.header().split(|byte| *byte == b'\n').skip(1).take(super::MOST_LINES);
    let told = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty());
    let _ = told.map(Value::Text).all(give);
}

#[rustfmt::skip]
pub static FIELDS: &[Field] = &[
    Field::one("http.request", "Request", Kind::Bool, |at| request(at, |[method, ..]| method).map(|_| Value::Bool(true)))
        .computed()
        .about("A client asks", LINE),
    Field::one("http.request.method", "Method", Kind::Text, |at| request(at, |[method, ..]| method))
        .about("What is to be done", LINE),
    Field::one("http.request.uri", "Target", Kind::Text, |at| request(at, |[_, uri, _]| uri)).about("With what", LINE),
    Field::one("http.request.full_uri", "Full target", Kind::Text, full_uri)
        .computed()
        .about("Where the target is to be found", "RFC 9110 §7.1"),
    Field::one("http.request.version", "Version", Kind::Text, |at| request(at, |[.., version]| version))
        .about("Version of HTTP that the client speaks", LINE),
    Field::one("http.response", "Response", Kind::Bool, |at| response(at, |_, _, _| Value::Bool(true)))
        .computed()
        .about("A server answers", STATUS),
    Field::one("http.response.version", "Version", Kind::Text, |at| response(at, |version, _, _| Value::Text(version)))
        .about("Version of HTTP that the server speaks", STATUS),
    Field::one("http.response.code", "Status", Kind::Dec, |at| response(at, |_, code, _| Value::Uint(code.into())))
        .words(statuses)
        .about("How it went", STATUS),
    Field::one("http.response.phrase", "Phrase", Kind::Text, |at| response(at, |_, _, phrase| Value::Text(phrase)))
        .about("The status in the server's words", STATUS),
    Field::one("http.content_length", "Body length", Kind::Dec, |at| header(at.header(), "content-length").and_then(number).map(Value::Uint))
        .computed()
        .about("Bytes of the body", RFC),
    Field::one("http.authorization", "Authorization", Kind::Text, |at| {
        header(at.header(), "authorization").map(Value::Text)
    })
    .about("Proof of who the client is", "RFC 9110 §11.6.2"),
    Field::one("http.proxy_authorization", "Proxy authorization", Kind::Text, |at| {
        header(at.header(), "proxy-authorization").map(Value::Text)
    })
    .about("The same for a proxy", "RFC 9110 §11.7.2"),
    Field::many("http.request.line", "Header line", Kind::Text, |at, give| lines(at, true, give))
        .combined()
        .about("Header lines of a request as they stand", LINE),
    Field::many("http.response.line", "Header line", Kind::Text, |at, give| lines(at, false, give))
        .combined()
        .about("Header lines of a response as they stand", STATUS),
    header!("http.host" "Host" "host" "Which of the server's sites is meant"),
    header!("http.user_agent" "User agent" "user-agent" "The program that asks"),
    header!("http.accept" "Accept" "accept" "Types that the client takes"),
    header!("http.accept_language" "Accept-Language" "accept-language" "Languages that the client's user reads"),
    header!("http.accept_encoding" "Accept-Encoding" "accept-encoding" "Compressions that the client can undo"),
    header!("http.connection" "Connection" "connection" "Whether the connection stays open"),
    header!("http.referer" "Referer" "referer" "The page that led here"),
    header!("http.cookie" "Cookie" "cookie" "What the server asked the client to remember"),
    header!("http.set_cookie" "Set-Cookie" "set-cookie" "What the client is asked to remember"),
    header!("http.content_type" "Content type" "content-type" "What the body is"),
    header!("http.content_length_header" "Content-Length" "content-length" "Bytes of the body, as the header says it"),
    header!("http.content_encoding" "Content encoding" "content-encoding" "How the body is compressed"),
    header!("http.transfer_encoding" "Transfer encoding" "transfer-encoding" "How the body's end is found: chunks say it themselves"),
    header!("http.upgrade" "Upgrade" "upgrade" "Another protocol to go on with"),
    header!("http.date" "Date" "date" "When the message was made"),
    header!("http.cache_control" "Cache-Control" "cache-control" "Who may keep the answer, how long"),
    header!("http.last_modified" "Last-Modified" "last-modified" "When the content was changed"),
    header!("http.server" "Server" "server" "The program that answers"),
    header!("http.location" "Location" "location" "Where to go instead"),
    header!("http.www_authenticate" "WWW-Authenticate" "www-authenticate" "How the client is to prove who it is"),
    header!("http.sec_websocket_key" "Sec-WebSocket-Key" "sec-websocket-key" "What the server has to answer to, turned"),
    header!("http.sec_websocket_accept" "Sec-WebSocket-Accept" "sec-websocket-accept" "The key, turned"),
    header!("http.sec_websocket_version" "Sec-WebSocket-Version" "sec-websocket-version" "Version of WebSocket"),
    header!("http.sec_websocket_protocol" "Sec-WebSocket-Protocol" "sec-websocket-protocol" "What is spoken inside WebSocket"),
    header!("http.x_forwarded_for" "X-Forwarded-For" "x-forwarded-for" "The client behind a proxy, as the proxy says"),
];

/// Status codes (RFC 9110 §15).
pub fn statuses(number: u64) -> Option<&'static str> {
    Some(match number {
        100 => "continue",
        101 => "switching protocols",
        200 => "OK",
        201 => "created",
        202 => "accepted",
        204 => "no content",
        206 => "partial content",
        301 => "moved permanently",
        302 => "found",
        303 => "see other",
        304 => "not modified",
        307 => "temporary redirect",
        308 => "permanent redirect",
        400 => "bad request",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not found",
        405 => "method not allowed",
        408 => "request timeout",
        409 => "conflict",
        410 => "gone",
        411 => "length required",
        413 => "content too large",
        414 => "URI too long",
        415 => "unsupported media type",
        418 => "I'm a teapot",
        426 => "upgrade required",
        429 => "too many requests",
        500 => "internal server error",
        501 => "not implemented",
        502 => "bad gateway",
        503 => "service unavailable",
        504 => "gateway timeout",
        505 => "HTTP version not supported",
        _ => return None,
    })
}
