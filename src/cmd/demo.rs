//! `netlab demo NAME`: both programs of an exercise in a private network, and the wire between them. Without root.

mod director;
mod programs;
mod setting;
mod show;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use anyhow::{Context, anyhow, bail};

use super::output::{Color, Language};
use super::{Exit, exercises, inside};
use crate::exercise::demo::{Actor, Ends, Stage};
use crate::exercise::{self, Exercise};
use crate::flow::{FlowTable, Known};
use crate::frame::{Counts, Error, Interface, Source, Timestamp};
use crate::io::bpf::Selection;
use crate::io::netns::{self, Leash, Side, lan};
use crate::io::{file, pcap, privilege};
use crate::pipeline::{self, Next, Sink, Summary};
use crate::view::style::Palette;
use crate::wire::Packet;
use programs::Ended;
use setting::Setting;
use show::{Look, Shown};

/// A demonstration is a few packets; the ring need not be a capture's.
const RING: u32 = 4 << 20;
const WIDEST: usize = 100;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The programs and the network are real, and nothing of them reaches the machine's own network or outlives the command. \
Times are milliseconds since the first row; numbers are relative, as Wireshark shows them. What a program says on \
standard error stands in parentheses; what is typed to it stands behind a keyboard.

  netlab demo sync
  netlab demo sync --story              the same, told in sentences
  netlab demo sync -w sync.pcapng       then: netlab read -v sync.pcapng, or Wireshark
  netlab demo nat                       on hosts and a router of their own: what a NAT rewrites, on each arrow
  netlab demo --all                     every exercise, one after the other")]
pub struct Args {
    /// The exercise; `netlab exercises` lists them
    #[arg(value_name = "NAME", value_parser = exercises::names(), required_unless_present = "all")]
    name: Option<String>,
    /// Every exercise's demonstration; fails if one fails
    #[arg(long, conflicts_with_all = ["name", "write"])]
    all: bool,
    /// Keep the packets in a file as well (.pcap or .pcapng)
    #[arg(short, long, value_name = "FILE")]
    write: Option<PathBuf>,
    #[command(flatten)]
    form: Forms,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
    #[command(flatten)]
    language: Language,
}

/// How packets and prints are shown.
#[derive(Clone, Copy, Debug, clap::Args)]
#[group(multiple = false)]
struct Forms {
    /// Show a chart with a column for each program (what is done without this, too)
    #[arg(long)]
    ladder: bool,
    /// Show a line for each packet, and what was printed between them
    #[arg(long)]
    lines: bool,
    /// Tell each TCP conversation in sentences
    #[arg(long)]
    story: bool,
}

/// The same, as one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Ladder,
    Lines,
    Story,
}

impl Forms {
    fn chosen(self) -> Form {
        match (self.lines, self.story) {
            (true, _) => Form::Lines,
            (_, true) => Form::Story,
            _ => Form::Ladder,
        }
    }

    fn option(self) -> &'static str {
        match self.chosen() {
            Form::Ladder => "--ladder",
            Form::Lines => "--lines",
            Form::Story => "--story",
        }
    }
}

impl Args {
    /// What is said again to a netlab that does the work.
    fn words(&self) -> Vec<OsString> {
        let color = if self.color.on_stdout() { "always" } else { "never" };
        ["--color", color, "--lang", self.language.words().code, self.form.option()].map(OsString::from).to_vec()
    }

    fn exercise(&self) -> anyhow::Result<&'static Exercise> {
        exercises::known(self.name.as_deref().unwrap_or_default())
    }

    fn look(&self) -> Look {
        Look {
            form: self.form.chosen(),
            width: super::args::width().min(WIDEST),
            palette: Palette::new(self.color.on_stdout()),
            words: self.language.words(),
        }
    }
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    if args.all {
        return run_all(&args);
    }
    let mut again: Vec<OsString> = vec!["demo".into(), args.exercise()?.name().into()];
    again.extend(args.words());
    if let Some(file) = args.write {
        again.extend(["--write".into(), file.into_os_string()]);
    }
    inside::become_inside(again)
}

/// One after the other, each in a process and a network of its own.
fn run_all(args: &Args) -> anyhow::Result<Exit> {
    let mut failed = Vec::new();
    for exercise in exercise::ALL {
        let name = exercise.name();
        println!("{}{name}: {}", if exercise.name() == exercise::ALL[0].name() { "" } else { "\n" }, exercise.teaches);
        std::io::stdout().flush()?;
        let mut command = Command::new("/proc/self/exe");
        command.arg("demo").arg(name).args(args.words()).stdin(Stdio::null());
        let status = command.status().with_context(|| format!("cannot start the demonstration of {name}"))?;
        match status.code() {
            Some(0) => {}
            Some(130) => return Ok(Exit::Interrupted),
            _ => failed.push(name),
        }
    }
    if failed.is_empty() {
        return Ok(Exit::Done);
    }
    eprintln!("netlab: these failed: {}", failed.join(", "));
    Ok(Exit::No)
}

