//! This machine, or a router on the way, has no route to the target (RFC 1812 §4.3.3.1).

use crate::engine::doctor::facts::{Answer, Facts, Icmp, Path, Route, errno_words};
use crate::engine::doctor::finding::{Fault, Finding};

pub fn find(facts: &Facts) -> Vec<Finding> {
    facts.failing().into_iter().filter_map(here).chain(facts.failing().into_iter().filter_map(at_a_router)).collect()
}

fn here(path: &Path) -> Option<Finding> {
    let Route::Refused(errno) = path.route else { return None };
    let address = path.address;
    let (what, mend) = match errno {
        // ENETUNREACH.
        101 => (
            format!("this machine has no route to {address}"),
            format!("sudo ip route add {address} via ROUTER, with the address of a router that knows the way"),
        ),
        // What the route types unreachable, prohibit and blackhole answer (ip-route(8)).
        _ => (
            format!("a route of this machine turns what goes to {address} away"),
            format!("sudo ip route del TYPE PREFIX, as `ip route show table all match {address}` shows it"),
        ),
    };
    Some(Finding::new(Fault::NoRoute, what, mend).proved(format!("ip route get {address}"), errno_words(errno)))
}

fn at_a_router(path: &Path) -> Option<Finding> {
    let answers = [&path.knock, &path.echo].into_iter().flatten();
    let router = answers.into_iter().find_map(|answer| match answer {
        Answer::Icmp(Icmp::Network, Some(from)) => Some((*from, answer.words())),
        _ => None,
    });
    let (router, words) = router?;
    let address = path.address;
    let finding = Finding::new(
        Fault::NoRoute,
        format!("the router {router} has no route to {address}"),
        format!("on {router}: sudo ip route add {address} via NEXT-ROUTER"),
    );
    Some(finding.proved(format!("probe of {address}"), words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::sample;

    #[test]
    fn the_kernel_s_refusal_is_the_proof() {
        let mut facts = sample::client();
        let path = &mut facts.paths[0];
        (path.route, path.knock, path.echo) =
            (Route::Refused(101), Some(Answer::Refused(101)), Some(Answer::Refused(101)));
        let found = sample::only(&facts);
        assert_eq!(found.fault, Fault::NoRoute);
        assert!(found.proofs[0].value.starts_with("ENETUNREACH"), "{found:?}");
        facts.paths[0].route = Route::Refused(113);
        assert!(sample::only(&facts).what.contains("turns what goes to 10.0.2.2 away"));
    }

    #[test]
    fn a_router_s_refusal_names_the_router() {
        let mut facts = sample::client();
        let refused = Some(Answer::Icmp(Icmp::Network, Some(sample::ip("10.0.1.254"))));
        (facts.paths[0].knock, facts.paths[0].echo) = (refused.clone(), refused);
        assert_eq!(sample::only(&facts).what, "the router 10.0.1.254 has no route to 10.0.2.2");
    }

    #[test]
    fn a_family_that_this_machine_does_not_have_is_no_fault_where_the_other_works() {
        let mut facts = sample::client();
        let six = crate::engine::doctor::facts::Path {
            route: Route::Refused(101),
            knock: Some(Answer::Refused(101)),
            ..sample::path("2001:db8::2")
        };
        facts.paths.insert(0, six);
        assert_eq!(crate::engine::doctor::diagnose(&facts), []);
    }
}
