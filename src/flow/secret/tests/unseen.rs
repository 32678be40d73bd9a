//! What was said before a capture began, what only a part of is there, and what servers say of passwords.

use super::*;

/// A fragment of an IPv4 packet, with what of it is secret covered; `word` is that of its header.
fn fragment(table: &mut FlowTable, word: u16, data: &[u8]) -> String {
    let mut bytes = vec![0x45, 0];
    bytes.extend((20 + data.len() as u16).to_be_bytes());
    bytes.extend([0, 1]);
    bytes.extend(word.to_be_bytes());
    bytes.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.extend(data);
    let shown = read(table, &bytes, |packet, known| Places::of(packet, known.facts).covered(data, 20));
    String::from_utf8_lossy(&shown).into_owned()
}

/// A conversation whose beginning was not captured.
fn begun(port: u16) -> Said {
    Said { table: FlowTable::new(), connection: Connection::to(port), shown: Vec::new() }
}

#[test]
fn what_is_typed_after_a_question_that_was_not_seen_whole_is_covered() {
    let mut telnet = Said::with(23);
    telnet.server("login: ").client("ana\r\n");
    telnet.connection.next[1] += 10;
    telnet.client("tajna\r\n").server("\r\n$ ").client("ls\r\n");
    assert_eq!(telnet.shown[2..], ["*****\r\n", "\r\n$ ", "ls\r\n"]);
    for (question, shown) in [("word: ", "*****\r\n"), ("choose a name: ", "tajna\r\n"), ("$ ", "tajna\r\n")] {
        let mut telnet = begun(23);
        telnet.server(question).client("tajna\r\n");
        assert_eq!(telnet.shown[1], shown, "{question}");
    }
    let mut telnet = begun(23);
    telnet.client("ta").client("j\r\n").server("\r\nWelcome\r\n$ ").client("l").server("l").client("s");
    assert_eq!(telnet.shown, ["**", "*\r\n", "\r\nWelcome\r\n$ ", "l", "l", "s"]);
}

#[test]
fn lines_of_a_client_that_an_error_quotes_are_covered_unless_they_are_commands() {
    let quoted = |ends: [(u8, u16); 2], said: &str| {
        let quoted = sample::segment(ends, [1, 0], DATA, said.as_bytes());
        let head = [0x45, 0, 0, 28 + quoted.len() as u8, 0, 1, 0, 0, 64, 1, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1];
        let bytes = [&head[..], &[3, 1, 0, 0, 0, 0, 0, 0], &quoted].concat();
        let table = &mut FlowTable::new();
        let shown = read(table, &bytes, |packet, known| Places::of(packet, known.facts).covered(&bytes, 0));
        String::from_utf8_lossy(&shown[shown.len() - said.len()..]).into_owned()
    };
    for port in [21, 23, 25, 110, 143] {
        assert_eq!(quoted([(1, 40_000), (2, port)], "dGFq"), "****", "{port}");
        assert_eq!(quoted([(2, port), (1, 40_000)], "dGFq"), "dGFq", "{port}");
    }
    let head = "tajna\r\nHost: a\r\nCookie: a=tajna; b";
    assert_eq!(quoted([(1, 40_000), (2, 80)], head), "*****\r\nHost: a\r\nCookie: a=*****; *");
    assert_eq!(quoted([(1, 40_000), (2, 9)], head), head);
    assert_eq!(quoted([(1, 40_000), (2, 25)], "MAIL FROM:<a@b>\r\n"), "MAIL FROM:<a@b>\r\n");
}

#[test]
fn later_fragments_of_a_message_that_may_have_secrets_are_covered() {
    let mut table = FlowTable::new();
    let first = |port: u8| [&[0x13, 0xce, 0x13, port, 0, 100, 0, 0][..], b"INVITE sip:ana:tajna@lab"].concat();
    assert!(fragment(&mut table, 0x2000, &first(0xc4)).ends_with("INVITE sip:ana:*****@lab"));
    assert_eq!(fragment(&mut table, 0x2004, b"tajna"), "*****");
    assert!(fragment(&mut table, 0x2000, &first(9)).ends_with("INVITE sip:ana:tajna@lab"));
    assert_eq!(fragment(&mut table, 0x2004, b"tajna"), "tajna", "of another datagram");
    assert_eq!(fragment(&mut FlowTable::new(), 0x2004, b"tajna"), "tajna", "of what, nobody knows");
}

#[test]
fn what_a_server_of_redis_shows_of_commands_is_covered_wherever_it_is_cut() {
    let line = "+1339518083.107412 [0 127.0.0.1:60866] \"CONFIG\" \"SET\" \"requirepass\" \"tajna\"\r\n";
    let answer = "*2\r\n$11\r\nrequirepass\r\n$5\r\ntajna\r\n+OK auth\r\n";
    for (text, stars) in [(line, 7), (answer, 5)] {
        for cut in 2..text.len() {
            let mut redis = Said::with(6379);
            redis.client("*1\r\n$7\r\nMONITOR\r\n").server("+OK\r\n").server(&text[..cut]).server(&text[cut..]);
            let shown = redis.shown[2..].concat();
            assert_eq!(shown, text.replace("\"tajna\"", "*******").replace("tajna", "*****"), "{cut}");
            assert_eq!(shown.matches('*').count(), stars + usize::from(stars == 5), "{cut}");
        }
    }
}

#[test]
fn a_carriage_return_alone_may_end_a_line_of_ftp() {
    let text = "USER ana\rPASS tajna\r\n";
    for cut in 1..text.len() {
        let mut ftp = Said::with(21);
        ftp.server("220 hi\r\n").client(&text[..cut]).client(&text[cut..]);
        assert_eq!(ftp.shown[1..].concat(), "USER ana\rPASS *****\r\n", "{cut}");
    }
}
