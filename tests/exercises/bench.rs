//! `netlab bench models`: what it prints and draws, and that it leaves nothing running.

// What it starts ends in its own time.
#![allow(clippy::disallowed_methods)]

use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::programs::*;

#[test]
fn measures_all_models_and_says_what_it_did_not() {
    let plot = concat!(env!("CARGO_TARGET_TMPDIR"), "/models.svg");
    let measure = ["bench", "models", "--clients", "1,1001", "--duration", "200ms", "--svg", plot];
    let output = netlab(&measure).env("COLUMNS", "80").output().expect("netlab bench");
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let table = shown.split("\n\n").next().unwrap_or_default();
    let rows = table.lines().filter(|line| {
        ["sequential", "thread", "select", "selectors", "async"]
            .iter()
            .any(|model| line.get(9..).is_some_and(|row| row.starts_with(model)))
    });
    assert_eq!(rows.count(), 10, "{shown}");
    assert!(shown.contains("Not measured: select with 1001 clients"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    let drawn = std::fs::read_to_string(plot).expect("the plot");
    assert_eq!(drawn.matches("<polyline").count(), 15);
}

#[test]
fn shows_whom_a_sequential_server_lets_wait() {
    let measure = ["bench", "models", "--exercise", "echo-many", "--model", "sequential,async"];
    let output = netlab(&measure).args(["--clients", "5", "--duration", "100ms"]).output().expect("netlab bench");
    assert!(text(&output.stdout).contains("sequential answered only 1 of 5 clients"), "{output:?}");
}

#[test]
fn leaves_no_server_behind_when_it_is_interrupted_or_killed() {
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let measure = ["bench", "models", "--model", "thread", "--clients", "3", "--duration", "60s"];
        let mut bench = netlab(&measure).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("netlab bench");
        let server = loop {
            let tasks = format!("/proc/{0}/task/{0}/children", bench.id());
            let children = std::fs::read_to_string(tasks).expect("its children");
            // Several threads: it serves.
            let serves =
                |pid: &&str| std::fs::read_dir(format!("/proc/{pid}/task")).is_ok_and(|threads| threads.count() > 1);
            if let Some(pid) = children.split_whitespace().find(serves) {
                break pid.to_owned();
            }
            assert!(bench.try_wait().expect("its state").is_none(), "it ended");
            std::thread::yield_now();
        };
        kill(Pid::from_raw(bench.id().cast_signed()), signal).expect("a signal");
        let code = bench.wait().expect("its end").code();
        assert_eq!(code, if signal == Signal::SIGINT { Some(0) } else { None });
        let began = Instant::now();
        while std::fs::read_to_string(format!("/proc/{server}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(began.elapsed() < Duration::from_secs(10), "the server runs on after {signal}");
            std::thread::yield_now();
        }
    }
}
