//! The lines of `guess`: a number, answered by the sentence that the client prints.

use crate::exercise::text::quoted;

/// The server picks from 1 to this number.
pub const MOST: u32 = 5;

/// What the server says to the right number.
const RIGHT: &str = "Nice! I guessed that number";

/// How an answer begins that judges no guess.
pub const ERROR: &str = "error: ";

/// The number in a line, or the server's answer to what is none.
pub fn guess(line: &[u8]) -> Result<i64, String> {
    let number = std::str::from_utf8(line).ok().and_then(|text| text.trim().parse().ok());
    number.ok_or_else(|| format!("{ERROR}{} is not a whole number", quoted(line)))
}

/// The server's answer to a guess.
pub fn judgement(guess: i64, picked: u32) -> String {
    if guess == i64::from(picked) {
        RIGHT.to_owned()
    } else {
        format!("Wrong! I guessed {picked} and you typed {guess}")
    }
}

/// Whether an answer says that the number was right.
pub fn is_right(answer: &str) -> bool {
    answer.starts_with("Nice")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exercise::framing::Lines;

    #[test]
    fn judges_in_the_words_of_the_course() {
        assert_eq!(judgement(4, 1), "Wrong! I guessed 1 and you typed 4");
        assert_eq!(judgement(4, 4), "Nice! I guessed that number");
        assert!(is_right(&judgement(4, 4)) && !is_right(&judgement(4, 1)));
    }

    #[test]
    fn a_number_may_stand_between_spaces_and_outside_the_range() {
        assert_eq!(guess(b" 4 "), Ok(4));
        assert_eq!(guess(b"-17"), Ok(-17));
        assert_eq!(guess(b"four").unwrap_err(), r#"error: "four" is not a whole number"#);
        assert_eq!(guess(&[b'9'; 30]).unwrap_err(), format!("error: \"{}\" is not a whole number", "9".repeat(30)));
        assert!(guess(b"").is_err() && guess(b"4.0").is_err() && guess(b"\xff").is_err());
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_guesses(
            sent in proptest::collection::vec("-?[0-9a-c]{0,5}", 0..8),
            cut in 1usize..8,
        ) {
            let bytes: Vec<u8> = sent.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
            let (mut lines, mut guesses) = (Lines::new(100), Vec::new());
            for piece in bytes.chunks(cut) {
                lines.feed(piece);
                while let Some(line) = lines.next_line().unwrap() {
                    guesses.push(guess(&line));
                }
            }
            prop_assert_eq!(guesses, sent.iter().map(|line| guess(line.as_bytes())).collect::<Vec<_>>());
        }

        #[test]
        fn any_line_is_answered_by_one_line(line: Vec<u8>, picked in 1..=MOST) {
            let answer = guess(&line).map_or_else(|error| error, |guess| judgement(guess, picked));
            prop_assert!(!answer.contains('\n'));
        }
    }
}
