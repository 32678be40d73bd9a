//! Who answers whom: numbers, turns, groups; what comes twice; what is forgotten.

use std::collections::HashMap;

use super::*;
use crate::flow::FlowTable;
use crate::frame::{Frame, LinkType};
use crate::wire::sample::{ethernet, hex, ipv4};
use crate::wire::{Layers, decode};

const MILLISECOND: i64 = 1_000_000;

/// Packets of a few hosts, fed one after the other.
struct Talk {
    table: FlowTable,
    number: u64,
    /// The next sequence number of each end, by its port.
    sequences: HashMap<u16, u32>,
}

impl Talk {
    fn new() -> Self {
        Self { table: FlowTable::new(), number: 0, sequences: HashMap::new() }
    }

    fn feed(&mut self, data: &[u8], milliseconds: i64) -> Option<Join> {
        self.number += 1;
        let mut layers = Layers::new();
        let time = Some(Timestamp(milliseconds * MILLISECOND));
        let (number, length) = (self.number, data.len() as u32);
        let frame = Frame { number, time, link: LinkType::ETHERNET, data, length, ..Frame::empty() };
        self.table.ingest(&decode(frame, &mut layers)).facts.join
    }

    fn datagram(&mut self, from: (u8, u16), to: (u8, u16), content: &[u8], milliseconds: i64) -> Option<Join> {
        let head = [from.1.to_be_bytes(), to.1.to_be_bytes(), (8 + content.len() as u16).to_be_bytes(), [0; 2]];
        let mut packet = ipv4(17, &[&head.concat(), content].concat());
        (packet[15], packet[19]) = (from.0, to.0);
        self.feed(&ethernet(0x0800, &packet), milliseconds)
    }

    /// A segment of one connection between the port 40000 of a client and the port 80 of a server.
    fn segment(&mut self, from: u16, content: &[u8], milliseconds: i64) -> Option<Join> {
        let sequence = *self.sequences.entry(from).or_insert(1);
        self.sequences.insert(from, sequence + content.len() as u32);
        self.segment_at(from, sequence, content, milliseconds)
    }

    /// A segment that arrives, and that the capture lacks.
    fn lose(&mut self, from: u16, content: &[u8]) {
        *self.sequences.entry(from).or_insert(1) += content.len() as u32;
    }

    fn segment_at(&mut self, from: u16, sequence: u32, content: &[u8], milliseconds: i64) -> Option<Join> {
        let to: u16 = if from == 80 { 40_000 } else { 80 };
        let got = self.sequences.get(&to).copied().unwrap_or(1).to_be_bytes();
        let head =
            [&from.to_be_bytes()[..], &to.to_be_bytes(), &sequence.to_be_bytes(), &got, &hex("5018 ffff 0000 0000")];
        let mut packet = ipv4(6, &[&head.concat(), content].concat());
        if from == 80 {
            (packet[15], packet[19]) = (2, 1);
        }
        self.feed(&ethernet(0x0800, &packet), milliseconds)
    }
}

fn question(id: u16) -> Vec<u8> {
    [&id.to_be_bytes()[..], &hex("0100 0001 0000 0000 0000 03 777777 03 6c6162 00 0001 0001")].concat()
}

fn answer(id: u16) -> Vec<u8> {
    let rest = hex("8180 0001 0001 0000 0000 03 777777 03 6c6162 00 0001 0001 c00c 0001 0001 0000003c 0004 c0000207");
    [&id.to_be_bytes()[..], &rest].concat()
}

fn answers(protocol: Protocol, question: u64, milliseconds: i64) -> Option<Join> {
    Some(Join { protocol, link: Link::Answers { question, after: milliseconds * MILLISECOND } })
}

const CLIENT: (u8, u16) = (1, 40_000);
const SERVER: (u8, u16) = (2, 53);

#[test]
fn an_answer_finds_its_question_by_its_number() {
    let mut talk = Talk::new();
    assert_eq!(talk.datagram(CLIENT, SERVER, &question(7), 0), None);
    assert_eq!(talk.datagram(CLIENT, SERVER, &question(8), 1), None);
    assert_eq!(talk.datagram(SERVER, CLIENT, &answer(7), 5), answers(Protocol::Dns, 1, 5));
    assert_eq!(talk.datagram(SERVER, CLIENT, &answer(9), 6), None, "nobody has asked");
    assert_eq!(talk.datagram(SERVER, (1, 40_001), &answer(8), 7), None, "another conversation");
    assert_eq!(talk.datagram(SERVER, CLIENT, &answer(8), 8), answers(Protocol::Dns, 2, 7));
}

#[test]
fn what_is_asked_or_answered_again_says_so() {
    let mut talk = Talk::new();
    talk.datagram(CLIENT, SERVER, &question(7), 0);
    let again = talk.datagram(CLIENT, SERVER, &question(7), 1000);
    assert_eq!(again, Some(Join { protocol: Protocol::Dns, link: Link::AskedBefore(1) }));
    assert_eq!(talk.datagram(SERVER, CLIENT, &answer(7), 1004), answers(Protocol::Dns, 1, 1004));
    let twice = talk.datagram(SERVER, CLIENT, &answer(7), 1005).unwrap();
    assert_eq!(twice.link, Link::AnsweredBefore(3));
    assert_eq!(talk.datagram(CLIENT, SERVER, &question(7), 1006), None, "the number is used again");
    assert_eq!(talk.datagram(SERVER, CLIENT, &answer(7), 1008), answers(Protocol::Dns, 5, 2));
    talk.datagram(CLIENT, SERVER, &question(8), 2000);
    assert_eq!(talk.datagram(CLIENT, SERVER, &question(8), 8000), None, "after so long a time it is another question");
}

