//! `netlab replay FILE`: a capture sent once more. Its frames, at their own pace and perhaps with other addresses, or one
//! side of a conversation, played to a live program.

mod conversation;
mod frames;
mod live;
mod map;
mod prepare;
mod report;
mod sending;
mod talk;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::decoding::Decoding;
use super::output::Output;
use super::{Exit, inside};
use crate::io::link::timed::Speed;
use crate::io::netns::{Leash, peer};
use crate::quantity;
use crate::wire::rewrite::Tag;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A frame goes out as it was captured, byte by byte, unless something is mapped; then its checksums say of it what they said \
before. What the machine that captured had not filled in yet stays so, and a host drops it: --fill-checksums does it.

  sudo netlab replay lesson.pcapng -i eth0 --dst-mac 02:00:00:00:00:07
  sudo netlab replay lesson.pcapng -i eth0 --map 10.0.0.1=192.168.1.5 --map 8005=9005 --speed 2x
  netlab replay lesson.pcapng --map 10.0.0.1=192.168.1.5 --vlan 7 --dry-run
  netlab replay lesson.pcapng --private                     without root, in a network of its own

  netlab replay echo.pcapng --to 127.0.0.1:8005             does the server still answer as it did?
  netlab replay echo.pcapng --as-server 8005 --stream 2     play the server's side to a client
  netlab replay page.pcapng --to 127.0.0.1:80 --ignore 'Date: .*'

--map takes ADDRESS=ADDRESS (IPv4 or IPv6), PORT=PORT, ADDRESS:PORT=PORT, ADDRESS:PORT=ADDRESS:PORT (short for \
ADDRESS=ADDRESS and ADDRESS:PORT=PORT) and MAC=MAC. An IPv6 address with a port stands in brackets.

With --private the frames go to a peer with a kernel of its own in a private network: it has the addresses 10.0.5.2 and \
fd00:5::2, sends back what comes to port 7, and closes every other; this end is lan0 and has 10.0.5.1 and fd00:5::1. So \
that the peer takes the frames: --dst-mac 10.0.5.2.

A conversation is played in the turns that the capture has: before it says the next thing, netlab waits until it has heard \
as many bytes or datagrams as were heard there. Who closes first, and how, is part of it. Segments of the side that is \
played are sends of their own, with the pauses that they had; an answer is answered at once, unless --speed asks for those \
pauses too (1x), or for none (top).

Exit status: 0 sent, or answered as in the capture; 1 nothing of it could be sent, or the answers differ; 2 could not.")]
pub struct Args {
    /// Capture file (pcap, pcapng, gzip of either); - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Interface to send the frames on
    #[arg(short, long, value_name = "IF", required_unless_present_any = ["private", "dry_run", "to", "as_server"])]
    interface: Option<String>,
    #[command(flatten)]
    played: Played,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    pace: Pace,
    /// Send nothing: show the packets as they would be sent (-x, -v, -e, --json: in that form); needs no root
    #[arg(long)]
    dry_run: bool,
    /// Send in a private network, to a peer in it; needs no root
    #[arg(long)]
    private: bool,
    /// Do not show what passes the interface meanwhile
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    decoding: Decoding,
    #[command(flatten)]
    output: Output,
}

/// One side of a conversation.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Instead of frames: one side of a conversation, over a socket")]
struct Played {
    /// Play the client of a captured conversation to this live server, and tell where its answers differ
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["interface", "private", "dry_run", "as_server"])]
    to: Option<String>,
    /// Play the server of it to a live client that comes to this port
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = door, conflicts_with_all = ["interface", "private", "dry_run"])]
    as_server: Option<SocketAddr>,
    /// The conversation with this number (tcp.stream, or with --udp udp.stream); else the first
    #[arg(long, value_name = "N")]
    stream: Option<u32>,
    /// A conversation in datagrams of UDP
    #[arg(long)]
    udp: bool,
    /// Let what this pattern matches be anything else that it matches: a date, a number (repeatable)
    #[arg(long, value_name = "REGEX")]
    ignore: Vec<String>,
}

