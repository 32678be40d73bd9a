//! `netlab lab up`: reads what is wanted, starts the process that builds and keeps it, and waits until it is up.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, anyhow, bail};

use super::wishes::Wishes;
use super::{Named, found, palette, read, told};
use crate::cmd::output::Color;
use crate::cmd::{Exit, args};
use crate::io::lab::{self, Lab, READY};
use crate::lab::operation::{self, Operation};
use crate::lab::topology::By;
use crate::lab::{Topology, file};
use crate::view;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every option about NATs may name one of them: --nat nat-b=symmetric, --udp-timeout nat-a=5s. `netlab lab show home --toml`\
\nprints a file to begin with.")]
pub struct Args {
    /// home, two-nats, cgnat, switch, or a file (TOML)
    #[arg(value_name = "LAB")]
    lab: String,
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    wishes: Wishes,
    /// Print the commands that would do the same, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

/// What the process is told that keeps the lab; the file comes on its standard input.
#[derive(Debug, clap::Args)]
pub struct Inside {
    #[command(flatten)]
    named: Named,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let began = Instant::now();
    let mut topology = read(&args.lab)?;
    args.wishes.apply(&mut topology)?;
    let plan = operation::plan(&topology, lab::nft().is_some() || args.dry_run)?;
    for step in &plan.operations {
        if let Operation::Translate { node, .. } = step {
            topology.hosts.iter_mut().filter(|host| host.name == *node).for_each(|host| {
                host.nat.iter_mut().for_each(|nat| nat.by = Some(By::Netlab));
            });
        }
    }
    let text = file::write(&topology);
    if text.len() > file::LARGEST {
        bail!("{} is too much for one lab", args.lab);
    }
    if args.dry_run {
        return print(&plan);
    }
    if let Some(lab) = Lab::find(&args.named.name).map_err(told)? {
        bail!("a lab is up already ({}); `netlab lab down` ends it, or --name another", lab.topology.title);
    }
    start(&args, &text)?;
    let lab = found(&args.named)?;
    let mut out = std::io::stdout().lock();
    view::lab::draw(&lab.topology, args::width(), palette(args.color), &mut out)?;
    out.flush()?;
    args::talk(&hint(&topology, &args.named, began));
    Ok(Exit::Done)
}

fn hint(topology: &Topology, named: &Named, began: Instant) -> String {
    let host = topology.hosts.first().map_or("HOST", |host| host.name.as_str());
    let name = if named.name == "lab" { String::new() } else { format!(" --name {}", named.name) };
    format!(
        "netlab: up in {:.2} s; `netlab lab shell{name} {host}` is a shell there, `netlab lab down{name}` ends it",
        began.elapsed().as_secs_f64()
    )
}

fn print(plan: &operation::Plan) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    for operation in &plan.operations {
        writeln!(out, "{operation}")?;
    }
    writeln!(out, "\n# and what undoes it:")?;
    for operation in plan.undo() {
        writeln!(out, "{operation}")?;
    }
    Ok(Exit::Done)
}

/// Starts the process that keeps the lab; returns once it is up.
fn start(args: &Args, text: &str) -> anyhow::Result<()> {
    let (from, to) = std::io::pipe()?;
    // The same program even where its file has been replaced meanwhile.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("netlab").args(["__inside", "lab", "--name", &args.named.name]);
    command.args(["--seed", &args.wishes.seed().to_string()]);
    command.stdin(Stdio::piped()).stdout(to.try_clone()?).stderr(to);
    let mut child = command.spawn().context("cannot start netlab anew (is /proc mounted?)")?;
    // Else our own end would keep the pipe open.
    drop(command);
    // Who ends before it has read all says why.
    let _ = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(text.as_bytes()));
    let mut from = BufReader::new(from);
    let mut said = String::new();
    from.read_line(&mut said)?;
    if said.trim_end() == READY {
        return Ok(());
    }
    from.read_to_string(&mut said)?;
    child.wait()?;
    let said = said.trim();
    Err(anyhow!("{}", said.strip_prefix("netlab: ").unwrap_or(said)))
}

/// In the process that keeps the lab, which has a single thread.
pub fn run_inside(args: &Inside) -> anyhow::Result<Exit> {
    let mut text = String::new();
    std::io::stdin().take(file::LARGEST as u64).read_to_string(&mut text)?;
    let topology = file::read(&text)?;
    let plan = operation::plan(&topology, lab::nft().is_some())?;
    lab::keep(&args.named.name, &topology, &plan, args.seed).map_err(told)?;
    Ok(Exit::Done)
}
