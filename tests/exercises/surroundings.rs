//! `names`, `buffers` and `multicast` on this machine, against Python and bare sockets.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, UdpSocket};
use std::process::{Command, Stdio};

use crate::programs::*;

mod names {
    use super::*;

    fn names(arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = netlab(&["client", "names"]).args(arguments).stdin(Stdio::null()).output().expect("netlab");
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    #[test]
    fn asks_everything_of_an_address_without_a_network() {
        let (code, printed, _) = names(&["127.0.0.1", "http"]);
        assert_eq!(code, Some(0), "{printed}");
        for line in [
            "  AF_INET   SOCK_STREAM  tcp  ('127.0.0.1', 80)",
            "  AF_INET   SOCK_DGRAM   udp  ('127.0.0.1', 80)",
            "  AF_INET   SOCK_RAW     any  ('127.0.0.1', 80)",
            "protocol by name: tcp has number 6",
            "service -> port: http is 80/tcp",
            "port -> service: 80/tcp is http",
        ] {
            assert!(printed.lines().any(|printed| printed == line), "{line:?} is not in\n{printed}");
        }
    }

    #[test]
    fn says_the_names_that_python_says() {
        if !has_python() {
            return;
        }
        let program = "import socket\n\
            print('  host name ' + socket.gethostname())\n\
            print('service -> port: domain is %d/udp' % socket.getservbyname('domain', 'udp'))\n\
            print('protocol by name: udp has number %d' % socket.getprotobyname('udp'))\n";
        let python = Command::new("python3").args(["-c", program]).output().expect("python3");
        let printed = names(&["localhost", "domain", "--protocol", "udp"]).1;
        for line in text(&python.stdout).lines() {
            assert!(printed.lines().any(|printed| printed == line), "{line:?} is not in\n{printed}");
        }
    }

    #[test]
    fn what_is_not_known_is_said_in_the_resolvers_words() {
        let (code, printed, talk) = names(&["no such host", "no-such-service", "--port", "4"]);
        assert_eq!(code, Some(2), "{printed}");
        assert!(printed.contains("service -> port: no-such-service is not in the table\n"), "{printed}");
        assert!(printed.contains("port -> service: 4/tcp is not in the table\n"), "{printed}");
        assert!(talk.contains("the name \"no such host\" is not known: "), "{talk}");
    }

    #[test]
    fn it_has_no_server_and_says_what_to_type() {
        let output = netlab(&["serve", "names"]).output().expect("netlab");
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("netlab client names HOST SERVICE"), "{output:?}");
    }
}

mod buffers {
    use super::*;

    #[test]
    fn the_receiver_counts_what_a_bare_sender_sends() {
        let server = Server::start("buffers", &["--once", "--receive-size", "1000", "--receive-buffer", "4KiB"]);
        let mut client = server.connect();
        client.write_all(&vec![7; 100_000]).expect("sent");
        client.shutdown(Shutdown::Write).expect("closed");
        assert_eq!(receive(&mut client), b"", "it did not close");
        let (code, printed, _) = server.finish();
        assert_eq!(code, Some(0));
        assert!(printed.starts_with("received 100000 bytes by "), "{printed:?}");
        let receives: u32 = printed.split_whitespace().nth(4).and_then(|word| word.parse().ok()).expect("a number");
        assert!(receives >= 100, "{receives} receives of at most 1000 bytes");
    }

    #[test]
    fn the_sender_sends_what_it_is_told_and_waits_for_the_other_sides_close() {
        let (output, server) = client_against(
            "buffers",
            |mut client| {
                let mut all = Vec::new();
                client.read_to_end(&mut all).expect("all of it");
                assert_eq!(all.len(), 1 << 20);
            },
            &["--bytes", "1MiB", "--send-size", "1KiB", "--send-buffer", "16KiB"],
            b"",
        );
        server.join().expect("the server's part");
        let printed = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(printed.starts_with("sent 1048576 bytes by ") && printed.contains("\nwindow up to "), "{printed:?}");
    }

