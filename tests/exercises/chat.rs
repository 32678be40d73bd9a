//! The `chat` exercise: rooms of bare sockets, Python in the style of the course, nc and telnet; those who do not read,
//! break off and send nonsense; and our client at a real terminal.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv6Addr, Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::programs::*;
use crate::screen::Screen;
use crate::support;

mod typing;

/// A bare client, which reads line by line.
struct Guest(BufReader<TcpStream>);

impl Guest {
    /// Connects without saying a name.
    fn silent(server: &Server) -> Self {
        Self(BufReader::new(server.connect()))
    }

    fn enter(server: &Server, name: &str) -> Self {
        let mut guest = Self::silent(server);
        guest.say(name);
        guest
    }

    /// Enters, and waits until `other` knows.
    fn enter_before(server: &Server, name: &str, other: &mut Self) -> Self {
        let guest = Self::enter(server, name);
        assert_eq!(other.hears(), format!("User {name} has entered room"));
        guest
    }

    fn say(&mut self, line: &str) {
        self.send(format!("{line}\n").as_bytes());
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).expect("sent");
    }

    /// The next line; empty at the server's close.
    fn hears(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line");
        line.trim_end_matches('\n').to_owned()
    }

    fn rest(mut self) -> String {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).expect("the rest");
        rest
    }

    fn reset(self) {
        socket2::SockRef::from(self.0.get_ref()).set_linger(Some(Duration::ZERO)).expect("linger");
    }
}

/// Reads away what the server prints: with much of it a pipe that nobody reads would stop it.
fn mind_no_prints(server: &mut Server) {
    let mut printed = server.child.stdout.take().expect("its output");
    std::thread::spawn(move || std::io::copy(&mut printed, &mut std::io::sink()));
}

mod server {
    use super::*;

    #[test]
    fn says_and_prints_the_lines_of_the_course() {
        let server = Server::start("chat", &["--once"]);
        let mut peter = Guest::enter(&server, "Peter");
        peter.say("anyone?");
        assert_eq!(peter.hears(), "Peter: anyone?", "the sender too");
        let mut sally = Guest::enter_before(&server, "Sally", &mut peter);
        sally.say("Hello Peter, what's up?");
        assert_eq!(peter.hears(), "Sally: Hello Peter, what's up?");
        assert_eq!(sally.hears(), "Sally: Hello Peter, what's up?", "and nothing of her own entering");
        peter.say("Hmmm...what?");
        assert_eq!(sally.hears(), "Peter: Hmmm...what?");
        drop(peter);
        assert_eq!(sally.hears(), "User Peter has left room");
        drop(sally);
        let (code, printed, talk) = server.finish();
        assert_eq!(code, Some(0));
        assert_eq!(
            printed,
            "Chat server running...\nUser Peter has entered room\nUser Peter say anyone?\nUser Sally has entered room\n\
             User Sally say Hello Peter, what's up?\nUser Peter say Hmmm...what?\n"
        );
        assert!(talk.contains("User Peter has left room"), "{talk:?}");
    }

    #[test]
    fn serves_clients_that_students_wrote_in_python_without_newlines() {
        if !has_python() {
            return;
        }
        let server = Server::start("chat", &[]);
        let mut listener = Guest::enter(&server, "Listener");
        let program = format!(
            "import socket\n\
             client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
             client.connect(('127.0.0.1', {}))\n\
             client.send('Zoë'.encode())\n\
             print(client.recv(256).decode(), end='')\n\
             client.send('Grüße'.encode())\n\
             print(client.recv(256).decode(), end='')\n\
             client.close()\n",
            server.address.port()
        );
        let python = Command::new("python3").args(["-X", "utf8", "-c", &program]).stdout(Stdio::piped()).spawn();
        assert_eq!(listener.hears(), "User Zoë has entered room");
        listener.say("welcome");
        assert_eq!(listener.hears(), "Listener: welcome");
        assert_eq!(listener.hears(), "Zoë: Grüße");
        assert_eq!(listener.hears(), "User Zoë has left room");
        let python = python.and_then(std::process::Child::wait_with_output).expect("python3");
        assert_eq!(text(&python.stdout), "Listener: welcome\nZoë: Grüße\n");
    }

