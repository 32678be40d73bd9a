//! Golden files: what commands print, held against what they printed when somebody looked at it.
//!
//! `tests/golden/LIST` has a row a test: a name, the columns of the terminal, the arguments. What is printed lies in
//! `tests/golden/NAME.txt`; a `-` for the columns says that another test keeps that file. `UPDATE=1 cargo test --test golden` writes the files anew: look at the difference.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

struct Row {
    name: String,
    columns: String,
    arguments: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The rows of LIST; `#` begins a comment, double quotes keep an argument with spaces together.
fn rows() -> Vec<Row> {
    let list = fs::read_to_string(folder().join("LIST")).expect("tests/golden/LIST");
    let lines = list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut words = words(line).into_iter();
            let mut word = || words.next().unwrap_or_else(|| panic!("a name, columns and arguments: {line}"));
            Row { name: word(), columns: word(), arguments: words.collect() }
        })
        .collect()
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (place, piece) in line.split('"').enumerate() {
        match place % 2 {
            0 => words.extend(piece.split_whitespace().map(str::to_owned)),
            _ => words.push(piece.to_owned()),
        }
    }
    words
}

/// What a command prints; where it does not end well, its code and what it says too.
fn printed(row: &Row) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_netlab"))
        .args(&row.arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("COLUMNS", &row.columns)
        .env("TZ", "UTC")
        .env("NETLAB_LANG", "en")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let mut text = String::from_utf8(output.stdout).expect("UTF-8 on standard output");
    if !output.status.success() {
        let code = output.status.code().map_or_else(|| output.status.to_string(), |code| code.to_string());
        text.push_str(&format!("--- exit code {code}, standard error:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    text
}

#[test]
fn commands_print_what_they_printed() {
    let update = std::env::var_os("UPDATE").is_some_and(|value| value == "1");
    let mut differing = Vec::new();
    for row in rows().into_iter().filter(|row| row.columns != "-") {
        let file = folder().join(format!("{}.txt", row.name));
        let now = printed(&row);
        if update {
            fs::write(&file, &now).expect("a writable golden file");
            continue;
        }
        let then = fs::read_to_string(&file).unwrap_or_default();
        if now != then {
            let line = now.lines().zip(then.lines()).take_while(|(now, then)| now == then).count();
            let at = |text: &str| text.lines().nth(line).unwrap_or("(the end)").to_owned();
            let arguments = row.arguments.join(" ");
            differing.push(format!(
                "{} (netlab {arguments}), line {}:\n  was {}\n  is  {}",
                row.name,
                line + 1,
                at(&then),
                at(&now)
            ));
        }
    }
    assert!(differing.is_empty(), "{}\nUPDATE=1 cargo test --test golden writes them anew", differing.join("\n"));
}

#[test]
fn every_golden_file_has_one_row() {
    let mut names: Vec<String> = rows().into_iter().map(|row| format!("{}.txt", row.name)).collect();
    names.sort();
    let mut files: Vec<String> = fs::read_dir(folder())
        .expect("tests/golden")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "LIST")
        .collect();
    files.sort();
    assert_eq!(names, files);
}

#[test]
fn nothing_printed_is_wider_than_its_columns() {
    for row in rows()
        .iter()
        .filter(|row| row.arguments.first().is_some_and(|command| command == "explain" || command == "ladder"))
    {
        if row.arguments.iter().any(|argument| argument == "--svg" || argument == "--mermaid") {
            continue;
        }
        let columns: usize = row.columns.parse().expect("columns are a number");
        let text = fs::read_to_string(folder().join(format!("{}.txt", row.name))).unwrap_or_default();
        let wide = text.lines().find(|line| line.chars().count() > columns);
        assert_eq!(wide, None, "{}: more than {columns} columns", row.name);
    }
}
