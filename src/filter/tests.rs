//! Expressions against packets that etherparse built: what holds, what is refused and where, what is never a panic.

use etherparse::PacketBuilder;
use proptest::prelude::*;

use super::Filter;
use crate::flow::FlowTable;
use crate::frame::{Frame, LinkType, Timestamp};
use crate::wire::{self, Layers};

const SOURCE: [u8; 6] = [0x00, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f];
const TARGET: [u8; 6] = [0x02, 0x00, 0x00, 0x00, 0x00, 0x01];

/// 10.0.0.1:40000 asks 192.0.2.7:80 to open.
fn syn() -> Vec<u8> {
    use etherparse::TcpOptionElement::{MaximumSegmentSize, WindowScale};
    let builder = PacketBuilder::ethernet2(SOURCE, TARGET).ipv4([10, 0, 0, 1], [192, 0, 2, 7], 64);
    let builder = builder.tcp(40_000, 80, 1000, 64_240).syn();
    let builder = builder.options(&[MaximumSegmentSize(1460), WindowScale(7)]).expect("options that fit");
    built(|out| builder.write(out, &[]).expect("written"))
}

/// A request over an established connection.
fn request() -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(SOURCE, TARGET).ipv4([10, 0, 0, 1], [192, 0, 2, 7], 3);
    let builder = builder.tcp(40_000, 80, 1001, 64_240).ack(1).psh();
    built(|out| builder.write(out, b"GET / HTTP/1.1\r\n\r\n").expect("written"))
}

/// A datagram from 2001:db8::1 port 5353 to ff02::fb, the same port.
fn multicast() -> Vec<u8> {
    let from = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let to = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb];
    let builder = PacketBuilder::ethernet2(SOURCE, TARGET).ipv6(from, to, 255).udp(5353, 5353);
    built(|out| builder.write(out, &[0xca, 0xfe, 0, 255]).expect("written"))
}

/// IPv4 in IPv4: two headers of the same protocol.
fn tunnelled() -> Vec<u8> {
    let mut inner = Vec::new();
    let builder = PacketBuilder::ipv4([172, 16, 0, 1], [172, 16, 0, 2], 9).udp(1, 2);
    builder.write(&mut inner, &[1]).expect("written");
    let builder = PacketBuilder::ethernet2(SOURCE, TARGET).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
    built(|out| builder.write(out, etherparse::IpNumber::IPV4, &inner).expect("written"))
}

fn built(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes);
    bytes
}

fn holds(filter: &Filter, data: &[u8]) -> bool {
    let time = Some(Timestamp(1_800_000_000_500_000_000));
    let length = data.len() as u32;
    let frame = Frame { number: 1, time, link: LinkType::ETHERNET, length, data, ..Frame::empty() };
    let mut layers = Layers::new();
    let packet = wire::decode(frame, &mut layers);
    let mut table = FlowTable::new();
    let known = table.ingest(&packet);
    filter.matches(&packet, known.facts)
}

#[test]
fn a_message_in_data_that_come_again_is_no_second_message() {
    let filters = ["http", "http.request.method == \"GET\"", "frame contains \"GET\"", "tcp.analysis.retransmission"];
    let filters = filters.map(|expression| Filter::parse(expression).unwrap());
    let (data, mut table, mut layers) = (request(), FlowTable::new(), Layers::new());
    let taken = [0, 300_000_000].map(|nanoseconds| {
        let (time, length) = (Some(Timestamp(nanoseconds)), data.len() as u32);
        let frame = Frame { number: 1, time, link: LinkType::ETHERNET, length, data: &data, ..Frame::empty() };
        let packet = wire::decode(frame, &mut layers);
        let known = table.ingest(&packet);
        filters.each_ref().map(|filter| filter.matches(&packet, known.facts))
    });
    assert_eq!(taken, [[true, true, true, false], [false, false, true, true]]);
}

/// Checks each expression on each packet: `expected` has a letter for every packet it takes: s(yn), r(equest),
/// m(ulticast), t(unnelled).
#[track_caller]
fn table(rows: &[(&str, &str)]) {
    let packets = [('s', syn()), ('r', request()), ('m', multicast()), ('t', tunnelled())];
    for (expression, expected) in rows {
        let filter = Filter::parse(expression).unwrap_or_else(|error| panic!("{error}"));
        let taken = packets.iter().filter(|(_, data)| holds(&filter, data)).map(|(name, _)| name).collect::<String>();
        assert_eq!(&taken, expected, "{expression}\n{filter:?}");
    }
}