    #[test]
    fn serves_the_client_that_a_student_wrote_in_java() {
        if !has_java() {
            return;
        }
        let server = Server::start("chat", &[]);
        let mut sally = Guest::enter(&server, "Sally");
        let mut java = java("ChatClient")
            .args([server.address.ip().to_string(), server.address.port().to_string()])
            .spawn()
            .expect("java");
        let mut keyboard = java.stdin.take().expect("its input");
        let mut screen = BufReader::new(java.stdout.take().expect("its output")).lines().map_while(Result::ok);
        keyboard.write_all("Sally\nJovana\n".as_bytes()).expect("typed");
        assert_eq!(screen.next().as_deref(), Some("error: not this name: somebody here has it"));
        assert_eq!(sally.hears(), "User Jovana has entered room");
        sally.say("Šta ima?");
        assert_eq!(screen.next().as_deref(), Some("Sally: Šta ima?"));
        keyboard.write_all("Ništa, učim\n".as_bytes()).expect("typed");
        assert_eq!(screen.next().as_deref(), Some("Jovana: Ništa, učim"));
        drop(keyboard);
        assert_eq!((screen.next(), java.wait().expect("its end").success()), (None, true));
        assert_eq!([(); 3].map(|()| sally.hears())[1..], ["Jovana: Ništa, učim", "User Jovana has left room"]);
    }

    #[test]
    fn serves_nc_and_telnet() {
        // telnet sends \r\n for each line's end.
        for (program, options) in [("nc", &["-N"] as &[&str]), ("telnet", &[])] {
            let server = Server::start("chat", &["--once"]);
            let port = server.address.port().to_string();
            let child = Command::new(program)
                .args(options)
                .args(["127.0.0.1", &port])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn();
            let Ok(mut child) = child else {
                support::skip(&format!("{program} is not installed"));
                continue;
            };
            let mut input = child.stdin.take().expect("its input");
            let mut output = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
            input.write_all(b"Tel\nHello\n").expect("typed");
            assert!(output.any(|line| line == "Tel: Hello"), "{program} heard nothing");
            drop(input);
            assert_eq!(output.count(), 0, "{program} heard more");
            child.wait().expect("its end");
            assert_eq!(
                server.finish().1,
                "Chat server running...\nUser Tel has entered room\nUser Tel say Hello\n",
                "{program}"
            );
        }
    }

    #[test]
    fn refuses_a_name_with_its_reason_and_asks_again() {
        let server = Server::start("chat", &[]);
        let mut sally = Guest::enter(&server, "Sally");
        sally.say("here");
        assert_eq!(sally.hears(), "Sally: here");
        let mut other = Guest::silent(&server);
        for (name, why) in [
            ("Sally", "somebody here has it"),
            ("", "at least one character"),
            (&"x".repeat(33), "at most 32 characters"),
            ("a\x1b[2Jb", "no control characters"),
            ("error", "only the server says `error:`"),
        ] {
            other.say(name);
            let told = other.hears();
            assert!(told.starts_with("error: not this name: "), "{told:?}");
            assert!(told.ends_with(why), "{name:?}: {told:?}");
        }
        other.say(&"š".repeat(32));
        assert_eq!(sally.hears(), format!("User {} has entered room", "š".repeat(32)));
        drop(sally);
        assert_eq!(other.hears(), "User Sally has left room");
        let mut again = Guest::enter_before(&server, "Sally", &mut other);
        again.say("a name is free again");
        assert_eq!(again.hears(), "Sally: a name is free again");
    }

    #[test]
    fn takes_lines_however_they_are_split() {
        let server = Server::start("chat", &[]);
        let mut sally = Guest::silent(&server);
        for piece in ["Sa", "l", "ly\r", "\none\ntw", "o\n\nthree"] {
            sally.send(piece.as_bytes());
            sally.0.get_ref().set_nodelay(true).expect("each piece in a segment");
        }
        assert_eq!([(); 4].map(|()| sally.hears()), ["Sally: one", "Sally: two", "Sally: ", "Sally: three"]);
        sally.send(b"four");
        sally.0.get_ref().shutdown(Shutdown::Write).expect("closed");
        assert_eq!(sally.rest(), "Sally: four\n", "what came before the close is said, and heard");
    }

