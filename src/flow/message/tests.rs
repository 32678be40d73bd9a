//! Messages are found whole, and what is missing is told.

mod cut;

use super::collect::Collector;
use super::*;
use crate::flow::key::{Direction, Key};
use crate::flow::stream::Segment;
use crate::wire::tcp::Flags;

/// What one side says next.
#[derive(Clone, Debug)]
struct Say {
    from_client: bool,
    bytes: Vec<u8>,
}

fn client(bytes: impl AsRef<[u8]>) -> Say {
    Say { from_client: true, bytes: bytes.as_ref().to_vec() }
}

fn server(bytes: impl AsRef<[u8]>) -> Say {
    Say { from_client: false, bytes: bytes.as_ref().to_vec() }
}

/// Connections, fed segment by segment.
struct Wire {
    collector: Collector,
    frame: u64,
    /// The connection that speaks; what its server and its client have sent, and that of all others.
    stream: u32,
    sent: Vec<[u32; 2]>,
}

impl Wire {
    fn to(port: u16) -> Self {
        Self::with(port, Limits::default())
    }

    fn with(port: u16, limits: Limits) -> Self {
        let mut wire = Self { collector: Collector::new(limits), frame: 0, stream: 0, sent: Vec::new() };
        wire.open(port);
        wire
    }

    /// Another connection, to a port of the same server.
    fn open(&mut self, port: u16) {
        self.stream = self.sent.len() as u32;
        self.sent.push([1, 1]);
        self.collector.connection(self.stream, Key::of_ports(port), Direction::Up, true);
        for from_client in [true, false] {
            self.frame += 1;
            self.segment(from_client, Flags::SYN, 0, &[]);
        }
    }

    fn segment(&mut self, from_client: bool, flag: u16, sequence: u32, data: &[u8]) {
        let acknowledgment = self.sent[self.stream as usize][usize::from(from_client)];
        self.collector.segment(
            self.stream,
            &Segment {
                from_client,
                frame: self.frame,
                time: None,
                flags: Flags(flag | Flags::ACK),
                sequence,
                acknowledgment,
                length: data.len() as u32,
                data,
            },
        );
    }

    /// Sends bytes in one segment; a lost one is not captured.
    fn send(&mut self, from_client: bool, data: &[u8], captured: bool) {
        self.frame += 1;
        let sequence = self.sent[self.stream as usize][usize::from(!from_client)];
        if captured {
            self.segment(from_client, Flags::PSH, sequence, data);
        }
        self.sent[self.stream as usize][usize::from(!from_client)] += data.len() as u32;
    }

    /// Sends bytes in segments of these sizes, over and over.
    fn say(&mut self, say: &Say, sizes: &mut impl Iterator<Item = usize>) {
        let mut rest = say.bytes.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(sizes.next().unwrap_or(usize::MAX).clamp(1, rest.len()));
            self.send(say.from_client, now, true);
            rest = later;
        }
    }

    fn fin(&mut self) {
        for from_client in [true, false] {
            self.frame += 1;
            let sequence = self.sent[self.stream as usize][usize::from(!from_client)];
            self.segment(from_client, Flags::FIN, sequence, &[]);
        }
    }

    fn close(mut self) -> Vec<Message> {
        self.fin();
        self.collector.finish().messages
    }
}

/// An exchange in segments of the sizes given, over and over.
fn exchange(port: u16, said: &[Say], sizes: &[usize]) -> Vec<Message> {
    let mut wire = Wire::to(port);
    let mut sizes = sizes.iter().copied().cycle();
    said.iter().for_each(|say| wire.say(say, &mut sizes));
    wire.close()
}

/// What does not depend on how it was cut.
fn essence(messages: &[Message]) -> Vec<(u32, bool, u64, What, Body)> {
    let of = |message: &Message| {
        (message.number, message.from_client, message.place.offset, message.what.clone(), message.body.clone())
    };
    messages.iter().map(of).collect()
}

