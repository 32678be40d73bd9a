//! Packets built from recipes: a list of layers, and fields set by the names that the decoders declare.
//!
//! What nobody sets is right by itself: lengths, header lengths, the number of what follows, checksums. What somebody
//! sets is never overwritten, however wrong. Guarantee: the places written are those of `FIELDS`, so that decoding
//! finds in a packet what its recipe says, as far as the packet is still one.

mod error;
mod finish;
pub mod fragments;
pub mod membership;
mod options;
mod place;
mod start;
#[cfg(test)]
mod tests;
mod value;

use super::{Bits, Field, Packet, Protocol};
pub use error::Error;
pub use place::is_settable;
pub use value::bytes as hexadecimal;

/// The longest IP packet, header included.
pub const MOST: usize = 65_535;

/// A packet as it is to be: layers from the outside in, and what they carry.
#[derive(Clone, Debug, Default)]
pub struct Recipe {
    parts: Vec<Part>,
    payload: Vec<u8>,
}

/// One layer: its header as it stands so far, and which places of it were set on purpose.
#[derive(Clone, Debug)]
struct Part {
    protocol: Protocol,
    header: Vec<u8>,
    set: Vec<Bits>,
}

/// A packet that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    pub bytes: Vec<u8>,
    /// The layers of the recipe and where each begins.
    pub starts: Vec<(Protocol, usize)>,
}

impl Built {
    /// Where the outermost IP header begins.
    pub fn network(&self) -> Option<usize> {
        let network = self.starts.iter().find(|(protocol, _)| matches!(protocol, Protocol::Ipv4 | Protocol::Ipv6));
        network.map(|(_, start)| *start)
    }
}

impl Recipe {
    /// These layers, each as it usually begins; the error names the first that cannot be built.
    pub fn new(protocols: &[Protocol]) -> Result<Self, Error> {
        let mut recipe = Self::default();
        for protocol in protocols {
            recipe.push(*protocol)?;
        }
        Ok(recipe)
    }

    /// Adds a layer inside of those that are there.
    pub fn push(&mut self, protocol: Protocol) -> Result<(), Error> {
        let header = start::header(protocol).ok_or(Error::NoSuchLayer { protocol })?;
        if matches!(protocol, Protocol::Mld | Protocol::Ndp)
            && let Some(part) = self.parts.last_mut().filter(|part| part.protocol == Protocol::Icmpv6)
        {
            // Behind the four bytes that every message has, these begin (RFC 4443 §2.1).
            part.header.truncate(super::icmpv6::FIXED);
            let kind = if protocol == Protocol::Mld { super::mld::QUERY } else { super::ndp::NEIGHBOUR_SOLICITATION };
            part.header.splice(..1, [kind]);
        }
        self.parts.push(Part { protocol, header, set: Vec::new() });
        Ok(())
    }

    /// Makes a message of neighbour discovery (RFC 4861 §4) of the ICMPv6 header that is innermost, with all its fields;
    /// `false` where the type is none of it. Hosts drop one whose hop limit is not 255 (§7.1).
    pub fn push_discovery(&mut self, kind: u8) -> Result<bool, Error> {
        use super::ndp;
        // Behind the four bytes that every message has.
        let length = match kind {
            ndp::ROUTER_SOLICITATION => 4,
            ndp::ROUTER_ADVERTISEMENT => 12,
            ndp::NEIGHBOUR_SOLICITATION | ndp::NEIGHBOUR_ADVERTISEMENT => 20,
            ndp::REDIRECT => 36,
            _ => return Ok(false),
        };
        self.push(Protocol::Ndp)?;
        if let Some(part) = self.parts.last_mut() {
            part.header.resize(length, 0);
        }
        self.fill("icmpv6.type", &kind.to_string())?;
        self.fill("ipv6.hlim", "255").map(|()| true)
    }

    /// Adds a layer whose header is given; what depends on other layers is still filled in.
    pub fn push_header(&mut self, protocol: Protocol, header: &[u8]) {
        self.parts.push(Part { protocol, header: header.to_vec(), set: Vec::new() });
    }

    /// Puts layers around those that are there.
    pub fn wrap(&mut self, outer: Self) {
        let inner = std::mem::replace(&mut self.parts, outer.parts);
        self.parts.extend(inner);
    }

    /// The recipe of a captured packet: its headers as they are, and the rest as payload. What an ICMP error quotes is
    /// payload too, and so is whatever follows a layer that cannot be built.
    pub fn of(packet: &Packet<'_>) -> Self {
        let mut recipe = Self::default();
        let mut end = 0;
        let known = |protocol| start::header(protocol).is_some();
        for at in packet.each().take_while(|at| !at.layer.quoted) {
            match at.layer.protocol {
                // The headers of captures are nothing that is sent.
                Protocol::Frame | Protocol::Sll | Protocol::Sll2 | Protocol::Null if recipe.parts.is_empty() => {
                    end = at.layer.start as usize + at.layer.header as usize;
                    continue;
                }
                protocol if known(protocol) => {}
                _ => break,
            }
            recipe.push_header(at.layer.protocol, at.header());
            end = at.layer.start as usize + at.header().len();
        }
        // What cannot be built, only the header before it names.
        if let Some(last) = recipe.parts.last_mut()
            && let Some(bits) = finish::next(last.protocol)
        {
            last.set.push(bits);
        }
        // What stands behind the outermost packet's length is padding of the link.
        let network = packet.layers.iter().find(|layer| matches!(layer.protocol, Protocol::Ipv4 | Protocol::Ipv6));
        let data = packet.frame.data;
        let last = network.map_or(data.len(), |layer| (layer.end as usize).min(data.len()));
        recipe.payload = data.get(end..last).unwrap_or_default().to_vec();
        recipe
    }

