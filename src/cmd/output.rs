//! The output options that `capture`, `read` and others share, and the sink that they choose.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;

use anyhow::Context;
use clap::ValueEnum;

use crate::field;
use crate::filter::Filter;
use crate::flow::names::Names;
use crate::flow::{FlowTable, Known, Summary};
use crate::pipeline::{Next, Sink};
use crate::view::conversations::{self, Room};
use crate::view::hex::Hex;
use crate::view::json::Json;
use crate::view::lines::{self, Lines};
use crate::view::style::Palette;
use crate::view::tree::Tree;
use crate::view::values::Values;
use crate::view::words::{ENGLISH, Words};
use crate::wire::Packet;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// Print the values of these fields, tab-separated (repeat, or separate by commas; `netlab fields` lists them)
    #[arg(short = 'e', long = "field", value_name = "NAME", value_delimiter = ',', conflicts_with_all = ["json", "verbose", "hex"])]
    pub fields: Vec<String>,
    /// Show only the packets that this display filter wants (Wireshark's language: tcp.flags.syn == 1, ip.addr == 10.0.0.0/8)
    #[arg(short = 'Y', long = "where", value_name = "FILTER")]
    pub display_filter: Option<String>,
    /// Print one JSON object a line; its keys are the names of fields
    #[arg(long, conflicts_with_all = ["verbose", "hex"])]
    pub json: bool,
    /// Print every layer and field of a packet as a tree
    #[arg(short, long)]
    pub verbose: bool,
    /// Print the bytes of a packet in hexadecimal
    #[arg(short = 'x', long)]
    pub hex: bool,
    /// What the time column shows
    #[arg(long, value_enum, default_value_t = Time::Relative, hide_possible_values = false)]
    pub time: Time,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
    #[command(flatten)]
    pub language: Language,
    /// Look up no names (always so; taken for the sake of habit)
    #[arg(short = 'n', hide = true)]
    pub numeric: bool,
}

/// The language of plain words.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Language {
    /// Language of plain words: en, sr or pt; by default NETLAB_LANG's, else the locale's, else English
    #[arg(long, value_enum, value_name = "LANGUAGE", hide_possible_values = true)]
    pub lang: Option<Lang>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    En,
    Sr,
    Pt,
}

impl Language {
    pub fn words(self) -> &'static Words {
        let code = match self.lang {
            Some(Lang::En) => Some("en"),
            Some(Lang::Sr) => Some("sr"),
            Some(Lang::Pt) => Some("pt"),
            None => None,
        };
        code.and_then(Words::of).unwrap_or_else(|| of_environment(|name| std::env::var(name).ok()))
    }
}

/// `NETLAB_LANG`, else the first that is set of what the C library looks at for messages.
fn of_environment(variable: impl Fn(&str) -> Option<String>) -> &'static Words {
    let told = ["NETLAB_LANG", "LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()));
    let code = told.as_deref().and_then(|locale| locale.split(['_', '.', '@', '-']).next()).unwrap_or_default();
    Words::of(code).unwrap_or(&ENGLISH)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Time {
    /// Seconds since the first packet
    Relative,
    /// Seconds since the packet before
    Delta,
    /// Seconds since 1970-01-01 UTC
    Epoch,
    /// Time of day in this machine's zone
    Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Whether standard output is to be coloured.
    pub fn on_stdout(self) -> bool {
        let wanted = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                std::io::stdout().is_terminal()
                    && !wanted("NO_COLOR")
                    && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        }
    }
}

impl Output {
    /// The display filter, if one was given.
    pub fn filter(&self) -> anyhow::Result<Option<Filter>> {
        Ok(self.display_filter.as_deref().map(Filter::parse).transpose()?)
    }

