//! What touches the operating system: captures, interfaces, namespaces, privileges, files. Knows frames, never headers,
//! flows or views.

// Clocks are read here: what is below the edges gets time as an argument.
#![allow(clippy::disallowed_methods)]

pub mod bpf;
pub mod clock;
pub mod doctor;
mod error_queue;
pub mod file;
pub mod folder;
pub mod groups;
pub mod heartbeat;
pub mod holder;
pub mod interrupt;
pub mod keys;
pub mod lab;
pub mod limits;
pub mod link;
pub mod membership;
pub mod multicast;
pub mod nat;
mod netlink;
pub mod netns;
pub mod pcap;
pub mod ping;
pub mod play;
pub mod privilege;
pub mod raw;
pub mod resolver;
pub mod reverse;
pub mod route;
pub mod sockets;
mod sys;
pub mod tcp_info;
pub mod usage;
pub mod watch;
