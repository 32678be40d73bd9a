//! The frames of a file onto an interface: looked through first, then sent.

use std::ffi::OsStr;

use anyhow::{Context, bail};

use super::prepare::{self, Prepared};
use super::report::{self, Report};
use super::sending::Job;
use super::{Args, Inside, live, sending};
use crate::cmd::consent::{self, Harm};
use crate::cmd::progress::Progress;
use crate::cmd::{Exit, args as terminal};
use crate::flow::FlowTable;
use crate::frame::{Source, Timestamp};
use crate::io::file;
use crate::io::interrupt::Interrupt;
use crate::io::link::timed::{Bounds, Frames, Speed, Timed};
use crate::io::privilege;
use crate::pipeline::{self, Filtered};
use crate::wire::rewrite::Rewrite;

/// Frames that are kept in memory to be sent; a file with more is read while it is sent.
const MOST_KEPT: usize = 256 << 20;

pub fn run(args: &Args, leash: Inside<'_>) -> anyhow::Result<Exit> {
    let mut exit = args.interface.as_deref().map(|name| prepare::Exit::find(name, !args.dry_run)).transpose()?;
    let rewrite = prepare::rewriting(args, exit.as_mut())?;
    if args.dry_run {
        return dry_run(args, rewrite, exit.as_mut());
    }
    let mut exit = exit.context("name the interface with -i")?;
    let survey = Survey::of(args, &rewrite, &mut exit)?;
    if survey.frames == 0 {
        let report = Report::new(&exit, &survey);
        report::say(args, &report)?;
        return Ok(Exit::No);
    }
    consent::ask(args.pace.yes, survey.harm(args))?;
    if survey.kept.is_none() && args.file.as_os_str() == OsStr::new("-") {
        bail!("standard input has more than {} MiB: replay it from a file", MOST_KEPT >> 20);
    }

    let speed = args.pace.speed();
    let quiet = args.quiet || speed == Speed::Top;
    let out = sending::open(&exit, quiet)?;
    let watching = if quiet { None } else { Some(live::open(&exit)?) };
    // A file that does not fit is read again, which needs whatever right it needed before.
    if survey.kept.is_some() {
        privilege::give_up().context("cannot give up privileges")?;
    }
    if let Some(leash) = leash {
        leash.fasten()?;
    }
    let bounds = Bounds { frames: args.pace.count.unwrap_or(u64::MAX), duration: args.pace.duration };
    let mut report = Report::new(&exit, &survey);
    let job = Job { survey, rewrite, rounds: args.pace.rounds, path: args.file.clone(), exit };
    let (done, interrupted) = match watching {
        Some(watching) => {
            live::run(args, watching, move |interrupt| job.run(Timed::new(out, speed, bounds, interrupt)))?
        }
        None => {
            let interrupt = Interrupt::install(|| Ok(std::io::pipe()?.1.into())).context("cannot listen for Ctrl-C")?;
            (job.run(Timed::new(out, speed, bounds, interrupt.clone()))?, interrupt.happened())
        }
    };
    let sent = done.frames;
    report.done(done);
    report::say(args, &report)?;
    Ok(match sent {
        0 if interrupted => Exit::Interrupted,
        0 => Exit::No,
        _ => Exit::Done,
    })
}

/// What a file holds, before anything of it is sent.
pub struct Survey {
    /// Frames of one round that can be sent.
    pub frames: u64,
    /// Nanoseconds from the first to the last.
    pub length: u64,
    /// All of them, where they fit.
    pub kept: Option<Frames>,
    pub refused: Vec<report::Refused>,
    pub unfinished: u64,
    harm: Option<Harm>,
}

impl Survey {
    fn of(args: &Args, rewrite: &Rewrite, exit: &mut prepare::Exit) -> anyhow::Result<Self> {
        let most = args.pace.count.unwrap_or(u64::MAX);
        let mut prepared = Prepared::new(open(&args.file)?, rewrite.clone(), Some(exit), most);
        let (mut frames, mut length, mut first) = (0, 0, None);
        let mut kept = Some(Frames::default());
        let mut source = Progress::new(&mut prepared);
        while let Some(time) = source.advance()? {
            let due = due(time, &mut first, length);
            (frames, length) = (frames + 1, due);
            if let Some(kept) = kept.as_mut() {
                kept.push(source.frame().data, due);
            }
            kept = kept.filter(|kept| kept.size() <= MOST_KEPT);
        }
        source.clear();
        let Prepared { refused, unfinished, harm, .. } = prepared;
        Ok(Self { frames, length, kept, refused, unfinished, harm })
    }

    /// What others may mind.
    fn harm(&self, args: &Args) -> Option<Harm> {
        let all = self.frames.saturating_mul(args.pace.rounds);
        let most = args.pace.count.map_or(all, |count| all.min(count));
        // As many as fit into the time, where that is known.
        let fit = match (args.pace.duration, args.pace.speed()) {
            (Some(duration), Speed::Rate(rate)) => (duration.as_secs_f64() * f64::from(rate)).ceil() as u64,
            _ => u64::MAX,
        };
        let most = most.min(fit);
        if most > consent::MANY { Some(Harm::Many(most)) } else { self.harm.clone() }
    }
}

/// Nanoseconds from the first frame to this one: never less than before it.
pub fn due(time: Timestamp, first: &mut Option<Timestamp>, before: u64) -> u64 {
    let since = time.since(*first.get_or_insert(time));
    u64::try_from(since).unwrap_or(0).max(before)
}

pub fn open(path: &std::path::Path) -> anyhow::Result<Box<dyn Source + Send>> {
    Ok(if path.as_os_str() == OsStr::new("-") { Box::new(file::open_stdin()?) } else { Box::new(file::open(path)?) })
}

fn dry_run(args: &Args, rewrite: Rewrite, exit: Option<&mut prepare::Exit>) -> anyhow::Result<Exit> {
    let on = exit.as_ref().map(|exit| (exit.link.name.clone(), exit.layer_3, exit.link.mtu));
    let mut prepared = Prepared::new(open(&args.file)?, rewrite, exit, args.pace.count.unwrap_or(u64::MAX));
    let mut sink = Filtered::new(args.output.filter()?, args.output.sink()?);
    let summary = pipeline::run(&mut prepared, &mut FlowTable::new(), &mut sink)?;
    drop(sink);
    summary.failure.map_or(Ok(()), Err)?;
    let (name, mtu) = on.as_ref().map_or(("the interface", None), |(name, _, mtu)| (name.as_str(), *mtu));
    for line in report::refusals(&prepared.refused, name, mtu) {
        terminal::talk(&format!("netlab: {line}"));
    }
    if let Some(line) = report::unfinished(prepared.unfinished, args.changes.fill_checksums) {
        terminal::talk(&format!("netlab: {line}"));
    }
    let again = if args.pace.rounds > 1 { format!(", {} times", args.pace.rounds) } else { String::new() };
    let way = match on {
        Some((name, true, _)) => format!(" on {name}, at layer 3: the kernel adds the rest"),
        Some((name, false, _)) => format!(" on {name}"),
        None => String::new(),
    };
    let count = summary.frames;
    let packets = if count == 1 { "this packet" } else { "these packets" };
    terminal::talk(&format!("netlab: nothing was sent; {packets} ({count}) would go out{way}{again}"));
    Ok(if count == 0 { Exit::No } else { Exit::Done })
}
