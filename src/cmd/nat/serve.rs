//! `netlab nat serve`: a STUN server with the attributes of RFC 5780.

use std::net::IpAddr;

use crate::cmd::{Exit, args};
use crate::engine::limit::Limits;
use crate::io::interrupt::Stop;
use crate::io::nat::serve::Serving;
use crate::wire::stun;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "With two addresses of a family it listens at two ports of each, and answers from the other ones when it \
    is asked to; with one, or without any (everywhere), it tells mappings only. UDP, and TCP on the same ports.\n\
    An answer is at most one and a half times as long as its request, IP header counted, so nobody is flooded through it.\n\n  \
    netlab nat serve 203.0.113.10 203.0.113.11\n  \
    netlab nat serve --port 3478\n  \
    netlab nat serve 203.0.113.10 203.0.113.11 2001:db8::10 2001:db8::11"
)]
pub struct Args {
    /// Addresses of this machine to listen at: one or two by IPv4, one or two by IPv6
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<IpAddr>,
    /// The first port; 0: any that is free
    #[arg(long, value_name = "PORT", default_value_t = stun::PORT)]
    port: u16,
    /// The other port, where there are two addresses
    #[arg(long, value_name = "PORT", default_value_t = stun::PORT + 1)]
    port2: u16,
    /// Answers in a second to one source (an address, or 64 bits of one by IPv6)
    #[arg(long, value_name = "N", default_value_t = Limits::default().source)]
    per_source: u32,
    /// Answers in a second to all
    #[arg(long, value_name = "N", default_value_t = Limits::default().all)]
    in_all: u32,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let limits = Limits { source: args.per_source, all: args.in_all };
    let stop = Stop::install()?;
    let mut serving = match args.addresses.as_slice() {
        [] => Serving::everywhere(args.port, limits)?,
        addresses => Serving::open(addresses, [args.port, args.port2], limits)?,
    };
    let places: Vec<String> = serving.places().iter().map(ToString::to_string).collect();
    args::talk(&format!("netlab: STUN at {}; Ctrl-C ends it", places.join(" ")));
    let tally = serving.run(&stop)?;
    args::talk(&format!(
        "netlab: {} answers ({} of them errors), {} that were no requests, {} beyond the limits",
        tally.answered, tally.errors, tally.garbage, tally.limited
    ));
    Ok(Exit::Done)
}
