//! Which names the records of a message give to addresses.

use super::{A, AAAA, CNAME, Labels, Message, PTR, Record, Step};
use crate::wire::{Address, At};

/// Aliases of a message that are followed.
const MOST_ALIASES: usize = 16;

/// Hands on each address that a response names, with its name: the one that an alias was asked by. `true` where the
/// address points to the name, and not the name to the address.
pub fn each_named(at: &At<'_>, each: &mut dyn FnMut(Address, &[u8], bool)) {
    let message = Message::new(at);
    if !message.is_response() || message.flags() & 15 != 0 {
        return;
    }
    let mut aliases: Vec<[Vec<u8>; 2]> = Vec::new();
    for record in message.records().filter(|record| record.kind == CNAME).take(MOST_ALIASES) {
        if let Some((alias, name)) = whole(message, record.name).zip(whole(message, record.at)) {
            aliases.push([alias, name]);
        }
    }
    for record in message.records() {
        match (record.kind, address(&record)) {
            (A | AAAA, Some(address)) => {
                let Some(mut name) = whole(message, record.name) else { continue };
                // Each alias is used once: they may go in a circle.
                for _ in 0..aliases.len() {
                    let Some([alias, _]) = aliases.iter().find(|[_, of]| of.eq_ignore_ascii_case(&name)) else { break };
                    name.clone_from(alias);
                }
                each(address, &name, false);
            }
            (PTR, _) => {
                let of = whole(message, record.name).and_then(|name| pointed(&name));
                if let Some((address, name)) = of.zip(whole(message, record.at)) {
                    each(address, &name, true);
                }
            }
            _ => {}
        }
    }
}

fn address(record: &Record<'_>) -> Option<Address> {
    match record.kind {
        A => record.data.try_into().ok().map(Address::V4),
        AAAA => record.data.try_into().ok().map(Address::V6),
        _ => None,
    }
}

/// A name of which nothing is missing and that is not the root.
fn whole(message: Message<'_>, at: usize) -> Option<Vec<u8>> {
    let (mut labels, mut name) = (Labels::new(message.bytes, at), Vec::new());
    loop {
        match labels.next() {
            Step::Label(label) => {
                if !name.is_empty() {
                    name.push(b'.');
                }
                name.extend_from_slice(label);
            }
            Step::End => return Some(name).filter(|name| !name.is_empty()),
            Step::Cut | Step::Circle | Step::TooLong => return None,
        }
    }
}

/// The address that a name in the tree of pointers stands for (RFC 1035 §3.5, RFC 3596 §2.5): its parts from the last.
fn pointed(name: &[u8]) -> Option<Address> {
    let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
    if let Some(parts) = name.strip_suffix(".in-addr.arpa") {
        let mut address = [0; 4];
        let mut parts = parts.split('.');
        for byte in address.iter_mut().rev() {
            *byte = parts.next()?.parse().ok()?;
        }
        return parts.next().is_none().then_some(Address::V4(address));
    }
    let mut address = [0; 16];
    let mut parts = name.strip_suffix(".ip6.arpa")?.split('.');
    let mut digit = || u8::from_str_radix(parts.next().filter(|part| part.len() == 1)?, 16).ok();
    for byte in address.iter_mut().rev() {
        let low = digit()?;
        *byte = digit()? << 4 | low;
    }
    parts.next().is_none().then_some(Address::V6(address))
}
