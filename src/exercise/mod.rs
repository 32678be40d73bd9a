//! The course: exercises in socket programming, each with a reference server and client that students' own programs
//! talk to. A folder an exercise (brief.md, codec.rs, serve.rs, client.rs, mod.rs) and a row in [`ALL`].
//!
//! Guarantee: bytes, ports, order of turns and quoted lines are the course's; the other side may be any program in any
//! language. What a peer sent is bounded in memory and in time, and is escaped before a terminal by [`Transcript`].

// Sockets time out.
#![allow(clippy::disallowed_methods)]

pub mod ack;
pub mod address_in_use;
mod answers;
pub mod bingo;
pub mod buffers;
pub mod calc;
mod chance;
pub mod chat;
mod connection;
mod crowd;
mod datagrams;
mod decimal;
pub mod delimiter;
pub mod demo;
pub mod echo;
pub mod echo16;
pub mod echo_many;
mod error;
mod framing;
pub mod guess;
pub mod heartbeat;
pub mod heartbeat_nat;
pub mod hello;
pub mod hits;
pub mod http_get;
pub mod http_hello;
pub mod length;
pub mod listen;
pub mod many;
pub mod multicast;
pub mod multicast_lan;
pub mod names;
pub mod nat;
pub mod partial_send;
mod pieces;
pub mod reassembly;
pub mod rebind;
pub mod recv;
pub mod rendezvous;
pub mod rps;
mod service;
mod stop;
pub mod sum;
pub mod sync;
mod text;
pub mod timeout;
mod transcript;
pub mod typed;
mod typing;
pub mod udp_loss;
pub mod udp_messages;
pub mod udp_peers;
pub mod udp_reply;
pub mod udp_server;
pub mod upper;
pub mod upper_udp;

use std::net::IpAddr;
use std::time::Duration;

use clap::{ArgMatches, FromArgMatches};

pub use crate::process::Transport;

pub use answers::Answers;
pub use error::Error;
pub use stop::Stop;
pub use text::text_of;
pub use transcript::{Log, Transcript};

/// All exercises, in the order in which they are taught.
pub static ALL: &[&Exercise] = &[
    // One connection.
    &listen::EXERCISE,
    &recv::EXERCISE,
    &sync::EXERCISE,
    &hello::EXERCISE,
    &http_get::EXERCISE,
    // Where does a message end?
    &delimiter::EXERCISE,
    &length::EXERCISE,
    &typed::EXERCISE,
    &reassembly::EXERCISE,
    &partial_send::EXERCISE,
    &timeout::EXERCISE,
    &address_in_use::EXERCISE,
    // Ask and answer.
    &calc::EXERCISE,
    &guess::EXERCISE,
    &rps::EXERCISE,
    &sum::EXERCISE,
    &echo::EXERCISE,
    &echo16::EXERCISE,
    &ack::EXERCISE,
    &upper::EXERCISE,
    &upper_udp::EXERCISE,
    // Many clients.
    &hits::EXERCISE,
    &http_hello::EXERCISE,
    &echo_many::EXERCISE,
    &rebind::EXERCISE,
    &rebind::LOOP,
    &chat::EXERCISE,
    &bingo::EXERCISE,
    // UDP.
    &udp_server::EXERCISE,
    &udp_messages::EXERCISE,
    &udp_reply::EXERCISE,
    &udp_peers::EXERCISE,
    &udp_loss::EXERCISE,
    &heartbeat::EXERCISE,
    &multicast::EXERCISE,
    // Beyond one network: a lab each.
    &multicast_lan::EXERCISE,
    &nat::EXERCISE,
    &heartbeat_nat::EXERCISE,
    &rendezvous::EXERCISE,
    // What surrounds a socket.
    &names::EXERCISE,
    &buffers::EXERCISE,
];

