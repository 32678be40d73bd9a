//! Where a message ends: `delimiter`, `length`, `typed`.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::programs::*;

/// Lines of a server that tell of messages, without those that tell of receives.
fn messages(printed: &str) -> Vec<&str> {
    printed.lines().filter(|line| !line.starts_with("received ")).collect()
}

/// Sends these pieces, each in a segment of its own as far as a sender can do that, closes, and waits for the end.
fn send_all(server: &Server, pieces: &[&[u8]]) {
    let mut client = server.connect();
    client.set_nodelay(true).expect("no delay");
    for piece in pieces {
        client.write_all(piece).expect("sent");
    }
    client.shutdown(Shutdown::Write).expect("closed");
    assert_eq!(receive(&mut client), b"", "the server said something, or reset");
}

/// What a bare server received until our client closed.
fn heard_by_a_bare_server(exercise: &str, arguments: &[&str], input: &[u8]) -> (Vec<u8>, Option<i32>, String) {
    let (heard, bytes) = std::sync::mpsc::channel();
    let listens = move |mut client: TcpStream| {
        let mut all = Vec::new();
        client.read_to_end(&mut all).expect("to the end");
        heard.send(all).expect("told");
    };
    let (output, server) = client_against(exercise, listens, arguments, input);
    server.join().expect("the server's part");
    (bytes.recv().expect("bytes"), output.status.code(), text(&output.stdout))
}

/// Every way to cut `bytes` in two, all at once, and byte by byte.
fn cuts(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut ways = vec![vec![bytes], bytes.chunks(1).collect()];
    ways.extend([1, bytes.len() / 2, bytes.len() - 1].map(|at| {
        let (before, behind) = bytes.split_at(at);
        vec![before, behind]
    }));
    ways
}

/// A client refuses this before it connects: nobody listens, and that is not what it says.
fn refuses(exercise: &str, arguments: &[&str], why: &str) {
    let output = netlab(&["client", exercise, "--port", "1"]).args(arguments).output().expect("netlab");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains(why), "{output:?}");
}

/// A client that was put out: closed, not reset, though it may have sent more.
fn put_out(mut client: TcpStream) {
    assert_eq!(receive(&mut client), b"");
}

mod delimiter {
    use super::*;

    #[test]
    fn a_message_ends_at_its_sign_however_the_bytes_are_cut() {
        let server = Server::start("delimiter", &[]);
        for pieces in cuts(b"Hello##How are you?#") {
            send_all(&server, &pieces);
        }
        server.interrupt();
        let (_, printed, _) = server.finish();
        assert_eq!(messages(&printed), ["Message: Hello", "Message: ", "Message: How are you?"].repeat(5));
    }

    #[test]
    fn serves_python_and_nc() {
        let server = Server::start("delimiter", &[]);
        let program = "client.send(b'Hello#How')\ntime.sleep(0.05)\nclient.send(' are you, 你#'.encode())";
        let python = python_client(&server, program).is_some();
        let nc = nc(&server, b"from nc#\n").is_some();
        server.interrupt();
        let (_, printed, talk) = server.finish();
        let expected = ["Message: Hello", "Message: How are you, 你", "Message: from nc"];
        let seen: Vec<&str> = [(python, &expected[..2]), (nc, &expected[2..])]
            .iter()
            .flat_map(|(there, lines)| if *there { lines.to_vec() } else { Vec::new() })
            .collect();
        assert_eq!(messages(&printed), seen);
        assert!(!nc || talk.contains("closed in a message: 1 bytes have no #"), "{talk}");
    }

    #[test]
    fn a_message_without_end_is_refused_and_others_go_on() {
        let server = Server::start("delimiter", &["--max-line", "100"]);
        let mut endless = server.connect();
        endless.write_all(&[b'x'; 101]).expect("sent");
        put_out(endless);
        send_all(&server, &[b"still there#"]);
        server.interrupt();
        let (_, printed, talk) = server.finish();
        assert_eq!(messages(&printed), ["Message: still there"]);
        assert!(talk.contains("sent more than 100 bytes without a #"), "{talk}");
    }

