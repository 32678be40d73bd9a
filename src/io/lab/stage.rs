//! A lab within this process, for a demonstration: built in the namespaces that it has entered, gone with it.
//!
//! Trap: the network belongs to the thread. Who enters a host's network opens captures and starts programs there.

use nix::sched::{CloneFlags, setns};

use super::Error;
use super::build::Built;
use crate::io::sys;
use crate::lab::{Plan, Topology};

/// A lab that is there as long as this is.
pub struct Stage {
    built: Built,
}

impl Stage {
    /// Builds it. To be called inside [`crate::io::netns::enter`], by a process with one thread. `seed`: of the chance on
    /// bad lines.
    pub fn build(topology: &Topology, plan: &Plan, seed: u64) -> Result<Self, Error> {
        let failed = |source| Error::Failed { operation: "hand capabilities down", source };
        // Programs that are started here (nft) are to have what this process has.
        sys::hand_down_network_capabilities().map_err(failed)?;
        super::names::tell(topology);
        Ok(Self { built: Built::build(&plan.operations, seed)? })
    }

    /// Moves this thread into the network of a host or a switch.
    pub fn enter(&self, node: &str) -> Result<(), Error> {
        let found = self.built.nodes.iter().find(|(name, _)| name == node);
        let Some((_, namespace)) = found else {
            let known: Vec<&str> = self.built.nodes.iter().map(|(name, _)| name.as_str()).collect();
            return Err(Error::NoHost { name: node.to_owned(), known: known.join(", ") });
        };
        setns(namespace, CloneFlags::CLONE_NEWNET).map_err(Error::of("enter the host's network"))
    }

    /// Starts the threads of netlab's own lines and routers; from here on frames pass them.
    pub fn start(&mut self) -> Result<(), Error> {
        for work in self.built.work.drain(..) {
            // It ends where its interface does, which is with the lab.
            let started = std::thread::Builder::new().spawn(work);
            started.map_err(|source| Error::Failed { operation: "start a thread for a line", source })?;
        }
        Ok(())
    }
}
