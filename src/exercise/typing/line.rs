//! The line that a person types: keys in, text and what to draw out. Pure; no terminal is touched here.
//!
//! It is drawn on one row, scrolled sideways where it is longer: so drawing it anew needs no knowledge of where the
//! terminal has wrapped, and a line from elsewhere can take its place. Keys are those of readline (Emacs mode).

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The most characters that a line may have; more are not taken.
const LONGEST: usize = 16 * 1024;
/// Lines that are remembered.
const REMEMBERED: usize = 200;
/// Bytes that a sequence of an unknown key may have before it is given up.
const LONGEST_SEQUENCE: usize = 16;

/// What a byte from the terminal led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pressed {
    /// Nothing to be seen: a byte of a sequence, an unknown key.
    Nothing,
    /// The line, or the place in it, is another one: draw it.
    Changed,
    /// The screen is to be cleared, and the line drawn.
    Clear,
    /// Enter. The line is empty again.
    Entered(String),
    /// Ctrl-D on an empty line.
    End,
    /// Ctrl-C, Ctrl-\.
    Interrupt,
    /// Ctrl-Z.
    Suspend,
}

/// A line under the keys.
#[derive(Debug, Default)]
pub struct Line {
    text: Vec<char>,
    /// The character that the next one is put before.
    at: usize,
    /// What Ctrl-K, Ctrl-U and Ctrl-W took last.
    killed: Vec<char>,
    remembered: Vec<String>,
    /// Where in `remembered` the person looks.
    looking_at: Option<usize>,
    /// What was typed before the person looked.
    draft: Vec<char>,
    /// Bytes of a character or a key's sequence that is not whole yet.
    begun: Vec<u8>,
}

impl Line {
    /// Takes a byte as a terminal in raw mode gives it.
    pub fn press(&mut self, byte: u8) -> Pressed {
        if self.begun.first() == Some(&0x1b) {
            return self.sequence(byte);
        }
        if byte >= 0x80 {
            return self.part_of_character(byte);
        }
        self.begun.clear(); // A character that broke off.
        match byte {
            b'\r' | b'\n' => return self.enter(),
            0x01 => self.at = 0,
            0x02 => self.at = self.left(),
            0x03 | 0x1c => {
                self.text.clear();
                self.at = 0;
                return Pressed::Interrupt;
            }
            0x04 if self.text.is_empty() => return Pressed::End,
            0x04 => self.cut(self.at, self.right()),
            0x05 => self.at = self.text.len(),
            0x06 => self.at = self.right(),
            0x08 | 0x7f => self.cut(self.left(), self.at),
            0x0b => self.kill(self.at, self.text.len()),
            0x0c => return Pressed::Clear,
            0x0e => self.look(1),
            0x10 => self.look(-1),
            0x15 => self.kill(0, self.at),
            0x17 => self.kill(self.word_left(), self.at),
            0x19 => self.killed.clone().into_iter().for_each(|c| self.insert(c)),
            0x1a => return Pressed::Suspend,
            0x1b => {
                self.begun.push(byte);
                return Pressed::Nothing;
            }
            0x20..0x7f => self.insert(char::from(byte)),
            _ => return Pressed::Nothing,
        }
        Pressed::Changed
    }

    /// What to write, from wherever the cursor stands on the line's row, so that prompt and line are shown on it.
    /// `columns` is the width of the terminal.
    pub fn drawn(&self, prompt: &str, columns: usize) -> String {
        // The last column stays free: behind it a terminal would be about to wrap.
        let room = columns.saturating_sub(1);
        let prompt = if prompt.width() + 8 <= room { prompt } else { "" };
        let room = room.saturating_sub(prompt.width());
        let before = self.text.get(..self.at).unwrap_or_default();
        let mut width = 0;
        let hidden = before.len()
            - before
                .iter()
                .rev()
                .take_while(|c| {
                    width += c.width().unwrap_or(0);
                    width <= room
                })
                .count();
        let mut width = 0;
        let shown: String = self
            .text
            .iter()
            .skip(hidden)
            .take_while(|c| {
                width += c.width().unwrap_or(0);
                width <= room
            })
            .collect();
        let cursor: usize = before.iter().skip(hidden).map(|c| c.width().unwrap_or(0)).sum::<usize>() + prompt.width();
        let place = if cursor > 0 { format!("\x1b[{cursor}C") } else { String::new() };
        format!("\r{prompt}{shown}\x1b[K\r{place}")
    }

