//! The field registry: joins what the modules of `wire` and `flow` declare. Names are resolved once, at the start.

pub mod text;

use crate::flow::fields::Read;
use crate::flow::whole;
use crate::flow::{self, Facts};
use crate::wire::{self, Bits, Field, Kind, Packet, Protocol, Value, Words};

/// One field of the registry.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The protocol in whose layers it is found.
    pub protocol: Protocol,
    source: Declared,
}

#[derive(Clone, Copy)]
enum Declared {
    Wire(&'static Field),
    Flow(&'static Field<flow::fields::Read>),
}

impl Entry {
    pub fn name(&self) -> &'static str {
        match self.source {
            Declared::Wire(field) => field.name,
            Declared::Flow(field) => field.name,
        }
    }

    pub fn label(&self) -> &'static str {
        match self.source {
            Declared::Wire(field) => field.label,
            Declared::Flow(field) => field.label,
        }
    }

    pub fn kind(&self) -> Kind {
        match self.source {
            Declared::Wire(field) => field.kind,
            Declared::Flow(field) => field.kind,
        }
    }

    pub fn help(&self) -> &'static str {
        match self.source {
            Declared::Wire(field) => field.help,
            Declared::Flow(field) => field.help,
        }
    }

    /// RFC and section, or another public source.
    pub fn source(&self) -> &'static str {
        match self.source {
            Declared::Wire(field) => field.source,
            Declared::Flow(field) => field.source,
        }
    }

    pub fn words(&self) -> Option<Words> {
        match self.source {
            Declared::Wire(field) => field.words,
            Declared::Flow(field) => field.words,
        }
    }

    /// Its fixed place in the header.
    pub fn bits(&self) -> Option<Bits> {
        match self.source {
            Declared::Wire(field) => field.bits,
            Declared::Flow(_) => None,
        }
    }

    /// Worked out, not read from the bytes.
    pub fn computed(&self) -> bool {
        match self.source {
            Declared::Wire(field) => field.computed,
            Declared::Flow(field) => field.computed,
        }
    }

    /// Says again what other fields say; the tree and JSON leave it out.
    pub fn combined(&self) -> bool {
        match self.source {
            Declared::Wire(field) => field.combined,
            Declared::Flow(field) => field.combined,
        }
    }

    /// Its place, where reading that place is all there is to it: no function, no condition.
    pub fn fixed(&self) -> Option<Bits> {
        match self.source {
            Declared::Wire(field) => field.bits.filter(|_| matches!(field.read, wire::Read::Bits)),
            Declared::Flow(_) => None,
        }
    }

    /// Whether a layer may have several values of it.
    pub fn repeats(&self) -> bool {
        match self.source {
            Declared::Wire(field) => matches!(field.read, wire::Read::Many(_)),
            Declared::Flow(field) => matches!(field.read, Read::Layer(_) | Read::Each(_)),
        }
    }

    /// The first value in a layer that is the first of its protocol: the quick way where nothing repeats.
    #[inline]
    pub fn first_in_layer<'a>(&self, at: &wire::At<'a>, facts: &'a Facts) -> Option<Value<'a>> {
        match self.source {
            Declared::Wire(field) => field.first(at),
            Declared::Flow(field) => {
                let mut first = None;
                field.each(at, facts, &mut |value| {
                    first = Some(value);
                    false
                });
                first
            }
        }
    }

    /// Hands the values of this field in one layer to `each`, until that says `false`. Facts belong to the first layer
    /// of their protocol alone.
    #[inline]
    pub fn each_in_layer<'a>(&self, at: &wire::At<'a>, facts: &'a Facts, each: &mut dyn FnMut(Value<'a>) -> bool) {
        match self.source {
            Declared::Wire(field) => field.each(at, each),
            Declared::Flow(field) => {
                let earlier = at.packet.layers.iter().take(at.index);
                if earlier.filter(|layer| layer.protocol == self.protocol).count() == 0 {
                    field.each(at, facts, &mut |value| each(value));
                }
            }
        }
    }
}

/// Whether fields leave a layer of this protocol out: a message of an application in data that have been here before is
/// no second message.
#[inline]
pub fn is_repeated(protocol: Protocol, facts: &Facts) -> bool {
    protocol.is_application() && protocol != Protocol::Data && facts.repeats()
}

