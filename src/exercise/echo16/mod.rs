//! `echo16`: the same echo through a buffer of 16 bytes: a send is not a receive.

mod client;
mod codec;
mod serve;

use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["echo16"],
    transport: Transport::Tcp,
    port: 10000,
    teaches: "one send, many receives: loop until all has come",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/echo16.pcapng"),
    server: Ok(Server { options: |command| command, run: serve::run }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: crate::plain_demo!(
        10000,
        server: &["--once"],
        client: &[],
        lesson: "One send of 20 bytes, received as 16 and 4, and sent back as such: a send is not a receive. The client counts, so it knows when all is back."
    ),
};
