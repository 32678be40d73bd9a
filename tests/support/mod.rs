//! What several tests share: saying that a test cannot run on this machine.
//!
//! Uses the standard library only, so that unit tests in `src/` can include it as well.
#![allow(dead_code)]

use std::io::Write;

/// Says that the calling test cannot run here and why; the caller returns after it.
///
/// Cargo hides what passing tests print, so the reason is also appended to the file that `NETLAB_SKIPPED` names;
/// `make test` prints that file at its end.
pub fn skip(why: &str) {
    println!("skipped: {why}");
    let Some(path) = std::env::var_os("NETLAB_SKIPPED") else { return };
    // The harness names each test's thread after the test.
    let thread = std::thread::current();
    let line = format!("{}: {}\n", thread.name().unwrap_or("a test"), why.replace('\n', " "));
    // One write of one line: appends of several test processes at once do not tear each other.
    let written = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .map(|mut file| file.write_all(line.as_bytes()));
    assert!(matches!(written, Ok(Ok(()))), "cannot append to {}: {written:?}", path.display());
}
