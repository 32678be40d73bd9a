//! The servers of many clients, each in all five models, against bare sockets, Python in the style of the course, nc,
//! curl and wrk.

// Who waits for whom is told by the clock.
#![allow(clippy::disallowed_methods)]

use std::io::{BufRead, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::programs::*;
use crate::support;

const MODELS: [&str; 5] = ["sequential", "thread", "select", "selectors", "async"];
/// Those in which no client waits for another.
const CONCURRENT: [&str; 4] = ["thread", "select", "selectors", "async"];

fn serve(exercise: &str, model: &str, options: &[&str]) -> Server {
    Server::start(exercise, &[&["--model", model], options].concat())
}

fn all_of(mut stream: &TcpStream) -> String {
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).expect("an answer and a close, without a reset");
    text(&heard)
}

fn ask(server: &Server, request: &[u8]) -> String {
    let mut client = server.connect();
    client.write_all(request).expect("sent");
    all_of(&client)
}

const HELLO: &str = "HTTP/1.1 200 OK\r\n\r\nHello world";
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn program(name: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(name).args(arguments).stdin(Stdio::null()).output();
    match output {
        Ok(output) => Some(text(&output.stdout)),
        Err(error) => {
            support::skip(&format!("{name}: {error}"));
            None
        }
    }
}

mod every_model {
    use super::*;

    #[test]
    fn answers_any_request_with_the_same_bytes() {
        for model in MODELS {
            let server = serve("http-hello", model, &[]);
            for request in [
                GET,
                b"GET / HTTP/1.0\n\n",
                b"POST /x HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody",
                b"\xff\xfe nonsense\0\r\nmore\r\n\r\n",
            ] {
                assert_eq!(ask(&server, request), HELLO, "{model}: {request:?}");
            }
            server.interrupt();
            let (code, printed, talk) = server.finish();
            assert_eq!((code, printed.as_str()), (Some(0), ""), "{model}: {talk}");
            assert!(talk.ends_with("served 4 clients\n"), "{model}: {talk}");
        }
    }

    #[test]
    fn takes_a_request_without_its_empty_line_after_silence_or_at_the_close() {
        for model in MODELS {
            let server = serve("http-hello", model, &[]);
            let asked = Instant::now();
            assert_eq!(ask(&server, b"GET /"), HELLO, "{model}");
            assert!(asked.elapsed() >= Duration::from_millis(200), "{model} did not wait for the rest");
            let mut half = server.connect();
            half.write_all(b"GET / HTTP/1.0\r\n").expect("sent");
            half.shutdown(Shutdown::Write).expect("half closed");
            assert_eq!(all_of(&half), HELLO, "{model}");
        }
    }

    #[test]
    fn takes_a_request_in_pieces_of_one_byte() {
        for model in MODELS {
            let server = serve("http-hello", model, &[]);
            let mut client = server.connect();
            client.set_nodelay(true).expect("no delay");
            for byte in GET {
                client.write_all(&[*byte]).expect("sent");
            }
            assert_eq!(all_of(&client), HELLO, "{model}");
        }
    }

    #[test]
    fn loses_no_answer_to_a_client_that_sends_too_much() {
        for model in MODELS {
            let server = serve("http-hello", model, &[]);
            let mut client = server.connect();
            client.write_all(&[GET, &[b'x'; 200_000]].concat()).expect("sent");
            // The answer has come when this is sent; a server that had closed would reset the connection.
            assert_eq!(receive(&mut client), HELLO.as_bytes(), "{model}");
            client.write_all(&[b'y'; 10_000]).expect("still no reset");
            assert_eq!(all_of(&client), "", "{model}");
        }
    }

