//! What a socket does meanwhile: `reassembly`, `partial-send`, `timeout`, `address-in-use`.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::programs::*;

mod reassembly {
    use super::*;

    const SENTENCE: &str = "TCP carries a stream of bytes, and not one message. ";

    #[test]
    fn sends_the_message_in_pieces_and_closes() {
        let server = Server::start("reassembly", &["--once", "--bytes", "60", "--pieces", "25", "--pause", "1ms"]);
        let mut client = server.connect();
        let mut all = Vec::new();
        client.read_to_end(&mut all).expect("to the end");
        assert_eq!(text(&all), SENTENCE.repeat(2)[..60]);
        drop(client);
        assert_eq!(
            server.finish().1,
            "sent 25 bytes b'TCP carries a stream of b'\nsent 25 bytes b'ytes, and not one message'\n\
             sent 10 bytes b'. TCP carr'\n"
        );
    }

    #[test]
    fn serves_python_and_nc() {
        let server = Server::start("reassembly", &["--pause", "1ms"]);
        let program = "data = b''\nwhile piece := client.recv(16): data += piece\nprint(data.decode())";
        if let Some(printed) = python_client(&server, program) {
            assert_eq!(printed, format!("{SENTENCE}\n"));
        }
        if let Some(printed) = nc(&server, b"") {
            assert_eq!(printed, SENTENCE);
        }
    }

    #[test]
    fn a_client_that_does_not_receive_or_resets_holds_up_nobody() {
        let server = Server::start("reassembly", &["--bytes", "1GiB", "--pieces", "1MiB", "--pause", "1ms"]);
        let stuck = server.connect();
        reset(server.connect());
        let mut client = server.connect();
        let mut piece = [0; 100];
        client.read_exact(&mut piece).expect("some of it");
        assert_eq!(text(&piece), SENTENCE.repeat(2)[..100]);
        server.interrupt();
        drop((stuck, client));
    }

    #[test]
    fn the_client_shows_each_receive_and_the_whole() {
        let (go, wait) = std::sync::mpsc::channel();
        let whole = move |mut client: TcpStream| {
            client.write_all(b"Hello, world").expect("sent");
            // Ours has connected and may be quick: the close comes when all is there.
            go.send(()).expect("told");
        };
        let (output, server) = client_against("reassembly", whole, &["--receive", "5"], b"");
        server.join().expect("the server's part");
        wait.recv().expect("all sent");
        assert_eq!(
            text(&output.stdout),
            "recv 1: 5 bytes b'Hello'\nrecv 2: 5 bytes b', wor'\nrecv 3: 2 bytes b'ld'\nrecv 4: 0 bytes b''\n\
             Message of 12 bytes in 3 pieces: Hello, world\n",
            "{output:?}"
        );
    }

    #[test]
    fn the_client_talks_with_a_server_in_python() {
        let program = "for piece in (b'Hel', b'lo'):\n    client.send(piece)\n    time.sleep(0.1)";
        let Some((output, _)) = client_against_python("reassembly", program, &[]) else { return };
        let printed = text(&output.stdout);
        assert!(printed.ends_with("Message of 5 bytes in 2 pieces: Hello\n"), "{output:?}");
    }

    #[test]
    fn the_client_counts_what_it_does_not_keep_and_tells_a_reset() {
        let long = |mut client: TcpStream| client.write_all(&[b'x'; 100]).expect("sent");
        let (output, server) = client_against("reassembly", long, &["--max-message", "10"], b"");
        server.join().expect("the server's part");
        assert!(text(&output.stdout).contains("Message of 100 bytes in "), "{output:?}");
        assert!(text(&output.stdout).ends_with(&format!(": {}\n", "x".repeat(10))));
        let (output, server) = client_against("reassembly", reset, &[], b"");
        server.join().expect("the server's part");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }
}

mod partial_send {
    use super::*;

    /// The numbers behind `send took`.
    fn took(printed: &str) -> Vec<usize> {
        let lines = printed.lines().filter_map(|line| line.strip_prefix("send took "));
        lines.filter_map(|line| line.split(' ').next()?.parse().ok()).collect()
    }

    #[test]
    fn a_send_takes_a_part_and_the_rest_is_sent_again() {
        let server = Server::start("partial-send", &["--once", "--busy", "150ms", "--pause", "1ms"]);
        let port = server.address.port().to_string();
        let output = netlab(&["client", "partial-send", "--port", &port]).output().expect("netlab");
        let printed = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let took = took(&printed);
        assert!(took.len() > 1 && took[0] < 20_000, "{printed}");
        assert_eq!(took.iter().sum::<usize>(), 20_000, "{printed}");
        assert!(printed.contains("send would block: no room\nwaited "), "{printed}");
        assert!(printed.contains("send-all took 20000 bytes, in "), "{printed}");
        let (code, printed, _) = server.finish();
        assert_eq!(code, Some(0));
        assert!(printed.starts_with("begins to receive\nreceived 40000 bytes in "), "{printed}");
    }

