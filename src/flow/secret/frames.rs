//! Messages that say how long they are (MQTT, HTTP/2), in whatever segments: where one ends the next begins, and one that
//! may have a secret is covered where it goes on.

use std::ops::Range;

use crate::wire::secret::{self, Framed};
use crate::wire::{Protocol, http2};

/// Bytes that tell a head: nine of HTTP/2, five of MQTT and its name behind them.
const HEAD: usize = 13;

/// Where in its messages a side is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frames {
    /// The beginning of a head.
    begun: [u8; HEAD],
    known: usize,
    /// Bytes of a message that are to come.
    left: u64,
    /// They are secret.
    covers: bool,
    /// Behind a gap: nobody knows where a message begins.
    lost: bool,
}

impl Frames {
    /// Whether what comes next may be secret.
    pub(super) fn is_expecting(&self) -> bool {
        self.known > 0 || self.covers && self.left > 0
    }

    /// Whether a message is not whole.
    pub(super) fn is_within(&self) -> bool {
        self.known > 0 || self.left > 0
    }

    /// Reads on; so many bytes are missing before and behind. `begins`: the layers have messages that begin with these
    /// bytes.
    pub(super) fn read(
        &mut self,
        protocol: Protocol,
        data: &[u8],
        [before, behind]: [u64; 2],
        begins: bool,
        give: &mut dyn FnMut(Range<usize>),
    ) {
        self.skip(before);
        if self.lost && (begins || protocol == Protocol::Http2 && http2::begins(data)) {
            *self = Self::default();
        }
        // All of them: what is secret in one that is whole is known better there.
        let is_known = begins && protocol == Protocol::Mqtt && !self.is_within();
        let mut at = 0;
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty() && !self.lost) {
            if self.left > 0 {
                let used = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                if self.covers && !is_known {
                    give(at..at + used);
                }
                self.left -= used as u64;
                at += used;
                continue;
            }
            let (known, room) = (self.known, self.begun.get_mut(self.known..).unwrap_or_default());
            let taken = rest.len().min(room.len());
            room.iter_mut().zip(rest).for_each(|(room, byte)| *room = *byte);
            self.known += taken;
            match secret::framed(protocol, self.begun.get(..self.known).unwrap_or_default()) {
                Framed::Message { head, content, is_secret } => {
                    at += head.saturating_sub(known);
                    (self.known, self.left, self.covers) = (0, content, is_secret);
                }
                // A head that is cut has less than there is room for.
                Framed::Cut if self.known < HEAD => return self.skip(behind),
                Framed::Cut | Framed::None => *self = Self { lost: true, ..Self::default() },
            }
        }
        self.skip(behind);
    }

    fn skip(&mut self, missing: u64) {
        match self.left.checked_sub(missing) {
            _ if missing == 0 => {}
            Some(left) if self.known == 0 => self.left = left,
            _ => *self = Self { lost: true, ..Self::default() },
        }
    }
}