    #[test]
    fn puts_out_who_is_silent_slow_or_without_end() {
        for model in MODELS {
            let server = serve("http-hello", model, &["--idle", "300ms", "--max-line", "1000"]);
            let silent = server.connect();
            assert_eq!(all_of(&silent), "", "{model}");
            let mut endless = server.connect();
            // The reset for what is unread may overtake the close.
            let _ = endless.write_all(&[b'x'; 5000]).and_then(|()| endless.read_to_end(&mut Vec::new()));
            let mut slow = server.connect();
            let mut sent = 0;
            while slow.write_all(b"x").is_ok() {
                sent += 1;
                assert!(sent < 100, "{model} lets a slow client stay for ever");
                std::thread::sleep(Duration::from_millis(50));
            }
            server.interrupt();
            let talk = server.finish().2;
            assert_eq!(talk.matches("has sent nothing for 300ms").count(), 2, "{model}: {talk}");
            assert!(talk.contains("more than 1000 bytes"), "{model}: {talk}");
        }
    }

    #[test]
    fn goes_on_after_clients_that_reset_or_leave() {
        for model in MODELS {
            let server = serve("http-hello", model, &[]);
            for begun in [&b""[..], b"GET /"] {
                let mut rude = server.connect();
                rude.write_all(begun).expect("sent");
                socket2::SockRef::from(&rude).set_linger(Some(Duration::ZERO)).expect("linger");
                drop(rude);
            }
            drop(server.connect());
            assert_eq!(ask(&server, GET), HELLO, "{model}");
        }
    }

    #[test]
    fn echoes_until_the_client_closes() {
        for model in MODELS {
            let server = serve("echo-many", model, &[]);
            let mut client = server.connect();
            let port = client.local_addr().expect("its address").port();
            for piece in [&b"Hello, world"[..], b"\0\xff", b"again"] {
                client.write_all(piece).expect("sent");
                assert_eq!(receive(&mut client), piece, "{model}");
            }
            client.shutdown(Shutdown::Write).expect("closed");
            assert_eq!(all_of(&client), "", "{model}");
            server.interrupt();
            let (code, printed, talk) = server.finish();
            let expected = (Some(0), format!("Connected by ('127.0.0.1', {port})\n"));
            assert_eq!((code, printed), expected, "{model}: {talk}");
            assert!(talk.ends_with("served 1 client\n"), "{model}: {talk}");
        }
    }

    #[test]
    fn echoes_more_than_the_sockets_hold_to_a_client_that_reads_late() {
        let sent: Vec<u8> = (0..8_000_000u32).map(|at| (at % 251) as u8).collect();
        for model in MODELS {
            let server = serve("echo-many", model, &[]);
            let client = server.connect();
            let heard = std::thread::scope(|scope| {
                scope.spawn(|| {
                    (&client).write_all(&sent).expect("sent");
                    client.shutdown(Shutdown::Write).expect("closed");
                });
                let mut heard = Vec::new();
                (&client).read_to_end(&mut heard).expect("all of it");
                heard
            });
            assert!(heard == sent, "{model}: {} of {} bytes came back, or others", heard.len(), sent.len());
        }
    }

    #[test]
    fn counts_every_request_once() {
        for model in MODELS {
            let server = serve("hits", model, &[]);
            let mut numbers: Vec<u64> = std::thread::scope(|scope| {
                let clients: Vec<_> = (0..4)
                    .map(|_| scope.spawn(|| (0..25).map(|_| total(&ask(&server, GET))).collect::<Vec<_>>()))
                    .collect();
                clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
            });
            numbers.sort_unstable();
            assert_eq!(numbers, (1..=100).collect::<Vec<_>>(), "{model}");
            drop(server.connect());
            server.interrupt();
            let (_, printed, _) = server.finish();
            assert!(printed.starts_with("\rTotal ") && printed.ends_with("\rTotal 100\n"), "{model}: {printed:?}");
            assert_eq!(printed.lines().count(), 1, "{model}: {printed:?}");
        }
    }