    #[test]
    fn the_client_talks_with_a_slow_server_in_python() {
        let program = "time.sleep(0.1)\ntotal = 0\nwhile piece := client.recv(3000): total += len(piece)\nprint(total)";
        let arguments = ["--bytes", "3000000"];
        let Some((output, printed)) = client_against_python("partial-send", program, &arguments) else { return };
        assert_eq!((output.status.code(), printed.as_str()), (Some(0), "6000000\n"), "{output:?}");
        assert!(took(&text(&output.stdout)).len() > 1);
    }

    #[test]
    fn the_server_receives_from_python_and_nc() {
        let mut server = Server::start("partial-send", &["--busy", "10ms", "--pause", "1ms"]);
        // It still receives when the client has gone.
        if python_client(&server, "client.sendall(b'x' * 50000)").is_some() {
            let printed = server.lines(2);
            assert!(printed.contains("received 50000 bytes"), "{printed}");
        }
        if nc(&server, &[b'y'; 30_000]).is_some() {
            let printed = server.lines(2);
            assert!(printed.contains("received 30000 bytes"), "{printed}");
        }
        server.interrupt();
        assert_eq!(server.finish().1, "");
    }

    #[test]
    fn a_server_that_never_receives_is_given_up() {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let never = move |client: TcpStream| {
            let _ = wait.recv();
            drop(client);
        };
        let arguments = ["--timeout", "100ms", "--bytes", "32MiB"];
        let (output, server) = client_against("partial-send", never, &arguments, b"");
        drop(done);
        server.join().expect("the server's part");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).contains("has received nothing for 100ms"), "{output:?}");
    }
}

mod timeout {
    use super::*;

    #[test]
    fn three_ways_to_wait_end_in_three_errors() {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let silent = move |client: TcpStream| {
            let _ = wait.recv();
            drop(client);
        };
        let (output, server) = client_against("timeout", silent, &["--timeout", "60ms"], b"");
        drop(done);
        server.join().expect("the server's part");
        let printed = text(&output.stdout);
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!((output.status.code(), lines.len()), (Some(0), 3), "{output:?}");
        assert!(lines[0].starts_with("blocking, with a timeout: timed out after ") && lines[0].contains("EAGAIN"));
        assert_eq!(lines[1], "non-blocking: would block (EAGAIN)");
        assert!(lines[2].starts_with("poll: nothing to receive after "), "{printed}");
        for line in [lines[0], lines[2]] {
            let waited = line.split_whitespace().find_map(|word| word.parse::<u64>().ok()).expect("milliseconds");
            assert!((55..5000).contains(&waited), "{line}");
        }
    }

    #[test]
    fn five_seconds_are_the_default() {
        let output = netlab(&["client", "timeout", "--help"]).output().expect("netlab");
        assert!(text(&output.stdout).contains("[default: 5s]"), "{output:?}");
    }

    #[test]
    fn a_server_that_speaks_or_closes_is_told() {
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let speaks = move |mut client: TcpStream| {
            client.write_all(b"Hello").expect("sent");
            let _ = wait.recv();
        };
        let (output, server) = client_against("timeout", speaks, &["--timeout", "60ms"], b"");
        drop(go);
        server.join().expect("the server's part");
        assert!(text(&output.stdout).starts_with("blocking, with a timeout: 5 bytes b'Hello'\nnon-blocking: would"));
        let (output, server) = client_against("timeout", drop, &[], b"");
        server.join().expect("the server's part");
        let closed = "the server has closed (0 bytes)\n";
        assert_eq!(
            text(&output.stdout),
            format!("blocking, with a timeout: {closed}non-blocking: {closed}poll: {closed}"),
            "{output:?}"
        );
    }

    #[test]
    fn a_text_that_comes_late_waits_for_the_next_receive() {
        let server = Server::start("timeout", &["--once", "--after", "300ms"]);
        let port = server.address.port().to_string();
        let output = netlab(&["client", "timeout", "--port", &port, "--timeout", "200ms"]).output().expect("netlab");
        let printed = text(&output.stdout);
        let after = printed.split_once("timed out after ").and_then(|(_, rest)| rest.split_once(" ms"));
        let after: u32 = after.and_then(|(number, _)| number.parse().ok()).unwrap_or_else(|| panic!("{printed}"));
        // The kernel counts timeouts in ticks of its own.
        assert!((190..300).contains(&after), "{printed}");
        assert!(printed.ends_with("\npoll: 16 bytes b'Sorry, I am late'\n"), "{printed}");
        assert_eq!(server.finish().0, Some(0));
    }

