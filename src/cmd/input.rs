//! The capture files that a command reads: one, several merged by time, or standard input.

use std::path::PathBuf;

use crate::frame::{Error, Source};
use crate::io::file;
use crate::pipeline::Merge;

#[derive(Debug, clap::Args)]
pub struct Input {
    /// Capture files (pcap, pcapng, gzip of either), merged by time; - is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A capture file, as tcpdump and tshark want it
    #[arg(short = 'r', id = "also", value_name = "FILE", hide = true)]
    also: Vec<PathBuf>,
}

impl Input {
    pub fn is_empty(&self) -> bool {
        self.paths().next().is_none()
    }

    /// An error where none is given.
    pub fn required(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.is_empty(), "which capture? give a FILE, or - for standard input");
        Ok(())
    }

    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().chain(&self.also)
    }

    /// Whether all are regular files: nobody waits for the next packet, so it may be read ahead.
    pub fn is_at_hand(&self) -> bool {
        self.paths().all(|path| path.as_os_str() != "-" && path.is_file())
    }

    /// Opens all of them.
    pub fn open(&self) -> Result<Box<dyn Source + Send>, Error> {
        let mut sources = Vec::new();
        for path in self.paths() {
            sources.push(if path.as_os_str() == "-" { file::open_stdin()? } else { file::open(path)? });
        }
        Ok(match (sources.len(), sources.pop()) {
            (1, Some(only)) => Box::new(only),
            (_, last) => Box::new(Merge::new(sources.into_iter().chain(last).collect())),
        })
    }
}