    #[test]
    fn shows_the_count_while_a_client_that_was_answered_stays() {
        for model in MODELS {
            let mut server = serve("hits", model, &[]);
            let mut client = server.connect();
            client.write_all(GET).expect("sent");
            let mut answer = String::new();
            client.read_to_string(&mut answer).expect("an answer");
            let mut shown = [0; 8];
            server.child.stdout.as_mut().expect("its output").read_exact(&mut shown).expect("a line");
            assert_eq!(&shown, b"\rTotal 1", "{model}");
            drop(client);
            server.interrupt();
            server.finish();
        }
    }

    fn total(answer: &str) -> u64 {
        let number = answer.strip_prefix("HTTP/1.1 200 OK\r\n\r\nTotal ").expect("a count");
        number.parse().expect("a number")
    }

    #[test]
    fn serves_one_client_and_ends_where_asked() {
        for model in MODELS {
            let server = serve("http-hello", model, &["--once"]);
            assert_eq!(ask(&server, GET), HELLO, "{model}");
            assert_eq!(server.finish().0, Some(0), "{model}");
        }
    }

    #[test]
    fn closes_those_who_are_there_on_interrupt() {
        for model in MODELS {
            let server = serve("echo-many", model, &[]);
            let mut client = server.connect();
            client.write_all(b"here").expect("sent");
            assert_eq!(receive(&mut client), b"here", "{model}");
            server.interrupt();
            assert_eq!(all_of(&client), "", "{model}");
            assert!(server.finish().2.ends_with("served 0 clients\n"), "{model}");
        }
    }

    #[test]
    fn serves_curl_and_nc() {
        for model in MODELS {
            let server = serve("http-hello", model, &[]);
            let url = format!("http://{}/", server.address);
            if let Some(heard) = program("curl", &["--silent", "--show-error", "--data", "a body", &url]) {
                assert_eq!(heard, "Hello world", "{model}");
            }
            let (ip, port) = (server.address.ip().to_string(), server.address.port().to_string());
            let nc = Command::new("nc").args([&ip, &port]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
            let Ok(mut nc) = nc else { return support::skip("nc is not installed") };
            // Its input stays open: what it says ends by silence.
            nc.stdin.as_mut().expect("its input").write_all(b"hello?\n").expect("typed");
            let mut heard = [0; HELLO.len()];
            nc.stdout.take().expect("its output").read_exact(&mut heard).expect("its output");
            assert_eq!(text(&heard), HELLO, "{model}");
            drop(nc.stdin.take());
            nc.wait().expect("its end");
        }
    }

    #[test]
    fn serves_the_client_that_a_student_wrote_in_python() {
        if !has_python() {
            return;
        }
        for model in MODELS {
            let server = serve("echo-many", model, &[]);
            let program = format!(
                "import socket\n\
                 s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
                 s.connect(('127.0.0.1', {}))\n\
                 s.send('Grüße'.encode())\n\
                 print('Received', repr(s.recv(1024)))\n\
                 s.close()\n",
                server.address.port()
            );
            let output = Command::new("python3").args(["-c", &program]).output().expect("python3");
            assert_eq!(text(&output.stdout), "Received b'Gr\\xc3\\xbc\\xc3\\x9fe'\n", "{model}: {output:?}");
        }
    }
}

mod models_for_many {
    use super::*;

    #[test]
    fn let_nobody_wait_for_silent_rude_and_deaf_clients() {
        for model in CONCURRENT {
            let server = serve("http-hello", model, &[]);
            let silent = server.connect();
            let mut begun = server.connect();
            begun.write_all(b"GET / HT").expect("sent");
            let half_open = server.connect();
            half_open.shutdown(Shutdown::Write).expect("half closed");
            let asked = Instant::now();
            assert_eq!(ask(&server, GET), HELLO, "{model}");
            assert!(asked.elapsed() < Duration::from_secs(5), "{model}");
            drop((silent, begun));
        }
    }

