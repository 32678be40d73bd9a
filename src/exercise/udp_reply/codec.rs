//! The bytes of `udp-reply`: four datagrams of bare text, in turns; the client speaks first.

/// What the client says, unless it is told something else.
pub const CLIENT: [&[u8]; 2] = [b"Hello", b"Hello again"];

/// What the server answers.
pub const SERVER: [&[u8]; 2] = [b"Hello from me also", b"Woow..we speak on the edge"];

/// Bytes that a receive takes at most.
pub const BUFFER: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_fits_one_receive() {
        assert!(CLIENT.iter().chain(&SERVER).all(|text| (1..=BUFFER).contains(&text.len())));
    }
}
