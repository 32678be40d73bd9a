//! What `names` prints of the resolver's answers.

use crate::io::resolver::{Answer, Kind};

/// A line of getaddrinfo: family, type, protocol, address and port.
pub fn answer(answer: &Answer) -> String {
    let family = if answer.address.is_ipv4() { "AF_INET" } else { "AF_INET6" };
    let kind = match answer.kind {
        Kind::Stream => "SOCK_STREAM".to_owned(),
        Kind::Datagram => "SOCK_DGRAM".to_owned(),
        Kind::Raw => "SOCK_RAW".to_owned(),
        Kind::Other(number) => format!("type {number}"),
    };
    let protocol = match answer.protocol {
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        0 => "any".to_owned(),
        number => number.to_string(),
    };
    format!("  {family:<9} {kind:<12} {protocol:<4} {}", crate::exercise::text::address_tuple(answer.address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_an_answer_in_the_words_of_the_socket_module() {
        let address = "[::1]:80".parse().unwrap();
        let line = answer(&Answer { kind: Kind::Stream, protocol: 6, address });
        assert_eq!(line, "  AF_INET6  SOCK_STREAM  tcp  ('::1', 80, 0, 0)");
    }
}
