//! TCP headers and options from bytes.

use super::*;
use crate::frame::LinkType;
use crate::wire::Protocol::{Data, Ipv4};
use crate::wire::sample::{decodes, ethernet, fields, hex, ipv4, layers, values};

const SYN: &str = "c000 0050 00000064 00000000 a002 0100 e5e7 0000 0204 05b4 0402 080a 00000001 00000000 0103 0307";
const ACK: &str = "c000 0050 00000065 000001f5 5018 0100 9ad7 0000";

#[test]
fn reads_every_field_and_the_common_options() {
    let frame = ethernet(0x0800, &ipv4(6, &hex(SYN)));
    decodes(&frame, &[Ipv4, Protocol::Tcp]);
    fields(&frame, &[("tcp.srcport", "49152"), ("tcp.dstport", "80"), ("tcp.seq_raw", "100"), ("tcp.hdr_len", "40")]);
    fields(&frame, &[("tcp.flags", "2"), ("tcp.flags.syn", "true"), ("tcp.flags.ack", "false"), ("tcp.len", "0")]);
    fields(&frame, &[("tcp.options.mss_val", "1460"), ("tcp.options.wscale.shift", "7")]);
    fields(&frame, &[("tcp.options.sack_perm", "true"), ("tcp.options.timestamp.tsval", "1")]);
}

#[test]
fn counts_the_data_by_the_lengths_of_the_packet_around_it() {
    let padded = [ethernet(0x0800, &ipv4(6, &[&hex(ACK)[..], b"hi"].concat())), vec![0; 9]].concat();
    decodes(&padded, &[Ipv4, Protocol::Tcp, Data]);
    fields(&padded, &[("tcp.len", "2"), ("data.len", "2"), ("tcp.window_size_value", "256")]);
}

#[test]
fn a_header_shorter_than_itself_is_malformed_and_shows_no_flags() {
    let mut segment = hex(ACK);
    segment[12] = 0x40;
    let frame = ethernet(0x0800, &ipv4(6, &segment));
    let (_, stop) = layers(LinkType::ETHERNET, &frame);
    assert!(matches!(stop, Stop::Malformed { protocol: Protocol::Tcp, .. }), "{stop:?}");
    fields(&frame, &[("tcp.hdr_len", "16"), ("tcp.flags", "absent"), ("tcp.checksum", "absent")]);
}

#[test]
fn a_header_longer_than_its_segment_has_no_data_length() {
    let mut segment = hex(ACK);
    segment[12] = 0xf0;
    let frame = ethernet(0x0800, &ipv4(6, &segment));
    fields(&frame, &[("tcp.hdr_len", "60"), ("tcp.flags", "24"), ("tcp.len", "absent")]);
}

#[test]
fn of_a_first_fragment_nobody_knows_the_length() {
    let mut frame = ethernet(0x0800, &ipv4(6, &[&hex(ACK)[..], b"hi there"].concat()));
    frame[20] = 0x20;
    fields(&frame, &[("tcp.len", "absent"), ("tcp.checksum.status", "2"), ("tcp.flags", "24")]);
}

#[test]
fn a_checksum_is_bad_good_or_not_filled_in() {
    let verdict = |checksum: &str| {
        let mut segment = hex(ACK);
        segment[16..18].copy_from_slice(&hex(checksum));
        values(LinkType::ETHERNET, &ethernet(0x0800, &ipv4(6, &segment)), "tcp.checksum.status")
    };
    let good = (0..=0xffffu32).find(|sum| verdict(&format!("{sum:04x}")) == ["Uint(1)"]);
    assert!(good.is_some());
    assert_eq!(verdict("0000"), ["Uint(0)"]);
}

#[test]
fn options_end_at_the_first_that_does_not_fit() {
    let found: Vec<_> = options(&[1, 2, 4, 5, 0xb4, 8, 10, 0, 0]).map(|option| option.kind).collect();
    assert_eq!(found, [NO_OPERATION, MAXIMUM_SEGMENT_SIZE]);
    assert_eq!(options(&[8, 0, 0, 0]).count(), 0, "a length of zero would never end");
    assert_eq!(options(&[8, 1, 0, 0]).count(), 0, "a length that does not cover itself");
}

#[test]
fn draws_flags_as_wireshark_does() {
    assert_eq!(drawing(Flags(0x012), false), "·······A··S·".as_bytes());
    assert_eq!(drawing(Flags(0xfff), false), "RRRACEUAPRSF".as_bytes());
    assert_eq!(drawing(Flags(0x158), true), "···-5-·AP···".as_bytes());
}
