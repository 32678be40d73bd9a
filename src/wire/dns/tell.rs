//! A message in one line: what is asked, or what is answered.

use std::io::Write;

use super::{
    A, AAAA, CNAME, CONFLICT, DNAME, HINFO, MX, Message, NB, NS, PTR, Record, SRV, TENTATIVE, TXT, kinds, netbios,
    opcodes, replies, write_name,
};
use crate::wire::application::Tone;
use crate::wire::{At, Protocol};

/// Questions and answers that are told; the others are counted.
const MOST: usize = 4;
const UPDATE: u16 = 5;

pub fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Tone {
    let message = Message::new(at);
    let multicast = at.layer.protocol == Protocol::Mdns;
    let netbios = at.layer.protocol == Protocol::Netbios;
    let (code, response) = (message.flags() & 15, message.is_response());
    let verb: &[u8] = match (response, message.opcode()) {
        (false, 0) => b"asks",
        (true, 0) if multicast => b"says",
        (true, 0) => b"answers",
        (_, UPDATE) if netbios => b"registers",
        (_, opcode) => {
            out.extend_from_slice(opcodes(opcode.into()).unwrap_or("other operation").as_bytes());
            if response { b" answered" } else { b"" }
        }
    };
    out.extend_from_slice(verb);
    for (place, question) in message.questions().take(MOST).enumerate() {
        out.extend_from_slice(if place > 0 { b", " } else { b" " });
        kind(question.kind, out);
        out.push(b' ');
        name(message, question.name, netbios, out);
    }
    more(usize::from(message.word(4)), out);
    if response {
        out.extend_from_slice(if message.word(4) > 0 { b": " } else { b" " });
        answers(message, code, netbios, multicast, out);
    }
    if at.layer.protocol == Protocol::Llmnr {
        doubts(message, out);
    }
    if code != 0 && response { Tone::Trouble } else { Tone::Plain }
}

fn answers(message: Message<'_>, code: u16, netbios: bool, with_names: bool, out: &mut Vec<u8>) {
    if code != 0 {
        match replies(code.into()) {
            Some(words) => out.extend_from_slice(words.as_bytes()),
            None => drop(write!(out, "error {code}")),
        }
        return;
    }
    for (place, record) in message.answers().take(MOST).enumerate() {
        if place > 0 {
            out.extend_from_slice(b", ");
        }
        if with_names {
            kind(record.kind, out);
            out.push(b' ');
            name(message, record.name, netbios, out);
            out.push(b' ');
        }
        value(message, &record, with_names, out);
    }
    if message.word(6) == 0 {
        out.extend_from_slice(b"no answer");
    }
    more(message.word(6).into(), out);
}

/// What the flags of LLMNR say of who has the name.
fn doubts(message: Message<'_>, out: &mut Vec<u8>) {
    let (has, response) = (|flag: u16| message.flags() & flag != 0, message.is_response());
    out.extend_from_slice(match (has(CONFLICT), response) {
        (true, false) => b", several have answered before",
        (true, true) => b", others may have that name",
        _ => b"",
    });
    if has(TENTATIVE) && response {
        out.extend_from_slice(b", not yet sure that the name is its own");
    }
}

fn more(count: usize, out: &mut Vec<u8>) {
    if count > MOST {
        // Writing to a vector cannot fail.
        let _ = write!(out, " and {} more", count - MOST);
    }
}

fn name(message: Message<'_>, at: usize, netbios: bool, out: &mut Vec<u8>) {
    if netbios { netbios::write_name(message.bytes, at, out) } else { write_name(message.bytes, at, out) }
}

fn kind(number: u16, out: &mut Vec<u8>) {
    match kinds(number.into()) {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => drop(write!(out, "type {number}")),
    }
}

fn value(message: Message<'_>, record: &Record<'_>, kind_told: bool, out: &mut Vec<u8>) {
    let data = record.data;
    let name = |skip: usize, out: &mut Vec<u8>| write_name(message.bytes, record.at + skip, out);
    match record.kind {
        A if data.len() == 4 => address(data, out),
        NB => netbios::each_address(record).for_each(|ip| address(&ip, out)),
        AAAA => {
            let ip: Option<[u8; 16]> = data.try_into().ok();
            let _ = ip.map(|ip| write!(out, "{}", std::net::Ipv6Addr::from(ip)));
        }
        CNAME | DNAME | NS => {
            if !kind_told {
                kind(record.kind, out);
                out.push(b' ');
            }
            name(0, out);
        }
        PTR => name(0, out),
        MX => name(2, out),
        SRV => {
            name(6, out);
            let _ = data
                .get(4..6)
                .and_then(|port| port.first_chunk())
                .map(|port| write!(out, ":{}", u16::from_be_bytes(*port)));
        }
        TXT | HINFO => {
            let mut texts = super::fields::texts(data).take(MOST);
            let first = texts.next().unwrap_or_default();
            out.push(b'"');
            out.extend_from_slice(first);
            texts.for_each(|text| {
                out.push(b' ');
                out.extend_from_slice(text);
            });
            out.push(b'"');
        }
        other => {
            if !kind_told {
                kind(other, out);
            }
        }
    }
}

fn address(data: &[u8], out: &mut Vec<u8>) {
    if let Some(ip) = data.first_chunk::<4>() {
        let _ = write!(out, "{}", std::net::Ipv4Addr::from(*ip));
    }
}
