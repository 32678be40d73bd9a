//! The matrix in real labs: what `netlab lab` builds, by netlab itself and by nft, `netlab nat discover` reports, and
//! coturn's `turnutils_natdiscovery` as far as it can tell. Each two of the axes meet once; all of them together are in
//! the network in memory.
//!
//! Trap: coturn's program takes the OTHER-ADDRESS of the second answer for the same place as that of the first, which it
//! is at coturn's server only (RFC 5780 §7.4 has it change): so each program asks its own server.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::{Value, json};

use crate::lab::{Lab, User};
use crate::network::NETLAB;
use crate::{has, object, support};

const DEPENDENCE: [&str; 3] = ["endpoint-independent", "address-dependent", "address-and-port-dependent"];
const HAIRPIN: [&str; 3] = ["off", "external", "internal"];
const PORTS: [&str; 3] = ["preserved", "parity", "random"];

/// A NAT to build, and to find.
#[derive(Clone, Debug)]
struct Cell {
    /// A preset, or a file.
    from: String,
    by: &'static str,
    mapping: &'static str,
    filtering: &'static str,
    hairpin: &'static str,
    ports: &'static str,
    /// `None`: it has one outside address.
    pooling: Option<&'static str>,
    /// Five seconds, and whose packets refresh it.
    lifetime: Option<&'static str>,
}

impl Cell {
    fn up(&self) -> Option<Lab> {
        let how = format!("--hairpin={}", self.hairpin);
        let mut arguments: Vec<&str> = vec![&self.from, "--by", self.by, "--mapping", self.mapping, &how];
        arguments.extend(["--filtering", self.filtering, "--ports", self.ports]);
        arguments.extend(self.pooling.iter().flat_map(|pooling| ["--pooling", pooling]));
        arguments.extend(self.lifetime.iter().flat_map(|refresh| ["--udp-timeout", "5s", "--refresh", refresh]));
        Lab::up(User::Own, &arguments)
    }

    /// What `discover` is to say.
    fn expected(&self) -> Value {
        json!({
            "mapping": self.mapping, "filtering": self.filtering, "hairpin": self.hairpin,
            "port_preserved": self.ports == "preserved", "port_parity": self.ports != "random",
            "pooling": self.pooling.unwrap_or("paired"), "refresh": self.lifetime,
        })
    }

    fn check(&self) {
        let Some(mut lab) = self.up() else { return };
        let mut server = lab.netlab("srv", &["nat", "serve", "203.0.113.10", "203.0.113.11"]).spawn().unwrap();
        let mut said = String::new();
        let mut stderr = BufReader::new(server.stderr.take().unwrap());
        stderr.read_line(&mut said).unwrap();
        assert!(said.contains("STUN at"), "{said}");
        // Another host's network takes root; else one host looks at what its kernel refuses.
        let beside = (self.by == "netlab" && nix::unistd::geteuid().is_root()).then(|| neighbour(&lab));
        let second = (self.by == "nft" && has_coturn()).then(|| turnutils(&mut lab));
        let mut discover = vec!["nat", "discover", "203.0.113.10", "--json", "--no-tcp"];
        discover.extend(beside.iter().flat_map(|(_, process)| ["--beside", process]));
        if self.lifetime.is_some() {
            discover.extend(["--max-lifetime", "8s"]);
        }
        let report = object(&lab.netlab("a1", &discover).output().unwrap());
        let second = second.map(|tests| tests.map(heard));
        let left = ["pid", "db"].map(|ending| format!("/tmp/{}.{ending}", lab.name));
        drop(lab);
        for file in left {
            let _ = std::fs::remove_file(file);
        }
        for mut child in [Some(server), beside.map(|(child, _)| child)].into_iter().flatten() {
            let _ = (child.kill(), child.wait());
        }
        has(&report, self.expected());
        if self.lifetime.is_some() {
            let bound = |at: usize| report["lifetime_s"][at].as_f64().unwrap();
            assert!(bound(0) <= 5.2 && bound(1) >= 5.0 && bound(1) - bound(0) < 2.0, "{self:?} {report:#}");
        }
        if let Some(second) = second {
            self.agrees(second);
        }
    }

