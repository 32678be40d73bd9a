//! `netlab send`: packets made by hand, put on the wire, and what comes back.
//!
//! The order is the point: find the way, build, open what needs the privilege, give the privilege up, and only then
//! start threads. Nothing is sent before the capture that is to see the answers is active.

mod answer;
pub(super) mod compose;
pub(super) mod dry;
mod exchange;
pub(super) mod neighbour;
pub(super) mod target;
pub(super) mod way;

use std::path::PathBuf;
use std::time::Duration;

use super::consent::{self, Harm};
use super::decoding::Decoding;
use super::output::Output;
use super::{Exit, inside};
use crate::io::netns::Leash;
use crate::quantity;
use way::{Hop, Needs, Way};

#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
What is not set is right by itself: lengths, checksums, numbers of what follows, addresses, ports, the way. What is set \
stays as it is set, however wrong. Fields have the names that `netlab fields` lists; ip.ttl#2 is that of a second IP \
header.

  netlab send tcp 192.168.1.7:80                            is the port open?
  netlab send tcp 192.168.1.7:80 --set tcp.flags=SYN,ECE,CWR --set tcp.options.mss_val=1460
  netlab send udp 192.168.1.7:9000 --text hello --set udp.checksum=0xdead
  netlab send udp 192.168.1.7:9000 --file page.txt --fragment 512 --overlap 8
  netlab send icmp fe80::1%eth0 --ext hop-by-hop
  netlab send igmp join 239.1.2.3 -i eth0 --version 2       also leave, query; query alone asks for all groups
  netlab send mld query ff15::1 -i eth0                     the same of IPv6; versions 1 and 2
  netlab send arp 192.168.1.7
  netlab send --from capture.pcap --packet 5 --set ip.ttl=1
  netlab send tcp 10.0.5.2:7 --private                      without root, in a network of its own

With --private the packets go to a peer with a kernel of its own in a private network: it has the addresses 10.0.5.2 \
and fd00:5::2, sends back what comes to port 7 (TCP and UDP), and every other port is closed; it is a \
member of the groups 239.0.0.7 and ff15::7. This end is lan0 and has 10.0.5.1 and fd00:5::1.

Exit status: 0 answered, or nothing that has to be answered was sent; 1 refused, unreachable, or silence where an \
answer belongs; 2 could not."
)]
pub struct Args {
    /// What to send
    #[arg(value_enum, required_unless_present = "from", conflicts_with = "from")]
    kind: Option<Kind>,
    /// Where to: HOST or ADDRESS, for tcp and udp with :PORT; for igmp and mld: join, leave or query, and the GROUP
    #[arg(value_name = "TARGET", conflicts_with = "from", num_args = 1..=2, required_unless_present = "from")]
    target: Vec<String>,
    #[command(flatten)]
    made: Made,
    #[command(flatten)]
    pace: Pace,
    /// Send nothing: print each packet as `explain` would, and its bytes (or as -v, -x, -e, --json say); needs no root
    #[arg(long)]
    dry_run: bool,
    /// Send in a private network, to a peer in it; needs no root
    #[arg(long)]
    private: bool,
    #[command(flatten)]
    decoding: Decoding,
    #[command(flatten)]
    output: Output,
}

/// What the packet is to be.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The packet")]
struct Made {
    /// Set a field, as in tcp.flags=SYN,ECE or ip.ttl=3 or tcp.checksum=0xdead (repeatable; later ones win)
    #[arg(short, long = "set", value_name = "FIELD=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,
    /// Take a packet of this capture file as the recipe, from its IP or ARP header on; lengths and checksums are made anew
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The number of that packet, from 1
    #[arg(long, value_name = "N", requires = "from", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    packet: u64,
    /// Carry this text
    #[arg(long, group = "payload", value_name = "TEXT")]
    text: Option<String>,
    /// Carry these bytes, as hexadecimal digits (with --set, tcp.payload= and udp.payload= do the same)
    #[arg(long = "bytes", group = "payload", value_name = "DIGITS")]
    digits: Option<String>,
    /// Carry the content of this file
    #[arg(long, group = "payload", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Options of the TCP header, as hexadecimal digits; by name: --set tcp.options.mss_val=1460
    #[arg(long, value_name = "DIGITS")]
    tcp_options: Option<String>,
    /// Options of the IPv4 header, as hexadecimal digits
    #[arg(long, value_name = "DIGITS")]
    ip_options: Option<String>,
    /// Extension header of IPv6 (repeatable, in this order)
    #[arg(long, value_enum, value_name = "HEADER")]
    ext: Vec<Extension>,
    /// VLAN tag with this identifier (twice: a provider's tag outside)
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u16).range(0..4096))]
    vlan: Vec<u16>,
    /// Divide the packet into fragments that carry this many bytes, a multiple of 8
    #[arg(long, value_name = "BYTES")]
    fragment: Option<usize>,
    /// Let each fragment begin this many bytes before the end of the one before, a multiple of 8
    #[arg(long, value_name = "BYTES", requires = "fragment", default_value_t = 0)]
    overlap: usize,
    /// Use IPv4 where a name has both
    #[arg(short = '4', conflicts_with = "six")]
    four: bool,
    /// Use IPv6 where a name has both
    #[arg(short = '6')]
    six: bool,
    /// Interface to send on; by default the one of the route
    #[arg(short, long, value_name = "IF")]
    interface: Option<String>,
    /// Version of IGMP (1 to 3) or MLD (1, 2); by default the newest
    #[arg(long = "version", alias = "igmp-version", value_name = "N", value_parser = clap::value_parser!(u8).range(1..=3))]
    membership_version: Option<u8>,
    /// Source that a message of IGMPv3 or MLDv2 names (repeatable)
    #[arg(long, value_name = "ADDRESS")]
    source: Vec<std::net::IpAddr>,
    /// How long hosts have to answer a query; by default 10s, where it is about one group 1s
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    max_response: Option<Duration>,
}

