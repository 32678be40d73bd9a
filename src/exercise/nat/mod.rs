//! `nat`: what a server sees of peers behind one router, and who can send to them.

mod client;
mod codec;
mod serve;

use clap::Args;

use super::demo::{Actor, Demo, Lab, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["nat"],
    transport: Transport::Udp,
    port: 9000,
    teaches: "behind one router: who is who, and who can be answered",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/nat.pcapng"),
    server: Ok(Server { options: serve::Options::augment_args, run: serve::run }),
    client: Ok(Client { options: client::Options::augment_args, run: client::run }),
    demo: &Demo {
        stage: Stage::Lab(&Lab {
            topology: include_str!("lan.toml"),
            columns: &["peer-2", "peer-3", "router", "peer-1", "stranger"],
            places: &["lan", "internet"],
            filter: "udp or icmp",
        }),
        scenes: &[Scene {
            title: "",
            cast: &[
                Actor::client("peer 2", &["--host", "peer-1", "--own-port", "4000", "--linger", "100ms"]).on("peer-2"),
                Actor::client("peer 3", &["--host", "peer-1", "--own-port", "4000", "--linger", "100ms"]).on("peer-3"),
                Actor::server("peer 1", &[], &["--any", "--once", "--linger", "100ms"]).on("peer-1"),
                Actor::client(
                    "stranger",
                    &[
                        "--host",
                        "203.0.113.1",
                        "--port",
                        "4000",
                        "--own-port",
                        "5000",
                        "--linger",
                        "500ms",
                        "Let me in",
                    ],
                )
                .on("stranger"),
            ],
            steps: &[
                Step::Start("peer 1"),
                Step::Start("peer 2"),
                Step::Say("peer 2", "I am peer 2"),
                Step::Until("peer 2", "you are"),
                Step::Start("peer 3"),
                Step::Say("peer 3", "I am peer 3"),
                Step::Until("peer 3", "you are"),
                Step::Start("stranger"),
                Step::End("stranger"),
                Step::Say("peer 1", "2 Still open?"),
                Step::Until("peer 3", "Still open?"),
                Step::Hush("peer 2"),
                Step::Hush("peer 3"),
                Step::Hush("peer 1"),
            ],
            lesson: "Both peers spoke from port 4000, and both came out with the router's address: peer 1 cannot tell peer \
                     3 from peer 2 by it. What tells them apart is the port that the NAT chose for the second one. The \
                     stranger's datagram was dropped: nobody inside had sent anything to it (port-restricted, RFC 4787 \
                     §5). Peer 1's came in, because the NAT still remembered that peer 3 had spoken to that very port.",
        }],
    },
};
