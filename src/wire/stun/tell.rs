//! A message in one line: what it asks or answers, and the addresses in it.

use std::io::Write;
use std::net::SocketAddr;

use super::{
    Class, MAPPED_ADDRESS, Message, OTHER_ADDRESS, XOR_MAPPED_ADDRESS, XOR_PEER_ADDRESS, XOR_RELAYED_ADDRESS, class,
    kinds,
};
use crate::wire::At;
use crate::wire::application::Tone;

pub fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let kind = at.u16(0).unwrap_or_default();
    out.extend_from_slice(kinds(kind.into()).unwrap_or_default().as_bytes());
    if let Ok(message) = Message::read(at.bytes()) {
        attributes(&message, out);
    }
    if class(kind) == Class::Error { Tone::Trouble } else { Tone::Plain }
}

// Writing to a vector cannot fail.
fn attributes(message: &Message<'_>, out: &mut Vec<u8>) {
    let mut said = |name: &str, address: Option<SocketAddr>| {
        let _ = address.map(|address| write!(out, " {name} {address}"));
    };
    let turned = message.address(XOR_MAPPED_ADDRESS);
    said("mapped", turned);
    let plain = message.address(MAPPED_ADDRESS).filter(|_| message.class == Class::Success);
    said("not", plain.filter(|plain| turned.is_some_and(|turned| turned != *plain)));
    said("relayed", message.address(XOR_RELAYED_ADDRESS));
    said("peer", message.address(XOR_PEER_ADDRESS));
    said("other", message.address(OTHER_ADDRESS));
    if let Some(change) = message.change() {
        let from: &[u8] = match (change.address, change.port) {
            (true, true) => b" from other address and port",
            (true, false) => b" from other address",
            (false, true) => b" from other port",
            (false, false) => b" from here",
        };
        out.extend_from_slice(from);
    }
    let _ = message.response_port().map(|port| write!(out, " to port {port}"));
    let _ = message.lifetime().map(|seconds| write!(out, " for {seconds} s"));
    let _ = message.error().map(|code| write!(out, " {code}"));
    if let Some(reason) = message.reason() {
        out.push(b' ');
        out.extend_from_slice(reason);
    }
}
