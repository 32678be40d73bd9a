//! Recipes: what is set stands in its place and is read back, what is not is right, and what cannot be is refused.

mod tshark;

use proptest::prelude::*;

use super::fragments::divide;
use super::membership::{Says, igmp};
use super::*;
use crate::field::text;
use crate::frame::{Frame, LinkType};
use crate::wire::{Kind, Layers, Packet, Stop, decode};
use Protocol::{
    Arp, Data, DestinationOptions, Ethernet, Fragment, HopByHop, Icmp, Icmpv6, Igmp, Ipv4, Ipv6, Mld, Ndp, Routing,
    ServiceTag, Tcp, Udp, Vlan,
};

/// Stacks that between them have every layer that can be built.
const STACKS: [&[Protocol]; 12] = [
    &[Ethernet, Ipv4, Tcp],
    &[Ethernet, Vlan, Ipv4, Udp],
    &[Ethernet, ServiceTag, Vlan, Ipv6, Udp],
    &[Ethernet, Ipv6, Tcp],
    &[Ethernet, Ipv4, Icmp],
    &[Ethernet, Ipv6, Icmpv6],
    &[Ethernet, Ipv4, Igmp],
    &[Ethernet, Arp],
    &[Ethernet, Ipv6, HopByHop, Routing, DestinationOptions, Fragment, Udp],
    &[Ethernet, Ipv6, HopByHop, Icmpv6, Mld],
    &[Ethernet, Ipv6, Icmpv6, Ndp],
    &[Ethernet, Ipv4, Ipv6, Ipv4, Udp],
];

