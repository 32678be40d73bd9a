//! Each text is compiled by libpcap for each kind of link and tried on packets made here, byte by byte.

use super::*;
use crate::io::pcap::Program;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const LINKS: [LinkType; 3] = [LinkType::ETHERNET, LinkType::LINUX_SLL, LinkType::LINUX_SLL2];

fn ports(ports: &[u16]) -> Selection {
    Selection { ports: ports.to_vec(), ..Selection::default() }
}

fn hosts(hosts: &[&str]) -> Selection {
    Selection { hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(), ..Selection::default() }
}

fn takes(selection: &Selection, link: LinkType, frame: &[u8]) -> bool {
    let text = selection.text(link).unwrap();
    Program::compile(link, &text).unwrap_or_else(|error| panic!("{error}: {text}")).matches(frame)
}

/// A frame of the link type, with VLAN tags (their types from the outside in) before a payload of this type.
fn frame(link: LinkType, tags: &[u16], kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut kinds: Vec<u16> = tags.to_vec();
    kinds.push(kind);
    let first = kinds[0].to_be_bytes();
    let mut bytes = match link {
        LinkType::ETHERNET => [&[2; 12][..], &first].concat(),
        LinkType::LINUX_SLL => [&[0, 0, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0][..], &first].concat(),
        LinkType::LINUX_SLL2 => [&first[..], &[0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0]].concat(),
        LinkType::RAW => Vec::new(),
        _ => unreachable!(),
    };
    for kind in &kinds[1..] {
        bytes.extend([0, 7]);
        bytes.extend(kind.to_be_bytes());
    }
    bytes.extend(payload);
    bytes
}

/// An IPv4 packet from 10.0.0.1 to 10.0.0.2; `offset` in units of eight bytes, `words` the header's length.
fn v4(protocol: u8, offset: u16, words: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::from(words) * 4 + payload.len() as u16;
    let mut bytes = vec![0x40 | words, 0];
    bytes.extend(length.to_be_bytes());
    bytes.extend([0, 9]);
    bytes.extend(offset.to_be_bytes());
    bytes.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.resize(usize::from(words) * 4, 1);
    bytes.extend(payload);
    bytes
}

/// An IPv6 packet from 2001:db8::1 to 2001:db8::2.
fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend((payload.len() as u16).to_be_bytes());
    bytes.extend([next, 64]);
    for last in [1, 2] {
        bytes.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    bytes.extend(payload);
    bytes
}

fn udp(source: u16, destination: u16) -> Vec<u8> {
    let mut bytes = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    bytes.extend([0, 12, 0, 0, b'd', b'a', b't', b'a']);
    bytes.resize(40, 0);
    bytes
}

/// Fragment header (RFC 8200, section 4.5) for UDP; `offset` in units of eight bytes.
fn fragment(next: u8, offset: u16) -> Vec<u8> {
    [&[next, 0][..], &(offset << 3 | 1).to_be_bytes(), &[0, 0, 0, 9]].concat()
}

#[test]
fn nothing_given_takes_every_frame() {
    assert_eq!(Selection::default().text(LinkType::ETHERNET), None);
    let blank = Selection { expression: Some("  ".into()), ..Selection::default() };
    assert_eq!(blank.text(LinkType::ETHERNET), None);
}

#[test]
fn a_port_is_found_as_source_and_as_destination_on_every_link() {
    for link in LINKS.into_iter().chain([LinkType::RAW]) {
        for protocol in [6, 17, 132] {
            for (payload, expected) in [(udp(8005, 9), true), (udp(9, 8005), true), (udp(9, 10), false)] {
                let packet = frame(link, &[], IPV4, &v4(protocol, 0, 5, &payload));
                assert_eq!(takes(&ports(&[8005]), link, &packet), expected, "{link} protocol {protocol}");
                let packet = frame(link, &[], IPV6, &v6(protocol, &payload));
                assert_eq!(takes(&ports(&[8005]), link, &packet), expected, "{link} v6 protocol {protocol}");
            }
        }
    }
}

#[test]
fn a_port_is_found_behind_one_and_two_vlan_tags_and_behind_ip_options() {
    for link in LINKS {
        for tags in [&[0x8100][..], &[0x88a8, 0x8100], &[0x8100, 0x8100]] {
            for words in [5, 6, 15] {
                let with = |port| frame(link, tags, IPV4, &v4(17, 0, words, &udp(port, 9)));
                assert!(takes(&ports(&[8005]), link, &with(8005)), "{link} {tags:x?} {words}");
                assert!(!takes(&ports(&[8005]), link, &with(8006)), "{link} {tags:x?} {words}");
            }
            let with = |port| frame(link, tags, IPV6, &v6(6, &udp(9, port)));
            assert!(takes(&ports(&[8005]), link, &with(8005)), "{link} {tags:x?} v6");
            assert!(!takes(&ports(&[8005]), link, &with(8006)), "{link} {tags:x?} v6");
        }
    }
}

