//! Frames of every link type through decode, the flow table and each view.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::decode(input));
