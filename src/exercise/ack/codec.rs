//! The bytes of `ack`: whatever one receive returned is answered by two bytes without a terminator.

/// What the client says.
pub const TEXT: &[u8] = b"Echo\n";

/// What the server answers to each piece.
pub const OK: &[u8] = b"ok";

/// Bytes that one receive takes at most, on both sides.
pub const PIECE: usize = 1024;
