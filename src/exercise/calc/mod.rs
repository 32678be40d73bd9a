//! `calc`: two numbers, one a line, answered by their sum; exact, whatever their size.

mod client;
mod codec;
mod serve;

use super::demo::{Actor, Demo, Ends, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["calc"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "numbers as text: two questions, one answer, errors too",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/calc.pcapng"),
    server: Ok(Server { options: |command| command, run: serve::run }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[
            Scene {
                title: "two numbers",
                cast: &[Actor::client("client", &["125", "351"]), Actor::server("server", &[8005], &["--once"])],
                steps: &[Step::Start("server"), Step::Start("client")],
                lesson: "Two lines, one answer: that the second line belongs to the first is known to the programs only.",
            },
            Scene {
                title: "decimals, and what is no number",
                cast: &[
                    Actor::client("client", &["0.1", "0.2", "abc", "4"]).ending(Ends::Failing),
                    Actor::server("server", &[8005], &["--once"]),
                ],
                steps: &[Step::Start("server"), Step::Start("client")],
                lesson: "0.1 and 0.2 make 0.3 where nobody counts in binary fractions. An error is an answer like any \
                         other: the server hears both numbers first, so that both sides know where they are.",
            },
        ],
    },
};
