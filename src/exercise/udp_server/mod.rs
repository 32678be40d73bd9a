//! `udp-server` and `udp-client`: one datagram, received into a buffer that may be too small for it.

mod client;
mod codec;
mod serve;

use super::demo::{Actor, Demo, Ends, Scene, Stage, Step};
use super::{Client, Exercise, Server, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["udp-server", "udp-client"],
    transport: Transport::Udp,
    port: 8005,
    teaches: "one datagram: no handshake, and what does not fit is lost",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/udp-server.pcapng"),
    server: Ok(Server { options: |command| command, run: serve::run }),
    client: Ok(Client { options: |command| command, run: client::run }),
    demo: &Demo {
        stage: Stage::Loopback,
        scenes: &[
            Scene {
                title: "a datagram that fits the buffer of 16 bytes",
                cast: &[Actor::client("client", &[]), Actor::server("server", &[8005], &["--once"])],
                steps: &[Step::Start("server"), Step::Start("client")],
                lesson: "",
            },
            Scene {
                title: "a datagram of 40 bytes",
                cast: &[
                    Actor::client("client", &["0123456789abcdefghijklmnopqrstuvwxyz...."]),
                    Actor::server("server", &[8005], &["--once"]),
                ],
                steps: &[Step::Start("server"), Step::Start("client")],
                lesson: "All 40 bytes were on the wire. The receive took 16 of them, and the kernel threw the rest away: \
                         with UDP a receive takes a datagram, not a number of bytes.",
            },
            Scene {
                title: "nobody has the port",
                cast: &[Actor::client("client", &[]).ending(Ends::Failing)],
                steps: &[Step::Start("client")],
                lesson: "Sending succeeded. That nobody was there came back as an ICMP message, which a program hears of \
                         only if it waits, and if its socket is connected.",
            },
        ],
    },
};
