//! Packets that are to be read otherwise than they were, by what was said before: all who know of such.

use super::{Facts, ftp, media, mqtt, tftp, tls, upgrade};
use crate::wire::Packet;

#[derive(Debug, Default)]
pub struct Watches {
    upgrades: upgrade::Watch,
    transfers: tftp::Transfers,
    mqtt: mqtt::Watch,
    handshakes: tls::Watch,
    media: media::Watch,
    ftp: ftp::Watch,
}

impl Watches {
    /// Tells of the next packet how it is to be read, and what is known besides.
    #[inline]
    pub fn look(&mut self, packet: &Packet<'_>, facts: &mut Facts) {
        // Most packets carry nothing; only a connection for data begins with one of those.
        if !packet.layers.last().is_some_and(|last| last.protocol.is_application()) && self.ftp.is_idle() {
            return;
        }
        let media = self.media.look(packet);
        let Some(tcp) = &facts.tcp else {
            let (reread, clock) = media.unwrap_or_default();
            (facts.reread, facts.clock) = (reread, clock);
            if let Some((request, reread)) = self.transfers.look(packet) {
                facts.asked = Some(request);
                facts.reread = reread.or(facts.reread);
            }
            return;
        };
        facts.transfer = self.ftp.look(packet, tcp);
        if facts.transfer.is_some() {
            facts.reread = ftp::Watch::reread(packet);
            return;
        }
        facts.reread = self.upgrades.look(packet, tcp);
        if let Some((reread, topics)) = self.mqtt.look(packet, tcp) {
            facts.reread.get_or_insert(reread);
            facts.topics = topics;
        }
        if let Some(found) = self.handshakes.look(packet, tcp) {
            facts.reread = facts.reread.or(found.reread);
            if !found.wholes.is_empty() {
                facts.wholes = Some(found.wholes.into());
            }
        }
    }

    #[cfg(test)]
    pub fn handshakes(&self) -> &tls::Watch {
        &self.handshakes
    }
}
