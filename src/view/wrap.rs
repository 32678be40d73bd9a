//! Words in rows that fit a terminal.

use unicode_width::UnicodeWidthStr;

/// The words in rows of at most `room` columns, as `width` counts them; one that is longer has a row to itself. Nothing
/// has no rows.
pub fn rows_by<'a>(
    words: impl IntoIterator<Item = &'a str>,
    room: usize,
    width: impl Fn(&str) -> usize,
) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for word in words {
        match rows.last_mut() {
            Some(row) if width(row) + 1 + width(word) <= room => {
                row.push(' ');
                row.push_str(word);
            }
            _ => rows.push(word.to_owned()),
        }
    }
    rows
}

/// The words of `text`, which are separated by blanks, in rows of at most `room` columns of a terminal.
pub fn rows(text: &str, room: usize) -> Vec<String> {
    rows_by(text.split(' '), room, UnicodeWidthStr::width)
}

/// Columns that a word takes; what sets colours (`ESC [ … m`) takes none.
fn taken(word: &str) -> usize {
    let mut parts = word.split("\x1b[");
    let plain = parts.next().map_or(0, UnicodeWidthStr::width);
    plain + parts.map(|part| part.split_once('m').map_or(part, |(_, rest)| rest).width()).sum::<usize>()
}

/// Writes `text`, harmless but for colours and without line ends, in lines of at most `width` columns. The first begins where `begun`
/// columns are taken already, the others with `indent` blanks.
pub fn hanging(text: &str, width: usize, begun: usize, indent: usize, out: &mut Vec<u8>) {
    let mut column = begun;
    for (place, word) in text.split(' ').enumerate() {
        let taken = taken(word);
        if place > 0 && column + 1 + taken > width {
            out.push(b'\n');
            out.resize(out.len() + indent, b' ');
            column = indent;
        } else if place > 0 {
            out.push(b' ');
            column += 1;
        }
        out.extend_from_slice(word.as_bytes());
        column += taken;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_and_rows_within_the_room() {
        assert_eq!(rows("one two three", 7), ["one two", "three"]);
        assert_eq!(rows("a word_that_is_too_long b", 5), ["a", "word_that_is_too_long", "b"]);
        assert_eq!(rows("порт је заузет", 7), ["порт је", "заузет"], "columns count, not bytes");
        assert!(rows_by([], 5, str::len).is_empty());
    }

    #[test]
    fn colours_take_no_room() {
        let mut out = Vec::new();
        hanging("\x1b[31mone\x1b[0m two", 7, 0, 2, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\x1b[31mone\x1b[0m two");
    }

    #[test]
    fn lines_behind_the_first_are_set_in() {
        let mut out = b"proof  ".to_vec();
        hanging("one two three", 14, 7, 4, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "proof  one two\n    three");
    }
}
