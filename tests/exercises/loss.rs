//! `udp-loss` against bare sockets and Python: what was lost, doubled and overtaken, and by how much.

use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::programs::*;

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    socket
}

/// What the receiver prints about datagrams with these texts, from one bare socket.
fn received(datagrams: &[&[u8]], options: &[&str]) -> (String, String) {
    let server = Server::start("udp-loss", &[&["--once", "--quiet", "200ms"], options].concat());
    let sender = socket();
    for datagram in datagrams {
        sender.send_to(datagram, server.address).expect("sent");
    }
    let from = sender.local_addr().expect("an address");
    let (code, printed, talk) = server.finish();
    assert_eq!(code, Some(0), "{talk}");
    (printed.replace(&from.to_string(), "SENDER"), talk)
}

#[test]
fn reports_lost_doubled_and_reordered_and_by_how_much() {
    let sent: Vec<Vec<u8>> = [2, 3, 4, 1, 6, 6, 5, 9].map(|n: u32| format!("{n} Hi").into_bytes()).to_vec();
    let sent: Vec<&[u8]> = sent.iter().map(Vec::as_slice).collect();
    let (printed, _) = received(&sent, &["--expect", "10"]);
    assert_eq!(
        printed,
        "2 came before 1\n1 came late, overtaken by 3\n6 came before 5\n6 came again\n5 came late, overtaken by 1\n\
         9 came before 7-8\nfrom SENDER:\nreceived 7 of 10 numbers\nlost 3 (30.0 %): 7-8, 10\ndoubled 1 (10.0 %)\n\
         reordered 2 (20.0 %), by up to 3 places, 2.0 on average\n"
    );
}

#[test]
fn tells_what_is_no_number_and_counts_the_rest() {
    let (printed, talk) = received(&[b"Hello", b"1 a", b"\x1b[2J", b"0 b", b"2", b"18446744073709551615 c"], &[]);
    assert!(printed.contains("received 3 of 18446744073709551615 numbers\n"), "{printed:?}");
    assert_eq!(talk.matches("does not open with a number").count(), 3, "{talk:?}");
    assert!(!talk.contains('\x1b'), "{talk:?}");
}

#[test]
fn the_senders_account_and_the_receivers_are_the_same() {
    let server = Server::start("udp-loss", &["--once", "--quiet", "300ms", "--expect", "200"]);
    let output = netlab(&["client", "udp-loss", "--port", &server.address.port().to_string(), "--count", "200"])
        .args(["--interval", "1ms", "--drop", "10%", "--reorder", "5%", "--duplicate", "1%", "--seed", "1"])
        .output()
        .expect("netlab client");
    let sent = text(&output.stdout);
    let heard = server.finish().1;
    let number = |report: &str, word: &str| -> u64 {
        let line =
            report.lines().find(|line| line.starts_with(word)).unwrap_or_else(|| panic!("no {word} in {report}"));
        line[word.len()..].split([' ', ':']).find_map(|word| word.parse().ok()).expect("a number")
    };
    assert_eq!(number(&heard, "lost"), number(&sent, "dropped"), "{sent}{heard}");
    assert_eq!(number(&heard, "doubled"), number(&sent, "doubled"), "{sent}{heard}");
    assert!((1..=number(&sent, "held back")).contains(&number(&heard, "reordered")), "{sent}{heard}");
    assert!(number(&sent, "dropped") > 5, "{sent}");
}

#[test]
fn counts_what_a_student_sends_in_python_and_sends_what_a_student_counts() {
    if !has_python() {
        return;
    }
    let server = Server::start("udp-loss", &["--once", "--quiet", "200ms"]);
    let program = format!(
        "import socket\n\
         s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         for n in range(1, 21):\n\
         \x20   if n % 5 != 0 or n == 20:\n\
         \x20       s.sendto(('%d Hello' % n).encode(), ('127.0.0.1', {}))\n",
        server.address.port()
    );
    assert!(Command::new("python3").args(["-c", &program]).status().expect("python3").success());
    assert!(server.finish().1.contains("received 17 of 20 numbers\nlost 3 (15.0 %): 5, 10, 15\n"));

    let student = Student::start(
        "import socket\n\
         s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         s.bind(('127.0.0.1', 0))\n\
         print(s.getsockname()[1], flush=True)\n\
         for i in range(10):\n\
         \x20   print(s.recv(100).decode())\n",
    );
    let output = netlab(&["client", "udp-loss", "--port", &student.port.to_string(), "--count", "10", "Hi"])
        .args(["--interval", "1ms"])
        .stdin(Stdio::null())
        .output()
        .expect("netlab client");
    assert_eq!(text(&output.stdout), "sent 1 to 10\ndropped 0\ndoubled 0\nheld back 0\n");
    assert_eq!(student.finish(), (1..=10).map(|n| format!("{n} Hi\n")).collect::<String>());
}

#[test]
fn several_senders_have_an_account_each_and_ctrl_c_reports_what_is_open() {
    let mut server = Server::start("udp-loss", &["--quiet", "1h", "--max-clients", "2"]);
    for (sender, number) in [(socket(), 3), (socket(), 5), (socket(), 7)] {
        sender.send_to(format!("{number} x").as_bytes(), server.address).expect("sent");
    }
    assert_eq!(server.lines(2), "3 came before 1-2\n5 came before 1-4\n");
    server.interrupt();
    let (code, printed, talk) = server.finish();
    assert_eq!((code, printed.matches("received 1 of ").count()), (Some(0), 2));
    assert!(talk.contains("served 2 clients"), "{talk:?}");
}
