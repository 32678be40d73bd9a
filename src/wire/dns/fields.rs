//! The fields of a message, under the names that Wireshark gives them. What only a response says, only it has.

use super::{
    A, AAAA, CAA, CNAME, DNAME, LENGTH, MX, Message, NS, OPT, PTR, Question, Record, SOA, SRV, TXT, classes, kinds,
    measured, opcodes, replies,
};
use crate::wire::{At, Bits, Field, Kind, Protocol, Value};

const RFC: &str = "RFC 1035 §4.1";
const HEAD: &str = "RFC 1035 §4.1.1";
const QUESTION: &str = "RFC 1035 §4.1.2";
const RECORD: &str = "RFC 1035 §4.1.3";
const DATA: &str = "RFC 1035 §3.3";
const SECURITY: &str = "RFC 4035 §3";
const MULTICAST: &str = "RFC 6762 §18";
const EXTENSION: &str = "RFC 6891 §6.1";
const LOCAL: &str = "RFC 4795 §2.1.1";

/// The bit of multicast DNS that shares its place with the class.
const TOP: u16 = 0x8000;

type Each<'e, 'a> = &'e mut dyn FnMut(Value<'a>) -> bool;

fn is_local(at: &At<'_>) -> bool {
    at.layer.protocol == Protocol::Llmnr
}

/// Where LLMNR has other flags, or none.
fn is_of_servers(at: &At<'_>) -> bool {
    !is_local(at)
}

fn is_response(at: &At<'_>) -> bool {
    Message::new(at).is_response()
}

fn is_of_answers(at: &At<'_>) -> bool {
    is_of_servers(at) && is_response(at)
}

fn questions<'a>(at: &At<'a>, take: fn(Message<'a>, &Question) -> Value<'a>, each: Each<'_, 'a>) {
    let message = Message::new(at);
    let _ = message.questions().all(|question| each(take(message, &question)));
}

fn records<'a>(at: &At<'a>, take: fn(Message<'a>, &Record<'a>) -> Option<Value<'a>>, each: Each<'_, 'a>) {
    let message = Message::new(at);
    let _ = message.records().filter_map(|record| take(message, &record)).all(each);
}

/// The class without the bit that multicast DNS has in its place.
fn class(at: &At<'_>, class: u16) -> u64 {
    u64::from(if at.layer.protocol == Protocol::Mdns { class & !TOP } else { class })
}

/// A name in the data of records of one type.
fn name<'a>(message: Message<'a>, record: &Record<'a>, kind: u16, skip: usize) -> Option<Value<'a>> {
    if record.kind == kind { message.name_in(record, skip) } else { None }
}

/// A number in the data of records of one type.
fn word<'a>(record: &Record<'_>, kind: u16, at: usize) -> Option<Value<'a>> {
    let bytes = record.data.get(at..).filter(|_| record.kind == kind)?.first_chunk()?;
    Some(Value::Uint(u16::from_be_bytes(*bytes).into()))
}

/// The fixed numbers behind the two names of an SOA record.
fn authority<'a>(message: Message<'a>, record: &Record<'a>, place: usize) -> Option<Value<'a>> {
    let at = behind_names(message, record, 2)? + place * 4;
    let number = message.bytes.get(at..at + 4).filter(|_| at + 4 <= record.at + record.data.len())?;
    Some(Value::Uint(u32::from_be_bytes(number.try_into().ok()?).into()))
}

/// Where the bytes behind so many names in the data of an SOA record begin.
fn behind_names(message: Message<'_>, record: &Record<'_>, names: usize) -> Option<usize> {
    (record.kind == SOA).then_some(())?;
    let mut reader = super::Reader::new(message.bytes);
    reader.skip(record.at)?;
    (0..names).try_for_each(|_| super::skip_name(&mut reader))?;
    Some(reader.position())
}

/// The texts of a TXT record: each behind its length.
pub fn texts(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (&length, tail) = rest.split_first()?;
        let (text, behind) = tail.split_at_checked(usize::from(length)).unwrap_or((tail, &[]));
        rest = behind;
        Some(text)
    })
}

