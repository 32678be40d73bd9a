//! Where in a frame its secrets lie, for the views: each covers them as it shows bytes and values.

use std::ops::Range;

use crate::flow::Facts;
use crate::wire::secret::{self, in_order, within};
use crate::wire::{At, Made, Packet, Protocol, Stop, Value};

/// Where the secrets of a packet lie in its frame: worked out once for all that is shown of it.
#[derive(Clone, Debug, Default)]
pub struct Places<'p> {
    pub(super) frame: &'p [u8],
    /// In their order; none overlaps another.
    pub(super) ranges: Vec<Range<usize>>,
}

impl<'p> Places<'p> {
    /// Those of a packet. Nothing is done where there are none.
    #[inline]
    pub fn of(packet: &Packet<'p>, facts: &Facts) -> Self {
        if facts.secrets.any { Self::found(packet, facts) } else { Self::default() }
    }

    /// Those of a packet whose facts nobody has: a datagram that was put together from fragments.
    pub fn of_datagram(packet: &Packet<'p>) -> Self {
        Self::of(packet, &Facts::of_datagram(packet))
    }

    #[cold]
    fn found(packet: &Packet<'p>, facts: &Facts) -> Self {
        let (frame, mut found) = (packet.frame.data, Vec::new());
        // A TCP header that an ICMP error quotes is of no connection: what was looked at then is the whole packet.
        let is_tcp = |at: &At<'_>| facts.tcp.is_some() && at.layer.protocol == Protocol::Tcp;
        let over_tcp = packet.each().find(is_tcp);
        if let Some(at) = &over_tcp {
            let known = facts.secrets.known_before();
            found.extend(known.filter_map(|known| within(frame, at.content().get(known)?)));
        }
        for at in packet.each().skip(over_tcp.map_or(0, |at| at.index + 1)) {
            secret::of(&at, &mut |piece| found.extend(within(frame, piece)));
        }
        if packet.stop == Stop::Fragment {
            let carrier = packet.each().filter(|at| at.layer.protocol != Protocol::Data).last();
            found.extend(carrier.and_then(|at| within(frame, at.content())));
        }
        let ranges = in_order(found);
        Self { frame, ranges }
    }

    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// In the frame, in their order.
    pub fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }

    /// Those that lie in `own` or reach into it.
    fn overlapping(&self, own: &Range<usize>) -> &[Range<usize>] {
        let from = self.ranges.partition_point(|place| place.end <= own.start);
        let to = self.ranges.partition_point(|place| place.start < own.end);
        self.ranges.get(from..to).unwrap_or_default()
    }

    /// Whether a byte of the frame is secret.
    pub fn contains(&self, at: usize) -> bool {
        !self.overlapping(&(at..at + 1)).is_empty()
    }

    /// `bytes`, which begin at `start` in the frame, with `*` for those that are secret.
    pub fn covered(&self, bytes: &[u8], start: usize) -> Vec<u8> {
        let mut shown = bytes.to_vec();
        for place in self.overlapping(&(start..start + bytes.len())) {
            let [from, to] = [place.start, place.end].map(|at| at.saturating_sub(start).min(bytes.len()));
            shown.get_mut(from..to).unwrap_or_default().fill(b'*');
        }
        shown
    }

    /// A value as it may be shown: `***` for each of its secrets. Filters look at the value itself.
    #[inline]
    pub fn shown<'a>(&'a self, value: Value<'a>) -> Value<'a> {
        if self.ranges.is_empty() { value } else { self.judged(value) }
    }

    #[cold]
    fn judged<'a>(&'a self, value: Value<'a>) -> Value<'a> {
        let (Value::Text(bytes) | Value::Bytes(bytes)) = value else { return value };
        let Some(own) = within(self.frame, bytes).filter(|own| !self.overlapping(own).is_empty()) else { return value };
        match value {
            Value::Text(_) => Value::Made(Made::covered(bytes, own.start, &self.ranges)),
            // Digits of bytes are not written in part.
            _ => Value::Text(b"***"),
        }
    }
}
