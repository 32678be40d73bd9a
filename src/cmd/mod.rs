//! The commands, one file each: `Args` (what clap parses) and `run`. The only place where `io` and `view` meet.

// Commands show progress and end after a duration: the user's clock is read here.
#![allow(clippy::disallowed_methods)]

pub mod args;
pub mod bench;
pub mod capture;
pub mod client;
pub mod compare;
pub mod completions;
pub mod consent;
pub mod conversations;
mod decoding;
pub mod demo;
pub mod doctor;
pub mod exercises;
pub mod explain;
pub mod fields;
pub mod follow;
pub mod groups;
pub mod handshake;
pub mod heartbeat;
pub mod input;
pub mod inside;
pub mod interfaces;
pub mod lab;
pub mod ladder;
pub mod made;
pub mod messages;
pub mod multicast;
mod naming;
pub mod nat;
pub mod objects;
pub mod output;
pub mod ping;
pub mod programs;
pub mod progress;
pub mod read;
pub mod replay;
pub mod save;
pub mod selection;
pub mod send;
pub mod serve;
pub mod sockets;
pub mod stats;

use std::process::ExitCode;

/// How a command ended; the numbers are a promise to scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: the answer is no (a check failed, nothing matched, the peer refused).
    No,
    /// 2: could not (bad arguments, no permission, unreadable file).
    CouldNot,
    /// 130: interrupted, and nothing was completed.
    Interrupted,
    /// What a program ended with that was run for the user.
    Of(u8),
}

impl Exit {
    /// What another netlab meant by its exit code.
    fn of_code(code: i32) -> Self {
        match code {
            0 => Self::Done,
            1 => Self::No,
            130 => Self::Interrupted,
            _ => Self::CouldNot,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::CouldNot => 2,
            Exit::Interrupted => 130,
            Exit::Of(code) => code,
        })
    }
}

/// Turns a command's result into an exit code, having said on standard error what went wrong.
pub fn finish(result: anyhow::Result<Exit>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(error) if is_closed_pipe(&error) => Exit::Done.into(),
        Err(error) => {
            eprintln!("netlab: {}", told(&error));
            Exit::CouldNot.into()
        }
    }
}

/// The error and its causes in one text; a cause that the text before it has already told is not told again.
fn told(error: &anyhow::Error) -> String {
    error
        .chain()
        .skip(1)
        .map(ToString::to_string)
        .fold(error.to_string(), |text, cause| if text.contains(&cause) { text } else { format!("{text}: {cause}") })
}

/// A reader that went away (`| head`) is success: it has all it wanted.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let system = crate::frame::Error::System {
            operation: "create",
            target: "x.pcap".into(),
            source: std::io::ErrorKind::NotFound.into(),
            remedy: Some("look there".into()),
        };
        assert_eq!(told(&system.into()), "cannot create x.pcap: entity not found\nlook there");
        let plain = anyhow::Error::msg("inner").context("outer");
        assert_eq!(told(&plain), "outer: inner");
    }
}
