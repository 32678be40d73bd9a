//! Handshakes as the pipeline reads them: what the packets of each segment say, whole messages among it.

use proptest::prelude::*;

use super::{MOST, MOST_AHEAD, MOST_BYTES, Watch};
use crate::field;
use crate::field::text;
use crate::flow::sample::{Connection, read_frame};
use crate::flow::{FlowTable, gist, names};
use crate::frame::{Frame, LinkType};
use crate::wire::{Address, Protocol, application};

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u32).to_be_bytes()[1..], body].concat()
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &(content.len() as u16).to_be_bytes(), content].concat()
}

fn extension(kind: u16, value: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat()
}

/// A hello with a key of so many bytes, and behind it whom it calls and which versions it offers.
fn client_hello(key: usize) -> Vec<u8> {
    let name = [&[0, 14, 0, 0, 11][..], b"lab.example"].concat();
    let extensions =
        [extension(51, &vec![7; key]), extension(0, &name), extension(43, &[2, 3, 4]), extension(16, b"\0\x03\x02h2")];
    let extensions = extensions.concat();
    let start = [&[3, 3][..], &[9; 32], &[0, 0, 2, 0x13, 1, 1, 0], &(extensions.len() as u16).to_be_bytes()].concat();
    message(1, &[start, extensions].concat())
}

fn server_hello() -> Vec<u8> {
    message(2, &[&[3, 3][..], &[9; 32], &[0, 0xc0, 0x2f, 0]].concat())
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, 0x82][..], &(content.len() as u16).to_be_bytes(), content].concat()
}

fn common(name: &str) -> Vec<u8> {
    der(0x30, &der(0x31, &der(0x30, &[der(6, &[0x55, 4, 3]), der(12, name.as_bytes())].concat())))
}

/// A certificate with a key of so many bytes, and behind it a name of a host.
fn certificate(key: usize) -> Vec<u8> {
    let names = der(0x30, &[der(0x82, b"*.lab.example"), der(0x82, b"www.lab.example")].concat());
    let extensions = der(0xa3, &der(0x30, &der(0x30, &[der(6, &[0x55, 0x1d, 0x11]), der(4, &names)].concat())));
    let parts = [
        der(2, &[1]),
        der(0x30, &[]),
        common("Root"),
        der(0x30, &[]),
        common("lab.example"),
        der(0x30, &vec![7; key]),
        extensions,
    ];
    let one = der(0x30, &der(0x30, &parts.concat()));
    let length = |length: usize| (length as u32).to_be_bytes()[1..].to_vec();
    message(11, &[length(one.len() + 3), length(one.len()), one].concat())
}

/// What a packet says: types of handshake messages, whom a client calls, the first host, the line, the layers.
#[derive(Debug, Default, PartialEq)]
struct Said {
    types: Vec<String>,
    called: String,
    host: String,
    line: String,
    layers: Vec<Protocol>,
}

struct Talk {
    table: FlowTable,
    names: names::Names,
    gists: gist::Gists,
    connection: Connection,
    snap: usize,
}

impl Talk {
    fn on(port: u16) -> Self {
        let (table, names, gists) = (FlowTable::new(), names::Names::default(), gist::Gists::default());
        let mut talk = Self { table, names, gists, connection: Connection::to(port), snap: usize::MAX };
        talk.read(talk.connection.segment(true, 0, 2, b""));
        talk.read(talk.connection.segment(false, 0, 18, b""));
        talk
    }

    fn client(&mut self, data: &[u8]) -> Said {
        let bytes = self.connection.say(true, data);
        self.read(bytes)
    }

    fn server(&mut self, data: &[u8]) -> Said {
        let bytes = self.connection.say(false, data);
        self.read(bytes)
    }

    fn server_at(&mut self, sequence: u32, data: &[u8]) -> Said {
        self.read(self.connection.segment(false, sequence, 24, data))
    }

