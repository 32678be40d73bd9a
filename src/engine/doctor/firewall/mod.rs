//! The packet filter of this machine (nftables, and iptables-nft, which is the same to the kernel): `rules` reads what
//! `nft -j list ruleset` prints (libnftables-json(5)), `walk` follows a packet through it.
//!
//! Guarantee: three answers, not two. What a rule asks that is not known here (a mark, a limit, an iptables extension)
//! makes its verdict uncertain, and an uncertain drop is no finding unless its counter rose.

pub mod packet;
pub mod rules;
pub mod walk;

pub use packet::{Carried, Packet};
pub use rules::Ruleset;

/// What is known of the filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Firewall {
    /// Nobody asked.
    #[default]
    Unasked,
    /// It may not be read, or there is no nft(8): why.
    Unreadable(String),
    /// Before the probes, and after.
    Rules { before: Ruleset, after: Ruleset },
}
