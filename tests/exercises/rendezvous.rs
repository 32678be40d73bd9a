//! `rendezvous` against peers of students (Python), peers of the codec over both transports, and those that mean no good.

// The soak asks again after a while.
#![allow(clippy::disallowed_methods)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use netlab::engine::chance::Chance;
use netlab::engine::rendezvous::message::{Cookie, Id, Inside, Message, Session};
use netlab::engine::rendezvous::word::Word;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::programs::*;

/// A peer as a student writes it: it meets, says where the other one is, and leaves.
const STUDENT: &str = r#"
import hmac, os, socket
WORD, HOST, PORT, KIND = b"open sesame", "@HOST@", @PORT@, "@KIND@"

def proof(text):
    return hmac.new(WORD, text.encode(), "sha256").hexdigest()[:32]

def read(line):
    text, _, mac = line.decode().rstrip("\n").rpartition(" mac=")
    assert proof(text) == mac, line
    word, *fields = text.split(" ")
    return word, dict(field.split("=", 1) for field in fields)

family = socket.AF_INET6 if ":" in HOST else socket.AF_INET
peer = socket.socket(family, socket.SOCK_STREAM if KIND == "TCP" else socket.SOCK_DGRAM)
peer.settimeout(10)
peer.connect((HOST, PORT))
lines = peer.makefile("rb") if KIND == "TCP" else None

def say(text):
    peer.send(f"{text} mac={proof(text)}{chr(10) if lines else ''}".encode())

def hear():
    return read(lines.readline() if lines else peer.recv(2000))

me, cookie = os.urandom(8).hex(), "0" * 32
name, port = peer.getsockname()[:2]
print(port, flush=True)
inside = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
word = ""
while word != "meet":
    if word in ("", "cookie"):
        nonce = os.urandom(8).hex()
        say(f"register session=lesson-1 peer={me} nonce={nonce} cookie={cookie} inside={inside} has={'0' * 16}")
    word, fields = hear()
    assert fields["peer"] == me and fields["nonce"] in (nonce, "0" * 16), fields
    cookie = fields.get("cookie", cookie)
    if word == "registered":
        print("first", flush=True)
print(fields["outside"] == inside, fields["other-outside"], fields["other-inside"], flush=True)
say(f"bye session=lesson-1 peer={me} cookie={cookie}")
"#;

fn student(kind: &str, server: &Server, host: &str) -> Student {
    let port = server.address.port().to_string();
    Student::start(&STUDENT.replace("@HOST@", host).replace("@PORT@", &port).replace("@KIND@", kind))
}

fn word() -> Word {
    Word::new(b"open sesame")
}

const TOLD: [&str; 2] = ["--word", "open sesame"];

#[test]
fn peers_of_students_meet_by_udp_and_by_tcp_and_the_server_tells_of_it() {
    for (kind, by, host, option) in
        [("UDP", "", "127.0.0.1", "127.0.0.1"), ("TCP", " by TCP", "127.0.0.1", "--any"), ("UDP", "", "::1", "--any")]
    {
        let mut options = TOLD.to_vec();
        options.push("--once");
        options.extend(if option == "--any" { vec!["--any"] } else { vec!["--host", option] });
        let mut server = Server::start("rendezvous", &options);
        let at = |port: u16| if host == "::1" { format!("[::1]:{port}") } else { format!("{host}:{port}") };
        let mut first = student(kind, &server, host);
        assert_eq!(first.line(), "first\n");
        let mut second = student(kind, &server, host);
        let (a, b) = (at(first.port), at(second.port));
        assert_eq!(second.line(), format!("True {a} {a}\n"));
        assert_eq!(first.line(), format!("True {b} {b}\n"), "it was told without asking");
        for one in [first, second] {
            one.finish();
        }
        let told = [
            format!("lesson-1: {a} has come{by}; inside it is {a}\n"),
            format!("lesson-1: {b} has come{by}; inside it is {b}\n"),
            format!("lesson-1: {b} and {a} are told of each other\n"),
        ];
        assert_eq!(server.lines(3), told.concat());
        let (code, left, talk) = server.finish();
        assert_eq!((code, left.matches(" has left\n").count()), (Some(0), 2), "{left}");
        assert!(talk.contains("2 peers came, 1 pair met"), "{talk}");
    }
}

