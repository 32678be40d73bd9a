//! What the doctor says: a fault, what it was seen by, and what mends it.

/// The faults it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    UnknownName,
    InterfaceDown,
    NoRoute,
    NothingListens,
    LoopbackOnly,
    AddressFamily,
    BacklogFull,
    NoAnswer,
    PortHeld,
    TimeWait,
    ReversePath,
    ConntrackFull,
    ReusedPort,
    CaptureInterface,
    Capability,
    Offloads,
    NoMulticast,
    Firewall,
    MtuBlackHole,
    TimeToLive,
}

impl Fault {
    pub const ALL: [Self; 20] = [
        Self::UnknownName,
        Self::InterfaceDown,
        Self::NoRoute,
        Self::NothingListens,
        Self::LoopbackOnly,
        Self::AddressFamily,
        Self::BacklogFull,
        Self::NoAnswer,
        Self::PortHeld,
        Self::TimeWait,
        Self::ReversePath,
        Self::ConntrackFull,
        Self::ReusedPort,
        Self::CaptureInterface,
        Self::Capability,
        Self::Offloads,
        Self::NoMulticast,
        Self::Firewall,
        Self::MtuBlackHole,
        Self::TimeToLive,
    ];

    /// A word for programs that read, and for people who search.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownName => "unknown-name",
            Self::InterfaceDown => "interface-down",
            Self::NoRoute => "no-route",
            Self::NothingListens => "nothing-listens",
            Self::LoopbackOnly => "loopback-only",
            Self::AddressFamily => "address-family",
            Self::BacklogFull => "backlog-full",
            Self::NoAnswer => "no-answer",
            Self::PortHeld => "port-held",
            Self::TimeWait => "time-wait",
            Self::ReversePath => "rp-filter",
            Self::ConntrackFull => "conntrack-full",
            Self::ReusedPort => "reused-port",
            Self::CaptureInterface => "capture-interface",
            Self::Capability => "capability",
            Self::Offloads => "offloads",
            Self::NoMulticast => "no-multicast",
            Self::Firewall => "firewall",
            Self::MtuBlackHole => "mtu-black-hole",
            Self::TimeToLive => "time-to-live",
        }
    }
}

/// A value that was read. Both texts may hold what others chose (names, addresses): escape them before a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Where it was read: a file, a question to the kernel, a probe.
    pub from: String,
    pub value: String,
}

/// A fault of this machine or of the way to the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub fault: Fault,
    /// One sentence. Escape it before a terminal.
    pub what: String,
    pub proofs: Vec<Proof>,
    /// The command that mends it; where no command of this machine's can, words. Escape it before a terminal.
    pub mend: String,
}

impl Finding {
    pub fn new(fault: Fault, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { fault, what: what.into(), proofs: Vec::new(), mend: mend.into() }
    }

    /// With a value that was read.
    pub fn proved(mut self, from: impl Into<String>, value: impl Into<String>) -> Self {
        self.proofs.push(Proof { from: from.into(), value: value.into() });
        self
    }
}
