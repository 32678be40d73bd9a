//! `hits`: a web server that counts. Every request raises the count, and is answered by it.

mod serve;

use super::demo::{Actor, Demo, Ends, Scene, Stage, Step};
use super::many;
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["hits"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "one count for many clients at once, in five models",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/hits.pcapng"),
    server: Ok(Server { options: many::options, run: serve::run }),
    client: Ok(Client { options: many::http::ask_options, run: many::http::ask }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[Scene {
            title: "",
            cast: &[
                Actor::client("one", &[]).at([127, 0, 0, 2]),
                Actor::client("silent", &["--silent", "5s"]).at([127, 0, 0, 3]).ending(Ends::Anyhow),
                Actor::server("server", &[8005], &[]),
                Actor::client("another", &[]).at([127, 0, 0, 4]),
            ],
            steps: &[
                Step::Start("server"),
                Step::Start("one"),
                Step::End("one"),
                Step::Start("silent"),
                Step::Until("silent", "Connected"),
                Step::Pause(50),
                Step::Start("another"),
                Step::End("another"),
                Step::Pause(50),
                Step::Interrupt("server"),
            ],
            lesson: "Three connections and a count of two: a number is given for a request, and the silent client asked \
                     nothing. It was there all the time and held up nobody; the end of the server was its end.",
        }],
    },
};
