//! `udp-messages`: a server that prints every datagram that anybody sends to it.

mod client;
mod codec;
mod serve;

use super::demo::{Actor, Demo, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["udp-messages"],
    transport: Transport::Udp,
    port: 5005,
    teaches: "one socket hears everybody, a datagram a message",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/udp-messages.pcapng"),
    server: Ok(Server { options: |command| command, run: serve::run }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[Scene {
            title: "",
            cast: &[
                Actor::client("Anna", &[]),
                Actor::client("Ben", &["Hi from Ben"]).at([127, 0, 0, 2]),
                Actor::server("server", &[5005], &[]),
            ],
            steps: &[
                Step::Start("server"),
                Step::Start("Anna"),
                Step::Until("server", "Hello, World!"),
                Step::Start("Ben"),
                Step::Until("server", "Ben"),
                Step::End("Ben"),
                Step::Interrupt("server"),
            ],
            lesson: "Two senders, one socket, two receives. Nothing was opened for either of them, so nothing is to be closed.",
        }],
    },
};
