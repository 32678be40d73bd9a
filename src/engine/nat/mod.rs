//! What a network address translator does, in the words of RFC 4787 (UDP), RFC 5382 (TCP) and RFC 5780: shared by those
//! that build one (`lab`), those that are one, and those that measure one.
//!
//! Trap: the four names of RFC 3489 mix two axes that are independent of each other; they are a way to ask for a
//! [`Behaviour`], never a verdict.

use std::time::Duration;

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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        assert!(Dependence::ALL.iter().all(|word| Dependence::of_name(word.name()) == Some(*word)));
        assert!(Hairpinning::ALL.iter().all(|word| Hairpinning::of_name(word.name()) == Some(*word)));
        assert!(Ports::ALL.iter().all(|word| Ports::of_name(word.name()) == Some(*word)));
        assert!(Pooling::ALL.iter().all(|word| Pooling::of_name(word.name()) == Some(*word)));
        assert!(Refresh::ALL.iter().all(|word| Refresh::of_name(word.name()) == Some(*word)));
        assert!(NAMED.iter().all(|(name, mapping, filtering)| {
            Behaviour::named(name).is_some_and(|nat| (nat.mapping, nat.filtering) == (*mapping, *filtering))
        }));
    }
}
