//! Names and types: turns an expression into tests, or says what does not go together.

use memchr::memmem::Finder;
use regex::bytes::RegexBuilder;

use super::error::Fault;
use super::lex::{Quantifier, Relation};
use super::parse::{Expression, Operand, Place, What};
use super::program::{Fixed, Order, Range, Test, ZERO};
use super::source::{Protocols, Source};
use super::value::{self, Type};
use crate::field::{self, Resolved};
use crate::wire::{Kind, Words};

/// The most memory a compiled regular expression, and its cache, may take.
const PATTERN_MEMORY: usize = 1 << 20;

type Result<T> = std::result::Result<T, (Fault, Place)>;

/// One side of a comparison, known to be something of the packet.
struct Side {
    source: Source,
    kind: Type,
    words: Option<Words>,
    /// As a message calls it.
    name: String,
    place: Place,
}

pub fn check(expression: &Expression) -> Result<Test> {
    let all = |parts: &[Expression]| parts.iter().map(check).collect::<Result<Vec<_>>>();
    match expression {
        Expression::Or(parts) => Ok(Test::Or(all(parts)?)),
        Expression::Xor(parts) => Ok(Test::Xor(all(parts)?)),
        Expression::And(parts) => Ok(Test::And(all(parts)?)),
        Expression::Not(part) => Ok(Test::Not(Box::new(check(part)?))),
        Expression::Test(operand) => Ok(match side(operand)?.source {
            Source::Layer(protocols) => Test::Layer(protocols),
            source @ Source::Mask(..) => Test::NotZero(source),
            source => Test::There(source),
        }),
        Expression::Compare { left, relation, quantifier, place, right } => {
            compare(left, *relation, *quantifier, place, right)
        }
        Expression::In { quantifier, operand, set } => within(operand, *quantifier, set),
    }
}

/// A field, a protocol, or what is made of them. A word that is neither is an error.
fn side(operand: &Operand) -> Result<Side> {
    let place = operand.place.clone();
    match &operand.what {
        What::Word(name) => named(name, &place).ok_or_else(|| (unknown(name), place)),
        What::Text(_) | What::Character(_) => {
            let found = shown(operand);
            Err((Fault::Unexpected { expected: "a field or a protocol", found }, place))
        }
        What::Slice(inner, pieces) => {
            let inner = side(inner)?;
            if !inner.kind.holds_bytes() && !matches!(inner.kind, Type::Ipv4 | Type::Ipv6) {
                return Err(operation("a slice", inner, "bytes, text or an address"));
            }
            let source = Source::Slice(Box::new(inner.source), pieces.clone());
            Ok(Side { source, kind: Type::Bytes, words: None, name: "the slice".into(), place })
        }
        What::Mask(inner, mask) => {
            let inner = side(inner)?;
            let is_number = matches!(inner.kind, Type::Number(_) | Type::Bool);
            if !is_number && !matches!(inner.source, Source::Slice(..)) {
                return Err(operation("&", inner, "a number or a slice"));
            }
            let Some(number) = constant_number(mask) else {
                let expected = "a number, such as 0x02";
                return Err((Fault::Unexpected { expected, found: shown(mask) }, mask.place.clone()));
            };
            let source = Source::Mask(Box::new(inner.source), number);
            Ok(Side { source, kind: Type::Number(u64::MAX), words: None, name: inner.name, place })
        }
        What::Call(function, inner) => call(function, side(inner), place),
    }
}

fn call(function: &str, inner: Result<Side>, place: Place) -> Result<Side> {
    let make: fn(Box<Source>) -> Source = match function {
        "len" => Source::Length,
        "count" => Source::Count,
        "lower" => Source::Lower,
        "upper" => Source::Upper,
        _ => {
            let name = place.start..place.start + function.len();
            let expected = "a function: len, count, lower or upper";
            return Err((Fault::Unexpected { expected, found: function.into() }, name));
        }
    };
    let inner = inner?;
    let kind = match function {
        "lower" | "upper" if inner.kind != Type::Text => return Err(operation("lower or upper", inner, "text")),
        "lower" | "upper" => Type::Text,
        "len" if !inner.kind.holds_bytes() => return Err(operation("len", inner, "bytes, text or a protocol")),
        _ => Type::Number(u64::MAX),
    };
    let name = format!("{function}({})", inner.name);
    Ok(Side { source: make(Box::new(inner.source)), kind, words: None, name, place })
}