    #[test]
    fn nonsense_resets_and_silence_harm_nobody() {
        let mut server = Server::start("chat", &[]);
        mind_no_prints(&mut server);
        let mut sally = Guest::enter(&server, "Sally");
        let half_open: Vec<Guest> = (0..50).map(|_| Guest::silent(&server)).collect();
        for seed in 0..50u32 {
            let mut rude = Guest::silent(&server);
            let bytes: Vec<u8> = (0..2000u32).map(|at| (at.wrapping_mul(2_654_435_761 + seed) >> 13) as u8).collect();
            // It may be put out while it sends.
            let _ = rude.0.get_mut().write_all(&bytes);
            rude.reset();
        }
        let mut peter = Guest::enter(&server, "Peter");
        peter.say("still there?");
        let found = std::iter::repeat_with(|| sally.hears()).take(5000).any(|line| line == "Peter: still there?");
        assert!(found, "Sally was lost in the noise");
        drop(half_open);
    }

    #[test]
    fn puts_out_who_does_not_read_with_a_notice_and_slows_nobody() {
        let mut server = Server::start("chat", &["--max-backlog", "32KiB"]);
        mind_no_prints(&mut server);
        let mut sally = Guest::enter(&server, "Sally");
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a small window");
        socket.connect(&server.address.into()).expect("a connection");
        let mut mute = Guest(BufReader::new(socket.into()));
        mute.say("mute");
        assert_eq!(sally.hears(), "User mute has entered room");
        let before = server.memory();
        let (long, mut said, mut put_out) = ("x".repeat(1000), 0, false);
        while !put_out {
            assert!(said < 5000, "it was never put out");
            sally.say(&format!("{said} {long}"));
            loop {
                let line = sally.hears();
                if line == format!("Sally: {said} {long}") {
                    break;
                }
                assert_eq!(line, "User mute has left room");
                put_out = true;
            }
            said += 1;
        }
        assert!(server.memory() < before + (8 << 20), "{} bytes more", server.memory() - before);
        let heard = mute.rest();
        let last = heard.lines().last().unwrap_or_default();
        assert!(last.starts_with("error: you read too slowly"), "{last:?}");
        let mut told = heard.lines().enumerate().take_while(|(at, line)| *line == format!("Sally: {at} {long}"));
        assert!(told.by_ref().count() > 50, "what came before it was torn");
        let mut again = Guest::enter_before(&server, "mute", &mut sally);
        again.say("here I am");
        assert_eq!(again.hears(), "mute: here I am");
        let mut said = String::new();
        server.talk.read_line(&mut said).expect("what it said");
        assert!(said.contains("was put out: error: you read too slowly"), "{said:?}");
    }

    #[test]
    fn a_very_slow_reader_gets_everything_and_a_flood_does_not_put_readers_out() {
        let mut server = Server::start("chat", &[]);
        mind_no_prints(&mut server);
        let mut slow = Guest::silent(&server);
        slow.send(b"slow\n");
        let mut flood = server.connect();
        flood.write_all(b"flood\n").expect("sent");
        assert_eq!(slow.hears(), "User flood has entered room");
        let lines: String = (0..30_000).map(|at| format!("{at}\n")).collect();
        let mut writing = flood.try_clone().expect("its other half");
        let writer = std::thread::spawn(move || writing.write_all(lines.as_bytes()));
        let reader = std::thread::spawn(move || {
            let mut flood = BufReader::new(flood).lines().map_while(Result::ok);
            flood.by_ref().take(30_000).enumerate().all(|(at, line)| line == format!("flood: {at}"))
        });
        for at in 0..30_000 {
            assert_eq!(slow.hears(), format!("flood: {at}"));
        }
        writer.join().expect("all said").expect("all said");
        assert!(reader.join().expect("all heard"), "it does not hear its own lines");
    }

