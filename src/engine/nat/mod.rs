//! What a network address translator does, in the words of RFC 4787 (UDP), RFC 5382 (TCP) and RFC 5780: shared by those
//! that build one (`lab`), those that are one, and those that measure one.
//!
//! Trap: the four names of RFC 3489 mix two axes that are independent of each other; they are a way to ask for a
//! [`Behaviour`], never a verdict.

pub mod bindings;
mod fragments;
mod headers;
#[cfg(test)]
mod tests;
mod translator;

use std::time::Duration;

pub use translator::{Side, Tally, Translator, Verdict};

/// On what of the other side's endpoint something depends: a mapping (RFC 4787 §4.1), or what is let in (§5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dependence {
    /// One mapping for all; whoever sends to it is let in.
    EndpointIndependent,
    /// One mapping for each address; whoever has an address that was sent to is let in.
    AddressDependent,
    /// One mapping for each address and port; only who was sent to is let in.
    AddressAndPortDependent,
}

/// What becomes of a packet from inside to a mapping of the same NAT (RFC 4787 §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Hairpinning {
    /// It does not arrive.
    #[default]
    Off,
    /// It arrives from the sender's mapping, as REQ-9a demands.
    External,
    /// It arrives from the sender's own address, so that the answer goes past the NAT.
    Internal,
}

/// Which port a mapping gets (RFC 4787 §4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ports {
    /// The inside's, where nobody has it.
    #[default]
    Preserved,
    /// Any, of the same parity as the inside's (REQ-4's ports of RTP and RTCP).
    Parity,
    Random,
}

/// Which of several outside addresses a mapping gets (RFC 4787 §4.1, REQ-2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// All mappings of an inside address get the same.
    #[default]
    Paired,
    Arbitrary,
}

/// Whose packets keep a mapping alive (RFC 4787 §4.3, REQ-6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Refresh {
    /// Those from inside.
    Outbound,
    /// Those of either direction.
    #[default]
    Any,
}

/// Why a NAT lets a packet go no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dropped {
    /// Nobody inside has a mapping there.
    NoMapping,
    /// There is one, but the filter does not let this sender in.
    Filtered,
    /// From inside to a mapping of the same NAT, which does no hairpinning.
    HairpinOff,
    /// As many mappings, or remote ends that are let in, as there is room for.
    TableFull,
    /// No port of the outside address is free.
    PortsExhausted,
    /// Its time to live ended here.
    TimeToLive,
    /// Later fragments of a datagram whose first one has not come, more than are kept.
    Fragments,
    /// Neither UDP nor TCP nor an ICMP query or error.
    Protocol,
    /// To an address that no router forwards to: multicast, broadcast, this host.
    Destination,
    /// From outside to an address that is not the NAT's.
    NotOurs,
    /// Not an IPv4 packet that makes sense.
    Malformed,
}

/// A whole NAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Behaviour {
    pub mapping: Dependence,
    pub filtering: Dependence,
    pub hairpinning: Hairpinning,
    pub ports: Ports,
    pub pooling: Pooling,
    pub refresh: Refresh,
    /// How long a UDP mapping lives without a packet that refreshes it.
    pub udp_timeout: Duration,
}

impl Dependence {
    pub const ALL: [Self; 3] = [Self::EndpointIndependent, Self::AddressDependent, Self::AddressAndPortDependent];

    pub fn name(self) -> &'static str {
        match self {
            Self::EndpointIndependent => "endpoint-independent",
            Self::AddressDependent => "address-dependent",
            Self::AddressAndPortDependent => "address-and-port-dependent",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dependence| dependence.name() == name)
    }
}

impl Hairpinning {
    pub const ALL: [Self; 3] = [Self::Off, Self::External, Self::Internal];

    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::External => "external",
            Self::Internal => "internal",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hairpinning| hairpinning.name() == name)
    }
}

impl Ports {
    pub const ALL: [Self; 3] = [Self::Preserved, Self::Parity, Self::Random];

    pub fn name(self) -> &'static str {
        match self {
            Self::Preserved => "preserved",
            Self::Parity => "parity",
            Self::Random => "random",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ports| ports.name() == name)
    }
}

impl Pooling {
    pub const ALL: [Self; 2] = [Self::Paired, Self::Arbitrary];

    pub fn name(self) -> &'static str {
        match self {
            Self::Paired => "paired",
            Self::Arbitrary => "arbitrary",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pooling| pooling.name() == name)
    }
}

impl Refresh {
    pub const ALL: [Self; 2] = [Self::Outbound, Self::Any];

    pub fn name(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Any => "any",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refresh| refresh.name() == name)
    }
}

impl Dropped {
    pub const ALL: [Self; 11] = [
        Self::NoMapping,
        Self::Filtered,
        Self::HairpinOff,
        Self::TableFull,
        Self::PortsExhausted,
        Self::TimeToLive,
        Self::Fragments,
        Self::Protocol,
        Self::Destination,
        Self::NotOurs,
        Self::Malformed,
    ];

    /// In words, to follow 'dropped: '.
    pub fn text(self) -> &'static str {
        match self {
            Self::NoMapping => "no mapping there",
            Self::Filtered => "the filter does not let the sender in",
            Self::HairpinOff => "no hairpinning",
            Self::TableFull => "the table is full",
            Self::PortsExhausted => "no port is free",
            Self::TimeToLive => "its time to live has ended",
            Self::Fragments => "fragments without their first one",
            Self::Protocol => "a protocol that is not translated",
            Self::Destination => "an address that nobody forwards to",
            Self::NotOurs => "not to an outside address of the NAT",
            Self::Malformed => "malformed",
        }
    }
}

impl Default for Behaviour {
    /// A home router of today, as Linux makes it by `masquerade`: endpoint-independent mapping by preference, and
    /// filtering by address and port; a mapping of one exchange lives 30 seconds.
    fn default() -> Self {
        Self {
            mapping: Dependence::EndpointIndependent,
            filtering: Dependence::AddressAndPortDependent,
            hairpinning: Hairpinning::Off,
            ports: Ports::Preserved,
            pooling: Pooling::Paired,
            refresh: Refresh::Any,
            udp_timeout: Duration::from_secs(30),
        }
    }
}

/// The names of RFC 3489 §5, with the behaviour that each asks for.
pub const NAMED: [(&str, Dependence, Dependence); 4] = [
    ("full-cone", Dependence::EndpointIndependent, Dependence::EndpointIndependent),
    ("address-restricted", Dependence::EndpointIndependent, Dependence::AddressDependent),
    ("port-restricted", Dependence::EndpointIndependent, Dependence::AddressAndPortDependent),
    ("symmetric", Dependence::AddressAndPortDependent, Dependence::AddressAndPortDependent),
];

impl Behaviour {
    /// What a name of RFC 3489 asks for. A symmetric NAT gives its mappings random ports: it could not preserve them.
    pub fn named(name: &str) -> Option<Self> {
        let (_, mapping, filtering) = *NAMED.iter().find(|(known, ..)| *known == name)?;
        let ports = if mapping == Dependence::EndpointIndependent { Ports::Preserved } else { Ports::Random };
        Some(Self { mapping, filtering, ports, ..Self::default() })
    }

    /// Another mapping. One that depends on the other side gets random ports: it could not preserve them.
    pub fn map_by(&mut self, mapping: Dependence) {
        self.mapping = mapping;
        self.ports = if mapping == Dependence::EndpointIndependent { Ports::Preserved } else { Ports::Random };
    }
}
