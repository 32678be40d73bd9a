//! What the pairs say of the NAT: its table, what it changed, what it let through to nobody.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use foldhash::fast::RandomState;

use super::pairing::{Pair, Pairing};
use super::{Correlation, Sighting, Transport, Way};
use crate::flow::matching::{Delays, Path};
use crate::frame::Timestamp;

/// A row of the translation table.
#[derive(Clone, Debug)]
pub struct Binding {
    pub transport: Transport,
    pub inside: SocketAddr,
    pub outside: SocketAddr,
    pub remote: SocketAddr,
    /// Packets let out and let in.
    pub packets: [u64; 2],
    /// When it was first and last seen, by the inside's clock; the first packet's numbers inside and outside.
    pub made: Timestamp,
    pub first: [u64; 2],
    /// When the last packet went out, and when one came in.
    pub last: [Option<Timestamp>; 2],
    /// The longest time without a packet, in nanoseconds.
    pub idle: i64,
    /// Packets from inside that did not come out.
    pub lost: u64,
    pub ended: Ended,
}

/// How a binding ended, as far as that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The last that was seen of it let a packet through.
    Open,
    /// The flow got another outside endpoint, so long after the last packet (in nanoseconds).
    Replaced { after: i64 },
    /// A packet from the host outside was no longer let in, so long after the last packet.
    Expired { after: i64 },
}

/// Why packets from outside did not arrive inside, as far as the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Nobody inside had that outside endpoint at the time.
    NoBinding,
    /// Somebody had, but had not sent to that host or port: it was filtered.
    Filtered,
    /// There had been a binding with that host, last used so long before (in nanoseconds).
    Expired { after: i64 },
    /// There was a binding with that host, in use: lost on the way, or not wanted.
    Lost,
}

/// Packets from outside that did not arrive inside.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub transport: Transport,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub packets: u64,
    /// The first of them: its number in the outside's capture, when (by the inside's clock), and why.
    pub number: u64,
    pub time: Timestamp,
    pub why: Why,
}

/// A packet from inside to an outside endpoint of this NAT that came back inside (RFC 4787 §6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hairpin {
    pub transport: Transport,
    pub from: SocketAddr,
    pub to: SocketAddr,
    /// Where it arrived, and from whom.
    pub at: SocketAddr,
    pub seen_from: SocketAddr,
}

/// What else than addresses differs between the two sides, in packets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Changes {
    /// How much smaller the time to live was behind the NAT, least and most; `None` without packets that way.
    pub ttl: Option<(i16, i16)>,
    pub identification: u64,
    pub tos: u64,
    pub dont_fragment: u64,
    pub options: u64,
    /// Wrong behind the NAT and right before it.
    pub checksums_broken: u64,
}

/// A packet that is on both sides: its numbers in the two captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twin {
    pub inside: u64,
    pub outside: u64,
    pub way: Way,
}

/// What a NAT did.
#[derive(Clone, Debug)]
pub struct Report {
    /// In the order of their first packet.
    pub bindings: Vec<Binding>,
    pub changes: Changes,
    pub refusals: Vec<Refusal>,
    pub hairpins: Vec<Hairpin>,
    pub path: Path,
    /// How far the outside's clock is ahead, in nanoseconds.
    pub ahead: i64,
    /// Packets on both sides.
    pub pairs: u64,
    /// The same one by one, in the order of the inside.
    pub twins: Vec<Twin>,
    /// One by one: packets outside that were not let in, and why; packets of translated flows that did not come out.
    pub refused: Vec<(u64, Why)>,
    pub swallowed: Vec<u64>,
    /// Packets inside to nobody that was ever seen outside; of translated flows that did not come out; outside between others.
    pub stayed_inside: u64,
    pub lost: u64,
    pub own_outside: u64,
    pub elsewhere: u64,
    /// Packets of a binding on the far side of the NAT alone: the other capture began later, ended sooner, or lost them.
    pub missed: u64,
    /// Part of what came through in other pieces: put together by a kernel before it was captured.
    pub regrouped: u64,
    /// By side.
    pub skipped: [u64; 2],
    pub forgotten: u64,
}

type Row = (Transport, SocketAddr, SocketAddr, SocketAddr);

/// Where to find bindings: by their flow (inside endpoint, host outside) and by their outside endpoint, oldest first.
#[derive(Default)]
struct Index {
    flows: HashMap<(Transport, SocketAddr, SocketAddr), Vec<usize>, RandomState>,
    outsides: HashMap<(Transport, SocketAddr), Vec<usize>, RandomState>,
    /// The NAT's own addresses outside: those that it translates to.
    own: HashSet<IpAddr, RandomState>,
}