/// In the process that [`run`] became, which has a single thread.
pub fn run_inside(args: Args) -> anyhow::Result<Exit> {
    let exercise = args.exercise()?;
    let obstacle = match netns::enter() {
        Ok(Side::Outside(code)) => return Ok(Exit::of_code(code)),
        Ok(Side::Inside(leash)) => {
            if let Some(setting) = Setting::of(exercise)? {
                return show_lab(exercise, &args, &leash, &setting);
            }
            let set = match exercise.demo.stage {
                Stage::Loopback | Stage::Lab(_) => Ok(()),
                Stage::Lan => lan::lay(),
                Stage::Nameless => netns::without_name_server(),
            };
            if let Err(error) = set {
                return show_recorded(exercise, &args, &error.to_string());
            }
            // One end of the cable sees all that is on it.
            let cable = exercise.demo.stage == Stage::Lan;
            let interfaces = if cable { vec![lan::ENDS[0].0.to_owned()] } else { Vec::new() };
            return match open(interfaces, Selection::default()) {
                Ok(opened) => show(exercise, &args, Some(&leash), opened),
                Err(error) => show_recorded(exercise, &args, &error.to_string()),
            };
        }
        Err(error @ netns::Error::Refused(refusal)) => format!("{error}; to allow it:\n    {}", refusal.remedy()),
        Err(error) => error.to_string(),
    };
    if exercise.demo.stage != Stage::Loopback {
        return show_recorded(exercise, &args, &obstacle);
    }
    // Whoever may capture can see the same on the machine's own loopback, if the ports are free.
    let cast = exercise.demo.scenes.iter().flat_map(|scene| scene.cast);
    let mut ports: Vec<u16> = cast.flat_map(|actor| actor.ports).copied().collect();
    ports.sort_unstable();
    ports.dedup();
    let selection = Selection { ports, ..Selection::default() };
    match open(vec!["lo".to_owned()], selection) {
        Ok(opened) => {
            eprintln!("netlab: {obstacle}");
            eprintln!("netlab: so the programs talk over this machine's own loopback");
            show(exercise, &args, None, opened)
        }
        Err(_) => show_recorded(exercise, &args, &obstacle),
    }
}

/// The same on several hosts. The process keeps its rights over their networks, for programs are started there one after
/// the other; these run as the user who called sudo.
fn show_lab(exercise: &'static Exercise, args: &Args, leash: &Leash, setting: &Setting) -> anyhow::Result<Exit> {
    let ready = setting.build().and_then(|stage| Ok((setting.open(&stage, RING)?, stage)));
    let (opened, mut stage) = match ready {
        Ok(ready) => ready,
        Err(error) => return show_recorded(exercise, args, &format!("{error:#}")),
    };
    leash.fasten()?;
    stage.start()?;
    play(exercise, args, opened, move |actor| Ok(stage.enter(actor.host)?))
}

/// From here on the kernel captures: on these interfaces, or on all.
fn open(interfaces: Vec<String>, selection: Selection) -> Result<pcap::Opened, Error> {
    pcap::open(&pcap::Options { interfaces, selection, buffer: RING, ..pcap::Options::default() })
}

fn show(exercise: &'static Exercise, args: &Args, leash: Option<&Leash>, opened: pcap::Opened) -> anyhow::Result<Exit> {
    // Threads come after this: files are created, and the programs run, as the user who called sudo.
    privilege::give_up().context("cannot give up privileges")?;
    if let Some(leash) = leash {
        leash.fasten()?;
    }
    play(exercise, args, opened, |_| Ok(()))
}

