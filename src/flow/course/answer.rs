//! What the servers of the exercises answer to lines and numbers: `sum`, `calc`, `rps`, and those that say all of it
//! in a sentence (`guess`, `chat`, `bingo`).

use super::Exercise;
use crate::wire::application::Tone;

/// Numbers that are kept to be told.
const KEPT: usize = 4;
/// Digits of a number at most, so that sums fit.
const DIGITS: usize = 18;

/// A decimal number: so many of its last digits are behind the point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decimal {
    digits: i64,
    places: u8,
}

impl Decimal {
    fn read(text: &[u8]) -> Option<Self> {
        let (sign, number) = match text.strip_prefix(b"-") {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let (mut found, mut point, mut any) = (Self::default(), false, false);
        if number.len() > DIGITS {
            return None;
        }
        for byte in number {
            match byte {
                b'0'..=b'9' => {
                    found.digits = found.digits * 10 + i64::from(byte - b'0');
                    found.places += u8::from(point);
                    any = true;
                }
                b'.' if !point => point = true,
                _ => return None,
            }
        }
        found.digits *= sign;
        any.then_some(found)
    }

    /// Both have at most 18 places, so this fits.
    fn at(self, places: u8) -> i128 {
        i128::from(self.digits).saturating_mul(10i128.saturating_pow(places.saturating_sub(self.places).into()))
    }

    fn plus(self, other: Self) -> Option<Self> {
        let places = self.places.max(other.places);
        let digits = self.at(places).saturating_add(other.at(places));
        i64::try_from(digits).ok().map(|digits| Self { digits, places })
    }

    fn is(self, other: Self) -> bool {
        let places = self.places.max(other.places);
        self.at(places) == other.at(places)
    }

    fn text(self) -> String {
        let sign = if self.digits < 0 { "-" } else { "" };
        let unit = 10u64.saturating_pow(self.places.into());
        let (whole, rest) = (self.digits.unsigned_abs() / unit, self.digits.unsigned_abs() % unit);
        match self.places {
            0 => format!("{sign}{whole}"),
            places => format!("{sign}{whole}.{rest:0width$}", width = places.into()),
        }
    }
}

/// What the client has said since the server's last answer, taken as numbers: a segment is one, or a line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Numbers {
    first: [Decimal; KEPT],
    count: u32,
    total: Decimal,
    /// Something else was said.
    other: bool,
    /// A `#`, and nothing behind it.
    ended: bool,
    /// Lines: they end where they say so, whatever the pieces.
    lines: bool,
}

impl Numbers {
    pub(super) fn hear(&mut self, data: &[u8]) {
        if self.ended {
            self.other = true;
        }
        let said = match data.strip_suffix(b"#") {
            Some(said) => {
                self.ended = true;
                said
            }
            None => data,
        };
        self.lines |= said.contains(&b'\n');
        for text in said.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|text| !text.is_empty()) {
            let Some(number) = Decimal::read(text) else {
                self.other = true;
                return;
            };
            if let Some(place) = self.first.get_mut(self.count as usize) {
                *place = number;
            }
            self.count = self.count.saturating_add(1);
            match self.total.plus(number) {
                Some(total) => self.total = total,
                None => self.other = true,
            }
        }
    }

    /// There are numbers, and nothing else was said.
    pub(super) fn are_all(&self) -> bool {
        self.count > 0 && !self.other
    }

    fn kept(&self) -> &[Decimal] {
        self.first.get(..self.count as usize).unwrap_or(&self.first)
    }

    /// `2 + 4`
    fn text(&self) -> String {
        let numbers: Vec<String> = self.kept().iter().map(|number| number.text()).collect();
        let more = if self.count as usize > KEPT { " + ..." } else { "" };
        numbers.join(" + ") + more
    }

    /// What a server heard that received some of the numbers as one piece: `"24"`, or `"2" "46"`.
    fn heard_as(&self, answer: Decimal) -> Option<String> {
        let numbers = self.kept();
        if self.lines || self.count as usize > KEPT || numbers.len() < 2 {
            return None;
        }
        let texts: Vec<String> = numbers.iter().map(|number| number.text()).collect();
        (1u32..1 << (texts.len() - 1)).find_map(|joins| {
            let mut heard: Vec<String> = Vec::new();
            for (place, text) in texts.iter().enumerate() {
                match heard.last_mut().filter(|_| place > 0 && joins >> (place - 1) & 1 != 0) {
                    Some(last) => last.push_str(text),
                    None => heard.push(text.clone()),
                }
            }
            let sum = heard.iter().try_fold(Decimal::default(), |sum, text| sum.plus(Decimal::read(text.as_bytes())?));
            sum.filter(|sum| sum.is(answer)).map(|_| format!("\"{}\"", heard.join("\" \"")))
        })
    }
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    Sum(Numbers, Decimal),
    /// What the client took, and who won, as places of [`OBJECTS`] and [`WINNERS`].
    Game {
        yours: usize,
        winner: usize,
    },
}

