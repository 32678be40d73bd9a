//! `netlab exercises [NAME]`: what the course has, and the page of one exercise.

use std::io::Write;

use anyhow::bail;
use clap::builder::PossibleValuesParser;

use super::Exit;
use super::output::Color;
use crate::exercise::{self, Exercise};
use crate::view::markdown;
use crate::view::style::Palette;

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
            for exercise in exercise::ALL {
                let (name, transport) = (exercise.names.join(", "), exercise.transport.name());
                writeln!(out, "{name:<12} {transport:<4} {:>5}  {}", exercise.port, exercise.teaches)?;
            }
        }
    }
    Ok(Exit::Done)
}

/// The names that `serve`, `client` and `demo` take, for clap: a wrong one is answered with the list.
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
