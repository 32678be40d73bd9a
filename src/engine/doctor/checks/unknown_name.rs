//! The target's name has no address.

use crate::engine::doctor::facts::Facts;
use crate::engine::doctor::finding::{Fault, Finding};

pub fn find(facts: &Facts) -> Vec<Finding> {
    let (Some(error), Some(target)) = (&facts.unknown_name, &facts.question.target) else { return Vec::new() };
    let what = format!("the name {target} has no address");
    let finding = Finding::new(
        Fault::UnknownName,
        what,
        format!("look for a slip of the pen; `getent ahosts {target}` asks again, /etc/resolv.conf names who is asked"),
    );
    vec![finding.proved(format!("getaddrinfo({target})"), error.clone())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::sample;

    #[test]
    fn a_name_without_an_address_is_the_whole_trouble() {
        let mut facts = sample::machine();
        facts.question.target = Some("no-such-host".to_owned());
        facts.question.port = Some(80);
        facts.unknown_name = Some("Name or service not known".to_owned());
        let found = sample::only(&facts);
        assert_eq!(found.fault, Fault::UnknownName);
        assert_eq!(found.proofs[0].value, "Name or service not known");
    }
}
