//! `netlab nat correlate` finds the translation table that the kernel's connection tracking had: in captures that were
//! kept, and in labs, live on the two interfaces of a NAT and from what `netlab lab capture` saved of them.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::lab::{Lab, User};
use crate::network::NETLAB;
use crate::support::skip;

fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name)
}

fn correlate(inside: &Path, outside: &Path) -> (Option<i32>, Vec<Value>) {
    let output = Command::new(NETLAB).args(["nat", "correlate", "--json"]).args([inside, outside]).output();
    let output = output.expect("netlab starts");
    (output.status.code(), objects(&String::from_utf8(output.stdout).expect("JSON is UTF-8")))
}

#[track_caller]
fn objects(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect()
}

/// A row: protocol, inside, outside and remote endpoint.
type Row = [String; 4];

/// The entries that conntrack tells of: the original tuple, and where the answers go.
fn tracked<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Row> {
    lines
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let protocol = words.iter().find(|word| ["tcp", "udp", "icmp"].contains(word)).expect("a protocol");
            let all = |key: &str| -> Vec<&str> { words.iter().filter_map(|word| word.strip_prefix(key)).collect() };
            let (sources, destinations) = (all("src="), all("dst="));
            // An echo has an identifier instead of ports: the asking side's.
            let (from, to) =
                if *protocol == "icmp" { (all("id="), vec!["0", "0"]) } else { (all("sport="), all("dport=")) };
            let outside = if *protocol == "icmp" { from[1] } else { to[1] };
            [
                (*protocol).to_owned(),
                format!("{}:{}", sources[0], from[0]),
                format!("{}:{outside}", destinations[1]),
                format!("{}:{}", destinations[0], to[0]),
            ]
        })
        .collect()
}

/// The bindings that were worked out.
fn found(objects: &[Value]) -> Vec<Row> {
    let text = |object: &Value, key: &str| object[key].as_str().unwrap_or_default().to_owned();
    let bindings = objects.iter().filter(|object| object["kind"] == "binding");
    bindings.map(|binding| ["protocol", "inside", "outside", "remote"].map(|key| text(binding, key))).collect()
}

/// Flow by flow, and each one once.
#[track_caller]
fn equal(found: Vec<Row>, truth: Vec<Row>) {
    assert_eq!(found.len(), truth.len(), "{found:#?}\n{truth:#?}");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), truth.into_iter().collect::<BTreeSet<_>>());
}

#[test]
fn the_table_is_that_of_the_connection_tracking() {
    let (code, objects) = correlate(&capture("nat-inside.pcap"), &capture("nat-outside.pcap"));
    assert_eq!(code, Some(0));
    let truth = std::fs::read_to_string(capture("nat-conntrack.txt")).expect("what conntrack said");
    equal(found(&objects), tracked(truth.lines().filter(|line| line.contains("[NEW]"))));
}

#[test]
fn what_was_not_let_in_has_its_reason() {
    let (_, objects) = correlate(&capture("nat-inside.pcap"), &capture("nat-outside.pcap"));
    let refused: Vec<&Value> = objects.iter().filter(|object| object["kind"] == "not let in").collect();
    let why: Vec<&str> = refused.iter().filter_map(|refusal| refusal["why"].as_str()).collect();
    assert!(
        matches!(why.as_slice(), [stranger, late] if stranger.starts_with("filtered") && late.starts_with("binding gone")),
        "{why:?}"
    );
}

#[test]
fn two_captures_with_nothing_in_common_are_no() {
    let (code, objects) = correlate(&capture("sync.pcapng"), &capture("udp.pcap"));
    assert_eq!((code, objects.len()), (Some(1), 1));
}

/// Echoes datagrams and connections, at each of two addresses.
const SERVER: &str = "
import socket, threading
def echo(accept):
    while True: accept()
def served(c):
    with c: c.sendall(c.recv(99))
for a in ['203.0.113.10', '203.0.113.11']:
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.bind((a, 7000))
    l = socket.create_server((a, 7001), backlog=64)
    for accept in [lambda u=u: u.sendto(*u.recvfrom(99)), lambda l=l: served(l.accept()[0])]:
        threading.Thread(target=echo, args=(accept,), daemon=True).start()