#[test]
fn asks_whether_protocols_and_fields_are_there() {
    table(&[
        ("", "srmt"),
        ("frame", "srmt"),
        ("eth", "srmt"),
        ("tcp", "sr"),
        ("udp", "mt"),
        ("ip", "srt"),
        ("ipv6", "m"),
        ("arp || vlan || icmp || icmpv6 || igmp || mld || ndp || gre || llc || sll", ""),
        ("tcp.options.mss_val", "s"),
        ("tcp.flags.syn", "sr"),
        ("!tcp.options.mss_val", "rmt"),
        ("data", "mt"),
        ("http", "r"),
        ("http.request.method == \"GET\"", "r"),
    ]);
}

#[test]
fn compares_numbers_however_they_are_written() {
    table(&[
        ("tcp.flags.syn == 1", "s"),
        ("tcp.flags.syn==true", "s"),
        ("tcp.flags.syn eq FALSE", "r"),
        ("ip.ttl < 5", "r"),
        ("ip.ttl lt 5 or ip.ttl gt 63", "srt"),
        ("ip.ttl <= 3", "r"),
        ("ip.ttl le 2", ""),
        ("ip.ttl >= 0x40", "st"),
        ("ip.ttl ge 0b1000001", ""),
        ("ip.ttl == 0100", "st"),
        ("ip.ttl == '@'", "st"),
        ("ip.ttl < 0", ""),
        ("ip.ttl > 255", ""),
        ("80 == tcp.port", "sr"),
        ("5 > ip.ttl", "r"),
        ("ip.id >= 0", "srt"),
        ("tcp.flags == 0x0002", "s"),
        ("tcp.flags & 2", "s"),
        ("tcp.flags & 0x18 == 0x18", "r"),
        ("(tcp.flags & 0x18) == 0x10", ""),
        ("tcp.flags bitand 0x10", "r"),
        ("tcp.window_size_scalefactor == -1", "r"),
        ("tcp.window_size_scalefactor < 0", "r"),
        ("tcp.seq_raw == 1000", "s"),
    ]);
}

#[test]
fn takes_any_value_or_all_as_wireshark_4_does() {
    table(&[
        ("tcp.port == 80", "sr"),
        ("tcp.port == 40000", "sr"),
        ("tcp.port != 80", ""),
        ("tcp.port != 81", "sr"),
        ("tcp.port ne 81", "sr"),
        ("tcp.port ~= 80", "sr"),
        ("tcp.port !== 80", "sr"),
        ("tcp.port any_ne 80", "sr"),
        ("tcp.port === 80", ""),
        ("udp.port === 5353", "m"),
        ("udp.port all_eq 5353", "m"),
        ("any tcp.port > 1024", "sr"),
        ("all tcp.port > 1024", ""),
        ("all tcp.port > 79", "sr"),
        ("!(tcp.port == 80)", "mt"),
        ("ip.ttl == 9", "t"),
        ("ip.ttl != 9", "sr"),
        ("ip.ttl === 64", "s"),
        ("ip.addr == 172.16.0.2", "t"),
    ]);
}

#[test]
fn compares_addresses_and_prefixes() {
    table(&[
        ("ip.addr == 10.0.0.0/8", "srt"),
        ("ip.addr != 10.0.0.0/8", ""),
        ("ip.dst == 192.0.2.7", "sr"),
        ("ip.dst == \"192.0.2.7\"", "sr"),
        ("ip.src == 10.0.0.1/32 && ip.dst == 0.0.0.0/0", "srt"),
        ("ip.src < 10.0.0.0/8", ""),
        ("ip.src <= 10.0.0.0/8", "srt"),
        ("ip.dst > 10.255.255.255", "srt"),
        ("ip.addr in {172.16.0.0/12, 1.2.3.4}", "t"),
        ("ip.dst in {192.0.2.0..192.0.2.9}", "sr"),
        ("ipv6.addr == 2001:db8::1", "m"),
        ("ipv6.dst == ff00::/8", "m"),
        ("ipv6.src == ff00::/8", ""),
        ("ipv6.src == ::/0", "m"),
        ("eth.src == 00:1b:2c:3d:4e:5f", "srmt"),
        ("eth.addr == 02-00-00-00-00-01", "srmt"),
        ("eth.dst == 001b.2c3d.4e5f", ""),
        ("eth.src < eth.dst", "srmt"),
        ("ip.src == ip.dst", ""),
        ("udp.srcport == udp.dstport", "m"),
        ("tcp.srcport > tcp.dstport", "sr"),
    ]);
}

