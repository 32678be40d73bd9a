//! `netlab demo NAME`: both programs of an exercise in a private network, and the wire between them. Without root.

mod programs;

use std::path::PathBuf;
use std::time::Duration;

use super::{Exit, exercises, inside};
use crate::io::netns::{self, Side};
use programs::Program;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The exercise; `netlab exercises` lists them
    #[arg(value_name = "NAME", value_parser = exercises::names())]
    name: String,
    /// Keep the packets in a file as well (.pcap or .pcapng)
    #[arg(short, long, value_name = "FILE")]
    write: Option<PathBuf>,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let mut again = vec!["demo".into(), args.name.into()];
    if let Some(file) = args.write {
        again.extend(["--write".into(), file.into_os_string()]);
    }
    inside::become_inside(again)
}

pub fn run_inside(args: Args) -> anyhow::Result<Exit> {
    match netns::enter() {
        Ok(Side::Outside(code)) => Ok(match code {
            0 => Exit::Done,
            1 => Exit::No,
            130 => Exit::Interrupted,
            _ => Exit::CouldNot,
        }),
        Ok(Side::Inside) => show(&args),
        Err(netns::Error::Refused(refusal)) => {
            eprintln!("netlab: {refusal}; to allow it:\n    {}", refusal.remedy());
            Ok(Exit::CouldNot)
        }
        Err(error) => Err(error.into()),
    }
}

fn show(args: &Args) -> anyhow::Result<Exit> {
    let exercise = exercises::known(&args.name)?;
    let mut server = Program::start(exercise.roles.server, ["serve", exercise.name(), "--once", "--stamp"])?;
    server.wait_until_it_says("listens on", Duration::from_secs(5))?;
    let words = ["client", exercise.name(), "--stamp", "--"];
    let client = Program::start(exercise.roles.client, words.iter().chain(exercise.script))?;
    let client = client.finish(Duration::from_secs(10))?;
    let server = server.finish(Duration::from_secs(10))?;
    let mut lines: Vec<_> = [&client, &server]
        .into_iter()
        .flat_map(|program| program.printed.iter().map(|line| (line.time, program.role, line.text.as_str())))
        .collect();
    lines.sort();
    for (_, role, text) in lines {
        println!("{role} │ {}", super::args::visible(text));
    }
    Ok(Exit::Done)
}