/// What becomes of the frames.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The frames")]
struct Changes {
    /// Put another address, port or MAC in the place of a captured one (repeatable)
    #[arg(short, long, value_name = "FROM=TO", value_parser = map::parse)]
    map: Vec<map::Map>,
    /// Send every frame for a single station to this MAC, or to that of the neighbour with this address
    #[arg(long, value_name = "MAC|ADDRESS", value_parser = map::station)]
    dst_mac: Option<map::Station>,
    /// Give each frame this VLAN identifier, or none: take its tags off
    #[arg(long, value_name = "ID|none", value_parser = tag)]
    vlan: Option<Tag>,
    /// Fill in the checksums that the card of the capturing machine was to fill in
    #[arg(long)]
    fill_checksums: bool,
}

/// How many, how fast.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "How many, how fast")]
struct Pace {
    /// So many times as fast as it was captured (2x, 0.5x), or `top`: as fast as the interface takes it
    #[arg(long, value_name = "SPEED", value_parser = speed, conflicts_with = "rate")]
    speed: Option<Speed>,
    /// So many packets a second, whatever the capture says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    rate: Option<u32>,
    /// Send the file this many times
    #[arg(long = "loop", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// End after this many packets
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after this time
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    duration: Option<Duration>,
    /// Watch so long for answers to the last packet [default: 200ms]; of a conversation: for each answer [default: 2s]
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    wait: Option<Duration>,
    /// Yes: more than 1000 packets, to a broadcast address, or to a network that is not connected
    #[arg(long)]
    yes: bool,
}

impl Pace {
    fn speed(&self) -> Speed {
        self.rate.map_or(self.speed.unwrap_or(Speed::Times(1.0)), Speed::Rate)
    }
}

/// Where a client is waited for: this machine's own clients, unless an address is named.
fn door(text: &str) -> Result<SocketAddr, String> {
    let of_port = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let parsed = text.parse().map(of_port).or_else(|_| text.parse());
    parsed.map_err(|_| "write it as 8005, 0.0.0.0:8005 or [::]:8005".to_owned())
}

fn speed(text: &str) -> Result<Speed, String> {
    if text == "top" {
        return Ok(Speed::Top);
    }
    let times = text.strip_suffix('x').and_then(|number| number.parse().ok());
    match times {
        Some(times) if (0.001..=1e6).contains(&times) => Ok(Speed::Times(times)),
        _ => Err("write it as 2x, 0.5x or top".to_owned()),
    }
}

fn tag(text: &str) -> Result<Tag, String> {
    match text.parse() {
        Ok(id @ 0..4096) => Ok(Tag::Set(id)),
        _ if text == "none" => Ok(Tag::Removed),
        _ => Err("it takes a number from 0 to 4095, or none".to_owned()),
    }
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    if args.private {
        return inside::repeat_inside();
    }
    args.decoding.apply()?;
    if args.played.to.is_some() || args.played.as_server.is_some() {
        return talk::run(&args);
    }
    frames::run(&args, None)
}

/// In the process that [`run`] became, which has a single thread.
pub fn run_inside(mut args: Args) -> anyhow::Result<Exit> {
    args.decoding.apply()?;
    inside::with_peer(|leash| {
        args.interface.get_or_insert_with(|| peer::HERE.name.to_owned());
        frames::run(&args, Some(leash))
    })
}

/// What ends the private network with its parent.
type Inside<'a> = Option<&'a Leash>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_and_tags_are_read_as_a_person_writes_them() {
        assert_eq!(speed("2x"), Ok(Speed::Times(2.0)));
        assert_eq!(speed("0.5x"), Ok(Speed::Times(0.5)));
        assert_eq!(speed("top"), Ok(Speed::Top));
        for wrong in ["2", "x", "-1x", "0x", "NaNx", "infx", "Top", ""] {
            assert!(speed(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!((tag("0"), tag("4095"), tag("none")), (Ok(Tag::Set(0)), Ok(Tag::Set(4095)), Ok(Tag::Removed)));
        assert!(tag("4096").is_err() && tag("-1").is_err());
    }
}
