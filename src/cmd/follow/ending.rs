//! How a conversation came to its end, in words.

use crate::flow::stream::Segment;
use crate::view::follow::side;
use crate::wire::tcp::Flags;

/// How a conversation ends.
#[derive(Default)]
pub struct Ending {
    /// Who has sent a FIN, in that order.
    closed: Vec<bool>,
    reset_by: Option<bool>,
    /// The server agreed to the connection.
    agreed: bool,
    /// Anything but SYNs was seen.
    more: bool,
    pub datagrams: u64,
}

impl Ending {
    pub fn segment(&mut self, segment: &Segment<'_>) {
        let from_client = segment.from_client;
        if segment.flags.any(Flags::FIN) && !self.closed.contains(&from_client) {
            self.closed.push(from_client);
        }
        if segment.flags.any(Flags::RST) {
            self.reset_by.get_or_insert(from_client);
        } else {
            self.agreed |= !from_client;
            self.more |= !segment.flags.any(Flags::SYN);
        }
    }

    pub fn sentence(&self, cut_short: bool) -> String {
        let end = if cut_short { "the file breaks off" } else { "the capture ends" };
        match (self.reset_by, self.closed.as_slice()) {
            (Some(false), _) if !self.agreed => "refused by the server".to_owned(),
            (Some(by), []) => format!("reset by the {}", side(by)),
            (Some(by), [first, ..]) => format!("the {} closed, reset by the {}", side(*first), side(by)),
            (None, [first, second, ..]) => format!("closed by the {}, then by the {}", side(*first), side(*second)),
            (None, [first]) => format!("closed by the {}, still open the other way when {end}", side(*first)),
            (None, []) if !self.agreed && !self.more => format!("not answered when {end}"),
            (None, []) => format!("still open when {end}"),
        }
    }

    pub fn datagram_count(&self) -> String {
        format!("{} datagram{}", self.datagrams, if self.datagrams == 1 { "" } else { "s" })
    }
}
