//! `multicast`: one datagram to a group, and everybody who has joined it hears it.

mod client;
mod codec;
mod serve;

use super::demo::{Actor, Demo, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["multicast"],
    transport: Transport::Udp,
    port: 1001,
    teaches: "one datagram for all who joined, and how routers know them",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/multicast.pcapng"),
    server: Ok(Server { options: serve::options, run: serve::run }),
    client: Ok(Client { options: client::options, run: client::run }),
    demo: &Demo {
        stage: Stage::Lan,
        scenes: &[
            Scene {
                title: "224.0.0.1, the group of all hosts: nothing is said when it is joined",
                cast: &[sender(&["--interface", "lan0"]), receiver(&["--once", "--interface", "lan1"])],
                steps: &[
                    Step::Start("receiver"),
                    Step::Pause(1_200),
                    Step::Start("sender"),
                    Step::End("receiver"),
                    Step::Pause(1_200),
                ],
                lesson: "Every host is always in 224.0.0.1, so nobody has to know of it, and IGMP never reports it \
                         (RFC 3376 §6).",
            },
            Scene {
                title: "239.1.2.3, any other group: IGMP reports the join, and the leaving",
                cast: &[
                    sender(&["--group", "239.1.2.3", "--interface", "lan0"]),
                    receiver(&["--once", "--group", "239.1.2.3", "--interface", "lan1"]),
                ],
                steps: &[
                    Step::Start("receiver"),
                    Step::Pause(1_200),
                    Step::Start("sender"),
                    Step::End("receiver"),
                    Step::Pause(1_200),
                ],
                lesson: "The reports go to 224.0.0.22, where routers and snooping switches listen: from then on they pass \
                         the group on to this host. Each is sent twice, as it may be lost. The receiver's end is reported \
                         as well: the kernel leaves when the socket is closed.",
            },
        ],
    },
};

const fn sender(arguments: &'static [&'static str]) -> Actor {
    Actor::client("sender", arguments).at([10, 0, 5, 1])
}

const fn receiver(arguments: &'static [&'static str]) -> Actor {
    Actor::server("receiver", &[], arguments).at([10, 0, 5, 2])
}
