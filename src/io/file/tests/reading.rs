//! Reading, from bytes made by hand.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Two packets, the second cut by the snap length.
fn small_pcap(order: Order, magic: u32) -> Vec<u8> {
    [order.pcap(magic, 1), order.packet(1_700_000_000, 5, 3, b"abc"), order.packet(1_700_000_001, 999_999, 99, b"de")]
        .concat()
}

/// An Ethernet and a raw IP interface, a packet on each, blocks between that are none of ours.
fn small_pcapng(order: Order) -> Vec<u8> {
    let comment = [order.option(1, b"what a packet"), order.option(0, b"")].concat();
    [
        order.section(),
        order.interface(1, 65535, &order.option(2, b"eth0")),
        order.block(4, &[0; 8]),
        order.enhanced(0, 1_700_000_000_000_005, 3, b"abc", &comment),
        order.block(0xbad, b"whatever this is"),
        order.interface(101, 0, &[order.option(9, &[9]), order.option(0, b"")].concat()),
        order.enhanced(1, 1_700_000_000_000_000_007, 4, b"defg", b""),
        order.block(10, b"secrets"),
    ]
    .concat()
}

#[test]
fn reads_both_resolutions_in_both_byte_orders() {
    for order in [LITTLE, BIG] {
        for (magic, unit) in [(MICROSECONDS, 1000), (NANOSECONDS, 1)] {
            let (seen, error) = read(&small_pcap(order, magic));
            assert!(error.is_none(), "{error:?}");
            assert_eq!(seen.len(), 2);
            assert_eq!(seen[0].time, Some(Timestamp(1_700_000_000_000_000_000 + 5 * unit)));
            assert_eq!((&seen[0].data[..], seen[0].length, seen[0].link), (&b"abc"[..], 3, 1));
            assert_eq!(seen[1].time, Some(Timestamp(1_700_000_001_000_000_000 + 999_999 * unit)));
            assert_eq!((&seen[1].data[..], seen[1].length), (&b"de"[..], 99));
        }
    }
}

#[test]
fn reads_the_modified_header_of_kuznetsov() {
    for order in [LITTLE, BIG] {
        let mut file = order.pcap(0xa1b2_cd34, 1);
        for data in [b"abc", b"def"] {
            file.extend(order.words(&[7, 8, 3, 3, 0x11, 0x2233_4455]));
            file.extend(data);
        }
        let (seen, error) = read(&file);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(seen.iter().map(|frame| &frame.data[..]).collect::<Vec<_>>(), [b"abc", b"def"]);
        assert_eq!(seen[0].time, Some(Timestamp(7_000_008_000)));
    }
}

#[test]
fn reads_the_longer_file_header_of_ixia() {
    let file = [LITTLE.pcap(0x1c00_01ac, 1), vec![0; 4], LITTLE.packet(1, 2, 3, b"abc")].concat();
    let (seen, error) = read(&file);
    assert!(error.is_none(), "{error:?}");
    assert_eq!((seen[0].time, &seen[0].data[..]), (Some(Timestamp(1_000_000_002)), &b"abc"[..]));
}

#[test]
fn swaps_the_lengths_of_files_before_version_2_3() {
    let mut file = LITTLE.pcap(MICROSECONDS, 1);
    file[6] = 2;
    file.extend(LITTLE.words(&[1, 2, 60, 3]));
    file.extend(b"abc");
    let (seen, _) = read(&file);
    assert_eq!((&seen[0].data[..], seen[0].length), (&b"abc"[..], 60));
}

#[test]
fn takes_the_link_type_from_the_lower_half_and_knows_raw_ip_by_its_old_numbers() {
    let link = |number| open(&LITTLE.pcap(MICROSECONDS, number)).unwrap().interfaces()[0].link.0;
    assert_eq!(link(0x2400_0001), 1, "a frame check sequence of 4 bytes");
    assert_eq!((link(12), link(14), link(101), link(276)), (101, 101, 101, 276));
}

