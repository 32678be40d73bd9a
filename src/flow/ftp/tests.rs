//! Control connections that announce data connections, in every way, and what is no data connection.

use super::*;
use crate::flow::FlowTable;
use crate::flow::sample::{self, DATA, End, SYN};
use crate::frame::{Frame, LinkType};

const CLIENT: End = (1, 40_000);
const SERVER: End = (2, 21);

/// Hosts of 10.0.0.0/24 that speak; numbers of frames go on from 1.
#[derive(Default)]
struct Lan {
    table: FlowTable,
    frames: u64,
}

impl Lan {
    /// A segment: as what its last layer is read, and what FTP carries over it.
    fn segment(&mut self, ends: [End; 2], sequence: u32, flags: u8, data: &[u8]) -> (Protocol, String) {
        self.frames += 1;
        let bytes = sample::segment(ends, [sequence, 0], flags, data);
        let (data, length) = (&bytes[..], bytes.len() as u32);
        let frame = Frame { link: LinkType::RAW, number: self.frames, data, length, ..Frame::empty() };
        sample::read_frame(&mut self.table, frame, |packet, known| {
            let told = known.facts.transfer.as_ref().map_or("none".to_owned(), |transfer| {
                let command = transfer.command.as_ref().map(|(text, frame)| (String::from_utf8_lossy(text), frame));
                format!("{} {} {command:?}", transfer.method, transfer.setup)
            });
            (packet.layers.last().expect("layers").protocol, told)
        })
    }

    /// Frame 1: the control connection begins.
    fn new() -> Self {
        let mut lan = Self::default();
        lan.segment([CLIENT, SERVER], 99, SYN, b"");
        lan
    }

    fn asks(&mut self, sequence: u32, text: &str) {
        self.segment([CLIENT, SERVER], sequence, DATA, text.as_bytes());
    }

    fn answers(&mut self, sequence: u32, text: &str) {
        self.segment([SERVER, CLIENT], sequence, DATA, text.as_bytes());
    }
}

#[test]
fn a_connection_to_where_the_server_waits_is_for_the_command_that_comes_behind_it() {
    for (method, reply) in
        [("PASV", "227 Entering Passive Mode (10,0,0,2,195,80).\r\n"), ("EPASV", "229 Extended (|||50000|)\r\n")]
    {
        let mut lan = Lan::new();
        lan.answers(100, reply);
        let ends = [(1, 40_001), (2, 50_000)];
        assert_eq!(lan.segment(ends, 9, SYN, b"").1, format!("{method} 2 None"));
        lan.asks(100, "RETR knjiga.txt\r\n");
        let (protocol, told) = lan.segment([ends[1], ends[0]], 5, DATA, b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!((protocol, told), (Protocol::FtpData, format!("{method} 2 Some((\"RETR knjiga.txt\", 4))")));
    }
}

#[test]
fn a_connection_to_where_the_client_waits_is_for_its_command() {
    for (method, command) in [("PORT", "PORT 10,0,0,1,195,80\r\n"), ("EPRT", "EPRT |1|10.0.0.1|50000|\r\n")] {
        let mut lan = Lan::new();
        lan.asks(100, command);
        lan.asks(100 + command.len() as u32, "STOR a\r\n");
        let told = lan.segment([(2, 20), (1, 50_000)], 9, SYN, b"").1;
        assert_eq!(told, format!("{method} 2 Some((\"STOR a\", 3))"));
        assert_eq!(lan.segment([(1, 50_000), (2, 20)], 9, DATA, b"a").0, Protocol::FtpData);
    }
}

#[test]
fn what_is_announced_later_is_for_the_next_connection() {
    let mut lan = Lan::new();
    lan.answers(100, "227 here (10,0,0,2,195,80)\r\n");
    lan.segment([(1, 40_001), (2, 50_000)], 9, SYN, b"");
    lan.asks(100, "LIST\r\n");
    lan.answers(128, "227 here (10,0,0,2,195,81)\r\n");
    lan.asks(106, "RETR b\r\n");
    let first = lan.segment([(2, 50_000), (1, 40_001)], 5, DATA, b"\0\x01");
    assert_eq!(first, (Protocol::FtpData, "PASV 2 Some((\"LIST\", 4))".to_owned()));
    let second = lan.segment([(1, 40_002), (2, 50_001)], 9, SYN, b"");
    assert_eq!(second.1, "PASV 5 Some((\"RETR b\", 6))");
}

#[test]
fn other_connections_and_other_replies_announce_nothing() {
    let mut lan = Lan::new();
    assert_eq!(lan.segment([(1, 40_001), (2, 50_000)], 9, SYN, b"").1, "none");
    lan.answers(100, "220 (10,0,0,2,195,80)\r\n");
    lan.answers(122, "227 Entering Passive Mode\r\n");
    assert_eq!(lan.segment([(1, 40_002), (2, 50_000)], 9, SYN, b"").1, "none");
    // A connection that was there before the announcement.
    lan.answers(149, "229 (|||50000|)\r\n");
    assert_eq!(lan.segment([(1, 40_002), (2, 50_000)], 10, DATA, b"a"), (Protocol::Data, "none".to_owned()));
}

#[test]
fn a_connection_is_announced_in_the_directory_where_its_control_connection_is() {
    let mut lan = Lan::new();
    let mut directory = |replies: [&str; 2], [asks, answers]: [u32; 2], port: u16| {
        lan.asks(asks, "CWD in\r\n");
        lan.answers(answers, replies[0]);
        lan.answers(answers + replies[0].len() as u32, replies[1]);
        let bytes = sample::segment([(1, 40_001), (2, port)], [9, 0], SYN, b"");
        let told = sample::read(&mut lan.table, &bytes, |_, known| known.facts.transfer.as_ref()?.directory.clone());
        told.map(|path| String::from_utf8_lossy(&path).into_owned())
    };
    let found = directory(["550 no\r\n", "227 here (10,0,0,2,195,80)\r\n"], [100, 100], 50_000);
    assert_eq!(found, None, "nobody has said it");
    let found = directory(["250 done\r\n", "227 here (10,0,0,2,195,81)\r\n"], [108, 136], 50_001);
    assert_eq!(found.as_deref(), Some("in"), "from where it began");
}
