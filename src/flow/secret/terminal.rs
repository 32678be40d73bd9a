//! What is typed over Telnet: nothing marks a password, it is known by the question before it; so is what is typed ahead
//! of the question, behind a name.

use std::ops::Range;

use super::within;
use crate::wire::telnet;

/// Bytes of the server's line in which the question stands.
const LINE: usize = 96;

/// Parts of words of a question for a password, in small letters, whatever the language.
const QUESTIONS: [&str; 31] = [
    "passw",
    "passphrase",
    "passcode",
    "passord",
    "lozink",
    "zaporka",
    "šifr",
    "senha",
    "kennwort",
    "mot de passe",
    "contraseña",
    "clave",
    "heslo",
    "hasło",
    "haslo",
    "jelszó",
    "jelszo",
    "parol",
    "wachtwoord",
    "lösenord",
    "salasana",
    "kodeord",
    "adgangskode",
    "geslo",
    "şifre",
    "лозинк",
    "парол",
    "密码",
    "密碼",
    "パスワード",
    "비밀번호",
];
/// Whole words of such a question.
const WORDS: [&str; 7] = ["pin", "otp", "pw", "pwd", "secret", "token", "code"];
/// Parts of words of a question for a name.
const NAMES: [&str; 9] = ["login", "user", "name", "korisni", "benutzer", "utilisateur", "usuario", "логин", "корисни"];

/// What of an escape sequence is to come (ECMA-48): it is no text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    Begun,
    Parameters,
}

/// Where a person is that logs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expected {
    #[default]
    Anything,
    Name,
    /// The name was typed; what comes before the question is typed ahead.
    BehindName,
    Password,
}

/// What both sides showed and typed.
#[derive(Clone, Debug, Default)]
pub(super) struct Terminal {
    /// The server's line so far, its last bytes, in small letters.
    line: Vec<u8>,
    escape: Escape,
    expected: Expected,
    /// What the server showed last is not known: it may have asked.
    dark: bool,
}

impl Terminal {
    pub(super) fn is_expecting(&self) -> bool {
        self.dark || matches!(self.expected, Expected::Password | Expected::BehindName)
    }

    /// What the server showed before what comes next was not seen.
    pub(super) fn is_missing_lines(&mut self) {
        self.dark = true;
    }

    /// What the client types.
    pub(super) fn client(&mut self, data: &[u8], give: &mut dyn FnMut(Range<usize>)) {
        telnet::passwords(data).filter_map(|password| within(data, password)).for_each(&mut *give);
        for text in telnet::texts(data) {
            let Some(place) = within(data, text) else { continue };
            let mut at = place.start;
            for line in text.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')) {
                let typed = line.strip_suffix(b"\n").or_else(|| line.strip_suffix(b"\r")).unwrap_or(line);
                // What follows a carriage return that is no line's end.
                let blank = typed.iter().take_while(|byte| **byte == 0).count();
                if self.is_expecting() && blank < typed.len() {
                    give(at + blank..at + typed.len());
                }
                if typed.len() < line.len() {
                    self.expected = match self.expected {
                        Expected::Name if !typed.is_empty() || !self.line.is_empty() => Expected::BehindName,
                        Expected::Password => Expected::Anything,
                        other => other,
                    };
                }
                at += line.len();
            }
        }
    }

    /// What the server shows; secret is what it shows of a password while that is typed.
    pub(super) fn server(&mut self, data: &[u8], give: &mut dyn FnMut(Range<usize>)) {
        if self.expected == Expected::Password {
            let echo = data.iter().position(|byte| matches!(byte, b'\r' | b'\n' | 255)).unwrap_or(data.len());
            if echo > 0 {
                give(0..echo);
                // Not what it asks.
                return telnet::texts(data.get(echo..).unwrap_or_default()).for_each(|text| self.show(text, false));
            }
        }
        let mut asks = false;
        for text in telnet::texts(data) {
            asks |= text.iter().any(|byte| byte.is_ascii_graphic() || !byte.is_ascii());
            self.show(text, asks);
            asks &= !text.ends_with(b"\n");
        }
        let line = String::from_utf8_lossy(&self.line).to_lowercase();
        let line = line.trim();
        if !asks || line.is_empty() {
            return;
        }
        let names = asks_name(line);
        let may_be_one = std::mem::take(&mut self.dark) && !names && line.ends_with([':', '?', '：']);
        if may_be_one || is_question(line, line.contains([':', '?', '：']) || line.ends_with('>')) {
            self.expected = Expected::Password;
        } else if names && line.ends_with([':', '?', '>', '：']) {
            self.expected = Expected::Name;
        } else if self.expected == Expected::BehindName && !names {
            self.expected = Expected::Anything;
        }
    }

    /// Takes in a piece of a line; at its end, whether it was a question all the same.
    fn show(&mut self, text: &[u8], asks: bool) {
        for byte in text {
            self.escape = match (self.escape, byte) {
                (Escape::None, 27) => Escape::Begun,
                (Escape::Begun, b'[') => Escape::Parameters,
                (Escape::Begun, _) | (Escape::Parameters, b'@'..=b'~') => Escape::None,
                (Escape::Parameters, _) => Escape::Parameters,
                (Escape::None, b' ') if self.line.last() == Some(&b' ') => Escape::None,
                (Escape::None, byte) => {
                    self.line.push(byte.to_ascii_lowercase());
                    Escape::None
                }
            };
        }
        if text.ends_with(b"\n") {
            let line = String::from_utf8_lossy(&self.line).to_lowercase();
            if asks && is_question(line.trim(), line.trim_end().ends_with([':', '?', '：'])) {
                self.expected = Expected::Password;
            } else if asks && self.expected == Expected::BehindName && !asks_name(&line) {
                self.expected = Expected::Anything;
            }
            self.line.clear();
        }
        let more = self.line.len().saturating_sub(LINE);
        self.line.drain(..more);
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.line.len()
    }
}

fn asks_name(line: &str) -> bool {
    NAMES.iter().any(|word| line.contains(word))
}

/// Whether a line that may be a question asks for a password.
fn is_question(line: &str, may: bool) -> bool {
    let mut words = line.split(|letter: char| !letter.is_alphanumeric());
    may && (QUESTIONS.iter().any(|part| line.contains(part)) || words.any(|word| WORDS.contains(&word)))
}
