//! `echo-many`: gives back what it gets, to many clients at once.

mod client;
mod serve;

use super::demo::{Actor, Demo, Scene, Stage, Step};
use super::many;
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["echo-many"],
    transport: Transport::Tcp,
    port: 50007,
    teaches: "many conversations at once, in five models",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/echo-many.pcapng"),
    server: Ok(Server { options: many::options, run: serve::run }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[Scene {
            title: "",
            cast: &[
                Actor::client("anna", &[]).at([127, 0, 0, 2]),
                Actor::client("ben", &[]).at([127, 0, 0, 3]),
                Actor::server("server", &[50007], &[]),
                Actor::client("carla", &[]).at([127, 0, 0, 4]),
            ],
            steps: &[
                Step::Start("server"),
                Step::Start("anna"),
                Step::Until("server", "'127.0.0.2'"),
                Step::Start("ben"),
                Step::Until("server", "'127.0.0.3'"),
                Step::Start("carla"),
                Step::Until("server", "'127.0.0.4'"),
                Step::Say("carla", "last come"),
                Step::Until("carla", "b'last come'"),
                Step::Say("anna", "first served"),
                Step::Until("anna", "b'first served'"),
                Step::Say("ben", "and me?"),
                Step::Until("ben", "b'and me?'"),
                Step::Say("anna", "bye"),
                Step::Until("anna", "b'bye'"),
                Step::Hush("anna"),
                Step::End("anna"),
                Step::Hush("ben"),
                Step::End("ben"),
                Step::Hush("carla"),
                Step::End("carla"),
                Step::Interrupt("server"),
            ],
            lesson: "Three conversations at once, in any order: whoever spoke was answered, and nobody waited for those who \
                     said nothing. One thread did it all.",
        }],
    },
};
