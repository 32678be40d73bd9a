//! Capture files of any bytes: the readers, at once and in drips.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::files(input));
