//! The lines of `chat`: a name first, then messages; UTF-8, each ended by a newline. What [`super::super::framing`] gives
//! as a line comes in here.

use crate::exercise::text_of;

/// The most characters that a name may have.
pub const LONGEST_NAME: usize = 32;

/// What every refusal begins with. No line of the room can: nobody is called `error`, or `error:` and more.
pub const REFUSAL: &str = "error: not this name: ";

/// The name that a client's first line gives, or why it cannot be one.
pub fn name(line: &[u8]) -> Result<String, &'static str> {
    let name = text_of(line);
    let name = name.trim();
    if name.is_empty() {
        Err("a name has at least one character")
    } else if name.chars().count() > LONGEST_NAME {
        Err("a name has at most 32 characters")
    } else if name.chars().any(is_control) {
        Err("a name has no control characters")
    } else if name == "error" || name.starts_with("error:") {
        Err("only the server says `error:`")
    } else {
        Ok(name.to_owned())
    }
}

/// Control characters, and those that turn the direction of text or break lines: they would change other people's lines.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What a client is told whose name was not taken.
pub fn refusal(reason: &str) -> String {
    format!("{REFUSAL}{reason}")
}

/// The reason in a refusal; `None` where a line is none.
pub fn reason(line: &str) -> Option<&str> {
    line.strip_prefix(REFUSAL)
}

/// What everyone hears of a message.
pub fn message(name: &str, text: &str) -> String {
    format!("{name}: {text}")
}

/// What the others hear, and the server prints.
pub fn entered(name: &str) -> String {
    format!("User {name} has entered room")
}

/// What the others hear.
pub fn left(name: &str) -> String {
    format!("User {name} has left room")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_has_1_to_32_characters_and_no_control_characters() {
        assert_eq!(name("Zoë".as_bytes()).as_deref(), Ok("Zoë"));
        assert_eq!(name(b"Zo\xeb").as_deref(), Ok("Zoë"), "ISO 8859-1");
        assert_eq!(name(b" Peter Pan ").as_deref(), Ok("Peter Pan"));
        assert_eq!(name("š".repeat(32).as_bytes()).map(|name| name.chars().count()), Ok(32));
        for wrong in
            ["", " ", &"x".repeat(33), "a\x1b[2Jb", "a\tb", "a\u{202e}b", "a\u{9b}b", "error", " error ", "error: not"]
        {
            assert!(name(wrong.as_bytes()).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn lines_are_those_of_the_course() {
        assert_eq!(message("Sally", "Hello Peter, what's up?"), "Sally: Hello Peter, what's up?");
        assert_eq!(entered("Sally"), "User Sally has entered room");
        assert_eq!(left("Sally"), "User Sally has left room");
    }

    #[test]
    fn nobody_can_say_a_refusal_or_a_notice() {
        assert_eq!(name(b"errors").as_deref(), Ok("errors"));
        let all: Vec<char> = REFUSAL.chars().collect();
        for from in 0..all.len() {
            for to in from..all.len() {
                let Ok(name) = name(all[from..to].iter().collect::<String>().as_bytes()) else { continue };
                for rest in to..all.len() {
                    let text: String = all[rest..].iter().collect();
                    let line = message(&name, &text);
                    assert!(reason(&line).is_none() && !line.starts_with("error: "), "{name:?} says {text:?}");
                }
                assert_eq!((reason(&entered(&name)), reason(&left(&name))), (None, None));
            }
        }
        assert_eq!(reason(&refusal("why")), Some("why"));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_name_that_keeps_to_its_line_or_a_reason(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(name) = name(&bytes) {
                prop_assert!((1..=LONGEST_NAME).contains(&name.chars().count()));
                prop_assert!(!name.contains(char::is_control));
                prop_assert_eq!(super::name(name.as_bytes()), Ok(name));
            }
        }
    }
}