fn recipe(stack: &[Protocol]) -> Recipe {
    let mut recipe = Recipe::new(stack).unwrap();
    for (name, value) in [
        ("eth.src", "02:00:00:00:00:01"),
        ("eth.dst", "02:00:00:00:00:02"),
        ("vlan.id", "7"),
        ("ip.src", "10.0.0.1"),
        ("ip.dst", "10.0.0.2"),
        ("ipv6.src", "fd00::1"),
        ("ipv6.dst", "fd00::2"),
        ("tcp.srcport", "40000"),
        ("tcp.dstport", "9"),
        ("tcp.flags", "SYN"),
        ("udp.srcport", "40000"),
        ("udp.dstport", "9"),
    ] {
        match recipe.fill(name, value) {
            Ok(()) | Err(Error::NotHere { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    recipe
}

fn decoded<T>(bytes: &[u8], use_it: impl FnOnce(&Packet<'_>) -> T) -> T {
    let mut layers = Layers::new();
    let frame = Frame { link: LinkType::ETHERNET, data: bytes, length: bytes.len() as u32, ..Frame::empty() };
    use_it(&decode(frame, &mut layers))
}

/// The first value of a field in the layer at `index`, as text; `None` where decoding did not come so far.
fn read(bytes: &[u8], index: usize, protocol: Protocol, field: &Field) -> Option<String> {
    decoded(bytes, |packet| {
        let at = packet.at(index).filter(|at| at.layer.protocol == protocol)?;
        let mut out = Vec::new();
        text::write(field.first(&at)?, field.kind, &mut out);
        Some(String::from_utf8(out).unwrap())
    })
}

fn status(bytes: &[u8], name: &str) -> Option<String> {
    crate::wire::sample::values(LinkType::ETHERNET, bytes, name).into_iter().next()
}

/// Every field that can be set, with the stack, the layer in it, and its place.
fn settable() -> Vec<(&'static [Protocol], usize, &'static Field)> {
    let mut all = Vec::new();
    for stack in STACKS {
        for (index, protocol) in stack.iter().enumerate() {
            let fields = protocol.fields().iter().filter(|field| is_settable(*protocol, field));
            all.extend(fields.map(|field| (stack, index, field)));
        }
    }
    all
}

/// Fields whose values say what the rest of the header means, or where the next one is: set to anything, the packet may
/// be another one to a decoder. That the value stands in its place is checked for them all the same.
fn decides_what_follows(name: &str) -> bool {
    const DECIDE: [&str; 25] = [
        "eth.type",
        "eth.len",
        "vlan.etype",
        "vlan.len",
        "netlab.ieee8021ad.etype",
        "ip.version",
        "ipv6.version",
        "ip.hdr_len",
        "tcp.hdr_len",
        "ip.len",
        "ipv6.plen",
        "udp.length",
        "ip.proto",
        "ipv6.nxt",
        "ip.frag_offset",
        "ipv6.fraghdr.offset",
        "arp.hw.type",
        "arp.proto.type",
        "arp.hw.size",
        "arp.proto.size",
        "icmp.type",
        "icmpv6.type",
        "igmp.type",
        "igmp.max_resp",
        "tcp.seq_raw",
    ];
    DECIDE.contains(&name) || name.ends_with(".nxt") || name.ends_with(".len_oct")
}

/// The type of message that has a field which others have not.
fn message_of(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "icmp.mtu" => ("icmp.type", "3"),
        "icmp.redir_gw" => ("icmp.type", "5"),
        "icmp.pointer" => ("icmp.type", "12"),
        "icmp.ext.echo.seq" => ("icmp.type", "42"),
        "icmpv6.mtu" => ("icmpv6.type", "2"),
        "icmpv6.pointer" => ("icmpv6.type", "4"),
        name if name.starts_with("icmpv6.nd.na.") => ("icmpv6.type", "136"),
        name if name.starts_with("icmpv6.nd.ra.") => ("icmpv6.type", "134"),
        _ => return None,
    })
}

/// A value of the field, as text that decoding would write.
fn sample(field: &Field, random: u64) -> String {
    let bits = place::of(field);
    let most = bits.map_or(1, |bits| if bits.length >= 64 { u64::MAX } else { (1 << bits.length) - 1 });
    let value = (random & most) * u64::from(field.counts.unit) + u64::from(field.counts.base);
    let mut out = Vec::new();
    let bytes = [random.to_be_bytes(), random.rotate_left(9).to_be_bytes()].concat();
    let value = match field.kind {
        Kind::Bool => crate::wire::Value::Bool(value != 0),
        Kind::Ipv4 => crate::wire::Value::Ipv4(*bytes.first_chunk().unwrap()),
        Kind::Ipv6 => crate::wire::Value::Ipv6(*bytes.first_chunk().unwrap()),
        Kind::Mac => crate::wire::Value::Mac(*bytes.first_chunk().unwrap()),
        _ => crate::wire::Value::Uint(value),
    };
    text::write(value, field.kind, &mut out);
    String::from_utf8(out).unwrap()
}

/// Sets one field and looks for it: its bits are there, no other bit of the headers that was set moved, and decoding
/// reads the same value.
fn sets_and_reads((stack, index, field): (&'static [Protocol], usize, &'static Field), random: u64, payload: &[u8]) {
    let name = field.name;
    let number = stack.iter().take(index).filter(|earlier| **earlier == stack[index]).count() + 1;
    let value = sample(field, random);
    let mut recipe = recipe(stack);
    recipe.payload(payload.to_vec());
    if let Some((kind, number)) = message_of(name) {
        recipe.set(kind, number).unwrap();
    }
    if name == "icmp.mtu" {
        recipe.set("icmp.code", "4").unwrap();
    }
    match recipe.set(&format!("{name}#{number}"), &value) {
        // A message of another shape has the field: a redirect, a version 2 query.
        Err(Error::NotSettable { .. }) => return,
        result => result.unwrap_or_else(|error| panic!("{error}")),
    }
    let built = recipe.build().unwrap();
    let (protocol, start) = built.starts[index];
    if let Some(bits) = place::of(field) {
        let expected = value::read(&recipe.parts[index].header, bits);
        assert_eq!(value::read(&built.bytes[start..], bits), expected, "{name}={value} in {stack:?} was overwritten");
    }
    let redirect = name.starts_with("icmpv6.rd") || name.starts_with("icmpv6.nd.rd");
    let igmp = protocol == Igmp && !matches!(name, "igmp.checksum");
    // Above 32767 the delay is a mantissa and an exponent (RFC 3810 §5.1.3).
    let mld = name.starts_with("icmpv6.mldr") || name == "icmpv6.mld.maximum_response_delay";
    if decides_what_follows(name) || redirect || igmp || mld {
        return;
    }
    assert_eq!(read(&built.bytes, index, protocol, field).as_deref(), Some(value.as_str()), "{name} in {stack:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_field_that_is_set_stands_in_its_place_and_is_read_back(
        random: u64,
        payload in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        for field in settable().into_iter().filter(|(_, _, field)| place::of(field).is_some()) {
            sets_and_reads(field, random, &payload);
        }
    }

    #[test]
    fn whatever_is_set_together_is_read_back_together(
        ttl: u8, id: u16, seq: u32, flags in 0u16..0x1000, window: u16, mss: u16, shift: u8, stamp: u32,
        payload in proptest::collection::vec(any::<u8>(), 0..1400),
    ) {
        let mut recipe = recipe(&[Ethernet, Ipv4, Tcp]);
        recipe.payload(payload.clone());
        let set = [
            ("ip.ttl", ttl.to_string()), ("ip.id", format!("{id:#06x}")), ("tcp.seq_raw", seq.to_string()),
            ("tcp.flags", format!("{flags:#06x}")), ("tcp.window_size_value", window.to_string()),
            ("tcp.options.mss_val", mss.to_string()), ("tcp.options.wscale.shift", shift.to_string()),
            ("tcp.options.timestamp.tsval", stamp.to_string()), ("tcp.options.timestamp.tsecr", seq.to_string()),
        ];
        for (name, value) in &set {
            recipe.set(name, value).unwrap();
        }
        let built = recipe.build().unwrap();
        for (name, value) in &set {
            let protocol = if name.starts_with("ip") { Ipv4 } else { Tcp };
            let index = if protocol == Ipv4 { 1 } else { 2 };
            let field = protocol.fields().iter().find(|field| field.name == *name).unwrap();
            let found = read(&built.bytes, index, protocol, field);
            prop_assert_eq!(found.as_ref(), Some(value), "{}", name);
        }
        prop_assert_eq!(status(&built.bytes, "tcp.checksum.status").unwrap(), "Uint(1)");
        prop_assert_eq!(status(&built.bytes, "ip.checksum.status").unwrap(), "Uint(1)");
        prop_assert_eq!(&built.bytes[built.bytes.len() - payload.len()..], &payload[..]);
    }

    #[test]
    fn fragments_put_together_again_are_the_datagram(
        payload in proptest::collection::vec(any::<u8>(), 100..3000), size in 1usize..12, overlap in 0usize..12, six: bool,
    ) {
        let (size, overlap) = (size * 8, overlap.min(size - 1) * 8);
        let mut recipe = recipe(if six { &[Ethernet, Ipv6, HopByHop, Udp] } else { &[Ethernet, Ipv4, Udp] });
        recipe.payload(payload.clone());
        let whole = recipe.build().unwrap();
        let start = whole.network().unwrap() + if six { 48 } else { 20 };
        let fragments = divide(&whole, size, overlap, 7).unwrap();
        let mut data = vec![0; whole.bytes.len() - start];
        for (number, fragment) in fragments.iter().enumerate() {
            decoded(fragment, |packet| {
                let (offset, more) = if six {
                    let at = packet.find(Fragment).unwrap();
                    (usize::from(at.u16(2).unwrap() & !7), at.u16(2).unwrap() & 1 == 1)
                } else {
                    let at = packet.find(Ipv4).unwrap();
                    assert_eq!(status(fragment, "ip.checksum.status").unwrap(), "Uint(1)");
                    (usize::from(at.u16(6).unwrap() & 0x1fff) * 8, at.u16(6).unwrap() & 0x2000 != 0)
                };
                let content = &fragment[whole.network().unwrap() + if six { 56 } else { 20 }..];
                data[offset..offset + content.len()].copy_from_slice(content);
                assert_eq!(more, number + 1 < fragments.len());
            });
        }
        prop_assert_eq!(&data, &whole.bytes[start..]);
    }

    #[test]
    fn no_name_and_no_value_panics(name in ".{0,40}", value in ".{0,40}", field in 0usize..400) {
        let all = settable();
        let (stack, _, known) = all[field % all.len()];
        let mut recipe = recipe(stack);
        let _ = recipe.set(&name, &value);
        let _ = recipe.set(known.name, &value);
        recipe.build().unwrap();
    }

    #[test]
    fn a_captured_packet_is_its_own_recipe(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        decoded(&bytes, |packet| {
            let built = Recipe::of(packet).build();
            prop_assert!(built.is_ok());
            Ok(())
        })?;
    }
}

#[test]
fn every_stack_decodes_to_its_layers_with_good_checksums() {
    for stack in STACKS {
        let mut recipe = recipe(stack);
        if stack.last() == Some(&Udp) {
            recipe.payload(b"hello".to_vec());
        }
        let built = recipe.build().unwrap();
        let (mut found, stop) = crate::wire::sample::layers(LinkType::ETHERNET, &built.bytes);
        found.retain(|protocol| *protocol != Data);
        assert_eq!(found, stack, "{stop:?}");
        assert!(matches!(stop, Stop::End | Stop::Payload), "{stack:?}: {stop:?}");
        for name in ["ip", "tcp", "udp", "icmp", "icmpv6", "igmp"] {
            let name = format!("{name}.checksum.status");
            assert!(status(&built.bytes, &name).is_none_or(|status| status == "Uint(1)"), "{name} in {stack:?}");
        }
    }
}

/// Messages that between them have every field: the stacks, and each type and version of the ICMPs and of membership.
fn messages() -> Vec<Recipe> {
    let mut all: Vec<Recipe> = STACKS.iter().map(|stack| recipe(stack)).collect();
    for (kind, code) in [(3, 4), (5, 0), (9, 0), (11, 0), (12, 0), (13, 0), (42, 0)] {
        let mut message = recipe(&[Ethernet, Ipv4, Icmp]);
        message.set("icmp.type", &kind.to_string()).unwrap();
        message.set("icmp.code", &code.to_string()).unwrap();
        all.push(message);
    }
    for kind in 1u8..=4 {
        let mut message = recipe(&[Ethernet, Ipv6, Icmpv6]);
        message.set("icmpv6.type", &kind.to_string()).unwrap();
        all.push(message);
    }
    for kind in 133..=137 {
        let mut message = recipe(&[Ethernet, Ipv6, Icmpv6]);
        assert_eq!(message.push_discovery(kind), Ok(true));
        all.push(message);
    }
    let query = Says::Query(std::time::Duration::from_secs(1));
    let (four, six) = ("239.1.2.3".parse().unwrap(), "ff15::1".parse().unwrap());
    let (of_four, of_six) = (["10.0.0.9".parse().unwrap()], ["fd00::9".parse().unwrap()]);
    for (says, version, named) in
        [(Says::Join, 1, 0), (Says::Join, 2, 0), (Says::Leave, 2, 0), (query, 2, 0), (Says::Join, 3, 1), (query, 3, 1)]
    {
        let ethernet = || Recipe::new(&[Ethernet]).unwrap();
        let mut message = igmp(says, version, four, &of_four[..named]).unwrap();
        message.wrap(ethernet());
        all.push(message);
        if version > 1 {
            let mut message = membership::mld(says, version - 1, six, &of_six[..named]).unwrap();
            message.wrap(ethernet());
            all.push(message);
        }
    }
    all
}

/// Whether the field can be set in this message, and is what decoding reads there then.
fn is_read_back(message: &Recipe, protocol: Protocol, field: &Field, value: &str) -> bool {
    let Some(index) = message.parts.iter().position(|part| part.protocol == protocol) else { return false };
    let mut message = message.clone();
    if message.set(field.name, value).is_err() {
        return false;
    }
    let built = message.build().unwrap();
    read(&built.bytes, index, protocol, field).is_some_and(|found| found.replace(':', "") == value.replace(':', ""))
}

#[test]
fn every_field_that_can_be_set_is_read_back_from_some_message() {
    let messages = messages();
    let mut missing = Vec::new();
    for protocol in Protocol::ALL {
        for field in protocol.fields().iter().filter(|field| is_settable(*protocol, field)) {
            let values: Vec<String> = match field.name {
                "tcp.options.tfo.cookie" => vec!["0102030405060708".to_owned()],
                "tcp.options.md5.digest" => vec!["01".repeat(16)],
                "tcp.options.sack_perm" => vec!["1".to_owned()],
                name if name.starts_with("tcp.options.") => vec!["7".to_owned()],
                // Small numbers, which lengths and types can be, and one of all bits.
                _ => (0..=255).chain([0x9e37_79b9_7f4a_7c15]).map(|number| sample(field, number)).collect(),
            };
            let found = values
                .iter()
                .any(|value| messages.iter().any(|message| is_read_back(message, *protocol, field, value)));
            if !found {
                missing.push(field.name);
            }
        }
    }
    assert_eq!(missing, [""; 0], "are set, and are never read");
}

#[test]
fn every_protocol_that_can_be_built_is_in_a_stack() {
    for protocol in Protocol::ALL {
        let tested = STACKS.iter().any(|stack| stack.contains(protocol));
        assert_eq!(start::header(*protocol).is_some(), tested, "{protocol:?}");
    }
}

#[test]
fn what_is_set_on_purpose_stays_wrong() {
    let mut recipe = recipe(&[Ethernet, Ipv4, Tcp]);
    for (name, value) in [("tcp.checksum", "0xdead"), ("ip.len", "41"), ("tcp.hdr_len", "60"), ("ip.proto", "UDP")] {
        recipe.set(name, value).unwrap();
    }
    let bytes = recipe.build().unwrap().bytes;
    assert_eq!(bytes[16..18], [0, 41]);
    assert_eq!(bytes[23], 17);
    assert_eq!((bytes[46] >> 4, &bytes[50..52]), (15, &[0xde, 0xad][..]));
    assert_eq!(status(&bytes, "ip.checksum.status").unwrap(), "Uint(1)", "the header's sum is over what it holds");
}

#[test]
fn errors_name_the_field_the_value_and_the_range() {
    let mut recipe = recipe(&[Ethernet, Ipv4, Tcp]);
    let mut said = |name: &str, value: &str| recipe.set(name, value).unwrap_err().to_string();
    assert_eq!(said("ip.ttl", "256"), "ip.ttl=256: it takes 0 to 255");
    assert_eq!(said("ip.hdr_len", "21"), "ip.hdr_len=21: it takes 0 to 60 in steps of 4");
    assert_eq!(said("tcp.flags", "SIN"), "tcp.flags=SIN: it takes 0 to 0xfff, or names of flags, as SYN,ACK");
    assert_eq!(said("ip.src", "10.0.0"), "ip.src=10.0.0: it takes an IPv4 address, as 10.0.0.1");
    assert_eq!(said("tcp.checksum", "0x10000"), "tcp.checksum=0x10000: it takes 0 to 0xffff");
    assert_eq!(said("udp.length", "1"), "this packet has no udp.length: its layers are eth, ip, tcp");
    assert_eq!(said("tcp.ttl", "1"), "no field is named \"tcp.ttl\"");
    assert_eq!(said("tcp.len", "1"), "tcp.len cannot be set: it is worked out, not a part of the packet");
    assert_eq!(said("ip.addr", "1"), "ip.addr cannot be set: it stands for several fields: set them one by one");
}

#[test]
fn a_default_does_not_touch_what_was_set_in_its_place() {
    let mut recipe = recipe(&[Ethernet, Ipv4, Tcp]);
    recipe.set("tcp.flags.syn", "0").unwrap();
    recipe.fill("tcp.flags", "SYN,ACK").unwrap();
    assert_eq!(recipe.number("tcp.flags"), Some(0));
    assert!(recipe.has_set("tcp.flags.syn") && !recipe.has_set("ip.ttl"));
}

#[test]
fn the_second_of_two_headers_has_a_number() {
    let mut recipe = recipe(&[Ethernet, Ipv4, Ipv6, Ipv4, Udp]);
    recipe.set("ip.ttl#2", "3").unwrap();
    let built = recipe.build().unwrap();
    assert_eq!(crate::wire::sample::values(LinkType::ETHERNET, &built.bytes, "ip.ttl"), ["Uint(64)", "Uint(3)"]);
    assert!(recipe.set("ip.ttl#3", "3").is_err() && recipe.set("ip.ttl#0", "3").is_err());
}

#[test]
fn options_are_padded_and_counted() {
    let mut recipe = recipe(&[Ethernet, Ipv4, Tcp]);
    recipe.set("tcp.options.mss_val", "1460").unwrap();
    recipe.set("tcp.options.wscale.shift", "7").unwrap();
    recipe.set("tcp.options.mss_val", "536").unwrap();
    recipe.options(Ipv4, &[0x94, 4, 0, 0]).unwrap();
    let bytes = recipe.build().unwrap().bytes;
    assert_eq!(bytes[58..], [2, 4, 2, 24, 3, 3, 7, 0]);
    assert_eq!((bytes[14], bytes[50] >> 4), (0x46, 7));
    let error = recipe.options(Tcp, &[1; 41]).unwrap_err().to_string();
    assert_eq!(error, "41 bytes of options: tcp has room for 40");
}

#[test]
fn a_packet_that_is_too_long_is_refused() {
    let mut recipe = recipe(&[Ethernet, Ipv4, Udp]);
    recipe.payload(vec![0; 65_508]);
    assert_eq!(recipe.build(), Err(Error::TooLong { length: 65_536 }));
    recipe.payload(vec![0; 65_507]);
    assert_eq!(recipe.build().unwrap().bytes.len(), 14 + 65_535);
}

#[test]
fn membership_messages_are_of_their_version() {
    let group = "239.1.2.3".parse().unwrap();
    let query = Says::Query(std::time::Duration::from_secs(1));
    let rows: [(Says, u8, &str, &str); 7] = [
        (Says::Join, 1, "1", "[239, 1, 2, 3]"),
        (Says::Join, 2, "2", "[239, 1, 2, 3]"),
        (Says::Join, 3, "3", "[224, 0, 0, 22]"),
        (Says::Leave, 2, "2", "[224, 0, 0, 2]"),
        (Says::Leave, 3, "3", "[224, 0, 0, 22]"),
        (query, 2, "2", "[239, 1, 2, 3]"),
        (query, 3, "3", "[239, 1, 2, 3]"),
    ];
    for (says, version, read, to) in rows {
        let mut recipe = Recipe::new(&[Ethernet]).unwrap();
        let mut packet = igmp(says, version, group, &[]).unwrap();
        std::mem::swap(&mut recipe, &mut packet);
        recipe.wrap(packet);
        let bytes = recipe.build().unwrap().bytes;
        crate::wire::sample::fields(
            &bytes,
            &[
                ("igmp.version", read),
                ("ip.dst", to),
                ("igmp.maddr", "[239, 1, 2, 3]"),
                ("ip.ttl", "1"),
                ("igmp.checksum.status", "1"),
                ("ip.checksum.status", "1"),
            ],
        );
    }
    let sources = ["10.0.0.1".parse().unwrap()];
    assert!(igmp(Says::Join, 2, group, &sources).is_err() && igmp(Says::Leave, 1, group, &[]).is_err());
    assert!(igmp(query, 3, group, &sources).is_ok());
}

#[test]
fn a_captured_packet_is_edited_and_made_right_again() {
    let mut recipe = recipe(&[Ethernet, Ipv4, Udp]);
    recipe.payload(b"before".to_vec());
    let captured = [recipe.build().unwrap().bytes, vec![0; 12]].concat();
    let mut again = decoded(&captured, Recipe::of);
    assert_eq!(again.build().unwrap(), recipe.build().unwrap(), "the padding of the link is no part of it");
    again.payload(b"and after".to_vec());
    again.set("ip.dst", "10.0.0.9").unwrap();
    let bytes = again.build().unwrap().bytes;
    crate::wire::sample::fields(&bytes, &[("udp.checksum.status", "1"), ("udp.length", "17"), ("ip.len", "37")]);
}

#[test]
fn what_cannot_be_built_keeps_the_number_that_it_was_captured_with() {
    let gre = crate::wire::sample::ethernet(0x0800, &crate::wire::sample::ipv4(47, &[0, 0, 8, 0, 0x45]));
    let mut again = decoded(&gre, Recipe::of);
    again.set("ip.ttl", "9").unwrap();
    let bytes = again.build().unwrap().bytes;
    crate::wire::sample::fields(&bytes, &[("ip.proto", "47"), ("ip.ttl", "9"), ("ip.checksum.status", "1")]);
    // A fragment's content is no segment, and its number is that of the whole.
    let mut later = crate::wire::sample::ipv4(17, b"later bytes");
    later[7] = 1;
    let bytes = decoded(&crate::wire::sample::ethernet(0x0800, &later), Recipe::of).build().unwrap().bytes;
    crate::wire::sample::fields(&bytes, &[("ip.proto", "17"), ("ip.frag_offset", "1")]);
}