/// An exercise as data: what lists, help, `serve`, `client` and `demo` need to know of it.
#[derive(Debug)]
pub struct Exercise {
    /// The names it goes by, the first one first in lists; either works with `serve` and `client`.
    pub names: &'static [&'static str],
    pub transport: Transport,
    /// The port that the course uses.
    pub port: u16,
    /// What it teaches, in one line of at most 60 columns.
    pub teaches: &'static str,
    /// The exercise's page, in Markdown.
    pub brief: &'static str,
    /// The side that binds and waits; `Err` says what to type instead, where netlab has none.
    pub server: Result<Server, &'static str>,
    /// The side that connects or sends first.
    pub client: Result<Client, &'static str>,
    /// The demonstration's packets, recorded: pcapng, shown where none can be captured.
    pub recorded: &'static [u8],
    /// What `netlab demo` plays.
    pub demo: &'static demo::Demo,
}

/// The program that binds and waits.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// Adds the options that only this server has: `|c| c`, or `Options::augment_args` of a struct derived from
    /// [`clap::Args`], which [`Service::options`] gives back.
    pub options: fn(clap::Command) -> clap::Command,
    /// Runs until it is stopped; answers how many clients it served to the end.
    pub run: fn(&Service, &Transcript) -> Result<u64, Error>,
}

/// The program that connects or sends first.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// As [`Server::options`], given back by [`Visit::options`].
    pub options: fn(clap::Command) -> clap::Command,
    /// Runs once.
    pub run: fn(&mut Visit, &Transcript) -> Result<(), Error>,
}

impl Exercise {
    /// The name it is listed under.
    pub fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }
}

/// What a server is told.
#[derive(Debug)]
pub struct Service {
    /// Address or name to bind; `None`: every address of this machine, IPv6 and IPv4.
    pub host: Option<String>,
    /// Port to bind; 0 lets the system choose, and what it chose is said.
    pub port: u16,
    /// Serve one client, then end.
    pub once: bool,
    /// How long a client may be silent.
    pub idle: Duration,
    /// Clients served at the same time; further ones wait in the backlog.
    pub max_clients: usize,
    /// Bytes that a line may have.
    pub max_line: usize,
    pub stop: Stop,
    /// What was typed, for the options of this exercise.
    pub typed: ArgMatches,
}

impl Service {
    /// The options that [`Server::options`] added.
    pub fn options<O: FromArgMatches>(&self) -> Result<O, Error> {
        O::from_arg_matches(&self.typed).map_err(|error| Error::Answer(error.to_string()))
    }
}

/// What a client is told.
#[derive(Debug)]
pub struct Visit {
    /// Address or name to connect to.
    pub host: String,
    pub port: u16,
    /// Address of this machine to connect from; `None`: the system chooses.
    pub from: Option<IpAddr>,
    /// How long to wait for a connection, and for each answer.
    pub timeout: Duration,
    /// Where what it is asked for comes from.
    pub answers: Answers,
    /// What was typed, for the options of this exercise.
    pub typed: ArgMatches,
}

impl Visit {
    /// The options that [`Client::options`] added.
    pub fn options<O: FromArgMatches>(&self) -> Result<O, Error> {
        O::from_arg_matches(&self.typed).map_err(|error| Error::Answer(error.to_string()))
    }
}

/// The exercise of that name.
pub fn find(name: &str) -> Option<&'static Exercise> {
    ALL.iter().copied().find(|exercise| exercise.names.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_one_exercise() {
        let names: Vec<_> = ALL.iter().flat_map(|exercise| exercise.names).collect();
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(names.len(), unique.len(), "a name is used twice in {names:?}");
        assert!(ALL.iter().all(|exercise| std::ptr::eq(find(exercise.name()).unwrap(), *exercise)));
    }

    #[test]
    fn every_exercise_has_a_page_and_fits_a_line() {
        for exercise in ALL {
            assert!(exercise.brief.starts_with("# "), "{} has no heading", exercise.name());
            assert!(exercise.teaches.len() <= 60, "{} teaches too long a line", exercise.name());
        }
    }
}
