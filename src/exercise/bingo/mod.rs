//! `bingo`: a server that speaks when its clock says so, and not when it is asked.

mod client;
mod codec;
mod serve;

use clap::Args as _;

use super::demo::{Actor, Demo, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["bingo"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "a server that waits for clients and for the clock at once",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/bingo.pcapng"),
    server: Ok(Server {
        options: |command| serve::Options::augment_args(super::crowd::options(command)),
        run: serve::run,
    }),
    client: Ok(Client {
        options: |command| {
            // A draw may be half a minute away.
            let command = command.mut_arg("timeout", |timeout| timeout.default_value("2m"));
            client::Options::augment_args(command)
        },
        run: client::run,
    }),
    demo: &DEMO,
};

static DEMO: Demo = Demo {
    stage: Stage::Loopback,
    scenes: &[Scene {
        title: "",
        cast: &[
            Actor::client("Ana", &["--draws", "2"]),
            Actor::client("Ivo", &["--draws", "2"]).at([127, 0, 0, 2]),
            Actor::server("server", &[8005], &["--once", "--interval", "2s", "--seed", "8005"]),
        ],
        steps: &[
            Step::Start("server"),
            Step::Start("Ana"),
            Step::Say("Ana", "19 28 30 40 46"),
            Step::Hush("Ana"),
            Step::Until("server", "has numbers 19 28 30 40 46"),
            Step::Start("Ivo"),
            Step::Say("Ivo", "5 28 30 33 40"),
            Step::Hush("Ivo"),
        ],
        lesson: "Nobody asked for the draws: the server wakes by its clock and sends. Both players wait in a receive, \
                 and no packet passes between a player's numbers and the next draw.",
    }],
};
