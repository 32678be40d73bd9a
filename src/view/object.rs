//! A flat JSON object on a line (RFC 8259), written key by key.

use super::json;
use crate::field::text;

/// An object being written. Keys are plain ASCII of ours; values may be anybody's.
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> Object<'a> {
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, first: true }
    }

    fn key(&mut self, key: &str) {
        self.out.extend_from_slice(if std::mem::take(&mut self.first) { b"{\"" } else { b",\"" });
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    pub fn string(&mut self, key: &str, value: &str) {
        self.bytes(key, value.as_bytes());
    }

    /// Text as somebody chose it; what is not UTF-8 stands as `\u00XX` a byte.
    pub fn bytes(&mut self, key: &str, value: &[u8]) {
        self.key(key);
        json::string(value, self.out);
    }

    pub fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        text::decimal(value, self.out);
    }

    pub fn truth(&mut self, key: &str, value: bool) {
        self.key(key);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// Two numbers, each absent where it is not known.
    pub fn pair(&mut self, keys: [&str; 2], values: [Option<u64>; 2]) {
        for (key, value) in keys.into_iter().zip(values) {
            if let Some(value) = value {
                self.number(key, value);
            }
        }
    }

    /// Seconds, from nanoseconds, with as many decimals.
    pub fn seconds(&mut self, key: &str, nanoseconds: i64, decimals: u32) {
        self.key(key);
        text::seconds(nanoseconds, decimals, self.out);
    }

    /// Objects in a list, each filled in by `fill`.
    pub fn list<T>(&mut self, key: &str, items: impl IntoIterator<Item = T>, fill: impl Fn(T, &mut Object<'_>)) {
        self.key(key);
        self.out.push(b'[');
        for (number, item) in items.into_iter().enumerate() {
            if number > 0 {
                self.out.push(b',');
            }
            let mut object = Object::new(self.out);
            fill(item, &mut object);
            object.close();
        }
        self.out.push(b']');
    }

    /// Texts in a list.
    pub fn strings<T: AsRef<str>>(&mut self, key: &str, items: impl IntoIterator<Item = T>) {
        self.key(key);
        self.out.push(b'[');
        for (number, item) in items.into_iter().enumerate() {
            if number > 0 {
                self.out.push(b',');
            }
            json::string(item.as_ref().as_bytes(), self.out);
        }
        self.out.push(b']');
    }

    fn close(self) {
        self.out.extend_from_slice(if self.first { b"{}" } else { b"}" });
    }

    /// Ends the object and its line.
    pub fn end(self) {
        self.out.extend_from_slice(if self.first { b"{}\n" } else { b"}\n" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_writes_is_json() {
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        object.string("name", "evil\"\u{1b}[2J\\");
        object.number("n", 7);
        object.truth("t", false);
        object.seconds("s", 1_500_000_000, 3);
        object.list("l", [1, 2], |item, object| object.number("i", item));
        object.list("none", [(); 0], |(), _| ());
        object.strings("words", ["a\"", "b"]);
        object.end();
        let text = String::from_utf8(out).unwrap();
        let expected = r#"{"name":"evil\"\u001b[2J\\","n":7,"t":false,"s":1.500,"l":[{"i":1},{"i":2}],"none":[],"words":["a\"","b"]}"#;
        assert_eq!(text, format!("{expected}\n"));
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
    }
}
