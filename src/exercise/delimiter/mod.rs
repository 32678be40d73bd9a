//! `delimiter`: a message ends at `#`, and what follows it belongs to the next one.

mod client;
mod codec;
mod serve;

use clap::Args;

use super::demo::{Actor, Demo, Scene, Stage, Step};
use super::pieces::Pieces;
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["delimiter"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "a message ends at a sign: #",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/delimiter.pcapng"),
    server: Ok(Server {
        options: |command| {
            command.mut_arg("max_line", |option| option.help("The longest message that a client may send, without #"))
        },
        run: serve::run,
    }),
    client: Ok(Client { options: Pieces::augment_args, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[
            Scene {
                title: "A send is a message",
                cast: &[
                    Actor::client("client", &["Hello", "How are you?"]),
                    Actor::server("server", &[8005], &["--once"]),
                ],
                steps: &[Step::Start("server"), Step::Start("client")],
                lesson: "Each message in a segment of its own: by luck, a program without the # would work, too.",
            },
            Scene {
                title: "A send is any five bytes",
                cast: &[
                    Actor::client("client", &["--pieces", "5", "--pause", "40ms", "Hello", "How are you?"]),
                    Actor::server("server", &[8005], &["--once"]),
                ],
                steps: &[Step::Start("server"), Step::Start("client")],
                lesson: "The same bytes, cut elsewhere: a piece is not a message, the # and the next message share \
                         one. The server prints the same two messages, because it looks for # and for nothing else.",
            },
        ],
    },
};
