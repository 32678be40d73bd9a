//! Certificates (X.509, RFC 5280): the names that one is for and by whom, as the handshake of TLS 1.2 shows them before
//! anything is encrypted; by whom a server wants certificates to be made, and who says that one is still good (OCSP,
//! RFC 6960). Nothing is verified.
//!
//! Guarantee: elements are read as far as they are here (a certificate may go on in other segments); no length is
//! believed, and the work is linear in the bytes.

use super::ber::{Element, Elements, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET};

const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
/// A name of a host among the names that a certificate is for as well (RFC 5280 §4.2.1.6).
const DNS_NAME: u8 = 0x82;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const ENUMERATED: u8 = 0x0a;
const BIT_STRING: u8 = 0x03;
/// Of OCSP: what is explicitly tagged 0, the name of who answers, and an answer by OCSP (RFC 6960 §4.2.1).
const FIRST: u8 = 0xa0;
const BY_NAME: u8 = 0xa1;
const BY_OCSP: u8 = 1;
/// id-ce-subjectAltName: 2.5.29.17
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// id-at: 2.5.4, and in it what a name is first called by, and what is no text of its own kind of string.
const ATTRIBUTE: [u8; 2] = [0x55, 4];
const COMMON_NAME: u8 = 3;
const SERIAL_NUMBER: u8 = 5;
const COUNTRY: u8 = 6;
const QUALIFIER: u8 = 46;

/// The parts of a certificate in which names stand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Certificate<'a> {
    issuer: &'a [u8],
    subject: &'a [u8],
    extensions: &'a [u8],
}

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    Utf8,
    Printable,
}

impl<'a> Certificate<'a> {
    /// As far as it is here; `None` where not even its issuer is.
    pub fn new(data: &'a [u8]) -> Option<Self> {
        Self::inside(Elements::new(data).next_of(SEQUENCE)?)
    }

    /// The same, of what is in the outermost element.
    fn inside(outer: &'a [u8]) -> Option<Self> {
        let mut inside = Elements::new(Elements::new(outer).next_of(SEQUENCE)?);
        let _ = inside.next_of(VERSION);
        inside.next_of(INTEGER)?;
        inside.next_of(SEQUENCE)?;
        let issuer = inside.next_of(SEQUENCE)?;
        let _validity = inside.next_of(SEQUENCE);
        let subject = inside.next_of(SEQUENCE).unwrap_or_default();
        let extensions = inside.find_map(|found| found.of(EXTENSIONS)).unwrap_or_default();
        Some(Self { issuer, subject, extensions })
    }

    /// The texts that are written so in the names of its issuer and of its subject, in their order.
    pub fn texts(self, written: Text) -> impl Iterator<Item = &'a [u8]> {
        texts(self.issuer, written).chain(texts(self.subject, written))
    }

    /// Who it is for, by the one name of a subject.
    pub fn subject(self) -> Option<&'a [u8]> {
        common(self.subject)
    }

    pub fn issuer(self) -> Option<&'a [u8]> {
        common(self.issuer)
    }

    /// The hosts that it is for.
    pub fn hosts(self) -> impl Iterator<Item = &'a [u8]> {
        let list = Elements::new(self.extensions).next_of(SEQUENCE).unwrap_or_default();
        let value = Elements::new(list).find_map(|extension| {
            let mut parts = Elements::new(extension.of(SEQUENCE)?);
            parts.next_of(OBJECT_IDENTIFIER).filter(|name| *name == ALTERNATIVE_NAME)?;
            parts.find_map(|part| part.of(OCTET_STRING))
        });
        let names = value.and_then(|value| Elements::new(value).next_of(SEQUENCE)).unwrap_or_default();
        Elements::new(names).filter(Element::is_whole).filter_map(|name| name.of(DNS_NAME))
    }
}

/// The attributes of a name that X.520 describes, by the last number of what they are.
fn attributes(name: &[u8]) -> impl Iterator<Item = (u8, Element<'_>)> {
    let sets = Elements::new(name).filter_map(|found| found.of(SET));
    sets.flat_map(Elements::new).filter_map(|pair| {
        let mut parts = Elements::new(pair.of(SEQUENCE)?);
        let [a, b, kind] = *parts.next_of(OBJECT_IDENTIFIER)? else { return None };
        let value = parts.next().filter(Element::is_whole)?;
        ([a, b] == ATTRIBUTE).then_some((kind, value))
    })
}

/// The texts of a name that are written so.
pub fn texts(name: &[u8], written: Text) -> impl Iterator<Item = &[u8]> {
    let tag = match written {
        Text::Utf8 => UTF8_STRING,
        Text::Printable => PRINTABLE_STRING,
    };
    let is_text = |kind: u8| !matches!(kind, SERIAL_NUMBER | COUNTRY | QUALIFIER);
    attributes(name).filter_map(move |(kind, value)| value.of(tag).filter(|_| is_text(kind)))
}

