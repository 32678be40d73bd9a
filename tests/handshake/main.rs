//! `netlab handshake` against real kernels: on a LAN of two hosts, over a cable to the machine itself, in a private
//! network. What the other kernel thinks of it is read from that kernel.
//!
//! Needs no root; where this kernel refuses namespaces, each test says so.

// A kernel is waited for, not for ever.
#![allow(clippy::disallowed_methods)]

#[path = "../support/network.rs"]
mod network;
#[path = "../support/mod.rs"]
mod support;

mod left;

use std::io::{BufReader, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

use network::{NETLAB, Network, hosts, wait_for};

/// Sends back what comes, on both families, until the other end has closed.
const ECHO: &str = "import socket as s
l = s.create_server(('::', 7), family=s.AF_INET6, dualstack_ipv6=True)
print('ready')
while 1:
    c = l.accept()[0]
    try:
        while d := c.recv(65536): c.sendall(d)
    except ConnectionResetError: pass
    c.close()";

/// Two hosts on one Ethernet, `there` with an echo server on port 7.
fn lan() -> Option<Network> {
    let mut network = hosts(&["here", "there"])
        .cable(["here", "eth0"], ["there", "eth0"])
        .up("here", "eth0", &["10.0.5.1/24", "fd00:5::1/64"])
        .up("there", "eth0", &["10.0.5.2/24", "fd00:5::2/64"])
        .start()?;
    network.python("there", ECHO);
    Some(network)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The words behind `handshake`, on a host of the network.
fn handshake(network: &Network, words: &str) -> Command {
    let words: Vec<&str> = ["handshake"].into_iter().chain(words.split(' ')).collect();
    let mut command = network.netlab("here", &words);
    command.env("NETLAB_LANG", "en");
    command
}

/// Asserts the exit code, and that each sign stands behind the one before it.
#[track_caller]
fn tells(output: &Output, code: i32, signs: &[&str]) -> String {
    let told = format!("{}--- {}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{told}");
    let mut rest = told.as_str();
    for sign in signs {
        let Some(at) = rest.find(sign) else { panic!("{sign:?} is not, or not in its place, in\n{told}") };
        rest = &rest[at + sign.len()..];
    }
    told
}

#[track_caller]
fn ends(network: &Network, words: &str, code: i32, signs: &[&str]) -> String {
    tells(&handshake(network, words).output().unwrap(), code, signs)
}

/// The same in a private network that netlab makes; `None`, having said why, where there is none.
#[track_caller]
fn private(words: &str, code: i32, signs: &[&str]) -> Option<String> {
    let mut command = Command::new(NETLAB);
    command.arg("handshake").args(words.split(' ')).arg("--private").env("NETLAB_LANG", "en").stdin(Stdio::null());
    let output = command.output().unwrap();
    let talk = text(&output.stderr);
    if talk.contains("there is no private network") {
        support::skip(talk.lines().next().unwrap_or_default());
        return None;
    }
    Some(tells(&output, code, signs))
}

/// A handshake that goes on key by key.
struct Stepping {
    child: Child,
    keys: ChildStdin,
    talk: BufReader<ChildStderr>,
}

impl Stepping {
    fn start(mut command: Command) -> Self {
        let mut child = command.arg("--step").stdin(Stdio::piped()).spawn().unwrap();
        let (keys, talk) = (child.stdin.take().unwrap(), BufReader::new(child.stderr.take().unwrap()));
        Self { child, keys, talk }
    }

    /// Waits until it announces this, and presses a key for it.
    #[track_caller]
    fn press(&mut self, next: &str) {
        self.waits(next);
        self.key();
    }

    #[track_caller]
    fn waits(&mut self, next: &str) {
        wait_for(&format!("next: {next}"), &mut self.talk);
    }

    fn key(&mut self) {
        self.keys.write_all(b"\n").unwrap();
    }

    /// Lets it go on by itself; the code and what it printed.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.keys);
        let mut printed = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        (self.child.wait().unwrap().code(), printed)
    }
}

/// The states of the connections of the port on `there`, as its kernel has them (include/net/tcp_states.h), without those
/// that listen.
fn states(network: &Network, port: u16) -> Vec<String> {
    let table = network.said("there", "cat", &["/proc/net/tcp", "/proc/net/tcp6"]);
    let port = format!(":{port:04X}");
    let of = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (local, state) = (words.next()?, words.nth(1)?);
        (local.ends_with(&port) && state != "0A").then(|| state.to_owned())
    };
    table.lines().filter_map(of).collect()
}

