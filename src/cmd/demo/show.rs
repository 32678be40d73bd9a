//! What is shown of a scene: the chart, the lines or the story of its packets, with what the programs printed.

use std::io::Write;

use super::Form;
use super::director::{LISTENS, OPEN};
use super::programs::{Ended, Line, Origin};
use super::setting::Setting;
use crate::exercise::demo::{Actor, Scene};
use crate::flow::Known;
use crate::frame::Timestamp;
use crate::pipeline::{Next, Sink};
use crate::view::ladder::{self, Ladder};
use crate::view::lines::{Lines, Options, Time};
use crate::view::style::{Palette, Role};
use crate::view::telling::{self, Telling};
use crate::view::words::Words;
use crate::wire::Packet;

/// Conversations of a scene whose story is told; of more there is none to be read.
const MOST_STORIES: u32 = 16;

/// How to show.
#[derive(Clone, Copy)]
pub struct Look {
    pub form: Form,
    pub width: usize,
    pub palette: Palette,
    pub words: &'static Words,
}

/// One scene's packets, as they arrive, and then what its programs printed.
pub struct Shown {
    scene: &'static Scene,
    /// Where it is played, if that is a lab.
    setting: Option<Setting>,
    look: Look,
    chart: Ladder,
    lines: Lines<Vec<u8>>,
    /// Each packet's time and its line.
    told: Vec<(Timestamp, Vec<u8>)>,
    stories: Vec<Telling>,
}

impl Shown {
    pub fn new(scene: &'static Scene, setting: Option<Setting>, look: Look) -> Self {
        let program = |actor: &Actor| ladder::Program {
            name: actor.name.to_owned(),
            address: actor.address.into(),
            ports: actor.ports.to_vec(),
            also: Vec::new(),
            places: Vec::new(),
        };
        let chart = match &setting {
            Some(setting) => Ladder::of(setting.programs(), look.words).on(setting.ground()),
            None => Ladder::of(scene.cast.iter().map(program).collect(), look.words),
        };
        // The place stands before each line.
        let width = look.width.saturating_sub(setting.as_ref().map_or(0, |setting| setting.widest() + 1));
        let options = Options { time: Time::Relative, palette: look.palette, width: Some(width), words: look.words };
        Self {
            scene,
            setting,
            look,
            chart,
            lines: Lines::new(Vec::new(), options),
            told: Vec::new(),
            stories: Vec::new(),
        }
    }

    /// How many packets it has.
    pub fn packets(&self) -> u64 {
        self.chart.packets()
    }

    /// Shows everything in the order of time.
    pub fn write(mut self, out: &mut impl Write, ended: &[Ended]) -> anyhow::Result<()> {
        let heading = |text: &str, role| {
            let mut bytes = Vec::new();
            self.look.palette.begin(role, &mut bytes);
            bytes.extend_from_slice(text.as_bytes());
            self.look.palette.end(role, &mut bytes);
            bytes.push(b'\n');
            bytes
        };
        if !self.scene.title.is_empty() {
            out.write_all(&heading(&format!("== {}", self.scene.title), Role::Heading))?;
        }
        match self.look.form {
            Form::Ladder => {
                for (place, line) in self.of_all(ended) {
                    let actor = self.setting.as_ref().zip(self.scene.cast.get(place));
                    let column = actor.map_or(place, |(setting, actor)| setting.column(actor));
                    self.chart.printed(column, line.time, text_of(line));
                }
                let look =
                    ladder::Look { width: self.look.width, palette: self.look.palette, ascii: false, states: false };
                self.chart.draw(out, look)?;
            }
            Form::Lines => self.write_lines(out, ended)?,
            Form::Story => {
                let look = telling::draw::Look { width: self.look.width, palette: self.look.palette, all: true };
                for story in self.stories.iter_mut().filter(|story| story.found()) {
                    story.draw(out, look)?;
                    writeln!(out)?;
                }
                // What is no TCP has no story: its packets are shown instead.
                if !self.stories.iter().any(Telling::found) {
                    self.write_lines(out, ended)?;
                } else {
                    for (place, line) in self.of_all(ended) {
                        writeln!(out, "{:>8} │ {}", ended[place].name, text_of(line))?;
                    }
                }
            }
        }
        writeln!(out)?;
        self.chart.summary(out)?;
        if !self.scene.lesson.is_empty() {
            out.write_all(b"\n")?;
            let mut bytes = Vec::new();
            crate::view::markdown::render(&mut bytes, self.scene.lesson, self.look.width, self.look.palette)?;
            out.write_all(&bytes)?;
        }
        Ok(())
    }

    /// The lines of all programs that are to be seen, each with the place of its program.
    fn of_all<'e>(&self, ended: &'e [Ended]) -> impl Iterator<Item = (usize, &'e Line)> + use<'e> {
        let cast = self.scene.cast;
        let heard = move |(place, _): &(usize, &Ended)| cast.get(*place).is_none_or(|actor| !actor.unheard);
        let programs = ended.iter().enumerate().filter(heard);
        let lines = programs.flat_map(|(place, program)| program.lines.iter().map(move |line| (place, line)));
        // Where a server listens is known: the demonstration has put it there.
        let known = |text: &str| [LISTENS, OPEN].iter().any(|sign| text.contains(sign));
        lines.filter(move |(_, line)| line.from != Origin::Said || !known(&line.text))
    }

    fn write_lines(&self, out: &mut impl Write, ended: &[Ended]) -> std::io::Result<()> {
        let width = ended.iter().map(|program| program.name.len()).max().unwrap_or_default();
        let printed = self.of_all(ended).map(|(place, line)| {
            let text = format!("  {:>width$} ▌ {}\n", ended[place].name, text_of(line));
            (line.time, text.into_bytes())
        });
        let mut all: Vec<(Timestamp, Vec<u8>)> = self.told.iter().cloned().chain(printed).collect();
        all.sort_by_key(|(time, _)| *time);
        all.iter().try_for_each(|(_, bytes)| out.write_all(bytes))
    }
}

/// A line as it is shown: what was typed and what was said on standard error can be told from what was printed.
fn text_of(line: &Line) -> String {
    match line.from {
        Origin::Printed => line.text.clone(),
        Origin::Said => format!("({})", line.text),
        Origin::Typed => format!("⌨ {}", line.text),
    }
}

impl Sink for Shown {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        match self.look.form {
            Form::Ladder => {}
            Form::Lines | Form::Story => {
                self.lines.packet(packet, known)?;
                let mut line = self.lines.take();
                if let Some(setting) = &self.setting {
                    let place = setting.place(packet.frame.interface);
                    line.splice(0..0, format!("{place:<0$} ", setting.widest()).into_bytes());
                }
                self.told.push((packet.frame.time.unwrap_or_default(), line));
                if let Some(stream) = known.facts.tcp.map(|facts| facts.stream)
                    && self.stories.len() < MOST_STORIES as usize
                    && !self.stories.iter().any(|story| story.stream() == stream)
                {
                    self.stories.push(Telling::new(stream, self.look.words));
                }
                for story in &mut self.stories {
                    story.packet(packet, known)?;
                }
            }
        }
        self.chart.packet(packet, known)
    }
}
