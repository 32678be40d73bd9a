//! `netlab demo NAME`: both programs of an exercise in a private network, and the wire between them. Without root.

mod programs;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};

use super::output::{Color, Language};
use super::{Exit, exercises, inside};
use crate::exercise::Exercise;
use crate::flow::{FlowTable, Known};
use crate::frame::{Counts, Error, Interface};
use crate::io::bpf::Selection;
use crate::io::netns::{self, Leash, Side};
use crate::io::{file, pcap, privilege};
use crate::pipeline::{self, Next, Sink};
use crate::view::ladder::{self, Ladder, Look};
use crate::view::style::Palette;
use crate::wire::Packet;
use programs::{Ended, Program};

/// How long a program may take to get ready, and to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// A demonstration is a few packets; the ring need not be a capture's.
const RING: u32 = 4 << 20;
const WIDEST: usize = 100;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The programs and the network are real, and nothing of them reaches the machine's own network or outlives the command. \
Times are milliseconds since the first row; numbers are relative, as Wireshark shows them.

  netlab demo sync
  netlab demo sync -w sync.pcapng       then: netlab read -v sync.pcapng, or Wireshark")]
pub struct Args {
    /// The exercise; `netlab exercises` lists them
    #[arg(value_name = "NAME", value_parser = exercises::names())]
    name: String,
    /// Keep the packets in a file as well (.pcap or .pcapng)
    #[arg(short, long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
    #[command(flatten)]
    language: Language,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let color = if args.color.on_stdout() { "always" } else { "never" };
    let mut again: Vec<OsString> = vec!["demo".into(), args.name.into(), "--color".into(), color.into()];
    again.extend(["--lang".into(), args.language.words().code.into()]);
    if let Some(file) = args.write {
        again.extend(["--write".into(), file.into_os_string()]);
    }
    inside::become_inside(again)
}

/// In the process that [`run`] became, which has a single thread.
pub fn run_inside(args: Args) -> anyhow::Result<Exit> {
    let exercise = exercises::known(&args.name)?;
    match netns::enter() {
        Ok(Side::Outside(code)) => Ok(match code {
            0 => Exit::Done,
            1 => Exit::No,
            130 => Exit::Interrupted,
            _ => Exit::CouldNot,
        }),
        Ok(Side::Inside(leash)) => show(exercise, &args, &leash),
        Err(error @ netns::Error::Refused(refusal)) => {
            show_recorded(exercise, &args, &format!("{error}; to allow it:\n    {}", refusal.remedy()))
        }
        Err(error) => show_recorded(exercise, &args, &error.to_string()),
    }
}

fn show(exercise: &'static Exercise, args: &Args, leash: &Leash) -> anyhow::Result<Exit> {
    let selection = Selection { ports: vec![exercise.port], ..Selection::default() };
    // From here on the kernel captures: the programs can start.
    let opened = match pcap::open(&pcap::Options { selection, buffer: RING, ..pcap::Options::default() }) {
        Ok(opened) => opened,
        Err(error) => return show_recorded(exercise, args, &error.to_string()),
    };
    // Threads come after this: files are created, and the programs run, as the user who called sudo.
    privilege::give_up().context("cannot give up privileges")?;
    leash.fasten()?;

    let mut told = Told {
        story: Ladder::new(args.language.words()),
        file: None,
        interfaces: opened.interfaces().cloned().collect(),
    };
    if let Some(path) = &args.write {
        told.file = Some(Ok(file::Writer::create(path, None)?));
    }
    let mut live = opened.start(pcap::Stop::new()?, None)?;
    let stop = live.stop_handle()?;
    let director = std::thread::spawn(move || {
        let result = play(exercise);
        stop.stop();
        result
    });
    let summary = pipeline::run(&mut live, &mut FlowTable::new(), &mut told)?;
    let [client, server] = director.join().map_err(|_| anyhow!("the programs could not be run"))??;
    if let Some(failure) = summary.failure {
        return Err(failure.into());
    }
    for (program, by) in [(&client, ladder::Side::Client), (&server, ladder::Side::Server)] {
        for line in &program.printed {
            told.story.printed(by, line.time, line.text.clone());
        }
    }
    if told.story.packets() == 0 {
        bail!("the programs ran, but no packet of theirs was captured");
    }
    tell(exercise, args, &mut told.story, &summary.counts)?;
    if let (Some(file), Some(path)) = (told.file, &args.write) {
        file?.finish(&[summary.counts])?;
        eprintln!("netlab: the packets are in {0}; `netlab read {0}` shows them", path.display());
    }

    let failed: Vec<&Ended> = [&client, &server].into_iter().filter(|program| !program.status.success()).collect();
    for program in &failed {
        eprintln!("netlab: the {} ended with {}: {}", program.role, program.status, program.talk.join("\n"));
    }
    Ok(if failed.is_empty() { Exit::Done } else { Exit::No })
}

/// The story, and the file that keeps its packets.
struct Told {
    story: Ladder,
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
        self.story.packet(packet, known)
    }
}

/// Runs both programs to their ends: client, server.
fn play(exercise: &'static Exercise) -> anyhow::Result<[Ended; 2]> {
    let mut server = Program::start(exercise.roles.server, ["serve", exercise.name(), "--once", "--stamp"])?;
    server.wait_until_it_says("listens on", PATIENCE)?;
    let words = ["client", exercise.name(), "--stamp", "--"];
    let client = Program::start(exercise.roles.client, words.iter().chain(exercise.script))?;
    Ok([client.finish(PATIENCE)?, server.finish(PATIENCE)?])
}

fn tell(exercise: &Exercise, args: &Args, story: &mut Ladder, counts: &Counts) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let look = Look {
        width: super::args::width().min(WIDEST),
        palette: Palette::new(args.color.on_stdout()),
        ascii: false,
        states: false,
    };
    story.draw(&mut out, Some([exercise.roles.client, exercise.roles.server]), look)?;
    writeln!(out)?;
    story.summary(&mut out)?;
    if let (Some(received), Some(dropped)) = (counts.received, counts.dropped_kernel) {
        writeln!(out, "capture: {received} received, {dropped} dropped by the kernel")?;
    }
    Ok(())
}

/// Says what is in the way of a private network, and tells the recorded packets instead.
fn show_recorded(exercise: &Exercise, args: &Args, obstacle: &str) -> anyhow::Result<Exit> {
    eprintln!("netlab: {obstacle}");
    let (bytes, target) = (exercise.recorded, format!("captures/{}.pcapng", exercise.name()));
    eprintln!("netlab: these are the packets of a recorded exchange instead ({target}):");
    let mut recorded = file::Capture::new(Box::new(bytes), target, Some(bytes.len() as u64), false)?;
    let mut story = Ladder::new(args.language.words());
    let summary = pipeline::run(&mut recorded, &mut FlowTable::new(), &mut story)?;
    tell(exercise, args, &mut story, &Counts::default())?;
    if let Some(failure) = summary.failure {
        return Err(failure.into());
    }
    if let Some(path) = &args.write {
        bail!("nothing was captured, so {} is not written", path.display());
    }
    Ok(Exit::Done)
}
