//! The third machine through which two peers behind NATs find each other (RFC 5128 §3.3): what peers, and they and it,
//! say to each other, and the server as a pure machine.

mod base64;
mod cookie;
mod life;
pub mod message;
pub mod server;
pub mod word;

#[cfg(test)]
mod tests;
