//! Segments that come in another order, that are lost, and that cut what is secret.

use super::*;

impl Said {
    /// Pieces of what the client says, in the order in which they come.
    fn pieces(&mut self, pieces: &[&str], order: &[usize]) -> &mut Self {
        let first = self.connection.next[0];
        for place in order {
            let start = pieces[..*place].concat().len() as u32;
            self.segment(true, first + start, DATA, pieces[*place].as_bytes());
        }
        self.connection.next[0] += pieces.concat().len() as u32;
        self
    }
}

#[test]
fn segments_out_of_order_show_no_password() {
    let head = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (port, pieces, open) in [
        (80, [head, "X: y\r\nAuthorization: Basic ", "tajna\r\n\r\n"], "tajna\r\n\r\n"),
        (80, [head, "X: y\r\nAuthorization: tajna\r\n", "A: b\r\n\r\n"], "X: y\r\nAuthorization: tajna\r\n"),
        (80, [head, "Cookie: a=tajna; ", "b=tajna\r\n\r\n"], "Cookie: a=tajna; "),
        (80, [head, "X: y\r\nCook", "ie: a=tajna\r\n\r\n"], "X: y\r\nCook"),
        (21, ["USER ana\r\nPASS ", "ta", "jna\r\n"], "USER ana\r\nPASS "),
        (110, ["USER ana\r\nPASS ", "ta", "jna\r\n"], "USER ana\r\nPASS "),
        (143, ["a NOOP\r\nb LOGIN ana ", "ta", "jna\r\n"], "a NOOP\r\nb LOGIN ana "),
        (6379, ["*2\r\n$4\r\nAUTH\r\n$5\r\n", "ta", "jna\r\n"], "*2\r\n$4\r\nAUTH\r\n$5\r\n"),
        (6379, ["*2\r\n$4\r\nAU", "TH\r\n$5\r\n", "tajna\r\n"], "*2\r\n$4\r\nAU"),
        (
            1883,
            ["\x10\x1b\0\x04MQTT\x04@\0<\0\x02id\0\x0b", "tajna-", "tajna"],
            "\x10\x1b\0\x04MQTT\x04@\0<\0\x02id\0\x0b",
        ),
    ] {
        for order in [[0, 1, 2], [0, 2, 1]] {
            let mut said = Said::with(port);
            said.pieces(&pieces, &order);
            let shown = said.shown.concat();
            assert!(
                !shown.contains("tajna") && !shown.contains("ta*") && !shown.contains("jna"),
                "{port}: {:?}",
                said.shown
            );
            let seen = pieces.iter().any(|piece| *piece == open && piece.contains("tajna")) || shown.contains(open);
            assert!(seen, "{port}: {:?}", said.shown);
        }
    }
    // The head's second segment comes first of all.
    let mut http = Said::with(80);
    http.pieces(&[head, "X: y\r\nCookie: a=tajna; b=tajna", "tajna\r\n\r\n"], &[1, 0, 2]);
    assert!(http.shown.iter().all(|shown| !shown.contains("tajna")), "{:?}", http.shown);
}

#[test]
fn what_is_typed_in_another_order_is_covered() {
    let mut telnet = Said::with(23);
    telnet.server("login: ").client("ana\r\n").server("Password: ");
    telnet.pieces(&["t", "a", "j", "n", "a", "\r\n"], &[0, 2, 1, 4, 3, 5]);
    telnet.server("\r\n$ ").client("ls\r\n");
    assert_eq!(telnet.shown[3..9].concat(), "*****\r\n");
    assert_eq!(telnet.shown[10], "ls\r\n");
}

#[test]
fn behind_a_gap_in_a_head_the_rest_of_a_line_is_covered_and_no_body() {
    let lost = |behind: &str| {
        let mut http = Said::with(80);
        http.client("GET / HTTP/1.1\r\nHost: a\r\nX");
        http.connection.next[0] += 100;
        http.client(behind).shown[1].clone()
    };
    assert_eq!(
        lost("tajna; b=tajna\r\nX: y\r\nCookie: a=tajna\r\n\r\n"),
        "**************\r\nX: y\r\nCookie: a=*****\r\n\r\n"
    );
    assert_eq!(lost("tajna\r\n tajna\r\nX: y\r\n\r\nopen"), "*****\r\n *****\r\nX: y\r\n\r\nopen");
    assert_eq!(lost("\u{1}\u{2}binary\r\nmore"), "\u{1}\u{2}binary\r\nmore");
    assert_eq!(lost("<p>\n<b>open</b>: open\nCookie: open"), "***\n<b>open</b>: open\nCookie: open");
}

