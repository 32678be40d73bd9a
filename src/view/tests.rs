//! What holds for all views: whatever the bytes, they do not panic and write nothing that acts on a terminal.

use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use super::style::Palette;
use super::words::{ENGLISH, LANGUAGES};
use super::{explain, hex, json, tree};
use crate::flow::FlowTable;
use crate::flow::secret::Places;
use crate::frame::{Frame, LinkType, Timestamp};
use crate::pipeline::Sink;
use crate::wire::{self, Layers};

/// A SYN of 10.0.0.1:40000 to 10.0.0.2:8005 with the options of Linux, over Ethernet; both checksums are right.
pub const SYN: &[u8] = &[
    2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00, //
    0x45, 0x00, 0x00, 0x3c, 0x1c, 0x46, 0x40, 0x00, 0x40, 0x06, 0x0a, 0x74, 10, 0, 0, 1, 10, 0, 0, 2, //
    0x9c, 0x40, 0x1f, 0x45, 0x00, 0x00, 0x03, 0xe8, 0, 0, 0, 0, 0xa0, 0x02, 0xfa, 0xf0, 0x79, 0x9e, 0, 0, //
    2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7,
];

/// What `show` writes of a frame that is the first of its capture.
pub fn shown(
    link: LinkType,
    data: &[u8],
    show: impl FnOnce(&wire::Packet<'_>, &crate::flow::Known<'_>, &mut Vec<u8>),
) -> String {
    let mut layers = Layers::new();
    let mut table = FlowTable::new();
    let frame = Frame { number: 1, time: Some(Timestamp(0)), link, length: data.len() as u32, data, ..Frame::empty() };
    let packet = wire::decode(frame, &mut layers);
    let known = table.ingest(&packet);
    let mut out = Vec::new();
    show(&packet, &known, &mut out);
    String::from_utf8(out).expect("views write UTF-8")
}

fn object(link: LinkType, data: &[u8]) -> String {
    shown(link, data, |packet, known, out| {
        let mut sink = json::Json::new(out);
        sink.packet(packet, known).unwrap();
        sink.flush().unwrap();
    })
}

#[test]
fn the_tree_shows_values_bits_and_names() {
    let text = shown(LinkType::ETHERNET, SYN, |packet, known, out| {
        tree::write(packet, known, Palette::new(false), &ENGLISH, 100, out);
    });
    for wanted in [
        "Packet 1  0.000000 s  74 bytes  opening: client asks (1 of 3)\n",
        "\n  Internet Protocol version 4 (ip)\n",
        "\n    Destination port                 8005                          tcp.dstport\n",
        ".... 0101 = 5 → 20",
        ".... ..1. = set",
        "[1]  good",
        "maximum segment size",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in\n{text}");
    }
}

#[test]
fn the_hex_view_marks_where_layers_begin() {
    let text = shown(LinkType::ETHERNET, SYN, |packet, _, out| {
        hex::write(packet, &Places::default(), Palette::new(false), out)
    });
    let expected = "  eth 0000-000d  ip 000e-0021  tcp 0022-0049\n  \
        0000  02 00 00 00 00 02 02 00  00 00 00 01 08 00|45 00  ..............E.\n";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.ends_with("  0040  00 01 00 00 00 00 01 03  03 07                    ..........\n"), "{text}");
}

#[test]
fn the_hex_view_colours_each_layer() {
    let text = shown(LinkType::ETHERNET, SYN, |packet, _, out| {
        hex::write(packet, &Places::default(), Palette::new(true), out)
    });
    let (ethernet, ip) = (Palette::new(true).layer(0), Palette::new(true).layer(1));
    assert!(text.contains(&format!("{ip}45 00")), "{text:?}");
    assert!(text.contains(&format!("08 00{ethernet:#}|{ip}")), "{text:?}");
}

