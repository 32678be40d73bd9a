//! What could harm others is done only when asked for twice: `--yes` of `send` and `replay`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use crate::io::link::Link;

/// More packets than this are sent only with `--yes`.
pub const MANY: u64 = 1_000;

/// What makes sending a matter for somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Harm {
    /// So many packets.
    Many(u64),
    /// Every host of the network gets this.
    Broadcast(IpAddr),
    /// The same, by its link address alone: the number of the packet.
    BroadcastFrame(u64),
    /// Not on a network that this machine is connected to; the way there, if there is one.
    Far { to: IpAddr, gateway: Option<IpAddr> },
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Many(most) => write!(f, "these are {most} packets, more than {MANY}"),
            Self::Broadcast(to) => write!(f, "{to} is a broadcast address: every host of the network gets this"),
            Self::BroadcastFrame(number) => {
                write!(f, "packet {number} is a broadcast: every host of the network gets this")
            }
            Self::Far { to, gateway: Some(gateway) } => {
                write!(f, "{to} is not on a network that this machine is connected to: the way goes through {gateway}")
            }
            Self::Far { to, gateway: None } => {
                write!(f, "{to} is not on a network that this interface is connected to")
            }
        }
    }
}

/// An error where there is harm to be done and nobody said yes.
pub fn ask(yes: bool, harm: Option<Harm>) -> anyhow::Result<()> {
    match harm {
        Some(harm) if !yes => anyhow::bail!("{harm}; if that is meant, say --yes"),
        _ => Ok(()),
    }
}

/// Whether an address is one that every host listens to: of all networks, or of one that this machine is in.
pub fn is_broadcast(address: IpAddr, links: &[Link]) -> bool {
    let own = || links.iter().flat_map(|link| &link.addresses).filter_map(|(own, prefix)| directed(*own, *prefix));
    address == IpAddr::V4(Ipv4Addr::BROADCAST) || own().any(|broadcast| broadcast == address)
}

/// The broadcast address of a network that one of our addresses is in (RFC 922).
fn directed(address: IpAddr, prefix: u8) -> Option<IpAddr> {
    let IpAddr::V4(address) = address else { return None };
    let host = u32::MAX.checked_shr(prefix.into()).filter(|_| prefix < 31)?;
    Some(Ipv4Addr::from(u32::from(address) | host).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_address_of_a_network_is_its_broadcast() {
        let of = |text: &str, prefix| directed(text.parse().unwrap(), prefix).map(|address| address.to_string());
        assert_eq!(of("10.0.5.1", 24).as_deref(), Some("10.0.5.255"));
        assert_eq!(of("10.0.5.1", 0).as_deref(), Some("255.255.255.255"));
        assert_eq!((of("10.0.5.1", 31), of("10.0.5.1", 32), of("fd00::1", 64)), (None, None, None));
    }

    #[test]
    fn harm_is_done_only_on_a_yes() {
        let harm = || Some(Harm::Many(1001));
        assert_eq!(
            ask(false, harm()).unwrap_err().to_string(),
            "these are 1001 packets, more than 1000; if that is meant, say --yes"
        );
        assert!(ask(true, harm()).is_ok() && ask(false, None).is_ok());
    }
}
