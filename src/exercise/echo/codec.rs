//! The bytes of `echo`: a stream without messages; what one receive returned goes back as it is.

/// What the client says.
pub const TEXT: &[u8] = b"Hello, world";

/// Bytes that one receive takes at most, on both sides.
pub const PIECE: usize = 1024;