    /// The sink that the options choose, over standard output.
    pub fn sink(&self) -> anyhow::Result<Box<dyn Sink + Send>> {
        let palette = Palette::new(self.color.on_stdout());
        let out = stdout()?;
        if !self.fields.is_empty() {
            let fields = self.fields.iter().map(|name| field::resolve(name)).collect::<Result<Vec<_>, _>>()?;
            return Ok(Box::new(Values::new(out, fields)));
        }
        if self.json {
            return Ok(Box::new(Json::new(out)));
        }
        let terminal = std::io::stdout().is_terminal();
        let width = terminal.then(super::args::width);
        if self.verbose {
            let tree = Tree::new(out, palette).words(self.language.words()).with_hex(self.hex);
            return Ok(Box::new(match width {
                Some(columns) => tree.width(columns),
                None => tree,
            }));
        }
        if self.hex {
            return Ok(Box::new(Hex::new(out, palette).words(self.language.words())));
        }
        let time = match self.time {
            Time::Relative => lines::Time::Relative,
            Time::Delta => lines::Time::Delta,
            Time::Epoch => lines::Time::Epoch,
            Time::Clock => lines::Time::Clock(crate::io::clock::zone_offset),
        };
        let options = lines::Options { time, palette, width, words: self.language.words() };
        Ok(Box::new(Lines::new(out, options)))
    }
}

/// Conversations that the table at the end of a run has room for.
const TOP: usize = 10;

impl Output {
    /// At the end of lines on a terminal: who talked with whom, on standard error.
    pub fn conversations(&self, flows: &FlowTable, names: Option<&Names>) {
        let lines = self.fields.is_empty() && !self.json && !self.verbose && !self.hex;
        if !lines || !std::io::stdout().is_terminal() {
            return;
        }
        let mut all: Vec<Summary> = flows.conversations().filter(|summary| summary.packets() > 0).collect();
        let known = all.len();
        // The largest first; of equals, the earlier.
        all.sort_by_key(|summary| (std::cmp::Reverse(summary.bytes()), summary.first));
        all.truncate(TOP);
        if all.is_empty() {
            return;
        }
        let left = known - all.len();
        let palette = Palette::new(self.color.on_stdout() && std::io::stderr().is_terminal());
        let mut text = b"\n".to_vec();
        // Writing to a vector cannot fail, and nobody is told that standard error is closed.
        let all = all.into_iter().map(|summary| (summary, None));
        let room = Room { width: super::args::width(), lines: None, beneath: false };
        let _ = conversations::table(all, room, palette, names, &mut text);
        if left > 0 {
            let _ = writeln!(text, "and {left} more; `netlab conversations` lists them");
        }
        let _ = std::io::stderr().write_all(&text);
    }
}

/// Standard output without a buffer of its own: sinks gather what they write.
pub fn stdout() -> anyhow::Result<impl Write> {
    let descriptor = std::io::stdout().as_fd().try_clone_to_owned().context("cannot write to standard output")?;
    Ok(File::from(descriptor))
}

/// Passes on a number of packets, then stops the run.
pub struct Limited<S> {
    inner: S,
    left: u64,
}

impl<S: Sink> Limited<S> {
    pub fn new(inner: S, count: Option<u64>) -> Self {
        Self { inner, left: count.unwrap_or(u64::MAX) }
    }
}

impl<S: Sink> Sink for Limited<S> {
    #[inline]
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        if self.left == 0 {
            return Ok(Next::Stop);
        }
        self.left -= 1;
        let next = self.inner.packet(packet, known)?;
        Ok(if self.left == 0 { Next::Stop } else { next })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// Counts the packets that came this far.
pub struct Counted<S> {
    inner: S,
    pub packets: u64,
}

impl<S: Sink> Counted<S> {
    pub fn new(inner: S) -> Self {
        Self { inner, packets: 0 }
    }
}

impl<S: Sink> Sink for Counted<S> {
    #[inline]
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        self.packets += 1;
        self.inner.packet(packet, known)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_chooses_the_language_unless_told() {
        let code = |set: &[(&str, &str)]| {
            of_environment(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
                .code
        };
        assert_eq!(code(&[]), "en");
        assert_eq!(code(&[("LANG", "sr_RS@latin")]), "sr");
        assert_eq!(code(&[("LANG", "sr_RS"), ("LC_ALL", "pt_BR.UTF-8")]), "pt");
        assert_eq!(code(&[("LANG", "sr_RS"), ("LC_ALL", "C.UTF-8")]), "en");
        assert_eq!(code(&[("LANG", "sr_RS"), ("NETLAB_LANG", "en")]), "en");
        assert_eq!(code(&[("LC_ALL", ""), ("LANG", "pt")]), "pt");
    }
}