    #[test]
    fn a_slow_a_silent_and_a_rude_client_hold_up_nobody() {
        let server = Server::start("delimiter", &[]);
        let mut slow = server.connect();
        slow.write_all(b"half a mess").expect("sent");
        let silent = server.connect();
        reset(server.connect());
        send_all(&server, &[b"meanwhile#"]);
        slow.write_all(b"age#").expect("sent");
        slow.shutdown(Shutdown::Write).expect("closed");
        assert_eq!(receive(&mut slow), b"");
        server.interrupt();
        assert_eq!(messages(&server.finish().1), ["Message: meanwhile", "Message: half a message"]);
        drop(silent);
    }

    #[test]
    fn the_client_ends_each_message_with_the_sign() {
        let (heard, code, printed) = heard_by_a_bare_server("delimiter", &["Hello", "you"], b"");
        assert_eq!((heard.as_slice(), code), (&b"Hello#you#"[..], Some(0)));
        assert_eq!(printed, "sent 6 bytes b'Hello#'\nsent 4 bytes b'you#'\n");
        let (heard, ..) = heard_by_a_bare_server("delimiter", &[], "Grüße\n\nlast".as_bytes());
        assert_eq!(text(&heard), "Grüße##last#");
    }

    #[test]
    fn the_client_cuts_wherever_it_is_told() {
        let arguments = ["--pieces", "4", "--pause", "1ms", "Hello", "you"];
        let (heard, _, printed) = heard_by_a_bare_server("delimiter", &arguments, b"");
        assert_eq!(heard, b"Hello#you#");
        assert_eq!(printed, "sent 4 bytes b'Hell'\nsent 4 bytes b'o#yo'\nsent 2 bytes b'u#'\n");
    }

    #[test]
    fn the_client_talks_with_a_server_in_python() {
        let program = "kept = b''\n\
             while piece := client.recv(5):\n\
             \x20   kept += piece\n\
             \x20   *whole, kept = kept.split(b'#')\n\
             \x20   for message in whole: print(message.decode())";
        let Some((output, printed)) = client_against_python("delimiter", program, &["Good morning", "你好"]) else {
            return;
        };
        assert_eq!((output.status.code(), printed.as_str()), (Some(0), "Good morning\n你好\n"), "{output:?}");
    }

    #[test]
    fn the_client_refuses_a_message_with_the_sign_in_it() {
        refuses("delimiter", &["first", "see #4"], "cannot hold a #");
    }
}

