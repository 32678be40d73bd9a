//! Plays the scenes of a demonstration: starts the programs, does what the script says, waits for their ends.

use std::sync::mpsc::Sender;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::Signal;

use super::programs::{Ended, Program, now};
use crate::exercise::Exercise;
use crate::exercise::demo::{Actor, Ends, Part, Scene, Stage, Step};
use crate::frame::Timestamp;

/// How long a program may take to get ready, to say what is waited for, and to end.
const PATIENCE: Duration = Duration::from_secs(20);
/// After a scene: the kernel's last packets pass.
const AFTERMATH: Duration = Duration::from_millis(30);

/// Plays all scenes; what their programs printed, scene by scene, in the order of the cast. `begins` is told when each
/// scene begins; `enter` moves this thread to where an actor plays.
pub fn play(
    exercise: &'static Exercise,
    begins: &Sender<Timestamp>,
    enter: &dyn Fn(&Actor) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Vec<Ended>>> {
    let scenes = exercise.demo.scenes.iter().map(|scene| {
        let _ = begins.send(now());
        let ended = play_scene(exercise, scene, enter);
        std::thread::sleep(AFTERMATH);
        ended
    });
    scenes.collect()
}

fn play_scene(
    exercise: &Exercise,
    scene: &'static Scene,
    enter: &dyn Fn(&Actor) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Ended>> {
    let mut running: Vec<Option<Program>> = scene.cast.iter().map(|_| None).collect();
    let mut ended: Vec<Option<Ended>> = scene.cast.iter().map(|_| None).collect();
    for step in scene.steps {
        let place = |name: &str| {
            scene.cast.iter().position(|actor| actor.name == name).with_context(|| format!("who is {name}?"))
        };
        match *step {
            Step::Start(name) => {
                let place = place(name)?;
                let actor = &scene.cast[place];
                let fed =
                    scene.steps.iter().any(|step| matches!(step, Step::Say(to, _) | Step::Hush(to) if *to == name));
                enter(actor)?;
                let mut program = Program::start(actor.name, command(exercise, actor), fed)?;
                if actor.part.is_waited_for() {
                    let ready = program.wait_until_it_says(LISTENS, PATIENCE);
                    // One that is to fail may have ended before it listened.
                    if actor.ends != Ends::Failing {
                        ready?;
                    }
                }
                running[place] = Some(program);
            }
            Step::Say(name, line) => there(&mut running, place(name)?, name)?.say(line)?,
            Step::Hush(name) => there(&mut running, place(name)?, name)?.hush(),
            Step::Until(name, sign) => there(&mut running, place(name)?, name)?.wait_until_it_says(sign, PATIENCE)?,
            Step::Pause(milliseconds) => std::thread::sleep(Duration::from_millis(milliseconds)),
            Step::Interrupt(name) => there(&mut running, place(name)?, name)?.signal(Signal::SIGINT),
            Step::Kill(name) => there(&mut running, place(name)?, name)?.signal(Signal::SIGKILL),
            Step::End(name) => {
                let place = place(name)?;
                let Some(program) = running[place].take() else { bail!("the {name} does not run") };
                ended[place] = Some(program.finish(PATIENCE)?);
            }
        }
    }
    for (place, program) in running.into_iter().enumerate() {
        if let Some(program) = program {
            // Who has ended, and how, tells why the other one has not.
            let others = || {
                ended
                    .iter()
                    .flatten()
                    .map(|other| format!("the {} ended with {}: {}", other.name, other.status, other.talk()))
            };
            let finished = program.finish(PATIENCE).with_context(|| others().collect::<Vec<_>>().join("\n"));
            ended[place] = Some(finished?);
        }
    }
    Ok(ended.into_iter().flatten().collect())
}

fn there<'a>(running: &'a mut [Option<Program>], place: usize, name: &str) -> anyhow::Result<&'a mut Program> {
    running.get_mut(place).and_then(Option::as_mut).with_context(|| format!("the {name} does not run"))
}

/// What a server says when clients can come.
pub const LISTENS: &str = " listens on ";
/// What it says besides where the network can reach it.
pub const OPEN: &str = "everyone who reaches this machine";

/// `serve NAME --stamp ...` or `client NAME --stamp ...`.
fn command(exercise: &Exercise, actor: &Actor) -> Vec<String> {
    let (word, name, at) = match actor.part {
        Part::Server => ("serve", exercise.name(), "--host"),
        Part::ServerOf(other) => ("serve", other, "--host"),
        Part::Client => ("client", exercise.name(), "--from"),
        Part::ClientOf(other) => ("client", other, "--from"),
        Part::Command => return actor.arguments.iter().map(|&word| word.to_owned()).collect(),
    };
    let mut words: Vec<String> = [word, name, "--stamp"].map(str::to_owned).to_vec();
    if exercise.demo.stage != Stage::Lan && actor.address != crate::exercise::demo::LOCAL {
        words.extend([at.to_owned(), std::net::Ipv4Addr::from(actor.address).to_string()]);
    }
    words.extend(actor.arguments.iter().map(|&word| word.to_owned()));
    words
}
