//! Applications: the fields of captured conversations, packet by packet, held against what tshark 4.0 said of them
//! (NAME.tsv beside this file: fields in its first line, then a packet a line); and that no view tells a password.
//!
//! `TSHARK=1 cargo test --test applications` asks tshark anew, for the fields that the first lines name.

use std::path::{Path, PathBuf};
use std::process::Command;

const NETLAB: &str = env!("CARGO_BIN_EXE_netlab");

/// Captures of which tshark, too, puts streams together.
const WHOLE: [&str; 1] = ["tls-chain"];

/// As compare packet by packet wants it: nothing put together.
const PREFERENCES: [&str; 3] = ["tcp.desegment_tcp_streams:FALSE", "ip.defragment:FALSE", "smtp.desegment_data:FALSE"];

/// Where we say something else, knowing better: capture, packet, field, and why.
const KNOWN: &[(&str, usize, &str, &str)] = &[
    ("ftp", 69, "ftp-data.*", "what PORT announced is a data connection too"),
    ("imap", 30, "imap.tag", "a literal's text is no command"),
    ("imap", 30, "imap.request_tag", "a literal's text is no command"),
    ("imap", 30, "imap.request.command", "a literal's text is no command"),
    ("imap", 23, "imap.response_tag", "what ends a literal has no tag"),
    ("imap", 23, "imap.tag", "what ends a literal has no tag"),
    ("imap", 23, "imap.response", "what ends a literal has no tag"),
    ("telnet", 8, "telnet.data", "a byte of zero is a byte"),
    ("telnet", 22, "telnet.data", "a byte of zero is a byte"),
    ("tls", 13, "tls.record.version", "the head of a record is here, though it goes on in other segments"),
    ("tls", 34, "tls.record.version", "the head of a record is here, though it goes on in other segments"),
    ("tls-chain", 22, "tls.record.*", "the head of a record is here, though it goes on in other segments"),
    ("tls-chain", 30, "tls.record.*", "the head of that record was told where it was; what it carries is encrypted"),
    ("imap", 18, "imap.request.folder", "SEARCH has no mailbox"),
    ("coap", 10, "coap.payload_length", "a block has the bytes that it has"),
    ("coap", 12, "coap.payload_length", "a block has the bytes that it has"),
    ("coap", 14, "coap.payload_length", "a block has the bytes that it has"),
    ("coap", 6, "coap.response_to", "a late response has its request's token"),
    ("coap", 6, "coap.response_time", "a late response has its request's token"),
    ("http2", 4, "http2.*", "frames are frames, though the server speaks first"),
    ("http2", 17, "http2.*", "frames are frames, though the server speaks first"),
    ("http2", 30, "http2.*", "frames are frames, though the server speaks first"),
    ("http2", 88, "http2.*", "frames are frames, though the server speaks first"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn answers() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("tests/applications")).expect("our folder").flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "tsv"));
    files.sort();
    files
}

