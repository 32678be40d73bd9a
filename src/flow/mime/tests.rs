//! Letters as programs write them, and as nobody should.

use super::*;

const LETTER: &str = "\
Subject: =?utf-8?q?=C5=BDuta?= =?utf-8?b?IGtuamlnYQ==?=\r\n\
From: Ana <ana@lab.example>\r\n\
X-Long: one\r\n\ttwo\r\n\
Content-Type: multipart/mixed;\r\n boundary=\"=_1\"\r\n\
\r\n\
for those who know no MIME\r\n\
--=_1\r\n\
Content-Type: text/plain; charset=\"iso-8859-2\"\r\n\
Content-Transfer-Encoding: quoted-printable\r\n\
\r\n\
=AEuta\r\n\
\r\n\
--=_1\r\n\
Content-Type: multipart/alternative; boundary=inner\r\n\
\r\n\
--inner\r\n\
\r\n\
plain\r\n\
--inner\r\n\
Content-Type: text/html\r\n\
\r\n\
<p>\r\n\
--inner-- \r\n\
--=_1\r\n\
Content-Type: application/octet-stream\r\n\
Content-Transfer-Encoding: BASE64\r\n\
Content-Disposition: attachment; filename*0*=utf-8''%C5%BDu; filename*1=ta.bin\r\n\
\r\n\
AQIDzg==\r\n\
--=_1--\r\n\
behind\r\n";

fn kinds(letter: &Letter<'_>) -> Vec<String> {
    letter
        .parts
        .iter()
        .map(|part| {
            let number = part.number.as_deref().unwrap_or("-");
            format!("{} {number} {}/{}", part.depth, part.kind.kind, part.kind.subtype)
        })
        .collect()
}

fn troubles(letter: &Letter<'_>) -> Vec<Trouble> {
    letter.parts.iter().flat_map(|part| part.troubles.clone()).collect()
}

#[test]
fn reads_a_letter_with_parts_in_parts() {
    let letter = letter(LETTER.as_bytes());
    assert_eq!(
        kinds(&letter),
        [
            "0 - multipart/mixed",
            "1 1 text/plain",
            "1 2 multipart/alternative",
            "2 2.1 text/plain",
            "2 2.2 text/html",
            "1 3 application/octet-stream"
        ]
    );
    assert_eq!(troubles(&letter), []);
    let [whole, first, second, plain, html, last] = &letter.parts[..] else { panic!("six parts") };
    assert_eq!(whole.head.fields[0].decoded().as_deref(), Some("Žuta knjiga"));
    assert_eq!(whole.head.fields[1].decoded(), None);
    assert_eq!(whole.head.value("x-LONG"), Some(&b"one\r\n\ttwo"[..]));
    let before = b"for those who know no MIME";
    assert_eq!(whole.content, Content::Parts { count: 3, before, behind: b"behind\r\n" });
    assert_eq!(first.body, b"=AEuta\r\n");
    let (decoded, broken) = first.decoded();
    assert_eq!((&*decoded, broken), (&b"\xaeuta\r\n"[..], None));
    assert_eq!(first.text(&decoded), (Cow::Borrowed("Žuta\r\n".as_bytes()), true));
    assert_eq!((plain.body, plain.kind.is_said, html.body), (&b"plain"[..], false, &b"<p>"[..]));
    assert_eq!([first, second, plain, html, last].map(|part| part.is_last), [false, false, false, true, true]);
    assert_eq!([second, plain, html].map(|part| part.parent), [Some(0), Some(2), Some(2)]);
    assert_eq!((last.name.as_deref(), last.is_attachment), (Some("Žuta.bin"), true));
    assert_eq!(last.decoded(), (Cow::Owned(vec![1, 2, 3, 0xce]), None));
}

#[test]
fn a_letter_in_a_letter_is_numbered_as_imap_does() {
    let carried = "Content-Type: message/rfc822\n\nSubject: inside\n\nhello\n";
    assert_eq!(kinds(&letter(carried.as_bytes())), ["0 1 message/rfc822", "1 1.1 text/plain"]);
    let digest = "Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: a\n\nx\n--d\n\nSubject: b\nContent-Type: \
                  multipart/mixed; boundary=e\n\n--e\n\ny\n--e--\n--d--\n";
    let letter = letter(digest.as_bytes());
    assert_eq!(
        kinds(&letter),
        [
            "0 - multipart/digest",
            "1 1 message/rfc822",
            "2 1.1 text/plain",
            "1 2 message/rfc822",
            "2 - multipart/mixed",
            "3 2.1 text/plain"
        ]
    );
    assert_eq!(troubles(&letter), []);
    assert_eq!(letter.parts[5].body, b"y");
}

