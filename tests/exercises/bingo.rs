//! The `bingo` exercise: players as bare sockets, Python and nc; our client from arguments and at a terminal.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};

use crate::programs::*;
use crate::screen::Screen;
use crate::support;

const OFTEN: &[&str] = &["--interval", "200ms", "--seed", "1"];

struct Player(BufReader<TcpStream>);

impl Player {
    fn with(server: &Server, numbers: &str) -> Self {
        let mut player = Self(BufReader::new(server.connect()));
        player.send(&format!("{numbers}\n"));
        player
    }

    fn send(&mut self, line: &str) {
        self.0.get_mut().write_all(line.as_bytes()).expect("sent");
    }

    fn hears(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line");
        line.trim_end_matches('\n').to_owned()
    }
}

/// The numbers of `Drawn: 3 14 15 26 40, hits: 2`, and the hits.
fn outcome(line: &str) -> (BTreeSet<u8>, usize) {
    let (drawn, hits) = line.strip_prefix("Drawn: ").and_then(|rest| rest.split_once(", hits: ")).expect("a draw");
    let drawn: BTreeSet<u8> = drawn.split(' ').map(|number| number.parse().expect("a number")).collect();
    assert!(drawn.len() == 5 && drawn.iter().all(|number| (1..=47).contains(number)), "{line:?}");
    (drawn, hits.trim_end_matches(", BINGO").parse().expect("hits"))
}

#[test]
fn every_player_gets_the_drawn_numbers_and_its_own_hits_draw_after_draw() {
    let server = Server::start("bingo", OFTEN);
    let mut players = [Player::with(&server, "1 2 3 4 5"), Player::with(&server, "43,44,45,46,47")];
    let mine: [BTreeSet<u8>; 2] = [(1..=5).collect(), (43..=47).collect()];
    let draws: Vec<Vec<BTreeSet<u8>>> = players
        .iter_mut()
        .zip(&mine)
        .map(|(player, mine)| {
            let draws = [(); 5].map(|()| outcome(&player.hears()));
            draws.map(|(drawn, hits)| {
                assert_eq!(hits, drawn.intersection(mine).count());
                drawn
            })
        })
        .map(Vec::from)
        .collect();
    // One of them may have come a draw later.
    assert!(draws[0][1..4].iter().all(|drawn| draws[1].contains(drawn)), "{draws:?}");
    server.interrupt();
    let (code, printed, talk) = server.finish();
    assert_eq!(code, Some(0));
    assert!(printed.starts_with("Bingo server running...\nPlayer 127.0.0.1:"), "{printed}");
    assert!(
        printed.contains("has numbers 43 44 45 46 47\n") && printed.contains(", players: 2, BINGO: 0\n"),
        "{printed}"
    );
    assert!(talk.contains("served 2 clients"), "{talk}");
}

#[test]
fn a_seed_repeats_the_draws_and_all_five_are_a_bingo() {
    let first = Server::start("bingo", OFTEN);
    let mut player = Player::with(&first, "1 2 3 4 5");
    let draws = [(); 3].map(|()| outcome(&player.hears()).0);
    let again = Server::start("bingo", OFTEN);
    let winning: Vec<String> = draws[0].iter().rev().map(u8::to_string).collect();
    let mut winner = Player::with(&again, &winning.join(" "));
    let line = winner.hears();
    assert_eq!((outcome(&line).0, line.ends_with(", hits: 5, BINGO")), (draws[0].clone(), true), "{line}");
    assert_eq!([(); 2].map(|()| outcome(&winner.hears()).0), draws[1..]);
}

#[test]
fn wrong_numbers_are_told_what_is_wrong_and_may_be_sent_again() {
    let server = Server::start("bingo", &["--interval", "200ms"]);
    let mut player = Player(BufReader::new(server.connect()));
    for (line, told) in [
        ("1 2 3 4 48\n", "error: \"48\" is not between 1 and 47"),
        ("1 2 3 4\n", "error: 5 numbers of 1 to 47 are needed, 4 came"),
        ("1 2 3 4 4\r\n", "error: 4 is there twice: 5 different numbers are needed"),
        ("one 2 3 4 5\n", "error: \"one\" is not a number"),
        ("\n", "error: 5 numbers of 1 to 47 are needed, 0 came"),
        ("\u{1b}[2J\n", "error: \"\\u{1b}[2J\" is not a number"),
    ] {
        player.send(line);
        assert_eq!(player.hears(), told, "{line:?}: nothing is drawn for who does not play");
    }
    player.send("1 2 3 4 5");
    outcome(&player.hears());
    player.send("6 7 8 9 10\n");
    outcome(&player.hears());
}

#[test]
fn silence_resets_and_half_closes_hold_up_no_draw() {
    let server = Server::start("bingo", OFTEN);
    let _silent: Vec<TcpStream> = (0..20).map(|_| server.connect()).collect();
    let rude = Player::with(&server, "1 2 3 4 5");
    socket2::SockRef::from(rude.0.get_ref()).set_linger(Some(std::time::Duration::ZERO)).expect("linger");
    drop(rude);
    let done = Player::with(&server, "1 2 3 4 5");
    done.0.get_ref().shutdown(Shutdown::Write).expect("half closed");
    let mut player = Player::with(&server, "1 2 3 4 5");
    assert_eq!([(); 3].map(|()| outcome(&player.hears()).0.len()), [5; 3]);
}