    #[test]
    fn echo_to_others_while_one_never_reads() {
        for model in CONCURRENT {
            let server = serve("echo-many", model, &[]);
            let deaf = server.connect();
            deaf.set_nonblocking(true).expect("non-blocking");
            // Until the windows of both directions are closed.
            let (mut sent, mut full) = (0, 0);
            while full < 20 {
                match (&deaf).write(&[b'x'; 65536]) {
                    Ok(length) => (sent, full) = (sent + length, 0),
                    Err(_) => {
                        full += 1;
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
                assert!(sent < 200 << 20, "{model} takes all that a deaf client sends");
            }
            let mut client = server.connect();
            client.write_all(b"and me?").expect("sent");
            assert_eq!(receive(&mut client), b"and me?", "{model}");
        }
    }

    #[test]
    fn hold_hundreds_of_conversations_at_once() {
        for model in CONCURRENT {
            let server = serve("echo-many", model, &[]);
            let mut clients: Vec<_> = (0..300).map(|_| server.connect()).collect();
            for (number, client) in clients.iter_mut().enumerate().rev() {
                client.write_all(format!("I am {number}").as_bytes()).expect("sent");
            }
            for (number, client) in clients.iter_mut().enumerate() {
                assert_eq!(text(&receive(client)), format!("I am {number}"), "{model}");
            }
        }
    }

    #[test]
    fn let_the_next_one_wait_past_the_limit_of_clients() {
        for model in CONCURRENT {
            let server = serve("echo-many", model, &["--max-clients", "2"]);
            let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
            clients.iter_mut().for_each(|client| client.write_all(b"me").expect("sent"));
            let mut third = clients.pop().expect("three");
            clients.iter_mut().for_each(|client| assert_eq!(receive(client), b"me", "{model}"));
            third.set_nonblocking(true).expect("non-blocking");
            assert!(third.read(&mut [0]).is_err(), "{model} served the third beside two");
            third.set_nonblocking(false).expect("blocking");
            clients.truncate(1);
            assert_eq!(receive(&mut third), b"me", "{model}");
        }
    }

    #[test]
    fn wait_at_rest_where_the_system_allows_no_further_file() {
        for model in CONCURRENT {
            // Root could raise the limit again; in a user namespace of its own it is an ordinary user.
            let line =
                format!("ulimit -n 32; exec {} serve echo-many --port 0 --model {model}", env!("CARGO_BIN_EXE_netlab"));
            let mut command = Command::new("unshare");
            command.args(["--user", "sh", "-c", &line]);
            let Some(mut server) = Server::spawn(command) else { return support::skip("unshare --user is refused") };
            let mut clients: Vec<_> = (0..40).map(|_| server.connect()).collect();
            let mut said = String::new();
            while !said.contains("cannot accept a client") {
                said.clear();
                assert!(server.talk.read_line(&mut said).expect("its talk") > 0, "{model} ended");
            }
            let before = processor_time(&server);
            std::thread::sleep(Duration::from_millis(300));
            let spent = processor_time(&server) - before;
            assert!(spent < Duration::from_millis(150), "{model} was busy for {spent:?} of 300 ms");
            let mut last = clients.pop().expect("forty");
            last.write_all(b"and me?").expect("sent");
            clients.clear();
            assert_eq!(text(&receive(&mut last)), "and me?", "{model}");
        }
    }

    fn processor_time(server: &Server) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.child.id())).expect("its figures");
        let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
        // Fields 14 and 15 of proc_pid_stat(5), in hundredths of a second.
        let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
        Duration::from_millis(ticks * 10)
    }

    #[test]
    fn stand_wrk() {
        for model in CONCURRENT {
            let server = serve("http-hello", model, &[]);
            let url = format!("http://{}/", server.address);
            let load = ["-t1", "-c50", "-d1s", "-H", "Connection: close", &url];
            let Some(report) = program("wrk", &load) else { return };
            assert!(report.contains("Requests/sec"), "{model}: {report}");
            assert!(!report.contains("Socket errors") && !report.contains("Non-2xx"), "{model}: {report}");
            assert_eq!(ask(&server, GET), HELLO, "{model}");
        }
    }
}