#[test]
fn it_does_not_start_without_a_word_or_the_wish_to_have_none() {
    let run = |options: &[&str]| {
        let output = netlab(&["serve", "rendezvous", "--port", "0"]).args(options).output().expect("netlab");
        (output.status.code(), text(&output.stderr))
    };
    let (code, said) = run(&[]);
    assert!(code == Some(2) && said.contains("--word WORD, or --word-file FILE; or --no-word"), "{said}");
    assert_eq!(run(&["--word", ""]).0, Some(2));
    assert_eq!(run(&["--word-file", "/dev/null"]).0, Some(2));
    assert_eq!(run(&["--word-file", "/nowhere"]).0, Some(2));
    assert_eq!(run(&["--word", "tea", "--no-word"]).0, Some(2));
    assert_eq!(run(&["--word", "tea", "--lifetime", "1500ms"]).0, Some(2));
    let server = Server::start("rendezvous", &["--no-word"]);
    let peer = UdpSocket::bind("127.0.0.1:0").expect("a port");
    peer.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    peer.send_to(&register("tea", 1, 1, [0; 16]).encode(&Word::new(b"")), server.address).expect("sent");
    let mut buffer = [0; 600];
    assert!(peer.recv(&mut buffer).is_ok_and(|length| buffer[..length].starts_with(b"cookie ")));
    // Its port is taken by TCP as well.
    let port = server.address.port().to_string();
    let output = netlab(&["serve", "rendezvous", "--no-word", "--port", &port]).output().expect("netlab");
    assert!(text(&output.stderr).contains("is in use by \"netlab\""), "{}", text(&output.stderr));
}

fn register(session: &str, peer: u64, nonce: u64, cookie: Cookie) -> Message {
    let (session, peer) = (session.parse::<Session>().expect("a name"), Id::new(peer).expect("not 0"));
    Message::Register { session, peer, nonce, cookie, inside: Inside::new(), has: None }
}

/// Whether the server ends this connection before it says anything more.
fn ends(stream: &mut TcpStream) -> bool {
    // Closed with something unread it is reset.
    stream.read(&mut [0; 600]).map_or(true, |length| length == 0)
}

#[test]
fn connections_end_that_are_too_many_too_long_too_slow_or_nonsense() {
    let mut server = Server::start("rendezvous", &["--word", "open sesame", "--idle", "2s"]);
    // What knows the word is answered, in pieces too, and may say more.
    let mut good = server.connect();
    let line = [register("tea", 1, 1, [0; 16]).encode(&word()), b"\n".to_vec()].concat();
    let (one, two) = line.split_at(50);
    good.write_all(one).expect("sent");
    good.write_all(&[two, &line].concat()).expect("sent");
    let mut lines = BufReader::new(good.try_clone().expect("the same"));
    for _ in 0..2 {
        let mut answer = String::new();
        lines.read_line(&mut answer).expect("a line");
        assert!(answer.starts_with("cookie ") && answer.ends_with('\n') && answer.len() < line.len(), "{answer}");
    }
    for nonsense in [&b"hello\n"[..], &[b'x'; 513], &[0; 4096]] {
        let mut stream = server.connect();
        stream.write_all(nonsense).expect("sent");
        assert!(ends(&mut stream));
    }
    let mut strange = server.connect();
    strange
        .write_all(&[register("tea", 1, 1, [0; 16]).encode(&Word::new(b"guess")), b"\n".to_vec()].concat())
        .expect("sent");
    assert!(ends(&mut strange));
    // Of one source so many are let in; those that say nothing end after a while, however slowly they say it.
    let mut many: Vec<TcpStream> = (0..200).map(|_| server.connect()).collect();
    for stream in &mut many {
        // One that was turned away may know that already.
        let _ = stream.write_all(b"register session=");
    }
    assert!(many.iter_mut().all(ends));
    assert!(ends(&mut good));
    let mut again = server.connect();
    again.write_all(&line).expect("sent");
    assert!(!ends(&mut again), "there is room again");
    server.interrupt();
    let mut printed = String::new();
    server.child.stdout.as_mut().expect("its output").read_to_string(&mut printed).expect("text");
    assert_eq!((server.finish().0, printed.as_str()), (Some(0), ""));
}

/// One of the peers of the soak: `number` makes its name and its id.
struct Peer {
    number: u64,
    cookie: Cookie,
    asked: u64,
    is_there: bool,
    other: Option<Id>,
}

impl Peer {
    /// The first 200 are pairs; the others are alone in their sessions.
    fn new(number: u64) -> Self {
        Self { number, cookie: [0; 16], asked: 0, is_there: false, other: None }
    }

    fn session(&self) -> String {
        if self.number < 200 { format!("pair-{}", self.number / 2) } else { format!("alone-{}", self.number) }
    }

    fn id(number: u64) -> Id {
        Id::new(1 + number).expect("not 0")
    }

