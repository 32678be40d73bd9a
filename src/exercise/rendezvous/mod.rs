//! `rendezvous`: the third machine, through which two peers behind NATs find each other.

mod serve;
pub mod word;

use clap::Args;

use super::demo::{Demo, Stage};
use super::{Exercise, Server, Transport};
use crate::engine::rendezvous::server::PORT;

pub static EXERCISE: Exercise = Exercise {
    names: &["rendezvous", "punch"],
    transport: Transport::Udp,
    port: PORT,
    teaches: "two peers behind NATs find each other: hole punching",
    brief: include_str!("brief.md"),
    recorded: &[],
    server: Ok(Server { options: |command| serve::told(serve::Options::augment_args(command)), run: serve::run }),
    client: Err("the clients of rendezvous are two peers: `netlab nat punch NAME --via HOST` on each"),
    demo: &Demo { stage: Stage::Loopback, scenes: &[] },
};
