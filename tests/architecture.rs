//! The rules of the house, enforced: who may import whom, where `unsafe` may stand, how long a file may be, what a
//! file opens with, and that every capture is small and described. Each rule is shown to fail when it is broken.

#[path = "architecture/source.rs"]
mod source;

use std::fs;
use std::path::{Path, PathBuf};

/// Who may import whom, among the modules under `src/`. A new module gets a row here, or the test fails.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("main", &[]),
    ("cli", &["cmd"]),
    (
        "cmd",
        &[
            "cli", "pipeline", "exercise", "lab", "engine", "view", "io", "filter", "field", "flow", "wire", "frame",
            "process", "quantity",
        ],
    ),
    ("pipeline", &["filter", "field", "flow", "wire", "process", "frame"]),
    ("filter", &["field", "flow", "wire", "frame"]),
    ("field", &["flow", "wire", "frame"]),
    ("flow", &["wire", "process", "frame", "jitter"]),
    ("wire", &["frame"]),
    ("frame", &[]),
    // The words for ports and for which program is at an end: found out by io, joined to packets by flow.
    ("process", &["frame"]),
    // A view is a sink of the pipeline over a writer.
    ("view", &["pipeline", "filter", "field", "flow", "wire", "process", "frame", "engine", "lab"]),
    ("engine", &["wire", "process", "frame", "jitter"]),
    // The vocabulary of NATs lives in the engine.
    ("lab", &["engine", "quantity"]),
    ("io", &["frame", "process", "engine", "lab"]),
    ("exercise", &["io", "engine", "process", "quantity"]),
    ("quantity", &[]),
    // A formula that those who hold a conversation and those who watch one share.
    ("jitter", &[]),
];

/// Dependencies that one place wraps: the crate's name and where under `src/` it may be used.
const WRAPPED: &[(&str, &str)] = &[
    ("etherparse", "wire/"),
    ("pnet", "io/"),
    ("pcap", "io/"),
    ("memmap2", "io/"),
    ("dns_lookup", "io/"),
    ("comfy_table", "view/"),
    ("hmac", "engine/rendezvous/"),
    ("sha2", "engine/rendezvous/"),
    ("mail_parser", "flow/mime/"),
];

/// Modules that read hostile bytes: nothing in them may panic, so clippy refuses what could.
const NEVER_PANICS: &[&str] = &["process", "wire", "flow", "filter", "engine", "lab"];
const REFUSED: &[&str] = &["clippy::unwrap_used", "clippy::expect_used", "clippy::panic", "clippy::indexing_slicing"];

/// Names that say nothing about what is in a file.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "types", "common", "manager", "misc"];

/// Lines before the tests at a file's foot.
const LONGEST_FILE: usize = 500;
const LONGEST_INLINE_TESTS: usize = 300;
const LARGEST_CAPTURE: u64 = 50 * 1024;

/// What is wrong with one source file; `path` is relative to the repository.
fn faults(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |why: String| faults.push(format!("{path}: {why}"));
    let tokens = source::tokens(text);
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_tests = name == "tests.rs" || path.contains("/tests/") || path.starts_with("tests/");

    if !text.starts_with("//!") {
        fault("does not open with `//!` and its purpose".into());
    }
    if EMPTY_NAMES.iter().any(|empty| name == format!("{empty}.rs") || path.contains(&format!("/{empty}/"))) {
        fault("its name does not say what is in it".into());
    }
    if path != "src/io/sys.rs" && tokens.iter().any(|token| token == "unsafe" || token == "unsafe_code") {
        // The crate's own `deny` is the one other place that may say the word.
        if !(path == "src/lib.rs" && text.contains("#![deny(unsafe_code)]")) {
            fault("`unsafe` belongs into src/io/sys.rs only".into());
        }
    }
    let lines = text.lines().take_while(|line| !line.starts_with("mod tests {")).count();
    if lines > LONGEST_FILE && !is_tests {
        fault(format!("{lines} lines, more than {LONGEST_FILE}: divide it"));
    }
    let inline = text.lines().skip_while(|line| !line.starts_with("mod tests {")).count();
    if inline > LONGEST_INLINE_TESTS && !is_tests {
        fault(format!("{inline} lines of tests at its foot: move them to a tests.rs of its own"));
    }
    for pair in tokens.windows(2) {
        if pair[0] == "fn" && (pair[1].starts_with("test_") || pair[1].starts_with("get_")) {
            fault(format!("`{}`: no such prefix, say what it is or what it shows", pair[1]));
        }
    }
    if let Some(inside) = path.strip_prefix("src/") {
        import_faults(inside, &tokens, is_tests, &mut fault);
    }
    faults
}

