//! What the flow table found out about one packet.

use std::ops::Deref;
use std::sync::Arc;

use super::{course, exchange, ftp, mqtt, secret, tcp, tftp, whole};
use crate::process::Ends;
use crate::wire::{Packet, Reread};

/// What the past says about one packet. Kept small: it is handed from core to core.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Nanoseconds since the first frame.
    pub time_relative: Option<i64>,
    /// Nanoseconds since the frame before.
    pub time_delta: Option<i64>,
    /// Of the first TCP layer.
    pub tcp: Option<tcp::Facts>,
    /// Index of the conversation of the first UDP layer, from 0.
    pub udp_stream: Option<u32>,
    rare: Option<Arc<Rare>>,
}

/// What the past says about few packets; [`Facts`] are read as these, too.
#[derive(Clone, Debug, Default)]
pub struct Rare {
    /// What an earlier message has to do with the first message of an application.
    pub join: Option<exchange::Join>,
    /// Messages that this packet completes and that lie in others, too, in their order.
    pub wholes: Vec<whole::Whole>,
    /// The programs at both ends: as who knows the sockets told, or as a comment of netlab's in the file says.
    pub ends: Ends,
    /// Passwords in the data of the first TCP layer.
    pub secrets: secret::Found,
    /// What the data of the first TCP layer is by the exercises of the course.
    pub course: Option<course::Found>,
    /// What FTP carries over the connection of the first TCP layer.
    pub transfer: Option<Arc<ftp::Transfer>>,
    /// The request of TFTP that the first UDP layer belongs to.
    pub asked: Option<Arc<tftp::Request>>,
    /// How the packet is to be read otherwise than it was, by what its conversation has agreed on.
    pub reread: Option<Reread>,
    /// Topics of MQTT for which its messages say only numbers.
    pub topics: Option<mqtt::Topics>,
    /// Ticks a second of what RTP carries, where only the call says them.
    pub clock: Option<u32>,
}

/// What most packets have.
static NONE: Rare = Rare {
    join: None,
    wholes: Vec::new(),
    ends: Ends::NONE,
    secrets: secret::Found::NONE,
    course: None,
    transfer: None,
    asked: None,
    reread: None,
    topics: None,
    clock: None,
};

impl Deref for Facts {
    type Target = Rare;

    #[inline]
    fn deref(&self) -> &Rare {
        self.rare.as_deref().unwrap_or(&NONE)
    }
}

impl Facts {
    /// Where what few packets have is put down; for those only.
    pub(super) fn rare(&mut self) -> &mut Rare {
        Arc::make_mut(self.rare.get_or_insert_default())
    }

    /// Whether the data of the first TCP segment have been here before: what an application says in them is no second
    /// message.
    #[inline]
    pub fn repeats(&self) -> bool {
        self.tcp.is_some_and(|tcp| tcp.analysis.repeats())
    }

    /// Those of a datagram that was put together from fragments: it is of no conversation, and its secrets are known.
    pub fn of_datagram(packet: &Packet<'_>) -> Self {
        let mut facts = Self::default();
        facts.keep_secrets(secret::Watch::look_at_datagram(packet));
        facts
    }

    /// The same where this is known to be secret.
    pub fn with_secrets(&self, secrets: secret::Found) -> Self {
        let mut facts = self.clone();
        facts.rare().secrets = secrets;
        facts
    }

    pub(super) fn keep_secrets(&mut self, found: Option<secret::Found>) {
        if let Some(secrets) = found.filter(|found| found.any) {
            self.rare().secrets = secrets;
        }
    }
}
