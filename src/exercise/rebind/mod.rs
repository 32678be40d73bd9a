//! `rebind` and `loop`: a server that makes its listening socket anew for every client, beside one that keeps it.

mod client;
mod serve;

use super::demo::{Actor, Demo, Ends, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["rebind"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "a listening socket made anew for each client: refused",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/rebind.pcapng"),
    server: Ok(Server { options: serve::rebind_options, run: serve::rebind }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[
            Scene {
                title: "the listening socket is made anew for every client",
                cast: &[
                    Actor::client("first", &[]).at([127, 0, 0, 2]),
                    Actor::server("server", &[8005], &["--pause", "600ms"]),
                    Actor::client("between", &[]).at([127, 0, 0, 3]).ending(Ends::Failing),
                    Actor::client("later", &[]).at([127, 0, 0, 4]),
                ],
                steps: &[
                    Step::Start("server"),
                    Step::Start("first"),
                    Step::Until("server", "Connection received"),
                    Step::Start("between"),
                    Step::End("between"),
                    Step::End("first"),
                    Step::Pause(100),
                    Step::Start("later"),
                    Step::End("later"),
                    Step::Interrupt("server"),
                ],
                lesson: "While the server was with the first client nothing listened on its port: the kernel answered the \
                         second one's SYN with RST. It had done nothing wrong but come in between.",
            },
            Scene {
                title: "one listening socket is kept, as loop does",
                cast: &[
                    Actor::client("first", &[]).at([127, 0, 0, 2]),
                    Actor::server("server", &[8005], &["--pause", "600ms", "--keep"]),
                    Actor::client("between", &[]).at([127, 0, 0, 3]),
                ],
                steps: &[
                    Step::Start("server"),
                    Step::Start("first"),
                    Step::Until("server", "Connection received"),
                    Step::Start("between"),
                    Step::End("first"),
                    Step::End("between"),
                    Step::Interrupt("server"),
                ],
                lesson: "The same second client was connected at once, by the kernel, and waited in the backlog until the \
                         server accepted it: a handshake is no work of the program.",
            },
        ],
    },
};

pub static LOOP: Exercise = Exercise {
    names: &["loop"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "one listening socket for all clients: queued, not refused",
    brief: include_str!("loop.md"),
    recorded: include_bytes!("../../../captures/loop.pcapng"),
    server: Ok(Server { options: serve::options, run: serve::keep }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[Scene {
            title: "",
            cast: &[
                Actor::client("first", &[]).at([127, 0, 0, 2]),
                Actor::server("server", &[8005], &["--pause", "600ms"]),
                Actor::client("between", &[]).at([127, 0, 0, 3]),
            ],
            steps: &[
                Step::Start("server"),
                Step::Start("first"),
                Step::Until("server", "Connection received"),
                Step::Start("between"),
                Step::End("first"),
                Step::End("between"),
                Step::Interrupt("server"),
            ],
            lesson: "The second client was connected at once, by the kernel, and waited in the backlog until the server was \
                     done with the first.",
        }],
    },
};