    /// The layers, from the outside in.
    pub fn protocols(&self) -> impl Iterator<Item = Protocol> {
        self.parts.iter().map(|part| part.protocol)
    }

    /// What the innermost layer carries.
    pub fn payload(&mut self, payload: Vec<u8>) {
        self.payload = payload;
    }

    /// Leaves out the link's headers: what is left begins with IP or ARP.
    pub fn without_link(&mut self) {
        let carried = |part: &Part| matches!(part.protocol, Protocol::Ipv4 | Protocol::Ipv6 | Protocol::Arp);
        let first = self.parts.iter().position(carried);
        if let Some(first) = first {
            self.parts.drain(..first);
        }
    }

    /// Sets a field on purpose: a name of the registry (`tcp.flags`, `ip.ttl#2` for the second IP header) and a value
    /// as a person writes it. It stays as it is, whatever it should have been.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let (plain, number) = place::numbered(name)?;
        if matches!(plain, "data.data" | "tcp.payload" | "udp.payload") {
            self.payload = value::bytes(value).ok_or_else(|| Error::value(name, value, "hexadecimal digits"))?;
            return Ok(());
        }
        let (part, field) = self.find(name, plain, number)?;
        if options::set(part, field, value)? {
            return Ok(());
        }
        let bits = place::of(field).ok_or_else(|| Error::not_settable(field))?;
        value::write(&mut part.header, field, bits, value)?;
        part.set.push(bits);
        Ok(())
    }

    /// Gives a field a value where nobody has set it or anything in its place.
    pub fn fill(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let (plain, number) = place::numbered(name)?;
        let (part, field) = self.find(name, plain, number)?;
        let Some(bits) = place::of(field) else { return Err(Error::not_settable(field)) };
        if part.is_set(bits) { Ok(()) } else { value::write(&mut part.header, field, bits, value) }
    }

    /// Whether a field of this name was set on purpose.
    pub fn has_set(&self, name: &str) -> bool {
        self.parts.iter().any(|part| {
            let named = part.protocol.fields().iter().find(|field| field.name == name);
            named.and_then(place::of).is_some_and(|bits| part.set.contains(&bits))
        })
    }

    /// The value that the bytes of a field hold so far, of the first layer that has it.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.parts.iter().find_map(|part| {
            let bits = place::of(part.protocol.fields().iter().find(|field| field.name == name)?)?;
            value::read(&part.header, bits)
        })
    }

    /// The address that stands in a field so far, of the first layer that has it.
    pub fn address(&self, name: &str) -> Option<std::net::IpAddr> {
        self.parts.iter().find_map(|part| {
            let bits = place::of(part.protocol.fields().iter().find(|field| field.name == name)?)?;
            let bytes = part.header.get(usize::from(bits.at / 8)..usize::from((bits.at + bits.length) / 8))?;
            match bytes.len() {
                4 => Some(std::net::IpAddr::from(*bytes.first_chunk::<4>()?)),
                16 => Some(std::net::IpAddr::from(*bytes.first_chunk::<16>()?)),
                _ => None,
            }
        })
    }

    /// The options of an IPv4, TCP, hop-by-hop or destination options header, as bytes; what is missing to a whole
    /// number of words is padded.
    pub fn options(&mut self, protocol: Protocol, bytes: &[u8]) -> Result<(), Error> {
        let missing = Error::NotHere { name: format!("options of {}", protocol.name()), layers: self.names() };
        let part = self.parts.iter_mut().find(|part| part.protocol == protocol).ok_or(missing)?;
        options::replace(part, bytes)
    }

    /// The bytes.
    pub fn build(&self) -> Result<Built, Error> {
        let mut bytes = Vec::new();
        let mut starts = Vec::new();
        for part in &self.parts {
            starts.push((part.protocol, bytes.len()));
            bytes.extend_from_slice(&part.header);
        }
        bytes.extend_from_slice(&self.payload);
        let network = starts.iter().find(|(protocol, _)| matches!(protocol, Protocol::Ipv4 | Protocol::Ipv6));
        let length = bytes.len() - network.map_or(0, |(_, start)| *start);
        if length > MOST {
            return Err(Error::TooLong { length });
        }
        finish::fill(&self.parts, &starts, &mut bytes);
        Ok(Built { bytes, starts })
    }

    fn find(&mut self, name: &str, plain: &str, number: usize) -> Result<(&mut Part, &'static Field), Error> {
        let declared = Protocol::ALL.iter().any(|protocol| protocol.fields().iter().any(|field| field.name == plain));
        if !declared {
            return Err(Error::Unknown { name: plain.to_owned() });
        }
        let names = self.names();
        let of = |protocol: Protocol| {
            protocol
                .fields()
                .iter()
                .find(|field| field.name == plain && (!field.combined || protocol != Protocol::Ipv6))
        };
        let mut parts = self.parts.iter_mut().filter_map(|part| of(part.protocol).map(|field| (part, field)));
        parts.nth(number).ok_or_else(|| Error::NotHere { name: name.to_owned(), layers: names })
    }

    fn names(&self) -> String {
        self.protocols().map(Protocol::name).collect::<Vec<_>>().join(", ")
    }
}

impl Part {
    /// Whether any bit of a place was set on purpose.
    fn is_set(&self, bits: Bits) -> bool {
        self.set.iter().any(|set| set.at < bits.at + bits.length && bits.at < set.at + set.length)
    }
}