/// What stands behind a list with its length in so many bytes before it.
fn behind(bytes: usize, list: &[u8]) -> Option<&[u8]> {
    let (digits, rest) = list.split_at_checked(bytes)?;
    rest.get(digits.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))..)
}

/// Who has to have made the certificates that a server wants of its client (RFC 5246 §7.4.4): names. Before version 1.2
/// the message has no list of algorithms.
pub fn authorities(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    // The list is the last.
    let is_list = |rest: &&[u8]| behind(2, rest).is_some_and(<[u8]>::is_empty);
    let kinds = behind(1, message);
    let names = kinds.filter(is_list).or_else(|| behind(2, kinds?).filter(is_list));
    let mut rest = names.and_then(|names| names.get(2..)).unwrap_or_default();
    std::iter::from_fn(move || {
        let (digits, behind) = rest.split_first_chunk::<2>()?;
        let (name, behind) = behind.split_at_checked(u16::from_be_bytes(*digits).into())?;
        rest = behind;
        Some(Elements::new(name).next_of(SEQUENCE).unwrap_or_default())
    })
}

/// Who says that a certificate is still good, and the certificates that show who that is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status<'a> {
    pub responder: &'a [u8],
    certificates: &'a [u8],
}

impl<'a> Status<'a> {
    /// Of a message of TLS (RFC 6066 §8).
    pub fn new(message: &'a [u8]) -> Option<Self> {
        let ([BY_OCSP, _, _, _], answer) = message.split_first_chunk()? else { return None };
        let mut answer = Elements::new(Elements::new(answer).next_of(SEQUENCE)?);
        answer.next_of(ENUMERATED)?;
        let mut bytes = Elements::new(Elements::new(answer.next_of(FIRST)?).next_of(SEQUENCE)?);
        bytes.next_of(OBJECT_IDENTIFIER)?;
        let mut basic = Elements::new(Elements::new(bytes.next_of(OCTET_STRING)?).next_of(SEQUENCE)?);
        let mut said = Elements::new(basic.next_of(SEQUENCE)?);
        basic.next_of(SEQUENCE)?;
        basic.next_of(BIT_STRING)?;
        let certificates = basic.next_of(FIRST).and_then(|list| Elements::new(list).next_of(SEQUENCE));
        let _version = said.next_of(FIRST);
        let responder = said.next_of(BY_NAME).and_then(|name| Elements::new(name).next_of(SEQUENCE));
        Some(Self { responder: responder.unwrap_or_default(), certificates: certificates.unwrap_or_default() })
    }

    pub fn certificates(self) -> impl Iterator<Item = Certificate<'a>> {
        Elements::new(self.certificates).filter_map(|one| Certificate::inside(one.of(SEQUENCE)?))
    }
}

fn common(name: &[u8]) -> Option<&[u8]> {
    attributes(name).find(|(kind, _)| *kind == COMMON_NAME).map(|(_, value)| value.content)
}

