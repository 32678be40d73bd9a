//! The Basic Encoding Rules of ASN.1 (X.690): elements of identifier, length and content, as SNMP and certificates have
//! them (DER is a part of BER).
//!
//! Guarantee: a length is never believed; an element holds what is there of it, and says where that is not all. Read are
//! identifiers of one byte and lengths that are given; who sends an open length sends neither of the two.

use super::Made;

pub const INTEGER: u8 = 0x02;
pub const OCTET_STRING: u8 = 0x04;
pub const NULL: u8 = 0x05;
pub const OBJECT_IDENTIFIER: u8 = 0x06;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;

/// Numbers of an object identifier that are written (RFC 2578 §3.5).
const MOST_NUMBERS: usize = 128;

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The identifier: class, constructed or not, number.
    pub tag: u8,
    /// As much of its content as is there.
    pub content: &'a [u8],
    /// Bytes of the content, as the element says.
    pub length: usize,
}

impl<'a> Element<'a> {
    pub fn is_whole(&self) -> bool {
        self.content.len() == self.length
    }

    /// What is in it, where it has the tag.
    pub fn of(self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.content)
    }

    /// A number of at most eight bytes, its sign included.
    pub fn integer(&self) -> Option<i64> {
        let (first, rest) = self.content.split_first().filter(|_| self.is_whole() && self.length <= 8)?;
        Some(rest.iter().fold(i64::from(*first as i8), |sum, byte| sum << 8 | i64::from(*byte)))
    }

    /// A number without a sign; nine bytes where the first is zero.
    pub fn unsigned(&self) -> Option<u64> {
        let digits = match self.content {
            [0, rest @ ..] => rest,
            all => all,
        };
        let fits = self.is_whole() && !self.content.is_empty() && digits.len() <= 8;
        fits.then(|| digits.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }
}

/// The first element, and what stands behind it.
pub fn element(data: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&[tag, first], rest) = data.split_first_chunk()?;
    // A number of 31 goes on in further bytes.
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    Some((Element { tag, content, length }, behind))
}

/// The elements one behind the other.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    /// The content of the next element where it has the tag; otherwise nothing is read.
    pub fn next_of(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, behind) = element(self.rest)?;
        let content = found.of(tag)?;
        self.rest = behind;
        Some(content)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let (found, behind) = element(self.rest)?;
        self.rest = behind;
        Some(found)
    }
}

/// An object identifier as people write it: numbers with dots between them.
pub fn dotted(content: &[u8]) -> Made<'_> {
    Made::new(content, 0, write_dotted)
}

fn write_dotted(content: &[u8], _: usize, out: &mut Vec<u8>) {
    let start = out.len();
    let mut say = |number: u64| {
        let dot = if out.len() == start { "" } else { "." };
        out.extend_from_slice(format!("{dot}{number}").as_bytes());
    };
    for (place, number) in numbers(content).take(MOST_NUMBERS).enumerate() {
        // The first two are in one (X.690 §8.19.4).
        if place == 0 {
            let first = (number / 40).min(2);
            say(first);
            say(number - first * 40);
        } else {
            say(number);
        }
    }
}

/// The numbers of an object identifier, seven bits a byte; one that is too long for 64 bits loses its first.
fn numbers(content: &[u8]) -> impl Iterator<Item = u64> {
    let mut bytes = content.iter();
    std::iter::from_fn(move || {
        let mut number = 0;
        loop {
            let byte = bytes.next()?;
            number = number << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_holds_what_is_there_of_it() {
        let whole = Element { tag: 4, content: b"ab", length: 2 };
        assert_eq!(element(&[4, 2, b'a', b'b', 9]), Some((whole, &[9][..])));
        assert_eq!(element(&[4, 0x82, 0, 2, b'a', b'b']), Some((whole, &[][..])));
        let cut = Element { tag: 0x30, content: &[1], length: 0x01_00_00_00 };
        assert_eq!(element(&[0x30, 0x84, 1, 0, 0, 0, 1]), Some((cut, &[][..])));
        assert!(!cut.is_whole() && cut.integer().is_none());
        for none in [&[0x30][..], &[], &[0x30, 0x80, 0, 0], &[0x30, 0x85, 0, 0, 0, 0, 1], &[0x1f, 1, 1], &[4, 0x82, 1]]
        {
            assert_eq!(element(none), None, "{none:?}");
        }
    }

    #[test]
    fn numbers_have_at_most_eight_bytes() {
        fn number(content: &[u8]) -> Element<'_> {
            Element { tag: INTEGER, content, length: content.len() }
        }
        assert_eq!(number(&[0xff]).integer(), Some(-1));
        assert_eq!(number(&[0x00, 0xff]).integer(), Some(255));
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 0, 0]).integer(), Some(i64::MIN));
        assert_eq!(number(&[0, 0, 0, 0, 0, 0, 0, 0, 1]).integer(), None);
        assert_eq!(number(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).unsigned(), Some(u64::MAX));
        assert_eq!(number(&[1, 0, 0, 0, 0, 0, 0, 0, 0]).unsigned(), None);
        assert_eq!((number(&[]).integer(), number(&[]).unsigned()), (None, None));
    }

    #[test]
    fn an_identifier_is_written_with_dots() {
        let text = |content: &[u8]| String::from_utf8(dotted(content).text()).unwrap();
        assert_eq!(text(&[0x2b, 6, 1, 2, 1, 1, 5, 0]), "1.3.6.1.2.1.1.5.0");
        assert_eq!(text(&[0x88, 0x37, 3]), "2.999.3");
        assert_eq!(text(&[0x2b, 0x8f, 0xff, 0xff, 0xff, 0x7f]), "1.3.4294967295");
        assert_eq!(text(&[0x2b, 0xff]), "1.3");
        assert_eq!(text(&[]), "");
        assert!(text(&[0x7f; 60_000]).len() < 600);
    }

    #[test]
    fn elements_follow_one_another() {
        let mut elements = Elements::new(&[2, 1, 7, 4, 1, b'x', 5]);
        assert_eq!(elements.next_of(OCTET_STRING), None);
        assert_eq!(elements.next_of(INTEGER), Some(&[7][..]));
        assert_eq!(elements.next().map(|found| found.tag), Some(OCTET_STRING));
        assert_eq!(elements.next(), None);
    }
}
