//! netlab shows what socket programs really put on the wire.
//!
//! This page is the map: what each module is, who may import whom, and the way of a packet. `tests/architecture.rs`
//! holds the code against it.
//!
//! # The way of a packet
//!
//! ```text
//! Source -> Frame -> wire::decode -> Packet -> FlowTable::ingest -> (filter) -> Sink -> escape -> screen
//! ```
//!
//! A [`frame::Source`] (a file, standard input, a live capture, several merged by time) lends one [`frame::Frame`] at a
//! time. [`wire::decode`] walks it from the link layer inwards and leaves a flat list of layers; it never fails, and
//! says why it stopped. [`flow::FlowTable`] is fed every packet in order and tells what it means to its conversation.
//! [`pipeline::run`] is the one loop; every output is a [`pipeline::Sink`] over a writer. Nothing is copied that nobody
//! keeps, and nothing is allocated for each packet.
//!
//! # The modules, from the bottom up
//!
//! | module | what it is | may import |
//! |---|---|---|
//! | [`frame`] | bytes as captured, and what the capture knew | nothing |
//! | [`process`] | pure: the words for which program is at an end of a packet | `frame` |
//! | [`wire`] | pure: bytes to headers, one file a protocol; each declares its fields; [`wire::build`]: fields to bytes | `frame` |
//! | [`flow`] | pure: state over time, the clock is the frames' | `wire`, `process`, `frame`, `jitter` |
//! | [`field`] | pure: the registry that joins the declared fields | `flow`, `wire` |
//! | [`filter`] | pure: display filters, checked against the registry | `field`, `flow`, `wire` |
//! | [`pipeline`] | the loop, and the merge of sources by time | `filter` and below |
//! | [`view`] | values to text: lines, tree, hex, grids, tables, JSON, charts | `pipeline`, `filter` and below, `lab` |
//! | [`io`] | the operating system: libpcap, files, namespaces, privileges, sockets | `frame`, `process`, `lab` |
//! | [`quantity`] | durations, sizes and shares as a person types them | nothing |
//! | [`jitter`] | pure: interarrival jitter (RFC 3550) | nothing |
//! | [`engine`] | pure: the conversations that netlab itself holds, time is an argument; the doctor's diagnosis | `wire`, `frame`, `jitter` |
//! | [`lab`] | pure: a virtual LAN as data, the operations that build it, the rules of its NATs | `engine`, `quantity` |
//! | [`exercise`] | the course: servers and clients that students' programs talk to | `io`, `engine`, `quantity` |
//! | [`cmd`] | one file a command; the only place where `io` and `view` meet | all |
//! | [`cli`] | the command line: one line a command | `cmd` |
//!
//! # Rules
//!
//! Whatever bytes come from a wire or a file: no panic, no hang, bounded memory, and no control character on the
//! terminal ([`view::escape`]). The pure modules read network bytes only through checked slices, and clippy forbids
//! them `unwrap`, `panic` and indexing. Clocks are read in `io`, `cmd` and `exercise` alone. The only unsafe code is in
//! `io/sys.rs`. A field has one declaration, beside the code that reads it, and Wireshark's name.
#![deny(unsafe_code)]

pub mod cli;
pub mod cmd;
pub mod engine;
pub mod exercise;
pub mod field;
pub mod filter;
pub mod flow;
pub mod frame;
pub mod io;
pub mod jitter;
pub mod lab;
pub mod pipeline;
pub mod process;
pub mod quantity;
pub mod view;
pub mod wire;

/// Saying that a test cannot run on this machine, shared with the tests in `tests/`.
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

/// Runs one command line: `arguments` as the shell gave them, the program's name first.
///
/// Standard output gets data, standard error gets talk. The code is 0 done, 1 the answer is no, 2 could not,
/// 130 interrupted before anything was completed.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match cli::Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // clap prints help to standard output and mistakes to standard error; a closed pipe is nobody's fault.
            let _ = error.print();
            return if error.use_stderr() { cmd::Exit::CouldNot.into() } else { cmd::Exit::Done.into() };
        }
    };
    cmd::finish(cli.command.run())
}
