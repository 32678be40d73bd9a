//! The processes of a lab: the keeper, outside, and the supervisor, PID 1 inside.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, setsid};
use signal_hook::consts::SIGCHLD;
use signal_hook::low_level::pipe;

use super::Error;
use super::build::Built;
use super::door::Door;
use crate::io::netns::{self, Side};
use crate::io::sys;
use crate::lab::operation::BACKSTAGE;
use crate::lab::{Plan, Topology, file};

/// What `lab up` waits to read from us.
pub const READY: &str = "ready";

/// Builds a lab, says [`READY`] on standard output, and keeps it until it is asked to end. To be called by a process with
/// one thread, which is for nothing else; returns when the lab is gone. `seed`: of the chance on bad lines.
pub fn keep(name: &str, topology: &Topology, plan: &Plan, seed: u64) -> Result<(), Error> {
    // Not the terminal's: neither Ctrl-C nor its end is meant for the lab.
    let _ = setsid();
    let _ = std::env::set_current_dir("/");
    let door = Door::open(name)?;
    match netns::enter()? {
        Side::Outside(_) => Ok(()),
        Side::Inside(_leash) => supervise(&door, topology, plan, seed),
    }
}

fn supervise(door: &Door, topology: &Topology, plan: &Plan, seed: u64) -> Result<(), Error> {
    let failed = |operation| move |source| Error::Failed { operation, source };
    // Programs that are started here (nft) are to have what this process has.
    sys::hand_down_network_capabilities().map_err(failed("hand capabilities down"))?;
    super::names::tell(topology);
    let mut built = Built::build(&plan.operations, seed)?;
    let namespaces = namespaces(&built).map_err(failed("open the namespaces"))?;
    let lab = Lab { text: text(topology, &built), namespaces: namespaces.iter().map(AsRawFd::as_raw_fd).collect() };
    for work in built.work.drain(..) {
        // It ends where its interface does, which is with the lab.
        std::thread::Builder::new().spawn(work).map_err(failed("start a thread for a line"))?;
    }
    let (children, ended) = io::pipe().map_err(failed("make a pipe"))?;
    pipe::register(SIGCHLD, ended).map_err(failed("hear of programs that end"))?;
    // From here on this is nobody's child, and has nothing to say.
    let mut out = io::stdout();
    let said = writeln!(out, "{READY}").and_then(|()| out.flush());
    said.map_err(failed("say that the lab is up"))?;
    let null = File::options().read(true).write(true).open("/dev/null").map_err(failed("open /dev/null"))?;
    for turned in [dup2_stdin(&null), dup2_stdout(&null), dup2_stderr(&null)] {
        turned.map_err(Error::of("let go of the terminal"))?;
    }
    serve(door, &lab, &children)
}

struct Lab {
    text: String,
    namespaces: Vec<RawFd>,
}

/// A line with the nodes that are not in the file, and the file.
fn text(topology: &Topology, built: &Built) -> String {
    let extra = built.nodes.iter().map(|(name, _)| name.as_str()).find(|name| *name == BACKSTAGE);
    format!("{}\n{}", extra.unwrap_or_default(), file::write(topology))
}

/// User, mount and PID namespace, and the networks in the order of the nodes.
fn namespaces(built: &Built) -> io::Result<Vec<File>> {
    let own = ["user", "mnt", "pid"].map(|kind| File::open(format!("/proc/thread-self/ns/{kind}")));
    own.into_iter().chain(built.nodes.iter().map(|(_, namespace)| namespace.try_clone())).collect()
}

/// Answers at the door and buries the dead, until somebody asks for the end.
fn serve(door: &Door, lab: &Lab, children: &io::PipeReader) -> Result<(), Error> {
    loop {
        let mut fds = [door.as_fd(), children.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::of("wait at the door")(errno)),
        }
        let [asked, died] = fds.map(|fd| fd.any().unwrap_or(false));
        if died {
            bury(children);
        }
        if asked && let Some(request) = door.answer() {
            if request.down {
                return Ok(());
            }
            request.tell(&lab.text, &lab.namespaces);
        }
    }
}

/// PID 1 is the parent of all whose own parent has ended.
fn bury(children: &io::PipeReader) {
    let _ = nix::unistd::read(children, &mut [0; 64]);
    while let Ok(status) = waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            break;
        }
    }
}

/// What there is of labs of this user though no lab is up: processes. There is nothing else that could be left.
pub fn left_behind() -> Vec<(i32, String)> {
    let Ok(all) = fs::read_dir("/proc") else { return Vec::new() };
    let uid = nix::unistd::geteuid().as_raw();
    let process = |entry: fs::DirEntry| {
        use std::os::unix::fs::MetadataExt;
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        let ours = entry.metadata().ok()?.uid() == uid;
        let is_lab = ours && words.get(1..3) == Some(&[b"__inside".as_slice(), b"lab".as_slice()]);
        is_lab.then(|| (pid, String::from_utf8_lossy(&words.join(&b' ')).trim_end().to_owned()))
    };
    all.flatten().filter_map(process).collect()
}
