//! `length`: four bytes say how long the message is that follows them.

mod client;
pub mod codec;
mod serve;

use clap::Args;

use super::demo::{Actor, Demo, Ends, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub use serve::{Limit, each_message};

pub static EXERCISE: Exercise = Exercise {
    names: &["length"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "a message begins with its length; lies about it",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/length.pcapng"),
    server: Ok(Server { options: Limit::augment_args, run: serve::run }),
    client: Ok(Client { options: client::Options::augment_args, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[
            Scene {
                title: "Pieces are not messages",
                cast: &[
                    Actor::client("client", &["--pieces", "6", "--pause", "40ms", "Hello", "100% #1"]),
                    Actor::server("server", &[8005], &["--once"]),
                ],
                steps: &[Step::Start("server"), Step::Start("client")],
                lesson: "Four bytes of length, then so many bytes of message: any byte may be in it. Cut into sixes, \
                         the length of the second message begins in one segment and ends in the next.",
            },
            Scene {
                title: "A length that is a lie",
                cast: &[
                    Actor::client("client", &["--announce", "4294967295"]),
                    Actor::server("server", &[8005], &["--once"]).ending(Ends::Failing),
                ],
                steps: &[
                    Step::Start("server"),
                    Step::Start("client"),
                    Step::Say("client", "Hi"),
                    Step::Until("server", "announced"),
                    Step::Hush("client"),
                ],
                lesson: "ff ff ff ff announces 4 GiB. A server that believes it and asks for that much memory is \
                         stopped by two bytes of message; this one has a limit, says so and closes.",
            },
        ],
    },
};