#[test]
fn heads_behind_bodies_are_found_in_the_same_segment() {
    let cookie = "HTTP/1.1 200 OK\r\nSet-Cookie: a=tajna\r\n\r\n";
    let covered = "HTTP/1.1 200 OK\r\nSet-Cookie: a=*****\r\n\r\n";
    // The client did not wait for the first answer.
    let mut piped = Said::with(80);
    piped.client(&"GET / HTTP/1.1\r\n\r\n".repeat(2));
    piped.server("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n12").server(&["34", cookie].concat());
    piped
        .server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi")
        .server(&["\r\n0\r\n\r\n", cookie].concat());
    assert!([2, 4].iter().all(|place| piped.shown[*place].ends_with(covered)), "{:?}", piped.shown);
    let next = "GET / HTTP/1.1\r\nCookie: a=tajna\r\n\r\n";
    for (first, second) in [
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi", "\r\n0\r\n\r\n"),
        ("POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n12", "34\r\n"),
    ] {
        let mut http = Said::with(80);
        http.client(first).client(&[second, next].concat());
        assert_eq!(http.shown[1], [second, next].concat().replace("tajna", "*****"));
    }
}

#[test]
fn a_password_in_an_address_is_covered_where_the_segment_cuts_it() {
    let mut http = Said::with(80);
    http.client("GET http://ana:taj").client("na@host/ HTTP/1.1\r\nReferer: http://a").client("na:tajna@host/\r\n\r\n");
    let shown = ["GET http://ana:***", "**@host/ HTTP/1.1\r\nReferer: http://a", "na:*****@host/\r\n\r\n"];
    assert_eq!(http.shown, shown);
}

#[test]
fn a_cookie_in_quotation_marks_and_old_ones_are_covered() {
    let mut http = Said::with(80);
    http.server(
        "HTTP/1.1 200 OK\r\nSet-Cookie: a=\"b;tajna\"; Path=/\r\nSet-Cookie2: a=\"b\"; V=1, c=\"tajna\"\r\n\r\n",
    );
    assert_eq!(
        http.shown,
        ["HTTP/1.1 200 OK\r\nSet-Cookie: a=*********; Path=/\r\nSet-Cookie2: a=***; V=************\r\n\r\n"]
    );
}

#[test]
fn a_literal_whose_announcement_is_cut_is_covered() {
    for cut in 1..=4 {
        let line = "a LOGIN ana {5}\r\n";
        let (first, second) = line.split_at(line.len() - 2 - cut);
        let mut imap = Said::with(143);
        imap.server("* OK\r\n").client(first).client(second).server("+ go on\r\n").client("tajna").client("\r\n");
        imap.server("a OK\r\n").client("b NOOP\r\n");
        assert_eq!(
            (imap.shown[4].as_str(), imap.shown[7].as_str()),
            ("*****", "b NOOP\r\n"),
            "{cut}: {:?}",
            imap.shown
        );
    }
}

#[test]
fn typed_commands_of_redis_are_covered_behind_lines_that_are_not_known() {
    for before in ["FOO bar\r\n", "\r\n", "CLIENT SETNAME x\r\n"] {
        let mut redis = Said::with(6379);
        redis.client(&[before, "AUTH tajna\r\nPING\r\n"].concat());
        assert_eq!(redis.shown, [[before, "AUTH *****\r\nPING\r\n"].concat()]);
    }
    let mut open = Said::with(6379);
    open.client("FOO bar\r\nSET a AUTH-no\r\n");
    assert_eq!(open.shown, ["FOO bar\r\nSET a AUTH-no\r\n"]);
}

#[test]
fn what_a_telnet_client_says_of_its_environment_is_covered_where_it_is_a_password() {
    let said = |data: &[u8]| {
        let mut telnet = Said::with(23);
        telnet.segment(true, 1001, DATA, data);
        telnet.shown.concat()
    };
    let shown = said(b"\xff\xfa\x27\0\0USER\x01ana\x03PASSWORD\x01tajna\0LANG\x01hr\xff\xf0");
    assert!(shown.contains("USER\x01ana") && shown.contains("PASSWORD\x01*****\0LANG\x01hr"), "{shown}");
}

#[test]
fn keys_of_media_and_of_transfers_are_covered() {
    let mut sip = Said::with(5060);
    let head = "INVITE sip:a SIP/2.0\r\nX: y\r\n\r\n";
    sip.client(
        &[head, "v=0\r\nk=clear:tajna\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:tajna|2\r\na=b\r\n"].concat(),
    );
    assert!(
        sip.shown[0].ends_with("k=***********\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:*******\r\na=b\r\n"),
        "{:?}",
        sip.shown
    );
    let mut ftp = Said::with(21);
    ftp.server("220 hi\r\n")
        .client("ADAT tajna\r\n")
        .client("SITE PASSWD old tajna\r\n")
        .client("SITE CHMOD 644 a\r\n");
    assert_eq!(ftp.shown[1..], ["ADAT *****\r\n", "SITE PASSWD *********\r\n", "SITE CHMOD 644 a\r\n"]);
    let mut imap = Said::with(143);
    imap.client(&["A".repeat(40).as_str(), " LOGIN ana tajna\r\n"].concat());
    assert!(imap.shown[0].ends_with("A LOGIN ana *****\r\n"), "{:?}", imap.shown);
}

