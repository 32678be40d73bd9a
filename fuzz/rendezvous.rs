//! Any bytes as messages of a rendezvous: read, and sent to its server by a handful of sources, with macs of the right word
//! and cookies that came back, so that they get past both.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use netlab::engine::rendezvous::message::{MOST_BYTES, Message};
use netlab::engine::rendezvous::server::{Bounds, Server};
use netlab::engine::rendezvous::word::{TAG, Word};
use netlab::process::Transport;

/// Where there are so few sources, they meet.
const SOURCES: [&str; 4] = ["192.0.2.1:1000", "192.0.2.1:1001", "192.0.2.2:1000", "[2001:db8::1]:1000"];
const PEERS: usize = 6;

/// What the fuzzer begins with: two that meet, one relays, both leave; a third is refused.
pub const SEED: &[u8] = b"\
@register session=tea peer=00000000000000a1 nonce=0000000000000001 cookie=* inside=192.168.1.10:5000 has=0000000000000000\n\
@register session=tea peer=00000000000000a1 nonce=0000000000000002 cookie=* inside=192.168.1.10:5000 has=0000000000000000\n\
Bregister session=tea peer=00000000000000b2 nonce=0000000000000001 cookie=* inside= has=0000000000000000\n\
Bregister session=tea peer=00000000000000b2 nonce=0000000000000002 cookie=* inside= has=00000000000000a1\n\
Cregister session=tea peer=00000000000000c3 nonce=0000000000000001 cookie=* inside=[2001:db8::7]:1 has=0000000000000000\n\
Cregister session=tea peer=00000000000000c3 nonce=0000000000000002 cookie=* inside=[2001:db8::7]:1 has=0000000000000000\n\
@relay session=tea peer=00000000000000a1 cookie=* seq=1 data=aGVsbG8=\n\
@bye session=tea peer=00000000000000a1 cookie=*\n\
Bbye session=tea peer=00000000000000b2 cookie=*\n\
@punch session=tea from=00000000000000a1 to=00000000000000b2 seq=1\n\
@data session=tea from=00000000000000a1 to=00000000000000b2 seq=2 bytes=\n\
@reached session=tea from=00000000000000a1 to=00000000000000b2 seq=1 seen=203.0.113.1:5000";

/// The text with a mac of that word.
fn proved(text: &[u8], word: &Word) -> Vec<u8> {
    let mac: [u8; TAG] = word.tag(&[text]);
    let mac: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    [text, b" mac=", mac.as_bytes()].concat()
}

fn hex(cookie: [u8; 16]) -> String {
    cookie.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `input` is lines: a byte that says from whom and how much later, then a message without its mac, in which `cookie=*`
/// stands for the cookie that this source was given last.
pub fn rendezvous(input: &[u8]) {
    let word = Word::new(b"fuzz");
    let _ = Message::decode(input, &word);
    let bounds = Bounds { peers: PEERS, of_a_source: 4, ..Bounds::default() };
    let mut server = Server::new(Word::new(b"fuzz"), [7; 32], bounds);
    let mut now = Duration::ZERO;
    let mut given: HashMap<SocketAddr, [u8; 16]> = HashMap::new();
    let mut all_given: HashSet<(SocketAddr, [u8; 16])> = HashSet::new();
    let mut proven: HashSet<SocketAddr> = HashSet::new();
    let mut balance: HashMap<SocketAddr, i64> = HashMap::new();
    for line in input.split(|byte| *byte == b'\n').take(200) {
        let Some((how, text)) = line.split_first() else { continue };
        let from: SocketAddr = SOURCES[usize::from(how & 3)].parse().expect("an address");
        let transport = if how & 4 == 0 { Transport::Udp } else { Transport::Tcp };
        now += Duration::from_millis([0, 10, 1_000, 31_000][usize::from(how >> 3 & 3)]);
        let text = String::from_utf8_lossy(text);
        let cookie = format!("cookie={}", hex(given.get(&from).copied().unwrap_or_default()));
        let text = text.replacen("cookie=*", &cookie, 1);
        let bytes = proved(text.as_bytes(), &word);
        if let Ok(message) = Message::decode(&bytes, &word) {
            assert_eq!(message.encode(&word), bytes, "two ways to write it");
            let (Message::Register { cookie, .. } | Message::Relay { cookie, .. } | Message::Bye { cookie, .. }) =
                message
            else {
                assert!(server.handle(now, transport, from, &bytes).is_empty(), "a peer's message was answered");
                continue;
            };
            if all_given.contains(&(from, cookie)) {
                proven.insert(from);
            }
        }
        *balance.entry(from).or_default() += bytes.len() as i64;
        for answer in server.handle(now, transport, from, &bytes) {
            assert!(answer.bytes.len() <= MOST_BYTES);
            match Message::decode(&answer.bytes, &word).expect("an answer that can be read") {
                Message::Cookie { cookie, .. } => {
                    assert_eq!(answer.to, from);
                    given.insert(from, cookie);
                    all_given.insert((from, cookie));
                }
                _ => assert!(proven.contains(&answer.to), "sent to who has proved nothing"),
            }
            *balance.entry(answer.to).or_default() -= answer.bytes.len() as i64;
            assert!(proven.contains(&answer.to) || balance[&answer.to] >= 0, "amplified");
        }
        let held = server.held();
        assert!(held.living + held.over <= PEERS && held.sources <= SOURCES.len(), "{held:?}");
        while server.event().is_some() {}
    }
}