impl Index {
    fn of(bindings: &[Binding]) -> Self {
        let mut index = Self::default();
        for (place, binding) in bindings.iter().enumerate() {
            index.flows.entry((binding.transport, binding.inside, binding.remote)).or_default().push(place);
            index.outsides.entry((binding.transport, binding.outside)).or_default().push(place);
            if !binding.is_untranslated() {
                index.own.insert(binding.outside.ip());
            }
        }
        index
    }

    /// The latest binding of a flow.
    fn flow(&self, transport: Transport, inside: SocketAddr, remote: SocketAddr) -> Option<usize> {
        self.flows.get(&(transport, inside, remote))?.last().copied()
    }

    /// Those that have this outside endpoint.
    fn at(&self, transport: Transport, outside: SocketAddr) -> &[usize] {
        self.outsides.get(&(transport, outside)).map_or(&[], Vec::as_slice)
    }
}

pub(super) fn report(seen: &Correlation, pairing: &Pairing) -> Report {
    let mut rows = Rows::default();
    let mut twins = Vec::with_capacity(pairing.pairs.len());
    let (mut changes, mut delays) = (Changes::default(), [Delays::default(); 2]);
    for pair in &pairing.pairs {
        let (Some(inside), Some(outside)) = (seen.inside.get(pair.inside), seen.outside.get(pair.outside)) else {
            continue;
        };
        rows.add(pair, inside, outside);
        twins.push(Twin { inside: inside.number, outside: outside.number, way: pair.way });
        let (before, behind) = if pair.way == Way::Out { (inside, outside) } else { (outside, inside) };
        changes.add(before, behind);
        let [out, back] = &mut delays;
        let delay = outside.time.since(inside.time);
        if pair.way == Way::Out {
            out.add(delay)
        } else {
            back.add(-delay)
        };
    }
    let [there, back] = delays;
    let mut report = Report {
        bindings: rows.bindings,
        changes,
        refusals: Vec::new(),
        hairpins: Vec::new(),
        path: Path { there, back, both: there.mean().zip(back.mean()).map(|(out, back)| out.saturating_add(back)) },
        ahead: pairing.ahead,
        pairs: pairing.pairs.len() as u64,
        twins,
        refused: Vec::new(),
        swallowed: Vec::new(),
        stayed_inside: 0,
        lost: 0,
        own_outside: 0,
        elsewhere: 0,
        missed: 0,
        regrouped: 0,
        skipped: seen.skipped,
        forgotten: seen.forgotten,
    };
    report.replaced();
    let [inside, outside] = &pairing.paired;
    let alone = |seen: &[Sighting], paired: &[bool]| -> Vec<Sighting> {
        seen.iter().zip(paired).filter(|(_, paired)| !**paired).map(|(sighting, _)| *sighting).collect()
    };
    let pieces = Pieces::of(&seen.outside, &seen.inside);
    let index = Index::of(&report.bindings);
    report.only_inside(&alone(&seen.inside, inside), &index, &pieces);
    report.only_outside(&alone(&seen.outside, outside), &index, &pieces);
    report
}

#[derive(Default)]
struct Rows {
    bindings: Vec<Binding>,
    places: HashMap<Row, usize, RandomState>,
}

impl Rows {
    fn add(&mut self, pair: &Pair, inside: &Sighting, outside: &Sighting) {
        let (own, remote, external) = match pair.way {
            Way::Out => (inside.source, inside.destination, outside.source),
            Way::In => (inside.destination, inside.source, outside.destination),
        };
        let place = *self.places.entry((inside.transport, own, external, remote)).or_insert_with(|| {
            self.bindings.push(Binding {
                transport: inside.transport,
                inside: own,
                outside: external,
                remote,
                packets: [0; 2],
                made: inside.time,
                first: [inside.number, outside.number],
                last: [None; 2],
                idle: 0,
                lost: 0,
                ended: Ended::Open,
            });
            self.bindings.len() - 1
        });
        let Some(binding) = self.bindings.get_mut(place) else { return };
        binding.idle = binding.idle.max(binding.latest().map_or(0, |last| inside.time.since(last)));
        let ([out, back], [sent, came]) = (&mut binding.packets, &mut binding.last);
        let (count, last) = if pair.way == Way::Out { (out, sent) } else { (back, came) };
        *count += 1;
        *last = Some(inside.time);
    }
}

impl Binding {
    /// When it was last used.
    pub fn latest(&self) -> Option<Timestamp> {
        let [out, back] = self.last;
        out.max(back)
    }

