//! What touches the operating system: captures, interfaces, namespaces, privileges, files. Knows frames, never headers,
//! flows or views.

pub mod bpf;
pub mod interrupt;
pub mod link;
pub mod netns;
pub mod pcap;
pub mod privilege;
mod sys;
