//! The fields of a message. An address whose bits are turned is shown as it stands, and as what it means.

use std::net::{IpAddr, SocketAddr};

use super::{
    Attribute, CHANGE_REQUEST, CHANGED_ADDRESS, ERROR_CODE, FINGERPRINT, HEADER, MAPPED_ADDRESS, NONCE, OTHER_ADDRESS,
    PADDING, REALM, RESPONSE_ORIGIN, RESPONSE_PORT, SOFTWARE, Transaction, UNKNOWN_ATTRIBUTES, USERNAME,
    XOR_MAPPED_ADDRESS, XOR_PEER_ADDRESS, XOR_RELAYED_ADDRESS, address, attributes, is_turned,
};
use crate::wire::{At, Field, Kind, Value};

const HEAD: &str = "RFC 8489 §5";
const BEHAVIOUR: &str = "RFC 5780 §7";

/// The attributes of a layer.
pub fn each<'a>(at: &At<'a>) -> impl Iterator<Item = Attribute<'a>> {
    attributes(at.bytes().get(HEADER..).unwrap_or_default())
}

/// Whether the value of a type is an address.
pub fn is_address(kind: u16) -> bool {
    let plain = [MAPPED_ADDRESS, CHANGED_ADDRESS, RESPONSE_ORIGIN, OTHER_ADDRESS, super::ALTERNATE_SERVER, 4];
    is_turned(kind) || plain.contains(&kind)
}

fn addresses<'a>(at: &At<'a>) -> impl Iterator<Item = (Attribute<'a>, SocketAddr)> {
    let transaction: Option<Transaction> = at.array(8);
    each(at).filter(|attribute| is_address(attribute.kind)).filter_map(move |attribute| {
        let mask = transaction.as_ref().filter(|_| is_turned(attribute.kind));
        Some((attribute, address(attribute.value, mask)?))
    })
}

/// A part of the value of each attribute of one type.
fn part<'a>(at: &At<'a>, kind: u16, take: fn(&'a [u8]) -> Option<Value<'a>>, give: &mut dyn FnMut(Value<'a>) -> bool) {
    let _ = each(at).filter(|found| found.kind == kind).filter_map(|found| take(found.value)).all(give);
}

fn byte(value: &[u8], at: usize) -> Option<u64> {
    value.get(at).map(|byte| u64::from(*byte))
}

fn flag<'a>(value: &[u8], mask: u64) -> Option<Value<'a>> {
    byte(value, 3).map(|flags| Value::Bool(flags & mask != 0))
}

fn word(value: &[u8]) -> Option<u64> {
    value.first_chunk::<2>().map(|word| u16::from_be_bytes(*word).into())
}

/// The names of types (RFC 8489 §18, RFC 8656 §17 for relays).
pub fn kinds(number: u64) -> Option<&'static str> {
    let number = u16::try_from(number).ok()?;
    let (method, class) = (super::method(number), super::class(number));
    Some(match (method, class) {
        (1, super::Class::Request) => "binding request",
        (1, super::Class::Indication) => "binding indication",
        (1, super::Class::Success) => "binding success",
        (1, super::Class::Error) => "binding error",
        (3, super::Class::Request) => "allocate request",
        (3, super::Class::Success) => "allocate success",
        (3, super::Class::Error) => "allocate error",
        (4, super::Class::Request) => "refresh request",
        (4, super::Class::Success) => "refresh success",
        (4, super::Class::Error) => "refresh error",
        (6, super::Class::Indication) => "send indication",
        (7, super::Class::Indication) => "data indication",
        (8, super::Class::Request) => "create permission request",
        (8, super::Class::Success) => "create permission success",
        (8, super::Class::Error) => "create permission error",
        (9, super::Class::Request) => "channel bind request",
        (9, super::Class::Success) => "channel bind success",
        (9, super::Class::Error) => "channel bind error",
        (_, super::Class::Request) => "request",
        (_, super::Class::Indication) => "indication",
        (_, super::Class::Success) => "success",
        (_, super::Class::Error) => "error",
    })
}

fn classes(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "request",
        0x01 => "indication",
        0x10 => "success",
        0x11 => "error",
        _ => return None,
    })
}