#[test]
fn looks_into_bytes_and_text() {
    table(&[
        ("eth.src[0:3] == 00:1b:2c", "srmt"),
        ("eth.src[:2] == 00:1b", "srmt"),
        ("eth.src[4:] == 4e:5f", "srmt"),
        ("eth.src[-2:] == 4e:5f", "srmt"),
        ("eth.src[1-2] == 1b:2c", "srmt"),
        ("eth.src[0,5] == 00:5f", "srmt"),
        ("eth.src[6] == 00", ""),
        ("eth.src[0:3] != 00:1b:2d", "srmt"),
        ("ip[9] == 17", ""),
        ("ip[9] == 06", "sr"),
        ("tcp[13] & 2 == 2 or tcp[0:2] == 9c:40", "sr"),
        ("frame[12:2] == 86:dd", "m"),
        ("tcp contains \"GET\"", "r"),
        ("tcp contains \"get\"", ""),
        ("tcp contains 47:45:54", "r"),
        ("frame contains ca:fe", "m"),
        ("data.data contains fe:00:ff", "m"),
        ("tcp.payload matches \"^get .* http/1\\.[01]\\r\\n\"", "r"),
        ("tcp.payload ~ r\"\\s/\\s\"", "r"),
        ("data.data matches \"\\xff$\"", "m"),
        ("tcp.flags.str contains S", "s"),
        ("tcp.flags.str == \"··········S·\"", "s"),
        ("lower(tcp.flags.str) contains \"s\"", "s"),
        ("upper(tcp.flags.str) matches \"s\"", "s"),
        ("len(tcp.payload) == 18", "r"),
        ("count(ip.addr) == 4", "t"),
        ("tcp.payload in {\"A\" .. \"H\"}", "r"),
        ("tcp.flags.str in {\"x\", \"··········S·\"}", "s"),
        ("ip.proto == \"tcp\" or ip.proto == UDP", "srt"),
    ]);
}

#[test]
fn joins_tests_and_knows_sets_and_times() {
    table(&[
        ("tcp && ip.ttl < 5", "r"),
        ("tcp and not ip.ttl < 5 or udp", "smt"),
        ("udp or tcp and ip.ttl == 3", "rmt"),
        ("tcp xor ip", "t"),
        ("tcp ^^ ip ^^ udp", "m"),
        ("!!tcp", "sr"),
        ("not not not tcp", "mt"),
        ("not (tcp or ipv6)", "t"),
        ("tcp.port in {1, 2, 80..90}", "sr"),
        ("tcp.port in {1 2 3}", ""),
        ("tcp.port not in {80}", "mt"),
        ("frame.time_relative == 0", "srmt"),
        ("frame.time_epoch > 1800000000.4", "srmt"),
        ("frame.time_epoch == \"2027-01-15 08:00:00.5\"", "srmt"),
        ("frame.time_epoch < \"2027-01-15T08:00:00Z\"", ""),
        ("frame.time_epoch > \"2027-01-15\"", "srmt"),
        ("tcp.stream == 0 && tcp.seq == 0", "s"),
    ]);
}

#[test]
fn never_says_yes_of_a_field_that_is_not_there() {
    table(&[("tcp.options.mss_val != 1", "s"), ("tcp.options.mss_val < 99999999", "s"), ("arp.opcode != 1", "")]);
    let filter = Filter::parse("tcp.dstport == 0 or tcp.flags.syn == 0").unwrap_or_else(|error| panic!("{error}"));
    let whole = request();
    for length in 0..47 {
        assert!(!holds(&filter, &whole[..length]), "the flags were read from {length} bytes");
    }
}

