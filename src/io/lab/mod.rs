//! Performs the operations of a [`crate::lab`] without root, keeps the lab running, and lets programs in.
//!
//! `lab up` starts a *keeper*, which makes the namespaces (io/netns.rs) and forks the *supervisor*: PID 1 of the lab's PID
//! namespace, in which every host is a network namespace that only its open descriptors keep. So the end of either, by
//! kill -9 too, ends the lab with all that runs in it, and nothing has to be cleared away: there is no file, and what
//! others find the lab by is a socket in the abstract namespace (unix(7)), which goes with the process.

mod build;
mod door;
mod join;
mod line;
mod links;
mod names;
mod stage;
mod supervisor;
mod translator;

use std::io;

pub use build::nft;
pub use door::{Lab, running};
pub use stage::Stage;
pub use supervisor::{READY, keep, left_behind};

use super::netns;

/// Why a lab cannot be built, found or entered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Namespaces(#[from] netns::Error),
    /// One step of building; the step is a command that does the same.
    #[error("cannot do as `{step}` does: {source}")]
    Step { step: String, source: io::Error },
    #[error("cannot {operation}: {source}")]
    Failed { operation: &'static str, source: io::Error },
    #[error("a lab of this name is up already")]
    Up,
    /// Somebody else holds the name.
    #[error("user {uid} holds the name of this lab; take another with --name")]
    Foreign { uid: u32 },
    #[error("the lab did not answer as a lab of this version of netlab does")]
    Strange,
    #[error("there is no host {name} in this lab; there are: {known}")]
    NoHost { name: String, known: String },
}

impl Error {
    fn of(operation: &'static str) -> impl FnOnce(nix::errno::Errno) -> Self {
        move |errno| Self::Failed { operation, source: errno.into() }
    }
}