/// Waits until the port's connections on `there` are in these states.
#[track_caller]
fn reaches(network: &Network, port: u16, wanted: &[&str]) {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let states = states(network, port);
        if states == wanted {
            return;
        }
        assert!(Instant::now() < until, "the connections of port {port} are in {states:?}, not {wanted:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

const ESTABLISHED: &str = "01";
const SYN_RECV: &str = "03";
const CLOSE_WAIT: &str = "08";

#[test]
fn step_by_step_the_other_kernel_goes_through_the_states_that_are_told() {
    let Some(network) = lan() else { return };
    // A program that takes the connection, and closes when it is told.
    let (mut server, mut said) = network.student(
        "there",
        "import socket as s\nl = s.create_server(('10.0.5.2', 9000)); print('ready')\nc = l.accept()[0]\n\
         print(c.recv(100).decode()); assert c.recv(100) == b''\nprint('end')\nimport time\ntime.sleep(.2); c.close(); print('closed')",
    );
    let mut step = Stepping::start(handshake(&network, "10.0.5.2 9000 --data hello"));
    step.waits("SYN");
    assert!(states(&network, 9000).is_empty());
    step.key();
    step.waits("ACK: the third step");
    reaches(&network, 9000, &[SYN_RECV]);
    step.key();
    step.waits("the data");
    reaches(&network, 9000, &[ESTABLISHED]);
    let told = network.netlab("there", &["sockets", "--port", "9000"]).output().unwrap();
    assert!(text(&told.stdout).contains("ESTABLISHED"), "{}", text(&told.stdout));
    step.key();
    wait_for("hello", &mut said);
    step.press("FIN");
    wait_for("end", &mut said);
    reaches(&network, 9000, &[CLOSE_WAIT]);
    step.press("ACK: its FIN has come");
    reaches(&network, 9000, &[]);
    let (code, printed) = step.end();
    assert_eq!(code, Some(0), "{printed}");
    let signs = [
        "here SYN-SENT, peer LISTEN",
        "SYN,ACK seq 0 ack 1",
        "here ESTABLISHED, peer SYN-RECEIVED",
        "here ESTABLISHED, peer ESTABLISHED",
        "here FIN-WAIT-1, peer CLOSE-WAIT once that arrives",
        "here FIN-WAIT-2, peer CLOSE-WAIT",
        "here TIME-WAIT, peer LAST-ACK",
        "here TIME-WAIT, peer CLOSED once that arrives",
        "closed in four steps: FIN, ACK, FIN, ACK",
        "5 bytes of ours acknowledged, 0 bytes came",
    ];
    let mut rest = printed.as_str();
    for sign in signs {
        rest = &rest[rest.find(sign).unwrap_or_else(|| panic!("{sign:?} not in its place:\n{printed}"))..];
    }
    server.wait().unwrap();
}

#[test]
fn data_comes_back_and_both_ends_close_on_both_families() {
    let Some(network) = lan() else { return };
    for target in ["10.0.5.2 7", "fd00:5::2 7"] {
        let words = format!("{target} --data hello");
        let signs = ["SYN seq 0", "SYN,ACK", "ACK", "\"hello\"", "\"hello\"", "FIN,ACK", "closed in four steps"];
        let told = ends(&network, &words, 0, &signs);
        assert!(told.contains("5 bytes of ours acknowledged, 5 bytes came"), "{told}");
        assert!(!told.contains("RST"), "nobody resets it:\n{told}");
        reaches(&network, 7, &[]);
    }
    // As much as the kernel puts together into one frame comes back as well.
    let long = "x".repeat(20_000);
    ends(&network, &format!("10.0.5.2 7 --data {long}"), 0, &["20000 bytes of ours acknowledged, 20000 bytes came"]);
    ends(&network, "10.0.5.2 81", 1, &["SYN", "RST,ACK", "refused: RST answers the SYN"]);
    ends(&network, "fd00:5::2 81", 1, &["SYN", "RST,ACK", "refused: RST answers the SYN"]);
}

#[test]
fn an_open_half_stays_in_the_other_kernel_until_our_reset() {
    let Some(network) = lan() else { return };
    let mut child = handshake(&network, "10.0.5.2 7 --half-open --watch 3500ms").spawn().unwrap();
    reaches(&network, 7, &[SYN_RECV]);
    let status = child.wait().unwrap();
    let mut printed = String::new();
    child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    assert_eq!((status.code(), printed.matches("SYN,ACK seq 0 ack 1").count()), (Some(0), 3), "{printed}");
    assert!(printed.contains("repeat 2, 2.0 s after the one before"), "{printed}");
    reaches(&network, 7, &[]);
}

#[test]
fn an_abort_reaches_the_program_as_a_reset() {
    let Some(network) = lan() else { return };
    let (mut server, mut said) =
        network.student("there", &ECHO.replace("7)", "9000)").replace("pass", "print('reset')"));
    ends(&network, "10.0.5.2 9000 --data x --abort", 0, &["RST,ACK", "aborted"]);
    wait_for("reset", &mut said);
    reaches(&network, 9000, &[]);
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn a_kernel_answers_what_does_not_fit_as_the_rfcs_say() {
    let words = "10.0.5.2 7 --data hello --data-in-syn --wrong-ack --old-seq --old-ack --syn-again --rst-aside";
    let signs = [
        "SYN seq 0 len 5",
        "the SYN,ACK acknowledges the SYN and none of its 5 bytes",
        "ACK ack 1001",
        "RST seq 1001",
        "the wrong ACK gets a RST that has its very number",
        "len 3 \"old\"",
        "old data is not taken again",
        "an ACK older than any that can be under way gets a challenge ACK",
        "a SYN in the middle changes nothing and gets a challenge ACK",
        "a RST whose number is not exactly the next one gets a challenge ACK",
        "closed in four steps",
        "5 bytes of ours acknowledged, 5 bytes came",
    ];
    private(words, 0, &signs);
    // RFC 9293 wants an ACK; kernels of some years say nothing.
    private("fd00:5::2 7 --future-ack", 0, &["an ACK of what was not sent yet", "closed in four steps"]);
}

#[test]
fn a_host_that_is_not_there_is_not_asked_for_a_connection() {
    private("10.0.5.77 7", 1, &["silence: nobody on lan0 has the address 10.0.5.77, says ARP; no SYN was sent"]);
    private("fd00:5::77 7", 1, &["silence", "says neighbour discovery"]);
}

#[test]
fn a_firewall_is_met_with_silence_and_its_word_told() {
    let Some(network) = lan() else { return };
    let rule = |verdict: &str| {
        format!(
            "printf 'table inet t {{ chain c {{ type filter hook input priority 0; tcp dport 7 {verdict}; }}; }}' | nft -f -"
        )
    };
    if let Err(why) = network.try_sh("there", &rule("drop")) {
        return support::skip(&why);
    }
    ends(&network, "10.0.5.2 7 --attempts 2", 1, &["SYN", "SYN", "sent again", "silence: no answer to 2 SYNs"]);
    network.sh("there", &format!("nft flush ruleset; {}", rule("reject with icmpx admin-prohibited")));
    let told = "unreachable: 10.0.5.2 says administratively prohibited (ICMP type 3, code 13)";
    ends(&network, "10.0.5.2 7", 1, &["SYN", told]);
}

#[test]
fn an_address_that_somebody_has_is_not_taken() {
    let Some(network) = lan() else { return };
    ends(&network, "10.0.5.2 7 --source 10.0.5.2", 2, &["10.0.5.2 is not free"]);
    network.sh("there", "ip addr add 10.0.5.3/24 dev eth0; ip addr add fd00:5::3/64 dev eth0 nodad");
    ends(&network, "10.0.5.2 7 --source 10.0.5.3", 2, &["10.0.5.3 is not free", "has it on eth0"]);
    ends(&network, "fd00:5::2 7 --source fd00:5::3", 2, &["fd00:5::3 is not free", "has it on eth0"]);
    // Somebody takes it in the middle: not one packet more.
    let mut step = Stepping::start(handshake(&network, "10.0.5.2 7 --source 10.0.5.9"));
    step.press("SYN");
    step.waits("ACK: the third step");
    // Whoever speaks from an address asks by ARP in its name; who is asked need not answer.
    let speak = format!("{NETLAB} client connect --host 10.0.5.77 --from 10.0.5.9 --timeout 1s");
    network.sh("there", &format!("ip addr add 10.0.5.9/24 dev eth0; {speak} > /dev/null 2>&1 || true"));
    let (code, printed) = step.end();
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("given up:") && printed.contains("has the address 10.0.5.9"), "{printed}");
}

#[test]
fn a_kernel_that_forwards_does_not_meddle() {
    let Some(network) = lan() else { return };
    network.sh("here", "echo 1 > /proc/sys/net/ipv4/ip_forward");
    ends(&network, "10.0.5.2 7 --data hello", 0, &["5 bytes of ours acknowledged, 5 bytes came"]);
    let counters = network.said("here", "cat", &["/proc/net/snmp"]);
    let mut lines = counters.lines().filter(|line| line.starts_with("Icmp:"));
    let (names, figures) = (lines.next().unwrap(), lines.next().unwrap());
    let redirects = names.split(' ').zip(figures.split(' ')).find(|(name, _)| *name == "OutRedirects");
    assert_eq!(redirects, Some(("OutRedirects", "0")));
}

#[test]
fn tshark_finds_no_fault_in_what_is_sent() {
    let version = Command::new("tshark").arg("-v").output();
    if !version.is_ok_and(|version| version.status.success()) {
        return support::skip("no tshark here");
    }
    let Some(network) = lan() else { return };
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("handshake-{}.pcap", std::process::id()));
    let path = file.to_str().unwrap();
    let mut capture = network.netlab("there", &["capture", "-i", "eth0", "--ready", "-w", path]).spawn().unwrap();
    wait_for("READY", &mut BufReader::new(capture.stderr.take().unwrap()));
    for target in ["10.0.5.2 7 --source 10.0.5.9", "fd00:5::2 7 --source fd00:5::9"] {
        ends(&network, &format!("{target} --data hello --data-in-syn --wrong-ack"), 0, &[]);
        ends(&network, &format!("{target} --data hello --abort"), 0, &[]);
    }
    // The process in the namespaces is a child of nsenter's, which has become it.
    network.sh("here", "true");
    let _ = Command::new("kill").args(["-INT", &capture.id().to_string()]).status();
    capture.wait().unwrap();
    let ours = "(ip.src == 10.0.5.9 || ipv6.src == fd00:5::9 || arp.src.proto_ipv4 == 10.0.5.9)";
    let tshark = |filter: &str| {
        let checks = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"];
        let output = Command::new("tshark").args(["-r", path]).args(checks).args(["-Y", filter]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(tshark(ours).lines().count() > 20, "{}", tshark(ours));
    let faults = "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || icmpv6.checksum.status == 0 \
                  || _ws.expert.severity == error";
    assert_eq!(tshark(&format!("{ours} && ({faults})")), "");
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn fields_go_to_standard_output_and_sentences_beside_it() {
    let Some(told) = private("10.0.5.2 7 --data hi -e tcp.flags.str,tcp.len", 0, &["·S·\t0"]) else { return };
    let (out, talk) = told.split_once("--- ").unwrap();
    assert!(out.lines().all(|line| line.contains('\t')) && talk.contains("closed in four steps"), "{told}");
}

#[test]
fn mistakes_are_named_with_what_would_do() {
    let of = |words: &str, sign: &str| {
        let mut command = Command::new(NETLAB);
        command.arg("handshake").args(words.split(' ')).arg("--dry-run").env("NETLAB_LANG", "en").stdin(Stdio::null());
        tells(&command.output().unwrap(), 2, &[sign]);
    };
    of("::1 80", "name another address of this machine");
    of("127.0.0.1 0", "0 is not in");
    of("239.1.2.3 80", "239.1.2.3 is no address of one host");
    of("127.0.0.1 80 --source fd00::1", "--source is of another family");
    of("127.0.0.1 80 --bytes 0g", "not pairs of hexadecimal digits");
    of("127.0.0.1 80 --half-open --abort", "cannot be used with");
}
