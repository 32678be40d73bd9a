//! `listen` and `connect`: a connection, and nothing said over it; and what answers where nobody listens.

mod client;
mod serve;

use super::demo::{Actor, Demo, Ends, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["listen", "connect"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "what a connection is before a byte is said; refusal",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/listen.pcapng"),
    server: Ok(Server { options: |command| command, run: serve::run }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[
            Scene {
                title: "Nobody listens",
                cast: &[Actor::client("connect", &[]).at([127, 0, 0, 2]).ending(Ends::Failing)],
                steps: &[Step::Start("connect")],
                lesson: "The SYN is answered by RST, ACK: no program is asked, the kernel refuses. `connect` fails at \
                         once; had a firewall dropped the SYN, it would wait and try again.",
            },
            Scene {
                title: "Somebody listens",
                cast: &[Actor::client("connect", &[]).at([127, 0, 0, 2]), Actor::server("listen", &[8005], &[])],
                steps: &[Step::Start("listen"), Step::Start("connect")],
                lesson: "Three packets open the connection, and each side closes its own direction with FIN. None of \
                         them carries a byte of either program.",
            },
        ],
    },
};