#[test]
fn in_one_connection_answers_come_in_the_order_of_requests() {
    let (get, ok) = (b"GET /a HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let mut talk = Talk::new();
    assert_eq!(talk.segment(80, ok, 0), None, "the request was not seen");
    talk.segment(40_000, &get.repeat(2), 1);
    talk.segment(40_000, get, 2);
    assert_eq!(talk.segment(80, ok, 3), answers(Protocol::Http, 2, 2));
    assert_eq!(talk.segment(80, b"HTTP/1.1 103 Early Hints\r\n\r\n", 4), answers(Protocol::Http, 2, 3));
    assert_eq!(talk.segment(80, ok, 5), answers(Protocol::Http, 2, 4));
    assert_eq!(talk.segment(80, ok, 6), answers(Protocol::Http, 3, 4));
    assert_eq!(talk.segment(80, ok, 7), None);
}

#[test]
fn requests_that_come_while_others_wait_are_answered_in_their_order() {
    let (get, ok) = (b"GET /a HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let mut talk = Talk::new();
    // Frames 1 and 2 ask, 3 answers the first; from there on, one asks before each answer.
    talk.segment(40_000, get, 0);
    talk.segment(40_000, get, 0);
    assert_eq!(talk.segment(80, ok, 0), answers(Protocol::Http, 1, 0));
    for question in [2, 4, 6, 8] {
        talk.segment(40_000, get, 0);
        assert_eq!(talk.segment(80, ok, 0), answers(Protocol::Http, question, 0));
    }
    assert_eq!(talk.segment(80, ok, 0), answers(Protocol::Http, 10, 0));
    assert_eq!(talk.segment(80, ok, 0), None);
}

#[test]
fn a_request_in_a_segment_that_comes_again_is_no_second_request() {
    let (get, ok) = (b"GET /a HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let mut talk = Talk::new();
    talk.segment(40_000, get, 0);
    assert_eq!(talk.segment_at(40_000, 1, get, 300), None);
    assert_eq!(talk.segment(80, ok, 301), answers(Protocol::Http, 1, 301));
    assert_eq!(talk.segment(80, ok, 302), None);
}

#[test]
fn an_answer_that_was_not_captured_does_not_shift_the_others() {
    let (get, ok) = (b"GET /a HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let mut talk = Talk::new();
    talk.segment(40_000, get, 0);
    talk.lose(80, ok);
    talk.segment(40_000, get, 2);
    assert_eq!(talk.segment(80, ok, 3), answers(Protocol::Http, 2, 1));
    // Of three that were asked at once, the answer to the second is lost: it is not known whose the next one is.
    talk.segment(40_000, &get.repeat(3), 4);
    assert_eq!(talk.segment(80, ok, 5), answers(Protocol::Http, 4, 1));
    talk.lose(80, ok);
    assert_eq!(talk.segment(80, ok, 6), None);
    talk.segment(40_000, get, 7);
    assert_eq!(talk.segment(80, ok, 8), answers(Protocol::Http, 7, 1));
}

#[test]
fn a_request_that_comes_again_with_another_behind_it_is_no_second_request() {
    let (get, ok) = (b"GET /a HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let mut talk = Talk::new();
    talk.segment(40_000, get, 0);
    talk.segment_at(40_000, 1, &get.repeat(2), 300);
    assert_eq!(talk.segment(80, ok, 301), answers(Protocol::Http, 1, 301));
    assert_eq!(talk.segment(80, ok, 302), answers(Protocol::Http, 2, 2));
    assert_eq!(talk.segment(80, ok, 303), None);
}

#[test]
fn a_question_to_a_group_is_answered_by_whoever_knows() {
    let mut talk = Talk::new();
    talk.datagram((1, 40_000), (252, 5355), &question(7), 0);
    assert_eq!(talk.datagram((9, 5355), (1, 40_000), &answer(7), 20), answers(Protocol::Llmnr, 1, 20));
    assert_eq!(talk.datagram((8, 5355), (1, 40_000), &answer(7), 21), answers(Protocol::Llmnr, 1, 21));
    assert_eq!(talk.datagram((8, 5355), (1, 40_001), &answer(7), 22), None);
    // Multicast DNS has no numbers; what nobody has asked for lately is an announcement.
    talk.datagram((1, 5353), (251, 5353), &question(0), 100);
    assert_eq!(talk.datagram((9, 5353), (251, 5353), &answer(0), 130), answers(Protocol::Mdns, 5, 30));
    assert_eq!(talk.datagram((1, 5353), (251, 5353), &question(0), 1100), None);
    assert_eq!(talk.datagram((9, 5353), (251, 5353), &answer(0), 1130), answers(Protocol::Mdns, 7, 30));
    assert_eq!(talk.datagram((9, 5353), (251, 5353), &answer(0), 60_000), None);
}

#[test]
fn the_oldest_questions_are_forgotten() {
    let mut talk = Talk::new();
    for port in 0..=QUESTIONS as u16 {
        talk.datagram((1, 20_000 + port), SERVER, &question(7), 0);
    }
    assert_eq!(talk.table.exchanges.questions.len(), QUESTIONS);
    assert_eq!(talk.datagram(SERVER, (1, 20_000), &answer(7), 1), None);
    assert_eq!(talk.datagram(SERVER, (1, 20_001), &answer(7), 1), answers(Protocol::Dns, 2, 1));
}
