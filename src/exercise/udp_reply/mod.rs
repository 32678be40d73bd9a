//! `udp-reply`: answering a datagram through the port that its sender still has open.

mod client;
mod codec;
mod serve;

use super::demo::{Actor, Demo, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["udp-reply"],
    transport: Transport::Udp,
    port: 8005,
    teaches: "a reply goes to the port that the question came from",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/udp-reply.pcapng"),
    server: Ok(Server { options: |command| command, run: serve::run }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[Scene {
            title: "",
            cast: &[Actor::client("client", &[]), Actor::server("server", &[8005], &["--once"])],
            steps: &[Step::Start("server"), Step::Start("client")],
            lesson: "All four datagrams are between the same two ports. The answers found the client because its socket \
                     was still open; a NAT on the way would have let them in for the same reason.",
        }],
    },
};
