//! What two hosts say to each other over several packets and connections, through the flow table and every view.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::talks(input));
