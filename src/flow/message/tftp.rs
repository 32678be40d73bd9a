//! Files over TFTP (RFC 1350; RFC 2348, 2349 and 7440 for options), put together from their blocks.
//!
//! Trap: the server answers from a port of its own, which only the client's address and port join to the request.
//! Block numbers have 16 bits and begin anew at 0 behind 65,535.

use std::collections::HashMap;

use super::body::End;
use super::output::{Draft, Output};
use super::{Bytes, Conversation, File, What};
use crate::wire::{Address, Protocol};

/// Transfers that are read at a time; of more, the oldest are handed out as they are.
const MOST: usize = 1024;
/// Bytes of a block where nothing else is agreed.
const BLOCK: u32 = 512;
/// Blocks that may be missing between two: more is another number gone round.
const MOST_MISSING: u16 = 4096;

struct Transfer {
    conversation: Conversation,
    file: File,
    /// The client sends it.
    is_written: bool,
    /// The port that the server answers from.
    server: Option<u16>,
    /// Bytes of every block but the last.
    block: u32,
    /// Number of the block that comes next.
    next: u16,
    draft: Option<Draft>,
    /// Where the request stands.
    request: Draft,
    over: bool,
    /// One side gave up.
    failed: bool,
}

/// All transfers that are read.
#[derive(Default)]
pub(super) struct Tftp {
    /// By the client's end.
    transfers: HashMap<(Address, u16), Transfer>,
}

/// A datagram.
#[derive(Clone, Copy)]
pub(super) struct Datagram<'a> {
    pub source: (Address, u16),
    pub destination: (Address, u16),
    /// `udp.stream`; `None` of a datagram that came in fragments.
    pub stream: Option<u32>,
    pub bytes: Bytes<'a>,
    /// Bytes that the capture cut off.
    pub cut: u64,
}

impl Tftp {
    /// Whether nothing is read.
    pub(super) fn is_idle(&self) -> bool {
        self.transfers.is_empty()
    }

    /// A datagram to the port of TFTP: a request, where it is one.
    pub(super) fn request(&mut self, datagram: &Datagram<'_>, out: &mut Output<'_>) {
        let Some(([0, code @ (1 | 2)], rest)) = datagram.bytes.data.split_first_chunk::<2>() else {
            return self.datagram(datagram, out);
        };
        let mut texts = rest.split(|byte| *byte == 0);
        let name = texts.next().unwrap_or_default().to_vec();
        let mode = texts.next().unwrap_or_default().to_ascii_lowercase();
        let is_written = *code == 2;
        let word: &[u8] = if is_written { b"write" } else { b"read" };
        let command = if mode == b"octet" { word.to_vec() } else { [word, b" as ", &mode].concat() };
        let conversation = out.conversation;
        let file = File { name, command, control: Some(conversation.stream), ..File::default() };
        let request = out.begin(&datagram.bytes, is_written);
        let before = self.transfers.remove(&datagram.source);
        if let Some(before) = before {
            // Asked again because nobody answered: the same transfer.
            if before.draft.is_none() && before.file.name == file.name {
                self.transfers.insert(datagram.source, before);
                return;
            }
            before.hand_out(out);
        }
        if self.transfers.len() >= MOST {
            let oldest = self.transfers.iter().min_by_key(|(_, transfer)| transfer.request.number);
            let oldest = oldest.map(|(end, _)| *end).and_then(|end| self.transfers.remove(&end));
            oldest.into_iter().for_each(|oldest| oldest.hand_out(out));
        }
        let mut transfer = Transfer {
            conversation,
            file,
            is_written,
            server: None,
            block: BLOCK,
            next: 1,
            draft: None,
            request,
            over: false,
            failed: false,
        };
        // What the client proposes counts once the server agrees; the size of a file that it writes it knows.
        if is_written {
            transfer.options(texts, false);
        }
        self.transfers.insert(datagram.source, transfer);
    }