/// The names of attributes (IANA).
pub fn names(number: u64) -> Option<&'static str> {
    Some(match u16::try_from(number).ok()? {
        MAPPED_ADDRESS => "MAPPED-ADDRESS",
        CHANGE_REQUEST => "CHANGE-REQUEST",
        0x0004 => "SOURCE-ADDRESS",
        CHANGED_ADDRESS => "CHANGED-ADDRESS",
        USERNAME => "USERNAME",
        0x0008 => "MESSAGE-INTEGRITY",
        ERROR_CODE => "ERROR-CODE",
        UNKNOWN_ATTRIBUTES => "UNKNOWN-ATTRIBUTES",
        0x000c => "CHANNEL-NUMBER",
        super::LIFETIME => "LIFETIME",
        XOR_PEER_ADDRESS => "XOR-PEER-ADDRESS",
        0x0013 => "DATA",
        REALM => "REALM",
        NONCE => "NONCE",
        XOR_RELAYED_ADDRESS => "XOR-RELAYED-ADDRESS",
        0x0018 => "EVEN-PORT",
        0x0019 => "REQUESTED-TRANSPORT",
        0x001a => "DONT-FRAGMENT",
        0x001c => "MESSAGE-INTEGRITY-SHA256",
        XOR_MAPPED_ADDRESS => "XOR-MAPPED-ADDRESS",
        0x0024 => "PRIORITY",
        0x0025 => "USE-CANDIDATE",
        PADDING => "PADDING",
        RESPONSE_PORT => "RESPONSE-PORT",
        SOFTWARE => "SOFTWARE",
        super::ALTERNATE_SERVER => "ALTERNATE-SERVER",
        FINGERPRINT => "FINGERPRINT",
        0x8029 => "ICE-CONTROLLED",
        0x802a => "ICE-CONTROLLING",
        RESPONSE_ORIGIN => "RESPONSE-ORIGIN",
        OTHER_ADDRESS => "OTHER-ADDRESS",
        _ => return None,
    })
}

fn families(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "IPv4",
        2 => "IPv6",
        _ => return None,
    })
}