    fn read(&mut self, mut bytes: Vec<u8>) -> Said {
        let length = bytes.len() as u32;
        bytes.truncate(self.snap);
        let frame = Frame { link: LinkType::RAW, data: &bytes, length, ..Frame::empty() };
        read_frame(&mut self.table, frame, |packet, known| {
            self.names.learn(packet, known);
            self.gists.packet(packet, known.facts);
            let values = |name: &str| {
                let field = field::resolve(name).expect("a field");
                let mut all = Vec::new();
                field.each(packet, known.facts, &mut |value| {
                    let mut out = Vec::new();
                    text::write(value, field.kind, &mut out);
                    all.push(String::from_utf8(out).unwrap());
                    true
                });
                let first = field.first(packet, known.facts).is_some();
                assert_eq!(first, !all.is_empty(), "{name}");
                all
            };
            let first = |name: &str| values(name).into_iter().next().unwrap_or_default();
            let mut line = Vec::new();
            for at in super::super::whole::told(packet, 2, known.facts) {
                line.extend_from_slice(if line.is_empty() { b"" } else { b"; " });
                application::tell(&at, &mut line);
            }
            Said {
                types: values("tls.handshake.type"),
                called: first("tls.handshake.extensions_server_name"),
                host: first("x509ce.dNSName"),
                line: String::from_utf8_lossy(&line).into_owned(),
                layers: packet.layers.iter().skip(2).map(|layer| layer.protocol).collect(),
            }
        })
    }

    fn handshakes(&self) -> &Watch {
        self.table.rereads.handshakes()
    }

    fn gist(&self) -> String {
        let mut out = Vec::new();
        let gist = self.gists.of(crate::flow::Transport::Tcp, 0);
        gist.into_iter().for_each(|gist| gist.tell(&mut out));
        String::from_utf8(out).unwrap()
    }

    fn name(&self) -> Option<String> {
        self.names.of(Address::V4([10, 0, 0, 2])).map(|name| String::from_utf8_lossy(name).into_owned())
    }
}

use Protocol::{Data, Tls};

/// What a server says until it is the client's turn, each message in a record of its own.
fn flight(key: usize) -> Vec<u8> {
    let messages = [server_hello(), certificate(key), message(12, &[5; 200]), message(14, &[])];
    messages.iter().flat_map(|message| record(22, message)).collect()
}

#[test]
fn a_chain_over_three_segments_belongs_to_the_one_with_its_last_byte() {
    for port in [443, 9999] {
        let mut talk = Talk::on(port);
        talk.client(&record(22, &client_hello(4)));
        let all = flight(2500);
        let first = talk.server(&all[..1400]);
        assert_eq!((first.types, first.host.as_str()), (vec!["2".to_owned()], ""), "half a certificate has no fields");
        assert_eq!(first.line, "server hello TLS 1.2; certificate of lab.example, by Root, goes on");
        let second = talk.server(&all[1400..2600]);
        assert_eq!((second.types.len(), second.line.as_str(), second.layers), (0, "", vec![Data]));
        let third = talk.server(&all[2600..]);
        assert_eq!(third.types, ["11", "12", "14"], "in their order");
        assert_eq!(third.host, "*.lab.example");
        let line = "certificate of lab.example, for *.lab.example, www.lab.example, by Root; server key exchange; \
                    server hello done";
        assert_eq!((third.line.as_str(), third.layers), (line, vec![Data, Tls, Tls]));
        assert_eq!(talk.gist(), "1.3 for lab.example h2 → certificate of lab.example, by Root");
        assert_eq!(talk.handshakes().held, 0);
    }
}

#[test]
fn a_hello_over_two_segments_tells_whom_it_calls_where_it_ends() {
    for port in [443, 9999] {
        let mut talk = Talk::on(port);
        let all = record(22, &client_hello(1500));
        let first = talk.client(&all[..1460]);
        assert_eq!((first.types.len(), first.called.as_str(), first.line.as_str()), (0, "", "client hello, goes on"));
        assert_eq!((talk.gist(), talk.name()), (String::new(), None));
        let second = talk.client(&all[1460..]);
        assert_eq!((second.types, second.called.as_str()), (vec!["1".to_owned()], "lab.example"));
        assert_eq!((second.line.as_str(), second.layers), ("client hello TLS 1.3 for lab.example h2", vec![Data]));
        assert_eq!((talk.gist().as_str(), talk.name().as_deref()), ("1.3 for lab.example h2", Some("lab.example")));
    }
}

#[test]
fn what_is_known_of_a_hello_that_is_never_whole_is_told() {
    let mut talk = Talk::on(443);
    let hello = client_hello(4);
    let all = record(22, &[&hello[..], &[0; 600]].concat());
    let said = talk.client(&all[..super::RECORD + hello.len() + 2]);
    assert_eq!(said.line, "client hello TLS 1.3 for lab.example h2");
    assert_eq!((said.types.len(), talk.name().as_deref()), (0, Some("lab.example")));
    assert_eq!(talk.gist(), "1.3 for lab.example h2");
}