#[test]
fn a_flood_of_nonsense_and_players_that_never_read_hold_up_no_draw() {
    let server = Server::start("bingo", &["--interval", "20ms"]);
    let _mute: Vec<Player> = (0..20).map(|_| Player::with(&server, "1 2 3 4 5")).collect();
    let before = server.memory();
    let mut flood = server.connect();
    let rude = std::thread::spawn(move || {
        // Never reads: it is put out, or not heard any more.
        let nonsense = "\n\n48\n\x1b[2J\n\u{fffd}1 2 3 4\n".repeat(1000);
        while flood.write_all(nonsense.as_bytes()).is_ok() {}
    });
    let mut player = Player::with(&server, "1 2 3 4 5");
    (0..100).for_each(|_| assert_eq!(outcome(&player.hears()).0.len(), 5));
    assert!(server.memory() < before + (8 << 20), "{} bytes more", server.memory() - before);
    drop(server);
    rude.join().expect("its end");
}

#[test]
fn our_client_plays_with_a_server_that_a_student_wrote_in_python() {
    if !has_python() {
        return;
    }
    // One receive, no newlines, and the answers in two pieces.
    let program = "import socket\n\
         server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
         server.bind(('127.0.0.1', 0))\n\
         server.listen(1)\n\
         print(server.getsockname()[1], flush=True)\n\
         client, address = server.accept()\n\
         print(client.recv(1024), flush=True)\n\
         client.send(b'Drawn: 3 14')\n\
         client.send(b' 15 26 41, hits: 4')\n\
         print(client.recv(1024), flush=True)\n";
    let mut python = Command::new("python3").args(["-c", program]).stdout(Stdio::piped()).spawn().expect("python3");
    let mut printed = BufReader::new(python.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let port = printed.next().expect("its port");
    let output = netlab(&["client", "bingo", "--port", &port, "3 14 15 26 40"]).output().expect("netlab");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stdout), "Drawn: 3 14 15 26 41, hits: 4\n");
    assert_eq!(printed.collect::<Vec<_>>(), ["b'3 14 15 26 40\\n'", "b''"]);
    assert!(python.wait().expect("its end").success());
}

#[test]
fn plays_with_python_and_nc_that_send_no_newline() {
    let server = Server::start("bingo", OFTEN);
    let port = server.address.port();
    if has_python() {
        let program = format!(
            "import socket\n\
             client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
             client.connect(('127.0.0.1', {port}))\n\
             client.send(b'3 14 15 26 40')\n\
             print(client.recv(256).decode(), end='')\n\
             client.close()\n"
        );
        let python = Command::new("python3").args(["-c", &program]).output().expect("python3");
        outcome(text(&python.stdout).trim_end());
    }
    let nc =
        Command::new("nc").args(["127.0.0.1", &port.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut nc) = nc else { return support::skip("nc is not installed") };
    let mut input = nc.stdin.take().expect("its input");
    input.write_all(b"3 14 15 26 40").expect("typed");
    let mut line = String::new();
    BufReader::new(nc.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    outcome(line.trim_end());
    nc.kill().and_then(|()| nc.wait()).expect("its end");
}

#[test]
fn our_client_plays_from_arguments_and_from_a_pipe() {
    let server = Server::start("bingo", OFTEN);
    let port = server.address.port().to_string();
    let play = |arguments: &[&str], input: &[u8]| {
        let mut child = netlab(&["client", "bingo", "--port", &port])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("netlab client");
        let _ = child.stdin.take().expect("its input").write_all(input);
        let output = child.wait_with_output().expect("its end");
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    for (arguments, input, draws) in [
        (&["3", "14", "15", "26", "40"] as &[&str], "", 1),
        (&["3 14 15 26 40", "--draws", "2"], "", 2),
        (&[], "3 14 15 26 40", 1),
    ] {
        let (code, printed, talk) = play(arguments, input.as_bytes());
        assert_eq!((code, talk.as_str()), (Some(0), ""), "{printed}");
        assert_eq!(printed.lines().map(outcome).count(), draws, "{printed}");
    }
    let (code, printed, talk) = play(&["3 14 15 26 48"], b"");
    assert_eq!((code, printed.as_str()), (Some(2), ""));
    assert!(talk.contains("\"48\" is not between 1 and 47"), "{talk}");
}

#[test]
fn draws_come_in_while_numbers_are_typed() {
    let server = Server::start("bingo", &["--interval", "300ms", "--seed", "1"]);
    let Some(mut terminal) = Screen::start(&["client", "bingo", "--port", &server.address.port().to_string()]) else {
        return;
    };
    terminal.shows(&["Enter numbers: "]);
    terminal.keys("3 14 15 26 48\r");
    terminal.shows(&["Enter numbers: 3 14 15 26 48", "netlab: \"48\" is not between 1 and 47", "Enter numbers: "]);
    terminal.keys("\x1b[A\x7f0\r7 8 9");
    terminal.until("two draws above what is typed", |terminal| {
        let rows = terminal.rows();
        rows.iter().filter(|row| row.starts_with("Drawn: ")).count() >= 2
            && rows.last().is_some_and(|row| row == "Enter numbers: 7 8 9")
            && rows
                .iter()
                .all(|row| row.starts_with("Drawn: ") || row.starts_with("Enter") || row.starts_with("netlab"))
    });
    terminal.keys("\x03");
    assert_eq!(terminal.ends(), Some(0));
    assert!(terminal.is_given_back());
}