fn named(name: &str, place: &Place) -> Option<Side> {
    let place = place.clone();
    if let Some(field) = field::find(name) {
        let entry = field.entries().first().copied();
        let (kind, words) = (kind(&field), entry.and_then(|entry| entry.words()));
        return Some(Side { source: Source::Field(field), kind, words, name: name.into(), place });
    }
    let protocols = Protocols::named(name)?;
    Some(Side { source: Source::Layer(protocols), kind: Type::Bytes, words: None, name: name.into(), place })
}

fn kind(field: &Resolved) -> Type {
    match field.kind {
        Kind::Dec | Kind::Hex(_) => {
            // The largest number of the whole bytes that the field touches, as in Wireshark.
            let largest =
                |bits: u16| u64::MAX.checked_shr(64 - u32::from(bits.next_multiple_of(8))).unwrap_or(u64::MAX);
            let fixed = field.entries().iter().map(|entry| entry.fixed().map_or(64, |bits| bits.length.clamp(1, 64)));
            Type::Number(largest(fixed.max().unwrap_or(64)))
        }
        Kind::Int => Type::Signed,
        Kind::Bool => Type::Bool,
        Kind::Ipv4 => Type::Ipv4,
        Kind::Ipv6 => Type::Ipv6,
        Kind::Mac => Type::Mac,
        Kind::Bytes => Type::Bytes,
        Kind::Text => Type::Text,
        Kind::Seconds => Type::Time,
    }
}

fn unknown(name: &str) -> Fault {
    // What begins like a number or holds colons was meant as a value.
    if name.contains([':', '/']) || name.starts_with(|c: char| !c.is_ascii_alphabetic()) {
        return Fault::Unexpected { expected: "a field or a protocol", found: name.into() };
    }
    let names = field::all().map(|entry| entry.name()).chain(Protocols::names());
    let near = field::near(name, names);
    Fault::Unknown { name: name.into(), near }
}

fn operation(operation: &'static str, side: Side, wants: &'static str) -> (Fault, Place) {
    (Fault::Operation { operation, field: side.name, kind: side.kind.name(), wants }, side.place)
}

/// A side that is a field or protocol by name, or is made of one; nothing for what is a value.
fn try_side(operand: &Operand) -> Option<Result<Side>> {
    match &operand.what {
        What::Word(name) => named(name, &operand.place).map(Ok),
        What::Text(_) | What::Character(_) => None,
        _ => Some(side(operand)),
    }
}

fn compare(left: &Operand, relation: Relation, quantifier: Quantifier, place: &Place, right: &Operand) -> Result<Test> {
    // A value on the left is turned round, which Wireshark does not do: `80 == tcp.port`.
    let (side, relation, other) = match (try_side(left), try_side(right)) {
        (None, Some(right)) if !matches!(relation, Relation::Contains | Relation::Matches) => {
            (right?, turned(relation), left)
        }
        (left_side, _) => (left_side.unwrap_or_else(|| self::side(left))?, relation, right),
    };
    match relation {
        Relation::Contains => return contains(side, quantifier, other, place),
        Relation::Matches => return matches(side, quantifier, other, place),
        _ => {}
    }
    let order = order(relation);
    if let Some(Ok(other_side)) = try_side(other) {
        if !side.kind.goes_with(other_side.kind) {
            let (left_kind, right_kind) = (side.kind.name(), other_side.kind.name());
            let fault = Fault::Kinds { left: side.name, left_kind, right: other_side.name, right_kind };
            return Err((fault, other.place.clone()));
        }
        return Ok(Test::Pair { left: side.source, right: other_side.source, order, quantifier });
    }
    if let Some(Err(error)) = try_side(other) {
        return Err(error);
    }
    if side.kind.is_bytes() {
        let with = constant_bytes(other, &side)?;
        return Ok(Test::Bytes { source: side.source, order, with, quantifier });
    }
    let ranges = constant_ranges(other, &side)?;
    let inside = relation != Relation::NotEqual;
    let ranges = match (relation, ranges.as_slice()) {
        (Relation::Equal | Relation::NotEqual, _) => ranges,
        (_, [(first, last)]) => vec![match relation {
            // An empty range begins after it ends.
            Relation::Less => first.checked_sub(1).map_or((1, 0), |before| (0, before)),
            Relation::LessOrEqual => (0, *last),
            Relation::Greater => last.checked_add(1).map_or((1, 0), |after| (after, u128::MAX)),
            _ => (*first, u128::MAX),
        }],
        _ => return Err(operation("an order", side, "a number")),
    };
    Ok(ranged(side.source, ranges, inside, quantifier))
}