    fn enter(&mut self) -> Pressed {
        let line: String = std::mem::take(&mut self.text).into_iter().collect();
        (self.at, self.looking_at) = (0, None);
        if !line.is_empty() && self.remembered.last() != Some(&line) {
            if self.remembered.len() == REMEMBERED {
                self.remembered.remove(0);
            }
            self.remembered.push(line.clone());
        }
        Pressed::Entered(line)
    }

    fn part_of_character(&mut self, byte: u8) -> Pressed {
        self.begun.push(byte);
        match std::str::from_utf8(&self.begun) {
            Ok(whole) => {
                let c = whole.chars().next();
                self.begun.clear();
                c.filter(|c| !c.is_control()).map_or(Pressed::Nothing, |c| {
                    self.insert(c);
                    Pressed::Changed
                })
            }
            Err(error) => {
                if error.error_len().is_some() {
                    self.begun.clear(); // Not UTF-8: nobody has such a key.
                }
                Pressed::Nothing
            }
        }
    }

    /// The next byte of what a key beyond the letters sends: ESC, then `[` or `O`, parameters, a final byte (ECMA-48 §5.4).
    fn sequence(&mut self, byte: u8) -> Pressed {
        self.begun.push(byte);
        let whole = match self.begun.get(1..).unwrap_or_default() {
            [b'[' | b'O'] => false,
            [b'[' | b'O', .., last] => (0x40..0x7f).contains(last),
            _ => true,
        };
        if !whole && self.begun.len() < LONGEST_SEQUENCE {
            return Pressed::Nothing;
        }
        let keys = std::mem::take(&mut self.begun);
        match keys.get(1..).unwrap_or_default() {
            b"[A" | b"OA" => self.look(-1),
            b"[B" | b"OB" => self.look(1),
            b"[C" | b"OC" => self.at = self.right(),
            b"[D" | b"OD" => self.at = self.left(),
            b"[H" | b"OH" | b"[1~" | b"[7~" => self.at = 0,
            b"[F" | b"OF" | b"[4~" | b"[8~" => self.at = self.text.len(),
            b"[3~" => self.cut(self.at, self.right()),
            b"b" | b"[1;5D" | b"[1;3D" => self.at = self.word_left(),
            b"f" | b"[1;5C" | b"[1;3C" => self.at = self.word_right(),
            b"d" => self.kill(self.at, self.word_right()),
            [0x7f] => self.kill(self.word_left(), self.at),
            _ => return Pressed::Nothing,
        }
        Pressed::Changed
    }

    fn insert(&mut self, c: char) {
        if self.text.len() < LONGEST {
            self.text.insert(self.at, c);
            self.at += 1;
        }
    }

    fn cut(&mut self, from: usize, to: usize) {
        self.text.drain(from..to);
        self.at = from;
    }

    fn kill(&mut self, from: usize, to: usize) {
        self.killed = self.text.drain(from..to).collect();
        self.at = from;
    }

    /// One character to the left, together with the marks that are drawn on it.
    fn left(&self) -> usize {
        let marks = self.text.iter().take(self.at).rev().take_while(|c| c.width() == Some(0)).count();
        self.at.saturating_sub(marks + 1)
    }

    fn right(&self) -> usize {
        let behind = self.text.get(self.at + 1..).unwrap_or_default();
        let marks = behind.iter().take_while(|c| c.width() == Some(0)).count();
        (self.at + 1 + marks).min(self.text.len())
    }

    fn word_left(&self) -> usize {
        let before = self.text.get(..self.at).unwrap_or_default();
        let spaces = before.iter().rev().take_while(|c| c.is_whitespace()).count();
        let letters = before.iter().rev().skip(spaces).take_while(|c| !c.is_whitespace()).count();
        self.at - spaces - letters
    }

    fn word_right(&self) -> usize {
        let behind = self.text.get(self.at..).unwrap_or_default();
        let spaces = behind.iter().take_while(|c| c.is_whitespace()).count();
        self.at + spaces + behind.iter().skip(spaces).take_while(|c| !c.is_whitespace()).count()
    }

