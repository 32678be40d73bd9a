//! Where in a frame its secrets lie, for the views: each covers them as it shows bytes and values.

use std::ops::Range;

use super::{Watch, within};
use crate::flow::Facts;
use crate::wire::{At, Made, Packet, Protocol, Value, secret};

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
        Self::of(packet, &Facts { secrets: Watch::look_at_datagram(packet).unwrap_or_default(), ..Facts::default() })
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
            secret::of(&at, &mut |piece| found.extend(within(frame, piece).filter(|place| !place.is_empty())));
        }
        found.sort_unstable_by_key(|place| place.start);
        let mut ranges: Vec<Range<usize>> = Vec::with_capacity(found.len());
        for place in found {
            match ranges.last_mut().filter(|last| place.start <= last.end) {
                Some(last) => last.end = last.end.max(place.end),
                None => ranges.push(place),
            }
        }
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

    /// A value as it may be shown: `***` for what is secret in it. Filters look at the value itself.
    #[inline]
    pub fn shown<'a>(&self, value: Value<'a>) -> Value<'a> {
        if self.ranges.is_empty() { value } else { self.judged(value) }
    }

    #[cold]
    fn judged<'a>(&self, value: Value<'a>) -> Value<'a> {
        let (Value::Text(bytes) | Value::Bytes(bytes)) = value else { return value };
        let Some(own) = within(self.frame, bytes) else { return value };
        let ([first, ..], Some(last)) = (self.overlapping(&own), self.overlapping(&own).last()) else { return value };
        let [from, to] = [first.start, last.end].map(|at| at.clamp(own.start, own.end) - own.start);
        let is_part = to - from < bytes.len() && matches!(value, Value::Text(_));
        match packed(from, to).filter(|_| is_part) {
            Some(place) => Value::Made(Made::new(bytes, place, write_covered)),
            None => Value::Text(b"***"),
        }
    }
}

/// Two places in one number.
fn packed(from: usize, to: usize) -> Option<usize> {
    let half = usize::BITS / 2;
    (from >> half == 0 && to >> half == 0).then_some(from << half | to)
}

/// A text with `***` between two places.
fn write_covered(text: &[u8], place: usize, out: &mut Vec<u8>) {
    let half = usize::BITS / 2;
    let (from, to) = (place >> half, place & ((1 << half) - 1));
    out.extend_from_slice(text.get(..from).unwrap_or_default());
    out.extend_from_slice(b"***");
    out.extend_from_slice(text.get(to..).unwrap_or_default());
}
