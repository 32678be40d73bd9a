//! Any sequence of any segments through the flow table, reassembly and its views; the same of handshakes that go on.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::streams(input);
    bodies::handshakes(input);
});
