//! Which processes hold which sockets: /proc/PID/fd (proc_pid_fd(5)).
//!
//! Trap: descriptors of other users' processes may be read by root, or with CAP_SYS_PTRACE, only. Processes come and go
//! while this reads: one that has gone is left out.

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;

use super::crew;

/// A process, and its descriptor of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: i32,
    /// The kernel's name of it (at most 15 bytes); whatever the program chose, so escape it before a terminal.
    pub process: Arc<str>,
    pub descriptor: i32,
}

/// Who holds what.
#[derive(Clone, Debug, Default)]
pub struct Holders {
    /// Inodes of sockets in ascending order, and who holds each, at the same place, by process and descriptor.
    inodes: Vec<u32>,
    holders: Vec<Holder>,
    /// Processes whose descriptors this user may not read.
    pub hidden: usize,
}

impl Holders {
    /// Those of all processes that may be looked into.
    pub fn read() -> Self {
        let number = |entry: fs::DirEntry| entry.file_name().to_str().and_then(|name| name.parse().ok());
        let processes = Mutex::new(fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(number));
        let mut parts = crew::together(|| {
            let mut part = Part::default();
            crew::each(&processes, |pid| part.process(pid));
            part
        });
        // A process with very many descriptors is no work for one alone.
        let large: Vec<Process> = parts.iter_mut().flat_map(|part| std::mem::take(&mut part.large)).collect();
        if !large.is_empty() {
            let pieces =
                large.iter().flat_map(|process| process.descriptors.chunks(LARGE).map(move |piece| (process, piece)));
            let pieces = Mutex::new(pieces);
            parts.extend(crew::together(|| {
                let mut part = Part::default();
                crew::each(&pieces, |(process, piece)| part.sockets(process, piece));
                part
            }));
        }
        let hidden = parts.iter().map(|part| part.hidden).sum();
        Self::sorted(parts.into_iter().flat_map(|part| part.found).collect(), hidden)
    }

    /// As [`read`](Self::read), in the calling thread alone: for who looks again and again beside other work.
    pub fn read_alone() -> Self {
        let number = |entry: fs::DirEntry| entry.file_name().to_str().and_then(|name| name.parse().ok());
        let mut part = Part::default();
        fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(number).for_each(|pid| part.process(pid));
        for process in std::mem::take(&mut part.large) {
            part.sockets(&process, &process.descriptors);
        }
        Self::sorted(part.found, part.hidden)
    }

    fn sorted(mut found: Vec<(u32, Holder)>, hidden: usize) -> Self {
        found.sort_unstable_by_key(|(inode, holder)| (*inode, holder.pid, holder.descriptor));
        let (inodes, holders) = found.into_iter().unzip();
        Self { inodes, holders, hidden }
    }

    /// Those of the socket with this inode, by process and descriptor.
    pub fn of(&self, inode: u32) -> &[Holder] {
        let start = self.inodes.partition_point(|other| *other < inode);
        let same = self.inodes.iter().skip(start).take_while(|other| **other == inode).count();
        self.holders.get(start..start + same).unwrap_or_default()
    }

    /// Every socket that somebody holds, by its inode.
    pub fn each(&self) -> impl Iterator<Item = (u32, &[Holder])> {
        let mut holders = self.holders.as_slice();
        self.inodes.chunk_by(|a, b| a == b).filter_map(move |same| {
            let (all, rest) = holders.split_at_checked(same.len())?;
            holders = rest;
            Some((*same.first()?, all))
        })
    }
}

/// More descriptors than this are shared out.
const LARGE: usize = 512;

/// A process that may be looked into.
struct Process {
    pid: i32,
    /// Its /proc/PID/fd.
    directory: OwnedFd,
    descriptors: Vec<i32>,
    name: OnceLock<Arc<str>>,
}

impl Process {
    fn open(pid: i32) -> nix::Result<Self> {
        let path = PathBuf::from(format!("/proc/{pid}/fd"));
        let mut entries = Dir::open(&path, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        let directory = nix::unistd::dup(&entries)?;
        let number = |entry: nix::dir::Entry| entry.file_name().to_str().ok().and_then(|name| name.parse().ok());
        let descriptors = entries.iter().flatten().filter_map(number).collect();
        Ok(Self { pid, directory, descriptors, name: OnceLock::new() })
    }

    /// Read once, and only of those that have sockets; by way of the directory, so that it is this process's and not
    /// that of another one with its number.
    fn name(&self) -> Arc<str> {
        let read = || {
            let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
            let mut name = Vec::new();
            if let Ok(file) = openat(&self.directory, "../comm", flags, Mode::empty()) {
                let _ = fs::File::from(file).read_to_end(&mut name);
            }
            String::from_utf8_lossy(name.strip_suffix(b"\n").unwrap_or(&name)).into()
        };
        self.name.get_or_init(read).clone()
    }

    /// The inode of the socket that a descriptor is: its link reads `socket:[123]`.
    fn socket(&self, descriptor: i32) -> Option<u32> {
        let target = readlinkat(&self.directory, descriptor.to_string().as_str()).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    }
}

/// What one thread found.
#[derive(Default)]
struct Part {
    found: Vec<(u32, Holder)>,
    /// Not looked into yet.
    large: Vec<Process>,
    hidden: usize,
}

impl Part {
    fn process(&mut self, pid: i32) {
        match Process::open(pid) {
            Ok(process) if process.descriptors.len() > LARGE => self.large.push(process),
            Ok(process) => self.sockets(&process, &process.descriptors),
            Err(Errno::EACCES | Errno::EPERM) => self.hidden += 1,
            Err(_) => {}
        }
    }

    fn sockets(&mut self, process: &Process, descriptors: &[i32]) {
        for descriptor in descriptors {
            if let Some(inode) = process.socket(*descriptor) {
                let holder = Holder { pid: process.pid, process: process.name(), descriptor: *descriptor };
                self.found.push((inode, holder));
            }
        }
    }
}
