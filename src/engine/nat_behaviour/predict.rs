//! Whether two peers that know each other's outside endpoint from a third machine will reach each other over UDP, from
//! how their NATs behave.
//!
//! The rule: it works where either side lets in anybody; or where either side keeps one mapping for all and filters by
//! address alone; or where both sides keep one mapping for all. In each case the first datagram of one side either gets
//! in, or opens that side's own filter for what the other one sends from where it is known to be. What is not known
//! about a side counts only where it makes a difference.
//!
//! Trap: two NATs, one behind the other, are measured as one with the stricter mapping and filtering of both. In a few
//! cases (an outer one that lets in anybody, though its mapping depends on the destination) it works against the rule.

use std::net::IpAddr;

use crate::engine::nat::Dependence::{self, AddressDependent, EndpointIndependent};
use crate::engine::nat::Hairpinning;

/// What is known about one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// `Some(None)`: no NAT.
    pub mapping: Option<Option<Dependence>>,
    /// `Some(None)`: no filter.
    pub filtering: Option<Option<Dependence>>,
    pub external: Option<IpAddr>,
    pub hairpin: Option<Hairpinning>,
}

/// `works`: `None` where it depends on what is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prediction {
    pub works: Option<bool>,
    pub why: String,
}

/// A side without gaps: mapping and filtering.
type Whole = (Dependence, Dependence);

fn possible(side: &Side) -> Vec<Whole> {
    let all = |known: Option<Option<Dependence>>| match known {
        Some(known) => vec![known.unwrap_or(EndpointIndependent)],
        None => Dependence::ALL.to_vec(),
    };
    let filters = all(side.filtering);
    all(side.mapping).into_iter().flat_map(|mapping| filters.iter().map(move |filter| (mapping, *filter))).collect()
}

fn works([(mapping_a, filter_a), (mapping_b, filter_b)]: [Whole; 2]) -> bool {
    let one = |mapping| mapping == EndpointIndependent;
    let by_address = |mapping, filter| one(mapping) && filter == AddressDependent;
    filter_a == EndpointIndependent
        || filter_b == EndpointIndependent
        || by_address(mapping_a, filter_a)
        || by_address(mapping_b, filter_b)
        || (one(mapping_a) && one(mapping_b))
}

/// Why, where all is known.
fn reason(sides: [Whole; 2]) -> &'static str {
    let [a, b] = sides;
    let either = |is: fn(Whole) -> bool| match (is(a), is(b)) {
        (true, true) => Some(2),
        (true, false) => Some(0),
        (false, true) => Some(1),
        _ => None,
    };
    let open = either(|(_, filter)| filter == EndpointIndependent);
    let address = either(|(mapping, filter)| mapping == EndpointIndependent && filter == AddressDependent);
    match (open, address) {
        (Some(2), _) => "both let in whoever knows their mapping",
        (Some(0), _) => "A lets in whoever knows its mapping: B sends first, and A answers to where that came from",
        (Some(_), _) => "B lets in whoever knows its mapping: A sends first, and B answers to where that came from",
        (_, Some(2)) => "both keep one mapping for all and look at the sender's address only",
        (_, Some(0)) => {
            "A keeps one mapping for all and looks at the sender's address only: whatever port B gets, it \
            may come in once A has sent to B's address"
        }
        (_, Some(_)) => {
            "B keeps one mapping for all and looks at the sender's address only: whatever port A gets, it \
            may come in once B has sent to A's address"
        }
        _ if works(sides) => {
            "both keep one mapping for all: each sends to the mapping that it was told, and what opens \
            its own filter is just what the other one sends from"
        }
        _ => match sides.map(|(mapping, _)| mapping == EndpointIndependent) {
            [false, false] => {
                "both get a new port for each destination: neither is where the other one was told that \
                it is"
            }
            [false, true] => "A gets a new port towards B, which nobody can tell B, and B's filter looks at ports",
            _ => "B gets a new port towards A, which nobody can tell A, and A's filter looks at ports",
        },
    }
}

/// Will A and B reach each other?
pub fn predict(a: &Side, b: &Side) -> Prediction {
    if a.external.is_some() && a.external == b.external && a.mapping != Some(None) && b.mapping != Some(None) {
        return beside(a, b);
    }
    let (ways_a, ways_b) = (possible(a), possible(b));
    let mut all = ways_a.iter().flat_map(|a| ways_b.iter().map(move |b| [*a, *b]));
    let Some(first) = all.next() else { return Prediction { works: None, why: String::new() } };
    let verdict = works(first);
    let certain = all.all(|other| works(other) == verdict);
    if certain {
        let known = ways_a.len() == 1 && ways_b.len() == 1;
        let why = if known { reason(first) } else { "whatever is not known of them makes no difference" };
        return Prediction { works: Some(verdict), why: why.into() };
    }
    let missing = |name: &str, side: &Side| match (side.mapping, side.filtering) {
        (None, None) => Some(format!("{name}'s mapping and filtering are not known")),
        (None, _) => Some(format!("{name}'s mapping is not known")),
        (_, None) => Some(format!("{name}'s filtering is not known")),
        _ => None,
    };
    let why: Vec<String> = [missing("A", a), missing("B", b)].into_iter().flatten().collect();
    Prediction { works: None, why: format!("{}, and that decides", why.join("; ")) }
}

