//! What was tried, and what its outcome says of the NATs, in the words of RFC 4787.
//!
//! Trap: a peer sees its own side and what came to it; what is concluded about the other side is said as what it is.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Dropped, Ending, Origin, Punch, Transport, Way};
use crate::engine::nat::Dependence;
use crate::engine::nat_behaviour::predict::Side;
use crate::engine::rendezvous::message::Refusal;

/// How the other one is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Direct { address: SocketAddr, origin: Origin },
    Relay,
    None,
}

impl Reach {
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct { .. } => "direct",
            Self::Relay => "relay",
            Self::None => "none",
        }
    }
}

/// An address of the other one, and what came of trying it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    pub address: SocketAddr,
    pub origin: Origin,
    /// Punches by UDP, connections by TCP.
    pub sent: u64,
    /// Messages that came from there, and those of them that answered own ones.
    pub heard: u64,
    pub answered: u64,
    /// Connections that were refused.
    pub refused: u64,
}

/// How it stands, or stood at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub transport: Transport,
    pub server: SocketAddr,
    pub reach: Reach,
    pub ended: Option<Ending>,
    /// This peer's own addresses, as it knows them and as the rendezvous and the other one see it.
    pub inside: Vec<SocketAddr>,
    pub outside: Option<SocketAddr>,
    pub seen: Option<SocketAddr>,
    /// Where the rendezvous sees the other one; `None`: it was never there.
    pub other_outside: Option<SocketAddr>,
    pub tried: Vec<Tried>,
    pub dropped: Dropped,
    /// From meeting to reaching.
    pub took: Option<Duration>,
}

/// What a peer is known by when it has left.
#[derive(Clone, Debug, Default)]
pub struct Known {
    other_outside: Option<SocketAddr>,
    seen: Option<SocketAddr>,
    tried: Vec<Tried>,
}

impl Punch {
    /// To be asked for at the end, and at any time before.
    pub fn report(&self) -> Report {
        let known = self.known_of_other().unwrap_or_else(|| self.past.clone());
        let path = self.other.as_ref().and_then(|other| other.path.as_ref()).filter(|path| path.proved);
        let reach = match path {
            Some(path) if path.way == Way::Rendezvous => Reach::Relay,
            Some(path) => Reach::Direct { address: path.address, origin: path.origin },
            // The other one left first: it had been reached.
            None if self.other.is_none() => self.reached,
            None => Reach::None,
        };
        Report {
            transport: self.plan.transport,
            server: self.plan.server,
            reach,
            ended: self.ended,
            inside: self.plan.inside.clone(),
            outside: self.asking.outside,
            seen: known.seen,
            other_outside: known.other_outside,
            tried: known.tried,
            dropped: self.dropped,
            took: self.took,
        }
    }

    fn known_of_other(&self) -> Option<Known> {
        let other = self.other.as_ref()?;
        let tried = other.candidates.iter().map(|candidate| Tried {
            address: candidate.address,
            origin: candidate.origin,
            sent: candidate.sent,
            heard: candidate.heard,
            answered: candidate.answered,
            refused: candidate.refused,
        });
        let seen = other.path.as_ref().and_then(|path| path.seen);
        Some(Known { other_outside: Some(other.outside), seen, tried: tried.collect() })
    }

    /// Keeps what is known of a peer that goes.
    pub(super) fn remember(&mut self) {
        if let Some(known) = self.known_of_other() {
            self.past = known;
        }
    }
}

/// Why it came as it did, in sentences; `own`: what `discover` found out about this side.
pub fn why(report: &Report, own: &Side) -> Vec<String> {
    let mut all = Vec::new();
    match (report.reach, report.ended) {
        (Reach::None, Some(Ending::Silent)) => all.push(silent(report)),
        (Reach::None, Some(Ending::Refused(why))) => all.push(refused(why).to_owned()),
        (Reach::None, _) if report.other_outside.is_none() => all.push("Nobody else came.".to_owned()),
        (Reach::Direct { address, origin }, _) => {
            let how = match origin {
                Origin::Inside => "its own address: nothing is translated between you".to_owned(),
                Origin::Outside => "where the rendezvous sees it".to_owned(),
                Origin::Seen => seen_elsewhere(report, address),
            };
            all.push(format!("The other one is at {address}, {how}."));
        }
        (Reach::Relay | Reach::None, _) => all.push(unreached(report, own)),
    }
    if let (Some(outside), Some(seen)) = (report.outside, report.seen)
        && outside != seen
        && matches!(report.reach, Reach::Direct { origin: Origin::Outside | Origin::Seen, .. })
    {
        all.push(format!(
            "It sees you at {seen}, the rendezvous at {outside}: your own NAT's mapping depends on the destination \
            (RFC 4787 section 4.1)."
        ));
    }
    if report.reach == Reach::Relay {
        all.push("The rendezvous carries what you say, and could read it.".to_owned());
    }
    all
}

