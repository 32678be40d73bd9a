//! The names of addresses, as the capture itself tells them: in answers of DNS and its likes, where a client of TLS says
//! whom it wants, and where its server shows a certificate.
//!
//! Names are what somebody wrote into a packet: anybody can name any address, and the last word counts. Views escape them.
//! Guarantee: at most [`MOST`] addresses have names, the oldest leave; a name has at most 255 bytes and is no address.

use std::net::IpAddr;

use super::bounded::ByAge;
use super::event::Event;
use super::{Facts, Known, whole};
use crate::wire::{Address, At, Layers, Packet, Protocol, decode, dns, tls};

/// Addresses that are remembered.
const MOST: usize = 1 << 15;
const LONGEST: usize = 255;

/// How a name was come by: what is said of the name itself counts for more than what is said of its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// This machine's resolver.
    Resolver,
    /// A pointer from the address to a name.
    Pointer,
    /// A host that the certificate is for which somebody shows at the address; it may be for many.
    Certificate,
    /// The address of a name, or the name that a client has called.
    Name,
}

#[derive(Debug)]
struct Named {
    name: Box<[u8]>,
    by: By,
}

/// The names that were told so far.
#[derive(Debug, Default)]
pub struct Names {
    by: ByAge<Address, Named, MOST>,
}

impl Names {
    /// The name of an address: not escaped, perhaps not UTF-8.
    pub fn of(&self, address: Address) -> Option<&[u8]> {
        self.by.of(address).map(|named| &*named.name)
    }

    /// Whether no address has one.
    pub fn is_empty(&self) -> bool {
        self.by.is_empty()
    }

    /// Gives an address a name, unless it has one that was better come by.
    pub fn add(&mut self, address: Address, name: &[u8], by: By) {
        if name.len() > LONGEST || !reads_as_name(name) || is_nobody(address) {
            return;
        }
        let known = self.by.of(address);
        if known.is_some_and(|known| known.by > by || *known.name == *name) {
            return;
        }
        self.by.insert(address, Named { name: name.into(), by });
    }

    /// Takes in what a packet says of names, and the datagrams that it has completed.
    pub fn learn(&mut self, packet: &Packet<'_>, known: &Known<'_>) {
        self.packet(packet, known.facts);
        for event in known.events {
            if let Event::Datagram(whole) = event {
                let mut layers = Layers::new();
                self.packet(&decode(whole.frame(&packet.frame), &mut layers), &Facts::default());
            }
        }
    }

    fn packet(&mut self, packet: &Packet<'_>, facts: &Facts) {
        if facts.repeats() {
            return;
        }
        let is_own = |at: &At<'_>| at.layer.protocol.is_application() && !at.layer.quoted;
        for at in whole::among(packet, 0, facts).filter(is_own) {
            match at.layer.protocol {
                Protocol::Dns | Protocol::Mdns | Protocol::Llmnr => {
                    dns::each_named(&at, &mut |address, name, pointer| {
                        self.add(address, name, if pointer { By::Pointer } else { By::Name });
                    })
                }
                Protocol::Tls => self.handshake(packet, &at),
                _ => {}
            }
        }
    }

    /// A client of TLS says the name of the server that it sends to, and the server shows a certificate.
    fn handshake(&mut self, packet: &Packet<'_>, at: &At<'_>) {
        let within = if whole::is_one(at) { packet.layers.len() } else { at.index };
        let Some((source, destination)) = packet.addresses(within) else { return };
        if let Some(name) = tls::called(at) {
            self.add(destination, name, By::Name);
        }
        if let Some(name) = tls::certified(at) {
            self.add(source, name, By::Certificate);
        }
    }
}

/// Whether nobody takes it for an address, which has no letters, or colons.
fn reads_as_name(name: &[u8]) -> bool {
    let text = String::from_utf8_lossy(name);
    text.chars().any(char::is_alphabetic) && text.parse::<IpAddr>().is_err()
}

