//! What a conversation was about, in a few words: the first that was asked for, and what was answered.
//!
//! From single packets, without putting streams together: what is told stands in one packet, with the size that a head
//! announces. It costs a look-up for each packet that begins a message, and a little memory a conversation.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::key::{Direction, Key};
use super::{Facts, Transport, whole};
use crate::wire::application;
use crate::wire::http::{self, Start};
use crate::wire::secret::write_addresses;
use crate::wire::{At, Layer, Packet, Protocol, coap, ftp, line, smtp, tls, utf8};

/// Bytes of what was asked, and of what was answered, that are kept.
const LONGEST: usize = 100;

/// What one conversation was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gist {
    pub application: Protocol,
    asked: Box<[u8]>,
    answered: Box<[u8]>,
    /// More that was asked for: requests, files, letters.
    more: u32,
    /// What stands in `asked` is a request, not only the beginning of a conversation.
    asks: bool,
    /// Which way its first message went.
    opener: Option<Direction>,
}

/// What one message adds.
enum Says {
    Asks(Vec<u8>),
    /// What matters less than a request: kept only while there is none.
    Opens(Vec<u8>),
    Answers(Vec<u8>),
    Nothing,
}

/// What conversations were about, by transport and number.
#[derive(Default)]
pub struct Gists(HashMap<(Transport, u32), Box<Gist>, RandomState>);

impl Gists {
    /// What is known of one.
    pub fn of(&self, transport: Transport, stream: u32) -> Option<&Gist> {
        self.0.get(&(transport, stream)).map(|gist| &**gist)
    }

    /// A conversation left: what was known of it.
    pub fn remove(&mut self, transport: Transport, stream: u32) {
        self.0.remove(&(transport, stream));
    }

    /// Takes in a packet, and what the flow table knows of it.
    #[inline]
    pub fn packet(&mut self, packet: &Packet<'_>, facts: &Facts) {
        let messages = |protocol: Protocol| protocol.is_application() && protocol != Protocol::Data;
        if packet.layers.last().is_some_and(|layer| layer.protocol.is_application())
            && !facts.repeats()
            && (packet.layers.iter().any(|layer| messages(layer.protocol) && !layer.quoted) || !facts.wholes.is_empty())
        {
            self.messages(packet, facts);
        }
    }

    fn messages(&mut self, packet: &Packet<'_>, facts: &Facts) {
        let (transport, stream) = match (facts.tcp, facts.udp_stream) {
            (Some(tcp), _) => (Transport::Tcp, tcp.stream),
            (None, Some(stream)) => (Transport::Udp, stream),
            (None, None) => return,
        };
        let mut own = packet.each().filter(|at| at.layer.protocol.is_application() && !at.layer.quoted);
        let begin = own.next().map_or(0, |at| at.layer.start);
        // What only the conversation knows to be a password.
        let is_secret = |layer: &Layer| {
            let [from, to] = [layer.start, layer.start + layer.header].map(|place| place.saturating_sub(begin));
            facts.secrets.touches(from, to)
        };
        let own = whole::told(packet, 0, facts).filter(|at| at.layer.protocol.is_application() && !at.layer.quoted);
        for at in own {
            let is_secret = !whole::is_one(&at) && is_secret(&at.layer);
            let from_client = facts.tcp.map(|tcp| tcp.from_client);
            let direction = if from_client.is_none() { direction(packet) } else { None };
            let known = self.0.get_mut(&(transport, stream));
            let from_opener = known.as_ref().is_none_or(|gist| gist.opener == direction);
            let says = match is_secret {
                true => Says::Nothing,
                false if at.layer.protocol == Protocol::FtpData => of_data(facts),
                false => says(&at, from_client.unwrap_or(from_opener)),
            };
            match known {
                // Lines of a body, a file, and the like belong to an application that has a name, or to none.
                None if at.layer.protocol == Protocol::Data => {}
                Some(gist) if gist.application == at.layer.protocol => gist.take(says),
                // What the frames carry, where that is known, is what they were for.
                Some(gist) if gist.application == Protocol::Http2 && at.layer.protocol == Protocol::Dns => {
                    **gist = Gist::new(Protocol::Dns, direction);
                    gist.take(says);
                }
                Some(_) => {}
                None => {
                    let mut gist = Box::new(Gist::new(at.layer.protocol, direction));
                    gist.take(says);
                    self.0.insert((transport, stream), gist);
                }
            }
        }
    }
}