    #[test]
    fn sizes_that_no_machine_has_are_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port().to_string();
        for size in ["0", "1GiB"] {
            let output = netlab(&["client", "buffers", "--port", &port, "--send-size", size]).output().expect("netlab");
            assert_eq!(output.status.code(), Some(2));
            assert!(text(&output.stderr).contains("sizes are from 1 byte to 256 MiB"), "{output:?}");
        }
    }

    #[test]
    fn bench_buffers_prints_a_table_and_draws_the_curves() {
        let plot = concat!(env!("CARGO_TARGET_TMPDIR"), "/buffers.svg");
        let output = netlab(&["bench", "buffers", "--duration", "10ms", "--svg", plot]).output().expect("netlab bench");
        let printed = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        for series in ["send size", "receive size", "SO_SNDBUF", "SO_RCVBUF"] {
            assert_eq!(printed.lines().filter(|line| line.starts_with(series)).count(), 6, "{series} in\n{printed}");
        }
        let svg = std::fs::read_to_string(plot).expect("the plot");
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (4, 24));
    }
}

mod multicast {
    use super::*;

    const GROUP: &[&str] = &["--group", "239.8.0.5", "--interface", "127.0.0.1"];

    #[test]
    fn the_receiver_hears_a_bare_sender_on_this_machine() {
        let server = Server::start("multicast", &[GROUP, &["--once"]].concat());
        let sender = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket2::SockRef::from(&sender).set_multicast_if_v4(&[127, 0, 0, 1].into()).expect("an interface");
        sender.send_to("Grüße an alle".as_bytes(), server.address).expect("sent");
        let (code, printed, talk) = server.finish();
        assert_eq!((code, printed.as_str()), (Some(0), "Grüße an alle\n"));
        assert!(talk.contains("IGMP reports 239.8.0.5"), "{talk:?}");
    }

    #[test]
    fn the_sender_reaches_several_receivers_at_one_port() {
        let first = Server::start("multicast", &[GROUP, &["--once"]].concat());
        let port = first.address.port().to_string();
        let mut second = netlab(&["serve", "multicast", "--once", "--port", &port])
            .args(GROUP)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("netlab serve");
        let mut talk = [0; 1];
        second.stderr.as_mut().expect("its talk").read_exact(&mut talk).expect("it listens");
        let sent = netlab(&["client", "multicast", "--port", &port]).args(GROUP).output().expect("netlab client");
        assert_eq!((sent.status.code(), text(&sent.stderr)), (Some(0), String::new()));
        assert_eq!(first.finish().1, "Hey all!\n");
        assert_eq!(text(&second.wait_with_output().expect("its end").stdout), "Hey all!\n");
    }

    #[test]
    fn joins_ipv6_groups() {
        if UdpSocket::bind("[::1]:0").is_err() {
            return crate::support::skip("this machine has no ::1");
        }
        let group = &["--group", "ff15::8005", "--interface", "lo"];
        let server = Server::start("multicast", &[&group[..], &["--once"]].concat());
        let port = server.address.port().to_string();
        let output = netlab(&["client", "multicast", "--port", &port]).args(group).output().expect("netlab client");
        if text(&output.stderr).contains("no interface leads to") {
            return crate::support::skip("this machine has no IPv6 multicast route on lo");
        }
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(server.finish().1, "Hey all!\n");
    }

    #[test]
    fn what_is_no_group_and_no_interface_is_refused_with_what_to_type() {
        for (arguments, words) in [
            (["serve", "multicast", "--port", "0", "--group", "10.0.0.1"], "no multicast group"),
            (["serve", "multicast", "--port", "0", "--interface", "nope0"], "`netlab interfaces`"),
            (["client", "multicast", "--port", "9", "--group", "10.0.0.1"], "no multicast group"),
        ] {
            let output = netlab(&arguments).output().expect("netlab");
            assert_eq!(output.status.code(), Some(2), "{output:?}");
            assert!(text(&output.stderr).contains(words), "{output:?}");
        }
    }

    /// The course's port is privileged: whoever may not bind it is told how to get it.
    #[test]
    fn port_1001_wants_a_right_and_says_which() {
        let start = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
        if !nix::unistd::Uid::effective().is_root() || start.trim().parse().unwrap_or(0) <= 1001 {
            return crate::support::skip("only root can try to be without the right here");
        }
        let output = Command::new("setpriv")
            .args(["--bounding-set", "-all", "--inh-caps", "-all", "--ambient-caps", "-all"])
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs"])
            .arg(env!("CARGO_BIN_EXE_netlab"))
            .args(["serve", "multicast", "--interface", "127.0.0.1"])
            .output();
        let Ok(output) = output else { return crate::support::skip("setpriv is not installed") };
        let talk = text(&output.stderr);
        if talk.contains("failed to execute") {
            return crate::support::skip("the program is not readable for others");
        }
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(talk.contains("port 1001 is privileged") && talk.contains("--port N"), "{talk}");
        assert!(talk.contains("ip_unprivileged_port_start=1001"), "{talk}");
    }
}
