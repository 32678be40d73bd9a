//! Captures at several places in one chart: a packet that passed more than one of them is one row, with what each NAT
//! made of its addresses, and with all whom a packet to a group reached.
//!
//! Which packet inside is which outside, [`Correlation`] says; the same frame at two places of one segment is known by its
//! bytes. Trap: what has no ports of its own (ICMP errors, later fragments) is not followed through a NAT.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;

use super::layout::Cast;
use super::{Message, Moment, Row, Via};
use crate::flow::correlation::{Correlation, Side, Way, Why};
use crate::frame::Timestamp;
use crate::view::correlation;
use crate::view::style::Role;
use crate::wire::Packet;

/// Further apart in time, equal frames are not one: 50 ms.
const COPY: i64 = 50_000_000;
/// No packet passes more NATs than this.
const MOST_HOPS: usize = 8;

/// The places where packets are captured: the interfaces of the frames, by their numbers.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// And other routers, which rewrite nothing.
    pub nats: Vec<Between>,
    /// By place: the program whose own interface it is; what is seen there has reached it.
    pub ears: Vec<Option<usize>>,
    /// Each NAT's outside was captured by another clock than its inside.
    pub clocks_differ: bool,
    /// Programs that no packet is of have no column.
    pub only_active: bool,
}

/// A NAT or another router, by the places on its inside and on its outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Between {
    pub inside: Vec<u32>,
    pub outside: Vec<u32>,
    /// It only passes packets on: its sides are alike, and which way one went, its times tell.
    pub plain: bool,
}

/// What has been seen so far.
pub struct Ways {
    ground: Ground,
    /// One for each NAT.
    correlations: Vec<Correlation>,
    /// By digest: the packet that was seen first, and when.
    frames: HashMap<u64, (u64, Timestamp)>,
    /// By the number of that: where it was seen.
    seen: HashMap<u64, Vec<u32>>,
    sightings: u64,
    places: HashSet<u32>,
}

impl Ways {
    pub fn new(ground: Ground) -> Self {
        let correlations = ground.nats.iter().map(|_| Correlation::default()).collect();
        let (frames, seen, places) = (HashMap::new(), HashMap::new(), HashSet::new());
        Self { ground, correlations, frames, seen, sightings: 0, places }
    }

    /// How many packets were seen, and in how many places.
    pub fn counts(&self) -> (u64, usize) {
        (self.sightings, self.places.len())
    }

    /// Takes a packet in; whether it has been seen before, at another place of the same segment.
    pub fn is_copy(&mut self, packet: &Packet<'_>) -> bool {
        let (number, place) = (packet.frame.number, packet.frame.interface);
        let time = packet.frame.time.unwrap_or_default();
        self.sightings += 1;
        self.places.insert(place);
        let mut hasher = FixedState::with_seed(0).build_hasher();
        hasher.write(packet.frame.data);
        let digest = hasher.finish();
        if let Some((first, at)) = self.frames.get(&digest)
            && time.since(*at).saturating_abs() <= COPY
            && let Some(places) = self.seen.get_mut(first)
            && !places.contains(&place)
        {
            places.push(place);
            return true;
        }
        self.frames.insert(digest, (number, time));
        self.seen.insert(number, vec![place]);
        for (nat, correlation) in self.ground.nats.iter().zip(&mut self.correlations) {
            if nat.outside.contains(&place) {
                correlation.add(Side::Outside, packet);
            } else if nat.inside.contains(&place) {
                correlation.add(Side::Inside, packet);
            }
        }
        false
    }

    /// Makes one row of each packet.
    pub fn join(self, moments: Vec<Moment>, cast: &mut Cast) -> Vec<Moment> {
        let Self { ground, correlations, seen, .. } = self;
        let mut found = Found::default();
        let shown = |moment: &Moment| match &moment.row {
            Row::Packet(message) => Some((message.number, moment.time)),
            Row::Printed { .. } => None,
        };
        let times: HashMap<u64, Timestamp> = moments.iter().filter_map(shown).collect();
        for (nat, correlation) in ground.nats.iter().zip(correlations) {
            found.take_in(nat, correlation, ground.clocks_differ, &times);
        }
        // What came before may be filtered out: then it begins here.
        found.next.retain(|before, _| times.contains_key(before));
        let behind: HashSet<u64> = found.next.values().copied().collect();
        let (mut joined, mut further) = (Vec::new(), HashMap::new());
        for mut moment in moments {
            let Row::Packet(message) = &moment.row else {
                joined.push(moment);
                continue;
            };
            let ahead = found.ahead.get(&message.place).copied().unwrap_or_default();
            for time in [&mut moment.time, &mut moment.order] {
                *time = Timestamp(time.0.saturating_sub(ahead));
            }
            match moment.row {
                Row::Packet(message) if behind.contains(&message.number) => {
                    further.insert(message.number, message);
                }
                row => joined.push(Moment { row, ..moment }),
            }
        }
        let mut nat = None;
        for moment in &mut joined {
            let Row::Packet(message) = &mut moment.row else { continue };
            if !ground.ears.is_empty() && message.names[1].is_group() {
                spread(message, &seen, &ground.ears, cast);
            } else {
                found.follow(message, &further, nat, cast);
                nat = message.via.last().and_then(|via| via.at).or(nat);
            }
        }
        if cast.programs().is_empty() {
            from_the_inside_out(&joined, cast);
        }
        if ground.only_active {
            cast.hide_idle();
        }
        joined
    }
}

