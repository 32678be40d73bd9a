//! What `netlab sockets` says beside ss(8), netstat(8) and lsof(8): the same rows with the same values, of every sort of
//! socket and with ten thousand of them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;

use serde_json::Value;

use crate::alone::alone;
use crate::crowd::Crowd;
use crate::{netlab, support};

/// A socket, in words that all of them have. Ends are `address:port`, mapped addresses without their prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    protocol: String,
    six: bool,
    state: String,
    queues: [String; 2],
    local: String,
    remote: String,
    /// What only some tell.
    more: Vec<String>,
}

/// What a program printed; `None`, having said so, where it is not installed.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => Some(String::from_utf8(output.stdout).unwrap()),
        Err(error) => {
            support::skip(&format!("not compared with {program}: {error}"));
            None
        }
    }
}

fn ours(verbose: bool) -> Vec<Value> {
    let output = netlab(&["--json", "--tcp", "--udp"]).args(verbose.then_some("-v")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What netlab lists, with `-v` or without, each time that somebody else has listed the same.
struct Beside {
    verbose: bool,
    ours: Vec<Value>,
}

impl Beside {
    fn new(verbose: bool) -> Self {
        Self { verbose, ours: ours(verbose) }
    }

    /// Hands on what a program printed while nothing changed, and what netlab did. Closed windows are probed, and what
    /// came is acknowledged late: then once more.
    fn program(&mut self, program: &str, arguments: &[&str], compare: impl Fn(&str, &[Value])) {
        let still = |sockets: &[Value]| {
            let mut sockets = sockets.to_vec();
            for socket in &mut sockets {
                socket.as_object_mut().unwrap().remove("timer_left");
            }
            sockets
        };
        while let Some(said) = said(program, arguments) {
            let before = std::mem::replace(&mut self.ours, ours(self.verbose));
            if still(&before) == still(&self.ours) {
                return compare(&said, &self.ours);
            }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// An end as all of them could write it: 'any' is `*`, so is no port; tells whether it is of IPv6.
fn end(text: &str) -> (String, bool) {
    let (address, port) = text.rsplit_once(':').unwrap_or_else(|| panic!("{text} is no end"));
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let address = address.split_once('%').map_or(address, |(address, _)| address);
    let ip: Option<IpAddr> = address.parse().ok();
    let shown = match ip.map(|ip| ip.to_canonical()) {
        None => "*".to_owned(),
        Some(ip) if ip.is_unspecified() => "*".to_owned(),
        Some(ip) => ip.to_string(),
    };
    (format!("{shown}:{port}"), ip.is_some_and(|ip| ip.is_ipv6()))
}

fn state(word: &str) -> String {
    match word {
        "ESTAB" => "ESTABLISHED",
        "UNCONN" => "UNCONNECTED",
        "SYN_SENT" => "SYN-SENT",
        "SYN-RECV" | "SYN_RECV" => "SYN-RECEIVED",
        "FIN_WAIT1" => "FIN-WAIT-1",
        "FIN_WAIT2" => "FIN-WAIT-2",
        "TIME_WAIT" => "TIME-WAIT",
        "CLOSE_WAIT" => "CLOSE-WAIT",
        "LAST_ACK" => "LAST-ACK",
        other => other,
    }
    .to_owned()
}

fn our_row(socket: &Value) -> Row {
    let [(local, six), (remote, _)] = ["local", "remote"].map(|key| end(&text(&socket[key])));
    let [protocol, state] = ["protocol", "state"].map(|key| text(&socket[key]));
    Row {
        protocol,
        six,
        state,
        queues: ["recv_q", "send_q"].map(|key| text(&socket[key])),
        local,
        remote,
        more: Vec::new(),
    }
}

/// Compares, and says of two long lists only what differs.
#[track_caller]
fn same(with: &str, mut ours: Vec<Row>, mut theirs: Vec<Row>) {
    ours.sort();
    theirs.sort();
    let missing: Vec<&Row> = theirs.iter().filter(|row| ours.binary_search(row).is_err()).take(5).collect();
    let more: Vec<&Row> = ours.iter().filter(|row| theirs.binary_search(row).is_err()).take(5).collect();
    assert!(missing.is_empty() && more.is_empty(), "{with} has\n{missing:#?}\nnetlab has\n{more:#?}");
    assert_eq!(ours.len(), theirs.len(), "{with}");
}

/// Values of ss's words `key:value`.
fn words(line: &str) -> BTreeMap<&str, &str> {
    line.split_whitespace().filter_map(|word| word.split_once(':')).collect()
}

/// Who holds it, as `name pid fd`, from `users:(("name",pid=1,fd=2),...)`.
fn users(line: &str) -> Vec<String> {
    let Some((_, users)) = line.split_once("users:((") else { return Vec::new() };
    let (users, _) = users.split_once("))").unwrap();
    let one = |user: &str| user.replace('"', "").replace(",pid=", " ").replace(",fd=", " ");
    let mut users: Vec<String> = users.split("),(").map(one).collect();
    users.sort();
    users
}

fn our_users(socket: &Value) -> Vec<String> {
    let one = |holder: &Value| ["process", "pid", "fd"].map(|key| text(&holder[key])).join(" ");
    let mut users: Vec<String> = socket["holders"].as_array().into_iter().flatten().map(one).collect();
    users.sort();
    users
}

/// Rows, holders, inode, user, kind of timer.
fn beside_ss(said: &str, ours: &[Value]) {
    let theirs = said.lines().map(|line| {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let words = words(line);
        let [(local, six), (remote, far)] = [parts[4], parts[5]].map(end);
        let mut more = users(line);
        for key in ["ino", "uid"] {
            more.push(words.get(key).unwrap_or(&"0").to_string());
        }
        let timer = words.get("timer").map_or("", |timer| timer.trim_start_matches('(').split(',').next().unwrap());
        more.push(timer.to_owned());
        // `*` is any address of both families.
        let six = six || far || words.contains_key("v6only");
        let queues = [parts[2], parts[3]].map(str::to_owned);
        Row { protocol: parts[0].to_owned(), six, state: state(parts[1]), queues, local, remote, more }
    });
    let ours = ours.iter().map(|socket| {
        let mut row = our_row(socket);
        row.more = our_users(socket);
        row.more.push(text(&socket["inode"]));
        // ss leaves out root, and has no user for TIME-WAIT.
        row.more.push(socket["uid"].as_u64().unwrap_or(0).to_string());
        let timer = match socket["timer"].as_str() {
            None => "",
            Some("retransmission") => "on",
            Some("keep-alive") => "keepalive",
            Some("time-wait") => "timewait",
            Some("probe") => "persist",
            Some(other) => panic!("{other} is no timer"),
        };
        row.more.push(timer.to_owned());
        // Of an unconnected datagram socket of both families, ss writes `*`, which tells no family.
        if row.local.starts_with("*:") && row.remote == "*:*" && socket["v6only"] == false {
            row.six = true;
        }
        row
    });
    same("ss -tuanpeo", ours.collect(), theirs.collect());
}

/// TCP's measures, buffers and congestion control of the sockets that stand still: those without a timer.
fn details_beside_ss(said: &str, ours: &[Value]) {
    let mut compared = 0;
    let by_inode: BTreeMap<String, &str> =
        said.lines().filter_map(|line| Some((words(line).get("ino")?.to_string(), line))).collect();
    for socket in ours.iter().filter(|socket| socket["inode"] != 0 && socket.get("timer").is_none()) {
        let line = by_inode[&text(&socket["inode"])];
        let theirs = words(line);
        let number = |key: &str| theirs.get(key).map_or("0", |value| value).to_owned();
        let half = |key: &str, place: usize| {
            theirs.get(key).and_then(|value| value.split('/').nth(place)).unwrap_or("0").to_owned()
        };
        let memory = |key: &str| {
            let memory = theirs["skmem"].trim_matches(['(', ')']).split(',');
            memory
                .filter_map(|part| part.strip_prefix(key))
                .find(|rest| rest.parse::<u32>().is_ok())
                .unwrap()
                .to_owned()
        };
        let mut expected = vec![
            ("receive_used", memory("r")),
            ("receive_buffer", memory("rb")),
            ("send_used", memory("w")),
            ("send_buffer", memory("tb")),
            ("drops", memory("d")),
        ];
        if socket["protocol"] == "tcp" && socket["state"] != "LISTEN" {
            assert!(line.contains(&format!(" {} ", text(&socket["congestion"]))), "{socket}\n{line}");
            expected.extend([("mss", number("mss")), ("pmtu", number("pmtu")), ("cwnd", number("cwnd"))]);
            for (key, name) in [
                ("bytes_sent", "bytes_sent"),
                ("bytes_acked", "bytes_acked"),
                ("bytes_received", "bytes_received"),
                ("segments_sent", "segs_out"),
                ("segments_received", "segs_in"),
                ("unacked", "unacked"),
                ("window", "snd_wnd"),
            ] {
                expected.push((key, number(name)));
            }
            expected.push(("retransmitted", half("retrans", 1)));
            for (key, theirs) in [("rtt", half("rtt", 0)), ("rtt_variation", half("rtt", 1)), ("rto", number("rto"))] {
                // Theirs are milliseconds with as many digits as they need.
                let difference = socket[key].as_f64().unwrap() * 1000.0 - theirs.parse::<f64>().unwrap();
                assert!(
                    difference.abs() < 0.51e-3_f64.max(theirs.parse::<f64>().unwrap() * 1e-4),
                    "{key}: {socket}\n{line}"
                );
            }
        }
        for (key, value) in expected {
            // An ss older than the value does not have it.
            if key == "window" && !line.contains("snd_wnd") {
                continue;
            }
            assert_eq!(text(&socket[key]), value, "{key}: {socket}\n{line}");
        }
        compared += 1;
    }
    assert!(compared > 10, "{compared}");
}

/// Rows with one of the processes.
fn beside_netstat(said: &str, ours: &[Value], options: &str, protocols: &[&str]) {
    let pids: BTreeMap<(String, String), Vec<String>> =
        ours.iter().map(|socket| ((our_row(socket).local, our_row(socket).remote), our_users(socket))).collect();
    let theirs = said.lines().filter(|line| line.starts_with("tcp") || line.starts_with("udp")).map(|line| {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let (protocol, six) = parts[0].strip_suffix('6').map_or((parts[0], false), |protocol| (protocol, true));
        let [(local, _), (remote, _)] = [parts[3], parts[4]].map(end);
        let mut rest = parts[5..].iter();
        let state = match rest.as_slice().first() {
            Some(word) if word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') => {
                rest.next();
                state(word)
            }
            _ => "UNCONNECTED".to_owned(),
        };
        // `1/init` or `-`: the program's whole name, of one of the processes.
        if let Some((pid, name)) = rest.next().and_then(|program| program.split_once('/')) {
            let known = &pids[&(local.clone(), remote.clone())];
            let fits = |user: &String| {
                let mut words = user.rsplitn(3, ' ');
                let (_, number, process) = (words.next(), words.next(), words.next());
                number == Some(pid) && process.is_some_and(|process| name.starts_with(process))
            };
            assert!(known.iter().any(fits), "{line}\n{known:?}");
        } else if options.contains('p') {
            assert!(pids[&(local.clone(), remote.clone())].is_empty(), "{line}");
        }
        Row {
            protocol: protocol.to_owned(),
            six,
            state,
            queues: [parts[1], parts[2]].map(str::to_owned),
            local,
            remote,
            more: Vec::new(),
        }
    });
    let ours = ours.iter().filter(|socket| protocols.contains(&socket["protocol"].as_str().unwrap())).map(|socket| {
        let mut row = our_row(socket);
        if row.state == "LISTEN" {
            // Which knows what waits to be accepted, and not how many may.
            row.queues[1] = "0".to_owned();
        }
        row
    });
    same(&format!("netstat {options}"), ours.collect(), theirs.collect());
}

/// Rows of a process and a descriptor each.
fn beside_lsof(said: &str, ours: &[Value]) {
    let mut theirs: Vec<Row> = Vec::new();
    let (mut pid, mut process) = (String::new(), String::new());
    for line in said.lines() {
        let (field, value) = line.split_at(1);
        match field {
            "p" => pid = value.to_owned(),
            "c" => process = value.to_owned(),
            "f" => {
                let more = vec![format!("{process} {pid} {value}")];
                theirs.push(Row { state: "UNCONNECTED".into(), more, ..Row::default() });
            }
            _ => {}
        }
        let Some(row) = theirs.last_mut() else { continue };
        match (field, value.split_once('=')) {
            ("t", _) => row.six = value == "IPv6",
            ("P", _) => row.protocol = value.to_lowercase(),
            ("n", _) => {
                let (local, remote) = value.split_once("->").unwrap_or((value, "*:*"));
                (row.local, row.remote) = (end(local).0, end(remote).0);
                if remote != "*:*" {
                    row.state = "ESTABLISHED".into();
                }
            }
            ("T", Some(("ST", word))) => row.state = state(word),
            ("T", Some(("QR", number))) => row.queues[0] = number.to_owned(),
            ("T", Some(("QS", number))) => row.queues[1] = number.to_owned(),
            _ => {}
        }
    }
    let mut expected = Vec::new();
    for socket in ours {
        for user in our_users(socket) {
            let (program, descriptor) = user.rsplit_once(' ').unwrap();
            // Which has room for four digits.
            let descriptor = match descriptor.parse::<u32>().unwrap() {
                number @ 10_000.. => format!("*{:03}", number % 1000),
                number => number.to_string(),
            };
            let mut row = Row { more: vec![format!("{program} {descriptor}")], ..our_row(socket) };
            if row.state == "LISTEN" {
                row.queues[1] = "0".to_owned();
            }
            expected.push(row);
        }
    }
    same("lsof -i", expected, theirs);
}

/// How many sockets were compared.
fn beside_all() -> usize {
    let mut rows = Beside::new(false);
    rows.program("ss", &["-HOtuanpeo"], beside_ss);
    for (options, protocols) in [("-antW", &["tcp"][..]), ("-anuW", &["udp"]), ("-atunpW", &["tcp", "udp"])] {
        rows.program("netstat", &[options], |said, ours| beside_netstat(said, ours, options, protocols));
    }
    rows.program("lsof", &["+c", "0", "-w", "-i", "-n", "-P", "-Tqs", "-F", "pcfPtnT"], beside_lsof);
    Beside::new(true).program("ss", &["-HOtuanpeimo"], details_beside_ss);
    rows.ours.len()
}

#[test]
fn the_same_rows_and_values_of_every_sort_of_socket() {
    alone("beside::the_same_rows_and_values_of_every_sort_of_socket", || {
        let _crowd = Crowd::of_every_sort();
        assert!(beside_all() > 40);
        for state in ["LISTEN", "ESTABLISHED", "SYN-SENT", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "TIME-WAIT"] {
            assert!(ours(false).iter().any(|socket| socket["state"] == state), "{state}");
        }
    });
}

#[test]
fn the_same_rows_and_values_of_ten_thousand_sockets() {
    alone("beside::the_same_rows_and_values_of_ten_thousand_sockets", || {
        let _crowd = match Crowd::of(10_000) {
            Ok(crowd) => crowd,
            Err(why) => return support::skip(&why),
        };
        assert!(beside_all() >= 10_000);
    });
}

#[test]
fn ends_are_compared_without_their_notation() {
    let ends =
        ["[::ffff:127.0.0.1]:80", "127.0.0.1:80", "*:80", ":::80", "[::]:80", "0.0.0.0:*", "127.0.0.1%lo:80", "::1:80"];
    let shown = ends.map(|text| end(text).0);
    assert_eq!(shown, ["127.0.0.1:80", "127.0.0.1:80", "*:80", "*:80", "*:80", "*:*", "127.0.0.1:80", "::1:80"]);
    assert_eq!("[::1]:80".parse::<SocketAddr>().map(|address| end(&address.to_string())), Ok(("::1:80".into(), true)));
}

/// Ends of what `ss` lists with these options, and of what netlab lists with those.
#[track_caller]
fn same_choice(theirs: &[&str], ours: &[&str]) {
    let Some(said) = said("ss", &[&["-HOn"], theirs].concat()) else { return };
    let ends = |line: &str| {
        let parts: Vec<&str> = line.split_whitespace().collect();
        // Where one protocol was asked for, ss leaves its column out; where one state was, that one.
        let first = parts.iter().position(|part| part.contains(':')).unwrap_or_else(|| panic!("{line}"));
        format!("{} {}", end(parts[first]).0, end(parts[first + 1]).0)
    };
    let mut theirs: Vec<String> = said.lines().map(ends).collect();
    let output = netlab(ours).arg("--json").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut shown: Vec<String> = text
        .lines()
        .map(|line| our_row(&serde_json::from_str(line).unwrap()))
        .map(|row| format!("{} {}", row.local, row.remote))
        .collect();
    theirs.sort();
    shown.sort();
    assert_eq!(shown, theirs, "{ours:?}");
    assert!(!shown.is_empty(), "{ours:?}");
}

#[test]
fn options_choose_what_those_of_ss_choose() {
    alone("beside::options_choose_what_those_of_ss_choose", || {
        let _crowd = Crowd::of_every_sort();
        same_choice(&["-tl"], &["-t", "-l"]);
        same_choice(&["-ul"], &["--udp", "--listening"]);
        same_choice(&["-tul"], &["-tul"]);
        same_choice(&["-t", "state", "time-wait"], &["-t", "--state", "time-wait"]);
        same_choice(
            &["-t", "state", "fin-wait-1", "state", "close-wait"],
            &["--state", "FIN_WAIT1", "--state", "CLOSE-WAIT"],
        );
        same_choice(&["-ta", "sport", "=", ":8001", "or", "dport", "=", ":8001"], &["--tcp", "--port", "8001"]);
        same_choice(&["-tl", "sport", "=", ":8001"], &["--tcp", "--port", "8001", "-l"]);
        same_choice(&["-ua", "sport", "=", ":8041"], &["--process", "sleep"]);
        let us = std::process::id().to_string();
        same_choice(&["-ua", "sport", "=", ":8041"], &["--udp", "--pid", &us, "--port", "8041"]);
    });
}
