//! The bytes of `typed`: the content of a `length` message is a type byte and a value.
//!
//! Integers are 64 bits, two's complement, floats IEEE 754 binary64, both big-endian; a boolean is a byte 0 or 1.

use crate::exercise::text_of;

/// A value that a message carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// UTF-8; what is not is taken as ISO 8859-1.
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// As it was written, known to be JSON.
    Json(String),
}

/// Why content is no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("a message of no bytes has no type")]
    NoType,
    #[error("unknown type 0x{0:02x} ({1:?}): t, i, f, b and j are known")]
    UnknownType(u8, char),
    #[error("{what} has {length} bytes, not {right}")]
    Length { what: &'static str, length: usize, right: usize },
    #[error("a boolean is 0 or 1, not {0}")]
    NotBoolean(u8),
    #[error("not JSON: {0}")]
    NotJson(String),
}

/// Reads the content of a message.
pub fn decode(content: &[u8]) -> Result<Value, Wrong> {
    let (&kind, bytes) = content.split_first().ok_or(Wrong::NoType)?;
    let wrong = |what, right| Wrong::Length { what, length: bytes.len(), right };
    Ok(match kind {
        b't' => Value::Text(text_of(bytes).into_owned()),
        b'i' => Value::Integer(i64::from_be_bytes(bytes.try_into().map_err(|_| wrong("an integer", 8))?)),
        b'f' => Value::Float(f64::from_be_bytes(bytes.try_into().map_err(|_| wrong("a float", 8))?)),
        b'b' => match bytes {
            [0] => Value::Boolean(false),
            [1] => Value::Boolean(true),
            [byte] => return Err(Wrong::NotBoolean(*byte)),
            _ => return Err(wrong("a boolean", 1)),
        },
        b'j' => Value::Json(json(bytes)?),
        _ => return Err(Wrong::UnknownType(kind, char::from(kind))),
    })
}

