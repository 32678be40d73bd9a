//! `names`: what a socket program asks of the resolver and of the service table before the first packet.

mod client;
mod codec;
mod services;

use super::demo::{Actor, Demo, Ends, Scene, Stage, Step};
use super::{Client, Exercise, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["names"],
    transport: Transport::Udp,
    port: 53,
    teaches: "names, addresses, protocols, services: what comes first",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/names.pcapng"),
    server: Err("names has no server: it asks the resolver of this machine; `netlab client names HOST SERVICE`"),
    client: Ok(Client { options: client::options, run: client::run }),
    demo: &Demo {
        stage: Stage::Nameless,
        scenes: &[
            Scene {
                title: "localhost stands in /etc/hosts, http in /etc/services: nobody is asked",
                cast: &[Actor::client("program", &["localhost", "http"])],
                steps: &[Step::Start("program")],
                lesson: "The answers come from files.",
            },
            Scene {
                title: "a name that stands in no file: the name server is asked",
                cast: &[Actor::client("program", &["www.example.net", "http"]).ending(Ends::Failing)],
                steps: &[Step::Start("program")],
                lesson: "Questions to UDP port 53, for the IPv4 address and for the IPv6 address, asked before the program \
                         can send anything of its own. There is no name server in this private network, so the answer \
                         is *port unreachable*; the resolver asks a second time, and gives up.",
            },
        ],
    },
};
