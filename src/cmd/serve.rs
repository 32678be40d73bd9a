//! `netlab serve NAME`: the reference server of an exercise, for students' clients.

use std::time::Duration;

use clap::ArgMatches;

use super::{Exit, exercises};
use crate::exercise::{Error, Exercise, Server, Service, Stop};
use crate::quantity;

const EXAMPLES: &str = "\
Serves client after client until Ctrl-C, then says how many. What the course's server prints goes to standard output; \
where it listens, and what is wrong with a client, to standard error.

  netlab serve sync                     on 127.0.0.1:8005
  netlab serve sync --host ::1          over IPv6
  netlab serve sync --any               for the network too
  netlab serve sync --port 0 --once     any free port, one client
  netlab serve sum --help               what this server alone can be told";

/// The server that was chosen, and what it is told.
#[derive(Debug)]
pub struct Args {
    exercise: &'static Exercise,
    server: Server,
    common: Common,
    typed: ArgMatches,
}

/// What every server takes.
#[derive(Debug, clap::Args)]
struct Common {
    /// Address or name to listen on: 127.0.0.1 is this machine only
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: String,
    /// Listen on every address of this machine, IPv6 and IPv4: the network can connect
    #[arg(long, conflicts_with = "host")]
    any: bool,
    /// Port to listen on; 0: any free one, which is said [default: the exercise's own]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Serve one client, then end
    #[arg(long)]
    once: bool,
    /// How long a client may be silent before it is put out
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = quantity::duration)]
    idle: Duration,
    /// Clients served at the same time; further ones wait
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_clients: usize,
    /// The longest line that a client may send
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = quantity::size)]
    max_line: u64,
    #[command(flatten)]
    talk: exercises::Talk,
}

impl clap::Args for Args {
    fn augment_args(command: clap::Command) -> clap::Command {
        exercises::choices(command.after_help(EXAMPLES), |exercise, command| {
            let server = exercise.server.ok()?;
            // An exercise may say better what an option means to it.
            Some((server.options)(Common::augment_args(command)))
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Args {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let (exercise, typed) = exercises::chosen(matches)?;
        let server = exercise.server.map_err(exercises::refusal)?;
        Ok(Self { exercise, server, common: Common::from_arg_matches(typed)?, typed: typed.clone() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let transcript = args.common.talk.transcript();
    let service = Service {
        host: (!args.common.any).then_some(args.common.host),
        port: args.common.port.unwrap_or(args.exercise.port),
        once: args.common.once,
        idle: args.common.idle,
        max_clients: args.common.max_clients,
        max_line: usize::try_from(args.common.max_line).unwrap_or(usize::MAX),
        stop: Stop::on_interrupt()?,
        typed: args.typed,
    };
    match (args.server.run)(&service, &transcript) {
        Ok(served) => {
            if !service.once {
                let clients = if served == 1 { "client" } else { "clients" };
                transcript.note(&format!("served {served} {clients}"));
            }
            Ok(Exit::Done)
        }
        Err(Error::Stopped) => Ok(Exit::Interrupted),
        Err(error) if error.is_the_peers() => {
            transcript.note(&error.to_string());
            Ok(Exit::No)
        }
        Err(error) => Err(error.into()),
    }
}
