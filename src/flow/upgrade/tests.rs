//! Conversations as the pipeline reads them: what the layers behind TCP are, packet by packet.

use crate::flow::FlowTable;
use crate::frame::{Frame, LinkType};
use crate::pipeline::reread;
use crate::wire::Protocol::{Data, Http, WebSocket};
use crate::wire::{Layers, Protocol, decode};

const ASKED: &[u8] = b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const AGREED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n";
/// RFC 6455 §5.7.
const HELLO: &[u8] = b"\x81\x05Hello";
const MASKED_HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

struct Talk {
    table: FlowTable,
    port: u16,
    next: [u32; 2],
}

impl Talk {
    fn on(port: u16) -> Self {
        let mut talk = Self { table: FlowTable::new(), port, next: [1; 2] };
        talk.segment(true, 0, 2, b"");
        talk.segment(false, 0, 18, b"");
        talk
    }

    fn client(&mut self, data: &[u8]) -> Vec<Protocol> {
        let found = self.segment(true, self.next[0], 24, data);
        self.next[0] += data.len() as u32;
        found
    }

    fn server(&mut self, data: &[u8]) -> Vec<Protocol> {
        let found = self.segment(false, self.next[1], 24, data);
        self.next[1] += data.len() as u32;
        found
    }

    fn segment(&mut self, from_client: bool, sequence: u32, flags: u8, data: &[u8]) -> Vec<Protocol> {
        let mut bytes = vec![0x45, 0];
        bytes.extend((40 + data.len() as u16).to_be_bytes());
        bytes.extend([0, 1, 0, 0, 64, 6, 0, 0]);
        let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        bytes.extend(if from_client { [client, server] } else { [server, client] }.concat());
        let ports = if from_client { [40_000, self.port] } else { [self.port, 40_000] };
        bytes.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(self.next[usize::from(from_client)].to_be_bytes());
        bytes.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
        bytes.extend(data);
        let frame = Frame { link: LinkType::RAW, data: &bytes, length: bytes.len() as u32, ..Frame::empty() };
        let (mut layers, mut again) = (Layers::new(), Layers::new());
        let packet = decode(frame, &mut layers);
        let known = self.table.ingest(&packet);
        let packet = reread(packet, &known, &mut again);
        packet.layers.iter().skip(2).map(|layer| layer.protocol).collect()
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
    talk.next[1] += 50;
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
