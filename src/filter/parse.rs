//! From tokens to an expression, not knowing yet what the names mean.
//!
//! `not` binds tighter than `and`, that tighter than `xor`, that tighter than `or` (wireshark-filter(4)). Only
//! brackets nest, and only [`MAX_DEPTH`] deep: the stack is bounded, whatever the text.

use std::ops::Range;

use super::MAX_DEPTH;
use super::error::Fault;
use super::lex::{Placed, Quantifier, Relation, SIGNS, Token};

pub type Place = Range<usize>;

#[derive(Debug)]
pub enum Expression {
    Or(Vec<Expression>),
    Xor(Vec<Expression>),
    And(Vec<Expression>),
    Not(Box<Expression>),
    /// Is it there?
    Test(Operand),
    Compare {
        left: Operand,
        relation: Relation,
        quantifier: Quantifier,
        /// Where the operator stands.
        place: Place,
        right: Operand,
    },
    In {
        quantifier: Quantifier,
        operand: Operand,
        /// Single values, or first and last of a range.
        set: Vec<(Operand, Option<Operand>)>,
    },
}

#[derive(Clone, Debug)]
pub struct Operand {
    pub place: Place,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    /// The name of a field or protocol, or a value that is not quoted.
    Word(String),
    Text(Vec<u8>),
    Character(u8),
    /// Bytes of another operand.
    Slice(Box<Operand>, Vec<Piece>),
    Mask(Box<Operand>, Box<Operand>),
    Call(String, Box<Operand>),
}

/// Bytes from `start` (counted from the end where negative): `length` of them, or up to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    pub start: i32,
    pub length: Option<u32>,
}

type Result<T> = std::result::Result<T, (Fault, Place)>;

pub struct Parser<'t, 'a> {
    tokens: &'t [Placed<'a>],
    at: usize,
    /// Where the expression ends.
    end: usize,
    depth: usize,
}

