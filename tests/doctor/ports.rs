//! Faults of a port: held by another program, or by what a server has left behind.

use crate::lab::Lab;

/// A listener that closes its one connection first, and goes away.
const CLOSES_FIRST: &str = "import socket as s
l = s.socket(); REUSE
l.bind(('0.0.0.0', 8000)); l.listen()
c = s.create_connection(('127.0.0.1', 8000)); a = l.accept()[0]
a.shutdown(s.SHUT_WR); c.recv(1); c.close(); a.recv(1); a.close(); l.close()
print('ready')
import time; time.sleep(600)";

#[test]
fn time_wait_keeps_the_port() {
    let Some(mut lab) = Lab::new() else { return };
    lab.python("there", &CLOSES_FIRST.replace("REUSE", "l.setsockopt(s.SOL_SOCKET, s.SO_REUSEADDR, 1)"));
    let found = lab.finds_only("there", &["--port", "8000"], "time-wait");
    assert!(found["mend"].as_str().unwrap().contains("SO_REUSEADDR"), "{found}");
    // With what mends it the server starts.
    lab.serve("there", "0.0.0.0", 8000);
    lab.healthy("there", &["--port", "8000"]);
    // The server that has ended did not set it either: then there is only waiting.
    lab.python("here", &CLOSES_FIRST.replace("REUSE", ""));
    let found = lab.finds_only("here", &["--port", "8000"], "time-wait");
    assert!(found["mend"].as_str().unwrap().starts_with("wait "), "{found}");
}

#[test]
fn another_program_holds_the_port() {
    let Some(mut lab) = Lab::new() else { return };
    let pid = lab.python(
        "there",
        "import socket as s, time\nl = s.socket(); l.bind(('0.0.0.0', 8000)); print('ready'); time.sleep(600)",
    );
    let found = lab.finds_only("there", &["--port", "8000"], "port-held");
    assert_eq!(found["mend"], format!("kill {pid}, or take another port"));
    lab.serve("there", "0.0.0.0", 8001);
    let found = lab.finds_only("there", &["--port", "8001", "--process", "nginx"], "port-held");
    assert!(found["what"].as_str().unwrap().contains("not by nginx"), "{found}");
    lab.healthy("there", &["--port", "8001", "--process", "python3"]);
    lab.healthy("there", &["--port", "8001"]);
}