    /// Whether the NAT left the endpoint alone.
    pub fn is_untranslated(&self) -> bool {
        self.inside == self.outside
    }
}

impl Changes {
    fn add(&mut self, before: &Sighting, behind: &Sighting) {
        let less = i16::from(before.ttl) - i16::from(behind.ttl);
        self.ttl = Some(self.ttl.map_or((less, less), |(least, most)| (least.min(less), most.max(less))));
        self.identification += u64::from(before.identification != behind.identification);
        self.tos += u64::from(before.tos != behind.tos);
        self.dont_fragment += u64::from(before.dont_fragment != behind.dont_fragment);
        self.options += u64::from(before.options != behind.options);
        self.checksums_broken += u64::from(!before.bad_checksum && behind.bad_checksum);
    }
}

impl Report {
    /// Finds the bindings whose flow went on with another outside endpoint.
    fn replaced(&mut self) {
        let mut latest: HashMap<(Transport, SocketAddr, SocketAddr), usize, RandomState> = HashMap::default();
        let mut replaced = Vec::new();
        for (index, binding) in self.bindings.iter().enumerate() {
            if let Some(before) = latest.insert((binding.transport, binding.inside, binding.remote), index) {
                replaced.push((before, binding.made));
            }
        }
        for (index, at) in replaced {
            if let Some(binding) = self.bindings.get_mut(index)
                && let Some(last) = binding.latest()
            {
                binding.ended = Ended::Replaced { after: at.since(last).max(0) };
            }
        }
    }

    fn only_inside(&mut self, alone: &[Sighting], index: &Index, pieces: &Pieces) {
        let own = &index.own;
        // By content: packets that came back inside, to be found by those that went to the NAT's own address.
        let mut back: HashMap<(Transport, u64), Vec<&Sighting>, RandomState> = HashMap::default();
        for sighting in alone.iter().filter(|sighting| !own.contains(&sighting.destination.ip())) {
            back.entry((sighting.transport, sighting.content)).or_default().push(sighting);
        }
        let mut hairpins = BTreeSet::new();
        let mut returned = HashSet::<u64, RandomState>::default();
        for sighting in alone.iter().filter(|sighting| own.contains(&sighting.destination.ip())) {
            let alike = back.get(&(sighting.transport, sighting.content)).into_iter().flatten();
            let found = alike.copied().find(|other| {
                other.time >= sighting.time && other.number != sighting.number && !returned.contains(&other.number)
            });
            if let Some(other) = found {
                returned.insert(other.number);
                returned.insert(sighting.number);
                hairpins.insert(Hairpin {
                    transport: sighting.transport,
                    from: sighting.source,
                    to: sighting.destination,
                    at: other.destination,
                    seen_from: other.source,
                });
            }
        }
        self.hairpins = hairpins.into_iter().collect();
        for sighting in alone.iter().filter(|sighting| !returned.contains(&sighting.number)) {
            let Sighting { transport, source, destination, .. } = *sighting;
            if let Some(binding) = index.flow(transport, source, destination).and_then(|at| self.bindings.get_mut(at)) {
                if pieces.have(binding.outside, binding.remote, sighting) {
                    self.regrouped += 1;
                } else {
                    binding.lost += 1;
                    self.lost += 1;
                    self.swallowed.push(sighting.number);
                }
            } else if let Some(binding) =
                index.flow(transport, destination, source).and_then(|at| self.bindings.get(at))
            {
                let pieces = pieces.have(binding.remote, binding.outside, sighting);
                *(if pieces { &mut self.regrouped } else { &mut self.missed }) += 1;
            } else {
                self.stayed_inside += 1;
            }
        }
    }

