//! Which packet inside is which packet outside.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use super::{Sighting, Transport, Way};

/// Alike packets of the two sides are the same only if no more than this lies between them, in nanoseconds, the clocks'
/// difference taken off: a NAT that holds a packet longer has lost it.
const FARTHEST: i64 = 1_000_000_000;
/// Of many alike packets, so many before and behind in time are looked at.
const NEAREST: usize = 8;

/// A packet on both sides.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// Indices into the sightings of either side.
    pub inside: usize,
    pub outside: usize,
    pub way: Way,
}

/// The pairs, in the order of the inside's packets.
#[derive(Debug, Default)]
pub struct Pairing {
    pub pairs: Vec<Pair>,
    /// How far the outside's clock is ahead, in nanoseconds, as far as the two directions tell.
    pub ahead: i64,
    /// By side: which packets have a partner.
    pub paired: [Vec<bool>; 2],
}

/// What must be equal on both sides: the host outside, the content, and the identification where that counts.
type Alike = (Transport, SocketAddr, u64, Option<u16>);
/// A flow as the inside sees it: protocol, inside endpoint, the host outside.
type Flow = (Transport, SocketAddr, SocketAddr);

fn alike(sighting: &Sighting, way: Way, identified: bool) -> Alike {
    let remote = if way == Way::Out { sighting.destination } else { sighting.source };
    (sighting.transport, remote, sighting.content, identified.then_some(sighting.identification))
}

/// The NAT's own end and the other, of a packet on either side.
fn ends(sighting: &Sighting, way: Way) -> (SocketAddr, SocketAddr) {
    match way {
        Way::Out => (sighting.source, sighting.destination),
        Way::In => (sighting.destination, sighting.source),
    }
}

/// Alike packets: indices by side.
type Groups = HashMap<Alike, [Vec<usize>; 2], RandomState>;

struct Search<'a> {
    sides: [&'a [Sighting]; 2],
    pairing: Pairing,
    /// What is known: the outside endpoints of flows, and whose an outside endpoint is.
    known: HashMap<Flow, HashSet<SocketAddr, RandomState>, RandomState>,
    owners: HashMap<Flow, SocketAddr, RandomState>,
}

/// Pairs off two captures, each in order of time.
pub fn pair(inside: &[Sighting], outside: &[Sighting]) -> Pairing {
    let paired = [vec![false; inside.len()], vec![false; outside.len()]];
    let mut search = Search {
        sides: [inside, outside],
        pairing: Pairing { paired, ..Pairing::default() },
        known: HashMap::default(),
        owners: HashMap::default(),
    };
    search.pairing.ahead = search.ahead();
    // First with the identification, which nearly all translators keep; then without.
    for identified in [true, false] {
        for sure in [true, false] {
            for way in Way::BOTH {
                search.round(way, identified, sure);
            }
        }
    }
    search.pairing.pairs.sort_by_key(|pair| pair.inside);
    search.pairing
}