/// Both have the same outside address: what they send each other has to turn round at their NAT.
fn beside(a: &Side, b: &Side) -> Prediction {
    let round = match (a.hairpin, b.hairpin) {
        (Some(Hairpinning::External), _) | (_, Some(Hairpinning::External)) => Some(true),
        // The answer then comes from an inside address, which a peer that takes what it sees as the other's will use.
        (Some(Hairpinning::Internal), _) | (_, Some(Hairpinning::Internal)) => Some(true),
        // In one network they reach each other by their inside addresses; that they are in one is not known.
        _ => None,
    };
    let known = a.hairpin.is_some() || b.hairpin.is_some();
    let why = match round {
        Some(_) => "both are behind the same outside address, and its NAT sends back inside what is for inside",
        None if known => {
            "both are behind the same outside address, and its NAT does no hairpinning: in one network inside \
            addresses work, which each has to tell the other; behind a carrier's NAT, in two, nothing does"
        }
        None => {
            "both are behind the same outside address, and whether its NAT does hairpinning is not known: in one network \
            inside addresses work, which each has to tell the other"
        }
    };
    Prediction { works: round, why: why.into() }
}

/// The rule's own cases in words, for a report about one side: whom it can meet.
pub fn partners(mapping: Option<Dependence>, filtering: Option<Dependence>) -> Vec<(&'static str, bool)> {
    let own = (mapping.unwrap_or(EndpointIndependent), filtering.unwrap_or(EndpointIndependent));
    let named = crate::engine::nat::NAMED;
    named.iter().map(|(name, mapping, filtering)| (*name, works([own, (*mapping, *filtering)]))).collect()
}

#[cfg(test)]
mod tests {
    use Dependence::AddressAndPortDependent;

    use super::*;

    fn side(mapping: Dependence, filtering: Dependence) -> Side {
        Side { mapping: Some(Some(mapping)), filtering: Some(Some(filtering)), ..Side::default() }
    }

    #[test]
    fn says_what_64_real_pairs_did() {
        // Rows and columns: full cone, address restricted, port restricted, symmetric, symmetric that filters by
        // address, symmetric that lets in all. Seen with two Linux routers and a rendezvous between them.
        let kinds = [
            side(EndpointIndependent, EndpointIndependent),
            side(EndpointIndependent, AddressDependent),
            side(EndpointIndependent, AddressAndPortDependent),
            side(AddressAndPortDependent, AddressAndPortDependent),
            side(AddressAndPortDependent, AddressDependent),
            side(AddressAndPortDependent, EndpointIndependent),
        ];
        let seen = ["111111", "111111", "111001", "110001", "110001", "111111"];
        for (a, row) in kinds.iter().zip(seen) {
            for (b, works) in kinds.iter().zip(row.chars()) {
                let told = predict(a, b);
                assert_eq!(told.works, Some(works == '1'), "{a:?} {b:?}");
                assert!(!told.why.is_empty());
                assert_eq!(told.works, predict(b, a).works, "it is the same from the other side");
            }
        }
    }

    #[test]
    fn does_not_guess_what_hangs_on_the_unknown() {
        let unknown = Side::default();
        assert_eq!(predict(&unknown, &side(EndpointIndependent, EndpointIndependent)).works, Some(true));
        let told = predict(&unknown, &side(EndpointIndependent, AddressAndPortDependent));
        assert_eq!(told.works, None);
        assert!(told.why.contains("A's mapping and filtering"), "{}", told.why);
        let open = Side { mapping: Some(None), filtering: Some(None), ..Side::default() };
        assert_eq!(predict(&open, &side(AddressAndPortDependent, AddressAndPortDependent)).works, Some(true));
    }

    #[test]
    fn sees_that_two_are_behind_the_same_nat() {
        let external = Some([203, 0, 113, 1].into());
        let home = Side { external, ..side(EndpointIndependent, EndpointIndependent) };
        let with = |hairpin| predict(&Side { hairpin, ..home }, &home).works;
        assert_eq!(with(Some(Hairpinning::External)), Some(true));
        assert_eq!(with(Some(Hairpinning::Off)), None, "their inside addresses work, in one network");
        assert_eq!(with(None), None);
    }
}
