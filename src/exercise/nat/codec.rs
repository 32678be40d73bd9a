//! What the programs of `nat` say to each other: bare text, a datagram a line.

use std::net::SocketAddr;

/// Bytes that a receive takes at most.
pub const BUFFER: usize = 1024;

/// What keeps a NAT's binding, and wants no answer.
pub const BEAT: &[u8] = b"beat";

/// The answer to everything else: where it came from, as this end sees it.
pub fn answer(from: SocketAddr) -> String {
    format!("you are {from}")
}

/// Whom a typed line is for, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// The endpoint with this number, from 1 in the order in which they spoke first.
    Peer(usize),
    Endpoint(SocketAddr),
}

/// Takes a typed line apart: `1 TEXT` or `ADDRESS:PORT TEXT`.
pub fn typed(line: &str) -> Result<(To, &str), String> {
    let (to, text) = line
        .trim_start()
        .split_once(' ')
        .ok_or("type the number before a peer's address, or ADDRESS:PORT, then the text")?;
    if text.len() > BUFFER {
        return Err(format!("a text of more than {BUFFER} bytes would be cut by the other end's receive"));
    }
    let to = match (to.parse::<usize>(), to.parse::<SocketAddr>()) {
        (Ok(number), _) => To::Peer(number),
        (_, Ok(endpoint)) => To::Endpoint(endpoint),
        _ => return Err(format!("{to} is neither such a number nor ADDRESS:PORT")),
    };
    Ok((to, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_line_says_whom_it_is_for() {
        assert_eq!(typed("2 Hello there"), Ok((To::Peer(2), "Hello there")));
        let endpoint = "203.0.113.1:4000".parse().unwrap();
        assert_eq!(typed("203.0.113.1:4000 Hello"), Ok((To::Endpoint(endpoint), "Hello")));
        for wrong in ["", "Hello", "Hello there", "203.0.113.1 Hello"] {
            assert!(typed(wrong).is_err(), "{wrong:?} was taken");
        }
        assert!(typed(&format!("1 {}", "x".repeat(BUFFER + 1))).is_err());
    }

    #[test]
    fn the_answer_names_the_endpoint_that_was_seen() {
        assert_eq!(answer("203.0.113.1:4000".parse().unwrap()), "you are 203.0.113.1:4000");
    }
}
