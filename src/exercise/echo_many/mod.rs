//! `echo-many`: gives back what it gets, to many clients at once.

mod client;
mod serve;

use super::many;
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["echo-many"],
    transport: Transport::Tcp,
    port: 50007,
    teaches: "many conversations at once, in five models",
    brief: include_str!("brief.md"),
    recorded: &[],
    server: Ok(Server { options: many::options, run: serve::run }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: crate::plain_demo!(50007, server: &["--once"], client: &["Hello, world"]),
};
