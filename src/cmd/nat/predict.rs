//! `netlab nat predict`: will two peers reach each other, from what `discover --json` said of each.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::cmd::output::stdout;
use crate::cmd::{Exit, args};
use crate::engine::nat::{Dependence, Hairpinning};
use crate::engine::nat_behaviour::predict::{Side, predict};
use crate::view::nat;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each file is what `netlab nat discover --json` printed (`-`: standard input, for one of them); only \
    mapping, filtering, hairpin and external are looked at.\n\
    Exit status: 0 they will reach each other, 1 they will not, 2 it cannot be told.\n\n  \
    netlab nat discover stun.example.org --json > mine.json\n  \
    netlab nat predict mine.json theirs.json"
)]
pub struct Args {
    /// What discover said of the one
    #[arg(value_name = "A")]
    a: PathBuf,
    /// What discover said of the other
    #[arg(value_name = "B")]
    b: PathBuf,
    /// One JSON object: works (true, false, or null where it cannot be told) and why
    #[arg(long)]
    json: bool,
}

/// More than any report.
const MOST_BYTES: u64 = 1 << 20;

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let [a, b] = [&args.a, &args.b].map(|path| side(path).with_context(|| format!("cannot use {}", path.display())));
    let told = predict(&a?, &b?);
    let mut out = Vec::new();
    nat::prediction(&told, args.json, args::room(), &mut out);
    stdout()?.write_all(&out)?;
    Ok(match told.works {
        Some(true) => Exit::Done,
        Some(false) => Exit::No,
        None => Exit::CouldNot,
    })
}

fn side(path: &Path) -> anyhow::Result<Side> {
    read(&text(path)?)
}

/// What a report says of this side, and how long a mapping lives at least, if that was measured.
pub fn known(path: &Path) -> anyhow::Result<(Side, Option<Duration>)> {
    let text = text(path)?;
    let side = read(&text)?;
    let report: Value = serde_json::from_str(&text).context("it is no JSON")?;
    let lower = report.get("lifetime_s").and_then(|bounds| bounds.get(0)).and_then(Value::as_f64);
    Ok((side, lower.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).filter(|lower| !lower.is_zero())))
}

fn text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().take(MOST_BYTES).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(path)?.take(MOST_BYTES).read_to_string(&mut text)?;
    }
    Ok(text)
}

fn read(text: &str) -> anyhow::Result<Side> {
    let report: Value = serde_json::from_str(text).context("it is no JSON")?;
    let word = |key: &str| -> anyhow::Result<Option<String>> {
        match report.get(key) {
            None => bail!("it has no '{key}': is it what discover --json printed?"),
            Some(Value::Null) => Ok(None),
            Some(Value::String(word)) => Ok(Some(word.clone())),
            Some(_) => bail!("its '{key}' is no word"),
        }
    };
    let dependence = |key: &str| -> anyhow::Result<Option<Option<Dependence>>> {
        Ok(match word(key)?.as_deref() {
            None => None,
            Some("none") => Some(None),
            Some(name) => {
                let known = Dependence::of_name(name);
                Some(Some(known.with_context(|| format!("its '{key}' is none of the words that discover says"))?))
            }
        })
    };
    let hairpin = match word("hairpin")?.as_deref() {
        None => None,
        Some(name) => Some(Hairpinning::of_name(name).context("its 'hairpin' is neither off, external nor internal")?),
    };
    let external = word("external")?.and_then(|end| end.parse::<SocketAddr>().ok()).map(|end| end.ip());
    Ok(Side { mapping: dependence("mapping")?, filtering: dependence("filtering")?, external, hairpin })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_discover_prints_and_says_what_else_it_was_given() {
        let text = r#"{"mapping":"none","filtering":null,"hairpin":"off","external":"203.0.113.1:9","more":[1]}"#;
        let side = read(text).unwrap();
        assert_eq!((side.mapping, side.filtering, side.hairpin), (Some(None), None, Some(Hairpinning::Off)));
        for (wrong, why) in [("[", "JSON"), ("{}", "no 'hairpin'"), (&text.replace("none", "nine"), "'mapping'")] {
            assert!(format!("{:#}", read(wrong).unwrap_err()).contains(why), "{wrong}");
        }
    }
}