mod length {
    use super::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        [&u32::try_from(message.len()).expect("a length").to_be_bytes(), message].concat()
    }

    #[test]
    fn a_message_has_its_announced_length_however_the_bytes_are_cut() {
        let server = Server::start("length", &[]);
        let bytes = [framed(b"Hello"), framed(b""), framed(b"a#b\nc")].concat();
        for pieces in cuts(&bytes) {
            send_all(&server, &pieces);
        }
        server.interrupt();
        let (_, printed, _) = server.finish();
        let expected = ["Message of 5 bytes: Hello", "Message of 0 bytes: ", "Message of 5 bytes: a#b", "c"].repeat(5);
        assert_eq!(messages(&printed), expected);
    }

    #[test]
    fn serves_python_and_nc() {
        let server = Server::start("length", &["--once"]);
        let program = "message = 'Grüße'.encode()\n\
             client.send(struct.pack('>I', len(message)))\ntime.sleep(0.05)\nclient.sendall(message)";
        if python_client(&server, program).is_some() {
            assert_eq!(messages(&server.finish().1), ["Message of 7 bytes: Grüße"]);
        }
        let server = Server::start("length", &["--once"]);
        if nc(&server, b"\0\0\0\x02nc").is_some() {
            assert_eq!(messages(&server.finish().1), ["Message of 2 bytes: nc"]);
        }
    }

    #[test]
    fn more_than_is_allowed_is_refused_as_soon_as_it_is_announced() {
        let server = Server::start("length", &[]);
        for announced in [(1u32 << 20) + 1, u32::MAX] {
            let mut liar = server.connect();
            liar.write_all(&announced.to_be_bytes()).expect("sent");
            put_out(liar);
        }
        // A text where a length should stand.
        let mut lost = server.connect();
        lost.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("sent");
        put_out(lost);
        send_all(&server, &[&framed(b"still there")]);
        server.interrupt();
        let (_, printed, talk) = server.finish();
        assert_eq!(messages(&printed), ["Message of 11 bytes: still there"]);
        for announced in ["1048577", "4294967295", "1195725856"] {
            assert!(talk.contains(&format!("announced {announced} bytes")), "{talk}");
        }
        assert!(talk.contains("--max-message allows 1048576"), "{talk}");
    }

    #[test]
    fn the_longest_message_is_taken_and_one_byte_more_is_not() {
        let server = Server::start("length", &["--max-message", "20000"]);
        send_all(&server, &[&framed(&[b'x'; 20_000])]);
        let mut longer = server.connect();
        longer.write_all(&20_001u32.to_be_bytes()).expect("sent");
        put_out(longer);
        server.interrupt();
        let (_, printed, _) = server.finish();
        assert_eq!(messages(&printed), [format!("Message of 20000 bytes: {}", "x".repeat(20_000))]);
    }

    /// The most memory that the process has had, in KiB.
    fn peak(server: &Server) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).expect("its status");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("VmHWM");
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
    }

    #[test]
    fn what_is_announced_takes_no_memory() {
        let server = Server::start("length", &["--max-message", "4GiB", "--max-clients", "50"]);
        let before = peak(&server);
        let mut liars: Vec<_> = (0..20).map(|_| server.connect()).collect();
        for liar in &mut liars {
            liar.write_all(&framed(b"x").iter().map(|_| 0xee).collect::<Vec<u8>>()).expect("sent");
        }
        send_all(&server, &[&framed(b"done")]);
        assert!(peak(&server) - before < 8 << 10, "{} KiB, {before} KiB before", peak(&server));
    }

    #[test]
    fn the_client_sends_length_and_message() {
        let (heard, code, printed) = heard_by_a_bare_server("length", &["Hello", "#"], b"");
        assert_eq!((heard.as_slice(), code), (&b"\0\0\0\x05Hello\0\0\0\x01#"[..], Some(0)));
        assert!(printed.starts_with("sent 9 bytes b'\\x00\\x00\\x00\\x05Hello'\n"), "{printed}");
        let (heard, ..) = heard_by_a_bare_server("length", &["--pieces", "3", "--pause", "1ms", "Hello"], b"");
        assert_eq!(heard, b"\0\0\0\x05Hello");
        let (heard, ..) = heard_by_a_bare_server("length", &["--announce", "4294967295", "Hi"], b"");
        assert_eq!(heard, b"\xff\xff\xff\xffHi");
    }

    #[test]
    fn the_client_talks_with_a_server_in_python() {
        let program = "def exactly(n):\n\
             \x20   data = b''\n\
             \x20   while len(data) < n: data += client.recv(n - len(data))\n\
             \x20   return data\n\
             for _ in range(2): print(exactly(struct.unpack('>I', exactly(4))[0]).decode())";
        let Some((output, printed)) = client_against_python("length", program, &["Good morning", "你好"]) else {
            return;
        };
        assert_eq!((output.status.code(), printed.as_str()), (Some(0), "Good morning\n你好\n"), "{output:?}");
    }

    #[test]
    fn a_length_cut_off_is_told() {
        let server = Server::start("length", &["--once"]);
        send_all(&server, &[&[0, 0]]);
        assert!(server.finish().2.contains("closed in a message: 2 bytes of it came"));
    }
}

mod typed {
    use super::*;

    const BYTES: &[u8] = b"\0\0\0\x03tHi\0\0\0\x09i\xff\xff\xff\xff\xff\xff\xff\xfe\0\0\0\x03x42\0\0\0\x02i4\0\0\0\0\
        \0\0\0\x09f\x3f\xf8\0\0\0\0\0\0\0\0\0\x02b\x01\0\0\0\x04j[1]\0\0\0\x02j[";

