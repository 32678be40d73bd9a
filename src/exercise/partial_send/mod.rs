//! `partial-send`: what a send really takes while the other side does not receive.

mod client;
mod serve;

use clap::Args;

use super::demo::{Actor, Demo, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["partial-send"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "what a send takes when nobody receives: closed window",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/partial-send.pcapng"),
    server: Ok(Server { options: serve::Options::augment_args, run: serve::run }),
    client: Ok(Client { options: client::Options::augment_args, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[Scene {
            title: "",
            cast: &[Actor::client("client", &[]), Actor::server("server", &[8005], &["--once"])],
            steps: &[Step::Start("server"), Step::Start("client")],
            lesson: "A send takes what there is room for and says how much; the rest is the program's to send again. \
                     Behind it the receiver's buffer fills, its window closes, and the sender asks now and then \
                     whether it has opened. send-all hides all that, and takes as long as the receiver needs.",
        }],
    },
};
