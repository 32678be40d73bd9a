//! `rendezvous`: the third machine, through which two peers behind NATs find each other.

mod serve;
pub mod word;

use clap::Args;

use super::demo::{Actor, Demo, Lab, Part, Scene, Stage, Step};
use super::{Exercise, Server, Transport};
use crate::engine::rendezvous::server::PORT;

pub static EXERCISE: Exercise = Exercise {
    names: &["rendezvous", "punch"],
    transport: Transport::Udp,
    port: PORT,
    teaches: "two peers behind NATs find each other: hole punching",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/rendezvous.pcapng"),
    server: Ok(Server { options: |command| serve::told(serve::Options::augment_args(command)), run: serve::run }),
    client: Err("the clients of rendezvous are two peers: `netlab nat punch NAME --via HOST` on each"),
    demo: &Demo {
        stage: Stage::Lab(&Lab {
            topology: include_str!("lan.toml"),
            columns: &["peer-a", "nat-a", "server", "nat-b", "peer-b", "nat-c", "peer-c"],
            places: &["home-a", "home-b", "home-c", "internet"],
            filter: "udp",
        }),
        scenes: &[
            Scene {
                title: "two port-restricted NATs: each opens its own for the other",
                cast: &[peer("peer a", ONCE).on("peer-a"), SERVER, peer("peer b", ONCE).on("peer-b")],
                steps: &[
                    Step::Start("server"),
                    Step::Start("peer a"),
                    Step::Pause(300),
                    Step::Start("peer b"),
                    Step::End("peer a"),
                    Step::End("peer b"),
                    Step::Interrupt("server"),
                ],
                lesson: "Each peer learned from the server where the other one comes out. The first punch to arrive was \
                         dropped: its target had not sent anything there yet. But it had opened its own NAT for the \
                         answer, and from then on both ways were open. The server carried none of it.",
            },
            Scene {
                title: "a symmetric NAT: the port that the server saw is not the one for the other peer",
                cast: &[peer("peer a", SHORT).on("peer-a"), SERVER, peer("peer c", SHORT).on("peer-c")],
                steps: &[
                    Step::Start("server"),
                    Step::Start("peer a"),
                    Step::Pause(300),
                    Step::Start("peer c"),
                    Step::End("peer a"),
                    Step::End("peer c"),
                    Step::Interrupt("server"),
                ],
                lesson: "NAT c gave its peer another port for each destination: what peer a sent to the told one found \
                         nobody, and what came from the new one was not let in. Only the server can carry it on now \
                         (`netlab nat predict` tells this beforehand).",
            },
        ],
    },
};

const SERVER: Actor = Actor::server("server", &[], &["--any", "--word", "tea"]).on("server").unheard();

const ONCE: &[&str] = &["nat", "punch", "lesson", "--via", "server", "--word", "tea", "--port", "5000", "--once"];
const SHORT: &[&str] =
    &["nat", "punch", "lesson", "--via", "server", "--word", "tea", "--port", "5000", "--once", "--patience", "300ms"];

const fn peer(name: &'static str, arguments: &'static [&'static str]) -> Actor {
    Actor::client(name, arguments).playing(Part::Command)
}
