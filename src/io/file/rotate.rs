//! What `-w` writes: one file, or with `--rotate` a row of them, each complete in itself, the oldest deleted.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, User};

use super::write::Writer;
use crate::frame::{Counts, Error, Frame, Interface};

/// When to begin the next file, and how many to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Bytes a file holds at most; a single packet larger than that still gets a file of its own.
    pub bytes: u64,
    /// Files kept, the one being written among them; `None`: all.
    pub keep: Option<usize>,
}

/// Writes frames to one file, or to `name-00001.pcapng`, `name-00002.pcapng`, ... one after another.
pub struct Saver {
    path: PathBuf,
    owner: Option<(u32, u32)>,
    rotation: Option<Rotation>,
    writer: Writer,
    /// Number of the file being written, from 1, and the files that are there.
    number: u64,
    files: VecDeque<PathBuf>,
    /// Frames in the files before this one.
    packets: u64,
}

impl Saver {
    /// Creates the (first) file. `owner` is the user and group files are given to; pass it while still root.
    ///
    /// With a rotation the later files are made when root has been given up, so their directory is looked at now: an error
    /// says so where `owner` may not write there. (Access control lists are not read.)
    pub fn create(path: &Path, owner: Option<(u32, u32)>, rotation: Option<Rotation>) -> Result<Self, Error> {
        let (first, files) = match rotation {
            None => (path.to_owned(), VecDeque::new()),
            Some(_) => {
                super::Format::of(path)?;
                if let Some((user, group)) = owner {
                    check_directory(path, user, group)?;
                }
                let first = numbered(path, 1);
                (first.clone(), VecDeque::from([first]))
            }
        };
        let writer = Writer::create(&first, owner)?;
        Ok(Self { path: path.to_owned(), owner, rotation, writer, number: 1, files, packets: 0 })
    }

    /// See [`Writer::describe`].
    pub fn describe(&mut self, interfaces: &[Interface]) -> Result<(), Error> {
        self.writer.describe(interfaces)
    }

    /// Adds a frame, in a new file where it would make this one too large.
    #[inline]
    pub fn write(&mut self, frame: &Frame<'_>, interfaces: &[Interface]) -> Result<(), Error> {
        if let Some(rotation) = self.rotation {
            // A packet's bytes, and the most that either format puts around them without a comment.
            let size = (frame.data.len() + frame.comment.len() + 48) as u64;
            if self.writer.packets() > 0 && self.writer.size() + size > rotation.bytes {
                self.turn(rotation)?;
            }
        }
        self.writer.write(frame, interfaces)
    }

    /// See [`Writer::flush`].
    pub fn flush(&mut self) -> Result<(), Error> {
        self.writer.flush()
    }

    /// See [`Writer::finish`]; with a rotation, counts are of the whole capture and stand in the last file.
    pub fn finish(&mut self, counts: &[Counts]) -> Result<(), Error> {
        self.writer.finish(counts)
    }

    /// Frames written, to all files.
    pub fn packets(&self) -> u64 {
        self.packets + self.writer.packets()
    }

    #[cold]
    fn turn(&mut self, rotation: Rotation) -> Result<(), Error> {
        self.writer.finish(&[])?;
        self.packets += self.writer.packets();
        // The oldest goes first: on a full disk there is room again.
        while rotation.keep.is_some_and(|keep| self.files.len() >= keep.max(1)) {
            let Some(oldest) = self.files.pop_front() else { break };
            match fs::remove_file(&oldest) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    let target = oldest.display().to_string();
                    return Err(Error::System { operation: "delete", target, source, remedy: None });
                }
            }
        }
        self.number += 1;
        let next = numbered(&self.path, self.number);
        // Whoever no longer is root need not, and could not, change the owner.
        let owner = self.owner.filter(|_| Uid::effective().is_root());
        self.writer = Writer::create(&next, owner)?;
        self.files.push_back(next);
        Ok(())
    }
}

/// `dir/name.pcapng` as `dir/name-00001.pcapng`.
fn numbered(path: &Path, number: u64) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number:05}."));
    name.push(path.extension().unwrap_or_default());
    path.with_file_name(name)
}

/// An error where `user` may not make files in the directory of `path`.
fn check_directory(path: &Path, user: u32, group: u32) -> Result<(), Error> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let refused = |source, remedy| Error::System {
        operation: "write files in",
        target: directory.display().to_string(),
        source,
        remedy,
    };
    let metadata = fs::metadata(directory).map_err(|error| refused(error, None))?;
    let member = || groups(user, group).contains(&metadata.gid());
    let bits = match () {
        () if metadata.uid() == user => metadata.mode() >> 6,
        () if member() => metadata.mode() >> 3,
        () => metadata.mode(),
    };
    if bits & 0o3 == 0o3 {
        return Ok(());
    }
    let name = User::from_uid(Uid::from_raw(user)).ok().flatten().map_or_else(|| format!("#{user}"), |user| user.name);
    let given_up = if user == 0 { "what root may besides" } else { "root" };
    let why = format!("{given_up} is given up once the capture runs, and then {name} may not");
    let remedy = format!("choose a directory of {name}'s, or: sudo chown '{name}' '{}'", directory.display());
    Err(refused(io::Error::new(io::ErrorKind::PermissionDenied, why), Some(remedy)))
}

/// All groups of the user.
fn groups(user: u32, group: u32) -> Vec<u32> {
    let named = || {
        let user = User::from_uid(Uid::from_raw(user)).ok()??;
        let name = std::ffi::CString::new(user.name).ok()?;
        nix::unistd::getgrouplist(&name, Gid::from_raw(group)).ok()
    };
    named().map_or_else(|| vec![group], |all| all.into_iter().map(Gid::as_raw).collect())
}
