//! Peer 1 of `udp-peers`: hears on port 8005, speaks to port 8006.

use std::time::Duration;

use super::codec::SECOND;
use super::peer::{Ends, Peer};
use crate::exercise::connection::{addresses, no_address};
use crate::exercise::datagrams::Datagrams;
use crate::exercise::service::announce;
use crate::exercise::{Answers, Error, Service, Transcript};
use crate::quantity;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Port on which the other peer hears
    #[arg(long, value_name = "N", default_value_t = SECOND)]
    to_port: u16,
    /// Address of the other peer
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    to: String,
    /// Speak from the port that hears: one socket for both
    #[arg(long)]
    same_port: bool,
    /// With --once: end after the last line and so long a silence
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = quantity::duration)]
    linger: Duration,
}

/// Hears and speaks until it is stopped; 1 where somebody was heard.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let options: Options = service.options()?;
    let hears = Datagrams::bind(service)?;
    let own = hears.address()?;
    let other = addresses(&options.to, options.to_port)?.into_iter().find(|other| own.is_ipv6() || other.is_ipv4());
    let other = other.ok_or_else(|| no_address(&options.to))?;
    let speaks = if options.same_port { None } else { Some(Datagrams::bind_to(Some(&own.ip().to_string()), 0, None)?) };
    announce("udp-peers", own, service, transcript);
    let ends = if service.once { Ends::AfterInput(options.linger) } else { Ends::OnInterrupt };
    let heard = Peer { hears, speaks, other }.converse(Answers::new(Vec::new()), ends, transcript)?;
    Ok(heard.min(1))
}
