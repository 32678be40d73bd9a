//! Values to text over `impl Write`.

pub mod conversations;
pub mod correlation;
pub mod curves;
pub mod datagrams;
pub mod doctor;
pub mod encoding;
pub mod escape;
pub mod explain;
pub mod findings;
pub mod follow;
pub mod grid;
pub mod handshake;
pub mod heartbeat;
pub mod hex;
pub mod json;
pub mod lab;
pub mod ladder;
pub mod letter;
pub mod lines;
pub mod markdown;
pub mod messages;
pub mod models;
pub mod multicast;
pub mod names;
pub mod nat;
pub mod object;
pub mod objects;
pub mod ping;
pub mod punch;
pub mod stats;
pub mod stop;
pub mod style;
pub mod table;
pub mod telling;
pub mod tree;
pub mod values;
pub mod words;
pub mod wrap;

#[cfg(test)]
mod tests;

/// Writes what was gathered. What could not be written, or not all of it, is not written again.
pub fn write_out(gathered: &mut Vec<u8>, out: &mut impl std::io::Write) -> std::io::Result<()> {
    let written = out.write_all(gathered);
    gathered.clear();
    written
}