    #[test]
    fn puts_out_silence_and_endless_lines_with_a_notice() {
        let server = Server::start("chat", &["--idle", "300ms", "--max-line", "100"]);
        assert_eq!(Guest::silent(&server).rest(), "error: nothing came from you for 0.3s\n");
        let mut endless = Guest::enter(&server, "Endless");
        endless.send(&[b'x'; 5000]);
        assert_eq!(endless.rest(), "error: a line may have 100 bytes at most\n");
    }

    #[test]
    fn hundreds_are_in_one_room_and_past_the_limit_the_next_one_waits() {
        let server = Server::start("chat", &["--max-clients", "300"]);
        let mut first = Guest::enter(&server, "first");
        let mut others: Vec<Guest> = (1..300).map(|at| Guest::enter(&server, &format!("guest {at}"))).collect();
        (1..300).for_each(|_| assert!(first.hears().ends_with(" has entered room")));
        let late = Guest::enter(&server, "late");
        first.say("Hello to all");
        for guest in others.iter_mut().chain([&mut first]) {
            let heard = std::iter::repeat_with(|| guest.hears()).find(|line| !line.ends_with(" has entered room"));
            assert_eq!(heard.as_deref(), Some("first: Hello to all"));
        }
        drop(others.pop());
        assert!(first.hears().ends_with("has left room"));
        assert_eq!(first.hears(), "User late has entered room");
        drop(late);
    }

    #[test]
    fn the_readme_s_measurement_runs_and_holds() {
        if !has_python() {
            return;
        }
        let measure = |limit: &str, clients: &str| {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/chat.py");
            Command::new("sh")
                .args(["-c", "ulimit -n \"$1\" && exec python3 \"$2\" \"$3\" \"$4\"", "sh"])
                .args([limit, script, env!("CARGO_BIN_EXE_netlab"), clients])
                .output()
                .expect("a shell")
        };
        let output = measure("400", "200");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let said = text(&output.stdout);
        for line in ["200 clients connected: p50 ", "heard of each other (20100 lines)", "too slowly", "at its peak "] {
            assert!(said.contains(line), "{said}");
        }
        // Root may raise the limit.
        if !nix::unistd::geteuid().is_root() {
            let output = measure("100", "200");
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            assert!(text(&output.stderr).contains("264 open files are needed, this shell allows 100"), "{output:?}");
        }
    }

    #[test]
    fn closes_its_clients_on_interrupt_and_says_how_many_it_served() {
        let server = Server::start("chat", &[]);
        let mut sally = Guest::enter(&server, "Sally");
        let peter = Guest::enter_before(&server, "Peter", &mut sally);
        let nameless = Guest::silent(&server);
        server.interrupt();
        assert_eq!([sally.rest(), peter.rest(), nameless.rest()], ["", "", ""], "closed without FIN");
        let (code, _, talk) = server.finish();
        assert_eq!(code, Some(0));
        assert!(talk.contains("served 2 clients"), "{talk:?}");
    }

    #[test]
    fn works_over_ipv6() {
        if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
            return support::skip("this machine has no ::1");
        }
        let server = Server::start("chat", &["--host", "::1"]);
        assert!(server.address.is_ipv6());
        let mut sally = Guest::enter(&server, "Sally");
        sally.say("six");
        assert_eq!(sally.hears(), "Sally: six");
    }
}

mod client {
    use super::*;

    #[test]
    fn says_its_name_and_messages_from_arguments_and_from_a_pipe() {
        let inputs: [(&[&str], &[u8]); 3] =
            [(&["Zoë", "Hi", "all"], b""), (&[], "Zoë\nHi\nall\n".as_bytes()), (&[], "Zoë\r\nHi\n\nall".as_bytes())];
        for (arguments, input) in inputs {
            let server = Server::start("chat", &["--once"]);
            let port = server.address.port().to_string();
            let mut child = netlab(&["client", "chat", "--port", &port])
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("netlab client");
            child.stdin.take().expect("its input").write_all(input).expect("typed");
            let output = child.wait_with_output().expect("its end");
            assert_eq!(text(&output.stdout), "Zoë: Hi\nZoë: all\n", "{output:?}");
            assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
        }
    }

