//! `netlab lab show`: the lab as a drawing, or as the file that builds it.

use std::io::Write;

use super::{Named, found, palette, read};
use crate::cmd::output::Color;
use crate::cmd::{Exit, args};
use crate::lab::{file, preset};
use crate::view;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A lab that need not be up: home, two-nats, cgnat, switch, or a file
    #[arg(value_name = "LAB")]
    lab: Option<String>,
    #[command(flatten)]
    named: Named,
    /// Print the file that describes it
    #[arg(long)]
    toml: bool,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    if let Some(preset) = args.lab.as_deref().filter(|_| args.toml).and_then(preset::of_name) {
        // As it was written, with what it says beside it.
        out.write_all(preset.text.as_bytes())?;
        return Ok(Exit::Done);
    }
    let topology = match &args.lab {
        Some(lab) => read(lab)?,
        None => found(&args.named)?.topology,
    };
    match args.toml {
        true => out.write_all(file::write(&topology).as_bytes())?,
        false => view::lab::draw(&topology, args::width(), palette(args.color), &mut out)?,
    }
    Ok(Exit::Done)
}