impl Search<'_> {
    /// The alike packets that have no partner yet.
    fn groups(&self, way: Way, identified: bool) -> Groups {
        let mut groups = Groups::default();
        let [inside, outside] = self.sides;
        let [inside_paired, outside_paired] = &self.pairing.paired;
        // Groups of the outside alone are of no use: they are not begun.
        for (index, (sighting, _)) in inside.iter().zip(inside_paired).enumerate().filter(|(_, (_, paired))| !**paired)
        {
            groups.entry(alike(sighting, way, identified)).or_default()[0].push(index);
        }
        for (index, (sighting, _)) in
            outside.iter().zip(outside_paired).enumerate().filter(|(_, (_, paired))| !**paired)
        {
            if let Some([_, found]) = groups.get_mut(&alike(sighting, way, identified)) {
                found.push(index);
            }
        }
        groups.retain(|_, [_, found]| !found.is_empty());
        groups
    }

    /// From packets that can only be one another: the middle of what both directions say.
    fn ahead(&self) -> i64 {
        let means: Vec<i64> = Way::BOTH.iter().filter_map(|way| self.middle(*way)).collect();
        let sum: i128 = means.iter().map(|mean| i128::from(*mean)).sum();
        i64::try_from(sum / means.len().max(1) as i128).unwrap_or_default()
    }

    /// The median of how much later the outside saw the packets that went this way.
    fn middle(&self, way: Way) -> Option<i64> {
        let groups = self.groups(way, true);
        let single = groups.values().filter_map(|[inside, outside]| match (inside.as_slice(), outside.as_slice()) {
            ([inside], [outside]) => Some(self.later(*inside, *outside)),
            _ => None,
        });
        let mut later: Vec<i64> = single.collect();
        // Where all are alike, the first of either side is as good a guess as any.
        if later.is_empty() {
            let first = groups.values().filter_map(|[inside, outside]| Some((*inside.first()?, *outside.first()?)));
            later = first.map(|(inside, outside)| self.later(inside, outside)).collect();
        }
        later.sort_unstable();
        later.get(later.len() / 2).copied()
    }

    /// Nanoseconds from a packet inside to one outside, by the two clocks.
    fn later(&self, inside: usize, outside: usize) -> i64 {
        let [inside, outside] =
            [(0, inside), (1, outside)].map(|(side, index)| self.sides.get(side).and_then(|seen| seen.get(index)));
        inside.zip(outside).map_or(0, |(inside, outside)| outside.time.since(inside.time))
    }

    /// Pairs off what is alike: only single ones (`sure`), or all.
    fn round(&mut self, way: Way, identified: bool, sure: bool) {
        let mut groups: Vec<[Vec<usize>; 2]> = self.groups(way, identified).into_values().collect();
        groups.retain(|[inside, outside]| !sure || inside.len() == 1 && outside.len() == 1);
        groups.sort();
        for [inside, outside] in groups {
            let mut candidates: Vec<(u8, i64, usize, usize)> = Vec::new();
            for index in inside {
                let Some(at) =
                    self.sides[0].get(index).map(|sighting| sighting.time.0.saturating_add(self.pairing.ahead))
                else {
                    continue;
                };
                let time = |index: &usize| self.sides[1].get(*index).map_or(0, |sighting| sighting.time.0);
                let place = outside.partition_point(|index| time(index) < at);
                let near = outside.iter().skip(place.saturating_sub(NEAREST)).take(2 * NEAREST);
                for other in near.copied() {
                    let apart = self.later(index, other).saturating_sub(self.pairing.ahead).saturating_abs();
                    if apart <= FARTHEST {
                        candidates.push((self.strangeness(index, other, way), apart, index, other));
                    }
                }
            }
            candidates.sort_unstable();
            for (_, _, inside, outside) in candidates {
                self.join(inside, outside, way);
            }
        }
    }

    /// How little a pair agrees with what is known: 0 the flow has this outside endpoint, 1 nothing is known, 2 the flow
    /// has another, 3 it is another's.
    fn strangeness(&self, inside: usize, outside: usize, way: Way) -> u8 {
        let Some((flow, back, external)) = self.flows(inside, outside, way) else { return 3 };
        match (self.known.get(&flow), self.owners.get(&back)) {
            (Some(known), _) if known.contains(&external) => 0,
            (_, Some(owner)) if *owner != flow.1 => 3,
            (None, _) => 1,
            (Some(_), _) => 2,
        }
    }

    /// The flow, the same seen from outside, and the outside endpoint of a pair.
    fn flows(&self, inside: usize, outside: usize, way: Way) -> Option<(Flow, Flow, SocketAddr)> {
        let (inside, outside) = (self.sides[0].get(inside)?, self.sides[1].get(outside)?);
        let ((own, remote), (external, _)) = (ends(inside, way), ends(outside, way));
        Some(((inside.transport, own, remote), (inside.transport, external, remote), external))
    }

    fn join(&mut self, inside: usize, outside: usize, way: Way) {
        let Some((flow, back, external)) = self.flows(inside, outside, way) else { return };
        let [insides, outsides] = &mut self.pairing.paired;
        let (Some(one), Some(other)) = (insides.get_mut(inside), outsides.get_mut(outside)) else { return };
        if *one || *other {
            return;
        }
        (*one, *other) = (true, true);
        self.known.entry(flow).or_default().insert(external);
        self.owners.insert(back, flow.1);
        self.pairing.pairs.push(Pair { inside, outside, way });
    }
}