/// Checks that it is one JSON value (RFC 8259), at most 128 levels deep.
fn json(bytes: &[u8]) -> Result<String, Wrong> {
    let checked: Result<serde_json::Value, _> = serde_json::from_slice(bytes);
    checked.map_err(|error| Wrong::NotJson(error.to_string()))?;
    // serde_json has taken it as UTF-8.
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// The content of the message that carries the value.
pub fn encode(value: &Value) -> Vec<u8> {
    match value {
        Value::Text(text) => [b"t", text.as_bytes()].concat(),
        Value::Integer(number) => [&b"i"[..], &number.to_be_bytes()].concat(),
        Value::Float(number) => [&b"f"[..], &number.to_be_bytes()].concat(),
        Value::Boolean(truth) => vec![b'b', u8::from(*truth)],
        Value::Json(text) => [b"j", text.as_bytes()].concat(),
    }
}

/// The content that a person means with `int:42`, `bool:true`, or a bare text; `Err` says what is wrong with it.
///
/// `0x78:42` is the type byte 0x78 and the bytes `42`, whether anybody knows that type or not.
pub fn content_of(typed: &[u8]) -> Result<Vec<u8>, String> {
    let text = text_of(typed);
    let Some((kind, rest)) = text.split_once(':') else { return Ok(encode(&Value::Text(text.into_owned()))) };
    let value = match kind {
        "text" => Value::Text(rest.to_owned()),
        "int" => Value::Integer(
            rest.parse()
                .map_err(|_| format!("{rest:?} is no whole number of 64 bits ({} to {})", i64::MIN, i64::MAX))?,
        ),
        "float" => Value::Float(rest.parse().map_err(|_| format!("{rest:?} is no number"))?),
        "bool" => Value::Boolean(rest.parse().map_err(|_| format!("{rest:?} is neither true nor false"))?),
        "json" => Value::Json(json(rest.as_bytes()).map_err(|wrong| wrong.to_string())?),
        _ => match kind.strip_prefix("0x").map(|digits| u8::from_str_radix(digits, 16)) {
            Some(Ok(kind)) => return Ok([&[kind], rest.as_bytes()].concat()),
            _ => Value::Text(text.into_owned()),
        },
    };
    Ok(encode(&value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_type_has_its_byte_and_its_form() {
        for (content, value) in [
            (&b"tHi"[..], Value::Text("Hi".into())),
            (b"i\0\0\0\0\0\0\0\x2a", Value::Integer(42)),
            (b"i\xff\xff\xff\xff\xff\xff\xff\xff", Value::Integer(-1)),
            (b"f\x3f\xf8\0\0\0\0\0\0", Value::Float(1.5)),
            (b"b\x01", Value::Boolean(true)),
            (b"j[1]", Value::Json("[1]".into())),
        ] {
            assert_eq!(decode(content), Ok(value.clone()));
            assert_eq!(encode(&value), content);
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_message() {
        for (content, why) in [
            (&b""[..], "no type"),
            (b"x42", "unknown type 0x78 ('x')"),
            (b"\x1b", "unknown type 0x1b ('\\u{1b}')"),
            (b"i42", "an integer has 2 bytes, not 8"),
            (b"f", "a float has 0 bytes, not 8"),
            (b"b\x02", "0 or 1, not 2"),
            (b"b", "a boolean has 0 bytes, not 1"),
            (b"j{", "not JSON: EOF"),
            (b"j\xff", "not JSON"),
        ] {
            let wrong = decode(content).unwrap_err().to_string();
            assert!(wrong.contains(why), "{wrong}");
        }
        let deep = [b"j", "[".repeat(100_000).as_bytes()].concat();
        assert!(matches!(decode(&deep), Err(Wrong::NotJson(_))));
    }

    #[test]
    fn takes_what_a_person_types() {
        for (typed, content) in [
            ("Hello: you", &b"tHello: you"[..]),
            ("text:int:42", b"tint:42"),
            ("int:-1", b"i\xff\xff\xff\xff\xff\xff\xff\xff"),
            ("bool:false", b"b\0"),
            ("json:[1]", b"j[1]"),
            ("0x78:42", b"x42"),
            ("0xyz:42", b"t0xyz:42"),
        ] {
            assert_eq!(content_of(typed.as_bytes()).unwrap(), content);
        }
        for typed in ["int:4.2", "int:9223372036854775808", "float:x", "bool:1", "json:{"] {
            assert!(content_of(typed.as_bytes()).is_err(), "{typed} was taken");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            ".{0,20}".prop_map(Value::Text),
            any::<i64>().prop_map(Value::Integer),
            (-1e300..1e300).prop_map(Value::Float),
            any::<bool>().prop_map(Value::Boolean),
            "\"[a-z]{0,9}\"".prop_map(Value::Json),
        ]
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_sent(value in value()) {
            prop_assert_eq!(decode(&encode(&value)), Ok(value));
        }

        #[test]
        fn any_bytes_are_a_value_or_an_error(content in proptest::collection::vec(any::<u8>(), 0..20)) {
            let _ = decode(&content);
            let _ = content_of(&content);
        }

        #[test]
        fn any_split_of_the_bytes_gives_the_same_values(
            values in proptest::collection::vec(value(), 0..6),
            cuts in proptest::collection::vec(1usize..9, 1..30),
        ) {
            use crate::exercise::length::codec::{self, Messages};
            let bytes: Vec<u8> = values.iter().flat_map(|value| codec::encode(&encode(value)).unwrap()).collect();
            let (mut messages, mut heard, mut left) = (Messages::new(1000), Vec::new(), &bytes[..]);
            for cut in cuts.iter().cycle() {
                if left.is_empty() {
                    break;
                }
                let (piece, behind) = left.split_at((*cut).min(left.len()));
                messages.feed(piece);
                while let Some(content) = messages.next_message().unwrap() {
                    heard.push(decode(&content).unwrap());
                }
                left = behind;
            }
            prop_assert_eq!(heard, values);
        }
    }
}
