//! What `netlab objects --save` writes, against what the servers had when captures/ was recorded.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn netlab(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_netlab"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program runs")
}

/// A directory of its own that is gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("objects-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn saved(&self, captures: &[&str]) -> &Self {
        let folder = self.0.to_str().expect("a path of letters");
        let output = netlab(&[&["objects", "--save", folder], captures].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("the directory was made");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap_or_else(|error| panic!("{name}: {error}; there are {:?}", self.names()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn numbers(until: u32) -> Vec<u8> {
    (1..=until).flat_map(|number| format!("{number}\n").into_bytes()).collect()
}

#[test]
fn pages_are_those_that_the_web_server_had() {
    let folder = Folder::new("http");
    folder.saved(&["captures/http.pcap"]);
    // Once as it is, once in gzip.
    assert_eq!(folder.bytes("brojevi.txt"), numbers(1200));
    assert_eq!(folder.bytes("brojevi-2.txt"), numbers(1200));
    for chunked in ["komadi", "komadi-2"] {
        assert_eq!(folder.bytes(chunked), "prvi drugi žuti\n".as_bytes());
    }
    assert_eq!(folder.bytes("obrazac"), b"ime=Ana");
    assert_eq!(folder.bytes("obrazac-2"), b"{\"bajtova\": 7}\n");
    assert_eq!(folder.bytes("nema"), b"Nema.\n");
    let pages = folder.names().into_iter().filter(|name| name.ends_with(".html"));
    assert_eq!(pages.map(|name| folder.bytes(&name)).collect::<Vec<_>>(), [b"<p>Zdravo.</p>\n"; 2]);
    assert_eq!(folder.names().len(), 9, "{:?}", folder.names());
}

#[test]
fn files_of_ftp_and_tftp_are_those_that_the_servers_had() {
    let folder = Folder::new("files");
    folder.saved(&["captures/ftp.pcap", "captures/tftp.pcap"]);
    assert_eq!(folder.bytes("tri.txt"), b"Prvi red.\nDrugi red.\n");
    assert_eq!(folder.bytes("gore.txt"), b"gore\r\n");
    assert_eq!(folder.bytes("brojevi.txt"), numbers(300));
    assert_eq!(folder.bytes("brojevi-2.txt"), numbers(300));
    // Text as it goes over the wire (netascii).
    assert_eq!(folder.bytes("gore-2.txt"), b"gore\r\n");
    assert!(folder.bytes("listing-1.txt").ends_with(b" tri.txt\r\n"));
    assert_eq!(folder.names().len(), 6);
}

#[test]
fn letters_are_those_that_were_sent() {
    let folder = Folder::new("mail");
    folder.saved(&["captures/smtp.pcap", "captures/pop.pcap"]);
    let letters: Vec<_> = folder.names().iter().map(|name| folder.bytes(name)).collect();
    let has = |text: &str| letters.iter().filter(|letter| String::from_utf8_lossy(letter).contains(text)).count();
    assert_eq!((letters.len(), has("\r\n.\r\nAna\r\n"), has("\r\n.evo tri bajta: AQIDzg==\r\n")), (3, 1, 1));
    assert!(letters.iter().all(|letter| letter.starts_with(b"From: ") || letter.starts_with(b"Subject: ")));
}

/// A capture of IPv4 packets without a link's header, written by hand.
struct Made(Vec<u8>);

impl Made {
    fn new() -> Self {
        let words = [0xa1b2_c3d4_u32, 0x0002_0004, 0, 0, 1 << 16, 101];
        // The version is two numbers of 16 bits.
        let bytes = words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
        Self([&bytes[..4], &[2, 0, 4, 0], &bytes[8..]].concat())
    }

    /// From the last byte of an address 10.0.0.x and a port to others; protocol 6 takes a header's rest behind the ports.
    fn packet(&mut self, protocol: u8, from: (u8, u16), to: (u8, u16), rest: &[u8]) {
        let length = (24 + rest.len()) as u16;
        let mut header = [&[0x45, 0][..], &length.to_be_bytes(), &[0, 0, 0, 0, 64, protocol, 0, 0]].concat();
        header.extend([10, 0, 0, from.0, 10, 0, 0, to.0]);
        header.extend([from.1.to_be_bytes(), to.1.to_be_bytes()].concat());
        let length = u32::from(length).to_le_bytes();
        self.0.extend([&[0; 8], &length[..], &length, &header, rest].concat());
    }

    fn datagram(&mut self, from: (u8, u16), to: (u8, u16), data: &[u8]) {
        let length = (8 + data.len()) as u16;
        self.packet(17, from, to, &[&length.to_be_bytes()[..], &[0, 0], data].concat());
    }

    /// What one side of a connection says, in one segment.
    fn segment(&mut self, [from, to]: [(u8, u16); 2], [sequence, acknowledgment]: [u32; 2], flags: u8, data: &[u8]) {
        let numbers = [sequence.to_be_bytes(), acknowledgment.to_be_bytes()].concat();
        self.packet(6, from, to, &[&numbers[..], &[0x50, flags, 255, 255, 0, 0, 0, 0], data].concat());
    }

    fn file(&self, folder: &Folder) -> String {
        fs::create_dir_all(&folder.0).expect("a directory");
        let path = folder.0.join("made.pcap");
        fs::write(&path, &self.0).expect("a file");
        path.to_str().expect("a path of letters").to_owned()
    }
}

#[test]
fn a_flood_of_requests_leaves_the_younger_transfers_alone() {
    let mut made = Made::new();
    let (server, client) = ((1, 69), (2, 40_000));
    let ask = b"\0\x01dugo.txt\0octet\0";
    for other in 0..600 {
        made.datagram((3, 20_000 + other), server, ask);
    }
    made.datagram(client, server, b"\0\x01trazeno.txt\0octet\0");
    made.datagram((1, 5000), client, &[&[0, 3, 0, 1][..], &[b'a'; 512]].concat());
    for other in 0..600 {
        made.datagram((4, 20_000 + other), server, ask);
    }
    made.datagram((1, 5000), client, &[&[0, 3, 0, 2][..], b"kraj"].concat());
    let (files, captures) = (Folder::new("flood"), Folder::new("flood-capture"));
    files.saved(&[&made.file(&captures)]);
    assert_eq!(files.bytes("trazeno.txt"), [&[b'a'; 512][..], b"kraj"].concat());
}

#[test]
fn few_bytes_that_decode_to_many_do_not_fill_the_disk() {
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![0; 1 << 20]).expect("memory");
    let bomb = bomb.finish().expect("memory");
    let mut made = Made::new();
    let (mut sequence, mut acknowledgment) = (1, 1);
    let ends = [(1, 40_000), (2, 80)];
    made.segment(ends, [0, 0], 2, b"");
    made.segment([ends[1], ends[0]], [0, 1], 0x12, b"");
    for _ in 0..6 {
        let question = b"GET /nule HTTP/1.1\r\nHost: lab\r\n\r\n";
        made.segment(ends, [sequence, acknowledgment], 0x18, question);
        sequence += question.len() as u32;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len());
        let answer = [head.as_bytes(), &bomb].concat();
        made.segment([ends[1], ends[0]], [acknowledgment, sequence], 0x18, &answer);
        acknowledgment += answer.len() as u32;
    }
    let (files, captures) = (Folder::new("bomb"), Folder::new("bomb-capture"));
    files.saved(&[&made.file(&captures), "--max-memory", "2MiB"]);
    let sizes: Vec<usize> = files.names().iter().map(|name| files.bytes(name).len()).collect();
    assert_eq!(sizes.len(), 6);
    assert_eq!(sizes.iter().filter(|size| **size == 1 << 20).count(), 2, "{sizes:?}");
    assert!(sizes.iter().sum::<usize>() <= (2 << 20) + 4 * bomb.len(), "{sizes:?}");
}

#[test]
fn a_capture_that_carries_nothing_says_so() {
    let output = netlab(&["objects", "captures/udp.pcap"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no files and no messages"));
}
