//! The matrix in real labs: what `netlab lab` builds, by netlab itself and by nft, `netlab nat discover` reports.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::{NETLAB, has, object, support};

const DEPENDENCE: [&str; 3] = ["endpoint-independent", "address-dependent", "address-and-port-dependent"];
const HAIRPIN: [&str; 3] = ["off", "external", "internal"];

/// A lab that is up; gone when it is dropped.
struct Lab {
    name: String,
    up: Child,
}

impl Lab {
    fn up(name: String, options: &[&str]) -> Result<Self, String> {
        let mut up = Command::new(NETLAB)
            .args(["lab", "up", "home", "--name", &name])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(up.stderr.take().unwrap()).read_line(&mut said).unwrap();
        let lab = Self { name, up };
        if said.contains("up in") { Ok(lab) } else { Err(said) }
    }

    fn run(&self, host: &str, program: &[&str]) -> Command {
        let mut command = Command::new(NETLAB);
        command.args(["lab", "run", "--name", &self.name, host, "--"]).args(program);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = Command::new(NETLAB).args(["lab", "down", "--name", &self.name]).output();
        let _ = self.up.kill();
        let _ = self.up.wait();
    }
}

/// One lab; `Err`: there can be none here.
fn cell(by: &str, mapping: &str, filtering: &str, hairpin: &str) -> Result<(), String> {
    let name = format!("nat-{by}-{}-{}", std::process::id(), mapping.len() * 100 + filtering.len());
    let how = format!("--hairpin={hairpin}");
    let lab = Lab::up(name, &["--by", by, "--mapping", mapping, "--filtering", filtering, &how])?;
    let mut server = lab.run("srv", &[NETLAB, "nat", "serve", "203.0.113.10", "203.0.113.11"]).spawn().unwrap();
    let mut neighbour = lab.run("a2", &["sh", "-c", "echo $$; exec sleep 60"]).spawn().unwrap();
    let mut said = BufReader::new(neighbour.stdout.take().unwrap());
    let mut process = String::new();
    said.read_line(&mut process).unwrap();
    let discover = [NETLAB, "nat", "discover", "203.0.113.10", "--json", "--no-tcp", "--beside", process.trim()];
    let output = lab.run("a1", &discover).output();
    drop(lab);
    let _ = (server.kill(), server.wait(), neighbour.kill(), neighbour.wait());
    has(&object(&output.unwrap()), json!({"mapping": mapping, "filtering": filtering, "hairpin": hairpin}));
    Ok(())
}

fn matrix(by: &'static str) {
    // Each pair of axes once; all three of them together are in the network in memory. The labs stand side by side.
    let cells: Vec<_> = (0..9)
        .map(|n| {
            let (mapping, filtering) = (n / 3, n % 3);
            std::thread::spawn(move || {
                cell(by, DEPENDENCE[mapping], DEPENDENCE[filtering], HAIRPIN[(mapping + filtering) % 3])
            })
        })
        .collect();
    for cell in cells {
        match cell.join() {
            Ok(Ok(())) => {}
            Ok(Err(why)) => support::skip(&format!("no lab by {by}: {}", why.trim())),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

#[test]
fn reports_what_netlab_itself_translates() {
    matrix("netlab");
}

#[test]
fn reports_what_nft_was_told() {
    matrix("nft");
}
