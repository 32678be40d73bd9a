//! `netlab capture` and `netlab interfaces` on real interfaces, in network namespaces of their own.
//!
//! Each test drives a shell in its namespace (`support/shell.rs`).

#[path = "support/network.rs"]
mod network;
#[path = "support/shell.rs"]
mod shell;
mod support;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use network::NETLAB;
use shell::Shell;
use support::skip;

/// A veth pair whose one end sends to a neighbour that only exists in the table.
const VETH: &str = "ip link add va type veth peer name vb; \
    sysctl -qw net.ipv6.conf.va.disable_ipv6=1 net.ipv6.conf.vb.disable_ipv6=1 2>/dev/null || true; \
    ip link set va up; ip link set vb up; ip address add 10.9.0.1/24 dev va; \
    ip neighbour add 10.9.0.2 lladdr 02:00:00:00:00:02 dev va";

/// Lines of packets in the standard output.
fn packets(out: &str) -> usize {
    out.lines().filter(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit())).count()
}

#[test]
fn a_packet_sent_after_ready_is_there_however_soon_the_stop_comes() {
    let Some(mut shell) = Shell::start("") else { return };
    for interface in ["any", "lo"] {
        for round in 0..10 {
            shell.capture(&format!("-i {interface} --port 8005 -q -w {interface}.pcapng"));
            shell.run("echo hello > /dev/udp/127.0.0.1/8005; kill -INT $capture; wait $capture; echo status $? >&2");
            assert!(shell.wait_for("status 0"), "{interface} round {round}: {}", shell.said);
            // The datagram and the answer that nothing listens.
            let whole = "2 packets seen; 2 received by the filter, 0 dropped by the kernel";
            assert!(shell.said.contains(whole), "{interface} round {round}: {}", shell.said);
            shell.said.clear();
        }
    }
    let left = shell.end("$NETLAB read any.pcapng; $NETLAB read lo.pcapng");
    assert_eq!(packets(&left.out), 4, "{}{}", left.out, left.talk);
}

#[test]
fn the_stop_by_count_and_by_duration_is_success() {
    let Some(mut shell) = Shell::start("") else { return };
    shell.capture("--port 8005 -c 1");
    shell.run("echo one > /dev/udp/127.0.0.1/8005; wait $capture; echo status $? >&2");
    assert!(shell.wait_for("status 0"), "{}", shell.said);
    shell.run("$NETLAB capture --duration 1ms -q; echo status $? >&2");
    assert!(shell.wait_for("status 0"), "{}", shell.said);
    let left = shell.end("");
    assert_eq!(packets(&left.out), 1, "{}", left.out);
    assert!(left.out.contains("127.0.0.1:8005"), "{}", left.out);
}

#[test]
fn a_chart_grows_with_the_packets() {
    let Some(mut shell) = Shell::start("") else { return };
    shell.capture("-i lo --port 8005 -c 2 --ladder --ascii");
    let left = shell.end("echo hello > /dev/udp/127.0.0.1/8005; wait $capture; echo status $?");
    let rows: Vec<&str> = left.out.lines().collect();
    assert!(left.out.ends_with("status 0\n") && rows[0].ends_with(" 127.0.0.1:8005"), "{}{}", left.out, left.talk);
    assert!(rows[1].starts_with("    0.000 |- 1 UDP len 6 \"hello\\n\" --") && rows[1].ends_with(">|"), "{}", left.out);
    let refused = rows.iter().find(|row| row.contains("2 ICMP"));
    assert!(refused.is_some_and(|row| row.contains(" |<~") && row.ends_with("~|")), "{}", left.out);
}

#[test]
fn an_interrupt_before_the_first_packet_is_130() {
    let Some(mut shell) = Shell::start("") else { return };
    shell.capture("--port 8005");
    let left = shell.end("kill -INT $capture; wait $capture; echo status $?");
    assert!(left.out.contains("status 130"), "{}{}", left.out, left.talk);
    assert!(left.talk.contains("0 packets seen"), "{}", left.talk);
}

#[test]
fn a_vanished_interface_ends_the_capture_with_all_that_came_before() {
    let Some(mut shell) = Shell::start(VETH) else { return };
    shell.capture("-i vb --port 8005 -q -w gone.pcap");
    let left = shell.end(
        "for n in 1 2 3 4 5; do echo $n > /dev/udp/10.9.0.2/8005; done; ip link del va; \
         wait $capture; echo status $?; $NETLAB read gone.pcap",
    );
    assert!(left.out.contains("status 2"), "{}{}", left.out, left.talk);
    assert!(left.talk.contains("the capture on vb ended"), "{}", left.talk);
    assert_eq!(packets(&left.out), 5, "{}", left.out);
}

