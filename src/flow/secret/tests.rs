//! What is covered of conversations in which passwords are said, in whatever pieces.

mod cut;
mod unseen;

use super::lines::Lines;
use super::talk::{GAPS, Half, KEPT, Speech};
use super::terminal::Terminal;
use super::*;
use crate::flow::FlowTable;
use crate::flow::sample::{self, Connection, DATA, SYN, read};
use crate::wire::Value;

/// A conversation with a port of a server: what its packets show once their secrets are covered with `*`.
struct Said {
    table: FlowTable,
    connection: Connection,
    shown: Vec<String>,
}

impl Said {
    fn with(port: u16) -> Self {
        let connection = Connection { next: [1001, 5000], ..Connection::to(port) };
        let mut said = Self { table: FlowTable::new(), connection, shown: Vec::new() };
        said.segment(true, 1000, SYN, b"");
        said
    }

    fn client(&mut self, data: &str) -> &mut Self {
        let bytes = self.connection.say(true, data.as_bytes());
        self.read(&bytes, data.as_bytes())
    }

    fn server(&mut self, data: &str) -> &mut Self {
        let bytes = self.connection.say(false, data.as_bytes());
        self.read(&bytes, data.as_bytes())
    }

    fn segment(&mut self, from_client: bool, sequence: u32, flags: u8, data: &[u8]) {
        self.read(&self.connection.segment(from_client, sequence, flags, data), data);
    }

