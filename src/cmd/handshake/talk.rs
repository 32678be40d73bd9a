//! Holds the conversation: what is due is sent, what comes is handed to the machine, both are shown as capture shows them.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;

use super::Args;
use crate::cmd::{Exit, args as terminal, output};
use crate::engine::handshake::{Ending, Peer, Purpose, Seen, State, Station};
use crate::flow::FlowTable;
use crate::frame::{Frame, LinkType, Timestamp};
use crate::io::interrupt::Interrupt;
use crate::io::keys::{Key, Keys};
use crate::io::link::channel::Channel;
use crate::pipeline::{Filtered, Sink};
use crate::view::{handshake as words, wrap};
use crate::wire::{Layers, decode};

/// How far what is said stands from the edge, beneath the times of the packets.
const INDENT: usize = 6;

pub fn run(args: &Args, mut channel: Channel, mut station: Station) -> anyhow::Result<Exit> {
    let mut show = Show::new(args)?;
    // The wait for frames is short: nobody has to be woken.
    let interrupt = Interrupt::install(|| std::io::pipe().map(|(_, writer)| writer.into()));
    let interrupt = interrupt.context("cannot listen for Ctrl-C")?;
    let mut steps = args.step.then(Steps::open).transpose()?;
    let begun = Instant::now();
    let mut stopped = false;
    loop {
        station.machine.handle_time(begun.elapsed());
        while let Some(reply) = station.reply() {
            channel.send(&reply).context("cannot answer a neighbour")?;
        }
        show.events(&mut station, &mut steps)?;
        if interrupt.happened() && !stopped {
            stopped = true;
            station.machine.stop(Ending::Stopped);
        }
        let free = stopped || station.machine.ending().is_some();
        match station.machine.due(begun.elapsed()) {
            // What was sent before goes again by itself.
            Some((purpose, again)) if free || again || allowed(&mut steps, &mut station, purpose)? => {
                if let Some((frame, _)) = station.transmit(begun.elapsed())? {
                    channel.send(&frame).context("cannot send")?;
                    show.packet(&frame, now())?;
                    show.states(args, station.machine.states())?;
                }
                continue;
            }
            _ => {}
        }
        if station.machine.wait().is_none() {
            break;
        }
        let Some(data) = channel.receive().context("cannot receive")? else { continue };
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let mut layers = Layers::new();
        let time = now();
        let frame = Frame { link: LinkType::ETHERNET, data, length, time: Some(time), ..Frame::empty() };
        let packet = decode(frame, &mut layers);
        if station.handle(begun.elapsed(), &packet) == Seen::Ours {
            clear(&mut steps);
            show.packet(data, time)?;
            show.states(args, station.machine.states())?;
        }
    }
    clear(&mut steps);
    let ending = station.machine.ending().unwrap_or(Ending::Stopped);
    let (sent, came) = station.machine.carried();
    for line in words::ending(&ending, station.ends.here.ip(), sent, came) {
        show.say(&line, 0)?;
    }
    Ok(match ending {
        Ending::Closed { .. } | Ending::Aborted | Ending::HalfOpen { .. } => Exit::Done,
        Ending::Stopped => Exit::Interrupted,
        _ => Exit::No,
    })
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::new(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos().into())
}

/// Lines of packets, and what is said between them.
struct Show {
    lines: Filtered<Box<dyn Sink + Send>>,
    table: FlowTable,
    number: u64,
    /// Standard output is for people, not for programs.
    people: bool,
    room: usize,
    told: Option<(State, Peer)>,
}

impl Show {
    fn new(args: &Args) -> anyhow::Result<Self> {
        let lines = Filtered::new(args.output.filter()?, args.output.sink()?);
        let people = args.output.fields.is_empty() && !args.output.json;
        let room = if std::io::stdout().is_terminal() { terminal::width() } else { usize::MAX };
        Ok(Self { lines, table: FlowTable::new(), number: 0, people, room, told: None })
    }

    fn packet(&mut self, data: &[u8], time: Timestamp) -> std::io::Result<()> {
        self.number += 1;
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let (number, time) = (self.number, Some(time));
        let mut layers = Layers::new();
        let packet =
            decode(Frame { number, link: LinkType::ETHERNET, data, length, time, ..Frame::empty() }, &mut layers);
        let known = self.table.ingest(&packet);
        self.lines.packet(&packet, &known)?;
        self.lines.flush()
    }

    /// The states of both ends, where they are others than before.
    fn states(&mut self, args: &Args, states: (State, Peer)) -> anyhow::Result<()> {
        if !args.step || self.told.replace(states) == Some(states) {
            return Ok(());
        }
        self.say(&words::states(states.0, states.1), INDENT)
    }

    fn events(&mut self, station: &mut Station, steps: &mut Option<Steps>) -> anyhow::Result<()> {
        while let Some((_, event)) = station.machine.event() {
            clear(steps);
            self.say(&words::event(&event), INDENT)?;
        }
        Ok(())
    }

    /// A sentence: between the packets for people, beside them for programs.
    fn say(&self, text: &str, indent: usize) -> anyhow::Result<()> {
        if !self.people {
            eprintln!("netlab: {text}");
            return Ok(());
        }
        let mut out = vec![b' '; indent];
        wrap::hanging(text, self.room, indent, indent + 2, &mut out);
        out.push(b'\n');
        output::stdout()?.write_all(&out)?;
        Ok(())
    }
}

/// A key between two packets.
struct Steps {
    keys: Keys,
    /// What the line that waits for a key announces.
    asked: Option<Purpose>,
    /// No more keys will come.
    ended: bool,
}

impl Steps {
    fn open() -> anyhow::Result<Self> {
        Ok(Self { keys: Keys::open().context("cannot read keys")?, asked: None, ended: false })
    }

    /// Whether somebody has pressed a key for what is due; says first what that is.
    fn wait(&mut self, purpose: Purpose) -> std::io::Result<Option<Key>> {
        if self.ended {
            return Ok(Some(Key::Other));
        }
        if self.asked != Some(purpose) {
            self.clear();
            let text = format!("next: {}   [any key; q ends it]", words::next(purpose));
            let end = if std::io::stderr().is_terminal() { "" } else { "\n" };
            eprint!("{text}{end}");
            self.asked = Some(purpose);
        }
        let key = self.keys.pressed()?;
        if key.is_some() {
            self.clear();
        }
        self.ended = key == Some(Key::End);
        Ok(key)
    }

    /// Takes the line that waits off the screen.
    fn clear(&mut self) {
        if self.asked.take().is_some() && std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
    }
}

fn clear(steps: &mut Option<Steps>) {
    if let Some(steps) = steps {
        steps.clear();
    }
}

/// Whether what is due may go.
fn allowed(steps: &mut Option<Steps>, station: &mut Station, purpose: Purpose) -> anyhow::Result<bool> {
    let Some(steps) = steps else { return Ok(true) };
    Ok(match steps.wait(purpose).context("cannot read keys")? {
        None => false,
        Some(Key::Quit) => {
            station.machine.stop(Ending::Stopped);
            steps.ended = true;
            false
        }
        Some(Key::Other | Key::End) => true,
    })
}
