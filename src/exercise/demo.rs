//! Demonstrations as data: which programs play, in which order, and what their packets show.

/// A demonstration: one scene, or several that are seen one after the other.
#[derive(Debug)]
pub struct Demo {
    pub scenes: &'static [Scene],
    /// Where the programs run.
    pub stage: Stage,
}

/// The network of a demonstration. Always a private one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// All on one host, over loopback: 127.0.0.0/8 and ::1.
    Loopback,
    /// One host at both ends of a cable: interface lan0 with 10.0.5.1, lan1 with 10.0.5.2. The packets are those on the
    /// cable. Actors are told nothing of their addresses; their arguments say where they speak and hear.
    Lan,
    /// As [`Stage::Loopback`], and no file says where a name server is: the resolver asks 127.0.0.1 (resolv.conf(5)).
    Nameless,
    /// A virtual LAN of hosts, switches and routers. Actors are on hosts, which know each other by name.
    Lab(&'static Lab),
}

/// A virtual LAN, and what of it is shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Lab {
    /// As `netlab lab up FILE.toml` takes it.
    pub topology: &'static str,
    /// Hosts and switches with a column, from left to right.
    pub columns: &'static [&'static str],
    /// Where packets are captured: a switch's name, or HOST:INTERFACE.
    pub places: &'static [&'static str],
    /// What of them is (BPF).
    pub filter: &'static str,
}

/// Programs that run together.
#[derive(Debug)]
pub struct Scene {
    /// What it is about, in a line; empty where there is only one scene.
    pub title: &'static str,
    /// The columns, from left to right.
    pub cast: &'static [Actor],
    /// What happens, one after the other. Programs that still run at the end are waited for, in the order of the cast.
    pub steps: &'static [Step],
    /// What was to be seen, in a sentence or two; may be empty.
    pub lesson: &'static str,
}

/// A program of a scene. Its name is what steps and columns call it by.
#[derive(Clone, Copy, Debug)]
pub struct Actor {
    pub name: &'static str,
    pub part: Part,
    /// The address of its column: programs of one scene differ in it, or in their ports.
    pub address: [u8; 4],
    /// The ports that are its own; none: any that the other programs of its address do not have.
    pub ports: &'static [u16],
    /// Behind `netlab serve NAME` or `netlab client NAME`.
    pub arguments: &'static [&'static str],
    /// Its host, in a lab.
    pub host: &'static str,
    /// What it prints is not shown.
    pub unheard: bool,
    pub ends: Ends,
}

