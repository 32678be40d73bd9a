//! Numbers of any size, exact: what `calc` and `sum` add. Digits as on paper, no binary fractions: 0.1 + 0.2 is 0.3.
//!
//! Guarantee: reading, adding and writing take time and memory in proportion to the digits.

use std::cmp::Ordering;
use std::fmt;

/// A decimal number: its digits with `places` of them behind the point.
#[derive(Clone, Debug)]
pub struct Decimal {
    negative: bool,
    /// The most significant first, each 0..=9.
    digits: Vec<u8>,
    places: usize,
}

impl Decimal {
    pub const ZERO: Self = Self { negative: false, digits: Vec::new(), places: 0 };

    /// Reads `12`, `-0.5`, `+3.`, `.5`, with spaces around; `None` for anything else (no exponents, no commas).
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits: Option<Vec<u8>> =
            whole.bytes().chain(fraction.bytes()).map(|byte| byte.is_ascii_digit().then(|| byte - b'0')).collect();
        let digits = digits.filter(|digits| !digits.is_empty())?;
        Some(Self { negative, digits, places: fraction.len() })
    }

    /// The same for whole numbers: no point in them.
    pub fn read_whole(text: &str) -> Option<Self> {
        Self::read(text).filter(|_| !text.contains('.'))
    }

    /// Exactly `self + other`.
    pub fn plus(&self, other: &Self) -> Self {
        let places = self.places.max(other.places);
        let (ours, theirs) = (self.with_places(places), other.with_places(places));
        let (negative, digits) = if self.negative == other.negative {
            (self.negative, sum(&ours, &theirs))
        } else if compare(&ours, &theirs) == Ordering::Less {
            (other.negative, difference(&theirs, &ours))
        } else {
            (self.negative, difference(&ours, &theirs))
        };
        Self { negative, digits, places }
    }

    /// The digits with as many behind the point as asked for, which are not fewer than it has.
    fn with_places(&self, places: usize) -> Vec<u8> {
        let mut digits = self.digits.clone();
        digits.resize(digits.len() + places - self.places, 0);
        digits
    }
}

/// The digit that stands for `10^power`; 0 beyond the first one.
fn digit(digits: &[u8], power: usize) -> u8 {
    digits.iter().rev().nth(power).copied().unwrap_or(0)
}

fn sum(ours: &[u8], theirs: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut digits: Vec<u8> = (0..=ours.len().max(theirs.len()))
        .map(|power| {
            let column = digit(ours, power) + digit(theirs, power) + carry;
            carry = column / 10;
            column % 10
        })
        .collect();
    digits.reverse();
    digits
}

/// `larger - smaller`.
fn difference(larger: &[u8], smaller: &[u8]) -> Vec<u8> {
    let mut borrowed = 0;
    let mut digits: Vec<u8> = (0..larger.len().max(smaller.len()))
        .map(|power| {
            let column = 10 + digit(larger, power) - digit(smaller, power) - borrowed;
            borrowed = u8::from(column < 10);
            column % 10
        })
        .collect();
    digits.reverse();
    digits
}

fn compare(ours: &[u8], theirs: &[u8]) -> Ordering {
    let significant = |digits: &[u8]| digits.iter().position(|&digit| digit != 0).unwrap_or(digits.len());
    let (ours, theirs) = (&ours[significant(ours)..], &theirs[significant(theirs)..]);
    ours.len().cmp(&theirs.len()).then_with(|| ours.cmp(theirs))
}

/// Without zeros that say nothing: `007.50` is `7.5`, `2.0` is `2`, `-0` is `0`.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = self.digits.split_at(self.digits.len() - self.places);
        let text = |digits: &[u8]| -> String { digits.iter().map(|digit| char::from(b'0' + digit)).collect() };
        let (whole, fraction) = (text(whole), text(fraction));
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        if self.negative && !(whole.is_empty() && fraction.is_empty()) {
            f.write_str("-")?;
        }
        f.write_str(if whole.is_empty() { "0" } else { whole })?;
        if !fraction.is_empty() {
            write!(f, ".{fraction}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn added(a: &str, b: &str) -> String {
        Decimal::read(a).unwrap().plus(&Decimal::read(b).unwrap()).to_string()
    }

    #[test]
    fn adds_as_on_paper() {
        assert_eq!(added("125", "351"), "476");
        assert_eq!(added("0.1", "0.2"), "0.3");
        assert_eq!(added("-1.50", "0.5"), "-1");
        assert_eq!(added("2", "-10"), "-8");
        assert_eq!(added(".5", "+3."), "3.5");
        assert_eq!(added("-0", "-0.0"), "0");
        assert_eq!(added("007.50", "0"), "7.5");
        assert_eq!(added("99999999999999999999999999999999", "1"), "100000000000000000000000000000000");
        assert_eq!(added("1", "0.0000000000000000000000000001"), "1.0000000000000000000000000001");
        assert_eq!(Decimal::ZERO.plus(&Decimal::ZERO).to_string(), "0");
    }

    #[test]
    fn what_is_no_number_is_none() {
        for wrong in
            ["", " ", "-", ".", "-.", "1.2.3", "1,5", "1e5", "0x10", "12a", "--1", "1 2", "٣", "½", "NaN", "inf"]
        {
            assert!(Decimal::read(wrong).is_none(), "{wrong:?} was taken");
        }
        assert!(Decimal::read_whole("1.0").is_none());
        assert_eq!(Decimal::read_whole(" -7\r").unwrap().to_string(), "-7");
    }

    #[test]
    fn a_long_number_takes_no_long_time() {
        let long = "9".repeat(1 << 20);
        assert_eq!(added(&long, "1").len(), (1 << 20) + 1);
    }

    proptest! {
        #[test]
        fn whole_numbers_add_as_the_machine_adds_them(a in any::<i64>(), b in any::<i64>()) {
            prop_assert_eq!(added(&a.to_string(), &b.to_string()), (i128::from(a) + i128::from(b)).to_string());
        }

        #[test]
        fn decimals_add_as_scaled_whole_numbers(a in any::<i32>(), b in any::<i32>(), x in 0usize..6, y in 0usize..6) {
            let point = |number: i32, places: usize| {
                let digits = format!("{:0>1$}", number.unsigned_abs(), places + 1);
                let (whole, fraction) = digits.split_at(digits.len() - places);
                format!("{}{whole}.{fraction}", if number < 0 { "-" } else { "" })
            };
            let scaled = i128::from(a) * 10i128.pow(6 - x as u32) + i128::from(b) * 10i128.pow(6 - y as u32);
            let sum = added(&point(a, x), &point(b, y));
            prop_assert_eq!(added(&sum, "0"), sum.clone(), "written otherwise than read");
            let (whole, fraction) = sum.split_once('.').unwrap_or((&sum, ""));
            prop_assert_eq!(format!("{whole}{fraction:0<6}").parse::<i128>().unwrap(), scaled);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-+. 0-9a-e٣]{0,12}") {
            if let Some(number) = Decimal::read(&text) {
                let written = number.to_string();
                prop_assert_eq!(Decimal::read(&written).unwrap().to_string(), written);
            }
        }
    }
}