#[test]
fn an_object_has_numbers_flags_and_strings() {
    let parsed: serde_json::Value = serde_json::from_str(&object(LinkType::ETHERNET, SYN)).unwrap();
    assert_eq!(parsed["tcp.dstport"], 8005);
    assert_eq!(parsed["tcp.flags.syn"], true);
    assert_eq!(parsed["ip.src"], "10.0.0.1");
    assert_eq!(parsed["eth.src"], "02:00:00:00:00:01");
    assert_eq!(parsed["tcp.option_kind"], serde_json::json!([2, 4, 8, 1, 3]));
    assert_eq!(parsed["netlab.events"], serde_json::json!(["opening.asks"]));
    assert_eq!(parsed["frame.time_relative"], 0.0);
    assert!(parsed.get("netlab.stop").is_none());
}

/// Takes some bytes, then nothing until the reader has made room.
struct Clogged<'a>(&'a mut Vec<u8>, u32);

impl std::io::Write for Clogged<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.1 += 1;
        match self.1 {
            1 => self.0.write(bytes.get(..5).unwrap_or(bytes)),
            2 => Err(std::io::ErrorKind::WouldBlock.into()),
            _ => self.0.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_could_not_be_written_is_not_written_again() {
    let text = shown(LinkType::ETHERNET, SYN, |packet, known, out| {
        let mut sink = json::Json::new(Clogged(out, 0));
        sink.packet(packet, known).unwrap();
        assert!(sink.flush().is_err());
        sink.flush().unwrap();
    });
    assert_eq!(text, r#"{"fra"#);
}

#[test]
fn names_that_repeat_in_inner_packets_are_merged() {
    // IP in IP: the header of the SYN's packet, in another of its kind.
    let mut data = SYN[14..34].to_vec();
    data[9] = 4;
    data[3] = 80;
    data.extend_from_slice(&SYN[14..]);
    let parsed: serde_json::Value = serde_json::from_str(&object(LinkType::RAW, &data)).unwrap();
    assert_eq!(parsed["ip.proto"], serde_json::json!([4, 6]));
    assert_eq!(parsed["tcp.dstport"], 8005);
}

/// Links that are decoded, and one that is not.
fn links() -> impl Strategy<Value = LinkType> {
    proptest::sample::select(vec![0u16, 1, 101, 105, 108, 113, 228, 229, 276]).prop_map(LinkType)
}

/// Bytes of any kind, or a packet with some bytes changed, so that decoding goes deep.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let changed =
        (0..SYN.len(), any::<u8>(), 0..SYN.len(), any::<u8>(), 0..=SYN.len()).prop_map(|(a, b, c, d, cut)| {
            let mut data = SYN.to_vec();
            data[a] = b;
            data[c] = d;
            data.truncate(cut);
            data
        });
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), changed]
}

fn is_printable(text: &str) -> bool {
    !text.chars().any(|c| c != '\n' && super::escape::acts(c))
}

proptest! {
    #[test]
    fn nothing_from_the_wire_acts_on_the_terminal(
        link in links(), data in bytes(), words in proptest::sample::select(LANGUAGES)
    ) {
        let plain = Palette::new(false);
        let text = shown(link, &data, |packet, known, out| {
            tree::write(packet, known, plain, words, 80, out);
            hex::write(packet, &Places::default(), plain, out);
        });
        prop_assert!(is_printable(&text), "{:?}", text);
        for (width, ascii) in [(80, false), (120, true)] {
            let options = explain::Options { words, palette: plain, width, ascii, only: Vec::new() };
            let text = shown(link, &data, |packet, known, out| {
                explain::write(packet, known, &options, out);
            });
            prop_assert!(is_printable(&text), "{:?}", text);
            let text = explain::ascii(text.as_bytes());
            prop_assert!(text.is_ascii());
        }
        let text = object(link, &data);
        prop_assert!(is_printable(&text), "{:?}", text);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
    }
}

