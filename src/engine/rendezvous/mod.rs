//! The third machine through which two peers behind NATs find each other (RFC 5128 §3.2): what they and it say.

mod base64;
pub mod message;
pub mod word;
