//! `echo`: whatever comes goes back, until the client closes. One client.

mod client;
mod codec;
mod serve;

use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["echo"],
    transport: Transport::Tcp,
    port: 50007,
    teaches: "receive until the other side closes: the empty receive",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/echo.pcapng"),
    server: Ok(Server { options: |command| command, run: serve::run }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: crate::plain_demo!(
        50007,
        server: &["--once"],
        client: &[],
        lesson: "The same bytes go out and come back. The client's FIN is what the server's last receive returns: no bytes at all."
    ),
};