fn told(messages: &[Message]) -> Vec<String> {
    let tell = |message: &Message| {
        let mut out = Vec::new();
        message.tell(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    };
    messages.iter().map(tell).collect()
}

const ALL: &[usize] = &[usize::MAX];

#[test]
fn a_head_takes_no_room_for_what_is_behind_it() {
    let requests = b"GET / HTTP/1.1\r\n\r\n".repeat(200);
    let mut wire = Wire::to(80);
    wire.send(true, &requests, true);
    let messages = wire.close();
    let room: usize = messages
        .iter()
        .map(|message| match &message.what {
            What::Request { head, .. } => head.capacity(),
            _ => 0,
        })
        .sum();
    assert_eq!(messages.len(), 200);
    assert!(room < 4 * requests.len(), "{room} bytes for {}", requests.len());
}

#[test]
fn pairs_responses_with_requests_and_finds_their_bodies() {
    let said = [
        client(
            "GET /a HTTP/1.1\r\nHost: x\r\n\r\nHEAD /b HTTP/1.1\r\n\r\nPOST /c HTTP/1.1\r\nContent-Length: 3\r\n\r\nxyz",
        ),
        server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        server("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
        server("HTTP/1.1 100 Continue\r\n\r\n"),
        server("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nTrailer: t\r\n\r\n"),
        client("GET /d HTTP/1.0\r\n\r\n"),
        server("HTTP/1.0 200 OK\r\n\r\nuntil the close"),
    ];
    let messages = exchange(80, &said, ALL);
    assert_eq!(
        told(&messages),
        [
            "GET /a",
            "HEAD /b",
            "POST /c, 3 bytes",
            "200 OK to GET /a, 5 bytes",
            "200 OK to HEAD /b",
            "100 Continue to POST /c",
            "201 Created to POST /c, 3 bytes",
            "GET /d",
            "200 OK to GET /d, 15 bytes",
        ]
    );
    let What::Request { answer, .. } = &messages[2].what else { panic!("{:?}", messages[2]) };
    assert_eq!(*answer, Some(7));
    assert_eq!(messages[6].body.data, b"abc");
    assert!(messages.iter().all(|message| message.body.is_complete()), "{messages:#?}");
    let What::Response { asked: Some(asked), code: 200, .. } = &messages[3].what else { panic!("{:?}", messages[3]) };
    assert_eq!((asked.number, asked.host.as_slice()), (1, &b"x"[..]));
}

#[test]
fn http_is_found_on_any_port_and_ends_where_another_protocol_begins() {
    let said = [
        client("GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
        server("HTTP/1.1 101 Switching Protocols\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
        client("GET / HTTP/1.1\r\n\r\n"),
    ];
    for sizes in [ALL, &[1], &[7]] {
        let messages = exchange(9999, &said, sizes);
        assert_eq!(told(&messages), ["GET /chat", "101 Switching Protocols to GET /chat"]);
    }
    let tunnel = [
        client("CONNECT x:443 HTTP/1.1\r\n\r\n"),
        server("HTTP/1.1 200 Connection established\r\n\r\n"),
        client("GET / HTTP/1.1\r\n\r\n"),
    ];
    assert_eq!(exchange(8080, &tunnel, ALL).len(), 2);
    assert_eq!(exchange(9999, &[client("what is this"), server("nothing known")], ALL), []);
}

#[test]
fn a_gap_is_told_and_what_lies_behind_it_is_found_again() {
    let mut wire = Wire::to(80);
    wire.send(true, b"GET /a HTTP/1.1\r\n\r\n", true);
    wire.send(false, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", true);
    wire.send(false, b"def", false);
    wire.send(false, b"ghi", true);
    wire.send(true, b"GET /b HTTP/1.1\r\n\r\n", true);
    wire.send(false, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc", true);
    wire.send(false, b"defHTTP/1.1 404 Not Found\r\n\r\n", false);
    wire.send(true, b"GET /c HTTP/1.1\r\n\r\n", true);
    wire.send(false, b"no start line", true);
    wire.send(false, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", true);
    let messages = wire.close();
    let responses: Vec<_> = messages.iter().filter(|message| !message.from_client).collect();
    assert_eq!(responses[0].body.data, b"abc\0\0\0ghi");
    assert_eq!(responses[0].body.gaps, [Gap { at: 3, length: 3 }]);
    assert_eq!((responses[1].body.data.as_slice(), responses[1].body.missing()), (&b"abc\0\0\0"[..], 3));
    assert_eq!(told(&messages)[5], "200 OK to GET /c, 1 byte");
    assert!(responses[2].body.is_complete() && responses.len() == 3);
}

#[test]
fn what_the_capture_ends_in_is_incomplete() {
    let cases = [
        ("Content-Length: 10\r\n\r\nabc", End::Cut { missing: Some(7) }),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", End::Cut { missing: None }),
        ("Content-Len", End::Head),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabcxyz", End::Broken("a chunk is longer than its size")),
    ];
    for (rest, end) in cases {
        let said = [client("GET / HTTP/1.1\r\n\r\n"), server(format!("HTTP/1.1 200 OK\r\n{rest}"))];
        assert_eq!(exchange(80, &said, ALL)[1].body.end, end, "{rest}");
    }
    // Until the close, and nobody saw one.
    let mut wire = Wire::to(80);
    wire.send(false, b"HTTP/1.1 200 OK\r\n\r\nabc", true);
    assert_eq!(wire.collector.finish().messages[0].body.end, End::Cut { missing: None });
}

const LETTER: &str = "From: a\r\nSubject: x\r\nContent-Type: text/plain\r\n\r\nHi\r\n.\r\n..\r\n";

/// As it is sent.
fn dotted(letter: &str) -> String {
    let lines = letter.split_inclusive("\r\n");
    lines.map(|line| if line.starts_with('.') { format!(".{line}") } else { line.to_owned() }).collect::<String>()
        + ".\r\n"
}

fn smtp() -> Vec<Say> {
    vec![
        server("220 mail\r\n"),
        client("EHLO x\r\n"),
        server("250-mail\r\n250-AUTH PLAIN\r\n250 PIPELINING\r\n"),
        client("AUTH PLAIN\r\n"),
        server("334 \r\n"),
        client("REFUQQ==\r\n"),
        server("235 good\r\n"),
        client("MAIL FROM:<a@x> SIZE=3\r\nRCPT TO:<b@y>\r\nRCPT TO:<no@y>\r\nRCPT TO:<c@y>\r\nDATA\r\n"),
        server("250 ok\r\n250 ok\r\n550 no\r\n251 ok\r\n354 go\r\n"),
        client(dotted(LETTER)),
        server("250 taken\r\n"),
        client("MAIL FROM:<>\r\nRCPT TO:<b@y>\r\nBDAT 4\r\nDATABDAT 3 LAST\r\n.\r\nMAIL FROM:<q@x>\r\nDATA\r\n"),
        server("250 ok\r\n250 ok\r\n250 ok\r\n250 taken too\r\n250 ok\r\n503 no recipient\r\n"),
        client("QUIT\r\n"),
        server("221 bye\r\n"),
    ]
}

#[test]
fn reads_letters_with_their_envelopes() {
    let messages = exchange(25, &smtp(), ALL);
    assert_eq!(told(&messages), ["mail from a@x to b@y, c@y, 60 bytes", "mail to b@y, 7 bytes"]);
    assert_eq!(messages[0].body.data, LETTER.as_bytes());
    assert_eq!(messages[0].content_type(), Some(&b"text/plain"[..]));
    assert_eq!(messages[1].body.data, b"DATA.\r\n");
    let What::Mail(envelope) = &messages[0].what else { panic!("{:?}", messages[0]) };
    assert_eq!(envelope.reply, b"250 taken");
    assert!(messages.iter().all(|message| message.body.is_complete() && message.is_mail() && message.from_client));
}

#[test]
fn a_letter_is_read_where_no_reply_was_captured() {
    let said: Vec<Say> = smtp().into_iter().filter(|say| say.from_client).take(5).collect();
    let messages = exchange(25, &said, ALL);
    assert_eq!(messages[0].body.data, LETTER.as_bytes());
    assert_eq!(told(&messages)[0], "mail from a@x to b@y, no@y, c@y, 60 bytes");
}

#[test]
fn starttls_ends_the_reading() {
    let said = [
        server("220 mail\r\n"),
        client("EHLO x\r\n"),
        server("250 mail\r\n"),
        client("STARTTLS\r\n"),
        server("220 go\r\n"),
        client("DATA\r\nthis is no letter\r\n.\r\n"),
    ];
    assert_eq!(exchange(25, &said, ALL), []);
}

#[test]
fn a_letter_whose_end_lies_in_a_gap_ends_with_the_reply() {
    let mut wire = Wire::to(25);
    wire.send(false, b"220 mail\r\n", true);
    wire.send(true, b"MAIL FROM:<a@x>\r\nDATA\r\n", true);
    wire.send(false, b"250 ok\r\n354 go\r\n", true);
    wire.send(true, b"Hi\r\n", true);
    wire.send(true, b"there\r\n.\r\n", false);
    wire.send(false, b"250 taken\r\n", true);
    wire.send(true, b"MAIL FROM:<b@x>\r\nDATA\r\n", true);
    wire.send(false, b"250 ok\r\n354 go\r\n", true);
    wire.send(true, b"Ho\r\n.\r\n", true);
    wire.send(false, b"250 taken\r\n", true);
    let messages = wire.close();
    assert_eq!(told(&messages), ["mail from a@x, 14 bytes, incomplete", "mail from b@x, 4 bytes"]);
    assert_eq!(messages[0].body.gaps, [Gap { at: 4, length: 10 }]);
}

#[test]
fn keeps_no_more_than_it_may() {
    let said = [
        client("GET / HTTP/1.1\r\n\r\n"),
        server(format!("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}", "x".repeat(1000))),
    ];
    let mut wire = Wire::with(80, Limits { kept: 10_000, body: 100, ..Limits::default() });
    for _ in 0..100 {
        for Say { from_client, bytes } in &said {
            wire.send(*from_client, bytes, true);
        }
    }
    let found = wire.collector.finish();
    assert!(found.messages.len() < 40 && found.left_out.messages > 160, "{:?}", found.left_out);
    assert_eq!((found.messages[1].body.data.len(), found.messages[1].body.length), (100, 1000));
}

fn pop() -> Vec<Say> {
    vec![
        server("+OK ready\r\n"),
        client("CAPA\r\n"),
        server("+OK\r\nUSER\r\n+OK is no answer here\r\n.\r\n"),
        client("USER a\r\nPASS b\r\nLIST\r\nLIST 1\r\nRETR 9\r\nRETR 1\r\nTOP 1 0\r\nQUIT\r\n"),
        server("+OK\r\n+OK\r\n+OK\r\n1 60\r\n.\r\n+OK 1 60\r\n-ERR no such letter\r\n"),
        server(format!("+OK 60 octets\r\n{}+OK\r\nFrom: a\r\n\r\n.\r\n+OK\r\n", dotted(LETTER))),
    ]
}

#[test]
fn reads_letters_that_are_fetched() {
    let messages = exchange(110, &pop(), ALL);
    assert_eq!(told(&messages), ["mail by RETR 1, 60 bytes", "mail by TOP 1 0, 11 bytes"]);
    assert_eq!(messages[0].body.data, LETTER.as_bytes());
    assert!(messages.iter().all(|message| message.body.is_complete() && !message.from_client));
}

#[test]
fn a_fetched_letter_whose_end_lies_in_a_gap_ends_with_the_next_command() {
    let mut wire = Wire::to(110);
    wire.send(false, b"+OK\r\n", true);
    wire.send(true, b"RETR 1\r\n", true);
    wire.send(false, b"+OK\r\nabc", true);
    wire.send(false, b"\r\n.\r\n", false);
    wire.send(true, b"RETR 2\r\n", true);
    wire.send(false, b"+OK\r\nxyz\r\n.\r\n", true);
    let messages = wire.close();
    assert_eq!(told(&messages), ["mail by RETR 1, 8 bytes, incomplete", "mail by RETR 2, 5 bytes"]);
    assert_eq!(messages[1].body.data, b"xyz\r\n");
}

fn imap() -> Vec<Say> {
    let length = LETTER.len();
    vec![
        server("* OK ready\r\n"),
        client("a LOGIN {3}\r\n"),
        server("+ go\r\n"),
        client("ana secret\r\nb FETCH 1:2 (FLAGS BODY.PEEK[])\r\n"),
        server(format!("a OK\r\n* 1 FETCH (FLAGS (\\Seen) BODY[] {{{length}}}\r\n{LETTER})\r\n")),
        server(format!("* 2 FETCH (BODY[TEXT] {{3}}\r\nabc BODY[] {{{length}}}\r\n{LETTER} UID 7)\r\nb OK\r\n")),
        client("c APPEND Sent (\\Seen) {5}\r\n"),
        server("+ go\r\n"),
        client("a: b\n\r\n"),
        server("c OK\r\n"),
        client("d APPEND Full {5}\r\n"),
        server("d NO it is full\r\n"),
        client("e APPEND Sent {2+}\r\nok\r\n"),
        client("f LOGOUT\r\n"),
    ]
}

#[test]
fn reads_literals_that_are_letters() {
    let messages = exchange(143, &imap(), ALL);
    assert_eq!(
        told(&messages),
        [
            "mail by FETCH 1, 60 bytes",
            "mail by FETCH 2, 60 bytes",
            "mail by APPEND Sent, 5 bytes",
            "mail by APPEND Sent, 2 bytes"
        ]
    );
    assert!(messages[..2].iter().all(|message| message.body.data == LETTER.as_bytes()));
    assert_eq!(messages[2].body.data, b"a: b\n");
}

/// A session of FTP: what is said on which connection, 0 being the first.
fn ftp() -> Vec<(u32, Say)> {
    let control = |say| (0, say);
    vec![
        control(server("220-Hello\r\n230 is no code here\r\n220 ready\r\n")),
        control(client("USER a\r\n")),
        control(server("331 and\r\n")),
        control(client("PASS b\r\n")),
        control(server("230 in\r\n")),
        control(client("PASV\r\n")),
        control(server("227 Entering Passive Mode (10,9,9,9,156,65).\r\n")),
        control(client("RETR /pub/a.txt\r\n")),
        control(server("150 Opening for a.txt (5 bytes).\r\n")),
        (1, server("hello")),
        control(server("226 done\r\n")),
        control(client("EPSV\r\n")),
        control(server("229 Extended (|||40002|)\r\n")),
        control(client("STOR b.txt\r\n")),
        control(server("150 go\r\n")),
        (2, client("world")),
        control(server("226 done\r\n")),
        control(client("EPSV\r\n")),
        control(server("229 Extended (|||40003|)\r\n")),
        control(client("RETR none.txt\r\n")),
        control(server("550 no such file\r\n")),
    ]
}

fn session(sizes: &[usize]) -> Vec<Message> {
    let mut wire = Wire::to(21);
    let mut sizes = sizes.iter().copied().cycle();
    for (stream, say) in ftp() {
        if stream as usize == wire.sent.len() {
            wire.open(40_000 + stream as u16);
            wire.say(&say, &mut sizes);
            wire.fin();
        }
        if stream == 0 {
            wire.stream = 0;
            wire.say(&say, &mut sizes);
        }
    }
    wire.close()
}

#[test]
fn joins_files_with_their_commands() {
    let messages = session(ALL);
    assert_eq!(told(&messages), ["RETR /pub/a.txt, 5 bytes", "STOR b.txt, 5 bytes"]);
    assert_eq!((messages[0].from_client, messages[1].from_client), (false, true));
    let What::File(file) = &messages[0].what else { panic!("{:?}", messages[0]) };
    assert_eq!((file.control, file.announced, file.reply.as_slice()), (Some(0), Some(5), &b"226 done"[..]));
    assert!(messages.iter().all(|message| message.body.is_complete()));
}