#[test]
fn sequential_lets_all_wait_for_a_silent_client_until_its_idle_time_is_over() {
    let server = serve("http-hello", "sequential", &["--idle", "500ms"]);
    let silent = server.connect();
    let asked = Instant::now();
    assert_eq!(ask(&server, GET), HELLO);
    assert!(asked.elapsed() >= Duration::from_millis(400), "it did not wait");
    drop(silent);
}

#[test]
fn select_refuses_aloud_what_does_not_fit_its_set() {
    // The limit is a descriptor's number, so the clients of this test must be allowed as well.
    let (soft, hard) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).expect("a limit");
    if hard < 1500 {
        return support::skip("this user may open fewer than 1,500 files");
    }
    let _ = nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, soft.max(1500), hard);
    let mut server = serve("echo-many", "select", &[]);
    let mut clients: Vec<_> = (0..1100).map(|_| server.connect()).collect();
    let mut last = clients.pop().expect("a client");
    assert_eq!(last.read(&mut [0; 10]).expect("a close"), 0, "the last one was not refused");
    let mut said = String::new();
    std::io::BufRead::read_line(&mut server.talk, &mut said).expect("a line");
    assert!(said.contains("refused: select(2) watches descriptors below 1024"), "{said:?}");
    let first = clients.first_mut().expect("a client");
    first.write_all(b"still here").expect("sent");
    assert_eq!(receive(first), b"still here");
}

mod client {
    use super::*;

    #[test]
    fn of_http_hello_prints_the_body_of_our_server_and_of_a_bare_one() {
        let server = serve("http-hello", "selectors", &["--once"]);
        let port = server.address.port().to_string();
        let output = netlab(&["client", "http-hello", "--port", &port]).output().expect("netlab");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "Hello world\n"), "{output:?}");

        let bare = |mut client: TcpStream| {
            receive(&mut client);
            client.write_all(b"HTTP/1.1 200 OK\n").expect("sent");
            client.write_all(b"\nTotal 7").expect("sent");
        };
        let (output, server) = client_against("hits", bare, &[], b"");
        server.join().expect("the server's part");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "Total 7\n"), "{output:?}");
    }

    #[test]
    fn of_http_hello_says_what_is_wrong_with_an_answer() {
        for (answer, why) in [(&b""[..], "without an answer"), (b"Hello", "no empty line"), (&[b'x'; 100_000], "more")]
        {
            let bare = move |mut client: TcpStream| {
                receive(&mut client);
                let _ = client.write_all(answer);
            };
            let (output, server) = client_against("http-hello", bare, &[], b"");
            server.join().expect("the server's part");
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            assert!(text(&output.stderr).contains(why), "{output:?}");
        }
    }

    #[test]
    fn of_echo_many_sends_text_after_text() {
        let server = serve("echo-many", "async", &[]);
        let port = server.address.port().to_string();
        let output = netlab(&["client", "echo-many", "--port", &port, "one", "two"]).output().expect("netlab");
        assert_eq!(text(&output.stdout), "Received b'one'\nReceived b'two'\n", "{output:?}");
        let output = netlab(&["client", "echo-many", "--port", &port]).stdin(Stdio::null()).output().expect("netlab");
        assert_eq!(text(&output.stdout), "Received b'Hello, world'\n", "{output:?}");
    }

    #[test]
    fn of_echo_many_joins_pieces_and_tells_an_early_close() {
        let piecewise = |mut client: TcpStream| {
            client.set_nodelay(true).expect("no delay");
            let heard = receive(&mut client);
            heard.chunks(2).for_each(|piece| client.write_all(piece).expect("sent"));
            receive(&mut client);
        };
        let (output, server) = client_against("echo-many", piecewise, &["abcd", "lost"], b"");
        server.join().expect("the server's part");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).contains("before all came back"), "{output:?}");
    }
}
