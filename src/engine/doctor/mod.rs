//! Why something cannot be reached, or not be seen: from [`Facts`] (what the kernel answered) to [`Finding`]s.
//!
//! Pure: whoever gathers the facts has done all the asking, so a recorded or a hand-made answer is examined like a live
//! one. One file a check, in `checks`; the table [`CHECKS`] says which finding makes which other one a mere consequence.
//! Guarantee: a finding names values that were read, never a guess without its proof.

pub mod checks;
pub mod facts;
pub mod finding;
pub mod firewall;
pub mod steps;

#[cfg(test)]
pub mod sample;

pub use checks::CHECKS;
pub use facts::Facts;
pub use finding::{Fault, Finding, Proof};

/// What is wrong, in the order of [`CHECKS`]; what only follows from another finding is left out.
pub fn diagnose(facts: &Facts) -> Vec<Finding> {
    let found: Vec<(&checks::Check, Finding)> =
        CHECKS.iter().flat_map(|check| (check.find)(facts).into_iter().map(move |finding| (check, finding))).collect();
    let faults: Vec<Fault> = found.iter().map(|(_, finding)| finding.fault).collect();
    let roots = found.into_iter().filter(|(check, _)| !check.follows_from.iter().any(|root| faults.contains(root)));
    roots.map(|(_, finding)| finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_healthy_machine_has_no_finding() {
        assert_eq!(diagnose(&sample::machine()), []);
        assert_eq!(diagnose(&sample::server()), []);
        assert_eq!(diagnose(&sample::client()), []);
    }

    #[test]
    fn every_fault_has_one_check_and_a_name_of_its_own() {
        for fault in Fault::ALL {
            assert_eq!(CHECKS.iter().filter(|check| check.fault == fault).count(), 1, "{fault:?}");
            assert_eq!(Fault::ALL.iter().filter(|other| other.name() == fault.name()).count(), 1, "{fault:?}");
        }
    }

    #[test]
    fn no_fault_follows_from_one_that_follows_from_it() {
        for check in CHECKS {
            for root in check.follows_from {
                let root = CHECKS.iter().find(|other| other.fault == *root).unwrap();
                assert!(!root.follows_from.contains(&check.fault), "{:?} and {:?}", check.fault, root.fault);
            }
        }
    }
}
