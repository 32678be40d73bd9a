//! HTTP/1 over both streams of a connection (RFC 9112): which bytes are heads and which are bodies, and which response
//! answers which request.
//!
//! Either stream may hold requests or responses: the start line tells, not who opened the connection. Behind a gap that
//! hides where a message ends, the next one begins where a packet begins with a start line.

mod chunks;

use std::collections::VecDeque;

use super::body::End;
use super::output::{Draft, Output, Ways};
use super::{Asked, Bytes, What};
use crate::wire::Protocol;
use crate::wire::http::{self as head, Start};
use chunks::{Chunks, Step};

/// Bytes of a head; a longer one is no head.
const LONGEST_HEAD: usize = 64 << 10;
/// Requests that wait for their answer at a time.
const MOST_ASKED: usize = 256;

/// Both streams.
#[derive(Default)]
pub(super) struct Http {
    /// Of client and server, as flow knows them.
    halves: [Half; 2],
    /// Requests that were not answered, the oldest first, and the frame that each ended in so far.
    asked: VecDeque<(Asked, u64)>,
    /// Bytes are another protocol's from here on (CONNECT, 101 Switching Protocols).
    over: bool,
}

#[derive(Default)]
struct Half {
    state: State,
    draft: Option<Draft>,
    head: Vec<u8>,
    /// What was read of the head.
    kind: Kind,
    /// Messages were lost: what answers what is to be found out anew.
    had_gap: bool,
}

#[derive(Default)]
enum State {
    /// A message begins here, or nothing more comes.
    #[default]
    Start,
    Head,
    /// So many bytes of the body are to come.
    Length(u64),
    Chunks(Chunks),
    UntilClose,
    /// Where the next message begins is not known.
    Lost,
}

#[derive(Clone, Debug, Default)]
enum Kind {
    #[default]
    Request,
    Response {
        code: u16,
        asked: Option<Asked>,
    },
}

/// How long a body is.
enum Framing {
    None,
    Length(u64),
    Chunks,
    UntilClose,
}

impl Http {
    /// Whether what follows is another protocol's.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// One stream began before it was captured: it is not known where a message begins in it.
    pub(super) fn begins_within(&mut self, from_client: bool) {
        self.half(from_client).state = State::Lost;
    }

    fn half(&mut self, from_client: bool) -> &mut Half {
        let [client, server] = &mut self.halves;
        if from_client { client } else { server }
    }

