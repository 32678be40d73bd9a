//! What a message is to others: a question, or the answer to one, and how the two find each other.
//!
//! A protocol says here what its bytes say of that; `flow`, which knows what came before, joins them.

use super::{At, Protocol, coap, dhcp, dns, http, ntp, snmp, stun};

/// A message's side of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    pub part: Part,
    pub among: Among,
    /// What a question and its answer have in common.
    pub tag: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Question,
    /// The `last` one that its question gets; others announce it.
    Answer {
        last: bool,
    },
}

/// Whose questions an answer may belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among {
    /// Those of the same tag in the same conversation.
    Conversation,
    /// The one that has waited longest in the same conversation: answers come in the order of the questions.
    Turns,
    /// Those of the same tag by whom the answer goes to, whoever was asked: a group, say.
    Asker,
    /// Those of the same tag, whoever asked, not longer ago than so many nanoseconds.
    Anybody { within: i64 },
}

/// Of the message that a layer is; `None` where it asks nothing and answers nothing, as far as its bytes tell.
pub fn of(at: &At<'_>) -> Option<Exchange> {
    match at.layer.protocol {
        Protocol::Dns | Protocol::Mdns | Protocol::Llmnr | Protocol::Netbios => dns::exchange(at),
        Protocol::Http | Protocol::Ssdp => http::exchange(at),
        Protocol::Stun => stun::exchange(at),
        Protocol::Ntp => ntp::exchange(at),
        Protocol::Dhcp => dhcp::exchange(at),
        Protocol::Snmp => snmp::exchange(at),
        Protocol::Coap => coap::exchange(at),
        _ => None,
    }
}

/// Bytes of a message with its body, where its own bytes tell that.
pub fn length(at: &At<'_>) -> Option<u64> {
    match at.layer.protocol {
        Protocol::Http => http::whole(at),
        _ => None,
    }
}
