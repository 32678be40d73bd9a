//! Which program is at an end of a packet: `netlab capture` beside real servers and clients, in namespaces of their own.
//!
//! The programs are netlab itself under other names, and the shell. What they answer shows who was there.

#[path = "support/network.rs"]
mod network;
#[path = "support/shell.rs"]
mod shell;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use shell::Shell;

/// netlab under the name `alpha` and `beta`, and a way to wait for a server without another program.
const CAST: &str = "cp $NETLAB alpha; cp $NETLAB beta; \
    ask() { { exec 3<>/dev/tcp/$1/8005; } 2>/dev/null && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && read -r -t 5 line <&3; exec 3>&-; }; \
    up() { until { exec 3<>/dev/tcp/$1/8005; } 2>/dev/null; do :; done; exec 3>&-; }; \
    rows() { while mapfile -t lines < $1 && (( ${#lines[@]} < $2 )); do :; done; }";

fn objects(text: &str) -> Vec<Value> {
    text.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the server's end of a packet is called, and how sure that is.
fn server(packet: &Value) -> (Option<&str>, &str) {
    let side = if packet["tcp.dstport"] == 8005 { "dst" } else { "src" };
    let said = |what: &str| packet[format!("netlab.process.{side}.{what}")].as_str();
    (said("name"), said("certainty").unwrap())
}

#[test]
fn short_connections_are_the_servers_though_nobody_saw_their_sockets() {
    let Some(mut shell) = Shell::start(CAST) else { return };
    for address in ["127.0.0.1", "::1"] {
        let listen = if address == "::1" { "--any" } else { "" };
        shell.run(&format!("./alpha serve http-hello {listen} --port 8005 >/dev/null & alpha=$!; up {address}"));
        shell.capture("--port 8005 --json >> short.json");
        shell.run(&format!("for ((n = 0; n < 1500; n++)); do ask {address}; done; kill -INT $capture; wait $capture"));
        shell.run("kill -9 $alpha; wait $alpha");
    }
    let left = shell.end("cat short.json");
    let packets = objects(&left.out);
    let (mut right, mut clients) = (0, 0);
    for packet in &packets {
        match server(packet) {
            (Some("alpha"), _) => right += 1,
            (name, certainty) => assert_eq!((name, certainty), (None, "unknown"), "{packet}"),
        }
        let other = if packet["tcp.dstport"] == 8005 { "src" } else { "dst" };
        if let Some(name) = packet[format!("netlab.process.{other}.name")].as_str() {
            assert_eq!(name, "bash", "{packet}");
            clients += 1;
        }
    }
    assert!(packets.len() > 3000 * 8, "{} packets: {}", packets.len(), left.talk);
    assert!(right * 100 >= packets.len() * 99, "{right} of {} are alpha's, {clients} of the client's", packets.len());
}

#[test]
fn a_port_that_changes_hands_under_load_is_never_said_to_be_the_others() {
    let Some(mut shell) = Shell::start(CAST) else { return };
    let fields = "tcp.stream,tcp.srcport,tcp.flags.syn,tcp.flags.reset,data.data,netlab.process.src.name,netlab.process.dst.name";
    // As plain data: both servers speak of HTTP, and all their bytes are wanted.
    shell.capture(&format!("--port 8005 --decode-as tcp.port==8005,data -e {fields} > hands.txt"));
    // A client asks all the time, another one counts, while two servers take turns.
    shell.run("(while [[ ! -e done ]]; do ask 127.0.0.1; done 2>/dev/null) & turns=0");
    shell.run(
        "while (( turns++ < 3 )); do for who in 'alpha serve http-hello' 'beta serve upper'; do \
           ./$who --port 8005 >/dev/null 2>&1 & server=$!; up 127.0.0.1; \
           for ((n = 0; n < 600; n++)); do ask 127.0.0.1; done; kill -9 $server; wait $server 2>/dev/null; \
         done; done 2>/dev/null; touch done; kill -INT $capture; wait $capture; cat hands.txt",
    );
    let left = shell.end("");
    // alpha answers in HTTP, beta with what it was asked: `GET / HTTP/1.0`.
    let mut truth: BTreeMap<&str, &str> = BTreeMap::new();
    let mut said: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut answered: BTreeSet<&str> = BTreeSet::new();
    for row in left.out.lines() {
        let columns: Vec<&str> = row.split('\t').collect();
        let [stream, from, syn, reset, data, source, destination] = columns[..] else { panic!("{row}") };
        let name = if from == "8005" { source } else { destination };
        said.entry(stream).or_default().extend(Some(name).filter(|name| !name.is_empty()));
        // With a SYN, or for an earlier connection between the same ports, of which something is left: that wakes no
        // server, and may be its program's or the one's that listens now.
        if from == "8005" && (syn == "1" || reset == "0") {
            answered.insert(stream);
        }
        if from == "8005" && !data.is_empty() {
            truth.entry(stream).or_insert(if data.starts_with("48545450") { "alpha" } else { "beta" });
        }
    }
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    for (stream, truth) in &truth {
        for name in &said[stream] {
            assert_eq!(name, truth, "stream {stream}");
            *known.entry(truth).or_default() += 1;
        }
    }
    assert!(truth.len() > 2000 && known.len() == 2, "{known:?} of {} are known: {}", truth.len(), left.talk);
    // Where nobody answered, nobody is named. But each client may have one SYN under way when a server is killed: it was
    // sent while that one listened, and refused when it came; then the name is that server's, and no other's.
    let number = |stream: &str| stream.parse::<u32>().unwrap();
    let turns: BTreeMap<u32, &str> = truth.iter().map(|(stream, who)| (number(stream), *who)).collect();
    let mut under_way = 0;
    for (stream, names) in said.iter().filter(|(stream, names)| !answered.contains(*stream) && !names.is_empty()) {
        under_way += 1;
        let before = turns.range(..number(stream)).next_back().map(|(_, who)| *who);
        let rows = || left.out.lines().filter(|row| row.split('\t').next() == Some(stream)).collect::<Vec<_>>();
        let who: Vec<&str> = names.iter().copied().collect();
        assert_eq!(who.first().copied(), before, "stream {stream}: {}\n{}", rows().join("\n"), left.talk);
        assert_eq!(who.len(), 1, "stream {stream}: {who:?}");
    }
    const KILLS: usize = 6;
    const CLIENTS: usize = 2;
    assert!(under_way <= KILLS * CLIENTS, "{under_way} that nobody answered are named\n{}", left.talk);
}

#[test]
fn both_ends_of_a_conversation_that_lasts_are_exact_in_lines_filters_and_files() {
    let Some(mut shell) = Shell::start(CAST) else { return };
    shell.run("./alpha serve upper --port 8005 >/dev/null & alpha=$!; up 127.0.0.1");
    shell.capture("--port 8005 --process bash -w both.pcapng > both.txt");
    // Each is held open for some looks at the lines, without a program that would hold the shell's socket as well.
    shell.run(
        "while mapfile -t lines < both.txt && (( ${#lines[@]} < 6 )); do \
           exec 3<>/dev/tcp/127.0.0.1/8005; printf 'zdravo\\n' >&3; read -r line <&3; \
           for ((n = 0; n < 3000; n++)); do mapfile -t lines < both.txt; (( ${#lines[@]} < 6 )) || break; done; exec 3>&-; \
         done",
    );
    shell.run("kill -INT $capture; wait $capture; echo $$ $alpha; cat both.txt");
    shell.run("$NETLAB read both.pcapng --json; $NETLAB read both.pcapng --process nobody; echo status $?");
    shell.run("$NETLAB conversations --json both.pcapng; $NETLAB read both.pcapng --process bash | wc -l");
    let left = shell.end("kill -9 $alpha");
    let mut lines = left.out.lines();
    let (bash, alpha) = lines.next().unwrap().split_once(' ').unwrap();
    let shown: Vec<&str> = lines.take_while(|line| !line.starts_with('{')).collect();
    assert!(shown.len() >= 6, "{}{}", left.out, left.talk);
    let programs = |line: &&str| line.rsplit("  ").next().unwrap().replace('~', "");
    let ends = [format!("bash[{bash}] > alpha[{alpha}]"), format!("alpha[{alpha}] > bash[{bash}]")];
    assert!(shown.iter().all(|line| ends.contains(&programs(line))), "{}", left.out);
    let saved = objects(&left.out);
    let (conversations, saved): (Vec<&Value>, Vec<&Value>) = saved.iter().partition(|it| it["frame.number"].is_null());
    assert_eq!(saved.len(), shown.len(), "what is shown is what is saved");
    for packet in saved {
        let comment = packet["frame.comment"].as_str().unwrap().replace("by listener", "exact");
        let (from, to) = (format!("bash pid {bash} (exact)"), format!("alpha pid {alpha} (exact)"));
        let both = [format!("netlab: src {from}; dst {to}"), format!("netlab: src {to}; dst {from}")];
        assert!(both.contains(&comment), "{comment}");
        assert!(packet["netlab.process.certainty"].as_array().unwrap().contains(&"exact".into()), "{packet}");
    }
    assert!(left.out.contains("status 1\n"), "{}", left.out);
    for conversation in conversations {
        let said =
            ["process_client", "process_server", "pid_client", "pid_server"].map(|key| conversation[key].to_string());
        assert_eq!(said, ["\"bash\"".into(), "\"alpha\"".into(), bash.to_owned(), alpha.to_owned()]);
        assert_eq!(conversation["certainty_client"], "exact");
    }
    assert!(left.out.ends_with(&format!("\n{}\n", shown.len())), "{}", left.out);
}

#[test]
fn datagrams_are_of_who_has_the_port() {
    let Some(mut shell) = Shell::start(CAST) else { return };
    shell.run("./beta serve upper-udp --port 8006 >/dev/null & beta=$!");
    shell.run("until $NETLAB sockets --udp --port 8006 >/dev/null; do :; done");
    shell.capture("--port 8006 --json > datagrams.json");
    shell.run("exec 3<>/dev/udp/127.0.0.1/8006");
    shell.run(
        "until mapfile -t lines < datagrams.json && [[ ${lines[*]} == *'\"bash\"'*'\"bash\"'* ]]; do \
           printf 'zdravo\\n' >&3; for ((n = 0; n < 100; n++)); do mapfile -t lines < datagrams.json; done; \
         done; exec 3>&-",
    );
    let left = shell.end("kill -INT $capture; wait $capture; cat datagrams.json; kill -9 $beta");
    let packets = objects(&left.out);
    let mut known = [0, 0];
    for packet in &packets {
        let [server, client] = if packet["udp.dstport"] == 8006 { ["dst", "src"] } else { ["src", "dst"] };
        let said =
            |side: &str| ["name", "certainty"].map(|what| packet[format!("netlab.process.{side}.{what}")].as_str());
        let unknown = [None, Some("unknown")];
        // The client's socket is connected, the server's is not.
        for (place, side, name, certainty) in [(0, server, "beta", "by listener"), (1, client, "bash", "exact")] {
            let said = said(side);
            assert!(said == unknown || said == [Some(name), Some(certainty)], "{packet}");
            known[place] += usize::from(said != unknown);
        }
    }
    assert!(known.iter().all(|known| *known > 1), "{known:?} of {}", packets.len());
}

#[test]
fn files_of_a_row_have_the_notes_too_and_a_classic_one_says_that_it_cannot() {
    let Some(mut shell) = Shell::start(CAST) else { return };
    shell.run("./alpha serve http-hello --port 8005 >/dev/null & alpha=$!; up 127.0.0.1");
    for file in ["row.pcapng", "row.pcap"] {
        shell.capture(&format!("-i lo --port 8005 -q -w {file} --rotate 10kB"));
        shell.run("for ((n = 0; n < 30; n++)); do ask 127.0.0.1; done; kill -INT $capture; wait $capture");
    }
    let left = shell.end("kill -9 $alpha; for f in row-*; do echo $f $($NETLAB read $f --process alpha | wc -l); done");
    let noted = |ending: &str| -> Vec<bool> {
        let files = left.out.lines().filter(|line| line.split(' ').next().unwrap().ends_with(ending));
        files.map(|line| !line.ends_with(" 0")).collect()
    };
    let (notes, none) = (noted(".pcapng"), noted(".pcap"));
    assert!(notes.len() > 1 && notes.iter().all(|noted| *noted), "{}", left.out);
    assert!(none.len() > 1 && none.iter().all(|noted| !*noted), "{}", left.out);
    assert_eq!(left.talk.matches("cannot hold which program").count(), 0, "said in --quiet: {}", left.talk);
}

#[test]
fn explain_waits_for_a_packet_of_the_program_that_is_asked_for() {
    let Some(mut shell) = Shell::start(CAST) else { return };
    shell.run("./beta serve http-hello --port 8006 >/dev/null & beta=$!; ./alpha serve http-hello --port 8005 >/dev/null & alpha=$!; up 127.0.0.1");
    shell.run("until { exec 3<>/dev/tcp/127.0.0.1/8006; } 2>/dev/null; do :; done; exec 3>&-");
    shell.run("$NETLAB explain --live -i lo --process alpha > told 2> said & explain=$!; until grep -q waiting said; do :; done");
    shell.run("{ exec 3<>/dev/tcp/127.0.0.1/8006; } && exec 3>&-");
    shell.run("while kill -0 $explain 2>/dev/null; do ask 127.0.0.1; done; wait $explain");
    shell.run("kill -9 $alpha $beta; wait $alpha $beta");
    let left = shell.end("cat told");
    assert!(left.out.contains("8005") && !left.out.contains("8006"), "{}\n{}", left.out, left.talk);
    assert!(!left.out.is_empty(), "{}", left.talk);
}
