//! The server of `rendezvous`: says who comes, who meets whom, and who goes.

use std::net::{TcpListener, UdpSocket};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::time::Duration;

use super::word::Shared;
use crate::engine::limit::Limits;
use crate::engine::rendezvous::server::{self, Bounds, Event, Tally, What};
use crate::exercise::connection::bind_first;
use crate::exercise::service::announce;
use crate::exercise::{Error, Service, Transcript, Transport};
use crate::io::nat::rendezvous::{Families, Serving, tcp, udp};
use crate::quantity;

/// Where any port will do, one that is free by UDP may be taken by TCP.
const TRIES: u32 = 32;

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    shared: Shared,
    /// How long a peer is held that registers no more
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = lifetime)]
    lifetime: Duration,
    /// Messages that are heard in a second of one source (an address, or 64 bits of one by IPv6)
    #[arg(long, value_name = "N", default_value_t = Bounds::default().messages.source)]
    per_source: u32,
    /// Messages that are heard in a second of all
    #[arg(long, value_name = "N", default_value_t = Bounds::default().messages.all)]
    in_all: u32,
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = quantity::duration(text)?;
    let whole = lifetime.subsec_nanos() == 0 && (1..=3600).contains(&lifetime.as_secs());
    if whole { Ok(lifetime) } else { Err("whole seconds, from 1s to 1h".to_owned()) }
}

/// What the options of all servers mean to this one.
pub fn told(command: clap::Command) -> clap::Command {
    command
        .mut_arg("once", |once| once.help("End when two have met, and all have left"))
        .mut_arg("idle", |idle| {
            idle.default_value("2m").help("How long a TCP connection may be silent before it is put out")
        })
        .mut_arg("max_clients", |most| {
            most.default_value("8192").help("Peers that are held at the same time; further ones are refused")
        })
        .mut_arg("max_line", |longest| longest.hide(true))
}

/// Serves until it is stopped; how many peers came.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let options: Options = service.options()?;
    let word = options.shared.word()?;
    let (udp, tcp) = open(service)?;
    let at = udp.local_addr().map_err(|source| system("find the address of", source))?;
    let bounds = Bounds {
        messages: Limits { source: options.per_source, all: options.in_all },
        peers: service.max_clients,
        lifetime: options.lifetime,
        ..Bounds::default()
    };
    let mut serving = Serving::over(udp, tcp, word, bounds, service.idle)
        .map_err(|source| system("prepare the sockets of", source))?;
    announce("rendezvous", at, service, transcript);
    if options.shared.is_nobodys() {
        transcript.note("there is no word: whoever reaches it can use it");
    }
    let mut tally = Tally::default();
    let broken = serving.run(service.stop.as_fd(), |server| {
        while let Some(event) = server.event() {
            transcript.log(event.what.word(), Some(event.peer), event.session.as_str());
            if let Err(error) = transcript.line(&words(&event)) {
                return ControlFlow::Break(Err(error));
            }
        }
        tally = *server.tally();
        let is_over = service.once && tally.met > 0 && server.held().living == 0;
        if is_over { ControlFlow::Break(Ok(())) } else { ControlFlow::Continue(()) }
    });
    if let Some(ended) = broken.map_err(|source| system("wait for", source))? {
        ended?;
    }
    transcript.note(&sums(&tally));
    Ok(tally.came)
}

/// Both sockets, at one port.
fn open(service: &Service) -> Result<(UdpSocket, TcpListener), Error> {
    let families = if service.host.is_some() { Families::Own } else { Families::Both };
    let mut tries = 0;
    loop {
        let udp = bind_first(service.host.as_deref(), service.port, Transport::Udp, |at| udp(at, families))?;
        tries += 1;
        match tcp(&udp, families) {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(_) if service.port == 0 && tries < TRIES => {}
            Err(source) => {
                let at = udp.local_addr().map_err(|source| system("find the address of", source))?;
                return Err(Error::binding(at, Transport::Tcp, source));
            }
        }
    }
}

fn system(operation: &'static str, source: std::io::Error) -> Error {
    Error::System { operation, target: "rendezvous".to_owned(), source }
}

/// What happened, in a line.
fn words(event: &Event) -> String {
    let Event { session, transport, peer, what } = event;
    // Peers of UDP and of TCP that use the same name are strangers to each other.
    let by = if *transport == Transport::Tcp { " by TCP" } else { "" };
    let what = match what {
        What::Came { inside } if inside.is_empty() => format!("{peer} has come{by}, and keeps its inside to itself"),
        What::Came { inside } => {
            let inside: Vec<String> = inside.iter().map(ToString::to_string).collect();
            format!("{peer} has come{by}; inside it is {}", inside.join(", "))
        }
        What::Met { other } => format!("{peer} and {other} are told of each other"),
        What::Moved { before } => format!("{peer} is who was {before} before: another mapping"),
        What::Relays { other } => format!("{peer} has its messages carried to {other}"),
        What::Left => format!("{peer} has left"),
        What::Silent => format!("{peer} is silent, and forgotten"),
        What::Refused { why } => format!("{peer} was refused: {}", why.word()),
    };
    format!("{session}: {what}")
}

fn sums(tally: &server::Tally) -> String {
    let thrown = tally.garbage + tally.forged + tally.repeated + tally.unheard;
    let pairs = if tally.met == 1 { "pair" } else { "pairs" };
    format!(
        "{} peers came, {} {pairs} met, {} messages carried, {} refused\n\
         not heard: {thrown} ({} no messages, {} without the word, {} repeated, {} without a cookie), {} beyond the limits",
        tally.came,
        tally.met,
        tally.relayed,
        tally.refused,
        tally.garbage,
        tally.forged,
        tally.repeated,
        tally.unheard,
        tally.limited
    )
}
