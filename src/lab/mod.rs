//! PURE: a virtual LAN as data. A [`Topology`] (read from TOML, or a preset) becomes a list of [`operation`]s that build
//! it, and the list that undoes it; what the NATs of it do is [`nft`] text, in the vocabulary of [`crate::engine::nat`].
//!
//! Nothing here touches the system: `io::lab` performs the operations.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod file;
pub mod impairment;
pub mod nft;
pub mod operation;
pub mod preset;
pub mod router;
pub mod topology;

pub use file::Error;
pub use operation::{Operation, Plan};
pub use topology::Topology;