/// How many, how fast, how long.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "How many, how fast")]
struct Pace {
    /// Send this many packets [default: 1, with --duration as many as fit]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Packets a second
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// Send for this long at most
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    duration: Option<Duration>,
    /// Wait this long for answers to the last packet [default: 1s; for a query of igmp and mld, as long as hosts have]
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    wait: Option<Duration>,
    /// Yes: more than 1000 packets, to a broadcast address, or through a router
    #[arg(long)]
    yes: bool,
}

impl Pace {
    /// The most packets that will be sent.
    fn most(&self) -> u64 {
        let fit = self.duration.map(|time| (time.as_secs_f64() * f64::from(self.rate)).ceil() as u64);
        match (self.count, fit) {
            (Some(count), Some(fit)) => count.min(fit.max(1)),
            (Some(count), None) => count,
            (None, Some(fit)) => fit.max(1),
            (None, None) => 1,
        }
    }
}

/// What can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// A TCP segment, SYN unless told otherwise
    Tcp,
    /// A UDP datagram
    Udp,
    /// An ICMP or ICMPv6 message, an echo request unless told otherwise
    Icmp,
    /// An IGMP message: join, leave or query
    Igmp,
    /// The same by MLD, for groups of IPv6
    Mld,
    /// An ARP request
    Arp,
    /// An IP packet with nothing but a payload; --set ip.proto= says what it is
    Raw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Extension {
    HopByHop,
    Routing,
    Destination,
    Fragment,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as FIELD=VALUE, as in ip.ttl=3")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    if args.private {
        return inside::repeat_inside();
    }
    send(&args, None)
}

/// In the process that [`run`] became, which has a single thread.
pub fn run_inside(args: Args) -> anyhow::Result<Exit> {
    inside::with_peer(|leash| send(&args, Some(leash)))
}

fn send(args: &Args, leash: Option<&Leash>) -> anyhow::Result<Exit> {
    args.decoding.apply()?;
    let composed = compose::recipe(args)?;
    let needs = Needs { link: composed.needs_link, link_local: composed.link_local };
    let interface = args.made.interface.as_deref().or(composed.zone.as_deref());
    let mut way = Way::find(composed.to, needs, interface)?;
    compose::check_source(args, &composed, &way)?;
    way.known_next_hop()?;
    let mut packets = compose::Packets::new(args, &composed, &way)?;
    if args.dry_run {
        return dry::print(args, &packets, &way);
    }
    consent::ask(args.pace.yes, harm(args, &way, packets.frames(0)?.len() as u64))?;
    let mut out = exchange::Out::open(&way)?;
    // Whose link address nobody knows yet is asked for it only now, when it is really sent.
    if composed.needs_neighbour() && !packets.has_set("eth.dst") {
        match way.next_hop(&mut out)? {
            Hop::Known(address) => packets.next_hop(address)?,
            Hop::NotNeeded => {}
            Hop::Silent(address) => {
                let how = if address.is_ipv4() { "ARP" } else { "neighbour discovery" };
                println!(
                    "silence: nobody on {} has the address {address}, says {how}; nothing was sent",
                    way.link.name
                );
                return Ok(Exit::No);
            }
        }
    }
    exchange::run(args, packets, out, &way, leash)
}

/// What could harm others in it.
fn harm(args: &Args, way: &Way, fragments: u64) -> Option<Harm> {
    let most = args.pace.most().saturating_mul(fragments);
    if most > consent::MANY {
        Some(Harm::Many(most))
    } else if way.broadcast {
        Some(Harm::Broadcast(way.to))
    } else {
        way.gateway.map(|gateway| Harm::Far { to: way.to, gateway: Some(gateway) })
    }
}