#[test]
fn tolerates_packets_longer_than_the_snap_length_or_their_original() {
    let mut file = LITTLE.pcap(MICROSECONDS, 1);
    file[16..20].copy_from_slice(&[2, 0, 0, 0]);
    file.extend(LITTLE.packet(1, 2, 1, b"abc"));
    let (seen, error) = read(&file);
    assert!(error.is_none());
    assert_eq!((&seen[0].data[..], seen[0].length), (&b"abc"[..], 1));
}

#[test]
fn reads_interfaces_comments_and_steps_over_unknown_blocks() {
    for order in [LITTLE, BIG] {
        let mut capture = open(&small_pcapng(order)).unwrap();
        let (seen, error) = drain(&mut capture);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].time, Some(Timestamp(1_700_000_000_000_005_000)));
        assert_eq!((seen[0].interface, seen[0].link, &seen[0].comment[..]), (0, 1, "what a packet"));
        assert_eq!(seen[1].time, Some(Timestamp(1_700_000_000_000_000_007)));
        assert_eq!((seen[1].interface, seen[1].link, &seen[1].data[..]), (1, 101, &b"defg"[..]));
        assert_eq!(capture.interfaces()[0].name.as_deref(), Some("eth0"));
        assert_eq!((capture.interfaces()[1].name.as_deref(), capture.interfaces()[1].snap_length), (None, 0));
    }
}

