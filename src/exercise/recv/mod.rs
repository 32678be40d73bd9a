//! `recv` and `send`: one receive, two sends. TCP keeps no message boundaries.

mod client;
mod codec;
mod serve;

use clap::Args;

use super::demo::{Actor, Demo, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["recv", "send"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "two sends and one receive: no boundaries in TCP",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/recv.pcapng"),
    server: Ok(Server { options: serve::Options::augment_args, run: serve::run }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[
            Scene {
                title: "Both sends are there when the server receives",
                cast: &[
                    Actor::client("send", &[]),
                    Actor::server("recv", &[8005], &["--busy", "300ms", "--wait", "200ms"]),
                ],
                steps: &[Step::Start("recv"), Step::Start("send")],
                lesson: "Two sends, and one receive returned both, as one piece: the server was busy for 300 ms. On \
                         the wire they may be two segments or one; the receiver cannot tell, and must not care.",
            },
            Scene {
                title: "The server receives between the sends",
                cast: &[
                    Actor::client("send", &["Hey man, what's up?", "Are you there?"]),
                    Actor::server("recv", &[8005], &["--wait", "300ms"]),
                ],
                steps: &[Step::Start("recv"), Step::Start("send")],
                lesson: "The same texts, 100 ms apart: one receive returned the first only. A program that relies on \
                         either is wrong; a message needs an end or a length (exercises `delimiter` and `length`).",
            },
        ],
    },
};
