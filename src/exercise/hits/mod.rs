//! `hits`: a web server that counts. Every request raises the count, and is answered by it.

mod serve;

use super::many;
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["hits"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "one count for many clients at once, in five models",
    brief: include_str!("brief.md"),
    recorded: &[],
    server: Ok(Server { options: many::options, run: serve::run }),
    client: Ok(Client { options: |command| command, run: many::http::ask }),
    demo: crate::plain_demo!(8005, server: &["--once"], client: &[]),
};
