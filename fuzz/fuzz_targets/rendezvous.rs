//! Any bytes as messages of a rendezvous: read, and answered by its server.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::rendezvous(input));
