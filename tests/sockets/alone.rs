//! A test in a network of its own: the test program runs itself again in namespaces where nothing else is.

use crate::network;

/// Says to the program that it is inside.
const INSIDE: &str = "NETLAB_TEST_ALONE";

/// Runs `test` where there are no sockets and no processes but its own, with `lo` up. Says why where that cannot be.
/// `name` is the test's, with its module.
pub fn alone(name: &str, test: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    let Some(host) = network::alone() else { return };
    let program = std::env::current_exe().unwrap();
    let mut command = host.on("alone", "unshare", &["--pid", "--fork", "--mount-proc", "--kill-child"]);
    command.arg(program).args(["--exact", name, "--nocapture"]).env(INSIDE, "1");
    let output = command.output().unwrap();
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{failed}");
    println!("{said}");
}
