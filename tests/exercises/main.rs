//! The exercises against the other side as students write it: bare sockets, Python in the style of the course, nc and
//! their like. One file an exercise, or a family of them.

mod ask;
mod bench;
mod bingo;
mod calc;
mod chat;
mod datagrams;
mod echoes;
mod games;
mod heartbeat;
mod lan;
mod loss;
mod many;
mod meanwhile;
mod message;
#[path = "../support/network.rs"]
mod network;
mod one;
mod pages;
mod peers;
mod programs;
mod rebind;
mod rendezvous;
mod screen;
mod sum;
#[path = "../support/mod.rs"]
mod support;
mod surroundings;
mod sync;
mod terminal;
mod upper;