#[test]
fn a_full_disk_ends_the_capture_and_leaves_a_readable_file() {
    let setup = "mkdir small; mount -t tmpfs -o size=64k none small";
    let Some(mut shell) = Shell::start(setup) else { return };
    shell.capture("-i lo --port 8005 -q -w small/full.pcapng");
    let left = shell.end(
        "for n in 1 2 3 4 5 6 7 8; do dd if=/dev/zero bs=16000 count=1 status=none > /dev/udp/127.0.0.1/8005; done; \
         wait $capture; echo status $?; $NETLAB read small/full.pcapng; echo status $?",
    );
    assert!(left.out.starts_with("status 2\n"), "{}{}", left.out, left.talk);
    assert!(left.out.ends_with("status 0\n") && packets(&left.out) > 0, "{}{}", left.out, left.talk);
    assert_eq!(left.talk.matches("No space left").count(), 1, "{}", left.talk);
}

#[test]
fn a_closed_pipe_is_success() {
    let Some(mut shell) = Shell::start("mkfifo pipe") else { return };
    shell.run("head -n 1 pipe & $NETLAB capture --ready --port 8005 > pipe & capture=$!");
    assert!(shell.wait_for("READY"), "{}", shell.said);
    let left = shell.end(
        "while kill -0 $capture 2>/dev/null; do echo x > /dev/udp/127.0.0.1/8005; done; wait $capture; echo status $?",
    );
    assert!(left.out.contains("status 0"), "{}{}", left.out, left.talk);
    assert_eq!(packets(&left.out), 1, "{}", left.out);
}

#[test]
fn a_port_takes_all_fragments_and_tagged_frames() {
    let vlan = "; ip link add link va name va.7 type vlan id 7; ip link set va.7 up; ip address add 10.7.0.1/24 dev va.7; \
                ip neighbour add 10.7.0.2 lladdr 02:00:00:00:00:02 dev va.7";
    let Some(mut shell) = Shell::start(&format!("{VETH}{vlan}")) else { return };
    // Three fragments; another port that must not come along; the same behind a tag.
    let send = "dd if=/dev/zero bs=4000 count=1 status=none > /dev/udp/10.9.0.2/8005; echo no > /dev/udp/10.9.0.2/9; \
                echo tagged > /dev/udp/10.7.0.2/8005; kill -INT $capture; wait $capture; echo status $? >&2";
    shell.capture("-i vb --port 8005 -q -w vb.pcap");
    shell.run(send);
    assert!(shell.wait_for("status 0"), "{}", shell.said);
    assert!(shell.said.contains("4 packets seen"), "{}", shell.said);
    shell.said.clear();
    // On `any` a packet is seen on each interface it crosses: out on va.7 and va, in on vb.
    shell.capture("--port 8005 -q");
    shell.run(send);
    assert!(shell.wait_for("status 0"), "{}", shell.said);
    assert!(shell.said.contains("9 packets seen"), "{}", shell.said);
    let left = shell.end("$NETLAB read vb.pcap -e vlan.id,udp.dstport");
    assert!(left.out.lines().any(|line| line == "7\t8005"), "the tag is in the file: {}", left.out);
}

#[test]
fn several_interfaces_are_one_capture_in_the_order_of_time() {
    let Some(mut shell) = Shell::start(VETH) else { return };
    shell.capture("-i va -i vb -i lo --port 8005 -w both.pcapng -q");
    shell.run("for n in 1 2 3; do echo $n > /dev/udp/10.9.0.2/8005; echo $n > /dev/udp/127.0.0.1/8005; done");
    shell.run("kill -INT $capture; wait $capture; echo status $? >&2");
    assert!(shell.wait_for("status 0"), "{}", shell.said);
    let left = shell.end("$NETLAB read both.pcapng -e frame.time_delta,frame.interface_id");
    let rows: Vec<&str> = left.out.lines().collect();
    // Each datagram on va and on vb; on lo with the answer that nothing listens.
    assert_eq!(rows.len(), 3 * 4, "{}{}", left.out, left.talk);
    assert!(rows.iter().all(|row| !row.starts_with('-')), "time runs backwards: {}", left.out);
}

#[test]
fn files_rotate_and_the_oldest_go() {
    let Some(mut shell) = Shell::start("") else { return };
    shell.capture("-i lo --port 8005 -q -w row.pcap --rotate 40kB --keep 2");
    let left = shell.end(
        "for n in 1 2 3 4 5 6 7 8; do dd if=/dev/zero bs=16000 count=1 status=none > /dev/udp/127.0.0.1/8005; done; \
         kill -INT $capture; wait $capture; echo status $?; ls row*",
    );
    assert!(left.out.starts_with("status 0\n"), "{}{}", left.out, left.talk);
    assert_eq!(left.out.lines().filter(|line| line.starts_with("row-")).count(), 2, "{}", left.out);
    assert!(!left.out.contains("row-00001"), "{}", left.out);
}

