//! `netlab nat`, run as a program: its server and its measurement on loopback, behind a router that Linux makes a NAT of,
//! and against coturn where that is installed; in labs; and what is worked out from the packets on both sides.

mod correlate;
#[path = "../support/lab.rs"]
mod lab;
mod matrix;
#[path = "../support/network.rs"]
mod network;
#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use network::{NETLAB, Network};

/// `netlab nat serve`, and where it listens.
struct Serving {
    child: Child,
    said: BufReader<ChildStderr>,
    places: Vec<String>,
}

impl Serving {
    #[track_caller]
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let places = line.strip_prefix("netlab: STUN at ").and_then(|rest| rest.split(';').next());
        let places = places.unwrap_or_else(|| panic!("it does not serve: {line}"));
        let places = places.split(' ').map(str::to_owned).collect();
        Self { child, said, places }
    }

    fn here(arguments: &[&str]) -> Self {
        let mut command = Command::new(NETLAB);
        command.args(["nat", "serve", "--port", "0", "--port2", "0"]).args(arguments);
        Self::start(command)
    }

    /// Ends it; what it counted.
    fn end(mut self) -> String {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGINT).unwrap();
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success(), "{rest}");
        rest
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn nat(arguments: &[&str]) -> Output {
    Command::new(NETLAB).arg("nat").args(arguments).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn object(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {said}"))
}

#[track_caller]
fn has(report: &Value, wanted: Value) {
    for (key, value) in wanted.as_object().unwrap() {
        assert_eq!(&report[key], value, "{key} of {report:#}");
    }
}

/// A binding request with nothing in it.
const REQUEST: [u8; 20] = *b"\x00\x01\x00\x00\x21\x12\xa4\x42netlab-test!";

#[test]
fn a_server_with_two_addresses_shows_that_there_is_no_nat() {
    let server = Serving::here(&["127.0.0.1", "127.0.0.2"]);
    assert_eq!(server.places.len(), 4);
    let output = nat(&["discover", &server.places[0], "--json", "--max-lifetime", "5s"]);
    let report = object(&output);
    assert_eq!(output.status.code(), Some(0));
    has(
        &report,
        json!({"mapping": "none", "filtering": "none", "tcp_mapping": "none", "port_preserved": true,
        "fragments": true, "alg": false, "hairpin": null, "lifetime_s": null}),
    );
    assert_eq!(report["external"], report["local"]);
    assert_eq!(report["why"]["hairpin"], "there is no NAT");
    let text = nat(&["discover", &server.places[0]]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("mapping         none: no NAT") && text.contains("any peer that was told"), "{text}");
}

#[test]
fn a_server_with_one_address_tells_less_and_a_second_one_more() {
    let (one, two) = (Serving::here(&["127.0.0.1"]), Serving::here(&["127.0.0.2"]));
    let report = object(&nat(&["discover", &one.places[0], "--server2", &two.places[0], "--json", "--no-tcp"]));
    has(&report, json!({"mapping": "none", "filtering": null}));
    assert!(report["why"]["filtering"].as_str().unwrap().contains("420"), "{report:#}");
}

#[test]
fn serves_by_ipv6_and_everywhere() {
    if UdpSocket::bind("[::1]:0").is_err() {
        return support::skip("no IPv6 here");
    }
    let server = Serving::here(&[]);
    let port = server.places[0].rsplit(':').next().unwrap().to_owned();
    for address in [format!("[::1]:{port}"), format!("127.0.0.1:{port}")] {
        has(&object(&nat(&["discover", &address, "--json", "--no-tcp"])), json!({"mapping": "none"}));
    }
}

#[test]
fn counts_garbage_answers_requests_and_holds_its_limits() {
    let server = Serving::here(&["127.0.0.1", "--per-source", "7"]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    for bytes in [&b""[..], b"hello", &REQUEST[..19], &[0xff; 1400]] {
        socket.send_to(bytes, &server.places[0]).unwrap();
    }
    for _ in 0..200 {
        socket.send_to(&REQUEST, &server.places[0]).unwrap();
    }
    let mut buffer = [0; 1500];
    let length = socket.recv(&mut buffer).unwrap();
    assert_eq!((&buffer[..2], &buffer[8..20]), (&[1, 1][..], &REQUEST[8..]));
    assert!((length + 28) * 2 <= (REQUEST.len() + 28) * 3, "{length} bytes for {}", REQUEST.len());

    // Over TCP half a request waits for the rest, and what is none ends the connection.
    let mut stream = TcpStream::connect(&server.places[0]).unwrap();
    stream.write_all(&[0xff; 40]).unwrap();
    assert_eq!(stream.read(&mut buffer).unwrap_or(0), 0);
    let said = server.end();
    // A second may have ended while they came.
    let answers: u32 = said.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!((7..=14).contains(&answers), "{said}");
    assert!(said.contains("4 that were no requests"), "{said}");
}

#[test]
fn nobody_there_is_said_after_rfc_8489s_patience() {
    // Whoever has this port says nothing; the machine's own test has the whole patience in no time.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut child = Command::new(NETLAB)
        .args(["nat", "discover", &silent.local_addr().unwrap().to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut buffer = [0; 1500];
    let (_, from) = silent.recv_from(&mut buffer).unwrap();
    let (_, again) = silent.recv_from(&mut buffer).unwrap();
    assert_eq!(from, again, "sent again, from the same socket");
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn predicts_from_two_reports() {
    let folder = std::env::temp_dir().join(format!("netlab-nat-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, mapping: &str, filtering: &str| {
        let path = folder.join(name);
        let report = json!({"mapping": mapping, "filtering": filtering, "hairpin": null, "external": null});
        std::fs::write(&path, report.to_string()).unwrap();
        path.to_string_lossy().into_owned()
    };
    let (near, far) = ("endpoint-independent", "address-and-port-dependent");
    let (open, symmetric) = (file("open", near, near), file("symmetric", far, far));
    let output = nat(&["predict", &open, &symmetric, "--json"]);
    assert_eq!((object(&output)["works"].clone(), output.status.code()), (json!(true), Some(0)));
    let output = nat(&["predict", &symmetric, &symmetric]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.starts_with(b"no: both get a new port"), "{}", String::from_utf8_lossy(&output.stdout));
    let output = nat(&["predict", &open, "/nonexistent"]);
    assert_eq!(output.status.code(), Some(2));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// `here` behind `router`, which masquerades; `beside` is behind it as well; `there` has two addresses.
fn behind_linux(masquerade: &str) -> Option<Network> {
    let lab = network::here_router_there().sh("there", "ip address add 10.0.2.3/24 dev eth0").start()?;
    let rules = format!(
        "nft -f - <<'E'
table ip nat {{
 chain post {{ type nat hook postrouting priority srcnat; policy accept; oifname r2 {masquerade}; }}
}}
table ip filter {{
 chain input {{ type filter hook input priority filter; policy accept; iifname r2 ct state new drop; }}
}}
E"
    );
    if let Err(why) = lab.try_sh("router", &rules) {
        support::skip(&format!("no NAT by nft here: {}", why.lines().next().unwrap_or_default()));
        return None;
    }
    Some(lab)
}

fn serve_there(lab: &Network) -> Serving {
    Serving::start(lab.on("there", NETLAB, &["nat", "serve", "10.0.2.2", "10.0.2.3"]))
}

#[test]
fn tells_what_linux_makes_of_masquerade() {
    for (masquerade, mapping, kept) in
        [("masquerade", "endpoint-independent", true), ("masquerade fully-random", "address-and-port-dependent", false)]
    {
        let Some(lab) = behind_linux(masquerade) else { return };
        let times = "echo 3 > /proc/sys/net/netfilter/nf_conntrack_udp_timeout; \
            echo 3 > /proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream";
        // Once is enough: it takes a while.
        let timed = kept && lab.try_sh("router", times).is_ok();
        let _server = serve_there(&lab);
        let more: &[&str] = if timed { &["--max-lifetime", "8s"] } else { &[] };
        let output = lab.netlab("here", &[&["nat", "discover", "10.0.2.2", "--json"], more].concat()).output();
        let report = object(&output.unwrap());
        has(
            &report,
            json!({"mapping": mapping, "filtering": "address-and-port-dependent", "tcp_mapping": mapping,
            "port_preserved": kept, "fragments": true, "alg": false, "hairpin": "off", "pooling": "paired"}),
        );
        assert!(report["external"].as_str().unwrap().starts_with("10.0.2.254:"), "{report:#}");
        if timed {
            let bound = |at: usize| report["lifetime_s"][at].as_f64().unwrap();
            assert!(bound(0) <= 3.5 && bound(1) >= 3.0 && bound(1) - bound(0) < 2.0, "{report:#}");
        } else if kept {
            support::skip("the lifetime: conntrack's timeouts cannot be set here");
        }
    }
}

#[test]
fn agrees_with_coturn() {
    if Command::new("turnserver").arg("--version").output().is_err() {
        return support::skip("turnserver (Debian: coturn) is not installed");
    }
    let Some(mut lab) = behind_linux("masquerade") else { return };
    lab.sh("there", "mkdir -p /run/turn");
    let turn = "exec turnserver -n --no-cli -S -z -p 3478 --alt-listening-port=3479 -L 10.0.2.2 -L 10.0.2.3 --no-tls \
        --no-dtls --log-file=stdout --simple-log --pidfile=/run/turn/pid --userdb=/run/turn/db > /run/turn/log 2>&1";
    let mut server = lab.on("there", "sh", &["-c", turn]).spawn().unwrap();
    // Until it answers, a request is sent again.
    let output = lab.on("here", NETLAB, &["nat", "discover", "10.0.2.2", "--json", "--max-lifetime", "1s"]).output();
    let _ = server.kill();
    let _ = server.wait();
    has(
        &object(&output.unwrap()),
        json!({"mapping": "endpoint-independent", "filtering": "address-and-port-dependent",
        "tcp_mapping": "endpoint-independent", "port_preserved": true, "alg": false}),
    );
    let _ = &mut lab;
}