    /// Any other datagram: a part of a transfer, where it is one.
    pub(super) fn datagram(&mut self, datagram: &Datagram<'_>, out: &mut Output<'_>) {
        let (from_client, end, other) = if self.transfers.contains_key(&datagram.source) {
            (true, datagram.source, datagram.destination)
        } else {
            (false, datagram.destination, datagram.source)
        };
        let Some(transfer) = self.transfers.get_mut(&end) else { return };
        if other.0 != transfer.conversation.server.0 || transfer.server.is_some_and(|port| port != other.1) {
            return;
        }
        if !from_client && transfer.server.is_none() {
            transfer.server = Some(other.1);
            transfer.conversation.server = other;
            if let Some(stream) = datagram.stream {
                transfer.conversation.stream = stream;
            }
        }
        transfer.part(from_client, datagram, out);
        if transfer.over
            && let Some(transfer) = self.transfers.remove(&end)
        {
            transfer.hand_out(out);
        }
    }

    /// Hands out what there is.
    pub(super) fn finish(&mut self, out: &mut Output<'_>) {
        let mut transfers: Vec<_> = self.transfers.drain().map(|(_, transfer)| transfer).collect();
        transfers.sort_by_key(|transfer| transfer.request.number);
        transfers.into_iter().for_each(|transfer| transfer.hand_out(out));
    }
}

