//! `--dry-run`: what would be sent, explained, and its bytes: the datagram, or the reports that joining causes.

use std::net::{IpAddr, SocketAddr};

use super::{Exit, Showing};
use crate::cmd::made;
use crate::wire::Protocol;
use crate::wire::build::Recipe;

/// Stands for the port that the kernel chooses.
const PORT: u16 = 40_000;

/// The datagram of `multicast send`.
pub fn datagram(
    showing: &Showing,
    source: IpAddr,
    to: SocketAddr,
    ttl: u8,
    payload: Vec<u8>,
    interface: &str,
) -> anyhow::Result<Exit> {
    let network = if to.is_ipv4() { Protocol::Ipv4 } else { Protocol::Ipv6 };
    let mut recipe = Recipe::new(&[network, Protocol::Udp])?;
    let names = if to.is_ipv4() { ["ip.src", "ip.dst", "ip.ttl"] } else { ["ipv6.src", "ipv6.dst", "ipv6.hlim"] };
    for (name, value) in names.into_iter().zip([source.to_string(), to.ip().to_string(), ttl.to_string()]) {
        recipe.fill(name, &value)?;
    }
    recipe.fill("udp.srcport", &PORT.to_string())?;
    recipe.fill("udp.dstport", &to.port().to_string())?;
    recipe.payload(payload);
    explain(showing, &recipe)?;
    eprintln!(
        "nothing was sent; it would go out by {interface}; port {PORT} and run 00000000 stand for those of a real run"
    );
    Ok(Exit::Done)
}

/// A packet as `explain` shows it, and its bytes.
pub fn explain(showing: &Showing, recipe: &Recipe) -> anyhow::Result<()> {
    made::explain_packet(recipe.build()?.bytes, showing.color, &made::without_frame())
}
