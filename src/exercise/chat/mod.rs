//! `chat`: a room. Everyone hears everyone, and who does not listen holds up nobody.

mod client;
mod codec;
mod serve;

use clap::Args as _;

use super::demo::{Actor, Demo, Ends, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["chat"],
    transport: Transport::Tcp,
    port: 8005,
    teaches: "many clients at once, and one that does not read",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/chat.pcapng"),
    server: Ok(Server {
        options: |command| serve::Options::augment_args(super::crowd::options(command)),
        run: serve::run,
    }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: &DEMO,
};

static DEMO: Demo = Demo {
    stage: Stage::Loopback,
    scenes: &[
        Scene {
            title: "three in a room",
            cast: &[
                Actor::client("Sally", &[]),
                Actor::client("Peter", &[]).at([127, 0, 0, 2]),
                Actor::client("Zoë", &[]).at([127, 0, 0, 3]),
                Actor::server("server", &[8005], &["--once"]),
            ],
            steps: &[
                Step::Start("server"),
                Step::Start("Sally"),
                Step::Say("Sally", "Sally"),
                Step::Until("server", "User Sally has entered room"),
                Step::Start("Peter"),
                Step::Say("Peter", "Peter"),
                Step::Until("Sally", "User Peter has entered room"),
                Step::Start("Zoë"),
                Step::Say("Zoë", "Zoë"),
                Step::Until("Peter", "User Zoë has entered room"),
                Step::Say("Sally", "Hello Peter, what's up?"),
                Step::Until("Zoë", "Sally: Hello Peter, what's up?"),
                Step::Until("Peter", "Sally: Hello Peter, what's up?"),
                Step::Say("Peter", "Hmmm...what?"),
                Step::Until("Zoë", "Peter: Hmmm...what?"),
                Step::Until("Sally", "Peter: Hmmm...what?"),
                Step::Hush("Peter"),
                Step::Until("Zoë", "User Peter has left room"),
                Step::Until("Sally", "User Peter has left room"),
                Step::Hush("Zoë"),
                Step::Until("Sally", "User Zoë has left room"),
                Step::Hush("Sally"),
            ],
            lesson: "One send of Sally became three of the server: TCP speaks with one, so to tell everyone is to send \
                     to each. It came back to her too; her own screen shows what the server made of it.",
        },
        Scene {
            title: "a name that is taken",
            cast: &[
                Actor::client("Sally", &[]),
                Actor::client("other", &["Sally"]).at([127, 0, 0, 2]).ending(Ends::Failing),
                Actor::server("server", &[8005], &["--once"]),
            ],
            steps: &[
                Step::Start("server"),
                Step::Start("Sally"),
                Step::Say("Sally", "Sally"),
                Step::Until("server", "User Sally has entered room"),
                Step::Start("other"),
                Step::End("other"),
                Step::Hush("Sally"),
            ],
            lesson: "The reason is a line like any other, for one client alone. A person would be asked again.",
        },
    ],
};
