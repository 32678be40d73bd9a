//! Messages of DNS in streams of HTTP/2 whose data come in several frames: put together where the last one has come.
//!
//! Guarantee: so many streams, so many bytes of each; a stream with more is none of DNS.

use super::bounded::ByAge;
use super::whole::Whole;
use crate::wire::http2::Part;
use crate::wire::{Protocol, dns};

/// Streams whose data are kept; the oldest leave.
const MOST: usize = 256;
/// Bytes of a stream.
const LONGEST: usize = 4096;

/// A side of a stream: number of the TCP conversation, whether the client sends, number of the stream.
pub type Side = (u32, bool, u32);

/// What has come of each stream.
#[derive(Debug, Default)]
pub struct Streams {
    /// Nothing where it was too long.
    parts: ByAge<Side, Option<Vec<u8>>, MOST>,
}

impl Streams {
    /// Takes in data of a stream, of the frame in this layer; the message that they complete. One that lies in a single
    /// frame is read there.
    pub fn ingest(&mut self, side: Side, part: &Part<'_>, layer: usize) -> Option<Whole> {
        let Some(known) = self.parts.of_mut(side) else {
            if !part.last {
                let is_short = part.content.len() <= LONGEST;
                self.parts.insert(side, is_short.then(|| part.content.to_vec()));
            }
            return None;
        };
        match known.as_mut().filter(|known| known.len() + part.content.len() <= LONGEST) {
            Some(known) => known.extend_from_slice(part.content),
            None => *known = None,
        }
        if !part.last {
            return None;
        }
        let whole = self.parts.remove(side)??;
        dns::is_whole(&whole).then(|| Whole::ending_in(layer, Protocol::Dns, &whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::sample::hex;

    fn part(content: &[u8], last: bool) -> Part<'_> {
        Part { stream: 15, content, last }
    }

    #[test]
    fn a_message_is_whole_with_the_last_data_of_its_stream() {
        let question = hex("0000 0100 0001 0000 0000 0000 03 777777 03 6c6162 00 0001 0001");
        let (first, second) = question.split_at(7);
        let mut streams = Streams::default();
        let side = (0, false, 15);
        assert!(streams.ingest(side, &part(first, false), 0).is_none());
        assert!(streams.ingest((0, true, 15), &part(b"of the other side", false), 0).is_none());
        assert!(streams.ingest(side, &part(second, false), 0).is_none());
        let whole = streams.ingest(side, &part(b"", true), 0).expect("a message");
        assert_eq!((whole.at().layer.protocol, whole.at().header()), (Protocol::Dns, &question[..]));
        assert!(streams.ingest((0, true, 15), &part(b"", true), 0).is_none(), "no message of DNS");
        assert!(streams.parts.is_empty());
    }

    #[test]
    fn long_streams_and_many_of_them_take_little_memory() {
        let mut streams = Streams::default();
        for stream in 0..1000 {
            streams.ingest((0, false, stream), &part(&[0; 3000], false), 0);
            streams.ingest((0, false, stream), &part(&[0; 3000], false), 0);
        }
        assert_eq!(streams.parts.len(), MOST);
        let kept = |stream| streams.parts.of((0, false, stream));
        assert!((0..1000).filter_map(kept).all(Option::is_none));
        assert!(streams.ingest((0, false, 999), &part(&[0; 10], true), 0).is_none());
    }
}
