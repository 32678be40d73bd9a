//! `upper`: a line in, the same in capitals out, then the server closes. TCP; `upper-udp` is the same in datagrams.

mod client;
mod codec;
mod serve;

use super::{Client, Exercise, Server, Transport};

pub use codec::capitals;

pub static EXERCISE: Exercise = Exercise {
    names: &["upper"],
    transport: Transport::Tcp,
    port: 6789,
    teaches: "a line out, a line back: the newline is the protocol",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/upper.pcapng"),
    server: Ok(Server { options: |command| command, run: serve::run }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: crate::plain_demo!(
        6789,
        server: &["--once"],
        client: &["hello"],
        lesson: "The newline (0a) ends the line, and is all that tells the server to answer."
    ),
};
