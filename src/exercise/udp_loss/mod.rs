//! `udp-loss`: numbered datagrams, and an account of those that were lost, doubled and overtaken.

mod account;
mod client;
mod codec;
mod impair;
mod serve;

use clap::Args;

use super::demo::{Actor, Demo, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["udp-loss"],
    transport: Transport::Udp,
    port: 8005,
    teaches: "lost, doubled, overtaken: what numbers in datagrams show",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/udp-loss.pcapng"),
    server: Ok(Server { options: serve::Options::augment_args, run: serve::run }),
    client: Ok(Client { options: client::Options::augment_args, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[Scene {
            title: "",
            cast: &[
                Actor::client(
                    "sender",
                    &["--count", "24", "--drop", "10%", "--reorder", "10%", "--duplicate", "10%", "--seed", "1", "Hi"],
                ),
                Actor::server("receiver", &[8005], &["--once", "--quiet", "300ms"]),
            ],
            steps: &[Step::Start("receiver"), Step::Start("sender")],
            lesson: "The packets show no trace of what was dropped: only the numbers in them do. Until the end the \
                     receiver cannot know whether a number that is missing is lost or late; and that the last one was \
                     dropped as well it never hears.",
        }],
    },
};
