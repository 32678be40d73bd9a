//! `typed`: a message says what it is: text, integer, float, boolean, JSON.

mod client;
mod codec;
mod serve;

use clap::Args;

use super::length::Limit;
use super::pieces::Pieces;
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["typed"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "a message says what it is: text, number, JSON",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/typed.pcapng"),
    server: Ok(Server { options: Limit::augment_args, run: serve::run }),
    client: Ok(Client { options: Pieces::augment_args, run: client::run }),
    demo: &super::demo::Demo {
        stage: super::demo::Stage::Loopback,
        scenes: &[super::demo::Scene {
            title: "",
            cast: &[
                super::demo::Actor::client(
                    "client",
                    &["text:42", "int:42", "float:0.1", "bool:true", "json:{\"a\": [1, 2]}", "0x78:42", "int:-1"],
                ),
                super::demo::Actor::server("server", &[8005], &["--once"]),
            ],
            steps: &[super::demo::Step::Start("server"), super::demo::Step::Start("client")],
            lesson: "42 as text is two bytes, as an integer eight. The type byte (t, i, f, b, j) tells the server how \
                     to read them; x is none that it knows: it says so and goes on, for the length tells where the \
                     next message begins.",
        }],
    },
};
