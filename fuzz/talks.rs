//! Talks of applications over several packets and connections: what the flow table joins, watches and covers, whatever
//! comes again, late, cut, or not at all.

use std::collections::{BTreeMap, VecDeque};

use netlab::frame::{Error, Frame, Interface, LinkType, Source, Timestamp};
use netlab::wire::tcp::{Flags, Header as Tcp};
use netlab::wire::{self, Address, At, Layers, Protocol};

use super::packets::{self, End, Header, end};

/// Bytes in front of the records: the view, and the addresses of client and server.
const HEAD: usize = 9;
/// Bytes that describe a packet, in front of what it says: oddities, the client's port, the server's, the length.
const RECORD: usize = 7;
const FROM_SERVER: u8 = 1;
const UDP: u8 = 2;
const SYN: u8 = 4;
const FIN: u8 = 8;
const CUT: u8 = 0x80;

/// `input` is a head ([`HEAD`]), then packets: a [`RECORD`], big-endian, and what is said. The lowest bits of its first byte are
/// named above; of the others, 0x10 has it sent twice, 0x20 has it come behind the next one, 0x40 lost, 0x80 cut by the
/// snap length. Sequence numbers are what has been sent before.
pub fn talks(input: &[u8]) {
    let Some((&[view, a, b, c, d, e, f, g, h], rest)) = input.split_first_chunk::<HEAD>() else { return };
    let mut talk = Talk {
        ends: [[a, b, c, d], [e, f, g, h]],
        rest,
        sent: BTreeMap::new(),
        waiting: VecDeque::new(),
        late: None,
        packet: Made::default(),
        time: Timestamp(0),
    };
    super::show(&mut talk, view);
}

#[derive(Clone, Default)]
struct Made {
    bytes: Vec<u8>,
    /// Bytes that were not captured.
    cut: usize,
}

struct Talk<'a> {
    ends: [[u8; 4]; 2],
    rest: &'a [u8],
    /// What client and server have sent, by their ports.
    sent: BTreeMap<(u16, u16), [u32; 2]>,
    waiting: VecDeque<Made>,
    late: Option<Made>,
    packet: Made,
    time: Timestamp,
}

impl Talk<'_> {
    /// Makes the packets of the next record: none where it is lost or late.
    fn next(&mut self) -> Option<()> {
        let (&[odd, c1, c0, s1, s0, l1, l0], rest) = self.rest.split_first_chunk::<RECORD>()?;
        let length = usize::from(u16::from_be_bytes([l1, l0])).min(rest.len());
        let (said, rest) = rest.split_at(length);
        self.rest = rest;
        let ports = (u16::from_be_bytes([c1, c0]), u16::from_be_bytes([s1, s0]));
        let ends = [end(self.ends[0], ports.0), end(self.ends[1], ports.1)];
        let side = usize::from(odd & FROM_SERVER);
        let mut bytes = Vec::new();
        if odd & UDP != 0 {
            packets::datagram(ends[side], ends[1 - side], said, &mut bytes);
        } else {
            self.segment(ports, ends, odd, said, &mut bytes);
        }
        let made = Made { bytes, cut: if odd & CUT != 0 { 1 + said.len() / 2 } else { 0 } };
        let late = self.late.take();
        match odd & 0x70 {
            0x10 => self.waiting.extend([made.clone(), made]),
            0x20 => self.late = Some(made),
            0x40 => {}
            _ => self.waiting.push_back(made),
        }
        self.waiting.extend(late);
        Some(())
    }

    fn segment(&mut self, ports: (u16, u16), ends: [End; 2], odd: u8, said: &[u8], out: &mut Vec<u8>) {
        let side = usize::from(odd & FROM_SERVER);
        let sent = self.sent.entry(ports).or_default();
        let flags = if odd & SYN != 0 { 0x02 | (side as u8) << 4 } else { 0x18 | (odd & FIN) >> 3 };
        let header = Header { sequence: sent[side], acknowledgment: sent[1 - side], flags };
        packets::segment(ends[side], ends[1 - side], header, said, out);
        sent[side] = sent[side].wrapping_add(said.len() as u32 + u32::from(flags & 3 != 0));
    }
}

impl Source for Talk<'_> {
    fn advance(&mut self) -> Result<Option<Timestamp>, Error> {
        while self.waiting.is_empty() {
            if self.next().is_none() {
                self.waiting.extend(self.late.take());
                break;
            }
        }
        let Some(packet) = self.waiting.pop_front() else { return Ok(None) };
        self.packet = packet;
        self.time = Timestamp(self.time.0 + 1_000_000);
        Ok(Some(self.time))
    }

    fn frame(&self) -> Frame<'_> {
        let Made { bytes, cut } = &self.packet;
        let data = bytes.get(..bytes.len().saturating_sub(*cut)).unwrap_or_default();
        let (time, length) = (Some(self.time), bytes.len() as u32);
        Frame { number: 0, time, link: LinkType::RAW, interface: 0, length, data, comment: &[] }
    }

    fn interfaces(&self) -> &[Interface] {
        &[]
    }
}

/// The input of `talks` that shows, in a view, what two hosts of a capture say to each other: the first two that say
/// something over TCP or UDP.
pub fn as_talk(view: u8, source: &mut dyn Source) -> Vec<u8> {
    let mut input = Vec::new();
    let mut hosts = None;
    while let Ok(Some(_)) = source.advance() {
        let mut layers = Layers::new();
        let packet = wire::decode_transport(source.frame(), &mut layers);
        let is_one = |at: &At<'_>| matches!(at.layer.protocol, Protocol::Tcp | Protocol::Udp) && !at.layer.quoted;
        let Some(at) = packet.each().find(is_one) else { continue };
        let (Some((from, to)), Some(ports)) = (packet.addresses(at.index), at.array::<4>(0)) else { continue };
        let hosts = *hosts.get_or_insert((from, to));
        if hosts != (from, to) && hosts != (to, from) {
            continue;
        }
        if input.is_empty() {
            input.push(view);
            input.extend([address(from, 1), address(to, 2)].concat());
        }
        let mut odd = if hosts == (from, to) { 0 } else { FROM_SERVER };
        match Tcp::new(&at) {
            Some(header) if at.layer.protocol == Protocol::Tcp => {
                odd |= if header.flags().any(Flags::SYN) { SYN } else { 0 };
                odd |= if header.flags().any(Flags::FIN) { FIN } else { 0 };
            }
            _ => odd |= UDP,
        }
        let [a, b, c, d] = ports;
        let said = at.content();
        input.push(odd);
        input.extend(if odd & FROM_SERVER == 0 { [a, b, c, d] } else { [c, d, a, b] });
        input.extend((said.len() as u16).to_be_bytes());
        input.extend_from_slice(said);
    }
    input
}

fn address(address: Address, last: u8) -> [u8; 4] {
    match address {
        Address::V4(address) => address,
        _ => [10, 0, 0, last],
    }
}
