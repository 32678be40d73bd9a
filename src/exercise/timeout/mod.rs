//! `timeout`: three ways to wait for a server that says nothing.

mod client;
mod serve;

use clap::Args;

use super::demo::{Actor, Demo, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["timeout"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "waiting: with a timeout, not at all, with poll",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/timeout.pcapng"),
    server: Ok(Server { options: serve::Options::augment_args, run: serve::run }),
    client: Ok(Client {
        options: |command| {
            command.mut_arg("timeout", |option| {
                option
                    .default_value("5s")
                    .help("How long to wait for the connection, in the blocking receive, and in poll")
            })
        },
        run: client::run,
    }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[
            Scene {
                title: "A server that says nothing",
                cast: &[
                    Actor::client("client", &["--timeout", "500ms"]),
                    Actor::server("server", &[8005], &["--once"]),
                ],
                steps: &[Step::Start("server"), Step::Start("client")],
                lesson: "After the handshake there is no packet until the client gives up: waiting puts nothing on \
                         the wire. A timeout is the receiver's own; the server does not learn of it.",
            },
            Scene {
                title: "A server that takes its time",
                cast: &[
                    Actor::client("client", &["--timeout", "500ms"]),
                    Actor::server("server", &[8005], &["--once", "--after", "700ms"]),
                ],
                steps: &[Step::Start("server"), Step::Start("client")],
                lesson: "The blocking receive gave up after 500 ms; the text came 200 ms later and was there for \
                         poll. A timeout loses nothing: what comes late waits in the kernel.",
            },
        ],
    },
};