    fn only_outside(&mut self, alone: &[Sighting], index: &Index, pieces: &Pieces) {
        let own = &index.own;
        let mut refusals: BTreeMap<(Transport, SocketAddr, SocketAddr, u8), Refusal> = BTreeMap::new();
        let mut expired = Vec::new();
        for sighting in alone {
            if own.contains(&sighting.source.ip()) {
                // Of a binding, or the NAT's own.
                let places = index.at(sighting.transport, sighting.source).iter();
                let mut bindings = places.filter_map(|at| self.bindings.get(*at));
                match bindings.find(|binding| binding.remote == sighting.destination) {
                    Some(binding) if pieces.have(binding.inside, binding.remote, sighting) => self.regrouped += 1,
                    Some(_) => self.missed += 1,
                    None => self.own_outside += 1,
                }
                continue;
            }
            if !own.contains(&sighting.destination.ip()) {
                self.elsewhere += 1;
                continue;
            }
            let time = Timestamp(sighting.time.0.saturating_sub(self.ahead));
            let (why, place) = self.why(sighting, time, index);
            if why == Why::Lost
                && let Some(binding) = place.and_then(|place| self.bindings.get(place))
                && pieces.have(binding.remote, binding.inside, sighting)
            {
                self.regrouped += 1;
                continue;
            }
            if let (Why::Expired { after }, Some(place)) = (why, place) {
                expired.push((place, after));
            }
            self.refused.push((sighting.number, why));
            let kind = match why {
                Why::NoBinding => 0,
                Why::Filtered => 1,
                Why::Expired { .. } => 2,
                Why::Lost => 3,
            };
            let key = (sighting.transport, sighting.source, sighting.destination, kind);
            let refusal = refusals.entry(key).or_insert(Refusal {
                transport: sighting.transport,
                from: sighting.source,
                to: sighting.destination,
                packets: 0,
                number: sighting.number,
                time,
                why,
            });
            refusal.packets += 1;
        }
        for (place, after) in expired {
            if let Some(binding) = self.bindings.get_mut(place).filter(|binding| binding.ended == Ended::Open) {
                binding.ended = Ended::Expired { after };
            }
        }
        self.refusals = refusals.into_values().collect();
        self.refusals.sort_by_key(|refusal| refusal.number);
    }

    /// Why a packet from outside did not arrive, and the binding that it would have needed.
    fn why(&self, sighting: &Sighting, time: Timestamp, index: &Index) -> (Why, Option<usize>) {
        let places = index.at(sighting.transport, sighting.destination).iter().rev();
        let mut others = false;
        for (place, binding) in places.filter_map(|at| Some((*at, self.bindings.get(*at)?))) {
            if binding.made > time {
                continue;
            }
            if binding.remote != sighting.source {
                others = true;
                continue;
            }
            let used = binding.last.iter().flatten().filter(|last| **last <= time).max();
            // Used again later on: then it was there all the time, and the packet was lost.
            let later = binding.latest().is_some_and(|last| last > time);
            let after = used.map_or(0, |used| time.since(*used));
            return (if later || after < SHORTEST { Why::Lost } else { Why::Expired { after } }, Some(place));
        }
        (if others { Why::Filtered } else { Why::NoBinding }, None)
    }
}

/// No NAT forgets a binding sooner than this, in nanoseconds.
const SHORTEST: i64 = 1_000_000_000;

/// Which sequence numbers of TCP were seen between two endpoints, whatever the pieces.
struct Pieces(HashMap<(SocketAddr, SocketAddr), Seen, RandomState>);

/// Stretches of sequence numbers, relative to the first that was met: begin and end, in order, apart from each other.
#[derive(Default)]
struct Seen {
    base: u32,
    stretches: Vec<(i64, i64)>,
}

impl Seen {
    /// Where a segment lies; right within 2 GiB of the first.
    fn place(&self, (start, length): (u32, u32)) -> (i64, i64) {
        let start = i64::from(start.wrapping_sub(self.base).cast_signed());
        (start, start + i64::from(length))
    }

    fn unite(&mut self) {
        self.stretches.sort_unstable();
        self.stretches.dedup_by(|(start, end), (_, before)| {
            let joined = *start <= *before;
            if joined {
                *before = (*before).max(*end);
            }
            joined
        });
    }
}

impl Pieces {
    fn of(outside: &[Sighting], inside: &[Sighting]) -> Self {
        let mut all: HashMap<_, Seen, RandomState> = HashMap::default();
        for sighting in outside.iter().chain(inside).filter(|sighting| sighting.sequence.1 > 0) {
            let ends = (sighting.source, sighting.destination);
            let seen = all.entry(ends).or_insert_with(|| Seen { base: sighting.sequence.0, stretches: Vec::new() });
            let place = seen.place(sighting.sequence);
            seen.stretches.push(place);
        }
        all.values_mut().for_each(Seen::unite);
        Self(all)
    }

    /// Whether the bytes of a segment were seen between these two.
    fn have(&self, from: SocketAddr, to: SocketAddr, sighting: &Sighting) -> bool {
        let Some(seen) = self.0.get(&(from, to)).filter(|_| sighting.sequence.1 > 0) else { return false };
        let (start, end) = seen.place(sighting.sequence);
        let next = seen.stretches.partition_point(|(begun, _)| *begun <= start);
        next.checked_sub(1).and_then(|at| seen.stretches.get(at)).is_some_and(|(_, reached)| *reached >= end)
    }
}