fn printed(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(root()).output().expect(program);
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn fields(names: &[&str]) -> Vec<String> {
    names.iter().flat_map(|name| ["-e".to_owned(), (*name).to_owned()]).collect()
}

fn ask(capture: &str, names: &[&str]) -> String {
    let mut words: Vec<String> = ["-n", "-r", capture, "-T", "fields", "-E", "occurrence=f"].map(str::to_owned).into();
    if !WHOLE.iter().any(|name| capture == format!("captures/{name}.pcap")) {
        words.extend(PREFERENCES.iter().flat_map(|preference| ["-o".to_owned(), (*preference).to_owned()]));
    }
    words.extend(fields(names));
    printed("tshark", &words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Whether a value is tshark's; numbers as numbers.
fn is_same(theirs: &str, ours: &str) -> bool {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let float = |text: &str| text.parse::<f64>().ok();
    theirs == ours
        || number(theirs).is_some_and(|theirs| number(ours) == Some(theirs))
        || float(theirs).is_some_and(|theirs| float(ours).is_some_and(|ours| (theirs - ours).abs() < 2e-6))
}

#[test]
fn fields_have_the_values_that_tshark_gives_them() {
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for file in answers() {
        let name = file.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let kept = std::fs::read_to_string(&file).expect("tshark's answers");
        let (head, rows) = kept.split_once('\n').expect("a line of fields");
        let names: Vec<&str> = head.split('\t').collect();
        let capture = format!("captures/{name}.pcap");
        let asked = std::env::var_os("TSHARK").map(|_| ask(&capture, &names));
        if let Some(asked) = &asked {
            std::fs::write(&file, format!("{head}\n{asked}")).expect("tshark's answers");
        }
        let mut words = vec!["read".to_owned(), capture, "--show-secrets".to_owned()];
        words.extend(fields(&names));
        let ours = printed(NETLAB, &words.iter().map(String::as_str).collect::<Vec<_>>());
        let theirs = asked.as_deref().unwrap_or(rows);
        assert_eq!(ours.lines().count(), theirs.lines().count(), "{name}: packets");
        for (number, (ours, theirs)) in ours.lines().zip(theirs.lines()).enumerate() {
            let (ours, theirs): (Vec<&str>, Vec<&str>) = (ours.split('\t').collect(), theirs.split('\t').collect());
            for (place, field) in names.iter().enumerate() {
                let (ours, theirs) = (ours.get(place).unwrap_or(&""), theirs.get(place).unwrap_or(&""));
                compared += usize::from(!ours.is_empty() || !theirs.is_empty());
                let known = KNOWN.iter().any(|(of, packet, at, _)| {
                    let is_field = at.strip_suffix('*').map_or(at == field, |begins| field.starts_with(begins));
                    (*of, *packet) == (&name, number + 1) && is_field
                });
                if !is_same(theirs, ours) && !known {
                    wrong.push(format!("{name} packet {} {field}: tshark {theirs:?}, netlab {ours:?}", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {compared}\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 700, "only {compared} values");
}

#[test]
fn the_names_of_a_chain_over_several_segments_and_records_reach_every_view() {
    let capture = "captures/tls-chain.pcap";
    let numbers = |filter: &str| {
        let text = printed(NETLAB, &["read", capture, "-Y", filter, "-e", "frame.number"]);
        text.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(numbers("x509ce.dNSName == \"host-60.lab.example\""), "10 50", "the last of the first certificate");
    assert_eq!(numbers("tls.handshake.certificate"), "10 50");
    // As tshark: not where a record has only begun.
    assert_eq!(numbers("tls.handshake"), "4 6 10 12 13 23 26 44 46 48 50 52 53");
    assert_eq!(numbers("tls.handshake.extensions_server_name"), "4 23 44");
    let json = printed(NETLAB, &["read", capture, "-Y", "frame.number == 10", "--json"]);
    assert!(json.contains("\"tls.handshake.type\":[11,12,14]") && json.contains("\"host-60.lab.example\""), "{json}");
    let tree = printed(NETLAB, &["read", capture, "-Y", "frame.number == 23", "-v"]);
    assert!(tree.contains("Transport Layer Security (tls), completed by this packet"), "{tree}");
    assert!(tree.contains("Server name                      lab.example"), "{tree}");
    let explained = printed(NETLAB, &["explain", capture, "--packet", "50"]);
    assert!(explained.contains("(tls) completed by this packet") && explained.contains("host-05.lab.example"));
    let table = printed(NETLAB, &["conversations", "--applications", capture]);
    assert_eq!(table.matches("1.2 for lab.example → certificate of lab.example, by Lab Intermediate").count(), 2);
    assert!(table.contains("1.3 for lab.example protokol-broj-001"), "{table}");
    for words in [&["ladder", capture, "--stream", "2"][..], &["explain", capture, "--stream", "2", "--story"]] {
        let text = printed(NETLAB, words);
        assert!(text.matches("certificate of lab.example").count() >= 1, "{words:?}: {text}");
    }
    let names = printed(NETLAB, &["read", capture, "--names", "-Y", "frame.number == 26"]);
    assert!(names.contains("lab.example:443 → 10.0.5.1"), "{names}");
}

#[test]
fn no_view_of_packets_tells_a_password() {
    // As they stand, in base64 behind AUTH PLAIN, in hexadecimal; anonymous FTP sends an address.
    let secrets = ["tajna-rec", "AGFuYQB0YWpuYS1yZWM", "74616a6e612d726563", "74 61 6a 6e", "ana@lab.example\""];
    let mut covered = 0;
    let listed = printed(NETLAB, &["fields", "--json"]);
    let names: Vec<&str> =
        listed.lines().filter_map(|line| line.split("\"name\":\"").nth(1)?.split('"').next()).collect();
    assert!(names.contains(&"ftp.request.arg") && names.contains(&"imap.request.password"), "{names:?}");
    let every = names.join(",");
    for name in ["smtp", "pop", "imap", "ftp", "redis", "mqtt", "mqtt5", "login", "snmp"] {
        let capture = format!("captures/{name}.pcap");
        let bytes = std::fs::read(root().join(&capture)).expect("a capture of ours");
        let has = |secret: &str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(
            name == "login" || has("tajna-rec") || has("AGFuYQB0YWpuYS1yZWM") || has("PASS ana@lab.example"),
            "{name} has a password"
        );
        for words in [
            &["read", &capture][..],
            &["read", &capture, "-v"],
            &["read", &capture, "-x"],
            &["read", &capture, "--json"],
            &["read", &capture, "-e", &every],
            &["follow", &capture],
            &["follow", &capture, "--hex"],
            &["ladder", &capture],
            &["explain", &capture, "--story", "--all"],
        ] {
            let mut words = words.to_vec();
            if name == "snmp" {
                match words[0] {
                    // Stories are of connections.
                    "explain" => continue,
                    "follow" => words.push("--udp"),
                    _ => {}
                }
            }
            let text = printed(NETLAB, &words);
            for secret in secrets {
                assert!(!text.contains(secret), "{words:?} tells {secret}");
            }
            covered += text.matches("***").count();
        }
    }
    // A filter compares what is there, as Wireshark's does; what is found is shown covered.
    for (capture, filter, field) in [
        ("ftp", "ftp.request.arg == \"ana@lab.example\"", "ftp.request.arg"),
        ("imap", "imap.request.password == \"tajna-rec\"", "imap.request.password"),
        ("pop", "pop.request.parameter contains \"tajna\"", "pop.request.parameter"),
        ("redis", "resp.bulk_string.value contains \"tajna\"", "resp.bulk_string.value"),
        ("mqtt", "mqtt.passwd == \"tajna-rec\"", "mqtt.passwd"),
        ("snmp", "snmp.community == \"tajna-rec\"", "snmp.community"),
    ] {
        let capture = format!("captures/{capture}.pcap");
        let found = printed(NETLAB, &["read", &capture, "-Y", filter, "-e", field]);
        // Of a command of Redis, its first word is printed.
        let is_covered = |line: &str| line.contains("***") || line == "41555448";
        assert!(!found.is_empty() && found.lines().all(is_covered), "{filter}: {found}");
    }
    // Typed, a letter a segment.
    let typed = printed(NETLAB, &["read", "captures/login.pcap", "-e", "telnet.data"]);
    let letters: Vec<&str> = typed.lines().filter(|line| line.len() == 1).collect();
    assert_eq!(letters, ["a", "a", "n", "n", "a", "a"], "the name and its echo");
    assert_eq!(typed.lines().filter(|line| *line == "***").count(), 9);
    let shown = printed(NETLAB, &["follow", "captures/login.pcap", "--show-secrets"]);
    assert!(shown.contains("t┊a┊j┊n┊a"), "{shown}");
    assert!(covered >= 18, "{covered} passwords are covered");
}

#[test]
fn a_table_on_a_terminal_says_what_conversations_were_about_where_there_is_width() {
    let table = |columns: u16| {
        let command = format!("COLUMNS={columns} NO_COLOR=1 NETLAB_LANG=en {NETLAB} conversations captures/http.pcap");
        printed("script", &["--quiet", "--return", "--command", &command, "/dev/null"])
    };
    assert!(table(120).contains("HTTP GET /brojevi.txt → 200, 2378 bytes"), "{}", table(120));
    assert!(!table(80).contains("HTTP"), "{}", table(80));
}
