//! The File Transfer Protocol's control connection (RFC 959, RFC 2428 for EPRT and EPSV).
//!
//! A command is a line, a reply one or several. Where the data go is said in words of six numbers (PORT, the answer to
//! PASV) or between bars (EPRT, the answer to EPSV).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::application::{Look, Tone};
use super::line::{self, Side};
use super::{Address, At, Field, Kind, Protocol, Stop, Value, Walk, utf8};

pub const PORTS: &[u16] = &[21];

const RFC: &str = "RFC 959";
/// Commands whose argument is secret.
const SECRET: &[&str] = &["PASS", "ACCT", "ADAT"];
/// Commands of a server's own whose argument is.
const SECRET_OF_SITE: &[&str] = &["PASSWD", "PSWD", "PASS", "GPASS"];
const EXTENDED: &str = "RFC 2428";
/// Bytes of data that are told.
const QUOTED: usize = 60;

pub(super) fn look(look: &Look<'_>) -> bool {
    if !line::is_text(look) {
        return false;
    }
    let (word, _) = line::word(command_of(line::bare(line::first(look.data))));
    look.is_from(PORTS) || ((3..=4).contains(&word.len()) && word.iter().all(u8::is_ascii_alphabetic))
}

pub(super) fn decode(walk: &mut Walk<'_, '_>) -> Stop {
    line::messages(walk, Protocol::Ftp, PORTS, |data, side| match side {
        Side::Client => line::first(data).len(),
        _ => line::reply_length(data),
    })
}

/// Command and argument, where the client sends.
fn request<'a>(at: &At<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let line = line::bare(line::first(at.header()));
    let is_request = match Side::of_layer(at, PORTS) {
        Side::Client => true,
        Side::Server => false,
        Side::Unknown => line::reply(line).is_none(),
    };
    is_request.then(|| line::word(command_of(line)))
}

fn argument<'a>(at: &At<'a>) -> Option<Value<'a>> {
    let (_, argument) = request(at)?;
    (!argument.is_empty()).then_some(Value::Text(argument))
}

/// A line without the blanks and the Telnet command (RFC 959 §4.1.3) that may stand before its command.
fn command_of(line: &[u8]) -> &[u8] {
    let mut line = line.trim_ascii_start();
    while let [255 | 240..=250, rest @ ..] = line {
        line = rest;
    }
    line.trim_ascii_start()
}

/// The first line of a message, without what stands behind a carriage return in it.
pub fn first_line(message: &[u8]) -> &[u8] {
    let line = line::bare(line::first(message));
    memchr::memchr(b'\r', line).and_then(|end| line.get(..end)).unwrap_or(line)
}

/// The command in a line, and what stands behind it.
pub fn command(line: &[u8]) -> (&[u8], &[u8]) {
    line::word(command_of(line))
}

/// Nothing in the data of a file says what they are: who heard of the connection knows (`flow::ftp`).
pub(super) fn look_data(_: &Look<'_>) -> bool {
    false
}

pub(super) fn decode_data(walk: &mut Walk<'_, '_>) -> Stop {
    walk.text(Protocol::FtpData, usize::MAX).err().unwrap_or(Stop::End)
}

/// The beginning of data that are text.
pub(super) fn tell_data(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let data = at.header();
    let shown = utf8::beginning(data, QUOTED);
    let acts = |byte: &u8| *byte < 32 && !matches!(byte, b'\r' | b'\n' | b'\t');
    if !shown.is_empty() && std::str::from_utf8(shown).is_ok() && !shown.iter().any(acts) {
        out.push(b'"');
        out.extend_from_slice(shown);
        out.extend_from_slice(if shown.len() < data.len() { "…\"".as_bytes() } else { b"\"" });
    }
    Tone::Plain
}

