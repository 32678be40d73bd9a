//! `netlab exercises [NAME]`: what the course has, and the page of one exercise.

use std::io::{IsTerminal, Write};

use anyhow::bail;
use clap::builder::PossibleValuesParser;

use super::Exit;
use crate::exercise::{self, Exercise};
use crate::view::markdown;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The exercise whose page to show
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    match args.name {
        Some(name) => {
            let exercise = known(&name)?;
            markdown::render(&mut out, exercise.brief, super::args::width().min(100), out_is_for_a_person())?;
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

fn out_is_for_a_person() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
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
