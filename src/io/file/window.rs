//! A window that moves over a stream of bytes: the next few of them as one slice, however they arrive.

use std::io::{self, Read};

/// Bytes read at a time. Larger windows fall out of the second-level cache and are slower.
const SIZE: usize = 256 << 10;

/// Buffered bytes of a file, a pipe or a decompressor.
///
/// [`fill`](Self::fill) makes bytes available, [`bytes`](Self::bytes) lends them, [`consume`](Self::consume) moves on.
/// The buffer grows for a larger request only as fast as bytes really arrive, so a damaged length costs nothing.
pub(super) struct Window {
    input: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// `buffer[start..end]` has been read and not yet consumed.
    start: usize,
    end: usize,
    /// Offset of `buffer[0]` in the stream.
    base: u64,
    ended: bool,
    fault: Option<io::Error>,
}

impl Window {
    pub fn new(input: Box<dyn Read + Send>) -> Self {
        Self { input, buffer: vec![0; SIZE], start: 0, end: 0, base: 0, ended: false, fault: None }
    }

    /// All bytes at hand.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Where in the stream the first of [`bytes`](Self::bytes) is.
    #[inline]
    pub fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Whether the stream has ended, so that [`bytes`](Self::bytes) is all that is left.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Why the stream ended, where it was not its end.
    pub fn fault(&mut self) -> Option<io::Error> {
        self.fault.take()
    }

    /// Makes sure of at least `count` bytes; `false` where the stream ends (or fails) before. Waits for no more than these.
    #[inline]
    pub fn fill(&mut self, count: usize) -> bool {
        self.end - self.start >= count || self.refill(count)
    }

    /// Gives up the first `count` bytes (at most all that are at hand).
    #[inline]
    pub fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start.saturating_add(count));
    }

    /// Gives up `count` bytes, reading on as needed, without keeping them; returns how many the stream lacked.
    pub fn skip(&mut self, mut count: u64) -> u64 {
        loop {
            let step = usize::try_from(count).unwrap_or(usize::MAX).min(self.end - self.start);
            self.consume(step);
            count -= step as u64;
            if count == 0 || !self.fill(1) {
                return count;
            }
        }
    }

    /// Takes all that is at hand and the stream itself, to read it in another way.
    pub fn into_parts(self) -> (Vec<u8>, Box<dyn Read + Send>) {
        (self.bytes().to_vec(), self.input)
    }

    #[cold]
    fn refill(&mut self, count: usize) -> bool {
        self.buffer.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        while self.end < count && !self.ended {
            if self.end == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.fault = Some(error);
                }
            }
        }
        self.end >= count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out one byte a read, as a slow pipe would.
    struct Drip(io::Cursor<Vec<u8>>);

    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(&mut buffer[..1])
        }
    }

    #[test]
    fn waits_for_no_more_than_it_was_asked_for() {
        let mut window = Window::new(Box::new(Drip(io::Cursor::new(vec![1, 2, 3, 4, 5]))));
        assert!(window.fill(3));
        assert_eq!(window.bytes(), [1, 2, 3]);
        window.consume(2);
        assert!(window.fill(3));
        assert_eq!((window.bytes(), window.offset()), (&[3, 4, 5][..], 2));
        assert!(!window.fill(4));
        assert!(window.ended());
    }

    #[test]
    fn grows_for_a_record_larger_than_itself_and_only_as_bytes_arrive() {
        let mut window = Window::new(Box::new(io::repeat(7).take(3 * SIZE as u64)));
        assert!(window.fill(2 * SIZE + 1));
        assert!(!window.fill(1 << 40), "the stream is shorter");
        assert_eq!(window.bytes().len(), 3 * SIZE);
        assert!(window.buffer.len() <= 8 * SIZE);
    }

    #[test]
    fn skips_beyond_what_is_at_hand_and_tells_what_lacked() {
        let mut window = Window::new(Box::new(io::repeat(7).take(3 * SIZE as u64)));
        assert_eq!(window.skip(2 * SIZE as u64 + 5), 0);
        assert_eq!(window.offset(), 2 * SIZE as u64 + 5);
        assert_eq!(window.skip(u64::MAX), u64::MAX - (SIZE as u64 - 5));
    }
}