/// Whether a word is a command of the protocol and of its extensions.
pub fn is_command(word: &[u8]) -> bool {
    const COMMANDS: &[&str] = &[
        "USER", "PASS", "ACCT", "CWD", "CDUP", "SMNT", "QUIT", "REIN", "PORT", "PASV", "TYPE", "STRU", "MODE", "RETR",
        "STOR", "STOU", "APPE", "ALLO", "REST", "RNFR", "RNTO", "ABOR", "DELE", "RMD", "MKD", "PWD", "LIST", "NLST",
        "SITE", "SYST", "STAT", "HELP", "NOOP", "FEAT", "OPTS", "AUTH", "ADAT", "PBSZ", "PROT", "CCC", "EPRT", "EPSV",
        "SIZE", "MDTM", "MFMT", "MLST", "MLSD", "CLNT", "LANG", "HOST", "XCWD", "XPWD", "XMKD", "XRMD", "XCUP",
    ];
    line::is_one_of(word, COMMANDS)
}

/// From which byte on a line is secret. Some servers take a carriage return alone for the end of one.
pub(super) fn secret_from(line: &[u8]) -> Option<usize> {
    let mut begins = 0;
    line.split(|byte| *byte == b'\r').find_map(|piece| {
        let from = secret_of(piece).map(|from| begins + from);
        begins += piece.len() + 1;
        from
    })
}

fn secret_of(line: &[u8]) -> Option<usize> {
    let (command, argument) = line::word(command_of(line));
    let argument = match line::word(argument) {
        (own, argument) if line::is_one_of(command, &["SITE"]) && line::is_one_of(own, SECRET_OF_SITE) => argument,
        _ if line::is_one_of(command, SECRET) => argument,
        _ => return None,
    };
    (!argument.is_empty()).then(|| line::offset(line, argument))
}

pub(super) fn secrets<'a>(at: &At<'a>, give: &mut dyn FnMut(&'a [u8])) {
    let side = Side::of_layer(at, PORTS);
    if side == Side::Server {
        return;
    }
    for line in line::each(at.header()).map(line::bare) {
        give(secret_from(line).and_then(|from| line.get(from..)).unwrap_or_default());
    }
}

/// The argument of one command.
fn of<'a>(at: &At<'a>, wanted: &str) -> Option<&'a [u8]> {
    let (command, argument) = request(at)?;
    line::is_one_of(command, &[wanted]).then_some(argument)
}

/// The text of the one reply with this code.
fn answer<'a>(at: &At<'a>, code: u16) -> Option<&'a [u8]> {
    if request(at).is_some() {
        return None;
    }
    let reply = line::reply(line::first(at.header())).filter(|reply| reply.code == code)?;
    Some(reply.text)
}

/// An address of six numbers: `10,0,5,2,156,131`, wherever in the text it begins.
fn six(text: &[u8]) -> Option<([u8; 4], u16)> {
    let start = text.iter().position(u8::is_ascii_digit)?;
    let numbers = text.get(start..)?;
    let end = numbers.iter().position(|byte| !byte.is_ascii_digit() && *byte != b',').unwrap_or(numbers.len());
    let mut numbers = std::str::from_utf8(numbers.get(..end)?).ok()?.split(',').map(str::parse::<u8>);
    let mut next = || numbers.next()?.ok();
    let address = [next()?, next()?, next()?, next()?];
    let port = u16::from_be_bytes([next()?, next()?]);
    numbers.next().is_none().then_some((address, port))
}