/// Which way a datagram goes.
fn direction(packet: &Packet<'_>) -> Option<Direction> {
    let at = packet.find(Protocol::Udp)?;
    Key::new(&at).map(|(_, direction)| direction)
}

impl Gist {
    fn new(application: Protocol, opener: Option<Direction>) -> Self {
        Self { application, asked: Box::default(), answered: Box::default(), more: 0, asks: false, opener }
    }

    /// One that says what a test wants.
    #[cfg(test)]
    pub(crate) fn made(application: Protocol, asked: &str, answered: &str) -> Self {
        let mut gist = Self::new(application, None);
        gist.take(Says::Asks(asked.into()));
        gist.take(Says::Answers(answered.into()));
        gist
    }

    fn take(&mut self, says: Says) {
        match says {
            Says::Asks(text) if !self.asks => {
                (self.asked, self.answered, self.asks) = (cut(text), Box::default(), true);
            }
            Says::Asks(_) => self.more = self.more.saturating_add(1),
            Says::Opens(text) if self.asked.is_empty() => self.asked = cut(text),
            Says::Answers(text) if self.answered.is_empty() && !self.asked.is_empty() => {
                self.answered = cut(text);
                // Such an answer says how long a body would be, and has none.
                if self.application == Protocol::Http && self.asked.starts_with(b"HEAD ") {
                    let code = self.answered.iter().take_while(|byte| byte.is_ascii_digit()).count();
                    self.answered = self.answered.get(..code).unwrap_or_default().into();
                }
            }
            Says::Opens(_) | Says::Answers(_) | Says::Nothing => {}
        }
    }

    /// In one line of unescaped text: `GET / → 200, 612 bytes, and 2 more`.
    pub fn tell(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.asked);
        if !self.answered.is_empty() {
            if !self.asked.is_empty() {
                out.extend_from_slice(" → ".as_bytes());
            }
            out.extend_from_slice(&self.answered);
        }
        if self.more > 0 {
            out.extend_from_slice(format!(", and {} more", self.more).as_bytes());
        }
    }
}

fn cut(mut text: Vec<u8>) -> Box<[u8]> {
    if text.len() > LONGEST {
        text.truncate(utf8::beginning(&text, LONGEST).len());
        text.extend_from_slice("…".as_bytes());
    }
    text.into_boxed_slice()
}

/// What a message says that belongs into the gist.
fn says(at: &At<'_>, from_client: bool) -> Says {
    match at.layer.protocol {
        Protocol::Http => of_http(at.header()),
        Protocol::Ftp => of_ftp(at.header(), from_client),
        Protocol::Smtp => of_smtp(at.header(), from_client),
        // What options both ends want says nothing of what they are for, and what was typed may be a password.
        // Nor does how a connection of HTTP/2 is held.
        Protocol::Telnet | Protocol::Http2 | Protocol::Data => Says::Nothing,
        _ => of_any(at, from_client),
    }
}

/// Data of FTP are for a command of another connection.
fn of_data(facts: &Facts) -> Says {
    let command = facts.transfer.as_deref().and_then(|transfer| transfer.command.as_ref());
    command.map_or(Says::Nothing, |(text, _)| Says::Opens(text.to_vec()))
}

fn of_http(head: &[u8]) -> Says {
    match Start::read(http::line(head).0) {
        Some(Start::Request { method, uri, .. }) => {
            let mut asked = Vec::new();
            write_addresses(&[method, b" ", uri].concat(), &mut asked);
            Says::Asks(asked)
        }
        // That an answer will come.
        Some(Start::Response { code: 100 | 102..=199, .. }) | None => Says::Nothing,
        Some(Start::Response { code, .. }) => {
            let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<u64>().ok();
            let length = http::header(head, "content-length").and_then(number);
            Says::Answers(match length {
                Some(length) => format!("{code}, {length} {}", if length == 1 { "byte" } else { "bytes" }).into_bytes(),
                None => code.to_string().into_bytes(),
            })
        }
    }
}

fn of_ftp(message: &[u8], from_client: bool) -> Says {
    let text = ftp::first_line(message);
    if from_client {
        let (word, argument) = line::word(text);
        let whole = || [word, b" ", argument].concat().trim_ascii_end().to_vec();
        let is_listing = line::is_one_of(word, &["LIST", "NLST", "MLSD"]);
        return match () {
            () if is_listing || line::is_one_of(word, &["USER"]) => Says::Opens(whole()),
            () if ftp::transfers(word) => Says::Asks(whole()),
            () => Says::Nothing,
        };
    }
    // What matters is how it ended: replies that ask for more, and those that name an end for the data, do not.
    match line::reply(text) {
        Some(reply) if matches!(reply.code, 226 | 230 | 250 | 400..) => {
            Says::Answers(reply.code.to_string().into_bytes())
        }
        _ => Says::Nothing,
    }
}

