//! The words and signs of a filter, each with its place.

use std::ops::Range;

use super::error::Fault;

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Contains,
    Matches,
}

/// Whether one value of a field is enough, or all must fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    Any,
    All,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A name, a number, an address: decided where it is used.
    Word(&'a str),
    /// Quoted text, without its quotes and escapes.
    Text(Vec<u8>),
    /// A character in single quotes: its number.
    Character(u8),
    /// What stands between `[` and `]`.
    Slice(&'a str),
    Relation(Relation, Quantifier),
    And,
    Or,
    Xor,
    Not,
    In,
    /// `&` or `bitand`.
    Mask,
    Open,
    Close,
    OpenSet,
    CloseSet,
    Comma,
    Dots,
}

/// A token and the bytes of the expression that it takes.
pub type Placed<'a> = (Token<'a>, Range<usize>);

/// Divides an expression into tokens.
pub fn tokens(expression: &str) -> Result<Vec<Placed<'_>>, (Fault, Range<usize>)> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = expression.get(at..).filter(|rest| !rest.is_empty()) {
        let blank = rest.len() - rest.trim_start().len();
        if blank > 0 {
            at += blank;
            continue;
        }
        let (token, length) = next(rest).map_err(|(fault, length)| (fault, at..at + length))?;
        tokens.push((token, at..at + length));
        at += length;
    }
    Ok(tokens)
}

/// Signs, the longer before those they begin with.
pub const SIGNS: &[(&str, Token<'static>)] = &[
    ("===", Token::Relation(Relation::Equal, Quantifier::All)),
    ("!==", Token::Relation(Relation::NotEqual, Quantifier::Any)),
    ("~=", Token::Relation(Relation::NotEqual, Quantifier::Any)),
    ("==", Token::Relation(Relation::Equal, Quantifier::Any)),
    ("!=", Token::Relation(Relation::NotEqual, Quantifier::All)),
    (">=", Token::Relation(Relation::GreaterOrEqual, Quantifier::Any)),
    ("<=", Token::Relation(Relation::LessOrEqual, Quantifier::Any)),
    (">", Token::Relation(Relation::Greater, Quantifier::Any)),
    ("<", Token::Relation(Relation::Less, Quantifier::Any)),
    ("~", Token::Relation(Relation::Matches, Quantifier::Any)),
    ("&&", Token::And),
    ("||", Token::Or),
    ("^^", Token::Xor),
    ("!", Token::Not),
    ("&", Token::Mask),
    ("(", Token::Open),
    (")", Token::Close),
    ("{", Token::OpenSet),
    ("}", Token::CloseSet),
    (",", Token::Comma),
    ("..", Token::Dots),
];

fn next(rest: &str) -> Result<(Token<'_>, usize), (Fault, usize)> {
    if let Some(body) = rest.strip_prefix('"') {
        return quoted(body, false).map(|(text, length)| (Token::Text(text), length + 1)).map_err(|f| (f, rest.len()));
    }
    if let Some(body) = rest.strip_prefix("r\"").or_else(|| rest.strip_prefix("R\"")) {
        return quoted(body, true).map(|(text, length)| (Token::Text(text), length + 2)).map_err(|f| (f, rest.len()));
    }
    if let Some(body) = rest.strip_prefix('\'') {
        return character(body).ok_or((Fault::Unclosed("character"), rest.len()));
    }
    if let Some(body) = rest.strip_prefix('[') {
        let length = body.find(']').ok_or((Fault::Unclosed("bracket"), rest.len()))?;
        return Ok((Token::Slice(body.get(..length).unwrap_or_default()), length + 2));
    }
    if let Some((sign, token)) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) {
        return Ok((token.clone(), sign.len()));
    }
    let length = word(rest);
    match rest.get(..length) {
        Some(word) if !word.is_empty() => Ok((keyword(word), length)),
        _ => {
            let found: String = rest.chars().take(1).collect();
            let length = found.len();
            let expected = match found.as_str() {
                "=" => "two signs: ==",
                "|" => "two signs: ||",
                "^" => "two signs: ^^",
                _ => "a field, a value or an operator",
            };
            Err((Fault::Unexpected { expected, found }, length))
        }
    }
}

