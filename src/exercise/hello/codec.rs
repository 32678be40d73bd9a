//! The bytes of `hello`: a greeting with the client's own address, ended by the close.

use std::net::IpAddr;

/// Bytes of a greeting that a client keeps; of a server that never ends, no more.
pub const LONGEST: usize = 64 * 1024;

/// Connections that wait for the server, at most about so many: the `listen(2)` of the course.
pub const BACKLOG: i32 = 2;

/// What the server says to a client.
pub fn greeting(client: IpAddr) -> Vec<u8> {
    format!("Hello {client}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greets_with_the_address_as_it_is_written() {
        assert_eq!(greeting("127.0.0.1".parse().unwrap()), b"Hello 127.0.0.1");
        assert_eq!(greeting("::1".parse().unwrap()), b"Hello ::1");
    }
}