    /// Shows an earlier (-1) or a later (1) line of those that were entered; after the last one what was being typed.
    fn look(&mut self, step: isize) {
        let now = self.looking_at.unwrap_or(self.remembered.len());
        let Some(next) = now.checked_add_signed(step).filter(|next| *next <= self.remembered.len()) else { return };
        if self.looking_at.is_none() {
            self.draft = std::mem::take(&mut self.text);
        }
        self.looking_at = (next < self.remembered.len()).then_some(next);
        self.text = match self.remembered.get(next) {
            Some(line) => line.chars().collect(),
            None => std::mem::take(&mut self.draft),
        };
        self.at = self.text.len();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The line that Enter gives after these keys.
    #[track_caller]
    fn entered(line: &mut Line, keys: &str) -> String {
        let mut last = Pressed::Nothing;
        format!("{keys}\r").bytes().for_each(|byte| last = line.press(byte));
        match last {
            Pressed::Entered(text) => text,
            other => panic!("{keys:?} led to {other:?}"),
        }
    }

    #[test]
    fn keys_move_and_change_as_in_readline() {
        for (keys, text) in [
            ("Grüße, 你好", "Grüße, 你好"),
            ("abc\x7f\x08d", "ad"),
            ("bc\x01a\x05d", "abcd"),
            ("ac\x1b[Db\x1b[Cd", "abcd"),
            ("ac\x02b\x06d", "abcd"),
            ("xabc\x1b[H\x1b[3~\x1b[Fd", "abcd"),
            ("xabc\x1bOH\x04\x1bOFd", "abcd"),
            ("one two\x17three", "one three"),
            ("one two\x15three", "three"),
            ("one two\x01\x0bthree", "three"),
            ("one two\x17\x01\x19 ", "two one "),
            ("one two\x1bb\x1bb\x1bd1", "1 two"),
            ("one two\x1b[1;5D\x1b[1;5D\x1b[1;5C1", "one1 two"),
            ("e\u{301}x\x1b[D\x7f", "x"),
            ("\x1b[99;99Xa\x1b[12~b", "ab"),
            ("\x7f\x1b[D\x1b[C\x1b[A\x1b[B\x1b[3~\x17ok", "ok"),
        ] {
            assert_eq!(entered(&mut Line::default(), keys), text, "{keys:?}");
        }
    }

    #[test]
    fn earlier_lines_come_back_and_so_does_what_was_being_typed() {
        let mut line = Line::default();
        assert_eq!(entered(&mut line, "one"), "one");
        assert_eq!(entered(&mut line, "two"), "two");
        assert_eq!(entered(&mut line, "two"), "two");
        assert_eq!(entered(&mut line, "\x1b[A\x1b[A"), "one");
        assert_eq!(entered(&mut line, "draft\x10\x10\x0e\x0e\x0e!"), "draft!");
    }

    #[test]
    fn control_keys_end_interrupt_and_suspend() {
        let mut line = Line::default();
        assert_eq!(line.press(4), Pressed::End);
        line.press(b'x');
        assert_eq!(line.press(4), Pressed::Changed, "there is a line: Ctrl-D deletes");
        assert_eq!(line.press(3), Pressed::Interrupt);
        assert_eq!(line.press(0x1a), Pressed::Suspend);
        assert_eq!(line.press(b'\r'), Pressed::Entered(String::new()));
    }

    #[test]
    fn is_drawn_with_its_cursor() {
        let mut line = Line::default();
        "ab\x02".bytes().for_each(|byte| _ = line.press(byte));
        assert_eq!(line.drawn("msg: ", 80), "\rmsg: ab\x1b[K\r\x1b[6C");
    }

    #[test]
    fn a_long_line_is_scrolled_to_its_cursor() {
        let mut line = Line::default();
        "0123456789abcdefghij".bytes().for_each(|byte| _ = line.press(byte));
        assert_eq!(line.drawn("> ", 12), "\r> bcdefghij\x1b[K\r\x1b[11C");
        line.press(1);
        assert_eq!(line.drawn("> ", 12), "\r> 012345678\x1b[K\r\x1b[2C");
    }

    proptest! {
        #[test]
        fn no_keys_break_it_and_it_never_leaves_its_row(
            keys in proptest::collection::vec(any::<u8>(), 0..200),
            columns in 0usize..100,
        ) {
            let mut line = Line::default();
            for key in keys {
                line.press(key);
                prop_assert!(line.at <= line.text.len());
                let drawn = line.drawn("Enter message: ", columns);
                let row = drawn.split("\x1b[K").next().unwrap();
                let width: usize = row.chars().filter_map(UnicodeWidthChar::width).sum();
                prop_assert!(width <= columns.saturating_sub(1), "{row:?} in {columns}");
            }
        }

        #[test]
        fn what_is_typed_is_what_is_entered(text in "[^\\p{C}]{0,40}") {
            prop_assert_eq!(entered(&mut Line::default(), &text), text);
        }
    }
}
