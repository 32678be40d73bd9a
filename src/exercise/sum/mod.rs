//! `sum`: bare digits without terminators, one send a number. What two sends in one piece mean, nobody can tell;
//! `--fixed` ends each number with a newline.

mod client;
mod codec;
mod serve;

use clap::Args;

use super::demo::{Actor, Demo, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["sum"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "what goes wrong where no message has an end",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/sum.pcapng"),
    server: Ok(Server { options: serve::Options::augment_args, run: serve::run }),
    client: Ok(Client { options: client::Options::augment_args, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[
            Scene {
                title: "one send, one receive: the sum is right",
                cast: &[
                    Actor::client("client", &["2", "4"]),
                    Actor::server("server", &[8005], &["--once", "--pieces"]),
                ],
                steps: &[Step::Start("server"), Step::Start("client")],
                lesson: "The server takes each receive for a number. It works, because the client leaves 100 ms between \
                         its sends.",
            },
            Scene {
                title: "two sends, one receive: the sum is wrong",
                cast: &[
                    Actor::client("client", &["--rush"]),
                    Actor::server("server", &[8005], &["--once", "--pieces", "--busy", "500ms"]),
                ],
                steps: TOGETHER,
                lesson: "The same two segments, but the server was busy when they came: `2` and `4` lay together in its \
                         kernel, and one receive returned `24`. No byte is wrong; where a number ends was never said.",
            },
            Scene {
                title: "--fixed: a newline ends each number",
                cast: &[
                    Actor::client("client", &["--rush", "--fixed"]),
                    Actor::server("server", &[8005], &["--once", "--pieces", "--busy", "500ms", "--fixed"]),
                ],
                steps: TOGETHER,
                lesson: "They ran together again, and it does no harm: the bytes themselves say where a number ends.",
            },
        ],
    },
};

/// Both numbers are sent while the server is still busy with the first; the rest waits until it has received them.
const TOGETHER: &[Step] = &[
    Step::Start("server"),
    Step::Start("client"),
    Step::Say("client", "2"),
    Step::Say("client", "4"),
    Step::Until("server", "received"),
    Step::Hush("client"),
];
