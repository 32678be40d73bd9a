//! Which numbers of a sender were there already, so that nothing counts twice (RFC 4303 §3.4.3, appendix A2).
//!
//! Datagrams overtake each other, so a number may come late, within the last 64; what is older is taken for a replay.

/// Numbers that came from one sender.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    highest: u32,
    /// Bit `n`: `highest - n` was there.
    seen: u64,
}

impl Window {
    /// Takes note of a number; false where it came before, or is too old to tell. Senders start at 1.
    pub fn admits(&mut self, number: u32) -> bool {
        if number > self.highest {
            let ahead = number - self.highest;
            self.seen = if ahead < 64 { self.seen << ahead | 1 } else { 1 };
            self.highest = number;
            return true;
        }
        let behind = self.highest - number;
        if number == 0 || behind >= 64 || self.seen >> behind & 1 == 1 {
            return false;
        }
        self.seen |= 1 << behind;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admits_each_number_once_and_none_from_long_ago() {
        let mut window = Window::default();
        for (number, fresh) in [
            (0, false),
            (3, true),
            (3, false),
            (1, true),
            (2, true),
            (1, false),
            (66, true),
            (3, false),
            (2, false),
            (4, true),
            (u32::MAX, true),
            (u32::MAX, false),
            (66, false),
            (u32::MAX - 63, true),
        ] {
            assert_eq!(window.admits(number), fresh, "{number}");
        }
    }
}
