//! `udp-peers`: two equal programs, each with a port to hear on and a port to speak from; or one for both.

mod client;
mod codec;
mod peer;
mod serve;

use clap::Args;

use super::demo::{Actor, Demo, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["udp-peers"],
    transport: Transport::Udp,
    port: codec::FIRST,
    teaches: "no client, no server: two peers, each hears and speaks",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/udp-peers.pcapng"),
    server: Ok(Server { options: serve::Options::augment_args, run: serve::run }),
    client: Ok(Client { options: client::Options::augment_args, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[
            Scene {
                title: "each peer hears on one port and speaks from another",
                cast: &[
                    Actor::server("peer 1", &[], &["--once", "--to", "127.0.0.2", "--linger", "300ms"])
                        .at([127, 0, 0, 1]),
                    Actor::client("peer 2", &["--linger", "300ms"]).at([127, 0, 0, 2]),
                ],
                steps: CONVERSATION,
                lesson: "Four ports for two programs. Where one hears is not where it speaks from, so an answer to the \
                         sender's port would find nobody.",
            },
            Scene {
                title: "--same-port: one socket for both",
                cast: &[
                    Actor::server("peer 1", &[], &["--once", "--to", "127.0.0.2", "--linger", "300ms", "--same-port"])
                        .at([127, 0, 0, 1]),
                    Actor::client("peer 2", &["--linger", "300ms", "--same-port"]).at([127, 0, 0, 2]),
                ],
                steps: CONVERSATION,
                lesson: "Two ports: what is sent comes from the port that hears. Only so can a peer behind a NAT be \
                         answered.",
            },
        ],
    },
};

const CONVERSATION: &[Step] = &[
    Step::Start("peer 1"),
    Step::Start("peer 2"),
    Step::Until("peer 2", "hears on"),
    Step::Say("peer 2", "Hello from peer 2"),
    Step::Until("peer 1", "Hello"),
    Step::Say("peer 1", "Hello from peer 1"),
    Step::Until("peer 2", "peer 1"),
    Step::Say("peer 2", "Bye"),
    Step::Until("peer 1", "Bye"),
    Step::Hush("peer 2"),
    Step::Hush("peer 1"),
];