/// Which program of the exercise an actor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Server,
    Client,
    /// The server of another exercise.
    ServerOf(&'static str),
    /// The client of another exercise.
    ClientOf(&'static str),
    /// Another command of netlab: the arguments are all of it.
    Command,
}

impl Part {
    /// Whether it says when others can speak to it.
    pub fn is_waited_for(self) -> bool {
        matches!(self, Self::Server | Self::ServerOf(_))
    }
}

/// How an actor has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// With exit code 0.
    Well,
    /// With an exit code other than 0: what went wrong is the lesson.
    Failing,
    /// By a signal of the script, or however it will.
    Anyhow,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// The program starts. A server is waited for until it listens, or has failed where it is to fail.
    Start(&'static str),
    /// A line is typed to it.
    Say(&'static str, &'static str),
    /// Its input ends (Ctrl-D).
    Hush(&'static str),
    /// Waits until it has printed, or said on standard error, a line that contains this text.
    Until(&'static str, &'static str),
    /// Milliseconds in which nothing is done.
    Pause(u64),
    /// Waits for its end.
    End(&'static str),
    /// Ctrl-C.
    Interrupt(&'static str),
    /// kill -9: nothing of the program runs any more, the kernel closes its sockets.
    Kill(&'static str),
}

/// The loopback address.
pub const LOCAL: [u8; 4] = [127, 0, 0, 1];

impl Actor {
    /// The server on the loopback address and this port, for one client.
    pub const fn server(name: &'static str, port: &'static [u16], arguments: &'static [&'static str]) -> Self {
        Self {
            name,
            part: Part::Server,
            address: LOCAL,
            ports: port,
            arguments,
            host: "",
            unheard: false,
            ends: Ends::Well,
        }
    }

    /// The server of another exercise, for one that is only a client.
    pub const fn server_of(
        exercise: &'static str,
        name: &'static str,
        port: &'static [u16],
        arguments: &'static [&'static str],
    ) -> Self {
        Self { part: Part::ServerOf(exercise), ..Self::server(name, port, arguments) }
    }

    /// A client on the loopback address, which has all ports that are not a server's.
    pub const fn client(name: &'static str, arguments: &'static [&'static str]) -> Self {
        Self {
            name,
            part: Part::Client,
            address: LOCAL,
            ports: &[],
            arguments,
            host: "",
            unheard: false,
            ends: Ends::Well,
        }
    }

    /// At another address of this host: clients that are more than one have a column each by it (127.0.0.2, ...).
    pub const fn at(self, address: [u8; 4]) -> Self {
        Self { address, ..self }
    }

    /// On a host of the lab.
    pub const fn on(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    /// Without what it prints.
    pub const fn unheard(self) -> Self {
        Self { unheard: true, ..self }
    }

    /// The same as another part.
    pub const fn playing(self, part: Part) -> Self {
        Self { part, ..self }
    }

    pub const fn ending(self, ends: Ends) -> Self {
        Self { ends, ..self }
    }
}

/// A demonstration of one scene in which the server starts, then the client.
#[macro_export]
macro_rules! plain_demo {
    ($port:expr, server: $server:expr, client: $client:expr) => {
        $crate::plain_demo!($port, server: $server, client: $client, lesson: "")
    };
    ($port:expr, server: $server:expr, client: $client:expr, lesson: $lesson:expr) => {{
        use $crate::exercise::demo::{Actor, Demo, Scene, Stage, Step};
        &Demo {
            stage: Stage::Loopback,
            scenes: &[Scene {
                title: "",
                cast: &[Actor::client("client", $client), Actor::server("server", &[$port], $server)],
                steps: &[Step::Start("server"), Step::Start("client")],
                lesson: $lesson,
            }],
        }
    }};
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercise::ALL;

    fn names(step: &Step) -> Option<&'static str> {
        match step {
            Step::Start(name) | Step::Say(name, _) | Step::Hush(name) | Step::Until(name, _) => Some(name),
            Step::End(name) | Step::Interrupt(name) | Step::Kill(name) => Some(name),
            Step::Pause(_) => None,
        }
    }

    #[test]
    fn every_step_names_an_actor_that_has_been_started() {
        for exercise in ALL {
            for scene in exercise.demo.scenes {
                let mut started = Vec::new();
                for step in scene.steps {
                    let Some(name) = names(step) else { continue };
                    assert!(scene.cast.iter().any(|actor| actor.name == name), "{}: who is {name}?", exercise.name());
                    match step {
                        Step::Start(_) => started.push(name),
                        _ => assert!(started.contains(&name), "{}: {name} is not there yet", exercise.name()),
                    }
                }
                for actor in scene.cast {
                    assert!(started.contains(&actor.name), "{}: {} never plays", exercise.name(), actor.name);
                }
            }
        }
    }

    #[test]
    fn everybody_in_a_lab_is_on_a_host_that_has_a_column() {
        for exercise in ALL {
            let Stage::Lab(lab) = exercise.demo.stage else { continue };
            for column in lab.columns {
                assert!(lab.topology.contains(&format!(".{column}]")), "{}: there is no {column}", exercise.name());
            }
            for actor in exercise.demo.scenes.iter().flat_map(|scene| scene.cast) {
                assert!(lab.columns.contains(&actor.host), "{}: where is {}?", exercise.name(), actor.name);
            }
        }
    }

    #[test]
    fn scenes_of_a_demonstration_that_has_several_are_titled() {
        for exercise in ALL {
            let scenes = exercise.demo.scenes;
            assert!(!scenes.is_empty(), "{} has no demonstration", exercise.name());
            assert!(scenes.len() == 1 || scenes.iter().all(|scene| !scene.title.is_empty()), "{}", exercise.name());
        }
    }
}
