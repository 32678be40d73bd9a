//! `hello`: a server for one client after another, which says one thing and closes.

mod client;
mod codec;
mod serve;

use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["hello"],
    transport: Transport::Tcp,
    port: 9000,
    teaches: "one client after another; the end is the close",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/hello.pcapng"),
    server: Ok(Server { options: |command| command, run: serve::run }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: &super::demo::Demo {
        stage: super::demo::Stage::Loopback,
        scenes: &[super::demo::Scene {
            title: "",
            cast: &[
                super::demo::Actor::client("first", &[]).at([127, 0, 0, 2]),
                super::demo::Actor::server("server", &[9000], &[]),
                super::demo::Actor::client("second", &[]).at([127, 0, 0, 3]),
            ],
            steps: &[
                super::demo::Step::Start("server"),
                super::demo::Step::Start("first"),
                super::demo::Step::End("first"),
                super::demo::Step::Start("second"),
                super::demo::Step::End("second"),
                super::demo::Step::Interrupt("server"),
            ],
            lesson: "One listening socket, and a new socket for each client. The server says no length: the client \
                     knows that it has everything when a receive returns no bytes, which is the FIN.",
        }],
    },
};
