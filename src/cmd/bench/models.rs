//! `netlab bench models`: the five server models under load, beside each other.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ValueEnum;

use super::server::Server;
use crate::cmd::output::Color;
use crate::cmd::{Exit, args};
use crate::exercise::Stop;
use crate::exercise::many::Model;
use crate::exercise::many::load::{self, Asking};
use crate::io::limits;
use crate::io::usage::Machine;
use crate::quantity;
use crate::view::models::{self, Figures, Row};
use crate::view::style::Palette;

/// Descriptors of this program beside its clients'.
const OWN_DESCRIPTORS: u64 = 64;

/// The most clients of select(2): its set has 1,024 places, and some are the server's own.
const SELECT: usize = 1000;

/// Above this share of the processors for other programs the figures are worth little.
const BUSY: f64 = 0.15;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each server is a process of its own, on loopback; the clients are one thread of this one. So both share the machine, and \
figures are for comparing models in one run, not machines. CPU, memory, threads and context switches are the server's \
alone. A clients' next request follows its last answer; `--exercise echo-many` keeps its connections, so that all clients \
are in conversation at once.

  netlab bench models
  netlab bench models --clients 1,100,1000 --duration 5s --svg models.svg
  netlab bench models --exercise echo-many --model thread --model selectors")]
pub struct Args {
    /// The server to put under load
    #[arg(long, value_enum, default_value_t = Bench::HttpHello, value_name = "NAME")]
    exercise: Bench,
    /// The models to compare [default: all five]
    #[arg(long = "model", value_enum, value_delimiter = ',', value_name = "MODEL")]
    models: Vec<Model>,
    /// How many clients at once
    #[arg(
        long, value_name = "N,...", value_delimiter = ',', default_value = "1,10,100,1000,5000",
        value_parser = clap::value_parser!(u32).range(1..=20_000)
    )]
    clients: Vec<u32>,
    /// How long each model is under load with each number of clients; the first fifth of it is not counted
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = quantity::duration)]
    duration: Duration,
    /// Also draw the figures over the clients into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// One JSON object a row
    #[arg(long)]
    json: bool,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

/// The servers that have models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Bench {
    HttpHello,
    Hits,
    EchoMany,
}

impl Bench {
    fn name(self) -> &'static str {
        match self {
            Self::HttpHello => "http-hello",
            Self::Hits => "hits",
            Self::EchoMany => "echo-many",
        }
    }

    fn asking(self) -> Asking {
        if self == Self::EchoMany { Asking::Echo } else { Asking::Http }
    }
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let models = if args.models.is_empty() { Model::value_variants().to_vec() } else { args.models };
    let mut counts: Vec<usize> = args.clients.iter().map(|clients| *clients as usize).collect();
    counts.sort_unstable();
    counts.dedup();
    let stop = Stop::on_interrupt().context("cannot watch for Ctrl-C")?;
    let wanted = counts.last().map_or(0, |most| *most as u64) + OWN_DESCRIPTORS;
    let allowed = limits::descriptors(wanted).saturating_sub(OWN_DESCRIPTORS);

    // Now, and not after a minute of work.
    let svg = match &args.svg {
        Some(path) => Some(File::create(path).with_context(|| format!("cannot write {}", path.display()))?),
        None => None,
    };
    let mut rows = Vec::new();
    let total = counts.len() * models.len();
    let machine = Machine::now();
    'measuring: for clients in counts {
        for model in &models {
            let name = model_name(*model);
            if std::io::stderr().is_terminal() {
                eprint!("\r\x1b[Knetlab: {} of {total}: {name} with {clients} clients", rows.len() + 1);
            }
            let result = if *model == Model::Select && clients > SELECT {
                Err("select(2) watches descriptors below 1024 only (FD_SETSIZE)".to_owned())
            } else if clients as u64 > allowed {
                let needed = clients as u64 + OWN_DESCRIPTORS;
                Err(format!(
                    "the system allows {allowed} clients and {OWN_DESCRIPTORS} files more; as root, `ulimit -n {needed}` \
                     before this command in the same shell allows more"
                ))
            } else {
                match measure(args.exercise, name, clients, args.duration, &stop) {
                    // Its end may be ours: Ctrl-C goes to the server as well.
                    _ if stop.pause(Duration::ZERO).is_err() => break 'measuring,
                    result => Ok(result?),
                }
            };
            rows.push(Row { model: name, clients, result });
        }
    }
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    if rows.len() < total {
        eprintln!("netlab: stopped after {} of {total} measurements", rows.len());
    }
    if let Some(share) = machine.and_then(|machine| machine.share_of_others()).filter(|share| *share > BUSY) {
        eprintln!(
            "netlab: other programs had {:.0} % of the processors meanwhile; measure again when they rest",
            share * 100.0
        );
    }
    if rows.iter().all(|row| row.result.is_err()) {
        let why = rows.into_iter().find_map(|row| row.result.err());
        return why.map_or(Ok(Exit::Done), |why| bail!("nothing could be measured: {why}"));
    }

    if let (Some(file), Some(path)) = (svg, &args.svg) {
        let mut file = BufWriter::new(file);
        models::svg(&rows, &mut file)
            .and_then(|()| file.flush())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut out = BufWriter::new(crate::cmd::output::stdout()?);
    if args.json {
        models::json(&rows, &mut out)?;
    } else {
        models::write(&rows, args::width(), Palette::new(args.color.on_stdout()), &mut out)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn model_name(model: Model) -> &'static str {
    match model {
        Model::Sequential => "sequential",
        Model::Thread => "thread",
        Model::Select => "select",
        Model::Selectors => "selectors",
        Model::Async => "async",
    }
}

/// One server from its start to its end.
fn measure(
    exercise: Bench,
    model: &'static str,
    clients: usize,
    duration: Duration,
    stop: &Stop,
) -> anyhow::Result<Figures> {
    let server = Server::start(exercise.name(), model)?;
    let address = server.address();
    let load = load::run(address, exercise.asking(), clients, duration, stop);
    let cost = server.end()?;
    let load = load.context("cannot put the server under load")?;
    if load.answered + load.before == 0 && load.failed > 0 {
        bail!("no request to {} with --model {model} was answered:\n{}", exercise.name(), cost.talk);
    }
    let answers = (load.answered + load.before).max(1);
    Ok(Figures {
        rate: load.answered as f64 / load.elapsed.as_secs_f64().max(1e-6),
        p50: load.latency.quantile(0.5),
        p99: load.latency.quantile(0.99),
        work: cost.spent.time.div_f64(answers as f64),
        memory: cost.most.memory,
        threads: cost.most.threads,
        switches: cost.spent.switches as f64 / answers as f64,
        served: load.clients_served,
        failed: load.failed,
    })
}
