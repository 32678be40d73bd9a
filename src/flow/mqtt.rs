//! What the messages of a conversation of MQTT mean by what was said before: which version is spoken, and the topics that
//! numbers stand for (MQTT 5 §3.3.2.3.4).
//!
//! Guarantee: bounded, whatever comes: so many conversations, so many topics of all of them, none of them long.

use std::sync::Arc;

use super::bounded::{ByAge, ByStream};
use super::tcp;
use crate::wire::{Packet, Protocol, Reread, mqtt};

/// Conversations that are remembered; the oldest leaves.
const MOST: usize = 1 << 14;
/// Topics that have a number; the one that was numbered first leaves.
const TOPICS: usize = 4096;
const LONGEST: usize = 1024;

/// The topics of the messages of a packet that say only their number.
pub type Topics = Arc<[Arc<[u8]>]>;

/// Watches conversations for their version.
#[derive(Debug, Default)]
pub struct Watch {
    versions: ByStream<u8, MOST>,
    /// By conversation, side and number.
    topics: ByAge<(u32, bool, u16), Arc<[u8]>, TOPICS>,
}

impl Watch {
    /// How the messages behind the first TCP layer are to be read, and the topics that they do not say.
    #[inline]
    pub fn look(&mut self, packet: &Packet<'_>, facts: &tcp::Facts) -> Option<(Reread, Option<Topics>)> {
        match packet.layers {
            [.., last] if last.protocol == Protocol::Mqtt => self.look_into(packet, facts),
            // Behind the messages, what is none.
            [.., message, _] if message.protocol == Protocol::Mqtt => self.look_into(packet, facts),
            _ => None,
        }
    }

    #[cold]
    fn look_into(&mut self, packet: &Packet<'_>, facts: &tcp::Facts) -> Option<(Reread, Option<Topics>)> {
        let tcp = packet.find(Protocol::Tcp).filter(|at| !at.layer.quoted && !facts.unmeasured)?;
        let stream = facts.stream;
        let (mut version, mut topics) = (self.versions.of_mut(stream).copied(), Vec::new());
        for at in packet.each().skip(tcp.index + 1).filter(|at| at.layer.protocol == Protocol::Mqtt) {
            if let Some(said) = mqtt::version_said(&at) {
                self.versions.insert(stream, said);
                version = Some(said);
            }
            let Some((number, topic)) = version.and_then(|version| mqtt::numbered(&at, version)) else { continue };
            let key = (stream, facts.from_client, number);
            if topic.is_empty() {
                topics.extend(self.topics.of(key).cloned());
            } else if topic.len() <= LONGEST && !facts.analysis.repeats() {
                self.topics.insert(key, topic.into());
            }
        }
        let topics = Some(topics).filter(|topics| !topics.is_empty()).map(Topics::from);
        Some((Reread::Mqtt { layer: tcp.index, version: version? }, topics))
    }
}

#[cfg(test)]
mod tests;
