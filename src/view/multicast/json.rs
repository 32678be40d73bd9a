//! LANs and what changes in them, as JSON objects on lines; `netlab groups --help` lists the keys.

use std::net::IpAddr;

use super::{Look, host as host_text, is_sure};
use crate::flow::multicast::message::Family;
use crate::flow::multicast::querier::Election;
use crate::flow::multicast::wants::Filter;
use crate::flow::multicast::{Event, Host, Lans, Membership, Place, Wants, What};
use crate::frame::Timestamp;
use crate::view::object::Object;

fn place_keys(place: Place, look: &Look<'_>, object: &mut Object<'_>) {
    if let Some(name) = (look.name)(place) {
        object.string("interface", &name);
    }
    let vlans: Vec<String> = place.vlans.iter().filter(|vlan| **vlan != 0).map(u16::to_string).collect();
    if !vlans.is_empty() {
        object.string("vlan", &vlans.join("."));
    }
}

fn wants_keys(wants: &Wants, object: &mut Object<'_>) {
    object.number("version", wants.version.into());
    object.string("mode", if wants.excludes { "exclude" } else { "include" });
    object.strings("sources", wants.sources.iter().map(IpAddr::to_string));
}

/// A change.
pub fn event(event: &Event, look: &Look<'_>, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    object.seconds("time", event.time.0, 6);
    object.string(
        "event",
        match event.what {
            What::Elected { .. } => "elected",
            What::Speaks { .. } => "speaks",
            What::Gone { .. } => "gone",
            What::Asked { .. } => "asked",
            What::Joined { .. } => "joined",
            What::Changed { .. } => "changed",
            What::Addressed { .. } => "addressed",
            What::Left { .. } => "left",
            What::Expired { .. } => "expired",
            What::Full => "full",
        },
    );
    object.string("kind", "lan");
    place_keys(event.place, look, &mut object);
    object.string("family", event.family.name());
    let mut who = |host: &Host, group: &IpAddr| {
        object.string("host", &host_text(host));
        object.string("group", &group.to_string());
    };
    match &event.what {
        What::Elected { querier, version, before } => {
            object.string("querier", &querier.to_string());
            object.number("version", (*version).into());
            if let Some(before) = before {
                object.string("before", &before.to_string());
            }
        }
        What::Speaks { querier, version, before } => {
            object.string("querier", &querier.to_string());
            object.number("version", (*version).into());
            object.string("before", &before.to_string());
        }
        What::Gone { querier } => object.string("querier", &querier.to_string()),
        What::Asked { group, sources, within } => {
            object.string("group", &group.to_string());
            object.strings("sources", sources.iter().map(IpAddr::to_string));
            object.seconds("within", *within, 3);
        }
        What::Joined { host, group, wants } | What::Changed { host, group, wants } => {
            who(host, group);
            wants_keys(wants, &mut object);
        }
        What::Addressed { before, host, group } => {
            who(host, group);
            object.string("before", &host_text(before));
        }
        What::Left { host, group } | What::Expired { host, group } => who(host, group),
        What::Full => {}
    }
    object.end();
}

/// Every LAN as JSON objects: of kind `querier` one for IGMP and one for MLD, of kind `host` one for each membership.
pub fn objects(lans: &Lans, look: &Look<'_>, out: &mut Vec<u8>) {
    let (from, now) = lans.heard();
    for (place, lan) in lans.each() {
        for family in Family::ALL {
            let state = lan.of(family);
            let mut object = Object::new(out);
            object.string("kind", "querier");
            place_keys(place, look, &mut object);
            object.string("family", family.name());
            querier_keys(&state.election, from, now, &mut object);
            object.end();
            for (group, hosts) in &state.groups {
                for (host, membership) in hosts {
                    let mut object = Object::new(out);
                    object.string("kind", "host");
                    place_keys(place, look, &mut object);
                    object.string("family", family.name());
                    object.string("group", &group.to_string());
                    object.string("host", &host_text(host));
                    membership_keys(membership, family, now, &mut object);
                    object.end();
                }
            }
        }
    }
}

fn querier_keys(election: &Election, from: Timestamp, now: Timestamp, object: &mut Object<'_>) {
    object.truth("elected", election.querier.is_some());
    if let Some(querier) = election.querier {
        object.string("address", &querier.address.to_string());
        object.number("version", querier.version.into());
        object.truth("tells", querier.tells);
        if let Some(measured) = querier.measured {
            object.seconds("measured_interval", measured, 3);
        }
        object.seconds("expires_in", querier.expires.since(now), 3);
    } else {
        object.truth("proxy", election.is_asked_by_proxy(now));
        object.truth("sure", is_sure(election, from, now));
    }
    object.seconds("interval", election.timers.interval, 3);
    object.number("robustness", election.timers.robustness.unsigned_abs());
    object.seconds("response_interval", election.timers.response, 3);
    object.seconds("forgets_after", election.timers.membership(), 3);
    object.seconds("heard_for", now.since(from), 3);
}

fn membership_keys(membership: &Membership, family: Family, now: Timestamp, object: &mut Object<'_>) {
    object.number("version", membership.version.into());
    object.string("mode", if membership.filter.excludes() { "exclude" } else { "include" });
    match &membership.filter {
        Filter::Include(sources) => object.list("sources", sources, |(source, expires), object| {
            object.string("source", &source.to_string());
            object.seconds("expires_in", expires.since(now), 3);
        }),
        Filter::Exclude(sources, _) => {
            object.list("sources", sources, |source, object| object.string("source", &source.to_string()));
        }
    }
    object.truth("others_silent", family.suppresses(membership.version));
    object.seconds("reported", membership.reported.0, 6);
    object.seconds("expires_in", membership.filter.expires().since(now), 3);
}