    #[test]
    fn each_message_is_read_as_its_type_and_one_that_is_none_ends_nothing() {
        let server = Server::start("typed", &[]);
        for pieces in cuts(BYTES) {
            send_all(&server, &pieces);
        }
        server.interrupt();
        let (_, printed, _) = server.finish();
        let expected = [
            "text: Hi",
            "integer: -2",
            "error: unknown type 0x78 ('x'): t, i, f, b and j are known",
            "error: an integer has 1 bytes, not 8",
            "error: a message of no bytes has no type",
            "float: 1.5",
            "boolean: true",
            "JSON: [1]",
            "error: not JSON: EOF while parsing a list at line 1 column 1",
        ];
        assert_eq!(messages(&printed), expected.repeat(5));
    }

    #[test]
    fn serves_python() {
        let server = Server::start("typed", &["--once"]);
        let program = "import json\n\
             def send(kind, content): client.send(struct.pack('>I', 1 + len(content)) + kind + content)\n\
             send(b't', 'Grüße'.encode())\n\
             send(b'i', struct.pack('>q', -2**63))\n\
             send(b'?', b'what')\n\
             send(b'f', struct.pack('>d', 0.1))\n\
             send(b'b', struct.pack('?', False))\n\
             send(b'j', json.dumps({'a': [1, None]}).encode())";
        if python_client(&server, program).is_none() {
            return;
        }
        let (code, printed, _) = server.finish();
        assert_eq!(
            (code, messages(&printed)),
            (
                Some(0),
                vec![
                    "text: Grüße",
                    "integer: -9223372036854775808",
                    "error: unknown type 0x3f ('?'): t, i, f, b and j are known",
                    "float: 0.1",
                    "boolean: false",
                    "JSON: {\"a\": [1, null]}",
                ]
            )
        );
    }

    #[test]
    fn an_announced_length_over_the_limit_ends_the_connection() {
        let server = Server::start("typed", &["--max-message", "10"]);
        let mut liar = server.connect();
        liar.write_all(b"\0\0\0\x0bt").expect("sent");
        put_out(liar);
        send_all(&server, &[b"\0\0\0\x03tHi"]);
        server.interrupt();
        let (_, printed, talk) = server.finish();
        assert_eq!(messages(&printed), ["text: Hi"]);
        assert!(talk.contains("announced 11 bytes, and --max-message allows 10"), "{talk}");
    }

    #[test]
    fn the_client_sends_what_a_person_types_as_its_type() {
        let arguments = ["Hi", "int:-2", "0x78:42", "float:1.5", "bool:true", "json:[1]"];
        let (heard, code, _) = heard_by_a_bare_server("typed", &arguments, b"");
        let expected = b"\0\0\0\x03tHi\0\0\0\x09i\xff\xff\xff\xff\xff\xff\xff\xfe\0\0\0\x03x42\
            \0\0\0\x09f\x3f\xf8\0\0\0\0\0\0\0\0\0\x02b\x01\0\0\0\x04j[1]";
        assert_eq!((heard.as_slice(), code), (&expected[..], Some(0)));
        for (typed, why) in
            [("int:x", "no whole number"), ("float:x", "no number"), ("bool:1", "neither"), ("json:{", "not JSON")]
        {
            refuses("typed", &[typed], why);
        }
    }

    #[test]
    fn the_client_talks_with_a_server_in_python() {
        let program = "stream = client.makefile('rb')\n\
             while header := stream.read(4):\n\
             \x20   content = stream.read(struct.unpack('>I', header)[0])\n\
             \x20   print(content[:1].decode(), struct.unpack('>q', content[1:])[0] if content[:1] == b'i' else content[1:])";
        let Some((output, printed)) = client_against_python("typed", program, &["Hi", "int:42"]) else { return };
        assert_eq!((output.status.code(), printed.as_str()), (Some(0), "t b'Hi'\ni 42\n"), "{output:?}");
    }
}
