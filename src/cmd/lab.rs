//! `netlab lab`: a virtual LAN on this machine, built, shown, used, and gone without a trace.

mod capture;
mod check;
pub mod place;
mod run;
mod show;
mod up;
mod wishes;

use std::path::Path;

use anyhow::{Context, anyhow, bail};

use super::{Exit, output};
use crate::io::lab::{Error, Lab};
use crate::io::netns;
use crate::lab::{Topology, file, preset};
use crate::view::escape;

pub use up::{Inside, run_inside};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Hosts, switches and routers are network namespaces of one process that nobody but you can reach; root is not needed. \
When that process ends, all of it is gone.

  netlab lab up two-nats --nat symmetric
  netlab lab run srv -- netlab serve udp-reply --any &
  netlab lab run a1 -- netlab client udp-reply srv
  netlab lab shell nat-a
  netlab lab down")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Build a lab: home, two-nats, cgnat, switch, or one that a file describes
    Up(Box<up::Args>),
    /// Draw the lab that is up, or one that could be
    Show(show::Args),
    /// Run a program on a host; its exit code is the program's
    Run(run::Args),
    /// Open a shell on a host
    Shell(run::ShellArgs),
    /// Show the packets on every segment at once, and save them
    Capture(Box<capture::Args>),
    /// Draw them as a sequence chart; at the end with what the NATs rewrote on each arrow
    Ladder(Box<capture::Args>),
    /// See that the lab is whole, or that nothing is left of one
    Check(check::Args),
    /// End the lab with all that runs in it
    Down(DownArgs),
}

/// Which of several labs.
#[derive(Clone, Debug, clap::Args)]
pub struct Named {
    /// The lab's name, where there are several
    #[arg(long, value_name = "NAME", default_value = "lab", value_parser = name)]
    name: String,
}

fn name(text: &str) -> Result<String, String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    match (1..=32).contains(&text.len()) && text.chars().all(plain) {
        true => Ok(text.to_owned()),
        false => Err("1 to 32 letters, digits, - and _, please".to_owned()),
    }
}

#[derive(Debug, clap::Args)]
struct DownArgs {
    #[command(flatten)]
    named: Named,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    match args.action {
        Action::Up(args) => up::run(*args),
        Action::Show(args) => show::run(&args),
        Action::Run(args) => run::run(&args),
        Action::Shell(args) => run::shell(&args),
        Action::Capture(args) => capture::run(&args),
        Action::Ladder(args) => capture::run(&args.drawn()),
        Action::Check(args) => check::run(&args),
        Action::Down(args) => down(&args),
    }
}

fn down(args: &DownArgs) -> anyhow::Result<Exit> {
    let Some(lab) = Lab::find(&args.named.name).map_err(told)? else {
        eprintln!("netlab: no lab is up{}", others(&args.named));
        return Ok(Exit::No);
    };
    if !lab.down().map_err(told)? {
        bail!("the lab does not end: see `netlab lab check`");
    }
    Ok(Exit::Done)
}

/// The lab that is up, which has to be.
fn found(named: &Named) -> anyhow::Result<Lab> {
    let missing = || anyhow!("no lab is up{}; `netlab lab up home` builds one", others(named));
    Lab::find(&named.name).map_err(told)?.ok_or_else(missing)
}

/// Other labs of this user, for who has forgotten a name.
fn others(named: &Named) -> String {
    let mut names = crate::io::lab::running();
    names.retain(|name| *name != named.name);
    match names.is_empty() {
        true => String::new(),
        false => format!(" by the name {}, but: {}", named.name, names.join(", ")),
    }
}

/// A preset by its name, or a file.
fn read(lab: &str) -> anyhow::Result<Topology> {
    if let Some(preset) = preset::of_name(lab) {
        return file::read(preset.text).with_context(|| format!("the preset {lab}"));
    }
    let path = Path::new(lab);
    if !lab.contains(['/', '.']) && !path.exists() {
        let names: Vec<&str> = preset::ALL.iter().map(|preset| preset.name).collect();
        bail!("there is no lab {}; there are {}, or name a file", escape::text(lab), names.join(", "));
    }
    let text = limited(path).with_context(|| format!("cannot read {}", escape::text(lab)))?;
    file::read(&text).map_err(|error| anyhow!("{}: {}", escape::text(lab), escape::text(&error.to_string())))
}

/// No more of a file than a lab can have: it could be /dev/zero.
fn limited(path: &Path) -> anyhow::Result<String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(file::LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    String::from_utf8(bytes).context("it is no text")
}

/// Whose kernel refuses is told what to type.
pub fn told(error: Error) -> anyhow::Error {
    match error {
        Error::Namespaces(netns::Error::Refused(refusal)) => {
            anyhow!("{refusal}; to allow it:\n    {}", refusal.remedy())
        }
        other => anyhow!("{}", escape::text(&other.to_string())),
    }
}

/// How a lab is drawn on standard output.
fn palette(color: output::Color) -> crate::view::style::Palette {
    crate::view::style::Palette::new(color.on_stdout())
}