#[test]
fn heads_of_http_2_without_tls_are_covered_whole() {
    let mut http = Said::with(80);
    http.segment(
        true,
        1001,
        DATA,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x0a\x01\x05\0\0\0\x01\x40\x01a\x05tajna!\0\0\x05\0\x01\0\0\0\x01tajna",
    );
    assert!(http.shown[0].ends_with("\x01**********\0\0\x05\0\x01\0\0\0\x01tajna"), "{:?}", http.shown);
}

#[test]
fn what_is_cut_before_its_sign_is_covered() {
    for (port, text) in [(5060, "INVITE sip:ana:taj"), (80, "GET http://ana:taj"), (80, "CONNECT ana:taj")] {
        let mut said = Said::with(port);
        said.client(text).client("na@host");
        assert_eq!(said.shown[..1], [text.replace("taj", "***")]);
        assert_eq!(said.shown[1], "**@host", "{port}");
    }
    // The end of the letter was lost, and the server asks all the same.
    let mut smtp = Said::with(25);
    smtp.client("DATA\r\n").server("354 go on\r\n").client("hi\r\n");
    smtp.connection.next[0] += 3;
    smtp.server("250 OK\r\n").client("AUTH LOGIN\r\n").server("334 VXNlcm5hbWU6\r\n").client("dGFq").client("bmE=\r\n");
    assert_eq!(smtp.shown[6..], ["****", "****\r\n"]);
}

#[test]
fn messages_that_say_their_length_are_covered_wherever_segments_cut_them() {
    let connect = "\x10\x1b\0\x04MQTT\x04@\0<\0\x02id\0\x0btajna-tajna";
    let whole = ["\x30\x05\0\x01ahi", connect, "\x30\x05\0\x01ahi"].concat();
    for cut in 1..whole.len() {
        let mut mqtt = Said::with(1883);
        mqtt.pieces(&[&whole[..cut], &whole[cut..]], &[0, 1]);
        let shown = mqtt.shown.concat();
        assert!(shown.starts_with("\x30\x05\0\x01ahi") && shown.ends_with("\x30\x05\0\x01ahi"), "{cut}: {shown:?}");
        assert!(!shown.contains(['t', 'j', 'n']), "{cut}: {shown:?}");
    }
    let frame = |kind: char, content: &str| ["\0\0\x0a", kind.to_string().as_str(), "\x05\0\0\0\x01", content].concat();
    let (settings, heads, data) = ("\0\0\0\x04\0\0\0\0\0", frame('\x01', "@\x01atajna!!"), frame('\0', "plain text"));
    let many = settings.repeat(20);
    let whole =
        ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &many, &heads, &data, &frame('\x20', "plain text"), &heads].concat();
    for cut in 24..whole.len() {
        let mut http = Said::with(9999);
        http.pieces(&[&whole[..cut], &whole[cut..]], &[0, 1]);
        let shown = http.shown.concat();
        assert!(!shown.contains("j") && shown.matches("plain text").count() == 2, "{cut}: {shown:?}");
        assert!(
            shown.ends_with(&["\x01", &"*".repeat(10)].concat()) && shown.matches('*').count() == 21,
            "{cut}: {shown:?}"
        );
    }
}

#[test]
fn behind_a_gap_messages_are_known_again_where_a_segment_begins_with_one() {
    let (data, heads) = ("\0\0\x04\0\0\0\0\0\x01open", "\0\0\x06\x01\x05\0\0\0\x01tajna!");
    let mut http = Said::with(9999);
    http.client("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").server(&["\0\0\0\x04\0\0\0\0\0", heads].concat());
    http.connection.next[0] += 100;
    http.client("of something").client(&[data, heads].concat());
    assert!(http.shown[1].ends_with("\x01******"), "the server has no preface: {:?}", http.shown);
    assert_eq!(http.shown[2..], ["of something".to_owned(), [data, &heads.replace("tajna!", "******")].concat()]);
}

#[test]
fn keys_in_descriptions_are_covered_in_whatever_segments() {
    let head = "INVITE sip:b@lab SIP/2.0\r\nContent-Length: 93\r\n\r\n";
    let keys =
        "v=0\r\nk=clear:tajna\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:tajna|2\r\na=ice-pwd:tajna\r\na=b\r\n";
    let text = [head, keys].concat();
    for cut in 30..text.len() {
        let mut sip = Said::with(5060);
        sip.pieces(&[&text[..29], &text[29..cut], &text[cut..]], &[0, 2, 1]);
        assert!(!sip.shown.iter().any(|shown| shown.contains("tajna")), "{cut}: {:?}", sip.shown);
        let mut sip = Said::with(5060);
        sip.pieces(&[&text[..cut], &text[cut..]], &[0, 1]);
        let open = text.replace("clear:tajna", "***********").replace("tajna|2", "*******").replace("tajna", "*****");
        assert_eq!(sip.shown.concat(), open, "{cut}");
    }
}
