//! Any bytes as STUN: read, answered, and fed to the machine that measures a NAT; and as packets through a NAT.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::stun(input));