#[test]
fn a_letter_cut_anywhere_has_what_is_there() {
    let whole = letter(LETTER.as_bytes()).parts.len();
    for cut in 0..LETTER.len() {
        let letter = letter(&LETTER.as_bytes()[..cut]);
        assert!((1..=whole).contains(&letter.parts.len()));
        letter.parts.iter().for_each(|part| drop(part.decoded()));
        let is_whole = LETTER[..cut].contains("--=_1--");
        assert_eq!(troubles(&letter).is_empty(), is_whole || cut == 0, "cut at {cut}: {:?}", troubles(&letter));
    }
}

#[test]
fn says_what_is_wrong() {
    let of = |text: &str| troubles(&letter(text.as_bytes()));
    assert_eq!(of("no field\r\nat all"), [Trouble::NoField]);
    assert_eq!(of("Subject: x\r\n"), [Trouble::HeadNotEnded]);
    assert_eq!(of("Content-Type: multipart/mixed\n\nx"), [Trouble::NoBoundary]);
    assert_eq!(of("Content-Type: multipart/mixed; boundary=x\n\ny"), [Trouble::NeverBegun]);
    assert_eq!(of("Content-Type: multipart/mixed; boundary=x\n\n--x\n\ny"), [Trouble::NotClosed]);
    assert_eq!(of("Content-Type: ;;;\n\ny"), [Trouble::UnclearType]);
    let encoded = "Content-Type: multipart/mixed; boundary=x\nContent-Transfer-Encoding: base64\n\n--x\n\ny\n--x--\n";
    assert_eq!(of(encoded), [Trouble::EncodedContainer]);
    assert_eq!(of(&format!("{}\n\nx", "A: b\n".repeat(600).trim_end())), [Trouble::Fields(100)]);
}

#[test]
fn depth_and_parts_are_bounded() {
    let deep: String =
        (0..5000).map(|level| format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n")).collect();
    let deepest = letter(deep.as_bytes());
    assert_eq!(deepest.parts.len(), DEEPEST + 1);
    assert!(troubles(&deepest).contains(&Trouble::TooDeep));
    let carried = letter("Content-Type: message/rfc822\n\n".repeat(5000).leak().as_bytes());
    assert_eq!(carried.parts.len(), DEEPEST + 1);
    let many = format!("Content-Type: multipart/mixed; boundary=b\n\n{}--b--\n", "--b\n\nx\n".repeat(5000));
    let many = letter(many.leak().as_bytes());
    assert_eq!(many.parts.len(), MOST_PARTS);
    assert_eq!(troubles(&many), [Trouble::TooManyParts(4001)]);
    // Boundaries in which others begin, and lines that only look like one.
    let alike = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n--bb\n --b\n--b x\n--b\n\n2\n--b--";
    let alike = letter(alike.as_bytes());
    assert_eq!(alike.parts[1].body, b"--bb\n --b\n--b x");
    assert_eq!(alike.parts.len(), 3);
}

#[test]
fn a_body_whose_head_came_apart_keeps_only_what_speaks_of_it() {
    let head = b"Authorization: Basic c2VjcmV0\r\nContent-Type: multipart/form-data; boundary=f\r\n\r\n";
    let form =
        b"--f\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\\\a\\\\b.txt\"\r\n\r\nabc\r\n--f--\r\n";
    let letter = body(head, form);
    assert_eq!(letter.parts[0].head.fields.len(), 1);
    assert_eq!(kinds(&letter), ["0 - multipart/form-data", "1 1 text/plain"]);
    assert_eq!(letter.parts[1].body, b"abc");
    assert!(letter.parts[1].name.as_deref().is_some_and(|name| name.ends_with("b.txt")));
    assert_eq!(kinds(&body(b"", b"x")), ["0 1 application/octet-stream"]);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_a_letter(bytes: Vec<u8>, at: usize, change: u8) {
        let _ = letter(&bytes);
        let mut changed = LETTER.as_bytes().to_vec();
        let at = at % changed.len();
        changed[at] ^= change;
        for part in letter(&changed).parts {
            let (decoded, _) = part.decoded();
            let _ = part.text(&decoded);
        }
    }
}
