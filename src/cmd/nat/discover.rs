//! `netlab nat discover`: how the NATs on the way behave, and what that means.

use std::hash::{BuildHasher, RandomState};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use super::place::resolve;
use crate::cmd::output::stdout;
use crate::cmd::{Exit, args};
use crate::engine::nat_behaviour::Plan;
use crate::io::interrupt::Stop;
use crate::io::nat::discover::discover;
use crate::quantity;
use crate::view::nat;
use crate::wire::stun;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Takes some ten seconds; with --max-lifetime two to four times a mapping's lifetime more.\n\
    Exit status: 0 the server answered, 1 it did not, 2 could not ask.",
    after_long_help = "Asks a STUN server by which address and port it sees us, then again from other addresses and ports of \
    it, and has it answer from them (RFC 5780). Each test has sockets of its own. Any server of RFC 5780 will do (netlab nat serve, \
    coturn, stuntman); one with a single address tells less. What cannot be told is said with the reason.\n\n\
    Mapping: on what the outside port of one socket depends. Filtering: who is let in to it. Hairpinning: what becomes of \
    packets to an outside port of the same NAT; to tell 'off' from 'internal' it must see packets that the kernel refuses \
    (CAP_NET_RAW, as root), or have a second host, a network namespace behind the same NAT that --beside names (root). Lifetime: how long a silent mapping lives, by sockets that wait in parallel. Refresh: whether \
    packets from outside keep it alive as well. Pooling: whether all sockets of this host get the same outside address.\n\n\
    Keys of --json: mapping, filtering, tcp_mapping (none, endpoint-independent, address-dependent, \
    address-and-port-dependent), hairpin (off, external, internal), port_preserved, port_parity, fragments (they pass), alg \
    (somebody rewrites addresses in datagrams), lifetime_s ([lower, upper]; no upper: null), server, local, external, \
    addresses (outside ones seen), refresh (outbound, any), pooling (paired, arbitrary), why (an object: the reason for each that is null).\n\n\
    Exit status: 0 the server answered, 1 it did not, 2 could not ask.\n\n  \
    netlab nat discover stun.example.org\n  \
    netlab nat discover stun.example.org --max-lifetime 5m\n  \
    netlab nat discover 203.0.113.10 --server2 198.51.100.7:3478 --json"
)]
pub struct Args {
    /// A STUN server: name or address, and its port if it is not 3478
    #[arg(value_name = "SERVER[:PORT]")]
    server: String,
    /// A second server, for a first one that has a single address
    #[arg(long, value_name = "SERVER[:PORT]")]
    server2: Option<String>,
    /// Also measure how long a mapping lives, waiting so long at most
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    max_lifetime: Option<Duration>,
    /// A second host behind the same NAT: a network namespace by name (ip netns), process id or path
    #[arg(long, value_name = "NAMESPACE")]
    beside: Option<String>,
    /// Leave out how TCP connections are mapped
    #[arg(long)]
    no_tcp: bool,
    /// IPv4 only
    #[arg(short = '4', conflicts_with = "six")]
    four: bool,
    /// IPv6 only
    #[arg(short = '6')]
    six: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Longer than any NAT remembers UDP, short enough to wait for.
const LONGEST: Duration = Duration::from_secs(3600);

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let max_lifetime = args.max_lifetime.unwrap_or_default();
    if max_lifetime > LONGEST {
        bail!("--max-lifetime: at most 1h");
    }
    let family = if args.six { Some(true) } else { args.four.then_some(false) };
    let server = resolve(&args.server, stun::PORT, family)?;
    let second = args.server2.as_deref().map(|text| resolve(text, stun::PORT, Some(server.is_ipv6()))).transpose()?;
    if second.is_some_and(|second| second.ip() == server.ip()) {
        bail!("--server2 has the address of the first server; another one is needed");
    }
    let beside = args.beside.as_deref().map(namespace);
    let plan = Plan {
        server,
        server2: second,
        beside: beside.is_some(),
        tcp: !args.no_tcp,
        max_lifetime,
        // The transactions come from here: nobody who does not see them is to guess them.
        seed: RandomState::new().hash_one(std::process::id()),
    };
    let stop = Stop::install()?;
    let talks = std::io::stderr().is_terminal() && !args.json;
    let report = discover(plan, beside.as_deref(), &stop, |doing| {
        if talks {
            eprintln!("netlab: {doing} ...");
        }
    });
    let report = report.with_context(|| match &beside {
        Some(path) => format!("cannot ask {server} from here and from {}", path.display()),
        None => format!("cannot ask {server}"),
    })?;
    let Some(report) = report else { return Ok(Exit::Interrupted) };
    let mut out = Vec::new();
    if args.json {
        nat::object(&report, &mut out);
    } else {
        nat::write(&report, args::room(), &mut out);
    }
    stdout()?.write_all(&out)?;
    Ok(if report.external.is_some() { Exit::Done } else { Exit::No })
}

/// Where a namespace is found.
fn namespace(text: &str) -> PathBuf {
    match text.parse::<u32>() {
        Ok(process) => format!("/proc/{process}/ns/net").into(),
        Err(_) if text.contains('/') => text.into(),
        Err(_) => Path::new("/run/netns").join(text),
    }
}
