//! `ack`: every piece that comes is answered by `ok`: an acknowledgment of the program's own, beside TCP's.

mod client;
mod codec;
mod serve;

use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["ack"],
    transport: Transport::Tcp,
    port: 9898,
    teaches: "the program's own `ok` beside TCP's acknowledgments",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/ack.pcapng"),
    server: Ok(Server { options: |command| command, run: serve::run }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: crate::plain_demo!(
        9898,
        server: &["--once"],
        client: &[],
        lesson: "TCP's ACK says that the kernel has the bytes; `ok` says that the program has taken them."
    ),
};
