//! `netlab conversations`: who talks with whom, from files or live.
//!
//! On a terminal a table of the first ones, live kept up to date in its place; into a pipe every conversation as a line.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::ValueEnum;

use super::decoding::Decoding;
use super::input::Input;
use super::naming::{Learning, Naming};
use super::output::{Color, stdout};
use super::programs::{Looking, Wanted};
use super::progress::Progress;
use super::selection::Selection;
use super::{Exit, args, capture};
use crate::flow::gist::Gists;
use crate::flow::names::Names;
use crate::flow::{FlowTable, Known, Outline, Summary};
use crate::io::interrupt::Interrupt;
use crate::io::pcap;
use crate::pipeline::{self, Next, Sink};
use crate::process::Programs;
use crate::quantity;
use crate::view::conversations::{self as view, Room};
use crate::view::style::Palette;
use crate::wire::Packet;

/// Time between two pictures of a live table.
const REFRESH: Duration = Duration::from_millis(500);
/// Rows of a table where nobody says how many.
const TOP: usize = 50;
/// Bytes that are gathered before they are written.
const BUFFER: usize = 64 << 10;
/// Conversations whose lines are made at a time.
const PART: usize = 4096;

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Keys of --json: transport, stream, client, server, guessed, start, duration; and, with \
    _client and _server: packets, bytes, data, goodput (bytes a second), state, rtt (seconds), repeated (bytes), \
    window (largest, bytes), mss; completeness, window_scale, sack, timestamps, ending; with --applications: application, summary. Live also, with _client and _server for the ends on this \
    machine: process, pid, certainty (exact, by listener, unknown).")]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Watch an interface (repeatable) until Ctrl-C; any is all of them
    #[arg(short, long, value_name = "IF")]
    interface: Vec<String>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    looking: Looking,
    #[command(flatten)]
    naming: Naming,
    /// What comes first [default: bytes on a terminal, start elsewhere]
    #[arg(long, value_enum, value_name = "BY", hide_default_value = true)]
    sort: Option<Sort>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Only the first N [default: 50 on a terminal, all elsewhere]
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// All conversations, also on a terminal
    #[arg(long, conflicts_with = "top")]
    all: bool,
    /// Also tell which application spoke, what it was asked for first, and what was answered, as in GET / → 200
    ///
    /// The table of a terminal does so by itself where there is width. Lines of a large file take longer with it.
    #[arg(long)]
    applications: bool,
    /// Remember at most this many conversations of each transport; idle ones leave first
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=u64::from(u32::MAX)))]
    max_flows: u64,
    /// Stop watching after this time, as in 10s
    #[arg(long, value_name = "TIME", requires = "interface", value_parser = quantity::duration)]
    duration: Option<Duration>,
    /// Say READY on standard error once every packet from then on counts
    #[arg(long, requires = "interface")]
    ready: bool,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
    #[command(flatten)]
    decoding: Decoding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// Most bytes first
    Bytes,
    /// Most packets first
    Packets,
    /// Longest first
    Duration,
    /// In the order in which they began
    Start,
}

impl Sort {
    /// What conversations are sorted by, smallest first.
    fn key(self, outline: &Outline) -> i64 {
        let most = |number: u64| -i64::try_from(number).unwrap_or(i64::MAX);
        match self {
            Self::Bytes => most(outline.bytes),
            Self::Packets => most(outline.packets),
            Self::Duration => outline.last.since(outline.first).saturating_neg(),
            Self::Start => outline.first.0,
        }
    }
}

/// How conversations are shown.
struct Show {
    table: bool,
    json: bool,
    sort: Sort,
    most: usize,
    palette: Palette,
    programs: Wanted,
    /// Applications were asked for: they are shown whatever the width.
    beneath: bool,
}

/// What was learnt of conversations besides what is counted.
#[derive(Clone, Copy)]
struct Aside<'a> {
    gists: &'a Gists,
    names: Option<&'a Names>,
}

impl Show {
    /// The places of the first `most` conversations that are to be shown, in order; and how many there are.
    ///
    /// One that only ICMP errors speak of has a number, but nothing of it was seen.
    fn order(&self, flows: &FlowTable, most: usize) -> (Vec<usize>, usize) {
        let of_them = |place: usize| {
            self.programs.takes_all()
                || flows.conversation(place).is_some_and(|summary| self.programs.takes_either(&summary.programs))
        };
        let key = |place| {
            let outline = flows.outline(place).filter(|outline| outline.packets > 0 && of_them(place))?;
            Some((self.sort.key(&outline), place))
        };
        let (half, places) = (flows.places() / 2, flows.places());
        // Every one of them has to come from memory: two cores wait half as long.
        let mut order: Vec<(i64, usize)> = std::thread::scope(|scope| {
            let upper = || (half..places).filter_map(key).collect::<Vec<_>>();
            let second = std::thread::Builder::new().spawn_scoped(scope, upper);
            let mut order: Vec<_> = (0..half).filter_map(key).collect();
            // It ends early by a panic only, and that has been told. Where no thread can be had, this one does it all.
            order.extend(second.map_or_else(|_| upper(), |second| second.join().unwrap_or_default()));
            order
        });
        let known = order.len();
        let most = most.min(self.most);
        if most < order.len() {
            // A live table of a few out of a million has little time: the rest stays unsorted.
            order.select_nth_unstable(most);
            order.truncate(most);
        }
        order.sort_unstable();
        (order.into_iter().map(|(_, place)| place).collect(), known)
    }