pub static FIELDS: &[Field] = &[
    Field::hex("stun.type", "Type", 0, 16).words(kinds).about("Class and method of the message", HEAD),
    Field::one("stun.type.class", "Class", Kind::Hex(2), |at| {
        at.u16(0).map(|kind| Value::Uint((u64::from(kind) & 0x110) >> 4))
    })
    .words(classes)
    .computed()
    .about("Request, indication, success or error: two bits of the type", HEAD),
    Field::one("stun.type.method", "Method", Kind::Hex(4), |at| {
        at.u16(0).map(|kind| Value::Uint(u64::from(kind) & 0x3eef))
    })
    .computed()
    .about("What is asked for: the other bits of the type; 1: binding", HEAD),
    Field::dec("stun.length", "Length", 16, 16).about("Bytes of the attributes", HEAD),
    Field::fixed("stun.cookie", "Cookie", Kind::Bytes, 32, 32).about("Always 2112a442: it is STUN", HEAD),
    Field::fixed("stun.id", "Transaction", Kind::Bytes, 64, 96).about("A request and its answer have the same", HEAD),
    Field::many("stun.att.type", "Attribute", Kind::Hex(4), |at, give| {
        let _ = each(at).map(|found| Value::Uint(found.kind.into())).all(give);
    })
    .words(names)
    .about("Type of an attribute; from 0x8000 on one that may be passed over", "RFC 8489 §14"),
    Field::many("stun.att.length", "Attribute length", Kind::Dec, |at, give| {
        let _ = each(at).map(|found| Value::Uint(found.value.len() as u64)).all(give);
    })
    .about("Bytes of its value, padding not counted", "RFC 8489 §14"),
    Field::many("stun.att.family", "Family", Kind::Hex(2), |at, give| {
        let known = each(at).filter(|found| is_address(found.kind));
        let _ = known.filter_map(|found| byte(found.value, 1).map(Value::Uint)).all(give);
    })
    .words(families)
    .about("Of an address: 1 IPv4, 2 IPv6", "RFC 8489 §14.1"),
    Field::many("stun.att.port-xord", "Port (turned)", Kind::Bytes, |at, give| {
        let known = each(at).filter(|found| is_turned(found.kind));
        let _ = known.filter_map(|found| found.value.get(2..4).map(Value::Bytes)).all(give);
    })
    .about("Its bits turned by the cookie's first ones, so that no NAT takes it for a port", "RFC 8489 §14.2"),
    Field::many("stun.att.port", "Port", Kind::Dec, |at, give| {
        let _ = addresses(at).map(|(_, address)| Value::Uint(address.port().into())).all(give);
    })
    .about("Of an address: of the mapping, of the server, of its other socket", "RFC 8489 §14.1"),
    Field::many("stun.att.ipv4-xord", "IPv4 (turned)", Kind::Bytes, |at, give| {
        let known = addresses(at).filter(|(found, address)| is_turned(found.kind) && address.is_ipv4());
        let _ = known.filter_map(|(found, _)| found.value.get(4..).map(Value::Bytes)).all(give);
    })
    .about("Its bits turned by the cookie", "RFC 8489 §14.2"),
    Field::many("stun.att.ipv4", "IPv4", Kind::Ipv4, |at, give| {
        let known = addresses(at).filter_map(|(_, address)| match address.ip() {
            IpAddr::V4(ip) => Some(Value::Ipv4(ip.octets())),
            IpAddr::V6(_) => None,
        });
        let _ = { known }.all(give);
    })
    .about("Of the mapping, of the server, of its other socket", "RFC 8489 §14.1"),
    Field::many("stun.att.ipv6-xord", "IPv6 (turned)", Kind::Bytes, |at, give| {
        let known = addresses(at).filter(|(found, address)| is_turned(found.kind) && address.is_ipv6());
        let _ = known.filter_map(|(found, _)| found.value.get(4..).map(Value::Bytes)).all(give);
    })
    .about("Its bits turned by cookie and transaction", "RFC 8489 §14.2"),
    Field::many("stun.att.ipv6", "IPv6", Kind::Ipv6, |at, give| {
        let known = addresses(at).filter_map(|(_, address)| match address.ip() {
            IpAddr::V6(ip) => Some(Value::Ipv6(ip.octets())),
            IpAddr::V4(_) => None,
        });
        let _ = { known }.all(give);
    })
    .about("Of the mapping, of the server, of its other socket", "RFC 8489 §14.1"),
    Field::many("stun.att.change-ip", "Change address", Kind::Bool, |at, give| {
        part(at, CHANGE_REQUEST, |value| flag(value, 4), give);
    })
    .about("The answer is to come from the server's other address", "RFC 5780 §7.2"),
    Field::many("stun.att.change-port", "Change port", Kind::Bool, |at, give| {
        part(at, CHANGE_REQUEST, |value| flag(value, 2), give);
    })
    .about("The answer is to come from the server's other port", "RFC 5780 §7.2"),
    Field::many("netlab.stun.response-port", "Response port", Kind::Dec, |at, give| {
        part(at, RESPONSE_PORT, |value| word(value).map(Value::Uint), give);
    })
    .about("The answer is to go to this port of the sender's address", BEHAVIOUR),
    Field::many("stun.att.error.class", "Error class", Kind::Dec, |at, give| {
        part(at, ERROR_CODE, |value| byte(value, 2).map(|class| Value::Uint(class & 7)), give);
    })
    .about("The hundreds of an error's number", "RFC 8489 §14.8"),
    Field::many("stun.att.error", "Error", Kind::Dec, |at, give| {
        part(at, ERROR_CODE, |value| byte(value, 3).map(Value::Uint), give);
    })
    .about("The rest of an error's number", "RFC 8489 §14.8"),
    Field::many("stun.att.error.reason", "Reason", Kind::Text, |at, give| {
        part(at, ERROR_CODE, |value| value.get(4..).map(Value::Text), give);
    })
    .about("An error in words", "RFC 8489 §14.8"),
    Field::many("stun.att.unknown", "Unknown attribute", Kind::Hex(4), |at, give| {
        let lists = each(at).filter(|found| found.kind == UNKNOWN_ATTRIBUTES);
        let kinds = lists.flat_map(|found| found.value.chunks_exact(2).filter_map(word));
        let _ = kinds.map(Value::Uint).all(give);
    })
    .words(names)
    .about("An attribute that the server had to understand and did not", "RFC 8489 §14.9"),
    Field::many("stun.att.username", "User name", Kind::Text, |at, give| {
        part(at, USERNAME, |value| Some(Value::Text(value)), give);
    })
    .about("Who asks", "RFC 8489 §14.3"),
    Field::many("stun.att.realm", "Realm", Kind::Text, |at, give| {
        part(at, REALM, |value| Some(Value::Text(value)), give);
    })
    .about("What the user name belongs to", "RFC 8489 §14.9"),
    Field::many("stun.att.nonce", "Nonce", Kind::Text, |at, give| {
        part(at, NONCE, |value| Some(Value::Text(value)), give);
    })
    .about("What the server wants back", "RFC 8489 §14.10"),
    Field::many("stun.att.software", "Software", Kind::Text, |at, give| {
        part(at, SOFTWARE, |value| Some(Value::Text(value)), give);
    })
    .about("The program that sends, in its own words", "RFC 8489 §14.14"),
    Field::many("stun.att.crc32", "Fingerprint", Kind::Hex(8), |at, give| {
        part(
            at,
            FINGERPRINT,
            |value| value.first_chunk::<4>().map(|sum| Value::Uint(u32::from_be_bytes(*sum).into())),
            give,
        );
    })
    .about("A checksum over the message, turned, that tells STUN from other data", "RFC 8489 §14.7"),
];
