//! Messages are the same however TCP cuts them, and no bytes do harm.

use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(
        prop_oneof![3 => any::<u8>(), 1 => Just(b'.'), 1 => Just(b'\r'), 1 => Just(b'\n'), 1 => b'0'..=b'f'],
        0..200,
    )
}

/// A request with its response: as they are sent, and the two bodies.
fn asked() -> impl Strategy<Value = ([Vec<u8>; 2], [Vec<u8>; 2])> {
    (text(), text(), 0..3u8, 1..60usize).prop_map(|(up, down, coding, size)| {
        let request = format!("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", up.len());
        let mut response = b"HTTP/1.1 200 OK\r\n".to_vec();
        match coding {
            0 => response.extend_from_slice(format!("Content-Length: {}\r\n\r\n", down.len()).as_bytes()),
            _ => {
                response.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in down.chunks(size) {
                    response.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    response.extend_from_slice(chunk);
                    response.extend_from_slice(b"\r\n");
                }
                response.extend_from_slice(if coding == 1 { b"0\r\n\r\n" } else { b"0;e\r\nA: b\r\nC: d\r\n\r\n" });
            }
        }
        if coding == 0 {
            response.extend_from_slice(&down);
        }
        ([[request.into_bytes(), up.clone()].concat(), response], [up, down])
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn http_is_the_same_however_it_is_cut(
        asked in proptest::collection::vec(asked(), 1..5),
        pipelined: bool,
        sizes in proptest::collection::vec(1..80usize, 1..6),
    ) {
        let mut said = Vec::new();
        for ([request, response], _) in &asked {
            said.push(client(request));
            said.push(server(response));
        }
        if pipelined {
            said.sort_by_key(|say| !say.from_client);
        }
        let whole = exchange(80, &said, ALL);
        let cut = exchange(80, &said, &sizes);
        prop_assert_eq!(essence(&cut), essence(&whole));
        let mut bodies: Vec<_> = asked.iter().map(|(_, [up, _])| up.clone()).collect();
        bodies.extend(asked.iter().map(|(_, [_, down])| down.clone()));
        let of = |from_client| cut.iter().filter(move |message| message.from_client == from_client);
        let read: Vec<_> = of(true).chain(of(false)).map(|message| message.body.data.clone()).collect();
        prop_assert_eq!(read, bodies);
        prop_assert!(cut.iter().all(|message| message.body.is_complete()));
    }

    #[test]
    fn smtp_is_the_same_however_it_is_cut(sizes in proptest::collection::vec(1..30usize, 1..6)) {
        let whole = exchange(25, &smtp(), ALL);
        prop_assert_eq!(essence(&exchange(25, &smtp(), &sizes)), essence(&whole));
    }

    #[test]
    fn fetched_letters_and_files_are_the_same_however_they_are_cut(
        sizes in proptest::collection::vec(1..30usize, 1..6),
    ) {
        prop_assert_eq!(essence(&exchange(110, &pop(), &sizes)), essence(&exchange(110, &pop(), ALL)));
        prop_assert_eq!(essence(&exchange(143, &imap(), &sizes)), essence(&exchange(143, &imap(), ALL)));
        prop_assert_eq!(essence(&session(&sizes)), essence(&session(ALL)));
    }

    #[test]
    fn nothing_hostile_panics(
        said in proptest::collection::vec((any::<bool>(), text(), any::<bool>()), 0..20),
        port in prop_oneof![Just(25u16), Just(80), Just(21), Just(110), Just(143), Just(9999)],
        begun in 0..3usize,
    ) {
        let mut wire = Wire::to(port);
        if port == 80 {
            let heads = ["GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"];
            wire.send(begun == 0, heads[begun].as_bytes(), true);
        }
        let commands: &[&str] = match port {
            110 => &["RETR 1\r\n", "+OK\r\n"],
            143 => &["a FETCH 1 BODY[]\r\n", "* 1 FETCH (BODY[] {50}\r\n"],
            21 => &["EPSV\r\nRETR x\r\n", "229 (|||21|)\r\n"],
            25 => &["DATA\r\n", "354 go\r\n"],
            _ => &[],
        };
        for (place, text) in commands.iter().enumerate() {
            wire.send(place == 0, text.as_bytes(), true);
        }
        for (from_client, bytes, captured) in &said {
            wire.send(*from_client, bytes, *captured);
        }
        for message in wire.close() {
            let mut out = Vec::new();
            message.tell(&mut out);
            message.content(100);
        }
    }
}