/// The layers whose fields are shown: the frame itself, then those of the packet that are not repeated, among them the
/// messages that it completes.
pub fn layers<'a>(packet: &'a Packet<'a>, facts: &'a Facts) -> impl Iterator<Item = wire::At<'a>> {
    let is_shown = |at: &wire::At<'_>| whole::is_one(at) || !is_repeated(at.layer.protocol, facts);
    std::iter::once(frame(packet)).chain(whole::among(packet, 0, facts).filter(is_shown))
}

/// Every field, protocol by protocol from the outside in; a protocol's own fields before what flow adds.
pub fn all() -> impl Iterator<Item = Entry> {
    Protocol::ALL.iter().flat_map(|protocol| declared(*protocol))
}

/// The fields of one protocol as the tree and JSON show them: without those that say again what others say.
pub fn of(protocol: Protocol) -> impl Iterator<Item = Entry> {
    declared(protocol).filter(|entry| !entry.combined())
}

fn declared(protocol: Protocol) -> impl Iterator<Item = Entry> {
    let wire = protocol.fields().iter().map(Declared::Wire);
    let flow = flow::FIELDS.iter().filter(move |(of, _)| *of == protocol);
    let flow = flow.flat_map(|(_, fields)| fields.iter().map(Declared::Flow));
    wire.chain(flow).map(move |source| Entry { protocol, source })
}

/// A name of the registry, resolved: some are declared by several protocols (`sll.etype`).
#[derive(Clone)]
pub struct Resolved {
    pub name: &'static str,
    pub kind: Kind,
    entries: Vec<Entry>,
}

/// No field has this name.
#[derive(Debug, thiserror::Error)]
#[error("no field is named {name:?}; {}`netlab fields` lists them", hint(.near))]
pub struct Unknown {
    pub name: String,
    /// Names that look like it.
    pub near: Vec<&'static str>,
}

fn hint(near: &[&str]) -> String {
    if near.is_empty() { String::new() } else { format!("did you mean {}? ", near.join(", ")) }
}

/// Finds a field by its full name; where there is none, names that were probably meant.
pub fn resolve(name: &str) -> Result<Resolved, Unknown> {
    find(name).ok_or_else(|| Unknown { name: name.into(), near: near(name, all().map(|entry| entry.name())) })
}

/// Finds a field by its full name.
pub fn find(name: &str) -> Option<Resolved> {
    let entries: Vec<Entry> = all().filter(|entry| entry.name() == name).collect();
    let first = entries.first()?;
    Some(Resolved { name: first.name(), kind: first.kind(), entries })
}

/// Longer names than this are nobody's typing mistake.
const LONGEST_NAME: usize = 64;

/// At most three of `names` that `name` was probably meant to be, the likeliest first.
pub fn near(name: &str, names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    if name.len() > LONGEST_NAME {
        return Vec::new();
    }
    let first = |name: &str| name.split('.').next().map(str::to_owned);
    let mut found: Vec<(usize, &'static str)> = names
        .map(|known| {
            // A wrong letter in the protocol is rarer than one behind it.
            let other_protocol = name.contains('.') && first(known) != first(name);
            (distance(name.as_bytes(), known.as_bytes()) + usize::from(other_protocol), known)
        })
        .filter(|(distance, known)| *distance <= 1 + known.len().min(name.len()) / 4)
        .collect();
    found.sort_unstable();
    found.dedup_by_key(|(_, known)| *known);
    found.into_iter().take(3).map(|(_, known)| known).collect()
}

/// How many letters are missing, too many, wrong, or changed places (optimal string alignment).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX / 2);
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut last_a = None;
    for (i, letter) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        let mut last_b = None;
        for (j, other) in b.iter().enumerate() {
            let changed = at(&row, j) + usize::from(letter != other);
            let mut least = changed.min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            if last_a == Some(other) && last_b == Some(letter) {
                least = least.min(at(&before, j.wrapping_sub(1)) + 1);
            }
            next.push(least);
            last_b = Some(other);
        }
        last_a = Some(letter);
        before = std::mem::replace(&mut row, next);
    }
    at(&row, b.len())
}

