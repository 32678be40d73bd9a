//! Bytes that came held against those that were expected, with parts that may be any others of their kind.

use regex::bytes::Regex;

/// Patterns of what always differs: dates, identifiers.
#[derive(Clone, Debug, Default)]
pub struct Ignored {
    /// As it is sought in the capture, and as it is to stand at one place.
    patterns: Vec<(Regex, Regex)>,
}

impl Ignored {
    /// The error is one of a pattern's syntax, in words.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, String> {
        let compile = |pattern: &S| {
            let pattern = pattern.as_ref();
            let sought = Regex::new(pattern).map_err(|error| error.to_string())?;
            let here = Regex::new(&format!(r"\A(?:{pattern})")).map_err(|error| error.to_string())?;
            Ok((sought, here))
        };
        patterns.iter().map(compile).collect::<Result<_, String>>().map(|patterns| Self { patterns })
    }
}

/// What is expected, divided into what must be so and what may be any match of a pattern.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
    data: &'a [u8],
    ignored: &'a Ignored,
    /// Start, end, pattern; in order, not overlapping.
    free: Vec<(usize, usize, usize)>,
}

/// How far what came is what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// All of it, in the first so many bytes.
    Whole(usize),
    /// The same, if nothing more comes: its end is a part of any length.
    Perhaps(usize),
    /// So far yes; more must come.
    Short,
    /// The first place that differs, in what was expected and in what came.
    Differs(usize, usize),
}

impl<'a> Expected<'a> {
    pub fn new(data: &'a [u8], ignored: &'a Ignored) -> Self {
        let mut all: Vec<(usize, usize, usize)> = Vec::new();
        for (number, (pattern, _)) in ignored.patterns.iter().enumerate() {
            all.extend(pattern.find_iter(data).map(|found| (found.start(), found.end(), number)));
        }
        all.sort_unstable();
        let mut free: Vec<(usize, usize, usize)> = Vec::new();
        for part in all.into_iter().filter(|(start, end, _)| start < end) {
            if free.last().is_none_or(|(_, end, _)| part.0 >= *end) {
                free.push(part);
            }
        }
        Self { data, ignored, free }
    }

    /// Holds `got` against it; `all`: nothing more will come.
    pub fn against(&self, got: &[u8], all: bool) -> Match {
        let (mut here, mut there) = (0, 0);
        for (start, end, pattern) in &self.free {
            match same(self.data, here..*start, got, there) {
                Ok(next) => there = next,
                Err(found) => return found,
            }
            let rest = got.get(there..).unwrap_or_default();
            let found = self.ignored.patterns.get(*pattern).and_then(|(_, here)| here.find(rest));
            match found.filter(|found| !found.is_empty()) {
                // It may go on in what has not come yet.
                Some(found) if found.end() == rest.len() && !all => {
                    return if *end == self.data.len() { Match::Perhaps(got.len()) } else { Match::Short };
                }
                Some(found) => there += found.end(),
                None if !all && rest.len() < end - start => return Match::Short,
                None if rest.is_empty() => return Match::Short,
                None => return Match::Differs(*start, there),
            }
            here = *end;
        }
        match same(self.data, here..self.data.len(), got, there) {
            Ok(next) => Match::Whole(next),
            Err(found) => found,
        }
    }
}

/// Whether `data` in `range` stands in `got` from `from` on; the place behind it.
fn same(data: &[u8], range: std::ops::Range<usize>, got: &[u8], from: usize) -> Result<usize, Match> {
    let start = range.start;
    let (want, have) = (data.get(range).unwrap_or_default(), got.get(from..).unwrap_or_default());
    match want.iter().zip(have).position(|(want, have)| want != have) {
        Some(place) => Err(Match::Differs(start + place, from + place)),
        None if have.len() < want.len() => Err(Match::Short),
        None => Ok(from + want.len()),
    }
}
