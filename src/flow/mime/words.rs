//! What stands encoded in the fields of heads: words in other characters (RFC 2047), parameters in pieces (RFC 2231),
//! and sets of characters. Wraps mail-parser.
//!
//! It is given one field at a time, and none that is long: some of what it does grows with the square of that.

use mail_parser::HeaderValue;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::parsers::MessageStream;

/// Bytes of a field that are read at most; a longer one is cut there.
const LONGEST: usize = 8 << 10;

/// Type and subtype (or a disposition, without one) in lower case, and the parameters behind it.
#[derive(Debug)]
pub struct Parameters {
    pub kind: String,
    pub subtype: String,
    parameters: Vec<(String, String)>,
}

impl Parameters {
    pub fn value(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A field as the parser wants it: with its line end.
fn with_end(value: &[u8]) -> Vec<u8> {
    [value.get(..LONGEST).unwrap_or(value).trim_ascii(), b"\n"].concat()
}

/// The value of Content-Type or Content-Disposition; `None` where it says nothing that is understood.
pub fn parameters(value: &[u8]) -> Option<Parameters> {
    let value = with_end(value);
    let HeaderValue::ContentType(said) = MessageStream::new(&value).parse_content_type() else { return None };
    let parameters = said.attributes.into_iter().flatten();
    Some(Parameters {
        kind: said.c_type.to_ascii_lowercase(),
        subtype: said.c_subtype.unwrap_or_default().to_ascii_lowercase(),
        parameters: parameters
            .map(|parameter| (parameter.name.to_ascii_lowercase(), parameter.value.into_owned()))
            .collect(),
    })
}

/// A value with its encoded words decoded; `None` where there are none.
pub fn decoded(value: &[u8]) -> Option<String> {
    memchr::memmem::find(value, b"=?")?;
    let value = with_end(value);
    match MessageStream::new(&value).parse_unstructured() {
        HeaderValue::Text(text) if text.as_bytes() != value.trim_ascii() => Some(text.into_owned()),
        _ => None,
    }
}

/// Text in a set of characters as UTF-8; `None` where the set is not known.
pub fn in_charset(name: &str, text: &[u8]) -> Option<String> {
    charset_decoder(name.trim().as_bytes()).map(|decode| decode(text))
}
