//! `sync`: one connection, strict turns. The server speaks first, each side receives once a turn.

mod client;
mod codec;
mod serve;

use super::{Client, Exercise, Roles, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["sync"],
    transport: Transport::Tcp,
    port: 8005,
    roles: Roles { server: "server", client: "client" },
    teaches: "a connection from handshake to close, turn by turn",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/sync.pcapng"),
    server: Ok(Server { options: |command| command, run: serve::run }),
    client: Ok(Client { options: |command| command, run: client::run }),
    script: &["Good morning"],
};
