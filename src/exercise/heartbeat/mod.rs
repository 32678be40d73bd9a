//! `heartbeat`: two ends tell each other that they are alive, and notice when the other one is not.

mod client;
mod codec;
mod drive;
mod serve;

use clap::Args;

use super::demo::{Actor, Demo, Ends, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["heartbeat"],
    transport: Transport::Udp,
    port: 8005,
    teaches: "who is still there? signs of life, round trip and jitter",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/heartbeat.pcapng"),
    server: Ok(Server { options: serve::Options::augment_args, run: serve::run }),
    client: Ok(Client { options: client::options, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[Scene {
            title: "",
            cast: &[
                Actor::client("client", &["--interval", "400ms", "--timeout", "1100ms", "--until-lost"])
                    .ending(Ends::Failing),
                Actor::server("server", &[8005], &["--interval", "400ms", "--timeout", "1100ms"]).ending(Ends::Anyhow),
            ],
            steps: &[
                Step::Start("server"),
                Step::Start("client"),
                Step::Until("client", "heartbeat 2:"),
                Step::Kill("server"),
                Step::Until("client", "lost:"),
                Step::End("client"),
            ],
            lesson: "The server was killed: it could say nothing any more. Silence is all the client has to go by, so how \
                     soon it says lost is a choice between false alarms and late ones. Here the kernel of the server's host \
                     answers *port unreachable*; a host that has lost its power would not even do that.",
        }],
    },
};
