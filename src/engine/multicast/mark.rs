//! The mark at the end of a datagram: `Hey all! [netlab 5f3a9c1e 17]`. Whoever reads the datagram as text reads its text.

/// Which run of a sender, and the number of the datagram in it: from 1, after 4294967295 comes 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub run: u32,
    pub number: u32,
}

const BEGINS: &[u8] = b" [netlab ";
const ENDS: u8 = b']';
/// The longest mark: the run has eight digits, the number ten.
pub const LONGEST: usize = BEGINS.len() + 8 + 1 + 10 + 1;

impl Mark {
    /// The text with its mark.
    pub fn encode(self, text: &[u8]) -> Vec<u8> {
        let Self { run, number } = self;
        let mut bytes = text.to_vec();
        bytes.extend_from_slice(BEGINS);
        bytes.extend_from_slice(format!("{run:08x} {number}").as_bytes());
        bytes.push(ENDS);
        bytes
    }

    /// The text and its mark; `None` where there is none, or one that [`Mark::encode`] does not write. A line end behind
    /// it does not matter.
    pub fn decode(bytes: &[u8]) -> Option<(&[u8], Self)> {
        let whole = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let inner = whole.strip_suffix(&[ENDS])?;
        let from = inner.len().saturating_sub(LONGEST);
        let at = inner.get(from..)?.windows(BEGINS.len()).rposition(|window| window == BEGINS)? + from;
        let digits = std::str::from_utf8(inner.get(at + BEGINS.len()..)?).ok()?;
        let (run, number) = digits.split_once(' ')?;
        let mark = Self { run: u32::from_str_radix(run, 16).ok()?, number: number.parse().ok()? };
        // Only what is written so: no signs, no capitals, no zeroes in front.
        (format!("{:08x} {}", mark.run, mark.number) == digits).then_some((inner.get(..at)?, mark))
    }
}