    fn is_done(&self) -> bool {
        self.is_there && (self.number >= 200 || self.other.is_some())
    }

    fn ask(&mut self) -> Vec<u8> {
        self.asked += 1;
        register(&self.session(), 1 + self.number, self.asked, self.cookie).encode(&word())
    }
}

/// Until `is_over`: datagrams as fast as they go, none of them a proved message. How many.
fn flood(server: SocketAddr, is_over: &AtomicBool, sent: &AtomicU64) {
    let socket = UdpSocket::bind("127.0.9.9:0").expect("a port");
    let mut chance = Chance::seeded(7);
    let good = register("pair-1", 2, 1, [0; 16]).encode(&Word::new(b"guess"));
    while !is_over.load(Ordering::Relaxed) {
        let mut bytes = good.clone();
        match chance.below(3) {
            0 => bytes = (0..chance.below(1400)).map(|_| chance.number() as u8).collect(),
            1 => bytes.truncate(chance.below(200) as usize),
            _ => {}
        }
        if socket.send_to(&bytes, server).is_ok() {
            sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_thousand_peers_register_and_a_hundred_pairs_meet_while_garbage_comes_as_fast_as_it_can() {
    let mut server = Server::start("rendezvous", &TOLD);
    let address = server.address;
    let before = server.memory();
    // Nobody else reads what it prints.
    let mut printed = server.child.stdout.take().expect("its output");
    let reader = std::thread::spawn(move || {
        let mut all = String::new();
        printed.read_to_string(&mut all).expect("text");
        all
    });
    // Eight hosts with 25 sockets each, on each socket five peers.
    let sockets: Vec<UdpSocket> = (0..200u8)
        .map(|number| {
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 9, 100 + number / 25), 0)).expect("a port");
            socket.set_nonblocking(true).expect("a socket that does not wait");
            socket
        })
        .collect();
    let mut peers: HashMap<u64, Peer> = (0..1000).map(|number| (number, Peer::new(number))).collect();
    let socket_of = |number: u64| &sockets[(number % 200) as usize];
    let (is_over, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| flood(address, &is_over, &sent));
        let mut next = begun;
        let mut buffer = [0; 1024];
        while peers.values().any(|peer| !peer.is_done()) && begun.elapsed() < Duration::from_secs(60) {
            if Instant::now() >= next {
                next = Instant::now() + Duration::from_millis(300);
                for peer in peers.values_mut().filter(|peer| !peer.is_done()) {
                    let _ = socket_of(peer.number).send_to(&peer.ask(), address);
                }
            }
            let mut readable: Vec<PollFd> =
                sockets.iter().map(|one| PollFd::new(one.as_fd(), PollFlags::POLLIN)).collect();
            let left = next.saturating_duration_since(Instant::now()).as_millis();
            poll(&mut readable, PollTimeout::try_from(left).expect("short")).expect("a wait");
            for socket in &sockets {
                while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    assert_eq!(from, address);
                    let heard = Message::decode(&buffer[..length], &word()).expect("a message");
                    let (Message::Cookie { peer, .. } | Message::Registered { peer, .. } | Message::Meet { peer, .. }) =
                        heard
                    else {
                        panic!("{heard:?}")
                    };
                    let peer = peers.get_mut(&(peer.0.get() - 1)).expect("one of ours");
                    match heard {
                        Message::Cookie { cookie, nonce, .. } if nonce == peer.asked && !peer.is_done() => {
                            peer.cookie = cookie;
                            let _ = socket.send_to(&peer.ask(), address);
                        }
                        Message::Meet { other, .. } => (peer.is_there, peer.other) = (true, Some(other)),
                        Message::Registered { .. } => peer.is_there = true,
                        _ => {}
                    }
                }
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    for peer in peers.values() {
        let other = (peer.number < 200).then(|| Peer::id(peer.number ^ 1));
        assert_eq!((peer.is_there, peer.other), (true, other), "{}", peer.session());
    }
    let grown = server.memory() - before;
    server.interrupt();
    let mut talk = String::new();
    server.talk.read_to_string(&mut talk).expect("its talk");
    let code = server.child.wait().expect("its end").code();
    let printed = reader.join().expect("what it printed");
    eprintln!(
        "{:?}, {} datagrams of garbage, {grown} bytes more; {talk}",
        begun.elapsed(),
        sent.load(Ordering::Relaxed)
    );
    assert_eq!(code, Some(0));
    assert!(talk.contains("1000 peers came, 100 pairs met"), "{talk}");
    assert_eq!(printed.matches(" are told of each other\n").count(), 100);
    assert!(grown < 16 << 20, "{grown} bytes");
}
