//! What is covered of conversations in which passwords are said, in whatever pieces.

use super::*;
use crate::flow::FlowTable;
use crate::frame::{Frame, LinkType};
use crate::wire::{Layers, decode};

/// A conversation with a port of a server: what its packets show once their secrets are covered with `*`.
struct Said {
    port: u16,
    table: FlowTable,
    /// Of client and server.
    next: [u32; 2],
    shown: Vec<String>,
}

impl Said {
    fn with(port: u16) -> Self {
        let mut said = Self { port, table: FlowTable::new(), next: [1000, 5000], shown: Vec::new() };
        said.segment(true, 1000, 2, b"");
        said.next[0] += 1;
        said
    }

    fn client(&mut self, data: &str) -> &mut Self {
        self.segment(true, self.next[0], 0x18, data.as_bytes());
        self.next[0] += data.len() as u32;
        self
    }

    fn server(&mut self, data: &str) -> &mut Self {
        self.segment(false, self.next[1], 0x18, data.as_bytes());
        self.next[1] += data.len() as u32;
        self
    }

    fn segment(&mut self, from_client: bool, sequence: u32, flags: u8, data: &[u8]) {
        let mut bytes = vec![0x45, 0];
        bytes.extend((40 + data.len() as u16).to_be_bytes());
        bytes.extend([0, 1, 0, 0, 64, 6, 0, 0]);
        let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        bytes.extend(if from_client { [client, server] } else { [server, client] }.concat());
        let ports = if from_client { [40_000, self.port] } else { [self.port, 40_000] };
        bytes.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        bytes.extend(sequence.to_be_bytes());
        bytes.extend([0, 0, 0, 0, 0x50, flags, 0x20, 0, 0, 0, 0, 0]);
        bytes.extend(data);
        let frame = Frame { link: LinkType::RAW, data: &bytes, length: bytes.len() as u32, ..Frame::empty() };
        let mut layers = Layers::new();
        let packet = decode(frame, &mut layers);
        let known = self.table.ingest(&packet);
        let places = places(&packet, known.facts);
        assert_eq!(known.facts.secrets.any, !places.is_empty());
        let shown = covered(data, bytes.len() - data.len(), &places);
        if !data.is_empty() {
            self.shown.push(String::from_utf8_lossy(&shown).into_owned());
        }
    }
}

#[test]
fn a_password_is_covered_in_its_message() {
    let mut ftp = Said::with(21);
    ftp.client("USER ana\r\n").server("331 password?\r\n").client("PASS tajna\r\n").client("LIST\r\n");
    assert_eq!(ftp.shown, ["USER ana\r\n", "331 password?\r\n", "PASS *****\r\n", "LIST\r\n"]);
    let mut imap = Said::with(143);
    imap.client("a LOGIN ana tajna\r\n").client("b SELECT INBOX\r\n");
    assert_eq!(imap.shown, ["a LOGIN ana *****\r\n", "b SELECT INBOX\r\n"]);
    let mut smtp = Said::with(25);
    smtp.client("AUTH LOGIN\r\n")
        .server("334 VXNlcm5hbWU6\r\n")
        .client("YW5h\r\n")
        .client("dGFqbmE=\r\n")
        .client("QUIT\r\n");
    assert_eq!(smtp.shown[2..], ["****\r\n", "********\r\n", "QUIT\r\n"]);
    let mut http = Said::with(80);
    http.client("GET / HTTP/1.1\r\nAuthorization: Basic dGFqbmE=\r\nHost: a\r\n\r\n");
    assert_eq!(http.shown, ["GET / HTTP/1.1\r\nAuthorization: **************\r\nHost: a\r\n\r\n"]);
}

