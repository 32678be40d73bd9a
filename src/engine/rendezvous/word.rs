//! What proves that a message comes from somebody who knows the shared word: HMAC-SHA256 (RFC 2104, FIPS 180-4), of which
//! the first 128 bits are sent (RFC 2104 §5).
//!
//! Guarantee: what is checked is compared in constant time, and the key is in no `Debug` output.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Bytes of the HMAC that are sent.
pub const TAG: usize = 16;
/// SHA-256 works on blocks of so many bytes.
const BLOCK: usize = 64;

/// A key: the word that peers and server share, or a server's own secret.
#[derive(Clone)]
pub struct Word(Hmac<Sha256>);

impl Word {
    /// Any number of bytes; none at all keeps nobody out.
    pub fn new(word: &[u8]) -> Self {
        let mut key = [0; BLOCK];
        // RFC 2104 §2: a key longer than a block is hashed first, a shorter one is filled up with zeros.
        if word.len() > BLOCK {
            let hashed = Sha256::digest(word);
            key.iter_mut().zip(hashed).for_each(|(to, from)| *to = from);
        } else {
            key.iter_mut().zip(word).for_each(|(to, from)| *to = *from);
        }
        Self(Hmac::new(&key.into()))
    }

    /// What proves the parts, one after the other.
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; TAG] {
        let mut tag = [0; TAG];
        tag.iter_mut().zip(self.over(parts).finalize().into_bytes()).for_each(|(to, from)| *to = from);
        tag
    }

    /// Whether the tag proves the parts.
    pub fn proves(&self, parts: &[&[u8]], tag: [u8; TAG]) -> bool {
        self.over(parts).verify_truncated_left(&tag).is_ok()
    }

    fn over(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Word(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn gives_the_tags_of_rfc_4231() {
        // Test cases 2, 5 (cut to 128 bits by the RFC itself) and 6 (a key longer than a block).
        let jefe = Word::new(b"Jefe").tag(&[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex(&jefe), "5bdcc146bf60754e6a042426089575c7");
        let cut = Word::new(&[0x0c; 20]).tag(&[b"Test With Truncation"]);
        assert_eq!(hex(&cut), "a3b6167473100ee06e0c796c2955552b");
        let long = Word::new(&[0xaa; 131]).tag(&[b"Test Using Larger Than Block-Size Key - Hash Key First"]);
        assert_eq!(hex(&long), "60e431591ee0b67f0d8a26aacbf5b77f");
    }

    #[test]
    fn takes_no_other_word_no_other_text_and_no_other_tag() {
        let word = Word::new(b"open sesame");
        let mut tag = word.tag(&[b"text"]);
        assert!(word.proves(&[b"te", b"xt"], tag));
        assert!(!word.proves(&[b"Text"], tag) && !Word::new(b"open sesami").proves(&[b"text"], tag));
        tag[15] ^= 1;
        assert!(!word.proves(&[b"text"], tag));
        assert_eq!(format!("{word:?}"), "Word(..)");
    }
}
