//! The command line: one line a command. What a command's options are stands with the command in `cmd`.

use clap::{Parser, Subcommand};

use crate::cmd;

/// Shows what socket programs really put on the wire.
///
/// This is not ipspace's netlab (netlab.tools), a different program of the same name.
#[derive(Debug, Parser)]
#[command(name = "netlab", version, propagate_version = true, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the completions of a shell
    Completions(cmd::completions::Args),
}

impl Command {
    /// Runs the command that was chosen.
    pub fn run(self) -> anyhow::Result<cmd::Exit> {
        match self {
            Self::Completions(args) => cmd::completions::run(args),
        }
    }
}
