//! The lines of `bingo`: five numbers from a player, the draw from the server; ASCII, each ended by a newline.

use std::fmt::Write;

use crate::exercise::chance::Chance;
use crate::exercise::text::quoted;
use crate::exercise::text_of;

/// How many numbers are drawn, and guessed.
pub const NUMBERS: usize = 5;
/// The greatest number; the smallest is 1.
pub const GREATEST: u8 = 47;
/// What a line begins with that tells a player what was wrong with its numbers.
pub const ERROR: &str = "error: ";

/// Five different numbers of 1 to 47, in ascending order.
pub type Numbers = [u8; NUMBERS];

/// The five numbers of a player's line: between spaces or commas, in any order. Or what is wrong with them.
pub fn numbers(line: &[u8]) -> Result<Numbers, String> {
    let text = text_of(line);
    let words: Vec<&str> = text.split([' ', ',', '\t']).filter(|word| !word.is_empty()).collect();
    let mut numbers = Numbers::default();
    for (word, number) in words.iter().zip(&mut numbers) {
        let digits = word.bytes().all(|byte| byte.is_ascii_digit());
        *number = match word.parse() {
            Ok(number) if digits && (1..=GREATEST).contains(&number) => number,
            _ if digits => return Err(format!("{} is not between 1 and {GREATEST}", quoted(word.as_bytes()))),
            _ => return Err(format!("{} is not a number", quoted(word.as_bytes()))),
        };
    }
    if words.len() != NUMBERS {
        return Err(format!("{NUMBERS} numbers of 1 to {GREATEST} are needed, {} came", words.len()));
    }
    numbers.sort_unstable();
    match numbers.windows(2).find_map(|pair| (pair.first() == pair.last()).then_some(pair.first())).flatten() {
        Some(twice) => Err(format!("{twice} is there twice: {NUMBERS} different numbers are needed")),
        None => Ok(numbers),
    }
}

/// Draws five different numbers.
pub fn draw(chance: &mut Chance) -> Numbers {
    let mut left: Vec<u8> = (1..=GREATEST).collect();
    let mut drawn = Numbers::default();
    for number in &mut drawn {
        // Fewer than 48 are left: an index below their count.
        *number = left.swap_remove(chance.below(left.len() as u32) as usize);
    }
    drawn.sort_unstable();
    drawn
}

/// How many of `drawn` a player had.
pub fn hits(numbers: &Numbers, drawn: &Numbers) -> usize {
    numbers.iter().filter(|number| drawn.contains(number)).count()
}

/// Numbers as they stand on the wire: `3 14 15 26 40`.
pub fn words(numbers: &Numbers) -> String {
    let mut words = String::new();
    for number in numbers {
        // Writing to a string cannot fail.
        let _ = write!(words, "{}{number}", if words.is_empty() { "" } else { " " });
    }
    words
}

/// What a player hears of a draw: `Drawn: 3 14 15 26 40, hits: 2`, and `, BINGO` behind it for all five.
pub fn outcome(numbers: &Numbers, drawn: &Numbers) -> String {
    let hits = hits(numbers, drawn);
    let bingo = if hits == NUMBERS { ", BINGO" } else { "" };
    format!("Drawn: {}, hits: {hits}{bingo}", words(drawn))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn five_different_numbers_in_any_order_are_taken() {
        assert_eq!(numbers(b"3 14 15 26 40"), Ok([3, 14, 15, 26, 40]));
        assert_eq!(numbers(b" 47,1, 2\t40 03 "), Ok([1, 2, 3, 40, 47]));
    }

    #[test]
    fn anything_else_is_told_what_is_wrong() {
        for (line, why) in [
            ("", "0 came"),
            ("1 2 3 4", "4 came"),
            ("1 2 3 4 5 6", "6 came"),
            ("0 1 2 3 4", "\"0\" is not between"),
            ("1 2 3 4 48", "\"48\" is not between"),
            ("1 2 3 4 999999999999", "is not between"),
            ("1 2 3 4 -5", "\"-5\" is not a number"),
            ("1 2 3 4 +5", "is not a number"),
            ("one 2 3 4 5", "\"one\" is not a number"),
            ("9 2 3 4 9", "9 is there twice"),
        ] {
            let told = numbers(line.as_bytes()).expect_err(line);
            assert!(told.contains(why), "{line:?}: {told}");
        }
    }

    #[test]
    fn tells_drawn_numbers_hits_and_bingo() {
        let drawn = [3, 14, 15, 26, 40];
        assert_eq!(outcome(&[1, 3, 14, 20, 47], &drawn), "Drawn: 3 14 15 26 40, hits: 2");
        assert_eq!(outcome(&drawn, &drawn), "Drawn: 3 14 15 26 40, hits: 5, BINGO");
    }

    #[test]
    fn all_numbers_are_drawn_about_equally_often() {
        let (mut chance, mut counts) = (Chance::new(Some(1)), [0; 48]);
        for _ in 0..9_400 {
            draw(&mut chance).iter().for_each(|number| counts[usize::from(*number)] += 1);
        }
        assert!(counts[1..].iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }

    proptest! {
        #[test]
        fn draws_can_be_played_and_a_seed_repeats_them(seed in any::<u64>()) {
            let drawn = draw(&mut Chance::new(Some(seed)));
            prop_assert_eq!(numbers(words(&drawn).as_bytes()), Ok(drawn));
            prop_assert_eq!(draw(&mut Chance::new(Some(seed))), drawn);
        }

        #[test]
        fn any_bytes_give_numbers_in_range_or_a_reason(line in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(numbers) = numbers(&line) {
                prop_assert!(numbers.is_sorted_by(|one, other| one < other));
                prop_assert!(numbers.iter().all(|number| (1..=GREATEST).contains(number)));
            }
        }
    }
}
