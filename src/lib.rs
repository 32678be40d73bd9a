//! netlab shows what socket programs really put on the wire.
#![deny(unsafe_code)]

pub mod cli;
pub mod cmd;
pub mod exercise;
pub mod field;
pub mod filter;
pub mod flow;
pub mod frame;
pub mod io;
pub mod pipeline;
pub mod view;
pub mod wire;

/// Saying that a test cannot run on this machine, shared with the tests in `tests/`.
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

/// Runs one command line: `arguments` as the shell gave them, the program's name first.
///
/// Standard output gets data, standard error gets talk. The code is 0 done, 1 the answer is no, 2 could not,
/// 130 interrupted before anything was completed.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match cli::Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // clap prints help to standard output and mistakes to standard error; a closed pipe is nobody's fault.
            let _ = error.print();
            return if error.use_stderr() { cmd::Exit::CouldNot.into() } else { cmd::Exit::Done.into() };
        }
    };
    cmd::finish(cli.command.run())
}
