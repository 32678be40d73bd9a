//! `--no-process`, `--process` and `--pid`: which program is at an end of a packet, live, and packets by it.

use std::path::Path;

use anyhow::Context;

use crate::io::privilege::{self, Capability, Standing};
use crate::io::sockets::owners::{self, Opened, Owners};
use crate::process::{End, Ends};

/// Which programs' packets are wanted.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Wanted {
    /// Packets of the program of this name, either end (live, or from a file in which capture -w noted it)
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    process: Vec<String>,
    /// Packets of the process with this number, either end
    #[arg(long, value_name = "P", value_delimiter = ',')]
    pid: Vec<u32>,
}

impl Wanted {
    /// Whether all packets are wanted, whosever they are.
    pub fn takes_all(&self) -> bool {
        self.process.is_empty() && self.pid.is_empty()
    }

    /// Whose a packet is need be known only where not all are wanted.
    pub fn looking(&self) -> Looking {
        Looking { no_process: self.takes_all() }
    }

    #[inline]
    pub fn takes(&self, ends: &Ends) -> bool {
        self.takes_all() || ends.each().any(|end| self.names(end))
    }

    pub fn takes_either(&self, ends: &[Option<End>; 2]) -> bool {
        self.takes_all() || ends.iter().flatten().any(|end| self.names(end))
    }

    fn names(&self, end: &End) -> bool {
        // The kernel knows no more than the first bytes of a name, and so does an end.
        let same = |name: &String| End::new(name.as_bytes(), None, end.certainty).name() == end.name();
        (end.name().is_some() && self.process.iter().any(same)) || end.pid().is_some_and(|pid| self.pid.contains(&pid))
    }
}

/// Whether programs are looked for at all.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Looking {
    /// Do not look which programs send and receive; gives up the capabilities that takes, too
    #[arg(long, conflicts_with_all = ["process", "pid"])]
    no_process: bool,
}

/// The ways to the kernel that tell whose a socket is, open but not yet used; or none.
pub struct Programs(Option<Opened>);

impl Looking {
    /// Opens what it takes, in this network namespace. Where the kernel refuses, `note` is told, and packets come
    /// without their programs.
    pub fn open(self, note: impl FnOnce(&str)) -> Programs {
        if self.no_process {
            return Programs(None);
        }
        match owners::open() {
            Ok(opened) => Programs(Some(opened)),
            Err(error) => {
                note(&format!("{error}: which programs send and receive is not known"));
                Programs(None)
            }
        }
    }
}

impl Programs {
    pub fn are_sought(&self) -> bool {
        self.0.is_some()
    }

    /// Gives up every privilege but those that looking takes; `note` is told what is kept, once.
    pub fn give_up_the_rest(&self, mut note: impl FnMut(&str)) -> anyhow::Result<()> {
        let wanted: &[Capability] = if self.are_sought() { privilege::LOOK_INTO_PROCESSES } else { &[] };
        let (standing, kept) = privilege::give_up_but(wanted).context("cannot give up privileges")?;
        if standing == Standing::StillRoot {
            note("root, and not through sudo: there is no other user to become; its capabilities are given up");
        }
        let names: Vec<&str> = kept.iter().map(|kept| kept.name()).collect();
        if self.are_sought() && names.len() == wanted.len() {
            let names = names.join(" and ");
            note(&format!("kept {names}, to see which program holds a socket; --no-process gives them up too"));
        } else if self.are_sought() {
            note("of the programs, only your own are named: for those of others it takes sudo");
        }
        Ok(())
    }

    /// Starts to look.
    pub fn start(self) -> anyhow::Result<Option<Owners>> {
        self.0.map(Opened::start).transpose().context("cannot start a thread for the sockets")
    }
}

/// Whether a file of this name can hold which programs its packets belong to.
pub fn can_be_noted_in(path: &Path) -> bool {
    path.extension().is_none_or(|ending| ending != "pcap")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Certainty;

    #[test]
    fn a_program_is_wanted_by_name_or_number_at_either_end() {
        let ends = Ends { source: None, destination: Some(End::new(b"isolated-web-co", Some(7), Certainty::Exact)) };
        let wanted = |process: &[&str], pid: &[u32]| {
            let process = process.iter().map(|name| (*name).to_owned()).collect();
            Wanted { process, pid: pid.to_vec() }.takes(&ends)
        };
        assert!(wanted(&[], &[]) && wanted(&["isolated-web-content"], &[]) && wanted(&["nc"], &[7]));
        assert!(!wanted(&["isolated"], &[]) && !wanted(&[], &[8]));
        assert!(
            !Wanted { process: vec![String::new()], pid: vec![0] }.takes(&Ends { source: Some(End::UNKNOWN), ..ends })
        );
    }
}