#[test]
fn redis_takes_passwords_in_strings_and_in_a_line() {
    let mut redis = Said::with(6379);
    redis
        .client("*2\r\n$4\r\nAUTH\r\n$5\r\ntajna\r\n")
        .client("AUTH ana tajna\r\n")
        .client("CONFIG SET requirepass tajna\r\n");
    assert_eq!(
        redis.shown,
        ["*2\r\n$4\r\nAUTH\r\n$5\r\n*****\r\n", "AUTH *********\r\n", "CONFIG SET requirepass *****\r\n"]
    );
}

#[test]
fn a_password_in_two_segments_is_covered_in_both_and_when_they_come_again() {
    for port in [21, 110, 143, 25, 6379] {
        let first = match port {
            143 => "a LOGIN ana taj",
            25 => "AUTH PLAIN taj",
            6379 => "AUTH taj",
            _ => "PASS taj",
        };
        let mut said = Said::with(port);
        said.client(first).client("na\r\n");
        let again = said.next[0] - 4;
        said.segment(true, again, 0x18, b"na\r\n");
        said.client("NOOP\r\n");
        let covered = first.replace("taj", "***");
        assert_eq!(said.shown[..3], [covered.as_str(), "**\r\n", "**\r\n"], "{port}");
        assert!([110, 143].contains(&port) || said.shown[3] == "NOOP\r\n", "{port}: {:?}", said.shown);
    }
    let mut said = Said::with(21);
    said.client("PASS ").client("tajna\r\n").client("LIST\r\n");
    assert_eq!(said.shown, ["PASS ", "*****\r\n", "LIST\r\n"]);
}

#[test]
fn a_literal_that_is_a_password_is_covered() {
    let mut imap = Said::with(143);
    imap.client("a LOGIN {3}\r\n")
        .server("+ go on\r\n")
        .client("ana {5}\r\n")
        .server("+ go on\r\n")
        .client("tajna\r\n");
    imap.server("a OK in\r\n").client("b NOOP\r\n");
    assert_eq!(imap.shown[4], "*****\r\n");
    assert_eq!(imap.shown[6], "b NOOP\r\n");
}

#[test]
fn what_is_typed_behind_a_question_is_covered_letter_by_letter() {
    let mut telnet = Said::with(23);
    telnet.server("login: ").client("a").server("a").client("\r").server("\r\nPass").server("word: ");
    telnet.client("t").client("aj");
    let again = telnet.next[0] - 2;
    telnet.segment(true, again, 0x18, b"aj");
    telnet.client("na\r\0").server("\r\nLast password change: never\r\n$ ").client("l").client("s\r");
    let shown = ["*", "**", "**", "**\r\0", "\r\nLast password change: never\r\n$ ", "l", "s\r"];
    assert_eq!(telnet.shown[6..], shown);
    let mut others = Said::with(23);
    others.server("Lozinka: ").client("tajna\r\n").server("\r\nPassword: ").client("x").server("*").client("\r\n");
    assert_eq!(others.shown, ["Lozinka: ", "*****\r\n", "\r\nPassword: ", "*", "*", "\r\n"]);
}

#[test]
fn what_was_said_before_the_question_is_not_taken_for_the_answer() {
    let mut telnet = Said::with(23);
    telnet.client("ana\r\n").server("Password: ");
    telnet.segment(true, 1001, 0x18, b"ana\r\n");
    telnet.client("tajna\r\n");
    assert_eq!(telnet.shown, ["ana\r\n", "Password: ", "ana\r\n", "*****\r\n"]);
}

#[test]
fn conversations_are_bounded() {
    let mut watch = Watch::default();
    (0..10_000).for_each(|stream| watch.talk(stream).asked = true);
    assert_eq!(watch.talks.len(), MOST);
    assert!(watch.talks.contains_key(&9_999));
    let mut talk = Talk::default();
    for number in 0..1000 {
        talk.asked = true;
        talk.client(number * 10, b"tajna\r\n");
        talk.server(&[b'x'; 500], Protocol::Telnet);
    }
    assert!(talk.covered.len() <= KEPT && talk.line.len() <= LINE);
}
