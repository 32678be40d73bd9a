//! `heartbeat-nat`: what a NAT has forgotten after a silence, and what keeps it from forgetting.

use super::demo::{Actor, Demo, Lab, Part, Scene, Stage, Step};
use super::{Exercise, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["heartbeat-nat"],
    transport: Transport::Udp,
    port: 9000,
    teaches: "a NAT forgets after a silence; heartbeats against it",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/heartbeat-nat.pcapng"),
    server: Err("the programs are those of nat and heartbeat: `netlab serve nat`, `netlab heartbeat --listen PORT`"),
    client: Err("the programs are those of nat and heartbeat: `netlab client nat`, `netlab heartbeat HOST:PORT`"),
    demo: &Demo {
        stage: Stage::Lab(&Lab {
            topology: include_str!("lan.toml"),
            columns: &["peer", "router", "server"],
            places: &["lan", "internet"],
            filter: "udp or icmp",
        }),
        scenes: &[
            Scene {
                title: "a silence: the answer comes when the NAT has forgotten",
                cast: &[peer(&["--host", "server", "--own-port", "4000", "--linger", "100ms"]), SERVER],
                steps: &[
                    Step::Start("server"),
                    Step::Start("peer"),
                    Step::Say("peer", "Call me back"),
                    Step::Until("peer", "you are"),
                    Step::Pause(1_700),
                    Step::Say("server", "1 Too late"),
                    Step::Pause(300),
                    Step::Say("peer", "Hello?"),
                    Step::Until("server", "[2]"),
                    Step::Hush("peer"),
                    Step::Hush("server"),
                ],
                lesson: "The NAT remembers a binding for a second after the last datagram; real ones for 30 seconds to some \
                         minutes (RFC 4787 §4.3 wants two at least). The server's datagram found no binding any more: it \
                         ended at the router, and nobody was told. What the peer said next made a new binding with another \
                         port, a rebinding: to the server it is somebody else. Programs that know each other by more than \
                         an address find each other again (`netlab heartbeat`).",
            },
            Scene {
                title: "the same with a heartbeat each 400 ms: the binding is kept",
                cast: &[
                    peer(&["--host", "server", "--own-port", "4000", "--beat", "400ms", "--linger", "100ms"]),
                    SERVER,
                ],
                steps: &[
                    Step::Start("server"),
                    Step::Start("peer"),
                    Step::Say("peer", "Call me back"),
                    Step::Until("peer", "you are"),
                    Step::Pause(1_700),
                    Step::Say("server", "1 In time"),
                    Step::Until("peer", "In time"),
                    Step::Hush("peer"),
                    Step::Hush("server"),
                ],
                lesson: "Each heartbeat begins the NAT's second anew, and needs no answer: what goes out is enough to keep \
                         a binding (RFC 4787 §4.3, REQ-6). The port stayed the same.",
            },
        ],
    },
};

const fn peer(arguments: &'static [&'static str]) -> Actor {
    Actor::client("peer", arguments).playing(Part::ClientOf("nat")).on("peer")
}

const SERVER: Actor = Actor::server_of("nat", "server", &[], &["--any", "--once", "--linger", "100ms"]).on("server");