    fn read(&mut self, bytes: &[u8], data: &[u8]) -> &mut Self {
        let shown = read(&mut self.table, bytes, |packet, known| {
            let places = Places::of(packet, known.facts);
            assert_eq!(known.facts.secrets.any, !places.is_empty());
            places.covered(data, bytes.len() - data.len())
        });
        if !data.is_empty() {
            self.shown.push(String::from_utf8_lossy(&shown).into_owned());
        }
        self
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
        let again = said.connection.next[0] - 4;
        said.segment(true, again, DATA, b"na\r\n");
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
    let again = telnet.connection.next[0] - 2;
    telnet.segment(true, again, DATA, b"aj");
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
    telnet.segment(true, 1001, DATA, b"ana\r\n");
    telnet.client("tajna\r\n");
    assert_eq!(telnet.shown, ["ana\r\n", "Password: ", "ana\r\n", "*****\r\n"]);
}

#[test]
fn conversations_are_bounded() {
    let mut watch = Watch::default();
    for stream in 0..10_000 {
        let mut talk = Talk::new(Protocol::Http);
        let begun = if stream % 2 == 0 { &b""[..] } else { b"\x10\x09" };
        talk.client.at.frames.read(Protocol::Mqtt, begun, [0, 0], false, &mut |_| {});
        watch.keep(stream, talk);
    }
    assert_eq!((watch.asked.len(), watch.calm.len()), (MOST, MOST));
    assert!(watch.talk(9_999).is_some() && watch.may_know(9_999) && watch.talk(1).is_none());
    let (mut half, mut lines, mut terminal) = (Half::default(), Lines::default(), Terminal::default());
    for number in 0..1000 {
        half.cover(number * 10..number * 10 + 5);
        half.leave_gap(number * 10..number * 10 + 5);
        lines.client(Protocol::Ftp, &[b'x'; 500], [0, 0], &mut |_| {});
        terminal.server(&[b'x'; 500], &mut |_| {});
    }
    assert!(half.gaps.len() <= GAPS && half.covered.len() <= KEPT && lines.kept() <= 512 && terminal.kept() <= 96);
    let mut found = Found::default();
    (0..100).for_each(|place| found.add(place * 10..place * 10 + 5));
    assert_eq!(found.known_before().last(), Some(30..995));
}

#[test]
fn a_conversation_that_awaits_a_password_stays_when_others_come() {
    let mut watch = Watch::default();
    let mut talk = Talk::new(Protocol::Telnet);
    if let Speech::Terminal(terminal) = &mut talk.client.at.speech {
        terminal.server(b"Password: ", &mut |_| {});
    }
    watch.keep(0, talk);
    (1..10_000).for_each(|stream| watch.keep(stream, Talk::new(Protocol::Telnet)));
    assert!(watch.talk(0).is_some() && watch.talk(1).is_none());
}

#[test]
fn a_head_in_two_segments_is_covered_in_both() {
    let mut http = Said::with(80);
    http.client("GET / HTTP/1.1\r\nCookie: a=taj").client("na\r\nAuthorization: Basic tajna\r\n\r\n").client("tajna");
    let first = "GET / HTTP/1.1\r\nCookie: a=***";
    assert_eq!(http.shown, [first, "**\r\nAuthorization: ***********\r\n\r\n", "tajna"]);
    let mut http = Said::with(80);
    http.client("GET / HTTP/1.1\r\nAuthoriz").client("ation: Basic").client(" tajna\r\nX: y\r\n\r\n");
    assert_eq!(http.shown[1..], ["ation: *****", " *****\r\nX: y\r\n\r\n"]);
    let mut http = Said::with(80);
    http.server("HTTP/1.1 200 OK\r\nX: y").server("z\r\nSet-Cookie: a=tajna; Path=/\r\n\r\n").server("Cookie: tajna");
    assert_eq!(http.shown[1..], ["z\r\nSet-Cookie: a=*****; Path=/\r\n\r\n", "Cookie: tajna"]);
    let mut sip = Said::with(5060);
    sip.client("REGISTER sip:a SIP/2.0\r\nAuthorization: Digest").client(" tajna\r\n\r\n");
    assert_eq!(sip.shown[1], " *****\r\n\r\n");
}

#[test]
fn a_request_behind_a_body_is_found_in_the_middle_of_a_segment() {
    let mut http = Said::with(80);
    http.client("POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\n1234")
        .client("5678GET / HTTP/1.1\r\nCookie: a=tajna\r\n\r\n");
    assert_eq!(http.shown[1], "5678GET / HTTP/1.1\r\nCookie: a=*****\r\n\r\n");
}

#[test]
fn lines_that_go_on_and_lines_behind_many_are_covered() {
    let mut http = Said::with(80);
    let many = "A: b\r\n".repeat(200);
    http.client(&format!("GET / HTTP/1.1\r\n{many}Authorization: Basic\r\n tajna\r\nX: y\r\n\r\n"));
    assert!(http.shown[0].ends_with("Authorization: *****\r\n *****\r\nX: y\r\n\r\n"), "{}", http.shown[0]);
}

#[test]
fn behind_many_commands_of_a_segment_a_password_is_covered() {
    for (port, many, last) in [
        (21, "NOOP\r\n", "PASS tajna\r\n"),
        (110, "USER a\r\n", "PASS tajna\r\n"),
        (25, "NOOP\r\n", "AUTH PLAIN tajna\r\n"),
        (143, "a NOOP\r\n", "b LOGIN ana tajna\r\n"),
        (6379, "PING\r\n", "AUTH tajna\r\n"),
        (6379, "*1\r\n$4\r\nPING\r\n", "*2\r\n$4\r\nAUTH\r\n$5\r\ntajna\r\n"),
        (80, "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nCookie: a=tajna\r\n\r\n"),
        (
            5060,
            "OPTIONS sip:a SIP/2.0\r\nl: 0\r\n\r\n",
            "REGISTER sip:a SIP/2.0\r\nl: 0\r\nAuthorization: tajna\r\n\r\n",
        ),
    ] {
        let mut said = Said::with(port);
        said.client(&[many.repeat(40), last.to_owned()].concat());
        assert!(said.shown[0].ends_with(&last.replace("tajna", "*****")), "{port}: {}", said.shown[0]);
    }
}

#[test]
fn answers_to_a_question_are_covered_in_whatever_pieces() {
    let mut smtp = Said::with(587);
    smtp.client("AUTH XOAUTH2\r\n").server("334 \r\n").client("dXNlcj1h").client("AWF1dGg").client("=\r\n");
    smtp.server("235 in\r\n").client("MAIL FROM:<a@x>\r\n");
    assert_eq!(smtp.shown[2..], ["********", "*******", "*\r\n", "235 in\r\n", "MAIL FROM:<a@x>\r\n"]);
    let mut piped = Said::with(25);
    piped.client("AUTH LOGIN\r\nYW5h\r\ndGFqbmE= \r\nQUIT\r\n");
    assert_eq!(piped.shown, ["AUTH LOGIN\r\n****\r\n*********\r\nQUIT\r\n"]);
    let mut imap = Said::with(143);
    imap.client("a AUTHENTICATE PLAIN\r\n").server("+ \r\n").client("AHVz").client("ZXI\r\n").server("a OK in\r\n");
    imap.client("b NOOP\r\n");
    assert_eq!(imap.shown[2..], ["****", "***\r\n", "a OK in\r\n", "b NOOP\r\n"]);
    let mut pop = Said::with(110);
    pop.client("AUTH PLAIN\r\n")
        .server("+ \r\n")
        .client("AHVz")
        .client("ZXI=\r\n")
        .server("+OK\r\n")
        .client("STAT\r\n");
    assert_eq!(pop.shown[2..], ["****", "****\r\n", "+OK\r\n", "STAT\r\n"]);
}

#[test]
fn a_letter_is_not_taken_for_passwords() {
    let mut smtp = Said::with(25);
    smtp.client("DATA\r\n")
        .server("354 go on\r\n")
        .client("Hello\r\n\r\nAUTH PLAIN\r\n")
        .client("AUTH LOGIN\r\nof it\r\n");
    smtp.client(".\r\n").server("250 OK\r\n").client("AUTH PLAIN tajna\r\n");
    assert_eq!(smtp.shown[2..4], ["Hello\r\n\r\nAUTH PLAIN\r\n", "AUTH LOGIN\r\nof it\r\n"]);
    assert_eq!(smtp.shown[6], "AUTH PLAIN *****\r\n");
}

#[test]
fn addresses_with_a_password_are_covered() {
    let mut http = Said::with(80);
    http.client("GET http://ana:tajna@host/ HTTP/1.1\r\nReferer: http://ana:tajna@h/\r\n\r\n");
    assert_eq!(http.shown, ["GET http://ana:*****@host/ HTTP/1.1\r\nReferer: http://ana:*****@h/\r\n\r\n"]);
    let mut sip = Said::with(5060);
    sip.client("REGISTER sip:ana:tajna@b SIP/2.0\r\n\r\n");
    assert_eq!(sip.shown, ["REGISTER sip:ana:*****@b SIP/2.0\r\n\r\n"]);
}

#[test]
fn redis_takes_passwords_with_signs_and_in_pieces() {
    let mut redis = Said::with(6379);
    redis
        .client("*5\r\n$3\r\nACL\r\n$7\r\nSETUSER\r\n$3\r\nana\r\n$2\r\non\r\n$6\r\n>tajna\r\n")
        .client("ACL SETUSER ana >tajna\r\n")
        .client("*4\r\n$7\r\nMIGRATE\r\n$5\r\nAUTH2\r\n$3\r\nana\r\n$5\r\ntajna\r\n")
        .client("CONFIG SET \"requirepass\" tajna\r\n")
        .client("  auth tajna\r\n")
        .client("*2\r\n$4\r\nAUTH\r\n")
        .client("$5\r\nta")
        .client("jna\r\n*1\r\n$4\r\nPING\r\n");
    let shown = &redis.shown;
    assert!(shown[0].ends_with("$6\r\n******\r\n") && shown[2].ends_with("$3\r\n***\r\n$5\r\n*****\r\n"), "{shown:?}");
    assert_eq!(shown[1], "ACL SETUSER ana ******\r\n");
    assert_eq!(shown[3..5], ["CONFIG SET \"requirepass\" *****\r\n", "  auth *****\r\n"]);
    assert_eq!(shown[6..], ["$5\r\n**", "***\r\n*1\r\n$4\r\nPING\r\n"]);
}

#[test]
fn a_message_of_mqtt_in_two_segments_is_covered_from_the_password_on() {
    let mut mqtt = Said::with(1883);
    mqtt.client("\x10\x1b\0\x04MQTT\x04@\0<\0\x02id\0\x0btaj").client("na-tajna").client("0\x02\0\0");
    assert_eq!(mqtt.shown[0], "\x10\x1b\0\x04MQTT\x04@\0<\0\x02id\0\x0b***");
    assert_eq!(mqtt.shown[1..], ["********", "0\x02\0\0"]);
}

#[test]
fn commands_are_known_however_they_are_written() {
    let mut ftp = Said::with(21);
    ftp.server("220 hi\r\n").client(" PASS tajna\r\n").client("PASS\ttajna\r\n").client("PA").client("SS tajna\r\n");
    assert_eq!(ftp.shown[1..], [" PASS *****\r\n", "PASS\t*****\r\n", "PA", "SS *****\r\n"]);
    let mut imap = Said::with(143);
    imap.client("a-1 LOGIN ana tajna\r\n").client("[a]$_1 LOGIN ana tajna\r\n").client("a LOGIN ana {7}\r\n");
    imap.server("+ go on\r\n").client("a\r\ntajn\r\n").client("b NOOP\r\n");
    assert_eq!(imap.shown[..2], ["a-1 LOGIN ana *****\r\n", "[a]$_1 LOGIN ana *****\r\n"]);
    assert_eq!(imap.shown[4..], ["*******\r\n", "b NOOP\r\n"]);
}

#[test]
fn what_is_said_again_in_other_pieces_is_covered_as_the_first_time() {
    let mut ftp = Said::with(21);
    ftp.client("PASS taj").client("na\r\n");
    let first = ftp.connection.next[0] - 12;
    ftp.segment(true, first + 3, DATA, b"S tajna\r\n");
    ftp.segment(true, first + 6, DATA, b"ajna\r\nLIST\r\n");
    assert_eq!(ftp.shown[2..], ["S *****\r\n", "****\r\nLIST\r\n"]);
    let mut whole = Said::with(21);
    whole.client("PASS tajna\r\n");
    whole.segment(true, 1003, DATA, b"SS tajna\r\n");
    assert_eq!(whole.shown[1], "SS *****\r\n");
}

#[test]
fn the_rest_of_a_line_that_came_before_its_beginning_is_covered() {
    let mut ftp = Said::with(21);
    ftp.server("220 hi\r\n");
    ftp.segment(true, 1009, DATA, b"na\r\nLIST\r\n");
    ftp.segment(true, 1001, DATA, b"PASS taj");
    assert_eq!(ftp.shown[1..], ["**\r\nLIST\r\n", "PASS ***"]);
    let mut lost = Said::with(21);
    lost.server("220 hi\r\n");
    lost.segment(true, 1100, DATA, b"NOOP\r\n");
    assert_eq!(lost.shown[1], "NOOP\r\n");
}

#[test]
fn questions_are_known_in_many_forms() {
    for question in ["Password: \r\n", "Pass\x1b[0mword: ", "Enter PIN: ", "Heslo: ", "Пароль: ", "Mot de passe : "]
    {
        let mut telnet = Said::with(23);
        telnet.server(question).client("tajna\r\n").client("ls\r\n");
        assert_eq!(telnet.shown[1..], ["*****\r\n", "ls\r\n"], "{question}");
    }
    for other in ["Last password change: never\r\n", "ping: ", "spinning: "] {
        let mut telnet = Said::with(23);
        telnet.server(other).client("ls\r\n");
        assert_eq!(telnet.shown[1], "ls\r\n", "{other}");
    }
}

#[test]
fn what_is_typed_ahead_of_the_question_is_covered() {
    let mut telnet = Said::with(23);
    telnet
        .server("login: ")
        .client("ana\r\ntajna\r\n")
        .server("ana\r\nPassword: ")
        .client("tajna\r\n")
        .client("ls\r\n");
    assert_eq!(telnet.shown[1], "ana\r\n*****\r\n");
    assert_eq!(telnet.shown[3..], ["*****\r\n", "ls\r\n"]);
    let mut open = Said::with(23);
    open.server("login: ").client("ana\r\n").server("\r\nWelcome\r\n$ ").client("ls\r\n");
    assert_eq!(open.shown[3], "ls\r\n");
}

#[test]
fn a_value_is_covered_where_it_is_secret() {
    let frame = b"GET http://ana:tajna@b/ tajna";
    let places = Places { frame, ranges: vec![15..20, 24..29] };
    let text = |value: Value<'_>| match places.shown(value) {
        Value::Made(made) => String::from_utf8(made.text()).unwrap(),
        Value::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
        other => format!("{other:?}"),
    };
    assert_eq!(text(Value::Text(&frame[4..23])), "http://ana:***@b/");
    assert_eq!((text(Value::Text(&frame[24..])), text(Value::Bytes(&frame[4..23]))), ("***".into(), "***".into()));
    assert_eq!(text(Value::Text(&frame[..14])), "GET http://ana");
    assert!(places.contains(15) && places.contains(19) && !places.contains(20) && !places.contains(14));
    assert_eq!(places.covered(&frame[13..22], 13), b"a:*****@b");
}

