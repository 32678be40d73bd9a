//! `rps`: paper, stone, scissors against the server, a line a turn.

mod client;
mod codec;
mod serve;

use clap::Args;

use super::chance::Seed;
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["rps"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "a small protocol: two words say pick and winner",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/rps.pcapng"),
    server: Ok(Server { options: Seed::augment_args, run: serve::run }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: crate::plain_demo!(
        8005,
        server: &["--once", "--seed", "1"],
        client: &["3"],
        lesson: "The server says two words, and the client makes three lines of them: what both sides know need not travel."
    ),
};