#[test]
fn later_fragments_come_along_and_their_bytes_are_not_taken_for_ports() {
    for link in LINKS {
        for tags in [&[][..], &[0x8100], &[0x88a8, 0x8100]] {
            let later = frame(link, tags, IPV4, &v4(17, 185, 5, &udp(1, 2)));
            assert!(takes(&ports(&[8005]), link, &later), "{link} {tags:x?}");
            let later = frame(link, tags, IPV6, &v6(44, &[fragment(17, 185), udp(1, 2)].concat()));
            assert!(takes(&ports(&[8005]), link, &later), "{link} {tags:x?} v6");
            // An echo's later fragment has no port to come along with.
            let echo = frame(link, tags, IPV4, &v4(1, 185, 5, &udp(8005, 2)));
            assert!(!takes(&ports(&[8005]), link, &echo), "{link} {tags:x?}");
            let first = |port| frame(link, tags, IPV6, &v6(44, &[fragment(17, 0), udp(port, 2)].concat()));
            assert!(takes(&ports(&[8005]), link, &first(8005)), "{link} {tags:x?} first");
            assert!(!takes(&ports(&[8005]), link, &first(8006)), "{link} {tags:x?} first");
        }
        let first = frame(link, &[], IPV4, &v4(17, 0x2000, 5, &udp(8005, 2)));
        assert!(takes(&ports(&[8005]), link, &first), "{link}");
    }
}

#[test]
fn a_port_is_found_behind_an_extension_header() {
    let hop_by_hop = |port| v6(0, &[&[6, 1][..], &[0; 14], &udp(9, port)].concat());
    for link in LINKS {
        assert!(takes(&ports(&[8005]), link, &frame(link, &[], IPV6, &hop_by_hop(8005))), "{link}");
        assert!(!takes(&ports(&[8005]), link, &frame(link, &[], IPV6, &hop_by_hop(8006))), "{link}");
    }
}

#[test]
fn the_icmp_error_about_a_port_is_taken_and_others_are_not() {
    for link in LINKS {
        let error = |kind: u8, port| {
            let quoted = v4(17, 0, 6, &udp(port, 9));
            frame(link, &[], IPV4, &v4(1, 0, 5, &[&[kind, 3, 0, 0, 0, 0, 0, 0][..], &quoted].concat()))
        };
        assert!(takes(&ports(&[8005]), link, &error(3, 8005)), "{link}");
        assert!(!takes(&ports(&[8005]), link, &error(3, 8006)), "{link}");
        assert!(!takes(&ports(&[8005]), link, &error(8, 8005)), "{link}: an echo quotes nothing");
        let error = |kind: u8, port| {
            let quoted = v6(17, &udp(9, port));
            frame(link, &[], IPV6, &v6(58, &[&[kind, 4, 0, 0, 0, 0, 0, 0][..], &quoted].concat()))
        };
        assert!(takes(&ports(&[8005]), link, &error(1, 8005)), "{link}");
        assert!(!takes(&ports(&[8005]), link, &error(1, 8006)), "{link}");
        assert!(!takes(&ports(&[8005]), link, &error(128, 8005)), "{link}");
    }
}

#[test]
fn a_host_is_found_with_and_without_tags_also_in_arp() {
    let arp = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &[2; 6], &[10, 0, 0, 1], &[0; 6], &[10, 0, 0, 9]].concat();
    for link in LINKS {
        for tags in [&[][..], &[0x8100], &[0x88a8, 0x8100]] {
            let four = frame(link, tags, IPV4, &v4(6, 0, 5, &udp(1, 2)));
            let six = frame(link, tags, IPV6, &v6(6, &udp(1, 2)));
            for host in ["10.0.0.1", "10.0.0.2"] {
                assert!(takes(&hosts(&[host]), link, &four), "{link} {tags:x?} {host}");
                assert!(!takes(&hosts(&[host]), link, &six), "{link} {tags:x?} {host}");
            }
            for host in ["2001:db8::1", "2001:db8::2"] {
                assert!(takes(&hosts(&[host]), link, &six), "{link} {tags:x?} {host}");
                assert!(!takes(&hosts(&[host]), link, &four), "{link} {tags:x?} {host}");
            }
            assert!(!takes(&hosts(&["10.0.0.3"]), link, &four));
            assert!(takes(&hosts(&["10.0.0.3", "10.0.0.2"]), link, &four));
        }
        assert!(takes(&hosts(&["10.0.0.9"]), link, &frame(link, &[], 0x0806, &arp)), "{link}");
    }
}

#[test]
fn all_that_is_given_must_hold_and_the_users_own_words_stand_first() {
    let link = LinkType::ETHERNET;
    let selection = Selection {
        ports: vec![8005],
        hosts: vec!["10.0.0.1".parse().unwrap()],
        expression: Some("udp or icmp".into()),
    };
    assert!(selection.text(link).unwrap().starts_with("(udp or icmp) and ("));
    assert!(takes(&selection, link, &frame(link, &[], IPV4, &v4(17, 0, 5, &udp(8005, 9)))));
    assert!(!takes(&selection, link, &frame(link, &[], IPV4, &v4(6, 0, 5, &udp(8005, 9)))));
    assert!(!takes(&selection, link, &frame(link, &[], IPV4, &v4(17, 0, 5, &udp(8006, 9)))));
    // The user's own `vlan` moves what stands behind it, as it does in tcpdump.
    let tagged = Selection { expression: Some("vlan 7".into()), ..ports(&[8005]) };
    assert!(takes(&tagged, link, &frame(link, &[0x8100], IPV4, &v4(17, 0, 5, &udp(8005, 9)))));
    assert!(!takes(&tagged, link, &frame(link, &[], IPV4, &v4(17, 0, 5, &udp(8005, 9)))));
}
