//! How a conversation looks.

use super::*;

fn shown(form: Form, colored: bool, tell: impl Fn(&mut Follow<&mut Vec<u8>>)) -> String {
    let mut out = Vec::new();
    let mut view = Follow::new(&mut out, form, Palette::new(colored));
    tell(&mut view);
    view.end_turn();
    view.flush().unwrap();
    drop(view);
    String::from_utf8(out).unwrap()
}

fn chunk(from_client: bool, frame: u64, offset: u64, data: &[u8]) -> Item<'_> {
    Item::Bytes(Chunk { from_client, offset, data, frame, time: None, pushed: false, late: false })
}

#[test]
fn two_sends_in_one_segment_and_one_send_in_three_look_different() {
    let text = shown(Form::Text, false, |view| {
        view.item(&chunk(true, 1, 0, b"onetwo"));
        view.item(&chunk(false, 2, 0, b"on"));
        view.item(&chunk(false, 3, 2, b"et"));
        view.item(&chunk(false, 4, 4, b"wo"));
    });
    assert_eq!(text, "client ▸ onetwo\nserver ◂ on┊et┊wo\n");
}

#[test]
fn line_feeds_break_lines_and_are_seen() {
    let text = shown(Form::Text, false, |view| {
        view.item(&chunk(true, 1, 0, b"a\r\nb\n"));
        view.item(&chunk(true, 2, 5, b"c\td"));
        view.item(&chunk(false, 3, 0, b"\n"));
    });
    assert_eq!(text, "client ▸ a\\r\\n\nclient ▸ b\\n┊\nclient ▸ c\\td\nserver ◂ \\n\n");
}

#[test]
fn what_a_side_says_passes_for_nothing_of_ours() {
    let text = shown(Form::Text, false, |view| {
        view.item(&chunk(true, 1, 0, "a┊b\x1b[2J\nserver ◂ [3 bytes]".as_bytes()));
    });
    assert_eq!(text, "client ▸ a\\u{250a}b\\x1b[2J\\n\nclient ▸ server ◂ [3 bytes]\n");
}

#[test]
fn a_letter_that_two_segments_share_is_shown_as_its_bytes() {
    let text = shown(Form::Text, false, |view| {
        view.item(&chunk(true, 1, 0, b"\xc4"));
        view.item(&chunk(true, 2, 1, "\u{87}".as_bytes().get(1..).unwrap()));
    });
    assert_eq!(text, "client ▸ \\xc4┊\\x87\n");
}

#[test]
fn in_colour_each_side_has_its_own_and_no_label() {
    let text = shown(Form::Text, true, |view| {
        view.item(&chunk(true, 1, 0, b"a"));
        view.item(&chunk(false, 2, 0, b"b"));
    });
    assert_eq!(text, "\x1b[36ma\x1b[0m\n\x1b[33mb\x1b[0m\n");
}

#[test]
fn hexadecimal_rows_begin_with_each_segment() {
    let text = shown(Form::Hex, false, |view| {
        view.item(&chunk(true, 1, 0, b"0123456789abcdefgh"));
        view.item(&chunk(true, 2, 18, b"i\n"));
    });
    let rows: Vec<_> = text.lines().collect();
    assert_eq!(rows[0], "client ▸ 00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef");
    assert_eq!(rows[1], format!("client ▸ 00000010  67 68{:43}  gh┊", ""));
    assert!(rows[2].starts_with("client ▸ 00000012  69 0a ") && rows[2].ends_with("  i·"), "{}", rows[2]);
}

#[test]
fn holes_and_differing_copies_stand_on_lines_that_nobody_said() {
    let text = shown(Form::Text, false, |view| {
        view.item(&chunk(true, 1, 0, b"ab"));
        view.item(&Item::Missing(Missing { from_client: true, offset: 2, length: 12, why: Why::NotCaptured }));
        view.item(&chunk(true, 2, 14, b"c"));
        let (kept, other) = (b"c", b"\x07");
        let differs = crate::flow::stream::Differs { from_client: true, offset: 14, kept, other, first: 2, frame: 9 };
        view.item(&Item::Differs(differs));
        view.item(&Item::Missing(Missing { from_client: true, offset: 15, length: 1, why: Why::Cut { frame: 4 } }));
        view.close("over");
    });
    let expected = "client ▸ ab
         [12 bytes from the client not captured]
client ▸ c
         [client's byte 14: frame 2 said \"c\", frame 9 says \"\\x07\"; the first stays]
         [1 byte from the client not captured: frame 4 is cut]
3 bytes from the client (13 more not captured), 0 bytes from the server; over
";
    assert_eq!(text, expected);
}

#[test]
fn datagrams_are_turns_of_their_own() {
    let text = shown(Form::Text, false, |view| {
        view.datagram(true, 1, b"a", 0);
        view.datagram(true, 2, b"b", 3);
        view.datagram(false, 3, b"", 0);
    });
    let expected = "client ▸ a
client ▸ b
         [3 bytes from the client not captured: frame 2 is cut]
         [frame 3: the server sends an empty datagram]
";
    assert_eq!(text, expected);
}

#[test]
fn the_text_in_a_reset_is_told_but_nobody_said_it_in_the_stream() {
    let text = shown(Form::Text, false, |view| {
        let flags = Flags(Flags::RST);
        let (sequence, acknowledgment, data) = (0, 0, b"busy");
        let segment =
            Segment { from_client: false, frame: 7, time: None, flags, sequence, acknowledgment, length: 4, data };
        view.segment(&segment, Place::default(), &Analysis::default());
    });
    assert_eq!(text, "         [frame 7: the server's reset says \"busy\"]\n");
}
