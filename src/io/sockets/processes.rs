//! Which processes hold which sockets: /proc/PID/fd (proc_pid_fd(5)).
//!
//! Trap: descriptors of other users' processes may be read by root, or with CAP_SYS_PTRACE, only. Processes come and go
//! while this reads: one that has gone is left out.

use std::collections::HashMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use nix::dir::Dir;
use nix::fcntl::{OFlag, readlinkat};
use nix::sys::stat::Mode;

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
    by_inode: HashMap<u32, Vec<Holder>>,
    /// Processes whose descriptors this user may not read.
    pub hidden: usize,
}

impl Holders {
    /// Those of all processes that may be looked into.
    pub fn read() -> Self {
        let mut holders = Self::default();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                holders.process(pid, &entry.path());
            }
        }
        for each in holders.by_inode.values_mut() {
            each.sort_by_key(|holder| (holder.pid, holder.descriptor));
        }
        holders
    }

    /// Those of the socket with this inode, by process and descriptor.
    pub fn of(&self, inode: u32) -> &[Holder] {
        self.by_inode.get(&inode).map_or(&[], Vec::as_slice)
    }

    /// Every socket that somebody holds, by its inode.
    pub fn each(&self) -> impl Iterator<Item = (u32, &[Holder])> {
        self.by_inode.iter().map(|(inode, holders)| (*inode, holders.as_slice()))
    }

    fn process(&mut self, pid: i32, directory: &Path) {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut descriptors = match Dir::open(&directory.join("fd"), flags, Mode::empty()) {
            Ok(descriptors) => descriptors,
            Err(nix::errno::Errno::EACCES | nix::errno::Errno::EPERM) => {
                self.hidden += 1;
                return;
            }
            Err(_) => return,
        };
        let Ok(at) = nix::unistd::dup(&descriptors) else { return };
        let mut name: Option<Arc<str>> = None;
        for descriptor in descriptors.iter().flatten() {
            let Some(inode) = socket(&at, descriptor.file_name()) else { continue };
            let Some(number) = descriptor.file_name().to_str().ok().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let process = name.get_or_insert_with(|| {
                let name = fs::read(directory.join("comm")).unwrap_or_default();
                String::from_utf8_lossy(name.trim_ascii_end()).into()
            });
            let holder = Holder { pid, process: process.clone(), descriptor: number };
            self.by_inode.entry(inode).or_default().push(holder);
        }
    }
}

/// The inode of a link `socket:[123]`.
fn socket(directory: &OwnedFd, name: &std::ffi::CStr) -> Option<u32> {
    let target = readlinkat(directory, name).ok()?;
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}