#[test]
fn numbers_the_interfaces_through_sections_of_either_byte_order() {
    let file = [small_pcapng(BIG), small_pcapng(LITTLE)].concat();
    let (seen, error) = read(&file);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(seen.iter().map(|frame| frame.interface).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(seen[3].link, 101);
}

#[test]
fn reads_times_in_any_resolution_and_with_an_offset() {
    let time = |options: Vec<u8>, units: u64| {
        let file = [LITTLE.section(), LITTLE.interface(1, 0, &options), LITTLE.enhanced(0, units, 0, b"", b"")];
        read(&file.concat()).0[0].time.unwrap().0
    };
    let resolution = |value| LITTLE.option(9, &[value]);
    assert_eq!(time(vec![], 5_000_001), 5_000_001_000, "microseconds where nothing is said");
    assert_eq!(time(resolution(0), 5), 5_000_000_000);
    assert_eq!(time(resolution(3), 5_001), 5_001_000_000);
    assert_eq!(time(resolution(9), 5_000_000_001), 5_000_000_001);
    assert_eq!(time(resolution(12), 5_000_000_001_999), 5_000_000_001, "picoseconds are cut off");
    assert_eq!(time(resolution(0x80 | 10), 1024 + 512), 1_500_000_000, "powers of two");
    assert_eq!(time(resolution(0x80 | 63), 1 << 62), 500_000_000);
    let offset = [resolution(0), LITTLE.option(14, &1_700_000_000_i64.to_le_bytes())].concat();
    assert_eq!(time(offset, 5), 1_700_000_005_000_000_000);
    let before = [resolution(0), LITTLE.option(14, &(-7_i64).to_le_bytes())].concat();
    assert_eq!(time(before, 5), -2_000_000_000);
    let hostile = [resolution(0), LITTLE.option(14, &i64::MIN.to_le_bytes())].concat();
    assert_eq!(time(hostile, 0), i64::MIN);
    assert_eq!(time(resolution(0), u64::MAX), i64::MAX);
}

#[test]
fn refuses_a_resolution_that_64_bits_cannot_count() {
    for resolution in [20, 0x7f, 0x80 | 64, 0xff] {
        let file = [LITTLE.section(), LITTLE.interface(1, 0, &LITTLE.option(9, &[resolution]))].concat();
        assert!(matches!(read(&file).1, Some(Error::Corrupt { offset: 28, .. })));
    }
}

#[test]
fn gives_simple_packets_the_first_interface_and_no_time() {
    let simple = |length: u32, data: &[u8]| LITTLE.block(3, &[&LITTLE.words(&[length])[..], data].concat());
    let file = [
        LITTLE.section(),
        LITTLE.interface(1, 4, b""),
        LITTLE.enhanced(0, 3_000_000, 3, b"xyz", b""),
        simple(3, b"abc"),
        simple(1500, b"cut "),
    ]
    .concat();
    let mut capture = open(&file).unwrap();
    assert_eq!(capture.advance().unwrap(), Some(Timestamp(3_000_000_000)));
    assert_eq!(capture.advance().unwrap(), Some(Timestamp(3_000_000_000)), "that of the packet before");
    assert_eq!((capture.frame().time, capture.frame().data), (None, &b"abc"[..]));
    capture.advance().unwrap();
    assert_eq!((capture.frame().length, capture.frame().data), (1500, &b"cut "[..]));
    assert_eq!(capture.advance().unwrap(), None);
    assert!(capture.frame().data.is_empty());
}

#[test]
fn reads_the_obsolete_packet_block() {
    let body = [&LITTLE.half(0)[..], &LITTLE.half(9), &LITTLE.words(&[0, 7, 3, 60]), b"abc\0"].concat();
    let (seen, error) = read(&[LITTLE.section(), LITTLE.interface(1, 0, b""), LITTLE.block(2, &body)].concat());
    assert!(error.is_none(), "{error:?}");
    assert_eq!((seen[0].time, seen[0].length, &seen[0].data[..]), (Some(Timestamp(7000)), 60, &b"abc"[..]));
}

#[test]
fn sums_what_the_statistics_of_the_interfaces_say() {
    let statistics = |interface, received: u64, dropped: u64| {
        let options = [LITTLE.option(4, &received.to_le_bytes()), LITTLE.option(7, &dropped.to_le_bytes())].concat();
        LITTLE.block(5, &[LITTLE.words(&[interface, 0, 0]), options].concat())
    };
    let file = [
        LITTLE.section(),
        LITTLE.interface(1, 0, b""),
        LITTLE.interface(1, 0, b""),
        statistics(0, 5, 0),
        statistics(0, 10, 1),
        statistics(1, 100, 2),
        statistics(9, 1000, 1000),
    ];
    let mut capture = open(&file.concat()).unwrap();
    assert!(drain(&mut capture).1.is_none());
    let counts = capture.counts();
    assert_eq!((counts.received, counts.dropped_kernel, counts.dropped_interface), (Some(110), Some(3), None));
}

#[test]
fn every_truncation_gives_the_whole_packets_and_then_says_where_it_is_cut() {
    for file in [
        small_pcap(LITTLE, MICROSECONDS),
        small_pcap(BIG, NANOSECONDS),
        small_pcapng(LITTLE),
        [small_pcapng(BIG), small_pcapng(LITTLE)].concat(),
    ] {
        let (all, _) = read(&file);
        let mut whole = 0;
        let mut clean = 0;
        for end in 0..=file.len() {
            let (seen, error) = read(&file[..end]);
            assert_eq!(seen, all[..seen.len()], "cut at {end}");
            assert!(seen.len() == whole || seen.len() == whole + 1);
            whole = seen.len();
            match error {
                None => clean = end,
                Some(Error::Cut { offset, needs, has, .. }) => {
                    assert_eq!(offset + has, end as u64, "cut at {end}");
                    assert!(needs > has);
                    assert!(offset as usize >= clean, "the record begins after what was whole");
                }
                Some(Error::NotACapture { .. }) => assert!(end < 4),
                Some(other) => panic!("cut at {end}: {other}"),
            }
        }
        assert_eq!((whole, clean), (all.len(), file.len()));
    }
}

#[test]
fn names_the_offset_of_a_corrupt_record() {
    let corrupt = |file: Vec<u8>| match read(&file) {
        (seen, Some(Error::Corrupt { offset, why, .. })) => (seen.len(), offset, why),
        (_, other) => panic!("{other:?}"),
    };
    let mut file = small_pcap(LITTLE, MICROSECONDS);
    file[24 + 19 + 8..][..4].copy_from_slice(&[0xff; 4]);
    let (packets, offset, why) = corrupt(file);
    assert_eq!((packets, offset), (1, 43));
    assert!(why.contains("4294967295"), "{why}");

    let begin = [LITTLE.section(), LITTLE.interface(1, 0, b"")].concat();
    let at = begin.len() as u64;
    let mut trailer = LITTLE.block(77, b"abcd");
    *trailer.last_mut().unwrap() = 1;
    for block in [
        trailer,
        LITTLE.words(&[77, 8, 8]),
        LITTLE.words(&[77, 0, 0]),
        LITTLE.enhanced(1, 0, 0, b"", b""),
        LITTLE.block(6, &[0; 16]),
        LITTLE.block(6, &LITTLE.words(&[0, 0, 0, 5, 5, 0])),
        LITTLE.block(3, &LITTLE.words(&[5, 0])),
        LITTLE.block(2, &[0; 8]),
        LITTLE.block(1, &[0; 4]),
        LITTLE.enhanced(0, 0, 0, b"", &LITTLE.words(&[0x00ff_0001])),
        LITTLE.words(&[6, u32::MAX, 0]),
        LITTLE.words(&[0x0a0d_0d0a, 28, 0x1234_5678]),
        LITTLE.block(0x0a0d_0d0a, &LITTLE.words(&[0x1a2b_3c4d, 9, 0, 0])),
    ] {
        let (packets, offset, _) = corrupt([&begin[..], &block].concat());
        assert_eq!((packets, offset), (0, at), "{block:02x?}");
    }
}

#[test]
fn a_damaged_length_costs_no_memory() {
    // USB and D-Bus packets may have 128 MiB; a megabyte of them is there.
    let mut file = LITTLE.pcap(MICROSECONDS, 231);
    file.extend(LITTLE.words(&[0, 0, 128 << 20, 128 << 20]));
    file.resize(1 << 20, 0);
    assert!(matches!(read(&file).1, Some(Error::Cut { offset: 24, .. })));
}

#[test]
fn says_what_a_file_is_that_is_no_capture() {
    let why = |bytes: &[u8]| match read(bytes) {
        (_, Some(Error::NotACapture { why, .. })) => why,
        (_, other) => panic!("{other:?}"),
    };
    assert!(why(b"").starts_with("it is empty (0 bytes); netlab reads pcap and pcapng"));
    assert!(why(b"\xd4\xc3").contains("only 2 bytes"));
    assert!(why(b"# notes\nfor class").contains("text"));
    assert!(why(b"\x28\xb5\x2f\xfd\0\0\0\0").contains("zstd"));
    assert!(why(&[0, 1, 2, 3, 4]).contains("00 01 02 03"));
    assert!(why(b"\n\r\r\nand then no byte order").contains("text"));
}

#[test]
fn says_the_same_of_a_stranger_that_comes_in_pieces() {
    let pieces = b"    ".chain(b"   \x7f".as_slice());
    let error = Capture::new(Box::new(pieces), "pipe".into(), None, true).err().unwrap().to_string();
    assert!(error.contains("it begins with 20 20 20 20"), "its first piece alone was looked at: {error}");
}

#[test]
fn reads_gzip_and_its_members_one_after_another() {
    let file = small_pcap(LITTLE, NANOSECONDS);
    let all = read(&file).0;
    assert_eq!(read(&gzip(&file)).0, all);
    let members = [gzip(&file[..30]), gzip(b""), gzip(&file[30..])].concat();
    let (seen, error) = read(&members);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(seen, all);
    let (seen, error) = read(&[gzip(&file), vec![0; 100_000]].concat());
    assert!(error.is_none(), "padding is not held against it: {error:?}");
    assert_eq!(seen, all);
    let (seen, error) = read(&[gzip(&file), b"\0junk".to_vec()].concat());
    assert_eq!(seen, all);
    assert!(error.unwrap().to_string().contains("followed by bytes that are no gzip"));
    assert_eq!(read(&gzip(&small_pcapng(BIG))).0, read(&small_pcapng(BIG)).0);
}

#[test]
fn a_cut_gzip_file_gives_the_packets_before_and_an_error() {
    let file = small_pcap(LITTLE, MICROSECONDS);
    let packed = gzip(&file);
    let all = read(&file).0;
    for end in 2..packed.len() {
        let (seen, error) = read(&packed[..end]);
        assert_eq!(seen, all[..seen.len()]);
        match error.unwrap_or_else(|| panic!("cut at {end} of {}: no error", packed.len())) {
            Error::Corrupt { target, why, .. } => {
                assert!(target.contains("uncompressed") && why.contains("cut short"), "{target}: {why}");
            }
            other => panic!("cut at {end}: {other}"),
        }
    }
    let (seen, error) = read(&packed[..packed.len() - 8]);
    assert_eq!((seen.len(), error.is_some()), (2, true), "only the checksum is missing");
    let mut damaged = packed.clone();
    let end = damaged.len();
    damaged[end - 6] ^= 1;
    assert!(read(&damaged).1.unwrap().to_string().contains("damaged"));
}

#[test]
fn is_ready_only_while_a_whole_packet_is_at_hand() {
    /// One piece a read, as from a pipe whose writer takes his time.
    struct Pieces(Vec<Vec<u8>>);
    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0);
            buffer[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }
    for (file, cut) in [(small_pcap(LITTLE, MICROSECONDS), 50), (small_pcapng(BIG), 200)] {
        let pieces = Pieces(vec![file[..cut].to_vec(), file[cut..].to_vec()]);
        let mut capture = Capture::new(Box::new(pieces), "pipe".into(), None, true).unwrap();
        assert!(capture.ready(), "the first packet has come with the header");
        assert!(capture.advance().unwrap().is_some());
        assert!(!capture.ready(), "only a part of the second has come");
        assert!(capture.advance().unwrap().is_some());
        assert_eq!(capture.advance().unwrap(), None);
        assert!(capture.ready(), "the end needs no waiting");
    }
}