/// Runs the programs and shows them; `enter` moves the thread that starts them to where each of them plays.
fn play(
    exercise: &'static Exercise,
    args: &Args,
    opened: pcap::Opened,
    enter: impl Fn(&Actor) -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<Exit> {
    let (begins, scenes_begin) = channel();
    let mut told = Told {
        scenes: scenes(exercise, args.look())?,
        begins: scenes_begin,
        begun: Vec::new(),
        file: None,
        interfaces: opened.interfaces().cloned().collect(),
    };
    if let Some(path) = &args.write {
        told.file = Some(Ok(file::Writer::create(path, privilege::heir())?));
    }
    let mut live = opened.start(pcap::Stop::new()?, None)?;
    let stop = live.stop_handle()?;
    let director = std::thread::spawn(move || {
        let result = director::play(exercise, &begins, &enter);
        stop.stop();
        result
    });
    let summary = run_through(exercise, &mut live, &mut told)?;
    let ended = director.join().map_err(|_| anyhow!("the programs could not be run"))??;
    if let Some(failure) = summary.failure {
        return Err(failure.into());
    }
    if told.scenes.iter().all(|scene| scene.packets() == 0) {
        bail!("the programs ran, but no packet of theirs was captured");
    }
    tell(told.scenes, &ended, &summary.counts)?;
    if let (Some(file), Some(path)) = (told.file, &args.write) {
        file?.finish(&[summary.counts])?;
        eprintln!("netlab: the packets are in {0}; `netlab read {0}` shows them", path.display());
    }

    let mut exit = Exit::Done;
    let cast = exercise.demo.scenes.iter().flat_map(|scene| scene.cast);
    for (actor, program) in cast.zip(ended.iter().flatten()).filter(|(actor, program)| !as_it_should(actor, program)) {
        exit = Exit::No;
        eprintln!("netlab: the {} ended with {}: {}", actor.name, program.status, program.talk());
    }
    Ok(exit)
}

fn as_it_should(actor: &Actor, program: &Ended) -> bool {
    match actor.ends {
        Ends::Well => program.status.success(),
        Ends::Failing => program.status.code().is_some_and(|code| code != 0),
        Ends::Anyhow => true,
    }
}

fn scenes(exercise: &'static Exercise, look: Look) -> anyhow::Result<Vec<Shown>> {
    let setting = Setting::of(exercise)?;
    Ok(exercise.demo.scenes.iter().map(|scene| Shown::new(scene, setting.clone(), look)).collect())
}

/// Packets of a lab pass several places: each has its own table of conversations.
fn run_through(exercise: &Exercise, source: &mut dyn Source, sink: &mut dyn Sink) -> std::io::Result<Summary> {
    match exercise.demo.stage {
        Stage::Lab(_) => pipeline::run_apart(source, sink),
        _ => pipeline::run(source, &mut FlowTable::new(), sink),
    }
}

/// What is shown of each scene, and the file that keeps the packets.
struct Told {
    scenes: Vec<Shown>,
    begins: Receiver<Timestamp>,
    /// When the scenes that have begun did so.
    begun: Vec<Timestamp>,
    file: Option<Result<file::Writer, Error>>,
    interfaces: Vec<Interface>,
}

impl Sink for Told {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        if let Some(Ok(file)) = &mut self.file
            && let Err(error) = file.write(&packet.frame, &self.interfaces)
        {
            // The story goes on to its end, and then says so.
            self.file = Some(Err(error));
        }
        // Told before any program of the scene is started, so before its packets are.
        self.begun.extend(self.begins.try_iter());
        let time = packet.frame.time.unwrap_or_default();
        let scene = self.begun.iter().filter(|begun| **begun <= time).count().saturating_sub(1);
        self.scenes.get_mut(scene).map_or(Ok(Next::GoOn), |scene| scene.packet(packet, known))
    }
}

fn tell(scenes: Vec<Shown>, ended: &[Vec<Ended>], counts: &Counts) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for (place, scene) in scenes.into_iter().enumerate() {
        if place > 0 {
            writeln!(out)?;
        }
        scene.write(&mut out, ended.get(place).map(Vec::as_slice).unwrap_or_default())?;
    }
    if let (Some(received), Some(dropped)) = (counts.received, counts.dropped_kernel) {
        writeln!(out, "capture: {received} received, {dropped} dropped by the kernel")?;
    }
    Ok(())
}

/// Says what is in the way of a private network, and tells the recorded packets instead.
fn show_recorded(exercise: &'static Exercise, args: &Args, obstacle: &str) -> anyhow::Result<Exit> {
    eprintln!("netlab: {obstacle}");
    let (bytes, target) = (exercise.recorded, format!("captures/{}.pcapng", exercise.name()));
    eprintln!("netlab: these are the packets of a recorded exchange instead ({target}):");
    let mut recorded = file::Capture::new(Box::new(bytes), target, Some(bytes.len() as u64), false)?;
    // Where one scene ends and the next begins is not in the file: all of it is one chart.
    let mut scenes = scenes(exercise, args.look())?;
    scenes.truncate(1);
    let Some(scene) = scenes.first_mut() else { bail!("there is nothing to show of {}", exercise.name()) };
    let summary = run_through(exercise, &mut recorded, scene)?;
    tell(scenes, &[], &Counts::default())?;
    if let Some(failure) = summary.failure {
        return Err(failure.into());
    }
    if let Some(path) = &args.write {
        bail!("nothing was captured, so {} is not written", path.display());
    }
    Ok(Exit::Done)
}
