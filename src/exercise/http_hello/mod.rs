//! `http-hello`: the smallest web server. Whatever is asked, the answer is `Hello world`, and then it closes.

mod serve;

use super::demo::{Actor, Demo, Scene, Stage, Step};
use super::many;
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["http-hello"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "the smallest web server, and five ways to serve many",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/http-hello.pcapng"),
    server: Ok(Server { options: many::options, run: serve::run }),
    client: Ok(Client { options: many::http::ask_options, run: many::http::ask }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[
            Scene {
                title: "one client after another (--model sequential)",
                cast: &[
                    Actor::client("silent", &["--silent", "600ms"]).at([127, 0, 0, 2]),
                    Actor::server("server", &[8005], &["--model", "sequential"]),
                    Actor::client("client", &[]).at([127, 0, 0, 3]),
                ],
                steps: STEPS,
                lesson: "The client's request was acknowledged at once, by the kernel, and answered only after the silent \
                         client had gone: the program was waiting for that one.",
            },
            Scene {
                title: "one thread and a selector (--model selectors)",
                cast: &[
                    Actor::client("silent", &["--silent", "600ms"]).at([127, 0, 0, 2]),
                    Actor::server("server", &[8005], &["--model", "selectors"]),
                    Actor::client("client", &[]).at([127, 0, 0, 3]),
                ],
                steps: STEPS,
                lesson: "Still one thread, and the silent client is there as before; but the program waits for both at once, \
                         and answers whoever says something.",
            },
        ],
    },
};

const STEPS: &[Step] = &[
    Step::Start("server"),
    Step::Start("silent"),
    Step::Until("silent", "Connected"),
    // The kernel hands connections out in their order; the server may take a moment to have taken the first.
    Step::Pause(50),
    Step::Start("client"),
    Step::End("client"),
    Step::End("silent"),
    Step::Pause(50),
    Step::Interrupt("server"),
];
