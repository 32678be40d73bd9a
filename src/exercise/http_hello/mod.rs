//! `http-hello`: the smallest web server. Whatever is asked, the answer is `Hello world`, and then it closes.

mod serve;

use super::many;
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["http-hello"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "the smallest web server, and five ways to serve many",
    brief: include_str!("brief.md"),
    recorded: &[],
    server: Ok(Server { options: many::options, run: serve::run }),
    client: Ok(Client { options: |command| command, run: many::http::ask }),
    demo: crate::plain_demo!(8005, server: &["--once"], client: &[]),
};
