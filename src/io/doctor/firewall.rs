//! Asks nft(8) for the rules of this machine's firewall. It takes CAP_NET_ADMIN.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::engine::doctor::firewall::Ruleset;

/// Where it may be: the PATH of an ordinary user often lacks /usr/sbin.
const PROGRAMS: [&str; 3] = ["nft", "/usr/sbin/nft", "/sbin/nft"];
/// A ruleset of many thousands of rules is printed within a second.
const LONGEST: Duration = Duration::from_secs(3);
/// More is not read.
const LARGEST: u64 = 64 << 20;

/// The ruleset, or why it cannot be read.
pub fn read() -> Result<Ruleset, String> {
    let started = PROGRAMS.iter().find_map(|program| {
        let mut command = Command::new(program);
        command.args(["-j", "list", "ruleset"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()
    });
    let Some(mut child) = started else { return Err("nft is not installed".to_owned()) };
    let (sender, printed) = mpsc::channel();
    let output = child.stdout.take();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = output.map(|output| output.take(LARGEST).read_to_string(&mut text));
        let _ = sender.send(if matches!(read, Some(Ok(_))) { text } else { String::new() });
    });
    let text = printed.recv_timeout(LONGEST);
    if text.is_err() {
        let _ = child.kill();
    }
    let done = child.wait().is_ok_and(|status| status.success());
    match text {
        Err(_) => Err(format!("nft did not answer in {} s", LONGEST.as_secs())),
        Ok(text) if done => Ruleset::parse(&text).ok_or_else(|| "what nft printed is no ruleset".to_owned()),
        Ok(_) => Err("the rules may be read with sudo only".to_owned()),
    }
}