/// The parts between bars: `|1|10.0.5.1|33813|`; the bar is the first byte, whatever it is.
fn bars(text: &[u8]) -> Option<[&str; 3]> {
    let bar = *text.first()?;
    let mut parts = text.get(1..)?.split(|byte| *byte == bar).map(|part| std::str::from_utf8(part).ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

fn eprt<'a>(at: &At<'a>) -> Option<[&'a str; 3]> {
    bars(of(at, "EPRT")?)
}

/// The port that an answer to EPSV names.
fn epsv(at: &At<'_>) -> Option<u16> {
    passive(229, answer(at, 229)?).map(|(_, port)| port)
}

/// Where the data go, where the message says it.
fn data_end(at: &At<'_>) -> Option<(Option<[u8; 4]>, u16)> {
    let named = of(at, "PORT").or_else(|| answer(at, 227)).and_then(six);
    let port = || eprt(at).and_then(|[_, _, port]| port.parse().ok()).or_else(|| epsv(at));
    named.map(|(address, port)| (Some(address), port)).or_else(|| Some((None, port()?)))
}

/// Whether what a command asks for, or gives, goes over a connection of its own.
pub fn transfers(command: &[u8]) -> bool {
    line::is_one_of(command, &["RETR", "STOR", "STOU", "APPE", "LIST", "NLST", "MLSD"])
}

/// An end of a data connection that is to come: its address, where that is said, and its port.
pub type End = (Option<Address>, u16);

/// Where a client listens for the data, as its command says: PORT, EPRT.
pub fn active(command: &[u8], argument: &[u8]) -> Option<End> {
    if line::is_one_of(command, &["PORT"]) {
        return six(argument).map(|(address, port)| (Some(Address::V4(address)), port));
    }
    let [_, address, port] = bars(argument).filter(|_| line::is_one_of(command, &["EPRT"]))?;
    let address = match address.parse().ok()? {
        std::net::IpAddr::V4(address) => Address::V4(address.octets()),
        std::net::IpAddr::V6(address) => Address::V6(address.octets()),
    };
    Some((Some(address), port.parse().ok()?))
}

/// Where a server listens for the data, as its reply says: to PASV, to EPSV.
pub fn passive(code: u16, text: &[u8]) -> Option<End> {
    match code {
        227 => six(text).map(|(address, port)| (Some(Address::V4(address)), port)),
        229 => {
            let open = text.iter().position(|byte| *byte == b'(')?;
            Some((None, bars(text.get(open + 1..)?)?[2].parse().ok()?))
        }
        _ => None,
    }
}

pub(super) fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let tone = match request(at) {
        Some((command, _)) => line::tell_command(at, command, argument(at), out),
        None => line::tell_reply(at.header(), out),
    };
    if let Some((address, port)) = data_end(at) {
        let address = address.map(|address| format!("{}:", Ipv4Addr::from(address))).unwrap_or_default();
        let port = if address.is_empty() { format!("port {port}") } else { port.to_string() };
        out.extend_from_slice(format!(" [data to {address}{port}]").as_bytes());
    }
    tone
}

/// What data are is known by who followed what was said before.
pub static DATA_FIELDS: &[Field] = &[];

