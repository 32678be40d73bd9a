//! The lines of `rps`: `1`, `2` or `3` from the client; from the server its pick and who won, `Stone I`.

use crate::exercise::text::quoted;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    Paper,
    Stone,
    Scissors,
}

/// Who won, as the server says it: I is the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Winner {
    I,
    You,
    Draw,
}

impl Object {
    /// In the order of the menu. Each beats the one behind it, and the last one the first.
    pub const ALL: [Self; 3] = [Self::Paper, Self::Stone, Self::Scissors];

    pub fn name(self) -> &'static str {
        match self {
            Self::Paper => "Paper",
            Self::Stone => "Stone",
            Self::Scissors => "Scissors",
        }
    }

    /// The object that a selection of the menu means.
    pub fn selected(line: &[u8]) -> Option<Self> {
        match line.trim_ascii() {
            b"1" => Some(Self::Paper),
            b"2" => Some(Self::Stone),
            b"3" => Some(Self::Scissors),
            _ => None,
        }
    }

    fn beats(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Paper, Self::Stone) | (Self::Stone, Self::Scissors) | (Self::Scissors, Self::Paper)
        )
    }
}

/// What the server answers to a line, given its own pick.
pub fn answer(line: &[u8], pick: Object) -> String {
    let Some(yours) = Object::selected(line) else {
        return format!("error: {} is not 1, 2 or 3", quoted(line));
    };
    let winner = match () {
        () if pick.beats(yours) => "I",
        () if yours.beats(pick) => "you",
        () => "draw",
    };
    format!("{} {winner}", pick.name())
}

/// What an answer says; `None` where it is no pick and winner.
pub fn outcome(answer: &str) -> Option<(Object, Winner)> {
    let (pick, winner) = answer.trim().split_once(char::is_whitespace)?;
    let pick = Object::ALL.into_iter().find(|object| object.name().eq_ignore_ascii_case(pick))?;
    let winner = match winner.trim().to_ascii_lowercase().as_str() {
        "i" => Winner::I,
        "you" => Winner::You,
        "draw" => Winner::Draw,
        _ => return None,
    };
    Some((pick, winner))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exercise::framing::Lines;

    #[test]
    fn each_object_beats_one_loses_to_one_and_draws_with_itself() {
        let answers = |line| Object::ALL.map(|pick| answer(line, pick));
        assert_eq!(answers(b"1"), ["Paper draw", "Stone you", "Scissors I"]);
        assert_eq!(answers(b"2"), ["Paper I", "Stone draw", "Scissors you"]);
        assert_eq!(answers(b"3"), ["Paper you", "Stone I", "Scissors draw"]);
    }

    #[test]
    fn what_is_not_in_the_menu_is_an_error() {
        assert_eq!(answer(b"4", Object::Paper), r#"error: "4" is not 1, 2 or 3"#);
        for wrong in [&b""[..], b"0", b"11", b"Stone", b"\xff"] {
            assert!(answer(wrong, Object::Paper).starts_with("error: "));
        }
    }

    #[test]
    fn what_is_said_is_understood() {
        for pick in Object::ALL {
            for (line, yours) in [(b"1", Object::Paper), (b"2", Object::Stone), (b"3", Object::Scissors)] {
                let winner = match (pick.beats(yours), yours.beats(pick)) {
                    (true, false) => Winner::I,
                    (false, true) => Winner::You,
                    _ => Winner::Draw,
                };
                assert_eq!(outcome(&answer(line, pick)), Some((pick, winner)));
            }
        }
        for wrong in ["", "Stone", "Rock I", "Stone he", "error: x"] {
            assert_eq!(outcome(wrong), None);
        }
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_answers(
            sent in proptest::collection::vec("[1-4]{0,2}\r?", 0..8),
            cut in 1usize..8,
        ) {
            let bytes: Vec<u8> = sent.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
            let (mut lines, mut answers) = (Lines::new(100), Vec::new());
            for piece in bytes.chunks(cut) {
                lines.feed(piece);
                while let Some(line) = lines.next_line().unwrap() {
                    answers.push(answer(&line, Object::Stone));
                }
            }
            let expected = sent.iter().map(|line| answer(line.trim_end().as_bytes(), Object::Stone));
            prop_assert_eq!(answers, expected.collect::<Vec<_>>());
        }

        #[test]
        fn any_line_is_answered_by_one_line(line: Vec<u8>, heard: String) {
            prop_assert!(!answer(&line, Object::Stone).contains('\n'));
            let _ = outcome(&heard);
        }
    }
}
