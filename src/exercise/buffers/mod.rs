//! `buffers`: how fast TCP carries data, against the sizes of sends, receives and of the kernel's buffers.

mod client;
mod codec;
pub mod measure;
mod serve;

use clap::Args;

use super::demo::{Actor, Demo, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["buffers"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "how fast TCP is, against sizes of sends and buffers",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/buffers.pcapng"),
    server: Ok(Server { options: serve::Options::augment_args, run: serve::run }),
    client: Ok(Client { options: client::Options::augment_args, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[
            Scene {
                title: "16 KiB into a receive buffer as the system makes it",
                cast: &[
                    Actor::client("sender", &["--bytes", "16KiB", "--send-size", "4KiB"]),
                    Actor::server("receiver", &[8005], &["--once"]),
                ],
                steps: &[Step::Start("receiver"), Step::Start("sender")],
                lesson: "The window that the receiver offers is larger than all there is to send: nobody waits.",
            },
            Scene {
                title: "16 KiB into a receive buffer of 4 KiB",
                cast: &[
                    Actor::client("sender", &["--bytes", "16KiB", "--send-size", "4KiB"]),
                    Actor::server("receiver", &[8005], &["--once", "--receive-buffer", "4KiB", "--pause", "100ms"]),
                ],
                steps: &[Step::Start("receiver"), Step::Start("sender")],
                lesson: "The window is what is free in the receiver's buffer, and closes while the program is busy \
                         elsewhere. Whatever the sender does, more than a window is never on its way.",
            },
        ],
    },
};