fn seen_elsewhere(report: &Report, address: SocketAddr) -> String {
    match report.other_outside {
        Some(outside) if outside.ip() == address.ip() => format!(
            "where its packets come from, not {outside}, where the rendezvous sees it: its NAT's mapping depends on the \
            destination (RFC 4787 section 4.1)"
        ),
        _ => "where its packets come from".to_owned(),
    }
}

fn silent(report: &Report) -> String {
    let by = match report.transport {
        Transport::Udp => "UDP does not get there and back",
        Transport::Tcp => "it went away",
    };
    format!(
        "Nothing came from the rendezvous at {}: nobody serves there (netlab serve rendezvous), {by}, or the shared words \
        differ: what was made with another word is dropped in silence.",
        report.server
    )
}

fn refused(why: Refusal) -> &'static str {
    match why {
        Refusal::Full => "The rendezvous is full.",
        Refusal::Busy => "The rendezvous holds as many peers of your address as it may.",
        Refusal::Taken => {
            "Two others meet under this name: choose another one. (One that was killed is forgotten after half a minute.)"
        }
    }
}

fn name(dependence: Option<Dependence>) -> &'static str {
    dependence.map_or("none", Dependence::name)
}

/// Why it was not reached directly.
fn unreached(report: &Report, own: &Side) -> String {
    let by = match report.transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
    };
    if let Some(one) = report.tried.iter().find(|tried| tried.heard > 0) {
        return format!(
            "What it sends gets in here from {}, but nothing that is sent there is answered: something lets {by} through \
            in one direction only.",
            one.address
        );
    }
    if report.tried.iter().any(|tried| tried.refused > 0) {
        return "Connections are refused: a router answers in place of the other one, and forgets the mapping (RFC 5382 \
            REQ-4 says that it must not), or the ports that were told are not those that it uses towards you: its NAT's \
            mapping depends on the destination."
            .to_owned();
    }
    // An address that was told twice, as inside and outside, is tried once.
    let there = report.tried.iter().all(|tried| tried.origin != Origin::Inside);
    let here = report.outside.is_some_and(|outside| report.inside.contains(&outside));
    let nothing = "Nothing came from any of its addresses, and nothing that was sent there was answered.";
    if here && there {
        return format!("{nothing} Neither of you is behind a NAT: a firewall, or no way for {by} between you.");
    }
    let dependent = "address-dependent or address-and-port-dependent";
    let reason = match (own.mapping, own.filtering) {
        (Some(Some(mapping)), _) if mapping != Dependence::EndpointIndependent => format!(
            "Your NAT's mapping is {}: towards the other one you have a port that nobody could tell it, and its \
            filtering must be address-and-port-dependent, or its mapping {dependent}, too.",
            mapping.name()
        ),
        (Some(_), Some(filtering)) if filtering == Some(Dependence::AddressAndPortDependent) => format!(
            "Your NAT's mapping is {}, so the other one's must be {dependent}: it comes from a port that nobody could \
            tell you, and your filtering, {}, does not let that port in.",
            name(own.mapping.flatten()),
            name(filtering)
        ),
        (Some(_), Some(filtering)) => format!(
            "With a filtering that is {} your NAT would have let it in: a firewall on its side, or no way for {by} \
            between you.",
            name(filtering)
        ),
        _ => format!(
            "One NAT gives a new port for each destination (its mapping is {dependent}), which nobody can tell the other \
            side, and the other NAT lets in only the address and port that was sent to (filtering address-and-port-\
            dependent) or maps in the same way; or {by} has no way between you. Which it is, netlab nat discover says on \
            each side, and netlab nat predict of both."
        ),
    };
    format!("{nothing} {reason}")
}
