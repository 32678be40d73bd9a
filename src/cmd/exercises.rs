//! `netlab exercises [NAME]`: what the course has, and the page of one exercise.

use std::io::{IsTerminal, Write};

use anyhow::bail;
use clap::ArgMatches;
use clap::builder::PossibleValuesParser;

use super::Exit;
use super::output::Color;
use crate::exercise::{self, Exercise, Log, Transcript};
use crate::view::style::Palette;
use crate::view::{escape, json, markdown, wrap};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The exercise whose page to show
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    match args.name {
        Some(name) => {
            let exercise = known(&name)?;
            markdown::render(
                &mut out,
                exercise.brief,
                super::args::width().min(100),
                Palette::new(args.color.on_stdout()),
            )?;
        }
        None => {
            // Whatever reads a pipe wants a line for each.
            let width = std::io::stdout().is_terminal().then(super::args::width);
            for exercise in exercise::ALL {
                let (name, transport) = (exercise.names.join(", "), exercise.transport.name());
                let heading = format!("{name:<22}  {transport:<3}  {:>5}  ", exercise.port);
                let room = width.map_or(usize::MAX, |width| width.saturating_sub(heading.len()).max(20));
                let mut rows = wrap::rows(exercise.teaches, room).into_iter();
                writeln!(out, "{heading}{}", rows.next().unwrap_or_default())?;
                rows.try_for_each(|row| writeln!(out, "{:>1$}{row}", "", heading.len()))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// The names that `demo` takes, for clap: a wrong one is answered with the list.
pub fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(exercise::ALL.iter().flat_map(|exercise| exercise.names).copied())
}

/// The exercise of that name, or an error that lists them.
pub fn known(name: &str) -> anyhow::Result<&'static Exercise> {
    let Some(exercise) = exercise::find(name) else {
        bail!("there is no exercise {name:?}; `netlab exercises` lists them");
    };
    Ok(exercise)
}

/// Adds a subcommand for each exercise, so that each has the options of its own; `None` from `options`: it has no such
/// side, which is said when it is asked for.
pub fn choices(
    command: clap::Command,
    options: impl Fn(&Exercise, clap::Command) -> Option<clap::Command>,
) -> clap::Command {
    let subcommands = exercise::ALL.iter().map(|exercise| {
        let plain = clap::Command::new(exercise.name())
            .visible_aliases(exercise.names.get(1..).unwrap_or_default().iter().copied())
            .about(exercise.teaches);
        // The structs of options bring a line of their own, which says nothing of the exercise.
        let told = options(exercise, plain.clone()).map(|command| command.about(exercise.teaches));
        told.unwrap_or_else(|| plain.hide(true))
    });
    let subcommands: Vec<_> = subcommands.collect();
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand_value_name("NAME")
        .subcommand_help_heading("Exercises")
        .subcommands(subcommands)
}

/// The exercise that [`choices`] let a person choose, and what was typed behind it.
pub fn chosen(matches: &ArgMatches) -> Result<(&'static Exercise, &ArgMatches), clap::Error> {
    let chosen = matches.subcommand().and_then(|(name, typed)| Some((exercise::find(name)?, typed)));
    chosen.ok_or_else(|| clap::Error::raw(clap::error::ErrorKind::MissingSubcommand, "which exercise?\n"))
}

/// What is said where an exercise has no such side.
pub fn refusal(instead: &str) -> clap::Error {
    clap::Error::raw(clap::error::ErrorKind::InvalidSubcommand, instead)
}

/// How an exercise's program talks.
#[derive(Debug, clap::Args)]
pub struct Talk {
    /// How to write what goes to standard error: sentences, or one JSON object a line
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Form::Text)]
    log: Form,
    /// Put the time before each line: what `demo` reads
    #[arg(long, hide = true)]
    stamp: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Form {
    Text,
    Json,
}

impl Talk {
    pub fn transcript(&self) -> Transcript {
        let log = match self.log {
            Form::Text => Log::Text,
            Form::Json => Log::Json(quoted),
        };
        Transcript::new(escape::text, self.stamp, log)
    }
}

fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    json::string(text.as_bytes(), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
