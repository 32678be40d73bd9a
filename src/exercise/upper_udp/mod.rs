//! `upper-udp`: a datagram in, the same in capitals out. What a buffer holds beside the text travels too.

mod client;
mod codec;
mod serve;

use clap::Args;

use super::demo::{Actor, Demo, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["upper-udp"],
    transport: Transport::Udp,
    port: 9876,
    teaches: "a datagram out, one back; a padded buffer on the wire",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/upper-udp.pcapng"),
    server: Ok(Server { options: |command| command, run: serve::run }),
    client: Ok(Client { options: client::Options::augment_args, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[
            Scene {
                title: "the text",
                cast: &[Actor::client("client", &["hello"]), Actor::server("server", &[9876], &["--once"])],
                steps: &[Step::Start("server"), Step::Start("client")],
                lesson: "Two packets: no handshake, no acknowledgment, no close, and no newline, for a datagram has an end.",
            },
            Scene {
                title: "the whole buffer",
                cast: &[Actor::client("client", &["--pad", "hello"]), Actor::server("server", &[9876], &["--once"])],
                steps: &[Step::Start("server"), Step::Start("client")],
                lesson: "A client that sends its buffer instead of its text sends 1024 bytes, 1019 of them NUL. What was \
                         not meant travels all the same, and the receiver has to guess where the text ends.",
            },
        ],
    },
};
