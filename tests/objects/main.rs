//! What `netlab objects --save` writes, against what the servers had when captures/ was recorded.

use std::fs;
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

#[test]
fn a_capture_that_carries_nothing_says_so() {
    let output = netlab(&["objects", "captures/udp.pcap"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no files and no messages"));
}
