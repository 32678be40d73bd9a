//! Conversations as the pipeline reads them: what the layers behind TCP are, packet by packet.

use crate::flow::FlowTable;
use crate::flow::sample::{self, Connection};
use crate::wire::Protocol::{self, Data, Http, WebSocket};

const ASKED: &[u8] = b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const AGREED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n";
/// RFC 6455 §5.7.
const HELLO: &[u8] = b"\x81\x05Hello";
const MASKED_HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

struct Talk {
    table: FlowTable,
    connection: Connection,
}

impl Talk {
    fn on(port: u16) -> Self {
        let mut talk = Self { table: FlowTable::new(), connection: Connection::to(port) };
        talk.read(&talk.connection.segment(true, 0, 2, b""));
        talk.read(&talk.connection.segment(false, 0, 18, b""));
        talk
    }

    fn client(&mut self, data: &[u8]) -> Vec<Protocol> {
        let bytes = self.connection.say(true, data);
        self.read(&bytes)
    }

    fn server(&mut self, data: &[u8]) -> Vec<Protocol> {
        let bytes = self.connection.say(false, data);
        self.read(&bytes)
    }

    fn read(&mut self, bytes: &[u8]) -> Vec<Protocol> {
        sample::read(&mut self.table, bytes, |packet, _| {
            packet.layers.iter().skip(2).map(|layer| layer.protocol).collect()
        })
    }
}

#[test]
fn frames_are_read_on_any_port_behind_the_upgrade_and_not_before() {
    for port in [9999, 80] {
        let mut talk = Talk::on(port);
        assert_eq!(talk.client(MASKED_HELLO), [Data]);
        assert_eq!(talk.client(ASKED), [Http]);
        assert_eq!(talk.server(HELLO), [Data], "not agreed yet");
        assert_eq!(talk.server(&[AGREED, HELLO].concat()), [Http, WebSocket]);
        assert_eq!(talk.client(MASKED_HELLO), [WebSocket]);
        assert_eq!(talk.server(&HELLO.repeat(3)), [WebSocket; 3]);
    }
}

#[test]
fn a_frame_that_goes_on_in_other_segments_is_followed_to_its_end() {
    let mut talk = Talk::on(9999);
    talk.client(ASKED);
    talk.server(AGREED);
    let long = [&b"\x82\x7e\x01\x00"[..], &[0x81; 256]].concat();
    assert_eq!(talk.server(&long[..100]), [WebSocket]);
    assert_eq!(talk.server(&long[100..200]), [Data]);
    assert_eq!(talk.server(&[&long[200..], HELLO].concat()), [Data, WebSocket]);
    assert_eq!(talk.server(HELLO), [WebSocket]);
}

#[test]
fn behind_a_missing_segment_frames_are_known_again_where_they_fill_one() {
    let mut talk = Talk::on(9999);
    talk.client(ASKED);
    talk.server(AGREED);
    talk.server(&[&b"\x82\x7e\x01\x00"[..], &[7; 96]].concat());
    talk.connection.next[1] += 50;
    assert_eq!(talk.server(&[7; 106]), [Data]);
    assert_eq!(talk.server(HELLO), [WebSocket]);
    assert_eq!(talk.server(&[HELLO, b"\x81"].concat()), [WebSocket, Data], "the head of the next is cut");
    assert_eq!(talk.server(b"\x05Hello"), [Data]);
}

proptest::proptest! {
    #[test]
    fn any_bytes_behind_an_upgrade_are_read(
        pieces in proptest::collection::vec((proptest::prelude::any::<bool>(), proptest::collection::vec(proptest::prelude::any::<u8>(), 1..60)), 0..8),
    ) {
        let mut talk = Talk::on(9999);
        talk.client(ASKED);
        talk.server(AGREED);
        for (from_client, data) in pieces {
            let found = if from_client { talk.client(&data) } else { talk.server(&data) };
            proptest::prop_assert!(!found.is_empty());
        }
    }
}
