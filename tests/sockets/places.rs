//! Sockets of other namespaces and other users, and names that would act on a terminal.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as Name, UnixDatagram};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::alone::alone;
use crate::{netlab, support};

fn shell(line: &str) {
    let output = Command::new("sh").args(["-ec", line]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

fn listed(options: &[&str]) -> Vec<Value> {
    let output = netlab(options).arg("--json").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A server in namespaces of its own, as a container has them: network, processes, mounts.
struct Container(Child);

impl Container {
    fn start(before: &[&str]) -> Self {
        let serve = "ip link set lo up; exec \"$0\" serve hello --port 8005";
        let child = Command::new(before[0])
            .args(&before[1..])
            .args(["sh", "-ec", serve, env!("CARGO_BIN_EXE_netlab")])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.unwrap();
        let mut said = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
        assert!(said.contains("8005"), "{said}");
        Self(child)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_container_s_sockets_are_listed_by_the_number_of_its_process() {
    alone("places::a_container_s_sockets_are_listed_by_the_number_of_its_process", || {
        let container = Container::start(&["unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]);
        assert_eq!(listed(&["--listening"]), [] as [Value; 0], "here nobody listens");
        // unshare(1) itself went over into the network; its child is PID 1 there, and has another number here.
        let shown = listed(&["--listening", "--netns", &container.0.id().to_string()]);
        let [shown] = shown.as_slice() else { panic!("{shown:?}") };
        assert!(shown["local"].as_str().unwrap().ends_with(":8005"), "{shown}");
        assert_eq!(shown["process"], "netlab");
        let pid = shown["pid"].as_u64().unwrap();
        assert!(pid > 1, "its number here");
        assert_eq!(listed(&["--netns", &pid.to_string(), "--pid", &pid.to_string(), "-v"]).len(), 1);
    });
}

#[test]
fn a_network_with_a_name_is_listed_by_it() {
    alone("places::a_network_with_a_name_is_listed_by_it", || {
        shell("mount -t tmpfs none /run; ip netns add box");
        let _container = Container::start(&["nsenter", "--net=/run/netns/box"]);
        let shown = listed(&["--listening", "--netns", "box"]);
        let [shown] = shown.as_slice() else { panic!("{shown:?}") };
        assert_eq!(shown["process"], "netlab");
        let wrong = netlab(&["--netns", "bax"]).output().unwrap();
        assert_eq!(wrong.status.code(), Some(2));
        assert!(String::from_utf8(wrong.stderr).unwrap().contains("`ip netns list`"));
    });
}

#[test]
fn what_belongs_to_another_user_is_listed_without_its_process_and_the_last_line_says_so() {
    if !nix::unistd::geteuid().is_root() {
        return support::skip("only root can be another user than the one whose sockets are listed");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    // `nobody`, who may not go where this program was built.
    let copy = std::env::temp_dir().join(format!("netlab-{}", std::process::id()));
    std::fs::copy(env!("CARGO_BIN_EXE_netlab"), &copy).unwrap();
    let output = Command::new(&copy).args(["sockets", "--listening", "--port", &port]).uid(65534).gid(65534).output();
    std::fs::remove_file(&copy).unwrap();
    let output = output.unwrap();
    let [line, last] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(line.contains(&format!("127.0.0.1:{port}")) && !line.contains(" fd "), "{line}");
    assert_eq!(
        last.trim(),
        "1 socket; 1 without a process, because it is another user's: sudo netlab sockets shows it"
    );
}

#[test]
fn names_of_paths_and_interfaces_cannot_act_on_the_terminal() {
    alone("places::names_of_paths_and_interfaces_cannot_act_on_the_terminal", || {
        let path = std::env::temp_dir().join(format!("evil\x1b[2J\u{202e}\n{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let _path = UnixDatagram::bind(&path).unwrap();
        let _abstract =
            UnixDatagram::bind_addr(&Name::from_abstract_name(b"evil\0\xff\x9b\x1b]0;x\x07").unwrap()).unwrap();
        shell("ip link add \"$(printf 'ev\\033[2J')\" type veth peer name other");
        let bound = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        bound.bind_device(Some(b"ev\x1b[2J")).unwrap();
        bound.bind(&"0.0.0.0:8031".parse::<SocketAddr>().unwrap().into()).unwrap();
        for options in [&["-x", "-u"][..], &["-x", "-u", "-v", "--color", "never"], &["-x", "-u", "--json"]] {
            let output = netlab(options).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(!text.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'), "{text:?}");
            let lines: Vec<&str> = text.lines().filter(|line| line.contains("ev")).collect();
            assert!(lines.len() >= 3, "{text}");
        }
        std::fs::remove_file(&path).unwrap();
        let shown = listed(&["-x"]);
        // What is not UTF-8 stands as a character a byte.
        let name = "@evil\0\u{ff}\u{9b}\x1b]0;x\x07";
        assert!(shown.iter().any(|socket| socket["local"] == name), "{shown:?}");
    });
}