    /// What coturn's program said of mapping, filtering and hairpinning.
    fn agrees(&self, [mapping, filtering, hairpin]: [String; 3]) {
        let words = |dependence: &str| match dependence {
            "endpoint-independent" => "NAT with Endpoint Independent",
            "address-dependent" => "NAT with Address Dependent",
            _ => "NAT with Address and Port Dependent",
        };
        assert!(mapping.contains(&format!("{} Mapping!", words(self.mapping))), "{self:?}: {mapping}");
        assert!(filtering.contains(&format!("{} Filtering!", words(self.filtering))), "{self:?}: {filtering}");
        // One host cannot tell internal from off.
        let round = hairpin.contains("successful hairpinning");
        assert_eq!(round, self.hairpin == "external", "{self:?}: {hairpin}");
    }
}

/// A process on the host beside, and its number.
fn neighbour(lab: &Lab) -> (Child, String) {
    let mut child = lab.on("a2", "sh", &["-c", "echo $$; exec sleep 60"]).spawn().unwrap();
    let mut process = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut process).unwrap();
    (child, process.trim().to_owned())
}

fn has_coturn() -> bool {
    let is_there = |program: &str| Command::new(program).arg("-h").output().is_ok();
    is_there("turnutils_natdiscovery") && is_there("turnserver")
}

/// Coturn's own measurements, by its own server.
fn turnutils(lab: &mut Lab) -> [Child; 3] {
    let name = &lab.name;
    // Says that it is ready as soon as its four sockets are there.
    let serve = format!(
        "turnserver -n --no-cli -S -z -p 13478 --alt-listening-port=13479 -L 203.0.113.10 -L 203.0.113.11 --no-tls \
         --no-dtls --log-file=stdout --simple-log --pidfile=/tmp/{name}.pid --userdb=/tmp/{name}.db >/dev/null 2>&1 &
         until [ $(grep -c ':34A[67] ' /proc/net/udp) -ge 4 ]; do sleep .05; done
         echo ready; wait"
    );
    lab.start("srv", "sh", &["-c", &serve]);
    let test = |test: &str| lab.on("a1", "turnutils_natdiscovery", &[test, "-p", "13478", "203.0.113.10"]).spawn();
    ["-m", "-f", "-H"].map(|which| test(which).unwrap())
}

fn heard(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// The labs stand side by side: they mostly wait.
fn matrix(cells: Vec<Cell>) {
    let all: Vec<_> = cells.into_iter().map(|cell| thread::spawn(move || cell.check())).collect();
    for cell in all {
        if let Err(panic) = cell.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// The lab `home` with two outside addresses.
struct Two(PathBuf);

impl Two {
    fn new() -> Self {
        let output = Command::new(NETLAB).args(["lab", "show", "home", "--toml"]).stderr(Stdio::inherit()).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        let one = "\"203.0.113.1/24\"";
        assert!(text.contains(one), "{text}");
        let path = std::env::temp_dir().join(format!("netlab-two-{}.toml", std::process::id()));
        std::fs::write(&path, text.replace(one, "\"203.0.113.1/24\", \"203.0.113.3/24\"")).unwrap();
        Self(path)
    }
}

impl Drop for Two {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn reports_what_netlab_itself_translates() {
    let file = Two::new();
    let cell = |n: usize| {
        let (mapping, filtering) = (n / 3, n % 3);
        Cell {
            from: file.0.to_string_lossy().into_owned(),
            by: "netlab",
            mapping: DEPENDENCE[mapping],
            filtering: DEPENDENCE[filtering],
            hairpin: HAIRPIN[(mapping + filtering) % 3],
            ports: PORTS[(mapping + 2 * filtering) % 3],
            pooling: Some(["paired", "arbitrary"][n % 2]),
            lifetime: [(4, "outbound"), (8, "any")].iter().find(|(at, _)| *at == n).map(|(_, refresh)| *refresh),
        }
    };
    matrix((0..9).map(cell).collect());
}

#[test]
fn reports_what_nft_was_told() {
    if !has_coturn() {
        support::skip("a second opinion: turnserver and turnutils_natdiscovery (Debian: coturn) are not installed");
    }
    let cell = |n: usize| {
        let (mapping, filtering) = (n / 3, n % 3);
        Cell {
            from: "home".into(),
            by: "nft",
            mapping: DEPENDENCE[mapping],
            filtering: DEPENDENCE[filtering],
            hairpin: HAIRPIN[(mapping + filtering) % 3],
            // What rules of nft can do.
            ports: if mapping == 0 && filtering != 1 { "preserved" } else { "random" },
            pooling: None,
            lifetime: (n == 2).then_some("any"),
        }
    };
    matrix((0..9).map(cell).collect());
}
