//! `--raw`: the bytes of one side on standard output and nothing else; what is missing is told on standard error.

use std::io::Write;

use super::Side;

/// Writes the bytes of one side.
pub struct Raw {
    from_client: bool,
    out: Box<dyn Write>,
    buffer: Vec<u8>,
    written: u64,
    /// How many gaps, their bytes, and before which byte the first is.
    gaps: u64,
    lost: u64,
    first: u64,
}

/// Bytes that are gathered before they are written.
const BUFFER: usize = 64 << 10;

impl Raw {
    pub fn new(side: Side, out: anyhow::Result<impl Write + 'static>) -> anyhow::Result<Self> {
        let (from_client, out) = (side == Side::Client, Box::new(out?));
        Ok(Self { from_client, out, buffer: Vec::new(), written: 0, gaps: 0, lost: 0, first: 0 })
    }

    pub fn bytes(&mut self, from_client: bool, data: &[u8]) {
        if from_client == self.from_client {
            self.buffer.extend_from_slice(data);
            self.written += data.len() as u64;
        }
    }

    /// The text of a reset: no part of the stream (RFC 9293 §3.5.3), but Wireshark writes it behind the bytes, where its
    /// number says, and so do we.
    pub fn reset(&mut self, from_client: bool, offset: Option<i64>, text: &[u8]) {
        if offset.and_then(|offset| u64::try_from(offset).ok()) == Some(self.written + self.lost) {
            self.bytes(from_client, text);
        }
    }

    pub fn missing(&mut self, from_client: bool, length: u64) {
        if from_client == self.from_client && length > 0 {
            if self.gaps == 0 {
                self.first = self.written;
            }
            (self.gaps, self.lost) = (self.gaps + 1, self.lost + length);
        }
    }

    /// Writes out what is gathered, if that is much.
    pub fn drain(&mut self) -> std::io::Result<()> {
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Writes out all that is gathered.
    pub fn flush(&mut self) -> std::io::Result<()> {
        crate::view::write_out(&mut self.buffer, &mut self.out)
    }

    pub fn say_what_is_missing(&self) {
        if self.gaps > 0 {
            let (gaps, lost, first) = (self.gaps, self.lost, self.first);
            eprintln!("netlab: {lost} bytes in {gaps} gaps were not captured, the first behind byte {first} of these");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_reset_stands_behind_the_bytes_where_its_number_says() {
        let mut raw = Raw::new(Side::Server, Ok(std::io::sink())).unwrap();
        raw.bytes(false, b"bytes");
        raw.reset(false, Some(9), b"far away");
        raw.reset(true, Some(5), b"of the other");
        raw.reset(false, Some(5), b" and why");
        assert_eq!(raw.buffer, b"bytes and why");
    }
}