/// Length of the word at the start: letters, digits and what stands inside names, numbers and addresses. Two dots end
/// it, they make a range.
fn word(rest: &str) -> usize {
    let mut length = 0;
    for (at, c) in rest.char_indices() {
        let inside = c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '/' | '-' | '·');
        if !inside || rest.get(at..).is_some_and(|rest| rest.starts_with("..")) {
            break;
        }
        length = at + c.len_utf8();
    }
    length
}

fn keyword(word: &str) -> Token<'_> {
    use Quantifier::{All, Any};
    use Relation::{Contains, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Matches, NotEqual};
    match word.to_ascii_lowercase().as_str() {
        "and" => Token::And,
        "or" => Token::Or,
        "xor" => Token::Xor,
        "not" => Token::Not,
        "in" => Token::In,
        "bitand" | "bitwise_and" => Token::Mask,
        "eq" | "any_eq" => Token::Relation(Equal, Any),
        "all_eq" => Token::Relation(Equal, All),
        "ne" | "all_ne" => Token::Relation(NotEqual, All),
        "any_ne" => Token::Relation(NotEqual, Any),
        "gt" => Token::Relation(Greater, Any),
        "lt" => Token::Relation(Less, Any),
        "ge" => Token::Relation(GreaterOrEqual, Any),
        "le" => Token::Relation(LessOrEqual, Any),
        "contains" => Token::Relation(Contains, Any),
        "matches" => Token::Relation(Matches, Any),
        _ => Token::Word(word),
    }
}

/// Text up to the closing quote, and its length with that quote. In raw text a backslash stays what it is.
fn quoted(body: &str, raw: bool) -> Result<(Vec<u8>, usize), Fault> {
    let mut text = Vec::new();
    let mut rest = body;
    loop {
        let mut characters = rest.chars();
        match characters.next().ok_or(Fault::Unclosed("text"))? {
            '"' => return Ok((text, body.len() - characters.as_str().len())),
            '\\' if raw => {
                text.push(b'\\');
                if let Some(after) = characters.as_str().strip_prefix('"') {
                    text.push(b'"');
                    rest = after;
                    continue;
                }
            }
            '\\' => {
                let (byte, length) = escape(characters.as_str()).ok_or(Fault::Unclosed("text"))?;
                match byte {
                    Some(byte) => text.push(byte),
                    // An escape we do not know belongs to the regular expression that is written here: `\.`, `\d`.
                    None => {
                        text.push(b'\\');
                        text.extend_from_slice(characters.as_str().get(..length).unwrap_or_default().as_bytes());
                    }
                }
                rest = characters.as_str().get(length..).unwrap_or_default();
                continue;
            }
            other => text.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = characters.as_str();
    }
}

/// What a backslash and `rest` stand for, as far as it is a byte, and how much of `rest` belongs to it.
fn escape(rest: &str) -> Option<(Option<u8>, usize)> {
    let first = rest.chars().next()?;
    let digits = |from: usize, most: usize, radix: u32| {
        let digits: String = rest.chars().skip(from).take(most).take_while(|c| c.is_digit(radix)).collect();
        let byte = u32::from_str_radix(&digits, radix).ok().and_then(|number| u8::try_from(number).ok());
        (byte, from + digits.len())
    };
    Some(match first {
        'n' => (Some(b'\n'), 1),
        'r' => (Some(b'\r'), 1),
        't' => (Some(b'\t'), 1),
        'a' => (Some(7), 1),
        '"' | '\'' | '\\' => (u8::try_from(first).ok(), 1),
        'x' => digits(1, 2, 16),
        '0'..='7' => digits(0, 3, 8),
        other => (None, other.len_utf8()),
    })
}

/// A character behind a single quote, and the length with both quotes.
fn character(body: &str) -> Option<(Token<'static>, usize)> {
    let (byte, length) = match body.strip_prefix('\\') {
        Some(rest) => {
            let (byte, length) = escape(rest)?;
            (byte?, length + 1)
        }
        None => (body.bytes().next().filter(|byte| byte.is_ascii() && *byte != b'\'')?, 1),
    };
    body.get(length..)?.starts_with('\'').then_some((Token::Character(byte), length + 2))
}