    #[test]
    fn the_server_is_silent_towards_python() {
        let server = Server::start("timeout", &["--once"]);
        let program = "client.settimeout(0.1)\n\
             try: client.recv(100)\n\
             except TimeoutError: print('timed out')\n\
             client.setblocking(False)\n\
             try: client.recv(100)\n\
             except BlockingIOError: print('would block')";
        let Some(printed) = python_client(&server, program) else { return };
        assert_eq!(printed, "timed out\nwould block\n");
        let (code, printed, _) = server.finish();
        assert_eq!(code, Some(0));
        assert!(printed.ends_with("\nThe client has closed\n"), "{printed}");
    }
}

mod address_in_use {
    use super::*;
    use crate::network::{Network, alone};

    const PORT: &str = "8005";

    /// The server, or its exit code and what it said where it could not be.
    fn serve(host: &Network, options: &[&str]) -> Result<Server, (Option<i32>, String)> {
        Server::listening(host.netlab("alone", &[&["serve", "address-in-use", "--once"], options].concat()))
    }

    fn visit(host: &Network, options: &[&str]) {
        let output = host.netlab("alone", &["client", "address-in-use"]).args(options).output().expect("netlab client");
        assert_eq!(text(&output.stdout), "Server said: Goodbye\n", "{output:?}");
    }

    #[test]
    fn a_second_server_is_told_who_has_the_port() {
        let first = Server::start("address-in-use", &["--reuse-address"]);
        for options in [&[] as &[&str], &["--reuse-address"]] {
            let port = first.address.port().to_string();
            let second = netlab(&["serve", "address-in-use", "--port", &port]).args(options).output().expect("netlab");
            assert_eq!(second.status.code(), Some(2), "{second:?}");
            assert!(text(&second.stderr).contains("is in use by \"netlab\" (process "), "{second:?}");
        }
    }

    #[test]
    fn after_it_closed_first_it_starts_again_where_both_set_the_option() {
        let Some(host) = alone() else { return };
        let server = serve(&host, &["--reuse-address"]).expect("the first");
        visit(&host, &[]);
        let (_, printed, _) = server.finish();
        assert!(printed.starts_with("bind, SO_REUSEADDR set: done\n"), "{printed}");
        assert!(printed.ends_with("This side closed first: TIME-WAIT is here, for a minute\n"), "{printed}");

        let (code, said) = serve(&host, &[]).err().expect("refused");
        assert_eq!(code, Some(2));
        assert!(said.contains("by a connection in TIME-WAIT"), "{said}");
        let again = serve(&host, &["--reuse-address"]).expect("the option lets it");
        visit(&host, &[]);
        assert_eq!(again.finish().0, Some(0));
    }

    #[test]
    fn the_option_comes_too_late_for_a_connection_that_was_closed_without_it() {
        let Some(host) = alone() else { return };
        let server = serve(&host, &[]).expect("the first");
        visit(&host, &[]);
        server.finish();
        for options in [&[] as &[&str], &["--reuse-address"]] {
            let (code, said) = serve(&host, options).err().expect("refused");
            assert!(code == Some(2) && said.contains("by a connection in TIME-WAIT"), "{said}");
        }
    }

    #[test]
    fn after_the_client_closed_first_it_starts_again_without_the_option() {
        let Some(host) = alone() else { return };
        let server = serve(&host, &["--wait-for-close"]).expect("the first");
        visit(&host, &["--close-first"]);
        assert!(server.finish().1.ends_with("The client closed first: TIME-WAIT is on its side\n"));
        serve(&host, &[]).map(drop).expect("nothing is in the way");
    }

    #[test]
    fn the_same_holds_against_python() {
        if !has_python() {
            return;
        }
        let Some(host) = alone() else { return };
        let python = |program: &str| {
            let output = host.on("alone", "python3", &["-c", program]).output().expect("python3");
            assert!(output.status.success(), "{output:?}");
            text(&output.stdout)
        };
        let server = serve(&host, &["--reuse-address"]).expect("the first");
        let visit = format!(
            "import socket\n\
             client = socket.create_connection(('127.0.0.1', {PORT}))\n\
             print(client.recv(100).decode())\n\
             print(client.recv(100))"
        );
        assert_eq!(python(&visit), "Goodbye\nb''\n");
        assert_eq!(server.finish().0, Some(0));
        let bind = format!(
            "import socket\n\
             for reuse in (0, 1):\n\
             \x20   server = socket.socket()\n\
             \x20   server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)\n\
             \x20   try: server.bind(('127.0.0.1', {PORT})); print('bound')\n\
             \x20   except OSError as error: print(error.strerror)"
        );
        assert_eq!(python(&bind), "Address already in use\nbound\n");
    }

    #[test]
    fn the_client_hears_a_server_in_python() {
        let Some((output, _)) = client_against_python("address-in-use", "client.send(b'Goodbye')", &[]) else { return };
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "Server said: Goodbye\n"));
    }
}