fn import_faults(inside: &str, tokens: &[String], is_tests: bool, fault: &mut impl FnMut(String)) {
    let modules: Vec<&str> = inside.trim_end_matches(".rs").split('/').filter(|part| *part != "mod").collect();
    let module = modules.first().copied().unwrap_or_default();
    for (dependency, home) in WRAPPED {
        let used = tokens.windows(2).enumerate().any(|(at, pair)| {
            let opens_a_path = pair[1] == "::" && (at == 0 || tokens[at - 1] != "::");
            // A module of ours is called pcap too: there only `use pcap` tells them apart.
            pair[0] == *dependency && opens_a_path && (*dependency != "pcap" || (at > 0 && tokens[at - 1] == "use"))
        });
        if used && !inside.starts_with(home) && !is_tests {
            fault(format!("uses {dependency}, which src/{home} wraps"));
        }
    }
    // lib.rs puts the house together; tests may look into any room.
    if module == "lib" || is_tests {
        return;
    }
    let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == module) else {
        return fault(format!("the module {module} has no row in MAY_IMPORT (tests/architecture.rs)"));
    };
    let mut refused: Vec<String> = source::imports(tokens, modules.len())
        .into_iter()
        .filter(|import| import != module && !allowed.contains(&import.as_str()))
        .collect();
    refused.sort();
    refused.dedup();
    for import in refused {
        fault(format!("{module} must not import {import}"));
    }
}

/// What is wrong with the captures: `files` with their sizes, and the text of their README.
fn capture_faults(files: &[(String, u64)], readme: &str) -> Vec<String> {
    let rows: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|name| name.contains(".pcap"))
        .collect();
    let mut faults = Vec::new();
    for (name, size) in files {
        if *size > LARGEST_CAPTURE {
            faults.push(format!("captures/{name}: {size} bytes, more than {LARGEST_CAPTURE}"));
        }
        let described = rows.iter().filter(|row| *row == name).count();
        if described != 1 {
            faults.push(format!("captures/{name}: {described} rows in captures/README.md, not one"));
        }
    }
    for row in rows {
        if !files.iter().any(|(name, _)| name == row) {
            faults.push(format!("captures/README.md: {row} is not there"));
        }
    }
    faults
}

/// Words that must not be in any file of the repository: it stands alone, and nothing in it is half done.
fn words_out_of_place(path: &str, text: &str) -> Vec<String> {
    let outside = [concat!("../", "shared"), concat!("/work", "/")];
    let half_done = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let refused = outside.iter().chain(half_done.iter().filter(|_| path.ends_with(".rs")));
    refused.filter(|word| text.contains(**word)).map(|word| format!("{path}: says {word}")).collect()
}

/// Every file of the repository, without what is built (marked by CACHEDIR.TAG), git's own and the fuzzers' finds.
fn files() -> Vec<(String, PathBuf)> {
    fn walk(directory: &Path, root: &Path, found: &mut Vec<(String, PathBuf)>) {
        for entry in fs::read_dir(directory).expect("a directory of the repository").flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let built = ["target", "corpus", "artifacts", "coverage"].iter().any(|built| name == *built);
            if name == ".git" || built || path.join("CACHEDIR.TAG").exists() {
                continue;
            }
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                let relative = path.strip_prefix(root).expect("inside the repository");
                found.push((relative.to_string_lossy().into_owned(), path));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    walk(root, root, &mut found);
    found.sort();
    found
}

fn text_of(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).expect("a readable file")).into_owned()
}

fn expect_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn source_files_keep_the_rules_of_the_house() {
    let sources: Vec<_> = files().into_iter().filter(|(path, _)| path.ends_with(".rs")).collect();
    assert!(sources.len() > 5, "the sources were not found");
    expect_none(sources.iter().flat_map(|(path, file)| faults(path, &text_of(file))).collect());
}

#[test]
fn modules_that_read_hostile_bytes_refuse_what_could_panic() {
    let mut faults = Vec::new();
    for module in NEVER_PANICS {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(module);
        let heads = [root.join("mod.rs"), root.with_extension("rs")];
        let Some(head) = heads.iter().find(|head| head.exists()) else { continue };
        let tokens = source::tokens(&text_of(head)).concat();
        faults.extend(
            REFUSED.iter().filter(|lint| !tokens.contains(**lint)).map(|lint| format!("src/{module} allows {lint}")),
        );
    }
    expect_none(faults);
}

#[test]
fn captures_are_small_and_each_has_its_row() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut found = Vec::new();
    for entry in fs::read_dir(&captures).expect("captures/").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.contains(".pcap") {
            found.push((name, entry.metadata().expect("its size").len()));
        }
    }
    assert!(!found.is_empty(), "no captures");
    expect_none(capture_faults(&found, &text_of(&captures.join("README.md"))));
}

#[test]
fn the_repository_stands_alone() {
    expect_none(files().iter().flat_map(|(path, file)| words_out_of_place(path, &text_of(file))).collect());
}