pub static FIELDS: &[Field] = &[
    Field::one("ftp.request", "Request", Kind::Bool, |at| Some(Value::Bool(request(at).is_some())))
        .computed()
        .about("The client speaks", RFC),
    Field::one("ftp.request.command", "Command", Kind::Text, |at| Some(Value::Text(request(at)?.0)))
        .about("What the client wants: USER, RETR, STOR, LIST, ...", "RFC 959 §4.1"),
    Field::one("ftp.request.arg", "Argument", Kind::Text, argument)
        .about("What stands behind the command; a password is shown covered", "RFC 959 §4.1"),
    Field::one("ftp.response", "Reply", Kind::Bool, |at| Some(Value::Bool(request(at).is_none())))
        .computed()
        .about("The server speaks", RFC),
    Field::many("ftp.response.code", "Code", Kind::Dec, |at, give| {
        if request(at).is_none() {
            let codes = line::each(at.header()).filter_map(line::reply);
            let _ = codes.map(|reply| Value::Uint(reply.code.into())).all(give);
        }
    })
    .about("2xx done, 3xx go on, 4xx try again, 5xx no", "RFC 959 §4.2"),
    Field::many("ftp.response.arg", "Text", Kind::Text, |at, give| {
        if request(at).is_none() {
            let lines = line::each(at.header());
            let texts = lines.map(|line| line::reply(line).map_or(line::bare(line), |reply| reply.text));
            let _ = texts.map(Value::Text).all(give);
        }
    })
    .about("The reply for a person", "RFC 959 §4.2"),
    Field::one("ftp.passive.ip", "Passive address", Kind::Ipv4, |at| {
        Some(Value::Ipv4(answer(at, 227).and_then(six)?.0))
    })
    .about("Where the client is to open the data connection to", "RFC 959 §4.1.2"),
    Field::one("ftp.passive.port", "Passive port", Kind::Dec, |at| {
        Some(Value::Uint(answer(at, 227).and_then(six)?.1.into()))
    })
    .about("Where the client is to open the data connection to: two numbers, the first times 256", "RFC 959 §4.1.2"),
    Field::one("ftp.active.cip", "Active address", Kind::Ipv4, |at| Some(Value::Ipv4(of(at, "PORT").and_then(six)?.0)))
        .about("Where the server is to open the data connection to", "RFC 959 §4.1.2"),
    Field::one("ftp.active.port", "Active port", Kind::Dec, |at| {
        Some(Value::Uint(of(at, "PORT").and_then(six)?.1.into()))
    })
    .about("Where the server is to open the data connection to: two numbers, the first times 256", "RFC 959 §4.1.2"),
    Field::one("ftp.eprt.af", "Address family", Kind::Dec, |at| Some(Value::Uint(eprt(at)?[0].parse().ok()?)))
        .about("1: IPv4, 2: IPv6", EXTENDED),
    Field::one("ftp.eprt.ip", "Active address", Kind::Ipv4, |at| {
        Some(Value::Ipv4(eprt(at)?[1].parse::<Ipv4Addr>().ok()?.octets()))
    })
    .about("Where the server is to open the data connection to", EXTENDED),
    Field::one("ftp.eprt.ipv6", "Active address", Kind::Ipv6, |at| {
        Some(Value::Ipv6(eprt(at)?[1].parse::<Ipv6Addr>().ok()?.octets()))
    })
    .about("Where the server is to open the data connection to", EXTENDED),
    Field::one("ftp.eprt.port", "Active port", Kind::Dec, |at| {
        Some(Value::Uint(eprt(at)?[2].parse::<u16>().ok()?.into()))
    })
    .about("Where the server is to open the data connection to", EXTENDED),
    Field::one("ftp.epsv.ip", "Passive address", Kind::Ipv4, |at| match at.packet.addresses(at.index)?.0 {
        Address::V4(address) => epsv(at).map(|_| Value::Ipv4(address)),
        Address::V6(_) => None,
    })
    .computed()
    .about("Where the client is to open the data connection to: the server itself", EXTENDED),
    Field::one("ftp.epsv.ipv6", "Passive address", Kind::Ipv6, |at| match at.packet.addresses(at.index)?.0 {
        Address::V6(address) => epsv(at).map(|_| Value::Ipv6(address)),
        Address::V4(_) => None,
    })
    .computed()
    .about("Where the client is to open the data connection to: the server itself", EXTENDED),
    Field::one("ftp.epsv.port", "Passive port", Kind::Dec, |at| Some(Value::Uint(epsv(at)?.into())))
        .about("Where the client is to open the data connection to", EXTENDED),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_where_the_data_go() {
        assert_eq!(six(b"Entering Passive Mode (10,0,5,2,156,131)."), Some(([10, 0, 5, 2], 40_067)));
        assert_eq!(six(b"10,0,5,1,132,21"), Some(([10, 0, 5, 1], 33_813)));
        assert_eq!(six(b"10,0,5,1,132"), None);
        assert_eq!(six(b"10,0,5,1,132,21,1"), None);
        assert_eq!(six(b"10,0,5,1,256,1"), None);
        assert_eq!(six(b"none"), None);
        assert_eq!(bars(b"|2|fd00:5::1|5000|"), Some(["2", "fd00:5::1", "5000"]));
        assert_eq!(bars(b"|||40058|)"), Some(["", "", "40058"]));
        assert_eq!(bars(b"|1|2"), None);
        assert_eq!(bars(b""), None);
        assert_eq!(active(b"port", b"10,0,5,1,132,21"), Some((Some(Address::V4([10, 0, 5, 1])), 33_813)));
        assert_eq!(active(b"EPRT", b"|1|10.0.5.1|80|"), Some((Some(Address::V4([10, 0, 5, 1])), 80)));
        assert_eq!(active(b"RETR", b"|1|10.0.5.1|80|"), None);
        assert_eq!(passive(229, b"Extended (|||40058|)"), Some((None, 40_058)));
        assert_eq!(passive(200, b"(|||40058|)"), None);
    }
}