#[test]
fn a_server_that_nobody_called_has_the_first_name_of_its_certificate_that_is_a_host() {
    let mut talk = Talk::on(443);
    let all = flight(2500);
    talk.server(&all[..1400]);
    assert_eq!(talk.name(), None);
    talk.server(&all[1400..]);
    assert_eq!(talk.name().as_deref(), Some("www.lab.example"));
    assert_eq!(talk.gist(), "", "an answer without a question");
}

#[test]
fn messages_lie_over_records_and_share_them() {
    let messages = [server_hello(), certificate(900), message(12, &[5; 200]), message(14, &[])].concat();
    for size in [1, 3, 100, 400, 512, 1400] {
        let records: Vec<u8> = messages.chunks(size).flat_map(|content| record(22, content)).collect();
        let mut talk = Talk::on(443);
        let said = talk.server(&records);
        assert_eq!(
            (said.types, said.host.as_str()),
            (["2", "11", "12", "14"].map(String::from).into(), "*.lab.example")
        );
    }
}

#[test]
fn a_fragment_is_told_as_such_and_not_as_encrypted() {
    let mut talk = Talk::on(443);
    let all = certificate(900);
    let (first, second) = (record(22, &all[..500]), record(22, &all[500..900]));
    let said = talk.server(&[first, second].concat());
    assert_eq!(said.line, "certificate of lab.example, by Root, goes on; handshake, 400 bytes");
    let said = talk.server(&record(22, &all[900..]));
    assert_eq!(said.line, "certificate of lab.example, for *.lab.example, www.lab.example, by Root");
}

#[test]
fn what_comes_again_is_taken_once_and_what_is_late_is_waited_for() {
    let all = flight(2500);
    let cut = |from: usize, to: usize| &all[from..to];
    let mut talk = Talk::on(443);
    talk.server_at(1, cut(0, 1000));
    talk.server_at(1, cut(0, 1000));
    talk.server_at(501, cut(500, 1500));
    assert_eq!(talk.server_at(1001, cut(1000, 1400)).types.len(), 0);
    // One is missing; behind it the records that follow are read as they come.
    let ahead = talk.server_at(2001, cut(2000, all.len()));
    assert_eq!((ahead.types, ahead.layers), (vec!["12".to_owned(), "14".into()], vec![Data, Tls, Tls]));
    let late = talk.server_at(1501, cut(1500, 2000));
    assert_eq!((late.types, late.host.as_str()), (vec!["11".to_owned()], "*.lab.example"));
    assert_eq!(late.line, "certificate of lab.example, for *.lab.example, www.lab.example, by Root");
    assert_eq!((talk.handshakes().held, talk.handshakes().halves.len()), (0, 0));
    assert_eq!(talk.server_at(2001, cut(2000, all.len())).types.len(), 0, "nothing is told again");
}

#[test]
fn what_was_cut_by_the_snap_length_does_not_become_whole() {
    let mut talk = Talk::on(443);
    talk.snap = 600;
    let all = flight(2500);
    let first = talk.server(&all[..1400]);
    assert_eq!(first.line, "server hello TLS 1.2; certificate of lab.example, by Root, goes on");
    for part in [1400..2600, 2600..all.len()] {
        assert_eq!(talk.server(&all[part]).types.len(), 0);
    }
    assert_eq!(talk.handshakes().halves.len(), 0);
}

#[test]
fn nothing_is_held_of_what_is_encrypted() {
    let mut talk = Talk::on(443);
    let random = [[22, 3, 3, 1, 0, 0xb3].as_slice(), &[0xa7; 80]].concat();
    let finished = [record(20, &[1]), random.clone()].concat();
    assert_eq!(talk.server(&finished).types.len(), 0);
    assert_eq!(talk.client(&random).types.len(), 0);
    assert_eq!(talk.client(&[record(23, &[1; 30]), record(23, &[2; 900])[..400].to_vec()].concat()).types.len(), 0);
    assert_eq!(talk.handshakes().halves.len(), 0);
    // What begins an encrypted message is often zero.
    let zeros = talk.server(&record(22, &[[0; 8].as_slice(), &[0xa7; 32]].concat()));
    assert_eq!((zeros.types.len(), zeros.line.as_str()), (0, "handshake, encrypted"));
}

