//! The checks, one file each with its test at its foot, and the table of them.
//!
//! A new one: a file here, a `Fault`, a row in [`CHECKS`], and its injection in `tests/doctor/`.

mod address_family;
mod backlog_full;
mod capability;
mod capture_interface;
mod conntrack_full;
mod firewall;
mod interface_down;
mod loopback_only;
mod mtu_black_hole;
mod no_answer;
mod no_multicast;
mod no_route;
mod nothing_listens;
mod offloads;
mod port_held;
mod reused_port;
mod rp_filter;
mod time_to_live;
mod time_wait;
mod unknown_name;

use super::facts::Facts;
use super::finding::{Fault, Finding};

/// A question that is put to the facts.
#[derive(Debug)]
pub struct Check {
    /// What it finds.
    pub fault: Fault,
    pub find: fn(&Facts) -> Vec<Finding>,
    /// Where one of these is found, this is its consequence and not said.
    pub follows_from: &'static [Fault],
}

/// All of them, what lies deeper first.
pub const CHECKS: &[Check] = &[
    Check { fault: Fault::UnknownName, find: unknown_name::find, follows_from: &[] },
    Check { fault: Fault::InterfaceDown, find: interface_down::find, follows_from: &[] },
    Check { fault: Fault::NoRoute, find: no_route::find, follows_from: &[Fault::InterfaceDown] },
    Check { fault: Fault::NoMulticast, find: no_multicast::find, follows_from: &[] },
    Check { fault: Fault::ReversePath, find: rp_filter::find, follows_from: &[] },
    Check { fault: Fault::ConntrackFull, find: conntrack_full::find, follows_from: &[] },
    Check { fault: Fault::TimeToLive, find: time_to_live::find, follows_from: &[Fault::InterfaceDown, Fault::NoRoute] },
    Check { fault: Fault::MtuBlackHole, find: mtu_black_hole::find, follows_from: &[] },
    Check { fault: Fault::Firewall, find: firewall::find, follows_from: &[Fault::InterfaceDown] },
    Check { fault: Fault::LoopbackOnly, find: loopback_only::find, follows_from: &[Fault::PortHeld] },
    Check { fault: Fault::AddressFamily, find: address_family::find, follows_from: &[Fault::LoopbackOnly] },
    Check { fault: Fault::PortHeld, find: port_held::find, follows_from: &[] },
    Check { fault: Fault::TimeWait, find: time_wait::find, follows_from: &[] },
    Check { fault: Fault::ReusedPort, find: reused_port::find, follows_from: &[] },
    Check { fault: Fault::BacklogFull, find: backlog_full::find, follows_from: &[] },
    Check {
        fault: Fault::NothingListens,
        find: nothing_listens::find,
        follows_from: &[Fault::LoopbackOnly, Fault::AddressFamily, Fault::PortHeld, Fault::TimeWait, Fault::Firewall],
    },
    Check {
        fault: Fault::NoAnswer,
        find: no_answer::find,
        // Whatever explains that it fails.
        follows_from: &[
            Fault::InterfaceDown,
            Fault::NoRoute,
            Fault::TimeToLive,
            Fault::ReversePath,
            Fault::Firewall,
            Fault::ConntrackFull,
            Fault::LoopbackOnly,
            Fault::AddressFamily,
            Fault::PortHeld,
            Fault::TimeWait,
            Fault::BacklogFull,
            Fault::NothingListens,
        ],
    },
    Check { fault: Fault::CaptureInterface, find: capture_interface::find, follows_from: &[] },
    Check { fault: Fault::Capability, find: capability::find, follows_from: &[] },
    Check {
        fault: Fault::Offloads,
        find: offloads::find,
        follows_from: &[Fault::InterfaceDown, Fault::CaptureInterface, Fault::Capability],
    },
];
