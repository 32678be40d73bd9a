//! Which pairs of NATs let each other's peers meet.

use super::*;
use crate::engine::nat::Hairpinning;
use crate::engine::nat_behaviour::predict::{self, predict};

/// What discover would say of it.
fn known(nats: &[Behaviour]) -> predict::Side {
    // Of several NATs, one behind another, the strictest counts on each axis.
    let most = |axis: fn(&Behaviour) -> Dependence| Some(nats.iter().map(axis).max());
    predict::Side { mapping: most(|nat| nat.mapping), filtering: most(|nat| nat.filtering), ..predict::Side::default() }
}

fn meets(carrier: Option<Behaviour>, sides: [Side; 2]) -> World {
    let mut world = shared_world(Link::default(), carrier, sides, |_, _| {});
    world.run(60 * S);
    world
}

/// Whether both reach each other directly, or neither does: then the relay carries.
#[track_caller]
fn reach(a: &[Behaviour], b: &[Behaviour]) -> bool {
    let world = meets(None, [behind(a, 1), behind(b, 2)]);
    let reached = [0, 1].map(|one| matches!(world.reach(one), Reach::Direct { .. }));
    let case = || format!("{:?}\n{:?}\n{:#?}", known(a), known(b), world.events);
    assert_eq!(reached[0], reached[1], "one side only: {}", case());
    for one in [0, 1] {
        assert_eq!(world.peers[one].ended(), Some(Ending::Settled), "{}", case());
        assert!(reached[one] || world.reach(one) == Reach::Relay, "{}", case());
    }
    reached[0]
}

#[track_caller]
fn is_as_predicted(a: &[Behaviour], b: &[Behaviour]) {
    let told = predict(&known(a), &known(b));
    assert_eq!(told.works, Some(reach(a, b)), "{a:?}\n{b:?}\n{}", told.why);
}

#[test]
fn does_what_was_predicted_behind_every_pair_of_nats() {
    for a in kinds() {
        for b in kinds() {
            is_as_predicted(&[a], &[b]);
        }
        is_as_predicted(&[a], &[]);
        is_as_predicted(&[], &[a]);
    }
    is_as_predicted(&[], &[]);
}

#[test]
fn behind_two_nats_one_behind_the_other_it_is_never_worse_than_predicted() {
    let mut better = 0;
    for outer in kinds() {
        for inner in kinds() {
            for b in kinds() {
                let (a, b) = ([outer, inner], [b]);
                let (told, reached) = (predict(&known(&a), &known(&b)).works, reach(&a, &b));
                if told == Some(reached) {
                    continue;
                }
                // The outer NAT lets in anybody at the port that was told, though others are used towards others; the
                // inner one keeps that port's mapping. Measured from inside, the two are one NAT that does neither.
                let open = outer.filtering == Dependence::EndpointIndependent;
                assert!(reached && open && inner.mapping == Dependence::EndpointIndependent, "{a:?}\n{b:?}");
                better += 1;
            }
        }
    }
    assert_eq!(better, 12, "of 729");
}

fn beside(carrier: Behaviour, homes: &[Behaviour]) -> bool {
    let mut sides = [behind(homes, 1), behind(homes, 2)];
    if homes.is_empty() {
        sides[1].address = [192, 168, 1, 11].into();
    }
    let world = meets(Some(carrier), sides);
    let reached = [0, 1].map(|one| matches!(world.reach(one), Reach::Direct { .. }));
    assert_eq!(reached[0], reached[1]);
    reached[0]
}

#[test]
fn two_behind_one_nat_meet_by_their_own_addresses() {
    for kind in kinds() {
        for hairpinning in Hairpinning::ALL {
            assert!(beside(Behaviour { hairpinning, ..kind }, &[]), "{kind:?} {hairpinning:?}");
        }
    }
}

#[test]
fn two_homes_behind_a_carriers_nat_meet_by_its_hairpin() {
    let home = Behaviour::default();
    for (hairpinning, reached) in [(Hairpinning::External, true), (Hairpinning::Off, false)] {
        assert_eq!(beside(Behaviour { hairpinning, ..home }, &[home]), reached, "{hairpinning:?}");
    }
}
