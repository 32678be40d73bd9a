//! `http-get`: a client of HTTP/1.0, where the end of the answer is the server's close.

mod client;
mod codec;

use super::demo::{Actor, Demo, Scene, Stage, Step};
use super::{Client, Exercise, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["http-get"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "a request of two lines, an answer ended by the close",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/http-get.pcapng"),
    server: Err("http-get is a client; its server is http-hello: netlab serve http-hello"),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[Scene {
            title: "",
            cast: &[Actor::client("http-get", &[]), Actor::server_of("http-hello", "http-hello", &[8005], &["--once"])],
            steps: &[Step::Start("http-hello"), Step::Start("http-get")],
            lesson: "The request ends with an empty line, the answer's head as well. The body has no end of its own \
                     here: it goes on until the server closes, and the client knows its size only then.",
        }],
    },
};
