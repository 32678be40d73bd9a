//! `netlab bench`: measurements that teach, with real sockets on this machine.

mod buffers;
mod models;
mod server;

use super::Exit;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// How fast TCP carries data, against the sizes of sends, receives and of the kernel's buffers
    Buffers(buffers::Args),
    /// How the five models of a server compare, from one client to thousands
    Models(models::Args),
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    match args.what {
        What::Buffers(args) => buffers::run(args),
        What::Models(args) => models::run(args),
    }
}
