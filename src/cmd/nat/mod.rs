//! `netlab nat`: serve those who measure a NAT, measure one, say which two let each other's peers
//! meet, meet one, and work one out from captures.

mod correlate;
mod discover;
mod place;
mod predict;
mod punch;
mod serve;

use super::Exit;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Be a STUN server that also helps to find out how a NAT behaves (RFC 8489, RFC 5780)
    Serve(serve::Args),
    /// Find out how the NATs between here and a STUN server behave, and what that means
    Discover(discover::Args),
    /// Work out the translation table from captures of both its sides: bindings, what was changed, what was dropped
    Correlate(correlate::Args),
    /// Will two peers reach each other? From what discover said of each
    Predict(predict::Args),
    /// Meet another peer through a third machine, and reach it directly through the NATs between (UDP, TCP)
    Punch(punch::Args),
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    match args.command {
        Command::Serve(args) => serve::run(&args),
        Command::Discover(args) => discover::run(&args),
        Command::Correlate(args) => correlate::run(args),
        Command::Predict(args) => predict::run(&args),
        Command::Punch(args) => punch::run(&args),
    }
}