    pub(super) fn bytes(&mut self, from_client: bool, bytes: Bytes<'_>, out: &mut Output<'_>) {
        let mut rest = bytes;
        let half = self.half(from_client);
        if matches!(half.state, State::Lost) {
            if !head::begins(rest.data, true) {
                return;
            }
            half.state = State::Start;
        }
        while !rest.data.is_empty() && !self.over {
            let half = self.half(from_client);
            let used = match &mut half.state {
                State::Lost => return,
                State::Start => half.start(&rest, from_client, out),
                State::Head => self.head(from_client, &rest, out),
                State::Length(left) => {
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.data.len());
                    *left -= length as u64;
                    let done = *left == 0;
                    half.body(&rest.split(length).0, out);
                    if done {
                        self.end(from_client, End::Whole, out);
                    }
                    length
                }
                State::UntilClose => {
                    half.body(&rest, out);
                    rest.data.len()
                }
                State::Chunks(chunks) => {
                    let (used, step) = chunks.read(rest.data);
                    let now = rest.split(used).0;
                    match step {
                        Step::Data => half.body(&now, out),
                        Step::Between => half.touch(&now),
                        Step::End => {
                            half.touch(&now);
                            self.end(from_client, End::Whole, out);
                        }
                        Step::Broken(why) => self.lose(from_client, End::Broken(why), out),
                    }
                    used
                }
            };
            rest = rest.split(used).1;
        }
    }

    /// Bytes of this stream were never captured.
    pub(super) fn gap(&mut self, from_client: bool, length: u64, out: &mut Output<'_>) {
        let half = self.half(from_client);
        half.had_gap = true;
        let mut gap = |half: &mut Half, length| {
            if let Some(draft) = &mut half.draft {
                draft.body.gap(length, out.budget);
            }
        };
        match &mut half.state {
            State::Length(left) if *left >= length => {
                *left -= length;
                let done = *left == 0;
                gap(half, length);
                if done {
                    self.end(from_client, End::Whole, out);
                }
            }
            State::Length(left) => {
                // It hides the end of this message, and the beginning of others.
                let left = *left;
                gap(half, left);
                self.lose(from_client, End::Whole, out);
            }
            State::UntilClose => gap(half, length),
            State::Chunks(chunks) => {
                let goes_on = chunks.gap(length);
                gap(half, length);
                if !goes_on {
                    self.lose(from_client, End::Broken("a gap hides the size of a chunk"), out);
                }
            }
            State::Head => self.lose(from_client, End::Head, out),
            State::Start => half.state = State::Lost,
            State::Lost => {}
        }
    }

    /// The capture ended; `closed`: the stream of client or server did before.
    pub(super) fn finish(&mut self, closed: Ways<bool>, out: &mut Output<'_>) {
        for from_client in [true, false] {
            let half = self.half(from_client);
            let end = match &half.state {
                State::Head => End::Head,
                State::Length(left) => End::Cut { missing: Some(*left) },
                State::UntilClose if closed.of(from_client) => End::Whole,
                State::Chunks(_) | State::UntilClose => End::Cut { missing: None },
                State::Start | State::Lost => continue,
            };
            self.lose(from_client, end, out);
        }
    }

    /// As much of the head as lies here; the number of its bytes.
    fn head(&mut self, from_client: bool, rest: &Bytes<'_>, out: &mut Output<'_>) -> usize {
        let half = self.half(from_client);
        let (used, is_whole) = match end_of_head(&half.head, rest.data) {
            Some(used) => (used, true),
            None => (rest.data.len(), false),
        };
        if !out.budget.takes(used) {
            out.left_out.messages += 1;
            self.drop(from_client, out);
            return rest.data.len();
        }
        // No more than the head: what is behind it may hold a thousand others.
        half.head.extend_from_slice(rest.data.get(..used).unwrap_or_default());
        half.touch(&rest.split(used).0);
        if !is_whole {
            if !half.head_makes_sense() {
                self.drop(from_client, out);
            }
            return used;
        }
        if !half.head_makes_sense() {
            self.drop(from_client, out);
            return used;
        }
        self.head_is_whole(from_client, out);
        used
    }

    /// What the head says of the body.
    fn head_is_whole(&mut self, from_client: bool, out: &mut Output<'_>) {
        let half = self.half(from_client);
        let text = std::mem::take(&mut half.head);
        let place = half.draft.as_ref().map(|draft| draft.place).unwrap_or_default();
        let number = half.draft.as_ref().map_or(0, |draft| draft.number);
        let value = |name| head::header(&text, name).unwrap_or_default();
        let framing = match Start::read(head::line(&text).0) {
            Some(Start::Response { code, .. }) => {
                let asked = self.asked_by(from_client, code, place.first);
                let method = asked.as_ref().map(|asked| asked.method.clone()).unwrap_or_default();
                self.half(from_client).kind = Kind::Response { code, asked };
                match (code, method.as_slice()) {
                    (101, _) | (200..=299, b"CONNECT") => {
                        self.half(from_client).head = text;
                        self.end(from_client, End::Whole, out);
                        self.over = true;
                        return;
                    }
                    (100..=199 | 204 | 304, _) | (_, b"HEAD") => Framing::None,
                    _ => framing(&text).unwrap_or(Framing::UntilClose),
                }
            }
            Some(Start::Request { method, uri, .. }) => {
                let host = value("host").to_vec();
                let asked = Asked { number, method: method.to_vec(), target: uri.to_vec(), host };
                if self.asked.len() >= MOST_ASKED {
                    self.asked.pop_front();
                }
                self.asked.push_back((asked, place.last));
                self.half(from_client).kind = Kind::Request;
                framing(&text).unwrap_or(Framing::None)
            }
            None => Framing::None,
        };
        let half = self.half(from_client);
        half.head = text;
        half.state = match framing {
            Framing::None | Framing::Length(0) => return self.end(from_client, End::Whole, out),
            Framing::Length(length) => State::Length(length),
            Framing::Chunks => State::Chunks(Chunks::default()),
            Framing::UntilClose => State::UntilClose,
        };
    }

    /// The request that a response answers which begins in this frame.
    fn asked_by(&mut self, from_client: bool, code: u16, frame: u64) -> Option<Asked> {
        let half = self.half(from_client);
        if std::mem::take(&mut half.had_gap) {
            // Answers are missing: this one is to the last that was asked before it.
            while self.asked.get(1).is_some_and(|(_, ended)| *ended < frame) {
                self.asked.pop_front();
            }
        }
        if matches!(code, 100 | 102..=199) {
            return self.asked.front().map(|(asked, _)| asked.clone());
        }
        self.asked.pop_front().map(|(asked, _)| asked)
    }

    /// The message is over, the next one may begin.
    fn end(&mut self, from_client: bool, end: End, out: &mut Output<'_>) {
        let half = self.half(from_client);
        half.state = State::Start;
        let head = std::mem::take(&mut half.head);
        let Some(mut draft) = half.draft.take() else { return };
        draft.body.end = end;
        let what = match std::mem::take(&mut half.kind) {
            Kind::Request => What::Request { head, answer: None },
            Kind::Response { code, asked } => What::Response { head, code, asked },
        };
        out.message(Protocol::Http, draft, what);
    }

    /// The message ends here for us, and where the next one begins is not known.
    fn lose(&mut self, from_client: bool, end: End, out: &mut Output<'_>) {
        let half = self.half(from_client);
        if end == End::Head {
            half.kind = match Start::read(head::line(&half.head).0) {
                Some(Start::Response { code, .. }) => Kind::Response { code, asked: None },
                _ => Kind::Request,
            };
            if !half.head.contains(&b'\n') {
                self.drop(from_client, out);
                return;
            }
        }
        self.end(from_client, end, out);
        self.half(from_client).state = State::Lost;
    }

    /// It was no message.
    fn drop(&mut self, from_client: bool, out: &mut Output<'_>) {
        let half = self.half(from_client);
        half.draft = None;
        out.budget.give_back(std::mem::take(&mut half.head).len());
        half.state = State::Lost;
    }
}

