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
            if reread.is_some() || clock.is_some() {
                let rare = facts.rare();
                (rare.reread, rare.clock) = (reread, clock);
            }
            if let Some((request, reread)) = self.transfers.look(packet) {
                let rare = facts.rare();
                rare.asked = Some(request);
                rare.reread = reread.or(rare.reread);
            }
            return;
        };
        if let Some(transfer) = self.ftp.look(packet, tcp) {
            let rare = facts.rare();
            (rare.transfer, rare.reread) = (Some(transfer), ftp::Watch::reread(packet));
            return;
        }
        let upgrade = self.upgrades.look(packet, tcp);
        let mqtt = self.mqtt.look(packet, tcp);
        let handshake = self.handshakes.look(packet, tcp);
        if upgrade.is_none() && mqtt.is_none() && handshake.is_none() {
            return;
        }
        let rare = facts.rare();
        rare.reread = upgrade;
        if let Some((reread, topics)) = mqtt {
            rare.reread.get_or_insert(reread);
            rare.topics = topics;
        }
        if let Some(found) = handshake {
            rare.reread = rare.reread.or(found.reread);
            rare.wholes.extend(found.wholes);
        }
    }

    #[cfg(test)]
    pub fn handshakes(&self) -> &tls::Watch {
        &self.handshakes
    }
}
