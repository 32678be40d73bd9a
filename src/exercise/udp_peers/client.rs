//! Peer 2 of `udp-peers`: hears on port 8006, speaks to port 8005.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::codec::SECOND;
use super::peer::{Ends, Peer};
use crate::exercise::connection::{addresses, no_address};
use crate::exercise::datagrams::Datagrams;
use crate::exercise::{Answers, Error, Transcript, Visit};
use crate::quantity;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Port to hear on
    #[arg(long, value_name = "N", default_value_t = SECOND)]
    listen: u16,
    /// Speak from the port that hears: one socket for both
    #[arg(long)]
    same_port: bool,
    /// End after the last line given and so long a silence (a person ends it with Ctrl-D, at once)
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = quantity::duration)]
    linger: Duration,
}

/// Hears and speaks until its input ends.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let options: Options = visit.options()?;
    let other = *addresses(&visit.host, visit.port)?.first().ok_or_else(|| no_address(&visit.host))?;
    // Who speaks within this machine hears only from it; the network is heard by who speaks to it.
    let own = visit.from.unwrap_or_else(|| match (other.ip().is_loopback(), other.ip()) {
        (true, IpAddr::V4(_)) => Ipv4Addr::LOCALHOST.into(),
        (true, IpAddr::V6(_)) => Ipv6Addr::LOCALHOST.into(),
        (false, IpAddr::V4(_)) => Ipv4Addr::UNSPECIFIED.into(),
        (false, IpAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
    });
    let own = own.to_string();
    let hears = Datagrams::bind_to(Some(&own), options.listen, None)?;
    let speaks = if options.same_port { None } else { Some(Datagrams::bind_to(Some(&own), 0, None)?) };
    transcript.note(&format!("udp-peers hears on {}; Ctrl-D ends it", hears.address()?));
    let answers = std::mem::replace(&mut visit.answers, Answers::Input);
    let ends = Ends::AfterInput(options.linger);
    Peer { hears, speaks, other }.converse(answers, ends, transcript).map(|_| ())
}
