//! The doctor on the hosts of a network: what it finds there.

use std::ops::{Deref, DerefMut};
use std::process::Output;

use serde_json::Value;

use crate::network::{self, Network};
pub use crate::network::{HERE, THERE};

/// Two hosts and a router between them.
pub struct Lab(Network);

impl Deref for Lab {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.0
    }
}

impl DerefMut for Lab {
    fn deref_mut(&mut self) -> &mut Network {
        &mut self.0
    }
}

impl Lab {
    /// `None`, having said why, where this kernel has no such namespaces for us.
    pub fn new() -> Option<Self> {
        network::here_router_there().start().map(Self)
    }

    pub fn doctor(&self, host: &str, arguments: &[&str]) -> Output {
        // Counters rise at once, or the test says for how long to look.
        let brief: &[&str] = if arguments.contains(&"--duration") { &[] } else { &["--duration", "50ms"] };
        let mut command = self.netlab(host, &[&["doctor"], brief, arguments].concat());
        command.output().unwrap()
    }

    /// What the doctor on a host finds.
    #[track_caller]
    pub fn finds(&self, host: &str, arguments: &[&str]) -> Vec<Value> {
        let output = self.doctor(host, &[arguments, &["--json"]].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let found: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(i32::from(!found.is_empty())), "{text}{said}");
        found
    }

    /// That it finds nothing.
    #[track_caller]
    pub fn healthy(&self, host: &str, arguments: &[&str]) {
        let found = self.finds(host, arguments);
        assert!(found.is_empty(), "{arguments:?} on {host}: {found:#?}");
    }

    /// That it finds this fault and no other; the finding.
    #[track_caller]
    pub fn finds_only(&self, host: &str, arguments: &[&str], fault: &str) -> Value {
        let mut found = self.finds(host, arguments);
        let names: Vec<&str> = found.iter().filter_map(|one| one["fault"].as_str()).collect();
        assert_eq!(names, [fault], "{arguments:?} on {host}: {found:#?}");
        let finding = found.remove(0);
        let proofs = finding["proof"].as_array().unwrap();
        assert!(!proofs.is_empty() && finding["mend"].as_str().is_some_and(|mend| !mend.is_empty()), "{finding:#}");
        finding
    }
}