fn of_smtp(message: &[u8], from_client: bool) -> Says {
    let (word, argument) = line::word(line::bare(line::first(message)));
    match () {
        () if !from_client => Says::Nothing,
        () if line::is_one_of(word, &["MAIL"]) => Says::Asks(path(argument)),
        // To whom the letter goes is what there is to say of it next.
        () if line::is_one_of(word, &["RCPT"]) => Says::Answers(path(argument)),
        () => Says::Nothing,
    }
}

/// Who sends or gets a letter; the machinery has no name.
fn path(argument: &[u8]) -> Vec<u8> {
    let path = smtp::path(argument);
    if path.is_empty() { b"<>".to_vec() } else { path.to_vec() }
}

/// The line that tells a message, without the words that only say who speaks.
fn of_any(at: &At<'_>, from_client: bool) -> Says {
    let mut text = Vec::new();
    application::tell(at, &mut text);
    let told = text.as_slice();
    let is = |word: &str| told.strip_prefix(word.as_bytes());
    match at.layer.protocol {
        Protocol::Dns | Protocol::Mdns | Protocol::Llmnr | Protocol::Netbios => {
            if let Some(question) = is("asks ") {
                return Says::Asks(question.to_vec());
            }
            let answer = is("answers ").unwrap_or(told);
            // The question again, and the answer.
            let behind = answer.windows(2).position(|pair| pair == b": ").and_then(|at| answer.get(at + 2..));
            Says::Answers(behind.unwrap_or(answer).to_vec())
        }
        Protocol::Tls => match is("client hello TLS ").or_else(|| is("client hello ")) {
            // It is told again with its last byte; perhaps that never comes.
            Some(hello) if tls::is_half(at) => {
                Says::Opens(hello.strip_suffix(tls::GOES_ON.as_bytes()).unwrap_or(hello).to_vec())
            }
            Some(hello) => Says::Asks(hello.to_vec()),
            None if from_client => Says::Nothing,
            None => tls::shown(at).map_or(Says::Nothing, Says::Answers),
        },
        _ if told.is_empty() => Says::Nothing,
        // That the answer will come in a message of its own.
        Protocol::Coap if coap::is_empty(at) => Says::Nothing,
        protocol if from_client => match command(protocol, told) {
            Command::Matters(from) => Says::Asks(told.get(from..).unwrap_or_default().to_vec()),
            Command::Prepares => Says::Nothing,
            Command::Other(from) => Says::Opens(told.get(from..).unwrap_or_default().to_vec()),
        },
        _ => Says::Answers(text),
    }
}

/// How much a command matters to what a conversation was for; told from this byte on.
enum Command {
    Matters(usize),
    Other(usize),
    /// It asks what the other end can do, or proves who asks.
    Prepares,
}