impl Resolved {
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The first value in the packet.
    #[inline]
    pub fn first<'a>(&self, packet: &'a Packet<'a>, facts: &'a Facts) -> Option<Value<'a>> {
        if let [Entry { protocol, source }] = self.entries.as_slice() {
            return match source {
                Declared::Flow(field) => match field.read {
                    Read::Facts(read) => read(facts),
                    Read::FactsOrQuoted(read, _) if facts.tcp.is_some() => read(facts),
                    Read::Each(read) => {
                        let mut first = None;
                        read(facts, &mut |value| {
                            first = Some(value);
                            false
                        });
                        first
                    }
                    _ => {
                        let mut first = None;
                        let at = packet.find(*protocol)?;
                        field.each(&at, facts, &mut |value| {
                            first = Some(value);
                            false
                        });
                        first
                    }
                },
                Declared::Wire(_) if !facts.wholes.is_empty() => self.first_of_all(packet, facts),
                Declared::Wire(_) if is_repeated(*protocol, facts) => None,
                Declared::Wire(field) if *protocol == Protocol::Frame => field.first(&frame(packet)),
                Declared::Wire(field) => {
                    packet.each().filter(|at| at.layer.protocol == *protocol).find_map(|at| field.first(&at))
                }
            };
        }
        self.first_of_all(packet, facts)
    }

    /// The first value, whichever layer has it.
    fn first_of_all<'a>(&self, packet: &'a Packet<'a>, facts: &'a Facts) -> Option<Value<'a>> {
        let mut first = None;
        self.each(packet, facts, &mut |value| {
            first = Some(value);
            false
        });
        first
    }

    /// Hands every value in the packet to `each`, layer by layer, until that says `false`.
    pub fn each<'a>(&self, packet: &'a Packet<'a>, facts: &'a Facts, each: &mut dyn FnMut(Value<'a>) -> bool) {
        let mut go_on = true;
        for at in layers(packet, facts) {
            for entry in self.entries.iter().filter(|entry| entry.protocol == at.layer.protocol) {
                entry.each_in_layer(&at, facts, &mut |value| {
                    go_on = each(value);
                    go_on
                });
                if !go_on {
                    return;
                }
            }
        }
    }
}

/// The frame itself as a layer: all of its bytes.
pub fn frame<'a>(packet: &'a Packet<'a>) -> wire::At<'a> {
    let end = packet.frame.data.len() as u32;
    let (protocol, quoted, fragment) = (Protocol::Frame, false, false);
    let layer = wire::Layer { protocol, quoted, fragment, version: 0, start: 0, header: end, end };
    wire::At { packet, data: packet.frame.data, index: 0, layer }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_described() {
        for entry in all() {
            let name = entry.name();
            assert!(!entry.help().is_empty() && !entry.source().is_empty() && !entry.label().is_empty(), "{name}");
            let prefix = name.split('.').next();
            assert!(
                prefix.is_some_and(|prefix| {
                    prefix.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
                }),
                "{name}"
            );
        }
    }

    #[test]
    fn a_name_has_one_type_wherever_it_is_declared() {
        for entry in all() {
            for other in all().filter(|other| other.name() == entry.name()) {
                assert_eq!(other.kind(), entry.kind(), "{}", entry.name());
            }
        }
    }

    #[test]
    fn an_unknown_name_suggests_what_was_meant() {
        let near = |name| resolve(name).err().map(|unknown| unknown.near).unwrap_or_default();
        assert_eq!(near("tcp.scrport").first(), Some(&"tcp.srcport"));
        assert_eq!(near("udp.dport").first(), Some(&"udp.port"));
        assert!(near("udp.dport").contains(&"udp.dstport"));
        assert_eq!(near("ip.tll").first(), Some(&"ip.ttl"));
        assert_eq!(near("something.else.entirely"), [""; 0]);
        assert_eq!(near(&"tcp.srcport".repeat(1000)), [""; 0]);
    }

    #[test]
    fn letters_that_changed_places_are_one_mistake() {
        assert_eq!(distance(b"scr", b"src"), 1);
        assert_eq!(distance(b"", b"abc"), 3);
        assert_eq!(distance(b"kitten", b"sitting"), 3);
    }
}
