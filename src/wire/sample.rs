//! For tests: packets made of bytes, what decoding finds in them, and what it says of every prefix.

use super::secret::Cover;
use super::{At, Cut, Layers, Packet, Protocol, Stop, Value, decode};
use crate::frame::{Frame, LinkType};

/// Bytes from hexadecimal digits; blanks are skipped.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    assert!(digits.len().is_multiple_of(2), "half a byte in {text}");
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// An Ethernet frame around `content`.
pub fn ethernet(ether_type: u16, content: &[u8]) -> Vec<u8> {
    [&hex("02 00 00 00 00 02 02 00 00 00 00 01")[..], &ether_type.to_be_bytes(), content].concat()
}

/// An IPv4 packet from 10.0.0.1 to 10.0.0.2, its checksum filled in.
pub fn ipv4(protocol: u8, content: &[u8]) -> Vec<u8> {
    let length = (20 + content.len()) as u16;
    let mut header = [&[0x45, 0][..], &length.to_be_bytes(), &hex("1234 0000 40"), &[protocol, 0, 0]].concat();
    header.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    super::fragment::fill_in_checksum(&mut header);
    [header, content.to_vec()].concat()
}

/// An IPv6 packet from fe80::1 to ff02::1.
pub fn ipv6(next: u8, content: &[u8]) -> Vec<u8> {
    let start = [&hex("6000 0000")[..], &(content.len() as u16).to_be_bytes(), &[next, 255]].concat();
    [&start[..], &hex("fe80000000000000 0000000000000001 ff02000000000000 0000000000000001"), content].concat()
}

/// A UDP datagram without a checksum.
pub fn udp(destination: u16, content: &[u8]) -> Vec<u8> {
    let length = (8 + content.len()) as u16;
    [&hex("c000")[..], &destination.to_be_bytes(), &length.to_be_bytes(), &[0, 0], content].concat()
}

fn with<T>(link: LinkType, data: &[u8], length: usize, use_it: impl FnOnce(&Packet<'_>) -> T) -> T {
    let mut layers = Layers::new();
    let packet = decode(Frame { link, data, length: length as u32, ..Frame::empty() }, &mut layers);
    use_it(&packet)
}

/// The layers of a frame and why decoding ended.
pub fn layers(link: LinkType, data: &[u8]) -> (Vec<Protocol>, Stop) {
    with(link, data, data.len(), |packet| (packet.layers.iter().map(|layer| layer.protocol).collect(), packet.stop))
}

/// The line of a message, as people read it.
pub fn told(data: &[u8], protocol: Protocol) -> String {
    let mut found = Layers::new();
    let frame = Frame { link: LinkType::ETHERNET, data, length: data.len() as u32, ..Frame::empty() };
    let packet = decode(frame, &mut found);
    let mut out = Vec::new();
    super::application::tell(&packet.find(protocol).unwrap(), &mut out);
    String::from_utf8(out).unwrap()
}

/// All values of a field, as `Debug` writes them.
pub fn values(link: LinkType, data: &[u8], name: &str) -> Vec<String> {
    with(link, data, data.len(), |packet| {
        let mut found = Vec::new();
        each(packet, name, &mut |_, value| found.push(format!("{value:?}")));
        found
    })
}

/// All texts of a field of an Ethernet frame, their secrets covered.
pub fn covered(data: &[u8], name: &str) -> Vec<String> {
    with(LinkType::ETHERNET, data, data.len(), |packet| {
        let mut found = Vec::new();
        each(packet, name, &mut |at, value| {
            let Value::Text(text) = value else { panic!("{name} is no text: {value:?}") };
            let mut shown = Vec::new();
            Cover::new(at).write(text, &mut shown);
            found.push(String::from_utf8(shown).expect("text"));
        });
        found
    })
}

fn each<'a>(packet: &'a Packet<'a>, name: &str, take: &mut dyn FnMut(&At<'a>, Value<'a>)) {
    for at in packet.each() {
        for field in at.layer.protocol.fields().iter().filter(|field| field.name == name) {
            field.each(&at, &mut |value| {
                take(&at, value);
                true
            });
        }
    }
}

/// Asserts the first value of each field of an Ethernet frame, numbers written in decimal, addresses as lists.
#[track_caller]
pub fn fields(data: &[u8], wanted: &[(&str, &str)]) {
    for (name, value) in wanted {
        let found = values(LinkType::ETHERNET, data, name);
        let first = found.first().map_or("absent", String::as_str);
        assert!(
            first == *value || first.strip_suffix(&format!("({value})")).is_some(),
            "{name} is {first}, not {value}"
        );
    }
}

/// Asserts the layers of an Ethernet frame, Ethernet itself left out, and that each of its prefixes that cuts a header
/// is said to be cut there by the capture.
#[track_caller]
pub fn decodes(data: &[u8], wanted: &[Protocol]) {
    let (found, stop) = layers(LinkType::ETHERNET, data);
    assert_eq!(found.get(1..), Some(wanted), "{stop:?}");
    cuts(LinkType::ETHERNET, data);
}

/// Asserts that each prefix that cuts a header says so, whatever the link type.
#[track_caller]
pub fn cuts(link: LinkType, data: &[u8]) {
    let headers = with(link, data, data.len(), |packet| {
        let last = packet.layers.iter().rfind(|layer| layer.protocol != Protocol::Data);
        last.map_or(0, |layer| (layer.start + layer.header) as usize)
    });
    for kept in 0..headers {
        with(link, &data[..kept], data.len(), |packet| {
            assert!(
                matches!(packet.stop, Stop::Truncated { by: Cut::SnapLength, .. }),
                "{kept} of {} bytes: {:?} {:?}",
                data.len(),
                packet.stop,
                packet.layers
            );
            let inside = packet.layers.iter().all(|layer| (layer.start + layer.header) as usize <= kept);
            assert!(inside, "{kept} bytes: a header that is not there: {:?}", packet.layers);
        });
    }
}
