//! `netlab serve NAME`: the reference server of an exercise, for students' clients.

use std::time::Duration;

use super::{Exit, args, exercises};
use crate::exercise::{Error, Service, Stop, Transcript};
use crate::view::escape;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Serves client after client until Ctrl-C, then says how many. What the course's server prints goes to standard output; \
where it listens, and what is wrong with a client, to standard error.

  netlab serve sync                     on 127.0.0.1:8005
  netlab serve sync --host ::1          over IPv6
  netlab serve sync --port 0 --once     any free port, one client")]
pub struct Args {
    /// The exercise; `netlab exercises` lists them
    #[arg(value_name = "NAME", value_parser = exercises::names())]
    name: String,
    /// Address or name to listen on: 127.0.0.1 is this machine only, 0.0.0.0 and :: are open to the network
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: String,
    /// Port to listen on; 0: any free one, which is said [default: the exercise's own]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Serve one client, then end
    #[arg(long)]
    once: bool,
    /// How long a client may be silent before it is put out
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = args::duration)]
    idle: Duration,
    /// Clients served at the same time; further ones wait
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_clients: usize,
    /// Put the time before each line: what `demo` reads
    #[arg(long, hide = true)]
    stamp: bool,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let exercise = exercises::known(&args.name)?;
    let transcript = Transcript::new(escape::text, args.stamp);
    let service = Service {
        host: args.host,
        port: args.port.unwrap_or(exercise.port),
        once: args.once,
        idle: args.idle,
        max_clients: args.max_clients,
        stop: Stop::on_interrupt()?,
    };
    match (exercise.serve)(&service, &transcript) {
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
