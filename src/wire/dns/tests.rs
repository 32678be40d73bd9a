//! Names and their pointers, sections, what counts that lie do, and which bytes are taken for a message.

use super::*;
use crate::frame::LinkType;
use crate::wire::Protocol::{Dns, Ipv4, Mdns, Netbios, Tcp, Udp};
use crate::wire::application::{Tone, tell};
use crate::wire::sample::{ethernet, fields, hex, ipv4, layers, udp, values};
use crate::wire::{Layers, decode};

const QUESTION: &str = "5934 0100 0001 0000 0000 0000 03 777777 03 6c6162 00 0001 0001";

/// www.lab has an address, by way of web.lab: names with pointers.
fn answer() -> Vec<u8> {
    hex("5934 8580 0001 0002 0000 0001 03 777777 03 6c6162 00 0001 0001
         c00c 0005 0001 0000003c 0006 03 776562 c010
         c025 0001 0001 0000003c 0004 c0000207
         00 0029 1000 00000000 0000")
}

fn over_udp(port: u16, message: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4(17, &udp(port, message)))
}

fn over_tcp(port: u16, data: &[u8]) -> Vec<u8> {
    let header = [&hex("c000")[..], &port.to_be_bytes(), &hex("00000001 00000001 5018 ffff 0000 0000")].concat();
    ethernet(0x0800, &ipv4(6, &[&header[..], data].concat()))
}

fn told(frame: &[u8]) -> (String, Tone) {
    let mut found = Layers::new();
    let frame = crate::frame::Frame {
        link: LinkType::ETHERNET,
        data: frame,
        length: frame.len() as u32,
        ..crate::frame::Frame::empty()
    };
    let packet = decode(frame, &mut found);
    let (at, mut out) = (packet.at(packet.layers.len() - 1).unwrap(), Vec::new());
    let tone = tell(&at, &mut out).unwrap();
    (String::from_utf8(out).unwrap(), tone)
}

#[test]
fn reads_a_question_and_its_answer() {
    let question = over_udp(53, &hex(QUESTION));
    assert_eq!(layers(LinkType::ETHERNET, &question).0.get(1..), Some(&[Ipv4, Udp, Dns][..]));
    let asked =
        [("dns.id", "22836"), ("dns.flags.response", "false"), ("dns.qry.name", "www.lab"), ("dns.qry.type", "1")];
    fields(&question, &asked);
    fields(&question, &[("dns.flags.rcode", "absent"), ("dns.count.labels", "2"), ("dns.qry.name.len", "7")]);
    assert_eq!(told(&question), ("asks A www.lab".into(), Tone::Plain));

    let answer = over_udp(53, &answer());
    fields(&answer, &[("dns.flags.rcode", "0"), ("dns.cname", "web.lab"), ("dns.a", "[192, 0, 2, 7]")]);
    assert_eq!(
        values(LinkType::ETHERNET, &answer, "dns.resp.name"),
        ["Made(www.lab)", "Made(web.lab)", "Made(<Root>)"]
    );
    fields(&answer, &[("dns.rr.udp_payload_size", "4096"), ("dns.resp.ttl", "60")]);
    assert_eq!(told(&answer), ("answers A www.lab: CNAME web.lab, 192.0.2.7".into(), Tone::Plain));
}

#[test]
fn a_refusal_is_trouble_and_says_why() {
    let mut message = hex(QUESTION);
    (message[2], message[3]) = (0x81, 0x83);
    assert_eq!(told(&over_udp(53, &message)), ("answers A www.lab: no such name".into(), Tone::Trouble));
}

