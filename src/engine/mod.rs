//! Conversations that netlab itself holds, as pure machines: fed with the time and what came, they answer what is to be
//! sent, what happened, and until when to wait. Sockets and clocks are elsewhere (`io`, `cmd`, `exercise`).
//!
//! `doctor` is one of another kind: fed with all that the kernel answered, it tells what is wrong.
//!
//! Guarantee: no bytes and no order of events makes a machine panic or grow without bound.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod chance;
pub mod doctor;
pub mod handshake;
pub mod heartbeat;
pub mod limit;
pub mod multicast;
pub mod nat;
pub mod nat_behaviour;
pub mod neighbour;
pub mod ping;
pub mod punch;
pub mod rendezvous;
pub mod replay;
#[cfg(test)]
pub mod sim;
pub mod stun;
