//! Membership messages made by hand: IGMP (RFC 1112, 2236, 9776), their layers and the address they are for.

use std::net::Ipv4Addr;

use super::{Error, Recipe};
use crate::wire::{Protocol, igmp};

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    Join,
    Leave,
    /// Who is a member? Of any group, where the group is 0.0.0.0.
    Query,
}

/// All routers, all hosts, the routers that speak version 3.
const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
const ALL_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);
const VERSION_3_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
/// Router alert (RFC 2113).
const ROUTER_ALERT: [u8; 4] = [0x94, 4, 0, 0];
/// Ten seconds, the default of the maximum response time (RFC 2236 §8.3), and its query interval of 125 s.
const RESPONSE_TIME: u8 = 100;
const INTERVAL: u8 = 125;

/// An IPv4 packet with an IGMP message of this version (1 to 3); sources: version 3 alone.
pub fn igmp(says: Says, version: u8, group: Ipv4Addr, sources: &[Ipv4Addr]) -> Result<Recipe, Error> {
    let refused = |why| Error::NotSettable { name: "this message".to_owned(), why };
    if version != 3 && !sources.is_empty() {
        return Err(refused("only version 3 names sources"));
    }
    let count = u16::try_from(sources.len()).map_err(|_| refused("a record holds at most 65535 sources"))?;
    let list: Vec<u8> = sources.iter().flat_map(Ipv4Addr::octets).collect();
    let short = |kind: u8, code: u8| [&[kind, code, 0, 0][..], &group.octets()].concat();
    let (message, to) = match (says, version) {
        (Says::Join, 1) => (short(igmp::REPORT_V1, 0), group),
        (Says::Join, 2) => (short(igmp::REPORT_V2, 0), group),
        (Says::Leave, 1) => return Err(refused("version 1 has no leave: a host falls silent")),
        (Says::Leave, 2) => (short(igmp::LEAVE, 0), ALL_ROUTERS),
        (Says::Query, 1) => (short(igmp::QUERY, 0), ALL_HOSTS),
        (Says::Query, 2) => (short(igmp::QUERY, RESPONSE_TIME), asked(group)),
        (Says::Query, _) => {
            let more = [&[2, INTERVAL][..], &count.to_be_bytes(), &list].concat();
            ([short(igmp::QUERY, RESPONSE_TIME), more].concat(), asked(group))
        }
        (Says::Join | Says::Leave, _) => {
            // RFC 9776 §4.2.13: exclude nothing is to join any source, include nothing is to leave; with sources, allow
            // new ones or block old ones.
            let kind = match (says, sources.is_empty()) {
                (Says::Join, true) => 4,
                (Says::Join, false) => 5,
                (_, true) => 3,
                (_, false) => 6,
            };
            let record = [&[kind, 0][..], &count.to_be_bytes(), &group.octets(), &list].concat();
            ([&[igmp::REPORT_V3, 0, 0, 0, 0, 0, 0, 1][..], &record].concat(), VERSION_3_ROUTERS)
        }
    };
    let mut recipe = Recipe::new(&[Protocol::Ipv4])?;
    recipe.fill("ip.dst", &to.to_string())?;
    recipe.fill("ip.ttl", "1")?;
    // Internetwork control (RFC 9776 §4).
    recipe.fill("ip.dsfield.dscp", "48")?;
    if version > 1 {
        recipe.options(Protocol::Ipv4, &ROUTER_ALERT)?;
    }
    recipe.push_header(Protocol::Igmp, &message);
    Ok(recipe)
}

/// Where a query goes: to all hosts, or to the members of the group that it is about.
fn asked(group: Ipv4Addr) -> Ipv4Addr {
    if group.is_unspecified() { ALL_HOSTS } else { group }
}