/// The certificates of a message of TLS before version 1.3 (RFC 5246 §7.4.2): the length that each says, and its bytes
/// that are here.
pub fn list(message: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = message.get(3..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (digits, behind) = rest.split_first_chunk::<3>()?;
        let [a, b, c] = *digits;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        let (data, behind) = behind.split_at_checked(length).unwrap_or((behind, &[]));
        rest = behind;
        Some((length, data))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, 0x82][..], &(content.len() as u16).to_be_bytes(), content].concat()
    }

    fn name(parts: &[(u8, u8, &str)]) -> Vec<u8> {
        let sets = parts.iter().flat_map(|(kind, tag, text)| {
            let pair = [der(OBJECT_IDENTIFIER, &[0x55, 4, *kind]), der(*tag, text.as_bytes())].concat();
            der(SET, &der(SEQUENCE, &pair))
        });
        der(SEQUENCE, &sets.collect::<Vec<u8>>())
    }

    fn certificate() -> Vec<u8> {
        let names =
            [der(DNS_NAME, b"lab.example"), der(0x87, &[10, 0, 0, 1]), der(DNS_NAME, b"*.lab.example")].concat();
        let other =
            der(SEQUENCE, &[der(OBJECT_IDENTIFIER, &[0x55, 0x1d, 0x13]), der(OCTET_STRING, &[0x30, 0])].concat());
        let own =
            [der(OBJECT_IDENTIFIER, ALTERNATIVE_NAME), der(1, &[0xff]), der(OCTET_STRING, &der(SEQUENCE, &names))];
        let extensions = der(EXTENSIONS, &der(SEQUENCE, &[other, der(SEQUENCE, &own.concat())].concat()));
        let inside = [
            der(VERSION, &der(INTEGER, &[2])),
            der(INTEGER, &[1]),
            der(SEQUENCE, &[]),
            name(&[
                (COUNTRY, PRINTABLE_STRING, "RS"),
                (10, PRINTABLE_STRING, "Lab"),
                (COMMON_NAME, UTF8_STRING, "Root"),
            ]),
            der(SEQUENCE, &[]),
            name(&[(COMMON_NAME, UTF8_STRING, "lab.example")]),
            der(SEQUENCE, &[7; 40]),
            extensions,
        ];
        der(SEQUENCE, &der(SEQUENCE, &inside.concat()))
    }

    #[test]
    fn tells_whose_a_certificate_is_and_for_which_hosts() {
        let bytes = certificate();
        let found = Certificate::new(&bytes).unwrap();
        assert_eq!((found.issuer(), found.subject()), (Some(&b"Root"[..]), Some(&b"lab.example"[..])));
        assert_eq!(found.texts(Text::Utf8).collect::<Vec<_>>(), [&b"Root"[..], b"lab.example"]);
        assert_eq!(found.texts(Text::Printable).collect::<Vec<_>>(), [b"Lab"]);
        assert_eq!(found.hosts().collect::<Vec<_>>(), [&b"lab.example"[..], b"*.lab.example"]);
    }

    #[test]
    fn a_certificate_that_is_cut_tells_what_is_here_and_nothing_by_halves() {
        let bytes = certificate();
        let whole = Certificate::new(&bytes).unwrap();
        for cut in 0..bytes.len() {
            let Some(found) = Certificate::new(&bytes[..cut]) else { continue };
            assert!(found.subject().is_none_or(|name| Some(name) == whole.subject()), "{cut}");
            assert!(found.hosts().zip(whole.hosts()).all(|(one, other)| one == other), "{cut}");
            assert!(found.hosts().count() <= 2 && found.texts(Text::Utf8).count() <= 2);
        }
    }

    #[test]
    fn a_server_names_who_is_to_have_made_a_certificate() {
        let one = name(&[(COMMON_NAME, PRINTABLE_STRING, "Lab CA")]);
        let list = [&(one.len() as u16).to_be_bytes()[..], &one].concat();
        let names = [&(2 * list.len() as u16).to_be_bytes()[..], &list, &list].concat();
        let told = |start: &[u8]| {
            let message = [start, &names].concat();
            let texts = authorities(&message).flat_map(|name| texts(name, Text::Printable).map(<[u8]>::to_vec));
            texts.collect::<Vec<_>>()
        };
        let wanted = [b"Lab CA", b"Lab CA"];
        assert_eq!(told(&[2, 1, 64, 0, 4, 4, 1, 4, 3]), wanted, "with the algorithms of version 1.2");
        assert_eq!(told(&[1, 1]), wanted);
        assert_eq!(told(&[1, 1, 9]), [[0u8; 6]; 0], "lengths that do not fit");
    }

    /// A message that a certificate is good, by who made it, with so many other certificates.
    fn status(others: usize) -> Vec<u8> {
        let said = der(SEQUENCE, &der(BY_NAME, &name(&[(COMMON_NAME, UTF8_STRING, "Responder")])));
        let others = der(FIRST, &der(SEQUENCE, &certificate().repeat(others)));
        let basic = der(SEQUENCE, &[said, der(SEQUENCE, &[]), der(BIT_STRING, &[0]), others].concat());
        let bytes = der(SEQUENCE, &[der(OBJECT_IDENTIFIER, &[1]), der(OCTET_STRING, &basic)].concat());
        let answer = der(SEQUENCE, &[der(ENUMERATED, &[0]), der(FIRST, &bytes)].concat());
        [&[BY_OCSP][..], &(answer.len() as u32).to_be_bytes()[1..], &answer].concat()
    }

    #[test]
    fn tells_who_says_that_a_certificate_is_still_good() {
        let message = status(2);
        let found = Status::new(&message).unwrap();
        assert_eq!(texts(found.responder, Text::Utf8).collect::<Vec<_>>(), [b"Responder"]);
        assert_eq!(found.certificates().filter_map(Certificate::subject).collect::<Vec<_>>(), [b"lab.example"; 2]);
        for cut in 0..message.len() {
            let Some(found) = Status::new(&message[..cut]) else { continue };
            assert!(texts(found.responder, Text::Utf8).all(|text| text == b"Responder"), "{cut}");
            assert!(found.certificates().count() <= 2);
        }
        assert_eq!(Status::new(&[&[2][..], &message[1..]].concat()), None, "another kind of answer");
    }

    #[test]
    fn certificates_follow_one_another_with_their_lengths() {
        let found: Vec<_> = list(&[0, 0, 9, 0, 0, 2, 1, 2, 0, 1, 0, 9]).collect();
        assert_eq!(found, [(2, &[1, 2][..]), (256, &[9][..])]);
        assert_eq!(list(&[0, 0]).count(), 0);
    }
}