/// Puts the columns of hosts behind the NAT first, then the NAT's own, then all others.
fn from_the_inside_out(moments: &[Moment], cast: &mut Cast) {
    cast.rank(None, 3);
    let messages = moments.iter().filter_map(|moment| match &moment.row {
        Row::Packet(message) => Some(message),
        Row::Printed { .. } => None,
    });
    for (message, via) in messages.flat_map(|message| message.via.iter().map(move |via| (message, via))) {
        cast.rank(via.at, 2);
        let inside = if via.outward { message.ends[0] } else { message.ends[1] };
        cast.rank(inside, 1);
    }
}

/// What the NATs did.
#[derive(Default)]
struct Found {
    /// The packet behind a NAT that one before it became, by their numbers.
    next: HashMap<u64, u64>,
    refused: HashMap<u64, Why>,
    swallowed: HashSet<u64>,
    /// The places behind NATs.
    inside: HashSet<u32>,
    /// How far the clocks of places are ahead, in nanoseconds.
    ahead: HashMap<u32, i64>,
}

impl Found {
    fn take_in(
        &mut self,
        nat: &Between,
        correlation: Correlation,
        clocks_differ: bool,
        times: &HashMap<u64, Timestamp>,
    ) {
        let report = correlation.report();
        for twin in &report.twins {
            let out = match nat.plain {
                true => times.get(&twin.inside) <= times.get(&twin.outside),
                false => twin.way == Way::Out,
            };
            let (before, behind) = if out { (twin.inside, twin.outside) } else { (twin.outside, twin.inside) };
            self.next.insert(before, behind);
        }
        self.refused.extend(report.refused);
        self.swallowed.extend(report.swallowed);
        self.inside.extend(&nat.inside);
        if clocks_differ {
            self.ahead.extend(nat.outside.iter().map(|place| (*place, report.ahead)));
        }
    }

    /// Lets a packet's row go on through the NATs, and end where the packet did. `nat`: the last one that was passed.
    fn follow(&self, message: &mut Message, further: &HashMap<u64, Box<Message>>, nat: Option<usize>, cast: &Cast) {
        if let Some(router) = elsewhere(message.ends[0], message.place, cast) {
            // As a host of another network sent it; here it came from the router.
            message.ends[0] = Some(router);
        }
        let mut last = message.clone();
        let mut via = Vec::new();
        for _ in 0..MOST_HOPS {
            let Some(behind) = self.next.get(&last.number).and_then(|number| further.get(number)) else { break };
            passed(&last, behind, &mut via);
            last = (**behind).clone();
        }
        message.ends[1] = last.ends[1];
        let swallowed = self.swallowed.contains(&last.number);
        let router = elsewhere(last.ends[1], last.place, cast);
        // What has no ports is not followed: nobody knows whether it went on.
        let stayed = router.is_some() && last.ports.is_some() && self.inside.contains(&last.place);
        let end = match self.refused.get(&last.number) {
            Some(why) => Some(correlation::why(*why)),
            None if swallowed || stayed => Some("went no further".to_owned()),
            None => None,
        };
        if let Some(router) = router.or(nat.filter(|_| swallowed)) {
            message.ends[1] = Some(router);
        }
        if let Some(end) = end {
            message.role = Role::Trouble;
            message.words = if message.words.is_empty() { end } else { format!("{end}  {}", message.words) };
        }
        message.via = via;
    }
}

/// The router of a place where a host is not: what is sent to it from there goes there first.
fn elsewhere(host: Option<usize>, place: u32, cast: &Cast) -> Option<usize> {
    let program = cast.programs().get(host?)?;
    if program.places.is_empty() || program.places.contains(&place) {
        return None;
    }
    cast.programs().iter().position(|program| program.places.len() > 1 && program.places.contains(&place))
}

/// What a NAT between two sightings of a packet has rewritten.
fn passed(before: &Message, behind: &Message, via: &mut Vec<Via>) {
    let end = |message: &Message, which: usize| match message.ports {
        Some(ports) => message.names[which].with_port(ports[which]),
        None => message.names[which].to_string(),
    };
    // The NAT's own end is the new source, or the old destination.
    for (which, at, outward) in [(0, behind.ends[0], true), (1, before.ends[1], false)] {
        let (old, new) = (end(before, which), end(behind, which));
        if old != new && at.is_some() {
            via.push(Via { at, outward, before: old, behind: new });
        }
    }
}

/// Tells whom a packet to a group reached; the group has no column then.
fn spread(message: &mut Message, seen: &HashMap<u64, Vec<u32>>, ears: &[Option<usize>], cast: &mut Cast) {
    let [from, group] = message.ends;
    if let Some(group) = group.filter(|group| *group >= cast.programs().len()) {
        cast.hide(group);
    }
    let places = seen.get(&message.number).into_iter().flatten();
    let mut heard: Vec<usize> =
        places.filter_map(|place| ears.get(usize::try_from(*place).ok()?).copied().flatten()).collect();
    heard.retain(|ear| Some(*ear) != from);
    heard.sort_unstable();
    heard.dedup();
    heard.iter().for_each(|ear| cast.reach(*ear));
    if heard.is_empty() {
        message.ends[1] = from;
        message.words = format!("{}  reached nobody", message.words).trim_start().to_owned();
    }
    // To whom, now that the group has no column.
    message.header = format!("to {} {}", message.names[1], message.header).trim_end().to_owned();
    message.heard = heard;
}