/// Addresses of no host: 0.0.0.0 in an answer says that there is none.
fn is_nobody(address: Address) -> bool {
    let address = IpAddr::from(address);
    address.is_unspecified() || address.is_multicast() || address == IpAddr::from([255; 4])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowTable;
    use crate::frame::{Frame, LinkType};
    use crate::wire::sample::{ethernet, hex, ipv4, udp};

    const WWW: Address = Address::V4([192, 0, 2, 7]);

    fn learn(names: &mut Names, message: &[u8]) {
        let data = ethernet(0x0800, &ipv4(17, &udp(53, message)));
        let frame = Frame { link: LinkType::ETHERNET, data: &data, length: data.len() as u32, ..Frame::empty() };
        let (mut layers, mut table) = (Layers::new(), FlowTable::new());
        let packet = decode(frame, &mut layers);
        names.learn(&packet, &table.ingest(&packet));
    }

    /// `last` has the address; www.lab is another name of web.lab, and that of a.
    fn answer(last: &str) -> Vec<u8> {
        let question = "5934 8180 0001 0003 0000 0000 03 777777 03 6c6162 00 0001 0001";
        let address = "0001 0001 0000003c 0004 c0000207";
        let aliases = "03 574542 03 6c6162 00 0005 0001 0000003c 0003 0161 00
             c00c 0005 0001 0000003c 0006 03 776562 c010";
        hex(&format!("{question} {last} {address} {aliases}"))
    }

    #[test]
    fn an_address_gets_the_name_that_was_asked_for() {
        let mut names = Names::default();
        assert!(names.is_empty());
        learn(&mut names, &answer("0161 00"));
        assert_eq!(names.of(WWW), Some(&b"www.lab"[..]), "by way of two aliases, in whichever order and letters");
        let mut names = Names::default();
        learn(&mut names, &answer("0162 00"));
        assert_eq!(names.of(WWW), Some(&b"b"[..]), "no alias leads there");
        let mut names = Names::default();
        learn(&mut names, &answer("c019"));
        assert_eq!(names.of(WWW), None, "a name that is a circle is none");
    }

    #[test]
    fn a_pointer_names_its_address_until_something_better_comes() {
        let pointer = "5934 8180 0000 0001 0000 0000 01 37 01 32 01 30 03 313932 07 696e2d61646472 04 61727061 00
             000c 0001 0000003c 0005 03 6f6c64 00";
        let mut names = Names::default();
        learn(&mut names, &hex(pointer));
        assert_eq!(names.of(WWW), Some(&b"old"[..]));
        names.add(WWW, b"system", By::Resolver);
        assert_eq!(names.of(WWW), Some(&b"old"[..]));
        learn(&mut names, &answer("0161 00"));
        assert_eq!(names.of(WWW), Some(&b"www.lab"[..]));
        learn(&mut names, &hex(pointer));
        assert_eq!(names.of(WWW), Some(&b"www.lab"[..]));
        let six = "1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 8 b d 0 1 0 0 2";
        let nibbles: String =
            six.split(' ').map(|digit| format!("01 3{digit} ").replace("3b", "62").replace("3d", "64")).collect();
        let pointer = format!(
            "5934 8180 0000 0001 0000 0000 {nibbles} 03 697036 04 61727061 00 000c 0001 0000003c 0005 03 736978 00"
        );
        learn(&mut names, &hex(&pointer));
        let address = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(names.of(Address::V6(address)), Some(&b"six"[..]));
    }

    #[test]
    fn no_name_passes_for_an_address_and_nobody_has_one() {
        let mut names = Names::default();
        names.add(WWW, b"10.0.0.1", By::Name);
        names.add(WWW, b"010.0.0.1", By::Name);
        names.add(WWW, b"fe80::a", By::Name);
        names.add(WWW, b"", By::Name);
        names.add(Address::V4([0; 4]), b"none", By::Name);
        names.add(Address::V4([224, 0, 0, 251]), b"all", By::Name);
        assert!(names.is_empty());
    }

    #[test]
    fn the_oldest_names_leave() {
        let mut names = Names::default();
        for number in 0..=MOST as u32 {
            names.add(Address::V4((0x0a00_0000 + number).to_be_bytes()), b"host", By::Name);
        }
        assert_eq!(names.by.len(), MOST);
        assert_eq!(names.of(Address::V4([10, 0, 0, 0])), None);
    }
}