#[test]
fn data_in_any_script_stays_within_the_width_and_is_whole() {
    for letters in ["šđ", "日本", "na\u{579} ", "\u{e9} x"] {
        let payload = letters.repeat(16);
        let mut data = Vec::new();
        let packet = etherparse::PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(4000, 4001);
        packet.write(&mut data, payload.as_bytes()).unwrap();
        for (width, ascii) in [(80, false), (80, true), (100, true), (120, false)] {
            let options =
                explain::Options { words: &ENGLISH, palette: Palette::new(false), width, ascii, only: Vec::new() };
            let text = shown(LinkType::RAW, &data, |packet, known, out| {
                explain::write(packet, known, &options, out);
            });
            let text = if ascii { String::from_utf8(explain::ascii(text.as_bytes())).unwrap() } else { text };
            for line in text.lines().filter(|line| !line.starts_with("Packet ")) {
                assert!(UnicodeWidthStr::width(line) <= width, "{width}: {line}");
            }
            let told: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("  \"")).collect();
            let rows = told.iter().take_while(|line| !line.starts_with("  0000")).map(|line| &line[2..]);
            let whole =
                if ascii { String::from_utf8(explain::ascii(payload.as_bytes())).unwrap() } else { payload.clone() };
            assert_eq!(rows.collect::<String>(), format!("\"{whole}\""));
        }
    }
}

#[test]
fn a_body_is_told_without_what_is_behind_it() {
    let mut data = Vec::new();
    let packet = etherparse::PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(4000, 80, 1, 1024);
    let said = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi\r\nGET / HTTP/1.1\r\nCookie: a=tajna\r\n\r\n";
    packet.write(&mut data, said).unwrap();
    let text = shown(LinkType::RAW, &data, |packet, known, out| {
        let tcp = packet.find(wire::Protocol::Tcp).unwrap();
        out.extend(super::lines::said(packet, &tcp, known.facts).into_bytes());
    });
    assert_eq!(text, "POST / HTTP/1.1 \"hi\"; ***");
}

/// What the worked-out sum of each checksum ends with.
fn sums(data: &[u8]) -> Vec<String> {
    let options =
        explain::Options { words: &ENGLISH, palette: Palette::new(false), width: 100, ascii: false, only: Vec::new() };
    let text = shown(LinkType::ETHERNET, data, |packet, known, out| {
        explain::write(packet, known, &options, out);
    });
    let results = text.lines().filter(|line| line.starts_with("    complement") || line.contains("the field holds"));
    results.map(str::to_owned).collect()
}

#[test]
fn the_sum_worked_out_agrees_with_the_verdict() {
    let good = ["    complement: 0xffff - 0xf58b = 0x0a74", "    good: the field holds 0x0a74"];
    assert_eq!(sums(SYN)[..2], good);
    assert_eq!(sums(SYN)[3], "    good: the field holds 0x799e");
    let mut wrong = SYN.to_vec();
    wrong[14 + 10] = 0;
    wrong[14 + 20 + 17] = 0;
    let bad = "    bad: the field holds 0x0074, it should be 0x0a74";
    assert_eq!(sums(&wrong)[..2], [good[0], bad]);
    assert_eq!(sums(&wrong)[3], "    bad: the field holds 0x7900, it should be 0x799e");
}

proptest! {
    #[test]
    fn the_complement_is_the_field_wherever_the_verdict_is_good(payload in proptest::collection::vec(any::<u8>(), 0..100)) {
        // UDP from 10.0.0.1 to 10.0.0.2: wherever the verdict is bad, putting in what it says makes it good.
        let mut data = SYN[..34].to_vec();
        let length = (8 + payload.len()) as u16;
        data[16..18].copy_from_slice(&(20 + length).to_be_bytes());
        data[23] = 17;
        for word in [40000, 8005, length, 0x1234] {
            data.extend_from_slice(&word.to_be_bytes());
        }
        data.extend_from_slice(&payload);
        let first = sums(&data);
        let value = |line: &str| u16::from_str_radix(line.rsplit("0x").next().unwrap(), 16).unwrap();
        let (complement, verdict) = (value(&first[2]), &first[3]);
        if verdict.contains("bad") {
            prop_assert_eq!(value(verdict), complement);
        }
        data[40..42].copy_from_slice(&complement.to_be_bytes());
        if complement != 0 {
            let last = sums(&data).pop().unwrap();
            prop_assert!(last.contains("good"), "{}", last);
        }
    }
}
