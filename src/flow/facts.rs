//! What the flow table found out about one packet.

use std::sync::Arc;

use super::{course, exchange, ftp, mqtt, secret, tcp, tftp, whole};
use crate::process::Ends;
use crate::wire::{Packet, Reread};

/// What the past says about one packet.
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
    /// What an earlier message has to do with the first message of an application.
    pub join: Option<exchange::Join>,
    /// Messages that this packet completes and that lie in others, too, in their order.
    pub wholes: Option<Arc<[whole::Whole]>>,
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

impl Facts {
    /// Whether the data of the first TCP segment have been here before: what an application says in them is no second
    /// message.
    #[inline]
    pub fn repeats(&self) -> bool {
        self.tcp.is_some_and(|tcp| tcp.analysis.repeats())
    }

    /// Those of a datagram that was put together from fragments: it is of no conversation, and its secrets are known.
    pub fn of_datagram(packet: &Packet<'_>) -> Self {
        Self { secrets: secret::Watch::look_at_datagram(packet).unwrap_or_default(), ..Self::default() }
    }

    /// Messages that this packet completes.
    #[inline]
    pub fn wholes(&self) -> &[whole::Whole] {
        self.wholes.as_deref().unwrap_or_default()
    }
}