    #[test]
    fn talks_with_a_bare_server_that_sends_no_newline() {
        let course = |mut client: TcpStream| {
            assert_eq!(receive(&mut client), b"Sally\n");
            assert_eq!(receive(&mut client), b"Hello\n", "one line a send, a moment apart");
            client.write_all(b"Sally: Hello").expect("sent");
            assert_eq!(receive(&mut client), b"");
        };
        let (output, server) = client_against("chat", course, &["Sally", "Hello"], b"");
        server.join().expect("the server's part");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "Sally: Hello\n"), "{output:?}");
    }

    #[test]
    fn two_talk_in_the_room_of_a_server_that_a_student_wrote_in_python() {
        if !has_python() {
            return;
        }
        // A thread a client, one receive a message, no newlines.
        let program = "import socket, threading\n\
             server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
             server.bind(('127.0.0.1', 0))\n\
             server.listen(5)\n\
             print(server.getsockname()[1], flush=True)\n\
             clients = []\n\
             def serve(client):\n    \
                 name = client.recv(1024).decode().strip()\n    \
                 for other in clients: other.send(('User ' + name + ' has entered room').encode())\n    \
                 clients.append(client)\n    \
                 print('User', name, 'has entered room', flush=True)\n    \
                 while True:\n        \
                     data = client.recv(1024)\n        \
                     if not data: break\n        \
                     for other in clients: other.send((name + ': ' + data.decode().strip()).encode())\n    \
                 clients.remove(client)\n    \
                 client.close()\n\
             for visit in range(2):\n    \
                 client, address = server.accept()\n    \
                 threading.Thread(target=serve, args=(client,)).start()\n";
        let mut python = Command::new("python3").args(["-c", program]).stdout(Stdio::piped()).spawn().expect("python3");
        let mut printed = BufReader::new(python.stdout.take().expect("its output")).lines().map_while(Result::ok);
        let port = printed.next().expect("its port");
        let mut visits = ["Sally", "Peter"].map(|name| {
            let mut child = netlab(&["client", "chat", "--port", &port])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("netlab client");
            let mut keyboard = child.stdin.take().expect("its input");
            let screen = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
            keyboard.write_all(format!("{name}\n").as_bytes()).expect("typed");
            assert_eq!(printed.next(), Some(format!("User {name} has entered room")));
            (child, keyboard, screen)
        });
        assert_eq!(visits[0].2.next().as_deref(), Some("User Peter has entered room"));
        for (at, line) in [(1, "Hmmm...what?"), (0, "Nothing")] {
            visits[at].1.write_all(format!("{line}\n").as_bytes()).expect("typed");
            let heard = format!("{}: {line}", ["Sally", "Peter"][at]);
            visits.iter_mut().for_each(|(_, _, screen)| assert_eq!(screen.next().as_ref(), Some(&heard)));
        }
        for (mut child, keyboard, mut screen) in visits {
            drop(keyboard);
            assert_eq!((screen.next(), child.wait().expect("its end").code()), (None, Some(0)));
        }
        assert!(python.wait().expect("its end").success());
    }

    #[test]
    fn tells_a_refused_name_and_a_server_that_leaves() {
        let server = Server::start("chat", &[]);
        let mut sally = Guest::enter(&server, "Sally");
        sally.say("here");
        assert_eq!(sally.hears(), "Sally: here");
        let port = server.address.port().to_string();
        let output = netlab(&["client", "chat", "--port", &port, "Sally", "Hi"]).output().expect("netlab");
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("did not take the name: somebody here has it"), "{output:?}");

        let leaves = |mut client: TcpStream| assert_eq!(receive(&mut client), b"Zoe\n");
        let (output, server) = client_against("chat", leaves, &[], b"Zoe\n");
        server.join().expect("the server's part");
        assert_eq!(output.status.code(), Some(1), "{output:?}");

        let output = netlab(&["client", "chat", "--port", "1", "a\tb"]).output().expect("netlab");
        assert_eq!(output.status.code(), Some(2), "refused before it connects");
    }
}