    /// The lines of these conversations.
    fn lines(&self, flows: &FlowTable, aside: Aside<'_>, places: &[usize], out: &mut Vec<u8>) {
        out.clear();
        for summary in places.iter().filter_map(|place| flows.conversation(*place)) {
            self.line(&summary, aside, out);
        }
    }

    fn line(&self, summary: &Summary, aside: Aside<'_>, out: &mut Vec<u8>) {
        let gist = aside.gists.of(summary.transport, summary.stream);
        if self.json {
            view::json(summary, gist, out);
        } else {
            view::line(summary, gist, aside.names, out);
        }
    }

    fn picture(&self, flows: &FlowTable, aside: Aside<'_>, lines: Option<usize>) -> anyhow::Result<Vec<u8>> {
        let mut out = Vec::new();
        let (order, known) = self.order(flows, lines.unwrap_or(usize::MAX));
        let summaries = order.iter().filter_map(|place| flows.conversation(*place)).map(|summary| {
            let gist = aside.gists.of(summary.transport, summary.stream);
            (summary, gist)
        });
        let room = Room { width: args::width(), lines, beneath: self.beneath };
        let shown = view::table(summaries, room, self.palette, aside.names, &mut out)?;
        let rest = view::rest(shown, known, lines.is_none(), flows.forgotten());
        if !rest.is_empty() {
            writeln!(out, "{rest}")?;
        }
        Ok(out)
    }

    /// All that there is to say at the end.
    fn end(&self, flows: &FlowTable, aside: Aside<'_>, out: &mut impl Write) -> anyhow::Result<()> {
        if self.table {
            out.write_all(&self.picture(flows, aside, None)?)?;
            return Ok(());
        }
        // The thread that read the packets is done: its core writes every second part of the lines.
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for part in self.order(flows, usize::MAX).0.chunks(2 * PART) {
            let (first, second) = part.split_at(part.len().min(PART));
            let apart = std::thread::scope(|scope| {
                let work = || self.lines(flows, aside, second, &mut theirs);
                let apart = second.is_empty() || std::thread::Builder::new().spawn_scoped(scope, work).is_ok();
                self.lines(flows, aside, first, &mut ours);
                apart
            });
            out.write_all(&ours)?;
            if !apart {
                self.lines(flows, aside, second, &mut theirs);
            }
            if !second.is_empty() {
                out.write_all(&theirs)?;
            }
        }
        Ok(())
    }
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    if args.input.is_empty() == args.interface.is_empty() {
        anyhow::bail!("whose conversations? give capture files, or -i and an interface");
    }
    let terminal = std::io::stdout().is_terminal();
    let table = terminal && !args.json;
    let show = Show {
        table,
        json: args.json,
        sort: args.sort.unwrap_or(if table { Sort::Bytes } else { Sort::Start }),
        most: args.top.unwrap_or(if args.all || !table { usize::MAX } else { TOP }),
        palette: Palette::new(args.color.on_stdout()),
        programs: args.selection.programs.clone(),
        beneath: args.applications,
    };
    let mut flows = FlowTable::remembering(usize::try_from(args.max_flows).unwrap_or(usize::MAX));
    args.decoding.apply()?;
    let is_live = !args.interface.is_empty();
    let drawn = table && is_live;
    let mut watching = Watching::new(&show, drawn, args.applications || table, args.naming.learning(is_live));
    if !table || watching.applications {
        // Those that have to leave are written at once: nothing is lost where lines go into a file. And what they were
        // about leaves with them.
        flows.keep_departed();
    }
    let (summary, last_words) = if args.interface.is_empty() {
        let mut source = args.selection.before(args.input.open()?)?;
        let mut source = Progress::new(&mut source);
        let summary = if args.input.is_at_hand() {
            pipeline::run_ahead(&mut source, &mut flows, &mut watching, None)?
        } else {
            pipeline::run(&mut source, &mut flows, &mut watching)?
        };
        source.clear();
        (summary, None)
    } else {
        let (summary, counts) = watch(&args, &mut flows, &mut watching)?;
        (summary, Some(counts))
    };
    watching.clear()?;
    watching.learning.finish();
    show.end(&flows, watching.aside(), &mut stdout()?)?;
    let left = flows.forgotten();
    if !table && left > 0 {
        args::talk(&format!(
            "netlab: {left} idle conversations left early to bound the memory (--max-flows): they are listed first"
        ));
    }
    if let Some(counts) = last_words {
        args::talk(&counts);
    }
    if let Some(failure) = summary.failure {
        return Err(failure.into());
    }
    let seen = |place| flows.outline(place).is_some_and(|outline| outline.packets > 0);
    let none = flows.forgotten() == 0 && !(0..flows.places()).any(seen);
    // The process ends here; to give back a million conversations one by one takes time that nobody has a use for.
    std::mem::forget((flows, watching.gists));
    Ok(if none { Exit::No } else { Exit::Done })
}

