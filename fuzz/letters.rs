//! Any bytes as a letter, and as a body whose head came apart: read, decoded, drawn.

use std::io::Write;

use netlab::flow::mime::{self, DEEPEST, Letter, MOST_PARTS};
use netlab::view::letter::{self, Look};
use netlab::view::style::Palette;
use netlab::view::words;

use super::Page;

/// What the fuzzers begin with.
pub const LETTER: &[u8] = include_bytes!("../captures/letter.eml");

/// The first byte of `input` says how it is drawn; a letter follows.
pub fn letters(input: &[u8]) {
    let Some((how, bytes)) = input.split_first() else { return };
    let look = Look {
        palette: Palette::new(how & 1 != 0),
        width: 40 + usize::from(how >> 2),
        ascii: how & 2 != 0,
        all: how & 4 != 0,
        words: &words::ENGLISH,
    };
    draw(&mime::letter(bytes), bytes.len(), &look);
    let (head, body) = bytes.split_at(bytes.len() / 2);
    draw(&mime::body(head, body), bytes.len(), &look);
}

fn draw(letter: &Letter<'_>, length: usize, look: &Look) {
    assert!((1..=MOST_PARTS).contains(&letter.parts.len()));
    for part in &letter.parts {
        assert!(part.depth <= DEEPEST && part.body.len() <= length);
        let (decoded, broken) = part.decoded();
        assert!(decoded.len() <= part.body.len());
        assert!(broken.is_none_or(|broken| broken.at <= part.body.len()));
    }
    let mut text = Vec::new();
    letter::write(letter, look, &mut text);
    let mut page = Page { colored: look.palette.is_colored(), width: None, json: false, text: Vec::new() };
    page.write_all(&text).and_then(|()| page.flush()).expect("a page takes everything");
}
