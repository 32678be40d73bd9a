//! The fields of a message, under the names that Wireshark gives them.

use super::{ADDRESS, BULK, errors, kinds, message, number, traps, version, versions};
use crate::wire::ber::{self, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING};
use crate::wire::{At, Field, Kind, Value};

const OLD: &str = "RFC 1157 §4";
const RFC: &str = "RFC 3416 §3";
const TRAP: &str = "RFC 1157 §4.1.6";
const VALUE: &str = "RFC 2578 §7.1";

/// One of the two numbers that are an error in most messages, and counts in a question for many values.
fn pair<'a>(at: &At<'a>, place: usize, bulk: bool) -> Option<Value<'a>> {
    let message = message(at).filter(|message| (message.kind == BULK) == bulk)?;
    message.number(place).map(number)
}

fn trap<'a>(at: &At<'a>, place: usize, take: fn(Element<'a>) -> Option<Value<'a>>) -> Option<Value<'a>> {
    message(at)?.trap(place).and_then(take)
}

fn count<'a>(value: Element<'a>) -> Option<Value<'a>> {
    value.unsigned().map(Value::Uint)
}

fn address<'a>(value: Element<'a>) -> Option<Value<'a>> {
    Some(Value::Ipv4(value.of(ADDRESS)?.try_into().ok()?))
}

fn identifier<'a>(value: Element<'a>) -> Option<Value<'a>> {
    value.of(OBJECT_IDENTIFIER).map(|content| Value::Made(ber::dotted(content)))
}

type Each<'e, 'a> = &'e mut dyn FnMut(Value<'a>) -> bool;

/// The values with one of these tags.
fn values<'a>(at: &At<'a>, tags: &[u8], take: fn(Element<'a>) -> Option<Value<'a>>, give: Each<'_, 'a>) {
    let Some(message) = message(at) else { return };
    let wanted = message.bindings().map(|(_, value)| value).filter(|value| tags.contains(&value.tag));
    let _ = wanted.filter_map(take).all(give);
}

pub static FIELDS: &[Field] = &[
    Field::one("snmp.version", "Version", Kind::Dec, |at| {
        version(at).map(|(version, _)| Value::Uint(version)).filter(|version| *version != Value::Uint(3))
    })
    .words(versions)
    .about("0: version 1, 1: version 2c", OLD),
    Field::one("snmp.msgVersion", "Version", Kind::Dec, |at| {
        version(at).map(|(version, _)| Value::Uint(version)).filter(|version| *version == Value::Uint(3))
    })
    .words(versions)
    .about("3: what it says is not read", "RFC 3412 §6"),
    Field::one("snmp.community", "Community", Kind::Text, |at| Some(Value::Text(message(at)?.community)))
        .about("The password of versions 1 and 2c, which everybody on the way sees; shown covered", OLD),
    Field::one("snmp.data", "Message", Kind::Dec, |at| Some(Value::Uint(message(at)?.kind.into())))
        .words(kinds)
        .about("Question, answer, order or unasked news", RFC),
    Field::one("snmp.request_id", "Request", Kind::Int, |at| message(at)?.number(0).map(number))
        .about("A question and its answer have the same", RFC),
    Field::one("snmp.error_status", "Error", Kind::Int, |at| pair(at, 1, false)).words(errors).about("0: none", RFC),
    Field::one("snmp.error_index", "Error's place", Kind::Int, |at| pair(at, 2, false))
        .about("Which of the names it is about, from 1", RFC),
    Field::one("snmp.non_repeaters", "Asked once", Kind::Int, |at| pair(at, 1, true))
        .about("How many of the names are asked for only once", "RFC 3416 §4.2.3"),
    Field::one("snmp.max_repetitions", "Repetitions", Kind::Int, |at| pair(at, 2, true))
        .about("How many values behind each other name are wanted", "RFC 3416 §4.2.3"),
    Field::one("snmp.enterprise", "Enterprise", Kind::Text, |at| trap(at, 0, identifier))
        .about("What kind of device speaks", TRAP),
    Field::one("snmp.agent_addr", "Agent", Kind::Ipv4, |at| trap(at, 1, address)).about("The device that speaks", TRAP),
    Field::one("snmp.generic_trap", "Trap", Kind::Dec, |at| trap(at, 2, count))
        .words(traps)
        .about("What happened", TRAP),
    Field::one("snmp.specific_trap", "Own trap", Kind::Dec, |at| trap(at, 3, count))
        .about("What happened, where that is the enterprise's own", TRAP),
    Field::one("snmp.time_stamp", "Up since", Kind::Dec, |at| trap(at, 4, count))
        .about("Hundredths of a second since the device began", TRAP),
    Field::one("snmp.variable_bindings", "Names", Kind::Dec, |at| {
        Some(Value::Uint(message(at)?.bindings().count() as u64))
    })
    .computed()
    .about("How many names with values follow", RFC),
    Field::many("snmp.name", "Name", Kind::Text, |at, give| {
        let Some(message) = message(at) else { return };
        let _ = message.bindings().map(|(name, _)| Value::Made(ber::dotted(name))).all(give);
    })
    .about("What is asked for, as a number with dots", VALUE),
    Field::many("snmp.value.int", "Value", Kind::Int, |at, give| {
        values(at, &[INTEGER], |value| value.integer().map(number), give);
    })
    .about("A number, which may stand for a word", VALUE),
    Field::many("snmp.value.octets", "Value", Kind::Bytes, |at, give| {
        values(at, &[OCTET_STRING], |value| Some(Value::Bytes(value.content)), give);
    })
    .about("Text or any bytes", VALUE),
    Field::many("snmp.value.oid", "Value", Kind::Text, |at, give| {
        values(at, &[OBJECT_IDENTIFIER], identifier, give);
    })
    .about("The name of something else", VALUE),
    Field::many("snmp.value.ipv4", "Value", Kind::Ipv4, |at, give| values(at, &[ADDRESS], address, give))
        .about("An address", VALUE),
    Field::many("snmp.value.counter", "Value", Kind::Dec, |at, give| values(at, &[0x41, 0x46], count, give))
        .about("A count that only grows, and begins anew behind its highest", VALUE),
    Field::many("snmp.value.g32", "Value", Kind::Dec, |at, give| values(at, &[0x42], count, give))
        .about("A level, which may fall again", VALUE),
    Field::many("snmp.value.timeticks", "Value", Kind::Dec, |at, give| values(at, &[0x43], count, give))
        .about("Hundredths of a second", VALUE),
    Field::many("snmp.value.opaque", "Value", Kind::Bytes, |at, give| {
        values(at, &[0x44], |value| Some(Value::Bytes(value.content)), give);
    })
    .about("Bytes of which only the two ends know what they are", VALUE),
];
