//! Which packets a message spans: for views of packets, which say a message once and tell of its later segments that they
//! go on with it.
//!
//! Nothing is known before the capture ended: how long a message is that comes in chunks, and what is the answer to what,
//! its last packets tell. Guarantee: bounded by [`Limits::spans`].

use std::collections::HashMap;

use super::{Collector, Limits, Message};
use crate::flow::{Known, Transport};
use crate::wire::Packet;

/// Where the data of a segment lies in what its sender says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// `tcp.stream`.
    pub stream: u32,
    pub from_client: bool,
    pub frame: u64,
    /// Of its first byte, from 0.
    pub offset: u64,
    /// Bytes, by the length fields.
    pub length: u32,
}

/// What a segment has to do with messages that span several.
#[derive(Clone, Copy, Debug, Default)]
pub struct Part<'m> {
    /// It goes on with this message, that began before, by so many bytes.
    pub goes_on: Option<(&'m Message, u64)>,
    /// This one begins in it, and goes on behind it, or stands behind the end of another.
    pub begins: Option<&'m Message>,
}

/// Gathers where messages lie.
pub struct Gathering(Collector);

impl Default for Gathering {
    fn default() -> Self {
        Self(Collector::new(Limits::spans()))
    }
}

impl Gathering {
    /// Takes in the next packet; where its data lies, if it belongs to a connection whose messages are read.
    pub fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> Option<Carried> {
        self.0.packet(packet, known)
    }

    pub fn finish(self) -> Spans {
        let mut all: HashMap<_, Vec<Message>> = HashMap::new();
        for message in self.0.finish().messages {
            if message.conversation.transport == Transport::Tcp {
                all.entry((message.conversation.stream, message.from_client)).or_default().push(message);
            }
        }
        all.values_mut().for_each(|messages| messages.sort_by_key(|message| message.place.offset));
        Spans(all)
    }
}

/// The messages of each side of each connection, in the order of their first bytes.
pub struct Spans(HashMap<(u32, bool), Vec<Message>>);

impl Spans {
    /// What a segment has to do with messages that span several.
    pub fn of(&self, carried: &Carried) -> Part<'_> {
        let Some(messages) = self.0.get(&(carried.stream, carried.from_client)) else { return Part::default() };
        let end = carried.offset.saturating_add(carried.length.into());
        let before = messages.partition_point(|message| message.place.offset < carried.offset);
        let (earlier, later) = messages.split_at(before);
        let goes_on = earlier.last().and_then(|message| {
            let bytes = message.place.end.min(end).checked_sub(carried.offset)?;
            (bytes > 0).then_some((message, bytes))
        });
        // Of several that begin here, the last one may go on.
        let begins = later.iter().take_while(|message| message.place.offset < end).last();
        // Not where the same bytes come again.
        let begins = begins.filter(|message| message.place.first == carried.frame);
        Part { goes_on, begins: begins.filter(|message| goes_on.is_some() || message.place.end > end) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Body, Conversation, Place, What};
    use super::*;
    use crate::wire::{Address, Protocol};

    fn message(number: u32, first: u64, offset: u64, end: u64) -> Message {
        let nobody = (Address::V4([0; 4]), 0);
        Message {
            number,
            application: Protocol::Http,
            conversation: Conversation { transport: Transport::Tcp, stream: 3, client: nobody, server: nobody },
            from_client: false,
            place: Place { first, offset, end, ..Place::default() },
            what: What::Request { head: Vec::new(), answer: None },
            body: Body::default(),
        }
    }

    #[test]
    fn a_segment_begins_goes_on_or_does_both() {
        // One in frames 10 and 11, one in 11 alone, one from 11 on; and one in 20 alone.
        let all =
            [message(1, 10, 0, 150), message(2, 11, 150, 160), message(3, 11, 160, 300), message(4, 20, 300, 350)];
        let spans = Spans([((3, false), all.to_vec())].into());
        let part = |frame, offset, length| {
            let carried = Carried { stream: 3, from_client: false, frame, offset, length };
            let part = spans.of(&carried);
            (part.goes_on.map(|(message, bytes)| (message.number, bytes)), part.begins.map(|message| message.number))
        };
        assert_eq!(part(10, 0, 100), (None, Some(1)));
        assert_eq!(part(11, 100, 100), (Some((1, 50)), Some(3)));
        assert_eq!(part(12, 200, 100), (Some((3, 100)), None));
        assert_eq!(part(20, 300, 50), (None, None), "whole in one segment");
        assert_eq!(part(15, 0, 100), (None, None), "the first again");
        assert_eq!(part(16, 100, 100), (Some((1, 50)), None), "the second again");
        assert_eq!(part(21, 350, 10), (None, None), "of no message");
        let elsewhere = Carried { stream: 3, from_client: true, frame: 10, offset: 0, length: 100 };
        assert!(spans.of(&elsewhere).begins.is_none());
    }
}
