//! The lines of `calc`: every second one is answered, by the sum or by `error: ` and the reason.

use crate::exercise::decimal::Decimal;
use crate::exercise::text::quoted;

/// How an answer begins that is no sum.
pub const ERROR: &str = "error: ";

/// The numbers of one client, two by two.
#[derive(Debug, Default)]
pub struct Sums {
    first: Option<Vec<u8>>,
}

impl Sums {
    /// Takes a line; answers the second one of each two. Both lines are heard before an error is told, so that the two
    /// sides agree which number is the first.
    pub fn line(&mut self, line: Vec<u8>) -> Option<String> {
        match self.first.take() {
            None => {
                self.first = Some(line);
                None
            }
            Some(first) => Some(sum(&first, &line).unwrap_or_else(|why| format!("{ERROR}{why}"))),
        }
    }
}

fn sum(first: &[u8], second: &[u8]) -> Result<String, String> {
    Ok(number(first)?.plus(&number(second)?).to_string())
}

fn number(line: &[u8]) -> Result<Decimal, String> {
    let number = std::str::from_utf8(line).ok().and_then(Decimal::read);
    number.ok_or_else(|| format!("{} is not a number", quoted(line)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exercise::framing::Lines;

    fn answers(pieces: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut sums, mut answers) = (Lines::new(1000), Sums::default(), Vec::new());
        for piece in pieces {
            lines.feed(piece);
            while let Some(line) = lines.next_line().unwrap() {
                answers.extend(sums.line(line));
            }
        }
        answers
    }

    #[test]
    fn answers_two_numbers_by_their_sum() {
        assert_eq!(answers(&[b"125\n351\n"]), ["476"]);
        assert_eq!(answers(&[b"0.1\r\n0.2\r\n"]), ["0.3"]);
        assert_eq!(answers(&[b"125\n"]), [""; 0]);
    }

    #[test]
    fn answers_what_is_no_number_once_and_stays_in_step() {
        let heard = answers(&[b"abc\n2\n1\n\n1\n2\n"]);
        assert_eq!(heard, [r#"error: "abc" is not a number"#, r#"error: "" is not a number"#, "3"]);
        assert_eq!(answers(&[b"1\n\xff\x1b\n"]), ["error: \"ÿ\\u{1b}\" is not a number"]);
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_answers(
            numbers in proptest::collection::vec("-?[0-9]{0,30}(\\.[0-9]{1,5})?", 0..8),
            cut in 1usize..20,
        ) {
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| format!("{number}\n").into_bytes()).collect();
            let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
            prop_assert_eq!(answers(&pieces), answers(&[&bytes]));
        }

        #[test]
        fn any_bytes_are_answered_by_one_line(first: Vec<u8>, second: Vec<u8>) {
            let mut sums = Sums::default();
            prop_assert_eq!(sums.line(first), None);
            prop_assert!(!sums.line(second).unwrap().contains('\n'));
        }
    }
}