/// The message of an expression that must be refused.
#[track_caller]
fn refusal(expression: &str) -> String {
    match Filter::parse(expression) {
        Ok(filter) => panic!("{expression} was taken: {filter:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn points_at_what_is_wrong() {
    let shown = [
        "tcp.scrport == 80",
        "tcp.port == htpp",
        "tcp && ip.ttl == 300",
        "ip.addr == 10.0.0",
        "tcp.flags.syn == maybe",
        "ip.ttl contains 1",
        "tcp.port == ip.src",
        "tcp.port ==",
        "tcp.port = 80",
        "(tcp or udp",
        "tcp)",
        "tcp.port in {80, 81",
        "tcp.port in {90..80}",
        "tcp contains \"GET",
        "tcp matches \"a(\"",
        "tcp matches \"(?=a)\"",
        "ip.ttl[0] == 1",
        "eth.src[x] == 00",
        "eth.src == 00:1b",
        "icmp.type == \"ech request\"",
        "foo(tcp.port) == 1",
        "80 == 80",
        "tcp.port == tcp.scrport",
        "tcp.port == 80 == 80",
        "tpc",
        "\u{1b}[31m tcp",
    ];
    let all: Vec<String> = shown.iter().map(|expression| refusal(expression)).collect();
    let golden = include_str!("../../tests/golden/filter-errors.txt");
    let all = all.join("\n\n") + "\n";
    if std::env::var_os("UPDATE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/filter-errors.txt");
        std::fs::write(path, &all).expect("the golden file");
        return;
    }
    assert_eq!(all, golden, "UPDATE=1 rewrites tests/golden/filter-errors.txt");
}

#[test]
fn refuses_what_nests_too_deep_or_is_too_long_without_overflowing() {
    for nest in ["(", "!(", "not (", "len(", "tcp.flags&", "a(b&"] {
        let refused = refusal(&nest.repeat(20_000 / nest.len()));
        assert!(!refused.is_empty());
    }
    assert!(refusal(&format!("{}tcp{}", "(".repeat(1000), ")".repeat(1000))).contains("within brackets"));
    assert!(refusal(&"tcp && ".repeat(20_000)).contains("longer than"));
    let nots = format!("{}tcp", "!".repeat(60_000));
    assert!(holds(&Filter::parse(&nots).unwrap_or_else(|error| panic!("{error}")), &syn()));
    let many = format!("udp{}", " || tcp".repeat(9000));
    assert!(holds(&Filter::parse(&many).unwrap_or_else(|error| panic!("{error}")), &syn()));
    assert!(refusal("tcp matches \"((a{100}){100}){100}\"").contains("regular expression"));
}

#[test]
fn shows_only_the_part_of_a_long_expression_that_is_wrong() {
    let long = format!("{}tcp.nothing == 1{}", "tcp.port == 80 || ".repeat(300), " || udp".repeat(300));
    let message = refusal(&long);
    let lines: Vec<&str> = message.lines().collect();
    assert!(lines.iter().all(|line| line.chars().count() < 200), "{message}");
    let caret = lines[2].find('^').expect("a caret");
    let under: String = lines[1].chars().skip(caret).take(11).collect();
    assert_eq!(under, "tcp.nothing", "{message}");
}

/// Pieces that expressions are made of, so that arbitrary text gets past the first token.
const PIECES: &[&str] = &[
    "tcp",
    "tcp.port",
    "ip.addr",
    "ipv6.src",
    "eth.src",
    "frame",
    "data.data",
    "tcp.flags.str",
    "frame.time_epoch",
    "tcp.flags",
    "==",
    "!=",
    "===",
    "<",
    ">=",
    "in",
    "contains",
    "matches",
    "&",
    "&&",
    "||",
    "xor",
    "not",
    "!",
    "(",
    ")",
    "{",
    "}",
    "[0:3]",
    "[-4:]",
    "[",
    ",",
    "..",
    "80",
    "0x50",
    "-1",
    "10.0.0.0/8",
    "fe80::/10",
    "00:1b:2c",
    "\"text\"",
    "\"(\"",
    "'a'",
    "len(",
    "count(",
    "any",
    "all",
    "é",
    "\\",
    "\"",
    "1.5",
    "2026-11-21",
    "99999999999999999999",
];

proptest! {
    #[test]
    fn takes_any_text_without_a_panic(expression in "\\PC{0,60}", data in prop::collection::vec(any::<u8>(), 0..120)) {
        match Filter::parse(&expression) {
            Ok(filter) => { holds(&filter, &data); }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn takes_any_words_and_signs_without_a_panic(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..12),
        blank in any::<bool>(),
        data in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        match Filter::parse(&pieces.join(if blank { " " } else { "" })) {
            Ok(filter) => { holds(&filter, &data); holds(&filter, &request()); }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
