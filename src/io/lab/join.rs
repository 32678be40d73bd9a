//! Into a lab that is up: this thread into the network of a host, or a program onto it.
//!
//! Trap: a user namespace can be entered by a process with a single thread only, so before any is started. What is
//! entered stays entered: a process looks at one lab, once.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, ExitStatus};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::sethostname;
use signal_hook::consts::{SIGINT, SIGQUIT};

use super::{Error, Lab};
use crate::io::sys;

impl Lab {
    /// Takes the rights that this user has over the lab. Where it was made by root there is nothing to take.
    pub fn enter_user(&self) -> Result<(), Error> {
        let failed = |source| Error::Failed { operation: "see in which namespace this is", source };
        let own = fs::metadata("/proc/self/ns/user").map_err(failed)?;
        let lab = self.user.metadata().map_err(failed)?;
        if (own.dev(), own.ino()) == (lab.dev(), lab.ino()) {
            return Ok(());
        }
        setns(&self.user, CloneFlags::CLONE_NEWUSER).map_err(Error::of("enter the lab's user namespace"))
    }

    /// Moves this thread into the network of a node.
    pub fn enter_network(&self, node: &str) -> Result<(), Error> {
        setns(self.network(node)?, CloneFlags::CLONE_NEWNET).map_err(Error::of("enter the host's network"))
    }

    fn network(&self, node: &str) -> Result<&File, Error> {
        let found = self.nodes.iter().find(|(name, _)| name == node).map(|(_, namespace)| namespace);
        found.ok_or_else(|| {
            let known: Vec<&str> = self.nodes.iter().map(|(name, _)| name.as_str()).collect();
            Error::NoHost { name: node.to_owned(), known: known.join(", ") }
        })
    }

    /// Runs a program on a host, as this user, with every right over the host's network; waits for its end. It ends with
    /// this process, and with the lab.
    pub fn run(&self, node: &str, program: &[OsString]) -> Result<ExitStatus, Error> {
        self.network(node)?;
        let here = std::env::current_dir();
        self.enter_user()?;
        setns(&self.mounts, CloneFlags::CLONE_NEWNS).map_err(Error::of("enter the lab's mounts"))?;
        self.enter_network(node)?;
        // Its own name and its own /sys, where that is allowed.
        if unshare(CloneFlags::CLONE_NEWUTS).is_ok() {
            let _ = sethostname(node);
        }
        if unshare(CloneFlags::CLONE_NEWNS).is_ok() {
            const NONE: Option<&str> = None;
            let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
            let _ = mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE);
            let _ = mount(Some("sysfs"), "/sys", Some("sysfs"), quiet, NONE);
        }
        let failed = |operation| move |source| Error::Failed { operation, source };
        if here.and_then(std::env::set_current_dir).is_err() {
            std::env::set_current_dir("/").map_err(failed("enter a directory"))?;
        }
        setns(&self.processes, CloneFlags::CLONE_NEWPID).map_err(Error::of("enter the lab's processes"))?;
        sys::hand_down_network_capabilities().map_err(failed("hand capabilities down"))?;
        // The terminal's signals are for the program; its end is ours.
        for signal in [SIGINT, SIGQUIT] {
            let ignored = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
            signal_hook::flag::register(signal, ignored).map_err(failed("leave signals to the program"))?;
        }
        let (name, arguments) = program
            .split_first()
            .ok_or_else(|| failed("run a program")(io::Error::new(io::ErrorKind::InvalidInput, "none was named")))?;
        let mut command = Command::new(name);
        command.args(arguments).env("NETLAB_HOST", node);
        sys::end_with_us(&mut command);
        let mut child =
            command.spawn().map_err(|source| Error::Step { step: name.to_string_lossy().into_owned(), source })?;
        child.wait().map_err(failed("wait for the program"))
    }
}