#[test]
fn tells_how_far_it_has_read() {
    let file = small_pcap(LITTLE, MICROSECONDS);
    let mut capture = open(&file).unwrap();
    assert_eq!(capture.progress(), Some((24, 81)).map(|(done, _)| (done, file.len() as u64)));
    assert!(drain(&mut capture).1.is_none());
    assert_eq!(capture.progress(), Some((file.len() as u64, file.len() as u64)));
}

proptest! {
    #[test]
    fn arbitrary_bytes_end_in_frames_or_an_error(head in 0..5_usize, bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut file = match head {
            0 => LITTLE.pcap(MICROSECONDS, 1),
            1 => BIG.pcap(0xa1b2_cd34, 231),
            2 => [LITTLE.section(), LITTLE.interface(1, 0, b"")].concat(),
            3 => [BIG.section(), BIG.interface(1, 60, b"")].concat(),
            _ => vec![],
        };
        file.extend(bytes);
        let (seen, _) = read(&file);
        prop_assert!(seen.len() <= file.len() / 12);
    }

    #[test]
    fn a_changed_word_anywhere_ends_in_frames_or_an_error(at in 0..100_usize, word in any::<u32>(), big in any::<bool>()) {
        for mut file in [small_pcapng(Order { big }), small_pcap(Order { big }, MICROSECONDS)] {
            let at = at * 4 % (file.len() - 4);
            file[at..at + 4].copy_from_slice(&word.to_le_bytes());
            read(&file);
            read(&gzip(&file));
        }
    }
}
