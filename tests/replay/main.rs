//! `netlab replay` on the wire and over sockets: in networks of its own, against real kernels and the course's programs.
//!
//! Needs no root; where this kernel refuses user namespaces, each test says so.

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/network.rs"]
mod network;

mod frames;
mod talk;