/// The quick test where a number's place is fixed, else the general one.
fn ranged(source: Source, ranges: Vec<Range>, inside: bool, quantifier: Quantifier) -> Test {
    if let (Source::Field(field), [(first, last)]) = (&source, ranges.as_slice())
        && let [entry] = field.entries()
        && matches!(entry.kind(), Kind::Dec | Kind::Hex(_) | Kind::Bool | Kind::Ipv4)
        && let Some(place) = entry.fixed().and_then(|bits| Fixed::new(entry.protocol, bits))
    {
        let zero = if entry.kind() == Kind::Ipv4 { 0 } else { ZERO };
        let (first, last) = match (first.saturating_sub(zero), last.checked_sub(zero)) {
            (first, Some(last)) if first <= last => (first, last),
            _ => (1, 0),
        };
        let number = |rank| u64::try_from(rank).unwrap_or(u64::MAX);
        return Test::Fixed { place, first: number(first), last: number(last), inside, quantifier };
    }
    Test::Ranges { source, ranges, inside, quantifier }
}

fn turned(relation: Relation) -> Relation {
    match relation {
        Relation::Less => Relation::Greater,
        Relation::Greater => Relation::Less,
        Relation::LessOrEqual => Relation::GreaterOrEqual,
        Relation::GreaterOrEqual => Relation::LessOrEqual,
        same => same,
    }
}

fn order(relation: Relation) -> Order {
    let (less, equal, greater) = match relation {
        Relation::NotEqual => (true, false, true),
        Relation::Greater => (false, false, true),
        Relation::Less => (true, false, false),
        Relation::GreaterOrEqual => (false, true, true),
        Relation::LessOrEqual => (true, true, false),
        _ => (false, true, false),
    };
    Order { less, equal, greater }
}

fn contains(side: Side, quantifier: Quantifier, with: &Operand, place: &Place) -> Result<Test> {
    if !side.kind.holds_bytes() {
        return Err((operation("contains", side, "bytes, text or a protocol").0, place.clone()));
    }
    let needle = Box::new(Finder::new(&constant_bytes(with, &side)?).into_owned());
    Ok(Test::Contains { source: side.source, needle, quantifier })
}

fn matches(side: Side, quantifier: Quantifier, with: &Operand, place: &Place) -> Result<Test> {
    if !side.kind.holds_bytes() {
        return Err((operation("matches", side, "bytes, text or a protocol").0, place.clone()));
    }
    let text = match &with.what {
        What::Text(text) => pattern_text(text),
        What::Word(word) => word.clone(),
        _ => {
            let expected = "a quoted regular expression";
            return Err((Fault::Unexpected { expected, found: shown(with) }, with.place.clone()));
        }
    };
    // Bytes, not characters: what is on the wire need not be UTF-8.
    let mut builder = RegexBuilder::new(&text);
    builder.unicode(false).case_insensitive(true).size_limit(PATTERN_MEMORY).dfa_size_limit(PATTERN_MEMORY);
    let pattern = builder.build().map_err(|error| {
        let text = error.to_string();
        // The crate draws the expression with carets of its own; its last line says what is wrong.
        let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        (Fault::Pattern(last), with.place.clone())
    })?;
    Ok(Test::Matches { source: side.source, pattern, quantifier })
}