#[test]
fn a_wrong_filter_and_a_wrong_name_say_what_to_do() {
    let Some(shell) = Shell::start("") else { return };
    let left = shell.end(
        "$NETLAB capture -f 'prot 80'; echo status $?; $NETLAB capture -i lo0; echo status $?; \
         $NETLAB capture -f 'vlan 3'; echo status $?",
    );
    assert_eq!(left.out, "status 2\nstatus 2\nstatus 2\n", "{}", left.talk);
    for part in ["the filter 'prot 80' is refused", "pcap-filter(7)", "did you mean lo?", "there are: lo", "with -i"] {
        assert!(left.talk.contains(part), "{part}: {}", left.talk);
    }
}

#[test]
fn without_permission_one_error_names_the_capability_the_command_and_the_way_without() {
    let root = nix::unistd::geteuid().is_root();
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--", NETLAB];
    let mut command = if root { Command::new("setpriv") } else { Command::new(NETLAB) };
    if root {
        command.args(nobody);
    }
    let Ok(output) = command.args(["capture", "-c", "1"]).output() else { return skip("no setpriv(1) here") };
    let talk = String::from_utf8_lossy(&output.stderr);
    if output.status.code() != Some(2) || talk.starts_with("setpriv") {
        return skip(&format!("nobody cannot run {NETLAB}, or may capture: {}", talk.trim()));
    }
    let command = format!("sudo setcap cap_net_raw+ep {}", std::fs::canonicalize(NETLAB).unwrap().display());
    for part in ["CAP_NET_RAW", &command, "netlab demo"] {
        assert!(talk.contains(part), "{part}: {talk}");
    }
    assert_eq!(talk.matches("netlab: ").count(), 1, "one error: {talk}");
}

/// What each thread of a capture that is started by root may do, what it says, and whose its file is.
fn standing(directory: &Path, file: &str, arguments: &[&str], sudo: bool) -> (Vec<String>, String, u32) {
    let mut capture = Command::new(NETLAB);
    capture.args(["capture", "-i", "lo", "--ready", "-q", "-w"]).arg(directory.join(file)).args(arguments);
    capture.env_remove("SUDO_UID").env_remove("SUDO_GID").stderr(Stdio::piped());
    if sudo {
        capture.env("SUDO_UID", "65534").env("SUDO_GID", "65534");
    }
    let mut child = capture.spawn().unwrap();
    let mut talk = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("READY") && talk.read_line(&mut said).unwrap() > 0 {}
    let tasks: Vec<String> = std::fs::read_dir(format!("/proc/{}/task", child.id()))
        .unwrap()
        .map(|task| std::fs::read_to_string(task.unwrap().path().join("status")).unwrap())
        .collect();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), nix::sys::signal::SIGINT).unwrap();
    child.wait().unwrap();
    assert!(tasks.len() > 1, "the thread that reads was not there: {said}");
    (tasks, said, std::fs::metadata(directory.join(file)).unwrap().uid())
}

#[test]
fn root_is_given_up_in_every_thread_but_for_what_it_takes_to_see_whose_a_socket_is() {
    if !nix::unistd::geteuid().is_root() {
        return skip("not root");
    }
    let Some(mut shell) = Shell::start("") else { return };
    // As root, and in the first user namespace, where other users exist.
    for (file, arguments, sudo, kept) in [
        ("a.pcapng", &[][..], true, "0000000000080004"),
        ("b.pcapng", &["--no-process"], true, "0000000000000000"),
        ("c.pcapng", &[], false, "0000000000080004"),
        ("d.pcapng", &["--no-process"], false, "0000000000000000"),
    ] {
        let (tasks, said, owner) = standing(&shell.directory, file, arguments, sudo);
        let says = said.matches("kept CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH").count();
        assert_eq!(says, usize::from(arguments.is_empty()), "{said}");
        let user = if sudo { 65534 } else { 0 };
        assert_eq!(owner, user);
        for task in tasks {
            for line in [
                format!("Uid:\t{user}\t{user}\t{user}\t{user}"),
                format!("CapPrm:\t{kept}"),
                format!("CapEff:\t{kept}"),
                "CapInh:\t0000000000000000".to_owned(),
                "CapAmb:\t0000000000000000".to_owned(),
                "NoNewPrivs:\t1".to_owned(),
            ] {
                assert!(task.contains(&line), "{line}:\n{task}");
            }
        }
    }
    shell.run("exit");
}

#[test]
fn interfaces_lists_what_is_in_this_namespace() {
    let Some(shell) = Shell::start(VETH) else { return };
    let left = shell.end("$NETLAB interfaces --interval 1ms; $NETLAB interfaces --interval 1ms --json");
    for part in ["10.9.0.1/24", r#""name":"va","link_type":"ETHERNET""#, r#""addresses":["127.0.0.1/8""#] {
        assert!(left.out.contains(part), "{part}: {}{}", left.out, left.talk);
    }
    assert_eq!(left.out.lines().filter(|line| line.starts_with('{')).count(), 3, "{}", left.out);
}