pub static FIELDS: &[Field] = &[
    Field::one("dns.length", "Length", Kind::Dec, |at| {
        let below = at.packet.layers.get(..at.index)?.iter().rfind(|layer| !layer.protocol.is_application())?;
        let start = (at.layer.start as usize).checked_sub(LENGTH).filter(|_| below.protocol == Protocol::Tcp)?;
        let bytes = at.packet.frame.data.get(start..)?.first_chunk()?;
        Some(Value::Uint(u16::from_be_bytes(*bytes).into()))
    })
    .about("Bytes of the message, as TCP needs it", "RFC 1035 §4.2.2"),
    Field::hex("dns.id", "Transaction", 0, 16).about("Number that a question and its answer have in common", HEAD),
    Field::one("dns.flags", "Flags", Kind::Hex(4), |at| at.u16(2).map(|flags| Value::Uint(flags.into())))
        .about("What follows, bit by bit", HEAD),
    Field::flag("dns.flags.response", "Response", 16).about("This is an answer", HEAD),
    Field::dec("dns.flags.opcode", "Opcode", 17, 4).words(opcodes).about("What is asked for", HEAD),
    Field::flag("dns.flags.authoritative", "Authoritative", 21)
        .only(is_of_answers)
        .about("Who answers is in charge of the name", HEAD),
    Field::flag("dns.flags.conflict", "Conflict", 21)
        .only(is_local)
        .about("Asked: several have answered before; answered: others may have the name too", LOCAL),
    Field::flag("dns.flags.truncated", "Truncated", 22).about("There was more than fits a datagram: ask by TCP", HEAD),
    Field::flag("dns.flags.tentative", "Tentative", 23)
        .only(is_local)
        .about("Who answers has not yet made sure that nobody else has the name", LOCAL),
    Field::flag("dns.flags.recdesired", "Recursion desired", 23)
        .only(is_of_servers)
        .about("The server is to ask others", HEAD),
    Field::flag("dns.flags.recavail", "Recursion available", 24)
        .only(is_of_answers)
        .about("The server asks others", HEAD),
    Field::flag("dns.flags.z", "Reserved", 25).only(is_of_servers).about("Must be 0", HEAD),
    Field::one("dns.flags.authenticated", "Authentic data", Kind::Bool, |at| {
        // Who asks may say that it would like to know (RFC 6840 §5.7).
        let bit = at.fixed(Kind::Bool, Bits { at: 26, length: 1 }).filter(|_| is_of_servers(at));
        bit.filter(|bit| *bit == Value::Bool(true) || is_of_answers(at))
    })
    .at(26, 1)
    .about("The server has checked the signatures", SECURITY),
    Field::flag("dns.flags.checkdisable", "Checking disabled", 27)
        .only(is_of_servers)
        .about("What is not signed well is wanted too", SECURITY),
    Field::dec("dns.flags.rcode", "Reply code", 28, 4).only(is_response).words(replies).about("How it went", HEAD),
    Field::dec("dns.count.queries", "Questions", 32, 16).about("How many follow", HEAD),
    Field::dec("dns.count.answers", "Answers", 48, 16).about("How many records answer", HEAD),
    Field::dec("dns.count.auth_rr", "Authorities", 64, 16).about("How many records say who knows", HEAD),
    Field::dec("dns.count.add_rr", "Additional records", 80, 16).about("How many records were added", HEAD),
    Field::many("dns.qry.name", "Question: name", Kind::Text, |at, each| {
        questions(at, |message, question| message.name(question.name), each);
    })
    .about("The name that is asked about", QUESTION),
    Field::many("dns.qry.name.len", "Question: length", Kind::Dec, |at, each| {
        questions(at, |message, question| Value::Uint(measured(message.bytes, question.name).1), each);
    })
    .computed()
    .about("Letters of the name, its dots included", QUESTION),
    Field::many("dns.count.labels", "Question: labels", Kind::Dec, |at, each| {
        questions(at, |message, question| Value::Uint(measured(message.bytes, question.name).0), each);
    })
    .computed()
    .about("Labels of the name", QUESTION),
    Field::many("dns.qry.type", "Question: type", Kind::Dec, |at, each| {
        questions(at, |_, question| Value::Uint(question.kind.into()), each);
    })
    .words(kinds)
    .about("The type of records that is wanted", QUESTION),
    Field::many("dns.qry.class", "Question: class", Kind::Hex(4), |at, each| {
        let _ = Message::new(at).questions().all(|question| each(Value::Uint(class(at, question.class))));
    })
    .words(classes)
    .about("The Internet, nearly always", QUESTION),
    Field::many("dns.qry.qu", "Question: answer to me", Kind::Bool, |at, each| {
        let multicast = at.layer.protocol == Protocol::Mdns;
        let asked = Message::new(at).questions().filter(|_| multicast);
        let _ = asked.map(|question| Value::Bool(question.class & TOP != 0)).all(each);
    })
    .about("The answer may go to who asks alone", MULTICAST),
    Field::many("dns.resp.name", "Record: name", Kind::Text, |at, each| {
        records(at, |message, record| Some(message.name(record.name)), each);
    })
    .about("The name that the record tells something of", RECORD),
    Field::many("dns.resp.type", "Record: type", Kind::Dec, |at, each| {
        records(at, |_, record| Some(Value::Uint(record.kind.into())), each);
    })
    .words(kinds)
    .about("What the record tells", RECORD),
    Field::many("dns.resp.class", "Record: class", Kind::Hex(4), |at, each| {
        let told = Message::new(at).records().filter(|record| record.kind != OPT);
        let _ = told.map(|record| Value::Uint(class(at, record.class))).all(each);
    })
    .words(classes)
    .about("The Internet, nearly always", RECORD),
    Field::many("dns.resp.cache_flush", "Record: replaces others", Kind::Bool, |at, each| {
        let multicast = at.layer.protocol == Protocol::Mdns;
        let told = Message::new(at).records().filter(|record| multicast && record.kind != OPT);
        let _ = told.map(|record| Value::Bool(record.class & TOP != 0)).all(each);
    })
    .about("What was known of this name and type is to be forgotten", MULTICAST),
    Field::many("dns.resp.ttl", "Record: time to live", Kind::Dec, |at, each| {
        records(at, |_, record| (record.kind != OPT).then_some(Value::Uint(record.ttl.into())), each);
    })
    .about("Seconds that the record may be kept", RECORD),
    Field::many("dns.resp.len", "Record: length", Kind::Dec, |at, each| {
        records(at, |_, record| Some(Value::Uint(record.length.into())), each);
    })
    .about("Bytes of the record's data", RECORD),
    Field::many("dns.a", "Address", Kind::Ipv4, |at, each| {
        records(at, |_, record| record.data.try_into().ok().filter(|_| record.kind == A).map(Value::Ipv4), each);
    })
    .about("IPv4 address of the name", DATA),
    Field::many("dns.aaaa", "IPv6 address", Kind::Ipv6, |at, each| {
        records(at, |_, record| record.data.try_into().ok().filter(|_| record.kind == AAAA).map(Value::Ipv6), each);
    })
    .about("IPv6 address of the name", "RFC 3596 §2.2"),
    Field::many("dns.cname", "Canonical name", Kind::Text, |at, each| {
        records(at, |message, record| name(message, record, CNAME, 0), each);
    })
    .about("The name that this one is another name of", DATA),
    Field::many("dns.dname", "Delegation name", Kind::Text, |at, each| {
        records(at, |message, record| name(message, record, DNAME, 0), each);
    })
    .about("The tree that this one is another name of", "RFC 6672 §2"),
    Field::many("dns.ns", "Name server", Kind::Text, |at, each| {
        records(at, |message, record| name(message, record, NS, 0), each);
    })
    .about("A server that is in charge of the zone", DATA),
    Field::many("dns.ptr.domain_name", "Pointer", Kind::Text, |at, each| {
        records(at, |message, record| name(message, record, PTR, 0), each);
    })
    .about("The name of an address, or an instance of a service", DATA),
    Field::many("dns.mx.preference", "Mail: preference", Kind::Dec, |at, each| {
        records(at, |_, record| word(record, MX, 0), each);
    })
    .about("The lowest is tried first", DATA),
    Field::many("dns.mx.mail_exchange", "Mail: exchange", Kind::Text, |at, each| {
        records(at, |message, record| name(message, record, MX, 2), each);
    })
    .about("Who takes mail for the name", DATA),
    Field::many("dns.soa.mname", "Zone: primary server", Kind::Text, |at, each| {
        records(at, |message, record| name(message, record, SOA, 0), each);
    })
    .about("Where the zone's data come from", DATA),
    Field::many("dns.soa.rname", "Zone: mailbox", Kind::Text, |at, each| {
        records(at, |message, record| behind_names(message, record, 1).map(|at| message.name(at)), each);
    })
    .about("Who is responsible; the first dot stands for @", DATA),
    Field::many("dns.soa.serial_number", "Zone: serial", Kind::Dec, |at, each| {
        records(at, |message, record| authority(message, record, 0), each);
    })
    .about("Grows with each change of the zone", DATA),
    Field::many("dns.soa.refresh_interval", "Zone: refresh", Kind::Dec, |at, each| {
        records(at, |message, record| authority(message, record, 1), each);
    })
    .about("Seconds until the other servers look for changes", DATA),
    Field::many("dns.soa.retry_interval", "Zone: retry", Kind::Dec, |at, each| {
        records(at, |message, record| authority(message, record, 2), each);
    })
    .about("Seconds until they try again", DATA),
    Field::many("dns.soa.expire_limit", "Zone: expires", Kind::Dec, |at, each| {
        records(at, |message, record| authority(message, record, 3), each);
    })
    .about("Seconds until they give up", DATA),
    Field::many("dns.soa.minimum_ttl", "Zone: minimum", Kind::Dec, |at, each| {
        records(at, |message, record| authority(message, record, 4), each);
    })
    .about("Seconds that a no may be kept", "RFC 2308 §4"),
    Field::many("dns.txt", "Text", Kind::Text, |at, each| {
        let told = Message::new(at).records().filter(|record| record.kind == TXT);
        let _ = told.flat_map(|record| texts(record.data)).map(Value::Text).all(each);
    })
    .about("Text, whatever it means", DATA),
    Field::many("dns.srv.priority", "Service: priority", Kind::Dec, |at, each| {
        records(at, |_, record| word(record, SRV, 0), each);
    })
    .about("The lowest is tried first", "RFC 2782"),
    Field::many("dns.srv.weight", "Service: weight", Kind::Dec, |at, each| {
        records(at, |_, record| word(record, SRV, 2), each);
    })
    .about("Of those with the same priority: how often it is taken", "RFC 2782"),
    Field::many("dns.srv.port", "Service: port", Kind::Dec, |at, each| {
        records(at, |_, record| word(record, SRV, 4), each);
    })
    .about("Where the service listens", "RFC 2782"),
    Field::many("dns.srv.target", "Service: host", Kind::Text, |at, each| {
        records(at, |message, record| name(message, record, SRV, 6), each);
    })
    .about("The host that serves", "RFC 2782"),
    Field::many("dns.caa.tag", "Authorization: tag", Kind::Text, |at, each| {
        let told = Message::new(at).records().filter(|record| record.kind == CAA);
        let _ = told.filter_map(|record| texts(record.data.get(1..)?).next()).map(Value::Text).all(each);
    })
    .about("What the record allows", "RFC 8659 §4.1"),
    Field::many("dns.rr.udp_payload_size", "Largest datagram", Kind::Dec, |at, each| {
        records(at, |_, record| (record.kind == OPT).then_some(Value::Uint(record.class.into())), each);
    })
    .about("Bytes that the sender can take in one datagram", EXTENSION),
    Field::many("dns.resp.edns0_version", "EDNS version", Kind::Dec, |at, each| {
        records(at, |_, record| (record.kind == OPT).then_some(Value::Uint(u64::from(record.ttl >> 16 & 0xff))), each);
    })
    .about("Version of the extension", EXTENSION),
    Field::many("dns.resp.z.do", "Signatures wanted", Kind::Bool, |at, each| {
        records(at, |_, record| (record.kind == OPT).then_some(Value::Bool(record.ttl & 0x8000 != 0)), each);
    })
    .about("Answers are to come with their signatures", EXTENSION),
    Field::many("dns.data", "Other data", Kind::Bytes, |at, each| {
        let known = [A, AAAA, CAA, CNAME, DNAME, MX, NS, OPT, PTR, SOA, SRV, TXT];
        let told = Message::new(at).records().filter(|record| !known.contains(&record.kind));
        let _ = told.map(|record| Value::Bytes(record.data)).all(each);
    })
    .about("Data of records of other types", RFC),
];
