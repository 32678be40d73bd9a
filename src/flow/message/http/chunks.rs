//! The chunked transfer coding (RFC 9112 §7.1): sizes in hexadecimal, pieces of the body, trailer lines.

/// Bytes of a size's line with its extensions, and of all trailer lines.
const LONGEST_LINE: usize = 8192;
const LONGEST_TRAILER: usize = 64 << 10;

#[derive(Clone, Copy, Debug)]
enum State {
    /// The digits of a size, as far as they were read.
    Size {
        size: u64,
        digits: u32,
    },
    /// What stands behind the digits in their line.
    Extension {
        size: u64,
    },
    Data(u64),
    /// The end of line behind a piece.
    DataEnd,
    /// Trailer lines; how long the line is so far.
    Trailer {
        line: usize,
    },
}

/// Where in a chunked body the bytes so far end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunks {
    state: State,
    /// Bytes of this line, or of the trailer.
    passed: usize,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { state: State::Size { size: 0, digits: 0 }, passed: 0 }
    }
}

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Data,
    Between,
    /// The last of it.
    End,
    Broken(&'static str),
}

impl Chunks {
    /// How many of the next bytes (some, where there are any) are what.
    pub(super) fn read(&mut self, data: &[u8]) -> (usize, Step) {
        if let State::Data(left) = &mut self.state {
            let length = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
            *left -= length as u64;
            if *left == 0 {
                self.state = State::DataEnd;
            }
            return (length, Step::Data);
        }
        for (at, byte) in data.iter().enumerate() {
            self.passed += 1;
            match self.between(*byte) {
                Step::Between if matches!(self.state, State::Data(_)) => return (at + 1, Step::Between),
                Step::Between => {}
                step => return (at + 1, step),
            }
        }
        (data.len(), Step::Between)
    }

    /// A byte that is none of the body.
    fn between(&mut self, byte: u8) -> Step {
        match self.state {
            State::Size { size, digits } => {
                if let Some(digit) = char::from(byte).to_digit(16) {
                    let Some(shifted) = size.checked_mul(16) else { return Step::Broken("a chunk is too large") };
                    self.state = State::Size { size: shifted + u64::from(digit), digits: digits + 1 };
                } else if digits == 0 {
                    return Step::Broken("where a chunk's size is to be, there is none");
                } else if byte == b'\n' {
                    self.size(size);
                } else {
                    self.state = State::Extension { size };
                }
            }
            State::Extension { size } if byte == b'\n' => self.size(size),
            State::Extension { .. } if self.passed > LONGEST_LINE => return Step::Broken("a chunk's line is too long"),
            State::Extension { .. } | State::Data(_) => {}
            State::DataEnd if byte == b'\n' => *self = Self::default(),
            State::DataEnd if byte == b'\r' => {}
            State::DataEnd => return Step::Broken("a chunk is longer than its size"),
            State::Trailer { line: 0 } if byte == b'\n' => return Step::End,
            State::Trailer { .. } if byte == b'\n' => self.state = State::Trailer { line: 0 },
            State::Trailer { .. } if self.passed > LONGEST_TRAILER => return Step::Broken("the trailer is too long"),
            State::Trailer { line } => self.state = State::Trailer { line: line + usize::from(byte != b'\r') },
        }
        Step::Between
    }

    fn size(&mut self, size: u64) {
        self.passed = 0;
        self.state = if size == 0 { State::Trailer { line: 0 } } else { State::Data(size) };
    }

    /// Bytes are missing; `false` where that hides more than bytes of the body.
    pub(super) fn gap(&mut self, length: u64) -> bool {
        match &mut self.state {
            State::Data(left) if *left > length => *left -= length,
            State::Data(left) if *left == length => self.state = State::DataEnd,
            _ => return false,
        }
        true
    }
}