impl Half {
    /// Empty lines before a start line do not count (RFC 9112 §2.2).
    fn start(&mut self, rest: &Bytes<'_>, from_client: bool, out: &mut Output<'_>) -> usize {
        let blank = rest.data.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if blank < rest.data.len() {
            self.draft = Some(out.begin(&rest.split(blank).1, from_client));
            self.state = State::Head;
        }
        blank
    }

    fn body(&mut self, bytes: &Bytes<'_>, out: &mut Output<'_>) {
        if let Some(draft) = &mut self.draft {
            draft.place.extend(bytes);
            draft.body.push(bytes.data, out.budget);
        }
    }

    fn touch(&mut self, bytes: &Bytes<'_>) {
        if let Some(draft) = &mut self.draft {
            draft.place.extend(bytes);
        }
    }

    /// A first line that is there is a start line, and the head is no longer than heads are.
    fn head_makes_sense(&self) -> bool {
        let (line, whole) = head::line(&self.head);
        if !whole {
            return self.head.len() < head::LONGEST_LINE && self.head.first().is_some_and(u8::is_ascii_uppercase);
        }
        self.head.len() <= LONGEST_HEAD && head::begins(&self.head, true) && Start::read(line).is_some()
    }
}

/// How many bytes of `rest` belong to a head of which `before` was read: up to its empty line, if that is there.
fn end_of_head(before: &[u8], rest: &[u8]) -> Option<usize> {
    match (before, rest) {
        ([.., b'\n'] | [.., b'\n', b'\r'], [b'\n', ..]) => return Some(1),
        ([.., b'\n'], [b'\r', b'\n', ..]) => return Some(2),
        _ => {}
    }
    memchr::memchr_iter(b'\n', rest).find_map(|at| match rest.get(at + 1..) {
        Some([b'\n', ..]) => Some(at + 2),
        Some([b'\r', b'\n', ..]) => Some(at + 3),
        _ => None,
    })
}

/// How long a body is, by the head alone (RFC 9112 §6.3); `None` where the head says nothing.
fn framing(head: &[u8]) -> Option<Framing> {
    let values = |name: &'static str| {
        head::values(head, name).flat_map(|value| value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii))
    };
    if let Some(last) = values("transfer-encoding").last() {
        let chunked = last.eq_ignore_ascii_case(b"chunked");
        return Some(if chunked { Framing::Chunks } else { Framing::UntilClose });
    }
    let mut lengths = values("content-length");
    let first = lengths.next()?;
    let digits = !first.is_empty() && first.iter().all(u8::is_ascii_digit) && lengths.all(|other| other == first);
    let length = std::str::from_utf8(first).ok().filter(|_| digits).and_then(|text| text.parse().ok());
    Some(length.map_or(Framing::UntilClose, Framing::Length))
}