/// Runs until Ctrl-C, or for as long as was asked; also says how many packets came and how many were lost.
fn watch(args: &Args, flows: &mut FlowTable, sink: &mut Watching<'_>) -> anyhow::Result<(pipeline::Summary, String)> {
    let interfaces = args.interface.clone();
    let options = pcap::Options { interfaces, selection: args.selection.to_bpf(), ..pcap::Options::default() };
    let opened = pcap::open(&options)?;
    let note = |note: &str| args::talk(&format!("netlab: {note}"));
    let programs = args.looking.open(note);
    programs.give_up_the_rest(note)?;
    let stop = pcap::Stop::new().context("cannot make a pipe")?;
    let _interrupt = Interrupt::install(|| stop.descriptor()).context("cannot listen for Ctrl-C")?;
    opened.notes().iter().for_each(|text| note(text));
    let mut owners = programs.start()?;
    let mut live = opened.start(stop, args.duration)?;
    if args.ready {
        eprintln!("READY");
    }
    let owners = owners.as_mut().map(|owners| owners as &mut dyn Programs);
    let summary = pipeline::run_asking(&mut live, flows, owners, sink)?;
    live.finish();
    let counts = capture::summary(summary.frames, summary.frames, &live);
    Ok((summary, counts))
}

/// Writes conversations that leave, and draws the live table in its place.
struct Watching<'a> {
    show: &'a Show,
    learning: Learning,
    live: bool,
    /// Lines of the picture that is on the screen.
    drawn: usize,
    next: Instant,
    buffer: Vec<u8>,
    /// What conversations were about, where that is wanted.
    gists: Gists,
    applications: bool,
}

impl<'a> Watching<'a> {
    fn new(show: &'a Show, live: bool, applications: bool, learning: Learning) -> Self {
        let (next, gists) = (Instant::now(), Gists::default());
        Self { show, learning, live, drawn: 0, next, buffer: Vec::new(), gists, applications }
    }

    fn aside(&self) -> Aside<'_> {
        Aside { gists: &self.gists, names: self.learning.names() }
    }

    /// Takes the picture away.
    fn clear(&mut self) -> std::io::Result<()> {
        self.flush()?;
        if self.drawn > 0 {
            // Up to its first line, then everything below is cleared.
            print!("\x1b[{}A\x1b[J", std::mem::take(&mut self.drawn));
        }
        std::io::stdout().flush()
    }

    fn draw(&mut self, flows: &FlowTable) -> std::io::Result<()> {
        // Header, rule, the line of talk, and the one the cursor stands in.
        let lines = args::height().saturating_sub(4);
        let picture = self.show.picture(flows, self.aside(), Some(lines)).map_err(std::io::Error::other)?;
        let (before, after) = (self.drawn, picture.iter().filter(|byte| **byte == b'\n').count());
        let mut text = if before > 0 { format!("\x1b[{before}A").into_bytes() } else { Vec::new() };
        // Line over line, without an empty screen in between: that flickers, and tmux would keep each picture.
        for line in picture.split_inclusive(|byte| *byte == b'\n') {
            text.extend_from_slice(line.trim_ascii_end());
            text.extend_from_slice(b"\x1b[K\n");
        }
        text.extend_from_slice(b"\x1b[J");
        self.drawn = after;
        std::io::stdout().write_all(&text)?;
        std::io::stdout().flush()
    }
}

impl Sink for Watching<'_> {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        if self.applications {
            self.gists.packet(packet, known.facts);
        }
        self.learning.learn(packet, known);
        if known.departed.is_empty() { Ok(Next::GoOn) } else { self.departed(known.departed) }
    }

    fn takes_packets(&self) -> bool {
        self.applications || self.learning.is_wanted()
    }

    fn departed(&mut self, departed: &[Summary]) -> std::io::Result<Next> {
        let wanted = |summary: &&Summary| summary.packets() > 0 && self.show.programs.takes_either(&summary.programs);
        let written = if self.show.table { &[][..] } else { departed };
        for summary in written.iter().filter(wanted) {
            // Not self.aside(): the buffer is written to meanwhile.
            let aside = Aside { gists: &self.gists, names: self.learning.names() };
            self.show.line(summary, aside, &mut self.buffer);
        }
        if self.applications {
            departed.iter().for_each(|summary| self.gists.remove(summary.transport, summary.stream));
        }
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(Next::GoOn)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        if self.buffer.is_empty() { Ok(()) } else { crate::view::write_out(&mut self.buffer, &mut std::io::stdout()) }
    }

    fn idle(&mut self, flows: &FlowTable) -> std::io::Result<()> {
        if self.live && Instant::now() >= self.next {
            self.next = Instant::now() + REFRESH;
            self.draw(flows)?;
        }
        Ok(())
    }
}
