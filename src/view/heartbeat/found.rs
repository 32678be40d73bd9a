//! What a capture shows of heartbeats.