#[test]
fn a_head_in_front_of_another_protocol_is_covered_too() {
    // The server agrees to WebSocket, and its first frame lies in the same segment.
    let mut said = Said::with(80);
    said.client("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: a\r\n\r\n");
    said.server(
        "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSet-Cookie: a=tajna\r\n\
Sec-WebSocket-Accept: a\r\n\r\n\u{1}\u{2}hi",
    );
    assert!(said.shown[1].contains("Set-Cookie: a=*****\r\n"), "{:?}", said.shown);
}

#[test]
fn a_long_list_of_cookies_is_covered_when_it_comes_again() {
    let mut http = Said::with(80);
    let list = (0..100).map(|number| format!("c{number}=tajna; ")).collect::<String>() + "last=tajna\r\n\r\n";
    http.client("GET / HTTP/1.1\r\nCookie: first=1; ").client(&list);
    let again = http.connection.next[0] - list.len() as u32;
    http.segment(true, again, DATA, list.as_bytes());
    assert!(http.shown[1..].iter().all(|shown| !shown.contains("tajna")), "{:?}", http.shown);
}

#[test]
fn a_segment_of_many_secrets_takes_no_longer_than_one_without() {
    // What looks at all secrets for each of them takes minutes here.
    let mut http = Said::with(80);
    let head = |name: &str| format!("GET / HTTP/1.1\r\n{name}: {}", "a;".repeat(30_000));
    for _ in 0..20 {
        http.client(&head("Cookie"));
    }
    assert_eq!((http.shown.len(), http.shown[19].contains('a')), (20, false));
}

#[test]
fn what_an_error_quotes_is_covered() {
    let quoted = sample::segment([(1, 40_000), (2, 21)], [1, 0], DATA, b"PASS tajna\r\n");
    let mut bytes = vec![0x45, 0, 0, 28 + quoted.len() as u8, 0, 1, 0, 0, 64, 1, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1];
    bytes.extend([3, 1, 0, 0, 0, 0, 0, 0]);
    bytes.extend(quoted);
    let shown = read(&mut FlowTable::new(), &bytes, |packet, known| Places::of(packet, known.facts).covered(&bytes, 0));
    assert!(shown.ends_with(b"PASS *****\r\n"), "{}", String::from_utf8_lossy(&shown));
}
