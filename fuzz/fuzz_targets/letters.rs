//! Any bytes as a letter: its parts, what they hold, and how they are drawn.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::letters(input));