/// Parses a whole expression of at least one token; `end` is its length in bytes.
pub fn parse(tokens: &[Placed<'_>], end: usize) -> Result<Expression> {
    let mut parser = Parser { tokens, at: 0, end, depth: 0 };
    let expression = parser.any_of()?;
    match parser.peek() {
        None => Ok(expression),
        Some(_) => Err(parser.unexpected("and, or, or the end of the filter")),
    }
}

impl<'a> Parser<'_, 'a> {
    fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn place(&self) -> Place {
        self.tokens.get(self.at).map_or(self.end..self.end, |(_, place)| place.clone())
    }

    fn take(&mut self, wanted: &Token<'_>) -> bool {
        let there = self.peek() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    fn unexpected(&self, expected: &'static str) -> (Fault, Place) {
        let fault = match self.peek() {
            None => Fault::Ends { expected },
            Some(token) => Fault::Unexpected { expected, found: written(token) },
        };
        (fault, self.place())
    }

    fn deeper<T>(&mut self, inside: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == MAX_DEPTH {
            return Err((Fault::TooDeep, self.place()));
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    fn chain(
        &mut self,
        operator: &Token<'_>,
        part: fn(&mut Self) -> Result<Expression>,
        join: fn(Vec<Expression>) -> Expression,
    ) -> Result<Expression> {
        let first = part(self)?;
        if self.peek() != Some(operator) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.take(operator) {
            parts.push(part(self)?);
        }
        Ok(join(parts))
    }

    fn any_of(&mut self) -> Result<Expression> {
        self.chain(&Token::Or, Self::one_of, Expression::Or)
    }

    fn one_of(&mut self) -> Result<Expression> {
        self.chain(&Token::Xor, Self::all_of, Expression::Xor)
    }

    fn all_of(&mut self) -> Result<Expression> {
        self.chain(&Token::And, Self::negation, Expression::And)
    }

    fn negation(&mut self) -> Result<Expression> {
        let mut negated = false;
        while self.take(&Token::Not) {
            negated = !negated;
        }
        let test = self.test()?;
        Ok(if negated { Expression::Not(Box::new(test)) } else { test })
    }

    fn test(&mut self) -> Result<Expression> {
        let start = self.place().start;
        let left = if self.take(&Token::Open) {
            let inside = self.deeper(Self::any_of)?;
            if !self.take(&Token::Close) {
                return Err(self.unexpected("and, or, or )"));
            }
            // `(tcp.flags & 2) == 2`: the brackets held a value, not a test.
            let goes_on = matches!(self.peek(), Some(Token::Relation(..) | Token::In | Token::Mask));
            match inside {
                Expression::Test(operand) if goes_on => operand,
                inside => return Ok(inside),
            }
        } else {
            let quantifier = self.quantifier();
            let operand = self.operand("a field or a protocol")?;
            return self.relation(operand, quantifier);
        };
        let left = Operand { place: start..self.behind(), ..left };
        let left = self.mask(left)?;
        self.relation(left, None)
    }

    /// `any` or `all` in front of a field.
    fn quantifier(&mut self) -> Option<Quantifier> {
        let quantifier = match self.peek() {
            Some(Token::Word("any")) => Quantifier::Any,
            Some(Token::Word("all")) => Quantifier::All,
            _ => return None,
        };
        matches!(self.tokens.get(self.at + 1), Some((Token::Word(_), _))).then(|| {
            self.at += 1;
            quantifier
        })
    }

    /// What follows an operand: a comparison, `in`, or nothing, which asks whether it is there.
    fn relation(&mut self, left: Operand, quantifier: Option<Quantifier>) -> Result<Expression> {
        let place = self.place();
        match self.peek() {
            Some(Token::Relation(relation, usual)) => {
                let (relation, quantifier) = (*relation, quantifier.unwrap_or(*usual));
                self.at += 1;
                let right = self.operand("a value to compare with")?;
                if let Some(Token::Relation(..)) = self.peek() {
                    return Err(self.unexpected("and, or, or the end of the filter"));
                }
                Ok(Expression::Compare { left, relation, quantifier, place, right })
            }
            Some(Token::In) => self.set(left, quantifier),
            // `tcp.port not in {...}`
            Some(Token::Not) if matches!(self.tokens.get(self.at + 1), Some((Token::In, _))) => {
                self.at += 1;
                Ok(Expression::Not(Box::new(self.set(left, quantifier)?)))
            }
            _ if quantifier.is_some() => Err(self.unexpected("a comparison, such as == or >")),
            _ => Ok(Expression::Test(left)),
        }
    }

    fn set(&mut self, operand: Operand, quantifier: Option<Quantifier>) -> Result<Expression> {
        self.at += 1;
        if !self.take(&Token::OpenSet) {
            return Err(self.unexpected("a set, such as {80, 443, 8000..8010}"));
        }
        let mut set = Vec::new();
        loop {
            let first = self.operand("a value")?;
            let last = if self.take(&Token::Dots) { Some(self.operand("the last value of the range")?) } else { None };
            set.push((first, last));
            let comma = self.take(&Token::Comma);
            if self.take(&Token::CloseSet) {
                break;
            }
            // Wireshark's older versions divided by blanks alone; both are taken.
            if !comma && !matches!(self.peek(), Some(Token::Word(_) | Token::Text(_) | Token::Character(_))) {
                return Err(self.unexpected("a comma or }"));
            }
        }
        Ok(Expression::In { quantifier: quantifier.unwrap_or(Quantifier::Any), operand, set })
    }

    /// One past the last byte of the token before.
    fn behind(&self) -> usize {
        self.at.checked_sub(1).and_then(|before| self.tokens.get(before)).map_or(0, |(_, place)| place.end)
    }

    fn operand(&mut self, expected: &'static str) -> Result<Operand> {
        let place = self.place();
        let what = match self.peek() {
            Some(Token::Word(word)) => What::Word((*word).to_owned()),
            Some(Token::Text(text)) => What::Text(text.clone()),
            Some(Token::Character(number)) => What::Character(*number),
            _ => return Err(self.unexpected(expected)),
        };
        self.at += 1;
        let mut operand = Operand { place: place.clone(), what };
        if let What::Word(name) = &operand.what
            && self.take(&Token::Open)
        {
            let name = name.clone();
            let inner = self.deeper(|parser| parser.operand("a field"))?;
            if !self.take(&Token::Close) {
                return Err(self.unexpected(")"));
            }
            operand = Operand { place: place.start..self.behind(), what: What::Call(name, Box::new(inner)) };
        }
        if let Some(Token::Slice(text)) = self.peek() {
            let pieces = pieces(text).ok_or_else(|| {
                let expected = "bytes such as [0:3] (three from the first), [4], [2-5], [-4:], [0:2,6]";
                (Fault::Unexpected { expected, found: format!("[{text}]") }, self.place())
            })?;
            self.at += 1;
            operand = Operand { place: place.start..self.behind(), what: What::Slice(Box::new(operand), pieces) };
            if let Some(Token::Slice(_)) = self.peek() {
                return Err(self.unexpected("one slice"));
            }
        }
        self.mask(operand)
    }

    /// `& number` behind an operand.
    fn mask(&mut self, operand: Operand) -> Result<Operand> {
        if !self.take(&Token::Mask) {
            return Ok(operand);
        }
        let mask = self.deeper(|parser| parser.operand("a number"))?;
        let place = operand.place.start..mask.place.end;
        Ok(Operand { place, what: What::Mask(Box::new(operand), Box::new(mask)) })
    }
}

/// The pieces of a slice: `start:length`, `first-last`, `start` alone, `:length`, `start:`, divided by commas.
fn pieces(text: &str) -> Option<Vec<Piece>> {
    text.split(',')
        .map(|piece| {
            let piece = piece.trim();
            if let Some((start, length)) = piece.split_once(':') {
                let (start, length) = (start.trim(), length.trim());
                let start = if start.is_empty() { 0 } else { start.parse().ok()? };
                let length = if length.is_empty() { None } else { Some(length.parse().ok().filter(|n| *n > 0)?) };
                return Some(Piece { start, length });
            }
            if let Ok(start) = piece.parse() {
                return Some(Piece { start, length: Some(1) });
            }
            // The dash of a range, not a sign: it follows a digit.
            let dash = piece.char_indices().skip(1).find(|(_, c)| *c == '-')?.0;
            let (first, last) = (piece.get(..dash)?.trim(), piece.get(dash + 1..)?.trim());
            let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
            let length = last.checked_sub(first)?;
            Some(Piece { start: first.into(), length: Some(u32::from(length) + 1) })
        })
        .collect()
}

/// A token as it may stand in a message.
fn written(token: &Token<'_>) -> String {
    match token {
        Token::Word(word) => (*word).into(),
        Token::Text(text) => String::from_utf8_lossy(text).into_owned(),
        Token::Character(number) => char::from(*number).into(),
        Token::Slice(text) => format!("[{text}]"),
        Token::Relation(Relation::Contains, _) => "contains".into(),
        Token::Relation(Relation::Matches, _) => "matches".into(),
        Token::In => "in".into(),
        sign => SIGNS.iter().find(|(_, token)| token == sign).map_or_else(String::new, |(text, _)| (*text).into()),
    }
}
