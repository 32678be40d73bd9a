//! The bytes of `sum`: numbers, then `#`. As the course has it a number is what one receive returned, so the same bytes
//! in other pieces are other numbers; that flaw is the lesson. With `--fixed` a number ends at its newline.

use crate::exercise::decimal::Decimal;
use crate::exercise::framing::{Lines, TooLong};
use crate::exercise::text::bytes_literal;

/// What follows the last number.
pub const END: &[u8] = b"#";

/// Bytes that one receive takes at most: the course's buffer.
pub const PIECE: usize = 1024;

/// The numbers of one client as they come in, and their sum so far.
#[derive(Debug)]
pub struct Sum {
    total: Decimal,
    /// `None`: a number is a piece.
    lines: Option<Lines>,
}

/// Why a client cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    NotANumber(String),
    TooLong(usize),
}

impl Sum {
    /// As the course has it: each piece is a number.
    pub fn of_pieces() -> Self {
        Self { total: Decimal::ZERO, lines: None }
    }

    /// As `--fixed` has it: each line, of at most `longest` bytes, is a number, whatever the pieces.
    pub fn of_lines(longest: usize) -> Self {
        Self { total: Decimal::ZERO, lines: Some(Lines::new(longest)) }
    }

    /// Takes what one receive returned; the sum once [`END`] has come. What stands right before it is a number too,
    /// what comes behind it is nothing.
    pub fn feed(&mut self, piece: &[u8]) -> Result<Option<String>, Fault> {
        let end = piece.iter().position(|byte| [*byte] == END);
        let numbers = &piece[..end.unwrap_or(piece.len())];
        match &mut self.lines {
            None if numbers.is_empty() => {}
            None => self.add(numbers)?,
            Some(lines) => {
                lines.feed(numbers);
                let mut complete = Vec::new();
                while let Some(line) = lines.next_line().map_err(|TooLong(longest)| Fault::TooLong(longest))? {
                    complete.push(line);
                }
                complete.extend(end.and_then(|_| lines.rest()));
                complete.iter().try_for_each(|line| self.add(line))?;
            }
        }
        Ok(end.map(|_| self.total.to_string()))
    }

    fn add(&mut self, number: &[u8]) -> Result<(), Fault> {
        let read = std::str::from_utf8(number).ok().and_then(Decimal::read_whole);
        let number = read.ok_or_else(|| {
            let shown = &number[..number.len().min(40)];
            Fault::NotANumber(bytes_literal(shown) + if shown.len() < number.len() { "..." } else { "" })
        })?;
        self.total = self.total.plus(&number);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn heard(mut sum: Sum, pieces: &[&[u8]]) -> Result<Option<String>, Fault> {
        for piece in pieces {
            if let Some(total) = sum.feed(piece)? {
                return Ok(Some(total));
            }
        }
        Ok(None)
    }

    fn total(sum: Sum, pieces: &[&[u8]]) -> String {
        heard(sum, pieces).unwrap().unwrap()
    }

    #[test]
    fn a_piece_is_a_number_so_two_sends_in_one_piece_are_a_wrong_sum() {
        assert_eq!(total(Sum::of_pieces(), &[b"2", b"4", b"#"]), "6");
        assert_eq!(total(Sum::of_pieces(), &[b"24", b"#"]), "24");
        assert_eq!(total(Sum::of_pieces(), &[b"2", b"4#"]), "6");
        assert_eq!(total(Sum::of_pieces(), &[b"24#"]), "24");
        assert_eq!(total(Sum::of_pieces(), &[b"#"]), "0");
        assert_eq!(heard(Sum::of_pieces(), &[b"2"]), Ok(None));
    }

    #[test]
    fn a_line_is_a_number_whatever_the_pieces() {
        for pieces in [&[&b"2\n4\n#"[..]][..], &[b"2\n", b"4\n", b"#"], &[b"2", b"\n4", b"\n#"], &[b"2\r\n4", b"#"]] {
            assert_eq!(total(Sum::of_lines(100), pieces), "6", "{pieces:?}");
        }
        assert_eq!(total(Sum::of_lines(100), &[b"12", b"34\n#"]), "1234");
    }

    #[test]
    fn what_is_no_whole_number_is_told() {
        assert_eq!(heard(Sum::of_pieces(), &[b"2\n4"]), Err(Fault::NotANumber(r"b'2\n4'".to_owned())));
        assert_eq!(heard(Sum::of_pieces(), &[b"2\n", b"4\n", b"#"]), Ok(Some("6".to_owned())));
        assert_eq!(heard(Sum::of_lines(100), &[b"2\n\n#"]), Err(Fault::NotANumber("b''".to_owned())));
        assert_eq!(heard(Sum::of_lines(4), &[b"123456"]), Err(Fault::TooLong(4)));
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_sum_when_fixed(
            numbers in proptest::collection::vec(any::<i64>(), 0..8),
            cut in 1usize..20,
        ) {
            let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| format!("{number}\n").into_bytes()).collect();
            bytes.extend(END);
            let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
            let expected: i128 = numbers.iter().map(|&number| i128::from(number)).sum();
            prop_assert_eq!(total(Sum::of_lines(100), &pieces), expected.to_string());
        }

        #[test]
        fn any_bytes_are_summed_or_refused(pieces: Vec<Vec<u8>>) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let _ = heard(Sum::of_pieces(), &pieces);
            let _ = heard(Sum::of_lines(10), &pieces);
        }
    }
}