fn command(protocol: Protocol, told: &[u8]) -> Command {
    let (first, rest) = line::word(told);
    let (second, _) = line::word(rest);
    // Each command of IMAP has a tag before it.
    let (word, from) = if protocol == Protocol::Imap { (second, told.len() - rest.len()) } else { (first, 0) };
    let (prepares, matters): (&[&str], &[&str]) = match protocol {
        Protocol::Pop => (&["CAPA", "STLS", "AUTH", "PASS"], &["RETR", "TOP"]),
        Protocol::Imap => (&["CAPABILITY", "ID", "STARTTLS", "NOOP"], &["FETCH", "UID", "APPEND", "SEARCH"]),
        Protocol::Resp => (&["COMMAND", "HELLO", "AUTH", "CLIENT"], &[]),
        _ => return Command::Other(0),
    };
    match () {
        () if line::is_one_of(word, prepares) => Command::Prepares,
        () if line::is_one_of(word, matters) || matters.is_empty() => Command::Matters(from),
        () => Command::Other(from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(messages: Vec<Says>) -> String {
        let mut gist = Gist::new(Protocol::Http, None);
        messages.into_iter().for_each(|says| gist.take(says));
        let mut out = Vec::new();
        gist.tell(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_first_request_counts_and_its_answer_and_how_many_follow() {
        use Says::*;
        let of = |text: &str| text.as_bytes().to_vec();
        let first = || vec![Opens(of("USER a")), Answers(of("230")), Asks(of("RETR x")), Answers(of("226"))];
        assert_eq!(told(first()), "RETR x → 226");
        assert_eq!(told(first().into_iter().take(2).collect()), "USER a → 230");
        let more = [Asks(of("RETR y")), Answers(of("550")), Opens(of("LIST"))];
        assert_eq!(told(first().into_iter().chain(more).collect()), "RETR x → 226, and 1 more");
        assert_eq!(told(vec![Answers(of("220 hello")), Asks(of("GET /"))]), "GET /");
        let long = told(vec![Asks(vec![b'x'; 1 << 20])]);
        assert!(long.len() < LONGEST + 10 && long.ends_with('…'), "{}", long.len());
        let long = told(vec![Asks(format!("HEAD {}", "/Ћао".repeat(99)).into_bytes())]);
        assert!(long.ends_with("/Ћ…") && long.len() < LONGEST + 10, "whole characters: {long}");
    }

    #[test]
    fn tells_what_heads_and_commands_say() {
        let said = |says: Says| match says {
            Says::Asks(text) | Says::Opens(text) | Says::Answers(text) => String::from_utf8(text).unwrap(),
            Says::Nothing => String::new(),
        };
        assert_eq!(said(of_http(b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n")), "GET /a?b");
        assert_eq!(said(of_http(b"GET http://ana:tajna@x/ HTTP/1.1\r\n\r\n")), "GET http://ana:***@x/");
        assert_eq!(said(of_http(b"CONNECT ana:tajna@x:443 HTTP/1.1\r\n\r\n")), "CONNECT ana:***@x:443");
        assert_eq!(said(of_http(b"HTTP/1.1 200 OK\r\nContent-Length: 612\r\n\r\n")), "200, 612 bytes");
        assert_eq!(said(of_http(b"HTTP/1.1 100 Continue\r\n\r\n")), "");
        assert_eq!(said(of_ftp(b"PASS secret\r\n", true)), "");
        assert_eq!(said(of_ftp(b"331 Password?\r\n", false)), "");
        assert_eq!(said(of_ftp(b"STOR a b.txt\r\n", true)), "STOR a b.txt");
        assert_eq!(said(of_smtp(b"MAIL FROM:<>\r\n", true)), "<>");
        assert_eq!(said(of_smtp(b"RCPT TO:<b@y>\r\n", true)), "b@y");
        assert_eq!(said(of_smtp(b"AUTH PLAIN c2VjcmV0\r\n", true)), "");
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        let http = |head: &[u8]| of_http(head);
        let answer = http(b"HTTP/1.1 200 OK\r\nContent-Length: 612\r\n\r\n");
        assert_eq!(told(vec![http(b"HEAD /a HTTP/1.1\r\n\r\n"), answer]), "HEAD /a → 200");
        let nonsense = http(b"HTTP/1.1 200 OK\r\nContent-Length: a lot\r\n\r\n");
        assert_eq!(told(vec![http(b"GET /a HTTP/1.1\r\n\r\n"), nonsense]), "GET /a → 200");
    }

    #[test]
    fn what_prepares_is_not_what_a_conversation_was_for() {
        let kind = |protocol, told: &[u8]| match command(protocol, told) {
            Command::Matters(from) => String::from_utf8_lossy(&told[from..]).into_owned(),
            Command::Other(from) => format!("perhaps {}", String::from_utf8_lossy(&told[from..])),
            Command::Prepares => String::new(),
        };
        assert_eq!(kind(Protocol::Imap, b"a1 CAPABILITY"), "");
        assert_eq!(kind(Protocol::Imap, b"a2 login ana ***"), "perhaps login ana ***");
        assert_eq!(kind(Protocol::Imap, b"a3 FETCH 1 BODY[]"), "FETCH 1 BODY[]");
        assert_eq!(kind(Protocol::Imap, b"a4"), "perhaps ");
        assert_eq!(kind(Protocol::Pop, b"PASS ***"), "");
        assert_eq!(kind(Protocol::Pop, b"RETR 1"), "RETR 1");
        assert_eq!(kind(Protocol::Resp, b"AUTH ***"), "");
        assert_eq!(kind(Protocol::Resp, b"GET key"), "GET key");
        assert_eq!(kind(Protocol::Mqtt, b"connect"), "perhaps connect");
    }
}
