//! `netlab client NAME`: the reference client of an exercise, for students' servers.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use super::{Exit, args, exercises};
use crate::exercise::{Answers, Transcript, Visit};
use crate::view::escape;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Plays the client's part once. What it asks for comes from the arguments where there are some, else from the terminal or \
from a pipe; the end of input ends it. Exit code 1: the server refused, broke off or did not answer.

  netlab client sync                    asks for the message
  netlab client sync \"Hi there\"         sends this one
  echo Hi | netlab client sync --host fe80::1%eth0 --port 9000")]
pub struct Args {
    /// The exercise; `netlab exercises` lists them
    #[arg(value_name = "NAME", value_parser = exercises::names())]
    name: String,
    /// Answers to what the client asks for, in order
    #[arg(value_name = "ANSWER")]
    answers: Vec<OsString>,
    /// Address or name of the server
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: String,
    /// Port of the server [default: the exercise's own]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// How long to wait for the connection, and for each answer of the server
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = args::duration)]
    timeout: Duration,
    /// Put the time before each line: what `demo` reads
    #[arg(long, hide = true)]
    stamp: bool,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let exercise = exercises::known(&args.name)?;
    let transcript = Transcript::new(escape::text, args.stamp);
    let mut visit = Visit {
        host: args.host,
        port: args.port.unwrap_or(exercise.port),
        timeout: args.timeout,
        answers: Answers::new(args.answers.into_iter().map(OsStringExt::into_vec).collect()),
    };
    match (exercise.client)(&mut visit, &transcript) {
        Ok(()) => Ok(Exit::Done),
        Err(error) if error.is_the_peers() => {
            transcript.note(&error.to_string());
            Ok(Exit::No)
        }
        Err(error) => Err(error.into()),
    }
}