fn within(operand: &Operand, quantifier: Quantifier, set: &[(Operand, Option<Operand>)]) -> Result<Test> {
    let side = side(operand)?;
    if side.kind.is_bytes() {
        let mut ranges = Vec::with_capacity(set.len());
        for (first, last) in set {
            let low = constant_bytes(first, &side)?;
            let high = last.as_ref().map_or_else(|| Ok(low.clone()), |last| constant_bytes(last, &side))?;
            ranges.push((low, high));
        }
        return Ok(Test::BytesIn { source: side.source, set: ranges, quantifier });
    }
    let mut ranges = Vec::with_capacity(set.len());
    for (first, last) in set {
        let low = constant_ranges(first, &side)?;
        let Some(last) = last else {
            ranges.extend(low);
            continue;
        };
        let high = constant_ranges(last, &side)?;
        match (low.as_slice(), high.as_slice()) {
            ([(low, _)], [(_, high)]) if low <= high => ranges.push((*low, *high)),
            _ => return Err((Fault::EmptyRange, first.place.start..last.place.end)),
        }
    }
    Ok(ranged(side.source, ranges, true, quantifier))
}

/// The text of a regular expression; bytes that are not UTF-8 stand in it as escapes.
fn pattern_text(text: &[u8]) -> String {
    let mut written = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        written.push_str(chunk.valid());
        written.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    written
}

/// A value as written, for messages.
fn shown(operand: &Operand) -> String {
    match &operand.what {
        What::Word(word) => word.clone(),
        What::Text(text) => String::from_utf8_lossy(text).into_owned(),
        What::Character(number) => char::from(*number).into(),
        What::Slice(..) | What::Mask(..) | What::Call(..) => "an expression".into(),
    }
}

fn constant_number(operand: &Operand) -> Option<u64> {
    match &operand.what {
        What::Word(word) => value::number(word),
        What::Character(number) => Some((*number).into()),
        _ => None,
    }
}

/// A value of a type that has an order, as the ranges of numbers it stands for.
fn constant_ranges(operand: &Operand, side: &Side) -> Result<Vec<Range>> {
    let text = match &operand.what {
        What::Character(number) if matches!(side.kind, Type::Number(_) | Type::Signed) => {
            return Ok(vec![value::exactly((*number).into())]);
        }
        What::Word(word) => word.clone(),
        What::Text(text) => String::from_utf8_lossy(text).into_owned(),
        _ => return Err(not_a_value(operand, side)),
    };
    if let Some(range) = value::range(&text, side.kind) {
        if let Type::Number(largest) = side.kind
            && range.1 > ZERO + u128::from(largest)
        {
            let fault = Fault::TooBig { field: side.name.clone(), found: text, largest };
            return Err((fault, operand.place.clone()));
        }
        return Ok(vec![range]);
    }
    if let (Type::Number(largest), Some(words)) = (side.kind, side.words) {
        let numbers = value::in_words(&text, words, largest);
        if !numbers.is_empty() {
            return Ok(numbers.into_iter().map(value::exactly).collect());
        }
    }
    Err(not_a_value(operand, side))
}

fn constant_bytes(operand: &Operand, side: &Side) -> Result<Vec<u8>> {
    match &operand.what {
        What::Text(text) => Ok(text.clone()),
        What::Character(number) => Ok(vec![*number]),
        What::Word(word) if side.kind == Type::Text => Ok(word.clone().into_bytes()),
        What::Word(word) => value::bytes(word).ok_or_else(|| not_a_value(operand, side)),
        _ => Err(not_a_value(operand, side)),
    }
}

fn not_a_value(operand: &Operand, side: &Side) -> (Fault, Place) {
    // What looks like the name of a field was probably meant as one.
    if let What::Word(word) = &operand.what
        && let Fault::Unknown { name, near } = unknown(word)
        && word.contains('.')
        && !near.is_empty()
    {
        return (Fault::Unknown { name, near }, operand.place.clone());
    }
    let mut expected = side.kind.expected().to_owned();
    if let (Some(words), Type::Number(largest)) = (side.words, side.kind) {
        let known: Vec<String> =
            (0..=largest.min(255)).filter_map(words).take(3).map(|words| format!("{words:?}")).collect();
        if !known.is_empty() {
            expected = format!("{expected}, or words such as {}", known.join(", "));
        }
    }
    (Fault::Value { field: side.name.clone(), found: shown(operand), expected }, operand.place.clone())
}
