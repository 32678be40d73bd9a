//! `sync`: one connection, strict turns. The server speaks first, each side receives once a turn.

mod client;
mod codec;
mod serve;

use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["sync"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "a connection from handshake to close, turn by turn",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/sync.pcapng"),
    server: Ok(Server { options: |command| command, run: serve::run }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: crate::plain_demo!(8005, server: &["--once"], client: &["Good morning"]),
};