#[test]
fn what_lies_on_a_strange_port_behind_a_hello_is_read_until_it_is_encrypted() {
    let mut talk = Talk::on(9999);
    assert_eq!(talk.server(&record(22, &certificate(10))).layers, [Data], "nobody has greeted");
    talk.server(&record(22, &server_hello()));
    assert_eq!(talk.server(&record(22, &certificate(10))).host, "*.lab.example");
    assert_eq!(talk.server(b"anything else").layers, [Data]);
    assert_eq!(talk.server(&record(22, &message(14, &[]))).layers, [Tls], "a record is one wherever it begins");
}

#[test]
fn records_behind_a_hello_on_a_strange_port_are_known_when_they_are_encrypted_too() {
    let mut talk = Talk::on(21);
    assert_eq!(talk.server(&record(21, &[7; 26])).layers, [Data], "nobody has greeted");
    assert_ne!(talk.server(b"234 AUTH TLS\r\n").layers, [Tls]);
    talk.client(&record(22, &client_hello(10)));
    talk.server(&[record(22, &server_hello()), record(20, &[1]), record(22, &[0xa7; 40])].concat());
    let told = |said: Said| (said.layers, said.line);
    assert_eq!(told(talk.client(&record(23, &[9; 32]))), (vec![Tls], "application data, 32 bytes".into()));
    assert_eq!(told(talk.server(&record(21, &[7; 26]))), (vec![Tls], "alert, encrypted".into()));
    assert_eq!(talk.server(b"227 Entering Passive Mode\r\n").layers, [Protocol::Ftp], "in the clear again");
    talk.connection = Connection { ports: [40_001, 21], next: [1; 2] };
    assert_eq!(talk.server(&record(21, &[7; 26])).layers, [Data], "another conversation");
}

#[test]
fn memory_is_bounded_whatever_is_held() {
    let mut watch = Watch::default();
    for stream in 0..3 * MOST as u32 {
        let half = super::Half { record: vec![0; 16_000], message: vec![0; 1 << 16], ..super::Half::default() };
        watch.insert((stream, false), half);
        assert!(watch.held <= MOST_BYTES && watch.halves.len() <= MOST, "{stream}");
    }
    assert!(watch.halves.keys().all(|(stream, _)| *stream > 2 * MOST as u32), "the oldest leave");
    assert_eq!(watch.held, watch.halves.values().map(super::Half::size).sum::<usize>());
    // A record without an end, and every second byte of it missing.
    let mut talk = Talk::on(443);
    let all = record(22, &message(11, &[7; 16_000]));
    talk.server_at(1, &all[..100]);
    for place in (102..8000).step_by(2) {
        talk.server_at(place as u32, &all[place - 1..place]);
        let most = talk.handshakes().halves.values().map(|half| half.ahead.len()).max();
        assert!(most.is_none_or(|most| most <= MOST_AHEAD));
    }
    assert!(talk.handshakes().held < 20_000);
    // A message of many records that says it has more than one may have.
    let mut talk = Talk::on(443);
    for number in 0..20 {
        talk.server(&record(22, &[if number == 0 { &[11, 1, 0, 0][..] } else { &[] }, &[7; 8000]].concat()));
        assert!(talk.handshakes().held <= (1 << 16) + 20_000);
    }
}

proptest! {
    #[test]
    fn wherever_segments_cut_a_handshake_each_message_is_told_once(
        mut cuts in prop::collection::vec(1..3300_usize, 0..12),
        size in 200..1500_usize,
        each in any::<bool>(),
    ) {
        let messages = [server_hello(), certificate(2500), message(12, &[5; 200]), message(14, &[])];
        let all: Vec<u8> = match each {
            true => messages.iter().flat_map(|message| message.chunks(size)).flat_map(|part| record(22, part)).collect(),
            false => messages.concat().chunks(size).flat_map(|part| record(22, part)).collect(),
        };
        // Not more records a segment than have a layer.
        cuts.retain(|cut| *cut < all.len());
        cuts.extend((0..all.len()).step_by(1400).chain([all.len()]));
        cuts.sort_unstable();
        let mut talk = Talk::on(443);
        let mut types = Vec::new();
        for pair in cuts.windows(2).filter(|pair| pair[0] < pair[1]) {
            types.extend(talk.server(&all[pair[0]..pair[1]]).types);
        }
        prop_assert_eq!(types, ["2", "11", "12", "14"]);
        prop_assert_eq!(talk.handshakes().held, 0);
    }
}