print('ready', flush=True)
threading.Event().wait()
";

/// Sends the same from the same ports as every other host does.
const CLIENT: &str = "
import socket
A = ['203.0.113.10', '203.0.113.11']
for port in [41000, 41001, 41002]:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(10)
    s.bind(('', port))
    for a in A * 3:
        s.sendto(b'HEARTBEAT', (a, 7000))
        assert s.recvfrom(99)[0] == b'HEARTBEAT'
for port in [42000, 42001]:
    for at, a in enumerate(A):
        c = socket.create_connection((a, 7001), 10, ('', port + 10 * at))
        c.sendall(b'HEARTBEAT')
        assert c.recv(99) == b'HEARTBEAT'
        assert c.recv(99) == b''
        c.close()
";
/// Flows of one host.
const FLOWS: usize = 3 * 2 + 2 * 2;

/// Until `child` captures.
fn captures(child: &mut Child) {
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("READY") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "it does not capture");
    }
    // It goes on to talk.
    thread::spawn(move || io::copy(&mut said, &mut io::sink()));
}

fn live_is_the_connection_tracking(kind: &str) {
    let Some(mut lab) = Lab::up(User::Own, &["two-nats", "--by", "nft", "--nat", &format!("nat-a={kind}")]) else {
        return;
    };
    if Command::new("conntrack").arg("--version").output().is_err() {
        return skip("conntrack (Debian: conntrack) is not installed");
    }
    lab.start("srv", "python3", &["-uc", SERVER]);
    let correlating = format!("echo $$; exec {NETLAB} nat correlate lan wan --json --ready");
    let mut live = lab.on("nat-a", "sh", &["-c", &correlating]).spawn().unwrap();
    let mut said = BufReader::new(live.stdout.take().unwrap());
    let mut process = String::new();
    said.read_line(&mut process).unwrap();
    captures(&mut live);
    let folder = std::env::temp_dir().join(format!("netlab-correlate-{}", lab.name));
    std::fs::create_dir_all(&folder).unwrap();
    let saved = ["lan", "wan"].map(|side| {
        let file = folder.join(format!("{side}.pcapng"));
        let place = format!("nat-a:{side}");
        let mut command = lab.user.netlab(&["lab", "capture", "--name", &lab.name, &place, "--ready", "-w"]);
        let mut child = command.arg(&file).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        captures(&mut child);
        (child, file)
    });

    // Both at once.
    let clients = ["a1", "a2"].map(|host| lab.on(host, "python3", &["-c", CLIENT]).spawn().unwrap());
    for client in clients {
        let output = client.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let output = lab.on("nat-a", "conntrack", &["-L", "-o", "extended"]).output().unwrap();
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    let refused = String::from_utf8_lossy(&output.stderr).into_owned();
    let truth = tracked(table.lines().filter(|line| line.contains(" src=192.168.1.")));

    lab.said("nat-a", "kill", &["-INT", process.trim()]);
    let mut lines = String::new();
    said.read_to_string(&mut lines).unwrap();
    assert!(live.wait().unwrap().success());
    let live = objects(&lines);
    let [inside, outside] = saved.map(|(mut child, file)| {
        kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
        assert!(child.wait().unwrap().success());
        file
    });
    let (code, later) = correlate(&inside, &outside);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!((code, found(&live).len()), (Some(0), 2 * FLOWS), "{live:#?}");
    equal(found(&later), found(&live));
    if !output.status.success() {
        return skip(&format!("conntrack refuses: {}", refused.trim()));
    }
    equal(found(&live), truth);
}

#[test]
fn live_and_saved_are_what_the_kernel_tracked_where_ports_are_kept() {
    live_is_the_connection_tracking("port-restricted");
}

#[test]
fn live_and_saved_are_what_the_kernel_tracked_where_each_destination_gets_a_port() {
    live_is_the_connection_tracking("symmetric");
}
