//! A test in a network of its own: the test program runs itself again in namespaces where nothing else is.

use std::process::Command;

use crate::support;

/// Says to the program that it is inside.
const INSIDE: &str = "NETLAB_TEST_ALONE";

/// Runs `test` where there are no sockets and no processes but its own, with `lo` up. Says why where that cannot be.
/// `name` is the test's, with its module.
pub fn alone(name: &str, test: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    let inside = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]);
        command.args(["sh", "-ec", "ip link set lo up; exec \"$@\"", "sh"]).args(arguments).env(INSIDE, "1");
        command.output()
    };
    let refused = match inside(&["true"]) {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Some(format!("unshare: {error}")),
    };
    if let Some(why) = refused {
        return support::skip(&format!("no network of its own: {}", why.trim()));
    }
    let program = std::env::current_exe().unwrap();
    let output = inside(&[program.to_str().unwrap(), "--exact", name, "--nocapture"]).unwrap();
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{failed}");
    println!("{said}");
}