const OBJECTS: [&str; 3] = ["Paper", "Stone", "Scissors"];
const WINNERS: [(&str, &str); 3] = [("I", "wins over"), ("you", "loses to"), ("draw", "draws with")];

/// Which exercise a server's answer is of, and what it means where that does not stand there.
pub fn of(data: &[u8], asked: &Numbers, known: Option<Exercise>) -> Option<(Exercise, Option<Answer>)> {
    let text = data.trim_ascii();
    if let Some(number) = Decimal::read(text).filter(|_| asked.are_all()) {
        let right = asked.total.is(number);
        let answer = Some(Answer::Sum(*asked, number));
        if asked.ended {
            return Some((Exercise::Sum, answer));
        }
        let is_calc = asked.count == 2 && (right || known == Some(Exercise::Calc));
        return is_calc.then_some((Exercise::Calc, answer));
    }
    let text = std::str::from_utf8(text).ok()?;
    if let Some((mine, winner)) = text.split_once(' ')
        && OBJECTS.contains(&mine)
        && let Some(winner) = WINNERS.iter().position(|(word, _)| *word == winner)
        && asked.are_all()
        && let Some(yours) = (0..OBJECTS.len()).find(|place| asked.total.digits == *place as i64 + 1)
    {
        return Some((Exercise::Rps, Some(Answer::Game { yours, winner })));
    }
    let is_sentence = |from: &str, to: &str| text.strip_prefix(from).is_some_and(|rest| rest.ends_with(to));
    let guess = is_sentence("Wrong! I guessed ", "") && text.contains(" and you typed ");
    Some(match () {
        () if guess || text == "Nice! I guessed that number" => (Exercise::Guess, None),
        () if is_sentence("Drawn: ", "") && text.contains(", hits: ") => (Exercise::Bingo, None),
        () if is_sentence("User ", " has entered room") || is_sentence("User ", " has left room") => {
            (Exercise::Chat, None)
        }
        () if text.starts_with("error: not this name: ") => (Exercise::Chat, None),
        () => return None,
    })
}

impl Answer {
    pub(super) fn tell(&self, out: &mut Vec<u8>) -> Tone {
        let (said, tone) = match self {
            Self::Sum(asked, answer) if asked.total.is(*answer) => {
                (format!("{} = {}", asked.text(), answer.text()), Tone::Plain)
            }
            Self::Sum(asked, answer) => {
                let right = format!("{} is wrong: {} = {}", answer.text(), asked.text(), asked.total.text());
                let why = asked.heard_as(*answer).map(|heard| format!(", but the server received {heard}"));
                (right + &why.unwrap_or_default(), Tone::Trouble)
            }
            Self::Game { yours, winner } => {
                let object = OBJECTS.get(*yours).copied().unwrap_or_default().to_lowercase();
                let winner = WINNERS.get(*winner).map_or("", |(_, words)| words);
                (format!("{winner} {object}"), Tone::Plain)
            }
        };
        out.extend_from_slice(said.as_bytes());
        tone
    }
}
