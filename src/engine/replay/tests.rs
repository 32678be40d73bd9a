//! A player against a program that is a list of what it does, in a time of its own: no socket and no clock.

use std::time::Duration;

use super::*;

const WAIT: Duration = Duration::from_secs(2);

fn options() -> Options {
    Options { wait: WAIT, settle: Options::SETTLE, pauses: Pauses::None }
}

/// A conversation as a list: `>` the client says, `<` the server says, `>.` and `<.` close, `>!` and `<!` break off.
fn script(lines: &[&str], client: bool, datagrams: bool) -> Script {
    let mut script = Script::new(client, datagrams);
    for (place, line) in lines.iter().enumerate() {
        let (side, text) = line.split_at(1);
        let from_client = side == ">";
        match text {
            "." => script.close(from_client),
            "!" => script.reset(from_client),
            text => {
                let time = place as i64 * 1_000_000_000;
                script.bytes(from_client, text.as_bytes(), place as u64 + 1, Some(time)).unwrap();
            }
        }
    }
    script
}

/// What the other side does: after so many bytes that it has got, at the earliest, and so many milliseconds later.
#[derive(Clone, Copy)]
struct Deed(usize, u64, Input<'static>);

fn says(after: usize, delay: u64, text: &'static str) -> Deed {
    Deed(after, delay, Input::Bytes(text.as_bytes()))
}

/// Everything that happened: what was sent, when it ended, and the player.
struct Played {
    sent: Vec<String>,
    closed: bool,
    took: Duration,
    player: Player,
}

impl Played {
    fn whys(&self) -> Vec<(Why, u64)> {
        self.player.differences().0.iter().map(|difference| (difference.why, difference.offset)).collect()
    }
}

fn play_with(mut player: Player, deeds: &[Deed]) -> Played {
    let (mut now, mut sent, mut closed) = (Duration::ZERO, Vec::new(), false);
    let (mut got, mut got_at) = (0, Duration::ZERO);
    let mut deeds = deeds.iter().copied().peekable();
    for _ in 0..10_000 {
        match player.poll(now) {
            Do::Send(data) => {
                got += data.len();
                got_at = now;
                sent.push(String::from_utf8(data).unwrap());
            }
            Do::Close => (closed, got, got_at) = (true, got + 1, now),
            Do::Wait(until) => {
                assert!(until > now, "it waits for what has passed");
                let due = deeds.peek().filter(|Deed(after, ..)| *after <= got);
                let moment = due.map(|Deed(_, delay, _)| got_at.max(now) + Duration::from_millis(*delay));
                match moment {
                    Some(moment) if moment <= until => {
                        now = moment;
                        let Some(Deed(.., input)) = deeds.next() else { unreachable!() };
                        player.handle(now, input);
                    }
                    _ => now = until,
                }
            }
            Do::Break | Do::Done => return Played { sent, closed, took: now, player },
        }
    }
    panic!("it does not end");
}

fn play(lines: &[&str], deeds: &[Deed]) -> Played {
    play_with(Player::new(script(lines, true, false), Ignored::default(), options(), Duration::ZERO), deeds)
}

const HELLO: &[&str] = &[">Ann\n", "<Hello Ann\n", ">Bob\n", "<Hello Bob\n", ">.", "<."];

#[test]
fn the_same_answers_are_no_difference_however_they_are_divided() {
    let whole = [says(4, 1, "Hello Ann\n"), says(8, 1, "Hello Bob\n"), Deed(9, 0, Input::Closed)];
    let played = play(HELLO, &whole);
    assert_eq!((played.sent.as_slice(), played.closed), (&["Ann\n".to_owned(), "Bob\n".into()][..], true));
    assert!(played.whys().is_empty(), "{:?}", played.whys());
    assert_eq!(played.player.heard(), (2, 20));
    let pieces = [
        says(4, 1, "H"),
        says(4, 1500, "ello Ann"),
        says(4, 1, "\n"),
        says(8, 1, "Hello Bo"),
        says(8, 1, "b\n"),
        Deed(9, 1, Input::Closed),
    ];
    let played = play(HELLO, &pieces);
    assert!(played.whys().is_empty(), "{:?}", played.whys());
    assert_eq!(played.sent, ["Ann\n", "Bob\n"], "it waited for the whole answer each time");
}

#[test]
fn what_comes_early_counts_when_its_turn_comes() {
    let early = [says(4, 1, "Hello Ann\nHello Bob\n"), Deed(9, 1, Input::Closed)];
    let played = play(HELLO, &early);
    assert_eq!((played.whys(), played.sent.len()), (vec![], 2));
}

#[test]
fn another_byte_is_told_with_its_place_and_the_rest_goes_on() {
    let other = [says(4, 1, "Hullo Ann\n"), says(8, 1, "Hello Bob\n"), Deed(9, 1, Input::Closed)];
    let played = play(HELLO, &other);
    let [difference] = played.player.differences().0 else { panic!("{:?}", played.whys()) };
    assert_eq!((difference.why, difference.offset, difference.frame), (Why::Other, 1, 2));
    assert_eq!((&difference.expected[..], &difference.got[..]), (&b"Hello Ann\n"[..], &b"Hullo Ann\n"[..]));
    let second = [says(4, 1, "Hello Ann\n"), says(8, 1, "Hello Rob\n"), Deed(9, 1, Input::Closed)];
    let played = play(HELLO, &second);
    let [difference] = played.player.differences().0 else { panic!("{:?}", played.whys()) };
    assert_eq!((difference.offset, difference.frame, difference.at), (16, 4, (6, 6)));
}

#[test]
fn a_longer_answer_is_one_difference_and_does_not_shift_the_next() {
    let longer =
        [says(4, 1, "Hello dear"), says(4, 20, " Ann\n"), says(8, 1, "Hello Bob\n"), Deed(9, 1, Input::Closed)];
    assert_eq!(play(HELLO, &longer).whys(), [(Why::Other, 6)]);
}

#[test]
fn silence_ends_a_turn_after_its_time_and_says_how_much_is_missing() {
    let short = [says(4, 1, "Hello"), says(8, 1, "Hello Bob\n"), Deed(9, 1, Input::Closed)];
    let played = play(HELLO, &short);
    assert_eq!(played.whys(), [(Why::Silent { missing: 5 }, 5)]);
    assert!(played.took >= WAIT && played.took < WAIT * 2, "{:?}", played.took);
    let nothing = play(HELLO, &[]);
    assert_eq!(
        nothing.whys(),
        [(Why::Silent { missing: 10 }, 0), (Why::Silent { missing: 10 }, 10), (Why::StaysOpen, 20)]
    );
}

#[test]
fn more_than_the_capture_has_is_told() {
    let extra = [says(4, 1, "Hello Ann\n"), says(8, 1, "Hello Bob\nBye\n"), Deed(9, 1, Input::Closed)];
    let played = play(HELLO, &extra);
    assert_eq!(played.whys(), [(Why::Extra, 20)]);
    assert_eq!(played.player.differences().0[0].got, b"Bye\n");
    // A capture that ends before the connection does: what follows soon is too much, an end is not.
    let open = &HELLO[..4];
    assert_eq!(
        play(open, &[says(4, 1, "Hello Ann\n"), says(8, 1, "Hello Bob\n"), says(8, 50, "!")]).whys(),
        [(Why::Extra, 20)]
    );
    assert!(
        play(open, &[says(4, 1, "Hello Ann\n"), says(8, 1, "Hello Bob\n"), Deed(8, 1, Input::Closed)])
            .whys()
            .is_empty()
    );
}

#[test]
fn an_early_end_is_told_and_ends_the_play() {
    let closes = [says(4, 1, "Hello"), Deed(4, 1, Input::Closed)];
    let played = play(HELLO, &closes);
    assert_eq!(played.whys(), [(Why::ClosedEarly { missing: 5 }, 5)]);
    assert_eq!(played.sent, ["Ann\n"]);
    let breaks = [says(4, 1, "Hello Ann\n"), Deed(4, 0, Input::Broken)];
    assert_eq!(play(HELLO, &breaks).whys(), [(Why::Broken, 10)]);
}

#[test]
fn who_closes_first_is_part_of_the_conversation() {
    let server_first = &["<hi\n", "<.", ">bye\n", ">."];
    assert!(play(server_first, &[says(0, 1, "hi\n"), Deed(0, 1, Input::Closed)]).whys().is_empty());
    let played = play(server_first, &[says(0, 1, "hi\n")]);
    assert_eq!(played.whys(), [(Why::StaysOpen, 3)]);
    assert_eq!(played.sent, ["bye\n"], "it goes on");
    let broken_off = &[">x", "<!"];
    assert!(play(broken_off, &[Deed(1, 1, Input::Broken)]).whys().is_empty());
    assert_eq!(play(broken_off, &[Deed(1, 1, Input::Closed)]).whys(), [(Why::DoesNotBreak, 0)]);
    assert_eq!(play(&[">x", "<."], &[Deed(1, 1, Input::Broken)]).whys(), [(Why::BreaksNotCloses, 0)]);
}

#[test]
fn the_other_side_can_be_played_too() {
    let server = script(HELLO, false, false);
    let player = Player::new(server, Ignored::default(), options(), Duration::ZERO);
    let client = [says(0, 5, "Ann\n"), says(10, 1, "Bob\n"), Deed(20, 1, Input::Closed)];
    let played = play_with(player, &client);
    assert_eq!(played.sent, ["Hello Ann\n", "Hello Bob\n"]);
    assert!(played.whys().is_empty() && played.closed);
}

#[test]
fn datagrams_are_held_against_each_other_one_by_one() {
    let lines = &[">a", "<one", "<two", ">b", "<three"];
    let player = || Player::new(script(lines, true, true), Ignored::default(), options(), Duration::ZERO);
    let right = [says(1, 1, "one"), says(1, 1, "two"), says(2, 1, "three")];
    assert!(play_with(player(), &right).whys().is_empty());
    let joined = [says(1, 1, "onetwo"), says(2, 1, "three")];
    assert_eq!(play_with(player(), &joined).whys(), [(Why::Other, 3), (Why::Silent { missing: 3 }, 3),]);
    let lost = [says(1, 1, "one"), says(2, 1, "three")];
    assert_eq!(play_with(player(), &lost).whys(), [(Why::Silent { missing: 3 }, 3)]);
    let shorter = [says(1, 1, "one"), says(1, 1, "tw"), says(2, 1, "three")];
    assert_eq!(play_with(player(), &shorter).whys(), [(Why::Other, 5)]);
    let refused = [Deed(1, 1, Input::Broken)];
    assert_eq!(play_with(player(), &refused).whys(), [(Why::Broken, 0)]);
}

#[test]
fn what_is_ignored_may_be_any_other_of_its_kind() {
    let lines = &[">GET\n", "<Date: Mon, 1 Jan\nok\n", ">.", "<."];
    let ignored = || Ignored::new(&["Date: [^\n]*"]).unwrap();
    let player = || Player::new(script(lines, true, false), ignored(), options(), Duration::ZERO);
    let answers = |text: &'static str| [says(4, 1, text), Deed(5, 1, Input::Closed)];
    for text in ["Date: Mon, 1 Jan\nok\n", "Date: Wednesday, 30 September\nok\n", "Date: x\nok\n"] {
        assert!(play_with(player(), &answers(text)).whys().is_empty(), "{text}");
    }
    let pieces = [says(4, 1, "Date: Wednesday, 30 Sep"), says(4, 1, "tember\nok\n"), Deed(5, 1, Input::Closed)];
    assert!(play_with(player(), &pieces).whys().is_empty(), "a part may end in the middle");
    assert_eq!(play_with(player(), &answers("Date: x\nno\n")).whys(), [(Why::Other, 17)]);
    assert_eq!(play_with(player(), &answers("Datum: x, 1 January\nok\n")).whys(), [(Why::Other, 0)]);
    assert!(Ignored::new(&["("]).is_err());
}

#[test]
fn a_part_of_any_length_at_the_end_is_taken_as_it_is_when_nothing_follows() {
    let ignored = Ignored::new(&[r"\d+"]).unwrap();
    let expected = Expected::new(b"at 12345", &ignored);
    assert_eq!(expected.against(b"at 7", false), Match::Perhaps(4));
    assert_eq!(expected.against(b"at 7", true), Match::Whole(4));
    assert_eq!(expected.against(b"at ", true), Match::Short);
    assert_eq!(expected.against(b"at x", true), Match::Differs(3, 3));
    let lines = &[">t", "<at 12345"];
    let player = Player::new(script(lines, true, false), ignored, options(), Duration::ZERO);
    assert!(play_with(player, &[says(1, 1, "at 7")]).whys().is_empty());
}

#[test]
fn pauses_of_our_own_are_kept_where_that_is_wanted() {
    let lines = &[">a", ">b", "<c"];
    let played = |pauses| {
        let options = Options { pauses, ..options() };
        let player = Player::new(script(lines, true, false), Ignored::default(), options, Duration::ZERO);
        let played = play_with(player, &[says(2, 0, "c")]);
        assert!(played.whys().is_empty());
        // At its end there is a time in which more might come.
        played.took.saturating_sub(Options::SETTLE)
    };
    assert_eq!(played(Pauses::All(2.0)), Duration::from_millis(500));
    assert_eq!((played(Pauses::Between), played(Pauses::None)), (Duration::from_secs(1), Duration::ZERO));
    let between = Options { pauses: Pauses::Between, ..options() };
    let player = Player::new(script(HELLO, true, false), Ignored::default(), between, Duration::ZERO);
    let played = play_with(player, &[says(4, 0, "Hello Ann\n"), says(8, 0, "Hello Bob\n"), Deed(9, 0, Input::Closed)]);
    assert!(played.took < Duration::from_millis(1), "an answer is not held back");
}

#[test]
fn a_close_that_was_captured_too_early_waits_for_the_bytes_before_it() {
    let steps = script(&[">.", ">late", "<."], true, false);
    assert!(matches!(steps.steps(), [Step::Say { .. }, Step::Close, Step::TheyClose]), "{:?}", steps.steps());
}

#[test]
fn a_flood_ends_it() {
    let flood: &'static str = Box::leak("x".repeat(600_000).into_boxed_str());
    let played = play(HELLO, &[says(4, 1, "Hello Ann\n"), says(8, 0, flood), says(8, 0, flood), says(8, 0, flood)]);
    assert!(played.whys().iter().any(|(why, _)| *why == Why::Extra), "{:?}", played.whys());
}
