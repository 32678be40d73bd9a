//! What README.md shows is what the program prints: each ```console block is run and compared. UPDATE=1 writes the
//! program's answers into the README. The commands of captures/README.md have to work as well.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs `netlab ARGUMENTS` from the repository's folder; what it prints, and whether it succeeded.
fn netlab(arguments: &str) -> (String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netlab"));
    command.args(words(arguments)).current_dir(root());
    // Terminal or not, wide or not: the same text everywhere.
    command.env_remove("COLUMNS").env("NO_COLOR", "1").env("NETLAB_LANG", "en").stdin(std::process::Stdio::null());
    let output = command.output().expect("netlab starts");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
}

/// The words of a command line as a shell sees them: divided at blanks, but not between single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (number, part) in line.split('\'').enumerate() {
        let mut pieces = if number % 2 == 1 { vec![part] } else { part.split(' ').collect() }.into_iter();
        words.last_mut().expect("never empty").push_str(pieces.next().unwrap_or_default());
        words.extend(pieces.map(str::to_owned));
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The text with every answer in its console blocks given anew by `answer`.
fn answered(text: &str, answer: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let (mut in_block, mut in_answer) = (false, false);
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = line == "```console";
            in_answer = false;
        }
        let command = if in_block { line.strip_prefix("$ netlab ") } else { None };
        if in_answer && command.is_none() {
            continue;
        }
        out.push_str(line);
        out.push('\n');
        if let Some(arguments) = command {
            out.push_str(&answer(arguments));
            in_answer = true;
        }
    }
    out
}

#[test]
fn the_readme_shows_what_the_program_prints() {
    let path = root().join("README.md");
    let text = std::fs::read_to_string(&path).expect("README.md");
    let fresh = answered(&text, |arguments| netlab(arguments).0);
    assert!(fresh.contains("```console"), "the README shows nothing");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, fresh).expect("README.md can be written");
        return;
    }
    for (shown, printed) in text.lines().zip(fresh.lines()) {
        assert_eq!(shown, printed, "UPDATE=1 cargo test --test readme writes what is printed into README.md");
    }
    assert_eq!(text.lines().count(), fresh.lines().count(), "UPDATE=1 cargo test --test readme");
}

#[test]
fn the_commands_beside_the_captures_work() {
    let table = std::fs::read_to_string(root().join("captures/README.md")).expect("captures/README.md");
    let commands: Vec<&str> = table.split("`netlab ").skip(1).filter_map(|rest| rest.split('`').next()).collect();
    assert!(commands.len() > 20, "the table was not found");
    for arguments in commands {
        let (printed, done) = netlab(arguments);
        // What differs between two captures is its answer, not a failure.
        let done = done || arguments.starts_with("compare ");
        assert!(done && !printed.is_empty(), "netlab {arguments}: {printed}");
        let capture = arguments.split_whitespace().find(|word| word.starts_with("captures/"));
        assert!(capture.map(PathBuf::from).is_some_and(|path| root().join(path).exists()), "netlab {arguments}");
    }
}

#[test]
fn answers_are_put_in_place_of_old_ones() {
    let text = "a\n```console\n$ netlab x\nold\n$ netlab y\n```\n```sh\n$ netlab z\nkept\n```\n";
    let expected = "a\n```console\n$ netlab x\n<x>\n$ netlab y\n<y>\n```\n```sh\n$ netlab z\nkept\n```\n";
    assert_eq!(answered(text, |arguments| format!("<{arguments}>\n")), expected);
}

#[test]
fn words_in_single_quotes_stay_together() {
    assert_eq!(words("read -Y 'tcp && ip.ttl < 5' x"), ["read", "-Y", "tcp && ip.ttl < 5", "x"]);
}
