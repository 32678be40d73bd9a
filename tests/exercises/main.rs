//! The exercises against the other side as students write it: bare sockets, Python in the style of the course, nc and
//! their like. One file an exercise, or a family of them.

mod datagrams;
mod demonstrations;
mod heartbeat;
mod loss;
mod programs;
#[path = "../support/mod.rs"]
mod support;
mod sync;
