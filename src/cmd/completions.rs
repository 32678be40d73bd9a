//! `netlab completions SHELL`: the shell's completion script, made from the same description as the help.

use std::io::Write;

use clap::CommandFactory;

use super::Exit;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell to print completions for
    shell: clap_complete::Shell,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::cli::Cli::command(), "netlab", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(Exit::Done)
}