#[test]
fn a_pointer_that_does_not_go_back_ends_the_name() {
    let name = |bytes: &[u8], at| {
        let mut out = Vec::new();
        write_name(bytes, at, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(name(&hex("01 61 c000"), 0), "a<Name contains a pointer that loops>");
    assert_eq!(name(&hex("c002 c000"), 0), "<Name contains a pointer that loops>");
    assert_eq!(name(&hex("c002 c000"), 2), "<Name contains a pointer that loops>");
    assert_eq!(name(&hex("01 61 05 62"), 0), "a<cut>");
    assert_eq!(name(&hex("01 61 80"), 0), "a<cut>");
    let long = [&[63; 64][..]; 4].concat();
    assert_eq!(name(&[&long[..], &[0]].concat(), 0), "<Name too long>");
}

#[test]
fn counts_that_lie_make_no_records() {
    let mut message = hex(QUESTION);
    message[4..12].fill(0xff);
    let frame = over_udp(53, &message);
    assert_eq!(values(LinkType::ETHERNET, &frame, "dns.qry.name"), ["Made(www.lab)"]);
    assert!(values(LinkType::ETHERNET, &frame, "dns.resp.name").is_empty());
}

#[test]
fn over_tcp_each_message_comes_behind_its_length() {
    let message = answer();
    let one = [&(message.len() as u16).to_be_bytes()[..], &message].concat();
    let frame = over_tcp(53, &one.repeat(2));
    assert_eq!(layers(LinkType::ETHERNET, &frame).0.get(1..), Some(&[Ipv4, Tcp, Dns, Dns][..]));
    fields(&frame, &[("dns.length", "70"), ("dns.a", "[192, 0, 2, 7]")]);
    let cut = over_tcp(53, &one[..40]);
    assert_eq!(layers(LinkType::ETHERNET, &cut).0.last(), Some(&Dns), "it begins here, and goes on elsewhere");
    fields(&cut, &[("dns.qry.name", "www.lab"), ("dns.a", "absent")]);
}

#[test]
fn on_another_port_every_byte_has_to_fit() {
    let last = |port, message: &[u8]| layers(LinkType::ETHERNET, &over_udp(port, message)).0.last().copied();
    assert_eq!(last(9953, &answer()), Some(Dns));
    assert_eq!(last(9953, &[answer(), vec![0]].concat()), Some(Protocol::Data));
    assert_eq!(last(53, &hex("5934 0100 0001")), Some(Protocol::Data));
    assert_eq!(last(5353, &hex(QUESTION)), Some(Mdns));
}

#[test]
fn multicast_dns_has_a_bit_of_its_own_in_the_class() {
    let mut message = hex(QUESTION);
    message[23] = 0x80;
    fields(&over_udp(5353, &message), &[("dns.qry.class", "1"), ("dns.qry.qu", "true")]);
    fields(&over_udp(53, &message), &[("dns.qry.class", "32769"), ("dns.qry.qu", "absent")]);
}

#[test]
fn llmnr_has_flags_of_its_own_where_servers_have_theirs() {
    let message = |flags: &str| {
        over_udp(
            5355,
            &hex(&format!(
                "0007 {flags} 0001 0001 0000 0000 03 6c6162 00 0001 0001 c00c 0001 0001 0000001e 0004 c0000207"
            )),
        )
    };
    for absent in ["authoritative", "recdesired", "recavail", "z", "authenticated", "checkdisable"] {
        fields(&message("87f0"), &[(&format!("dns.flags.{absent}"), "absent")]);
    }
    let both = [("dns.flags.conflict", "true"), ("dns.flags.tentative", "true"), ("dns.flags.truncated", "true")];
    fields(&message("87f0"), &both);
    fields(
        &message("82f0"),
        &[("dns.flags.conflict", "false"), ("dns.flags.tentative", "false"), ("dns.flags.rcode", "0")],
    );
    fields(&over_udp(53, &answer()), &[("dns.flags.conflict", "absent"), ("dns.flags.tentative", "absent")]);
    assert_eq!(told(&message("8000")).0, "answers A lab: 192.0.2.7");
    assert_eq!(told(&message("8400")).0, "answers A lab: 192.0.2.7, others may have that name");
    assert_eq!(told(&message("8100")).0, "answers A lab: 192.0.2.7, not yet sure that the name is its own");
    assert_eq!(told(&message("0500")).0, "asks A lab, several have answered before");
}

#[test]
fn netbios_names_stand_in_half_bytes() {
    let name: Vec<u8> =
        b"LAB            \x20".iter().flat_map(|byte| [b'A' + (byte >> 4), b'A' + (byte & 15)]).collect();
    let message = [&hex("8921 0110 0001 0000 0000 0000 20")[..], &name, &hex("00 0020 0001")].concat();
    let frame = over_udp(137, &message);
    assert_eq!(layers(LinkType::ETHERNET, &frame).0.get(1..), Some(&[Ipv4, Udp, Netbios][..]));
    fields(&frame, &[("nbns.name", "LAB<20> (Server service)"), ("nbns.type", "32"), ("nbns.flags.broadcast", "true")]);
    assert_eq!(told(&frame).0, "asks NB LAB<20> (Server service)");
}
