//! `guess`: the server picks a number from 1 to 5 at each guess, the client says which.

mod client;
mod codec;
mod serve;

use clap::Args;

use super::chance::Seed;
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["guess"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "question and answer on one connection, again and again",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/guess.pcapng"),
    server: Ok(Server { options: Seed::augment_args, run: serve::run }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: crate::plain_demo!(
        8005,
        server: &["--once", "--seed", "62"],
        client: &["4", "2", "5"],
        lesson: "One connection, many questions: the handshake comes once, and most answers carry the acknowledgment of their question."
    ),
};