impl Transfer {
    /// Names and values of options by turns, each a text; `agreed`: by the server.
    fn options<'a>(&mut self, mut texts: impl Iterator<Item = &'a [u8]>, agreed: bool) {
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            let Some(value) = std::str::from_utf8(value).ok().and_then(|value| value.parse::<u64>().ok()) else {
                continue;
            };
            if agreed && name.eq_ignore_ascii_case(b"blksize") {
                self.block = u32::try_from(value).unwrap_or(BLOCK).clamp(8, 65_464);
            } else if name.eq_ignore_ascii_case(b"tsize") {
                self.file.announced = Some(value).filter(|size| *size > 0);
            }
        }
    }

    fn part(&mut self, from_client: bool, datagram: &Datagram<'_>, out: &mut Output<'_>) {
        let Some(([0, code, high, low], _)) = datagram.bytes.data.split_first_chunk::<4>() else { return };
        let content = datagram.bytes.split(4).1;
        match code {
            3 if from_client == self.is_written => {
                self.block(u16::from_be_bytes([*high, *low]), &content, datagram.cut, out);
            }
            5 => {
                let text = content.data.split(|byte| *byte == 0).next().unwrap_or_default();
                self.file.reply = text.to_vec();
                (self.over, self.failed) = (true, true);
            }
            6 if !from_client => {
                let texts = datagram.bytes.split(2).1.data.split(|byte| *byte == 0);
                self.options(texts, true);
            }
            _ => {}
        }
    }

    fn block(&mut self, number: u16, content: &Bytes<'_>, cut: u64, out: &mut Output<'_>) {
        let ahead = number.wrapping_sub(self.next);
        if ahead > MOST_MISSING {
            // It was there already.
            return;
        }
        let is_written = self.is_written;
        let draft = self.draft.get_or_insert_with(|| out.begin(content, is_written));
        draft.body.gap(u64::from(ahead) * u64::from(self.block), out.budget);
        draft.place.extend(content);
        draft.body.push(content.data, out.budget);
        draft.body.gap(cut, out.budget);
        draft.body.end = End::Cut { missing: None };
        self.next = number.wrapping_add(1);
        if content.data.len() as u64 + cut < u64::from(self.block) {
            draft.body.end = End::Whole;
            self.over = true;
        }
    }

    fn hand_out(self, out: &mut Output<'_>) {
        let mut draft = match self.draft {
            Some(draft) => draft,
            None if self.failed => return,
            // No block was captured.
            None => {
                let mut draft = self.request;
                draft.body.end = End::Cut { missing: self.file.announced };
                draft
            }
        };
        if let (End::Cut { missing }, Some(size)) = (&mut draft.body.end, self.file.announced) {
            *missing = size.checked_sub(draft.body.length).filter(|left| *left > 0);
        }
        let before = std::mem::replace(&mut out.conversation, self.conversation);
        out.message(Protocol::Tftp, draft, What::File(self.file));
        out.conversation = before;
    }
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::super::collect::Collector;
    use super::*;
    use crate::flow::FlowTable;
    use crate::flow::sample::{self, datagram, read_frame};
    use crate::frame::{Frame, LinkType};

    const CLIENT: sample::End = (1, 5000);
    const SERVER: sample::End = (2, 6000);

    /// A datagram: last byte of the source's address and its port, the same of the destination, bytes.
    type Said = (sample::End, sample::End, Vec<u8>);

    fn read(datagrams: &[Said]) -> Vec<Message> {
        let (mut collector, mut table) = (Collector::new(Default::default()), FlowTable::new());
        for ((from, to, data), number) in datagrams.iter().zip(1..) {
            let bytes = datagram([*from, *to], data);
            let (data, length) = (&bytes[..], bytes.len() as u32);
            let frame = Frame { number, link: LinkType::RAW, length, data, ..Frame::empty() };
            read_frame(&mut table, frame, |packet, known| collector.packet(packet, known));
        }
        collector.finish().messages
    }

    fn request(code: u8, text: &str) -> Said {
        (CLIENT, (2, 69), [&[0, code], text.as_bytes()].concat())
    }

    fn block(from: (u8, u16), to: (u8, u16), number: u16, length: usize) -> Said {
        (from, to, [&[0, 3], &number.to_be_bytes()[..], &vec![b'x'; length]].concat())
    }

    #[test]
    fn puts_a_file_together_from_its_blocks() {
        let blocks = [
            request(1, "a/b.txt\0octet\0"),
            block(SERVER, CLIENT, 1, 512),
            block((3, 6000), CLIENT, 2, 512),
            block((2, 7000), CLIENT, 2, 512),
            block(SERVER, CLIENT, 1, 512),
            (CLIENT, SERVER, vec![0, 4, 0, 1]),
            block(SERVER, CLIENT, 2, 3),
        ];
        let messages = read(&blocks);
        let [message] = messages.as_slice() else { panic!("{messages:?}") };
        assert_eq!((message.body.length, message.body.is_complete(), message.place.packets), (515, true, 2));
        assert_eq!((message.place.first, message.conversation.server.1, message.from_client), (2, 6000, false));
        let What::File(file) = &message.what else { panic!("{message:?}") };
        assert_eq!((file.name.as_slice(), file.command.as_slice()), (&b"a/b.txt"[..], &b"read"[..]));
    }

    #[test]
    fn a_missing_block_is_a_gap_and_a_missing_end_is_told() {
        let options = (SERVER, CLIENT, b"\0\x06blksize\x008\0tsize\x0030\0".to_vec());
        let blocks = [
            request(1, "a\0octet\0blksize\x008\0tsize\x000\0"),
            options,
            block(SERVER, CLIENT, 1, 8),
            block(SERVER, CLIENT, 3, 8),
        ];
        let body = &read(&blocks)[0].body;
        assert_eq!((body.length, body.gaps[0].at, body.gaps[0].length), (24, 8, 8));
        assert_eq!((body.end, body.missing()), (End::Cut { missing: Some(6) }, 14));
    }

    #[test]
    fn what_is_refused_is_no_file_and_what_is_asked_again_is_one() {
        let refused = [request(1, "no\0octet\0"), (SERVER, CLIENT, b"\0\x05\0\x01not found\0".to_vec())];
        assert_eq!(read(&refused), []);
        let written = [
            request(2, "a\0octet\0"),
            request(2, "a\0octet\0"),
            (SERVER, CLIENT, vec![0, 4, 0, 0]),
            block(CLIENT, SERVER, 1, 0),
        ];
        let messages = read(&written);
        assert_eq!((messages.len(), messages[0].body.is_complete(), messages[0].from_client), (1, true, true));
    }

    #[test]
    fn block_numbers_go_round() {
        let mut blocks =
            vec![request(1, "a\0octet\0blksize\x008\0"), (SERVER, CLIENT, b"\0\x06blksize\x008\0".to_vec())];
        blocks.extend((1..=65_540_u32).map(|number| block(SERVER, CLIENT, number as u16, 8)));
        blocks.push(block(SERVER, CLIENT, 5, 1));
        let messages = read(&blocks);
        assert_eq!((messages[0].body.length, messages[0].body.is_complete()), (65_540 * 8 + 1, true));
    }
}
