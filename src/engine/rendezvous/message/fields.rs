//! The fields of a message, as text: `key=value`, each after one blank, in the order in which they are asked for.

use std::fmt::{Display, Write};
use std::net::SocketAddr;
use std::str::Split;

use super::{Cookie, Error, Id, Inside, MOST_BYTES, Payload, Session, Stamp, is_one_hosts};
use crate::engine::rendezvous::base64;
use crate::engine::rendezvous::word::TAG;

/// What stands between the text that is proved and its proof.
pub const MAC: &str = " mac=";

/// The text of a message, and its mac; `None` where it does not end with one.
pub fn split_mac(bytes: &[u8]) -> Option<(&[u8], [u8; TAG])> {
    let (rest, digits) = bytes.split_at_checked(bytes.len().checked_sub(2 * TAG)?)?;
    Some((rest.strip_suffix(MAC.as_bytes())?, read_hex(str::from_utf8(digits).ok()?)?))
}

pub fn write_hex(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            text.push(char::from_digit(half.into(), 16).unwrap_or_default());
        }
    }
}

/// As many bytes as are asked for, in lower case.
fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// A message's text, growing.
pub struct Text(String);

impl Text {
    pub fn new(word: &str) -> Self {
        let mut text = String::with_capacity(MOST_BYTES);
        text.push_str(word);
        Self(text)
    }

    pub fn into_string(self) -> String {
        self.0
    }

    fn key(mut self, key: &str) -> Self {
        self.0.push(' ');
        self.0.push_str(key);
        self.0.push('=');
        self
    }

    pub fn with(self, key: &str, value: impl Display) -> Self {
        let mut text = self.key(key);
        // A String takes all.
        let _ = write!(text.0, "{value}");
        text
    }

    pub fn number(self, key: &str, value: u64) -> Self {
        self.with(key, format_args!("{value:016x}"))
    }

    pub fn cookie(self, cookie: &Cookie) -> Self {
        let mut text = self.key("cookie");
        write_hex(cookie, &mut text.0);
        text
    }

    /// One address, or several with commas between.
    pub fn addresses(self, key: &str, addresses: &[SocketAddr]) -> Self {
        let mut text = self.key(key);
        for (number, address) in addresses.iter().enumerate() {
            let between = if number == 0 { "" } else { "," };
            // Without the scope of an IPv6 address, which means something on one machine only.
            let plain = SocketAddr::new(address.ip().to_canonical(), address.port());
            let _ = write!(text.0, "{between}{plain}");
        }
        text
    }

    pub fn payload(self, key: &str, payload: &Payload) -> Self {
        let mut text = self.key(key);
        base64::write(payload.as_bytes(), &mut text.0);
        text
    }

    pub fn stamp(self, stamp: &Stamp) -> Self {
        self.with("session", stamp.session).with("from", stamp.from).with("to", stamp.to).with("seq", stamp.seq)
    }
}

/// What is left of a message's text.
pub struct Fields<'a>(Split<'a, char>);

impl<'a> Fields<'a> {
    /// The word that it begins with, and the fields after it.
    pub fn of(text: &'a str) -> (&'a str, Self) {
        let mut parts = text.split(' ');
        (parts.next().unwrap_or_default(), Self(parts))
    }

    pub fn is_over(&mut self) -> bool {
        self.0.next().is_none()
    }

    fn value<V>(&mut self, key: &'static str, read: impl FnOnce(&'a str) -> Option<V>) -> Result<V, Error> {
        let value = self.0.next().and_then(|part| part.strip_prefix(key)?.strip_prefix('='));
        value.and_then(read).ok_or(Error::Field(key))
    }

    pub fn session(&mut self) -> Result<Session, Error> {
        self.value("session", |text| text.parse().ok())
    }

    pub fn number(&mut self, key: &'static str) -> Result<u64, Error> {
        self.value(key, |text| read_hex(text).map(u64::from_be_bytes))
    }

    pub fn id(&mut self, key: &'static str) -> Result<Id, Error> {
        self.value(key, |text| Id::new(u64::from_be_bytes(read_hex(text)?)))
    }

    pub fn decimal(&mut self, key: &'static str) -> Result<u32, Error> {
        self.value(key, |text| text.parse().ok())
    }

    pub fn cookie(&mut self) -> Result<Cookie, Error> {
        self.value("cookie", read_hex)
    }

    pub fn address(&mut self, key: &'static str) -> Result<SocketAddr, Error> {
        self.value(key, address)
    }

    pub fn addresses(&mut self, key: &'static str) -> Result<Inside, Error> {
        self.value(key, |text| {
            let mut addresses = Inside::new();
            for text in text.split(',').filter(|_| !text.is_empty()) {
                addresses.try_push(address(text)?).ok()?;
            }
            Some(addresses)
        })
    }

    pub fn payload(&mut self, key: &'static str) -> Result<Payload, Error> {
        self.value(key, |text| Payload::new(&base64::read(text)?))
    }

    pub fn one_of<V: Copy>(
        &mut self,
        key: &'static str,
        all: &[V],
        word: impl Fn(V) -> &'static str,
    ) -> Result<V, Error> {
        self.value(key, |text| all.iter().copied().find(|one| word(*one) == text))
    }

    pub fn stamp(&mut self) -> Result<Stamp, Error> {
        Ok(Stamp { session: self.session()?, from: self.id("from")?, to: self.id("to")?, seq: self.decimal("seq")? })
    }
}

fn address(text: &str) -> Option<SocketAddr> {
    text.parse().ok().filter(|address| is_one_hosts(*address))
}
