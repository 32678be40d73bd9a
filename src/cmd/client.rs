//! `netlab client NAME`: the reference client of an exercise, for students' servers.

use std::ffi::OsString;
use std::net::IpAddr;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use clap::ArgMatches;

use super::{Exit, exercises};
use crate::exercise::{Answers, Client, Exercise, Visit};
use crate::quantity;

const EXAMPLES: &str = "\
Plays the client's part once. What it asks for comes from the arguments where there are some, else from the terminal or \
from a pipe; the end of input ends it. Exit code 1: the server refused, broke off or did not answer.

  netlab client sync                    asks for the message
  netlab client sync \"Hi there\"         sends this one
  echo Hi | netlab client sync --host fe80::1%eth0 --port 9000";

/// The client that was chosen, and what it is told.
#[derive(Debug)]
pub struct Args {
    exercise: &'static Exercise,
    client: Client,
    common: Common,
    typed: ArgMatches,
}

/// What every client takes.
#[derive(Debug, clap::Args)]
struct Common {
    /// Answers to what the client asks for, in order
    #[arg(value_name = "ANSWER", allow_negative_numbers = true)]
    answers: Vec<OsString>,
    /// Address or name of the server
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: String,
    /// Port of the server [default: the exercise's own]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Address of this machine to send from [default: the system's choice]
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// How long to wait for the connection, and for each answer of the server
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = quantity::duration)]
    timeout: Duration,
    #[command(flatten)]
    talk: exercises::Talk,
}

impl clap::Args for Args {
    fn augment_args(command: clap::Command) -> clap::Command {
        exercises::choices(command.after_help(EXAMPLES), |exercise, command| {
            let client = exercise.client.ok()?;
            Some((client.options)(Common::augment_args(command)))
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Args {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let (exercise, typed) = exercises::chosen(matches)?;
        let client = exercise.client.map_err(exercises::refusal)?;
        Ok(Self { exercise, client, common: Common::from_arg_matches(typed)?, typed: typed.clone() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let transcript = args.common.talk.transcript();
    let mut visit = Visit {
        host: args.common.host,
        port: args.common.port.unwrap_or(args.exercise.port),
        from: args.common.from,
        timeout: args.common.timeout,
        answers: Answers::new(args.common.answers.into_iter().map(OsStringExt::into_vec).collect()),
        typed: args.typed,
    };
    match (args.client.run)(&mut visit, &transcript) {
        Ok(()) => Ok(Exit::Done),
        Err(error) if error.is_the_peers() => {
            transcript.note(&error.to_string());
            Ok(Exit::No)
        }
        Err(error) => Err(error.into()),
    }
}
