//! `reassembly`: a message that arrives in pieces, and a client that shows each of them.

mod client;
mod codec;
mod serve;

use clap::Args;

use super::demo::{Actor, Demo, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["reassembly"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "a message in pieces, joined until an empty receive",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/reassembly.pcapng"),
    server: Ok(Server { options: serve::Options::augment_args, run: serve::run }),
    client: Ok(Client { options: client::Options::augment_args, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[
            Scene {
                title: "Small pieces, a large receive",
                cast: &[
                    Actor::client("client", &[]),
                    Actor::server("server", &[8005], &["--once", "--bytes", "30", "--pieces", "7"]),
                ],
                steps: &[Step::Start("server"), Step::Start("client")],
                lesson: "Five sends, 50 ms apart, five segments and five receives, though each receive could have \
                         taken all. A receive returns what is there; only the empty one says that nothing follows.",
            },
            Scene {
                title: "One piece, small receives",
                cast: &[
                    Actor::client("client", &["--receive", "7"]),
                    Actor::server("server", &[8005], &["--once", "--bytes", "30", "--pieces", "30"]),
                ],
                steps: &[Step::Start("server"), Step::Start("client")],
                lesson: "One send and one segment, and again five receives: how many there are says nothing of how \
                         many sends there were. What a receive did not take waits in the kernel for the next one.",
            },
        ],
    },
};
