//! The attributes of a STUN message (RFC 8489 §14), each with its type, its length and its value, padding and all.

use super::{Cell, MOST, Part, cell, hex};
use crate::wire::{At, stun};

pub fn stun(at: &At<'_>) -> Vec<Part> {
    let attributes = stun::attributes(at.bytes().get(stun::HEADER..).unwrap_or_default()).take(MOST);
    let transaction: Option<stun::Transaction> = at.array(8);
    let mut start = stun::HEADER;
    let mut parts = Vec::new();
    for attribute in attributes {
        let number = format!("{:#06x}", attribute.kind);
        let name = stun::names(attribute.kind.into()).map_or_else(|| number.clone(), str::to_owned);
        let mask = transaction.as_ref().filter(|_| stun::is_turned(attribute.kind));
        let address = stun::is_address(attribute.kind).then(|| stun::address(attribute.value, mask)).flatten();
        let length = attribute.value.len();
        let mut cells = vec![cell(start, 2, "Attribute", number), cell(start + 2, 2, "Length", length.to_string())];
        let value = match address {
            Some(address) => {
                let bytes = |from: usize, to: usize| hex(attribute.value.get(from..to).unwrap_or_default());
                // What is turned stands as it is in the packet; what it means, in the words below.
                let (names, port, ip) = match mask {
                    Some(_) => (["Port (turned)", "Address (turned)"], bytes(2, 4), bytes(4, length)),
                    None => (["Port", "Address"], address.port().to_string(), address.ip().to_string()),
                };
                cells.push(cell(start + 4, 1, "unused", bytes(0, 1)));
                cells.push(cell(start + 5, 1, "Family", if address.is_ipv4() { "IPv4" } else { "IPv6" }));
                cells.push(cell(start + 6, 2, names[0], port));
                cells.push(cell(start + 8, length - 4, names[1], ip));
                address.to_string()
            }
            None => {
                let padded = length.next_multiple_of(4);
                cells.extend((padded > 0).then(|| value_cell(start + 4, padded, &name, attribute.value)));
                hex(attribute.value)
            }
        };
        let whole = 4 + length.next_multiple_of(4);
        let source = source(attribute.kind);
        parts.push(Part { start, length: whole, title: name, value, meaning: meaning(attribute.kind), source, cells });
        start += whole;
    }
    parts
}

/// Where an attribute is described.
fn source(kind: u16) -> &'static str {
    match kind {
        stun::CHANGE_REQUEST => "RFC 5780 §7.2",
        0x000c | 0x000d | 0x0012 | 0x0013 | 0x0016 | 0x0018 | 0x0019 | 0x001a | 0x0022 => "RFC 8656 §18",
        _ => "RFC 8489 §14",
    }
}

fn value_cell(start: usize, length: usize, name: &str, value: &[u8]) -> Cell {
    cell(start, length, name, hex(value))
}

fn meaning(kind: u16) -> String {
    match kind {
        stun::XOR_MAPPED_ADDRESS => {
            "From where the request came, as the server sees it; turned, so that nothing on \
            the way rewrites it"
        }
        stun::XOR_RELAYED_ADDRESS => "The relay's socket, which others send to; turned",
        stun::XOR_PEER_ADDRESS => "Whom the relay is to send to, or hears from; turned",
        stun::LIFETIME => "Seconds until the relay forgets it, unless it is asked again",
        0x000c => "A number that stands for a peer: shorter than its address",
        0x0013 => "What is sent through the relay",
        0x0019 => "What the relay is to speak to peers; 17, the first byte: UDP",
        stun::USERNAME => "Who asks",
        stun::REALM => "What the user name belongs to",
        stun::NONCE => "What the server wants back, so that nobody can repeat an old message",
        0x0008 => "A sum over the message that needs the password",
        stun::MAPPED_ADDRESS => "The same as it is; another one than the turned one was rewritten on the way",
        stun::OTHER_ADDRESS => "The server's socket with another address and another port",
        stun::RESPONSE_ORIGIN => "The socket that this answer comes from",
        stun::CHANGE_REQUEST => "Whether the answer is to come from another address (4), another port (2)",
        stun::RESPONSE_PORT => "The port that the answer is to go to",
        stun::PADDING => "Bytes that make it long enough to be sent in fragments",
        stun::SOFTWARE => "The program that sends, in its own words",
        stun::ERROR_CODE => "What was wrong",
        stun::UNKNOWN_ATTRIBUTES => "What the server had to understand and did not",
        stun::FINGERPRINT => "A checksum that tells STUN from other data",
        _ => "",
    }
    .to_owned()
}
