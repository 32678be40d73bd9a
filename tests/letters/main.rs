//! Letters taken apart: what is saved is what Python's `email` finds in the same letters, byte by byte; and letters
//! that nobody should write neither stop nor fool the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const NETLAB: &str = env!("CARGO_BIN_EXE_netlab");

/// A directory of the test's own, gone at its end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("netlab-letters-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn explain(letter: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(NETLAB);
    command.args(["explain", "--mail"]).arg(letter).args(more).env("NETLAB_LANG", "en");
    command.output().expect("netlab starts")
}

/// The files that were saved, in their order.
fn saved(output: &Output) -> Vec<PathBuf> {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let path = |line: &str| Some(PathBuf::from(line.split_once(" is saved as ")?.1.rsplit_once(", ")?.0));
    said.lines().filter_map(path).collect()
}

#[test]
fn attachments_are_what_python_finds() {
    let place = Place::new("python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/letters/letters.py");
    let Ok(written) = Command::new("python3").arg(script).arg(&place.0).output() else {
        return eprintln!("skipped: no python3");
    };
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let mut letters: Vec<PathBuf> = fs::read_dir(&place.0).expect("ours").flatten().map(|entry| entry.path()).collect();
    letters.retain(|path| path.extension().is_some_and(|ending| ending == "eml"));
    assert_eq!(letters.len(), 8);
    for letter in letters {
        let expected = letter.with_extension("");
        let names = fs::read_to_string(expected.join("names")).expect("names");
        let folder = expected.join("saved");
        let output = explain(&letter, &["--save", &folder.to_string_lossy()]);
        assert!(output.status.success(), "{letter:?}: {output:?}");
        let saved = saved(&output);
        assert_eq!(saved.len(), names.lines().count(), "{letter:?}: {output:?}");
        for (index, (path, name)) in saved.iter().zip(names.lines()).enumerate() {
            let (ours, theirs) = (fs::read(path).expect("saved"), fs::read(expected.join(index.to_string())));
            assert!(ours == theirs.expect("written"), "{letter:?}: {path:?} is not {name}");
            let kept = path.file_name().expect("a name").to_string_lossy();
            let begins = name.chars().take(20).take_while(|c| !"\";".contains(*c)).collect::<String>();
            assert!(kept.starts_with(&begins) && name.ends_with(&kept[kept.len() - 4..]), "{kept} of {name}");
        }
    }
}

#[test]
fn a_name_leads_nowhere_and_a_file_that_is_there_stays() {
    let place = Place::new("names");
    let folder = place.0.join("here");
    fs::create_dir(&folder).expect("a directory");
    fs::write(folder.join("mine.txt"), "mine").expect("a file");
    std::os::unix::fs::symlink(place.0.join("elsewhere"), folder.join("link")).expect("a link");
    let mut letter = "Content-Type: multipart/mixed; boundary=b\n\n".to_owned();
    for name in ["../up", "/etc/passwd", "mine.txt", "link", "mine.txt", ".hidden", "", "a\tb\u{202e}.txt", ".."] {
        letter.push_str(&format!("--b\nContent-Disposition: attachment; filename=\"{name}\"\n\nhers\n"));
    }
    letter.push_str("--b--\n");
    let path = place.0.join("letter.eml");
    fs::write(&path, letter).expect("a letter");
    let output = explain(&path, &["--save", &folder.to_string_lossy()]);
    let names: Vec<String> = saved(&output)
        .iter()
        .map(|path| path.strip_prefix(&folder).expect("in the folder").to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        names,
        ["up", "passwd", "mine-2.txt", "link-2", "mine-3.txt", "hidden", "part-7.txt", "a_b_.txt", "part-9.txt"]
    );
    assert_eq!(fs::read(folder.join("mine.txt")).expect("still there"), b"mine");
    assert!(!place.0.join("elsewhere").exists() && !place.0.join("up").exists());
}

#[test]
fn letters_that_nobody_should_write_are_shown_in_bounds() {
    let place = Place::new("hostile");
    let deep: String =
        (0..20_000).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect();
    let parts = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(200_000));
    let broken = "Content-Transfer-Encoding: base64\nContent-Type: image/png\n\nAQID*zgE\x1b[2J=====";
    let line = format!("Subject: =?utf-8?q?{}?=\n\n{}", "=1B".repeat(50_000), "\x1b[2J".repeat(500_000));
    for (name, letter, said) in [
        ("deep", deep.as_str(), "deeper than 16 levels"),
        ("parts", &parts, "199001 more parts are left out"),
        ("carried", &"Content-Type: message/rfc822\n\n".repeat(50_000), "deeper than 16 levels"),
        ("broken", broken, "base64 is broken at byte 4 of the part"),
        ("line", &line, "\\x1b[2J"),
        ("fields", &"A: b\n".repeat(200_000), "more fields of the head are left out"),
        ("nothing", "", "0 bytes"),
    ] {
        let path = place.0.join(name);
        fs::write(&path, letter).expect("a letter");
        let output = explain(&path, &[]);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(text.contains(said), "{name}: {}", text.get(..2000).unwrap_or(&text));
        assert!(text.len() < 400_000, "{name}: {} bytes", text.len());
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{name} acts on a terminal");
    }
}

#[test]
fn what_can_be_read_is_shown_as_text_whatever_its_type() {
    let place = Place::new("readable");
    for (kind, body, said) in [
        ("application/json", "{\"tajna\": \"žuta\"}", "{\"tajna\": \"žuta\"}"),
        ("application/x-www-form-urlencoded", "ime=Ana&broj=7", "ime=Ana&broj=7"),
        ("application/octet-stream", "a\u{1}b", "61 01 62  a.b"),
        ("image/png", "\u{89}PNG\u{b}", "c2 89 50 4e 47 0b  ..PNG."),
    ] {
        let path = place.0.join("letter.eml");
        fs::write(&path, format!("Content-Type: {kind}\n\n{body}")).expect("a letter");
        let text = String::from_utf8(explain(&path, &[]).stdout).expect("UTF-8");
        assert!(text.lines().any(|line| line.trim() == said), "{kind}: {text}");
    }
}

#[test]
fn what_is_not_there_is_said() {
    let place = Place::new("nothing");
    let path = place.0.join("plain.eml");
    fs::write(&path, "Subject: x\n\nnothing attached\n").expect("a letter");
    let output = explain(&path, &["--save", &place.0.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing to save: there is no attachment"));
    let output = explain(&place.0.join("missing.eml"), &[]);
    assert_eq!(output.status.code(), Some(2));
    let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/smtp.pcap");
    let ask = |more: &[&str]| Command::new(NETLAB).arg("explain").arg(&capture).args(more).output().expect("starts");
    let output = ask(&["--message", "9"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no message 9"), "{output:?}");
    assert_eq!(ask(&["--message", "1", "--stream", "0"]).status.code(), Some(0));
    assert_eq!(ask(&["--message", "1", "--stream", "7"]).status.code(), Some(1));
}

#[test]
fn a_letter_without_a_body_has_nothing_and_no_kind_of_it() {
    let place = Place::new("no-body");
    let letter = place.0.join("letter");
    for (head, title) in
        [("Subject: x\r\n\r\n", "1 no body: 0 bytes\n"), ("Content-Type: text/html\r\n\r\n", "1 text/html: 0 bytes\n")]
    {
        fs::write(&letter, head).expect("a letter");
        let shown = String::from_utf8_lossy(&explain(&letter, &[]).stdout).into_owned();
        assert!(shown.contains(title), "{shown}");
    }
}