mod a_broken_rule_is_seen {
    use super::*;

    #[track_caller]
    fn refused(path: &str, text: &str, why: &str) {
        let faults = faults(path, text);
        assert!(faults.iter().any(|fault| fault.contains(why)), "{path}: {faults:?} does not say {why}");
    }

    #[track_caller]
    fn accepted(path: &str, text: &str) {
        expect_none(faults(path, text));
    }

    #[test]
    fn in_imports_however_they_are_written() {
        refused("src/wire/tcp.rs", "//! x\nuse crate::view::lines;", "wire must not import view");
        refused("src/wire/tcp.rs", "//! x\nfn f() { crate::io::pcap::open() }", "wire must not import io");
        refused("src/io/file.rs", "//! x\nuse crate::{frame::{Frame, LinkType}, flow};", "io must not import flow");
        refused("src/flow/mod.rs", "//! x\nuse super::field;", "flow must not import field");
        refused("src/flow/key.rs", "//! x\nuse super::super::engine::ping;", "flow must not import engine");
        refused("src/lab/nat.rs", "//! x\nmod a { use super::super::super::io; }", "lab must not import io");
        refused("src/frame.rs", "//! x\nuse crate::*;", "frame must not import *");
        refused("src/novel.rs", "//! x", "no row in MAY_IMPORT");
        refused("src/cmd/read.rs", "//! x\nuse pcap::Capture;", "uses pcap");
        refused("src/flow/tcp.rs", "//! x\nfn f(x: etherparse::TcpSlice) {}", "uses etherparse");
    }

    #[test]
    fn but_comments_strings_and_tests_are_not_imports() {
        accepted(
            "src/wire/tcp.rs",
            "//! See [`crate::view`].\n/* crate::io /* crate::io */ crate::io */\nuse super::udp;",
        );
        accepted(
            "src/wire/tcp.rs",
            "//! x\nconst X: &str = \"crate::io\\\"crate::io\"; const Y: &str = r#\"crate::\"io\"#;",
        );
        accepted(
            "src/wire/tcp.rs",
            "//! x\nfn f<'a>(c: char) -> bool { c == '\"' || c == '\\'' } const Z: u8 = b'\"';",
        );
        accepted("src/wire/tcp.rs", "//! x\n#[cfg(test)]\nmod tests { use crate::io::file; }");
        accepted("src/frame.rs", "//! x\nmod inner { use super::Frame; }");
        accepted("src/cmd/read.rs", "//! x\nuse crate::io::pcap;\nfn f() { pcap::open() }");
    }

    #[test]
    fn in_unsafe_code() {
        refused("src/io/pcap.rs", "//! x\nfn f() { unsafe { g() } }", "unsafe");
        refused("src/wire/mod.rs", "//! x\n#![allow(unsafe_code)]", "unsafe");
        accepted("src/io/sys.rs", "//! x\nfn f() { unsafe { g() } }");
    }

    #[test]
    fn in_heads_names_and_lengths() {
        refused("src/wire/tcp.rs", "// x", "does not open");
        refused("src/wire/utils.rs", "//! x", "its name");
        refused("src/wire/tcp.rs", &format!("//! x\n{}", "\n".repeat(LONGEST_FILE)), "divide it");
        refused("src/wire/tcp.rs", &format!("//! x\nmod tests {{{}}}", "\n".repeat(400)), "lines of tests");
        refused("src/wire/tcp.rs", "//! x\nfn test_it() {}", "test_it");
        refused("src/wire/tcp.rs", "//! x\nfn get_port() {}", "get_port");
        accepted("src/wire/tcp/tests.rs", &format!("//! x\n{}", "\n".repeat(LONGEST_FILE)));
    }

    #[test]
    fn in_captures() {
        let row = "| `a.pcap` | what to look for | `netlab read captures/a.pcap` | how |";
        assert_eq!(capture_faults(&[("a.pcap".into(), 10)], row), Vec::<String>::new());
        assert!(capture_faults(&[("a.pcap".into(), 60_000)], row)[0].contains("60000 bytes"));
        assert!(capture_faults(&[("a.pcap".into(), 10)], "")[0].contains("0 rows"));
        assert!(capture_faults(&[("a.pcap".into(), 10)], &format!("{row}\n{row}"))[0].contains("2 rows"));
        assert!(capture_faults(&[], row)[0].contains("is not there"));
    }

    #[test]
    fn in_words_that_lead_outside_or_put_off() {
        assert_eq!(words_out_of_place("Makefile", concat!("cat ../", "shared/x")).len(), 1);
        assert_eq!(words_out_of_place("README.md", concat!("cd /work", "/main")).len(), 1);
        assert_eq!(words_out_of_place("src/a.rs", concat!("// TO", "DO: later")).len(), 1);
        assert_eq!(words_out_of_place("src/a.rs", "// done").len(), 0);
    }
}
