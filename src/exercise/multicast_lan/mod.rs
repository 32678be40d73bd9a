//! `multicast-lan`: which ports of a switch the frames of a group leave by (RFC 4541).

use super::demo::{Actor, Demo, Lab, Part, Scene, Stage, Step};
use super::{Exercise, Transport};

pub static EXERCISE: Exercise = Exercise {
    names: &["multicast-lan"],
    transport: Transport::Udp,
    port: 5007,
    teaches: "who gets a group's frames on a switch that snoops IGMP",
    brief: include_str!("brief.md"),
    recorded: include_bytes!("../../../captures/multicast-lan.pcapng"),
    server: Err("the programs are those of multicast: `netlab serve multicast --group 239.1.2.3 --port 5007`"),
    client: Err("the programs are those of multicast: `netlab client multicast --group 239.1.2.3 --port 5007`"),
    demo: &Demo {
        stage: Stage::Lab(&Lab {
            topology: include_str!("lan.toml"),
            columns: &["h1", "h2", "sw", "h3", "h4"],
            places: &["h1:eth0", "h2:eth0", "sw", "h3:eth0", "h4:eth0"],
            filter: "igmp or udp",
        }),
        scenes: &[
            Scene {
                title: "239.1.2.3: h2 has joined, then h3 too",
                cast: &[
                    receiver("receiver 2", &["--group", "239.1.2.3", "--port", "5007", "--interface", "eth0"]).on("h2"),
                    receiver(
                        "receiver 3",
                        &["--group", "239.1.2.3", "--port", "5007", "--interface", "eth0", "--once"],
                    )
                    .on("h3"),
                    sender("sender", &["--group", "239.1.2.3", "--port", "5007", "--interface", "eth0", "One"]),
                    sender("another", &["--group", "239.1.2.3", "--port", "5007", "--interface", "eth0", "Two"]),
                    sender("the last", &["--group", "239.1.2.3", "--port", "5007", "--interface", "eth0", "Three"]),
                ],
                steps: &[
                    Step::Start("receiver 2"),
                    // Both reports, and the switch's own second of not believing itself.
                    Step::Pause(2_200),
                    Step::Start("sender"),
                    Step::Until("receiver 2", "One"),
                    Step::Start("receiver 3"),
                    Step::Pause(1_200),
                    Step::Start("another"),
                    Step::Until("receiver 2", "Two"),
                    Step::End("receiver 3"),
                    Step::Interrupt("receiver 2"),
                    Step::End("receiver 2"),
                    // The switch asks twice whether anybody is left, a second apart.
                    Step::Pause(2_300),
                    Step::Start("the last"),
                ],
                lesson: "The switch reads the reports that pass it, and from then on sends the group's frames out of the \
                         ports that want them: *One* reached h2, *Two* h2 and h3, *Three* nobody. After a leave it asks \
                         on that port whether anybody is left. h4, which never joined, saw none of the three. The reports \
                         themselves go to 224.0.0.22, which this switch sends to every port.",
            },
            Scene {
                title: "224.0.0.1, the group of all hosts: every port gets it, joined or not",
                cast: &[sender("sender", &["--group", "224.0.0.1", "--port", "5007", "--interface", "eth0"])],
                steps: &[Step::Start("sender")],
                lesson: "Groups of the link (224.0.0.0/24) are not snooped: many hosts never report them (RFC 4541 §2.1.2).",
            },
        ],
    },
};

const fn sender(name: &'static str, arguments: &'static [&'static str]) -> Actor {
    Actor::client(name, arguments).playing(Part::ClientOf("multicast")).on("h1")
}

const fn receiver(name: &'static str, arguments: &'static [&'static str]) -> Actor {
    Actor::server_of("multicast", name, &[], arguments)
}
