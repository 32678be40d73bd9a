//! `netlab bench`: measurements that teach, with real sockets on this machine.

mod buffers;

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
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    match args.what {
        What::Buffers(args) => buffers::run(args),
    }
}
