//! `address-in-use`: why a server that was ended cannot be started again at once, and what SO_REUSEADDR changes.

mod client;
mod serve;

use clap::Args;

use super::demo::{Actor, Demo, Ends, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["address-in-use"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "started again: TIME-WAIT and SO_REUSEADDR",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/address-in-use.pcapng"),
    server: Ok(Server { options: serve::Options::augment_args, run: serve::run }),
    client: Ok(Client { options: client::Options::augment_args, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[
            Scene {
                title: "Started twice",
                cast: &[
                    Actor::client("client", &[]),
                    Actor::server("server", &[8005], &["--once"]),
                    Actor::server("second", &[8005], &["--reuse-address"]).ending(Ends::Failing),
                ],
                steps: &[Step::Start("server"), Step::Start("second"), Step::End("second"), Step::Start("client")],
                lesson: "Two programs cannot listen on one address and port, SO_REUSEADDR or not. Then the server \
                         closes its connection first, which leaves its side in TIME-WAIT, and ends.",
            },
            Scene {
                title: "Started again, without SO_REUSEADDR",
                cast: &[
                    Actor::client("client", &[]).at([127, 0, 0, 2]).ending(Ends::Failing),
                    Actor::server("again", &[8005], &["--once"]).ending(Ends::Failing),
                ],
                steps: &[Step::Start("again"), Step::End("again"), Step::Start("client")],
                lesson: "Nobody listens any more, a client is refused; and still the port is taken: the connection in \
                         TIME-WAIT keeps it for a minute.",
            },
            Scene {
                title: "SO_REUSEADDR from the beginning",
                cast: &[
                    Actor::client("client", &["--port", "8006"]),
                    Actor::server("server", &[8006], &["--port", "8006", "--once", "--reuse-address"]),
                    Actor::server("again", &[8006], &["--port", "8006", "--reuse-address"]),
                ],
                steps: &[
                    Step::Start("server"),
                    Step::Start("client"),
                    Step::End("client"),
                    Step::End("server"),
                    Step::Start("again"),
                    Step::Interrupt("again"),
                ],
                lesson: "The same close, the same TIME-WAIT, and the server starts again at once: sockets that both \
                         have SO_REUSEADDR share a port on which none listens. So every server sets it, before bind.",
            },
            Scene {
                title: "The client closes first",
                cast: &[
                    Actor::client("client", &["--port", "8007", "--close-first"]),
                    Actor::server("server", &[8007], &["--port", "8007", "--once", "--wait-for-close"]),
                    Actor::server("again", &[8007], &["--port", "8007"]),
                ],
                steps: &[
                    Step::Start("server"),
                    Step::Start("client"),
                    Step::End("client"),
                    Step::End("server"),
                    Step::Start("again"),
                    Step::Interrupt("again"),
                ],
                lesson: "TIME-WAIT is with the side that closes first: now it is the client's, whose port nobody \
                         wants again. The server starts again at once, without the option.",
            },
        ],
    },
};
