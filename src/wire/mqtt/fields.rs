//! What is told of each message of MQTT under Wireshark's names.

use super::properties::{self, Property, What, names, reasons};
use super::{CONNECTED, NEWER, PUBLISH, connect, filters, head, kind, kinds, outcomes, parts, publish};
use crate::wire::{At, Field, Kind, Value};

const SOURCE: &str = "MQTT 3.1.1 §2";
const CONNECT: &str = "MQTT 3.1.1 §3.1";
const PROPERTIES: &str = "MQTT 5 §2.2.2";
const REASONS: &str = "MQTT 5 §2.4";

/// The last version that sent more than PUBLISH again, and as surely as was wanted (MQTT 3.1 §2.1); it calls itself 3.
const OLDER: u8 = 3;

fn flags(at: &At<'_>, mask: u8) -> Option<u8> {
    at.u8(0).filter(|_| kind(at) == PUBLISH).map(|first| first & mask)
}

/// Flags that other messages have, too, in version 3.1: PUBREL, SUBSCRIBE and UNSUBSCRIBE.
fn delivery(at: &At<'_>, mask: u8) -> Option<u8> {
    let older = matches!(kind(at), 6 | 8 | 10) && at.layer.version == OLDER;
    if older { at.u8(0).map(|first| first & mask) } else { flags(at, mask) }
}

/// The properties of a message, then those of its will, each with what is asked of it.
fn each_property<'a>(
    at: &At<'a>,
    value: fn(Property<'a>) -> Option<Value<'a>>,
    give: &mut dyn FnMut(Value<'a>) -> bool,
) {
    let blocks = blocks(at);
    let _ = blocks.into_iter().flatten().flat_map(properties::each).filter_map(value).all(give);
}

fn blocks<'a>(at: &At<'a>) -> [Option<&'a [u8]>; 2] {
    match connect(at) {
        Some(connect) if connect.version >= NEWER => {
            [Some(connect.properties), connect.will.map(|will| will.properties)]
        }
        _ => [parts(at).properties, None],
    }
}

/// What is asked of the properties of one shape.
macro_rules! each {
    ($shape:pat => $value:expr) => {
        |at, give| each_property(at, |property| if let $shape = property.what { Some($value) } else { None }, give)
    };
}

/// How the message of such a kind says that it went.
fn reason<'a>(at: &At<'a>, of: u8) -> Option<Value<'a>> {
    let newer = kind(at) == of && at.layer.version >= NEWER;
    parts(at).reason.filter(|_| newer).map(|code| Value::Uint(code.into()))
}

/// What a message of such a kind says of one after the other, in version 5 or before.
fn each_outcome<'a>(at: &At<'a>, of: u8, newer: bool, give: &mut dyn FnMut(Value<'a>) -> bool) {
    if kind(at) == of && (at.layer.version >= NEWER) == newer {
        let _ = outcomes(at).iter().map(|code| Value::Uint((*code).into())).all(give);
    }
}

/// What a subscription was granted.
fn granted(number: u64) -> Option<&'static str> {
    match number {
        0 => Some("at most once"),
        1 => Some("at least once"),
        2 => Some("exactly once"),
        _ => reasons(number),
    }
}

/// A part of what a client wants of each subscription.
fn each_option<'a>(at: &At<'a>, newer: bool, value: fn(u8) -> Value<'static>, give: &mut dyn FnMut(Value<'a>) -> bool) {
    if (at.layer.version >= NEWER) == newer {
        let _ = filters(at).filter_map(|(_, options)| options.map(value)).all(give);
    }
}

pub static FIELDS: &[Field] = &[
    Field::hex("mqtt.hdrflags", "Flags", 0, 8).combined().about("Type of the message and its flags", SOURCE),
    Field::dec("mqtt.msgtype", "Message", 0, 4).words(kinds).about("What the message is", SOURCE),
    Field::one("mqtt.len", "Length", Kind::Dec, |at| Some(Value::Uint(head(at.header())?.1 as u64)))
        .about("Bytes that follow", SOURCE),
    Field::one("mqtt.dupflag", "Sent again", Kind::Bool, |at| Some(Value::Bool(delivery(at, 8)? != 0)))
        .about("The same was sent before", "MQTT 3.1.1 §3.3"),
    Field::one("mqtt.qos", "Quality of service", Kind::Dec, |at| Some(Value::Uint((delivery(at, 6)? >> 1).into())))
        .about("0 at most once, 1 at least once, 2 exactly once", "MQTT 3.1.1 §4.3"),
    Field::one("mqtt.retain", "Retain", Kind::Bool, |at| Some(Value::Bool(flags(at, 1)? != 0)))
        .about("The broker keeps it for who comes later", "MQTT 3.1.1 §3.3"),
    Field::one("mqtt.protoname", "Protocol", Kind::Text, |at| Some(Value::Text(connect(at)?.protocol)))
        .about("MQTT", CONNECT),
    Field::one("mqtt.ver", "Version", Kind::Dec, |at| Some(Value::Uint(connect(at)?.version.into())))
        .about("4: 3.1.1, 5: 5", CONNECT),
    Field::one("mqtt.conflags", "Connect flags", Kind::Hex(2), |at| Some(Value::Uint(connect(at)?.flags.into())))
        .about("What follows: user, password, will", CONNECT),
    Field::one("mqtt.kalive", "Keep alive", Kind::Dec, |at| Some(Value::Uint(connect(at)?.keep_alive.into())))
        .about("Seconds without a message after which the client is taken for gone", CONNECT),
    Field::one("mqtt.clientid", "Client", Kind::Text, |at| Some(Value::Text(connect(at)?.client)))
        .about("Its name", CONNECT),
    Field::one("mqtt.username", "User", Kind::Text, |at| connect(at)?.user.map(Value::Text))
        .about("Who connects", CONNECT),
    Field::one("mqtt.passwd", "Password", Kind::Text, |at| connect(at)?.password.map(Value::Text))
        .about("Shown covered", CONNECT),
    Field::one("mqtt.conack.val", "Answer", Kind::Dec, |at| {
        let code = parts(at).reason.filter(|_| kind(at) == CONNECTED && at.layer.version < NEWER);
        code.map(|code| Value::Uint(code.into()))
    })
    .about("0: connected", "MQTT 3.1.1 §3.2"),
    Field::one("mqtt.msgid", "Identifier", Kind::Dec, |at| Some(Value::Uint(parts(at).identifier?.into())))
        .about("A message and its acknowledgments have the same", SOURCE),
    Field::many("mqtt.topic", "Topic", Kind::Text, |at, give| {
        // Of version 5, one that is empty has a number in its place.
        let is_told = |topic: &&[u8]| !topic.is_empty() || at.layer.version < NEWER;
        let told = publish(at).map(|(topic, ..)| topic).filter(is_told).into_iter();
        let _ = told.chain(filters(at).map(|(topic, _)| topic)).map(Value::Text).all(give);
    })
    .about("What a message is about, or what a client wants to hear of", "MQTT 3.1.1 §4.7"),
    Field::one("mqtt.msg", "Content", Kind::Bytes, |at| Some(Value::Bytes(publish(at)?.2)))
        .about("Any bytes", "MQTT 3.1.1 §3.3"),
    Field::many("mqtt.sub.qos", "Wanted quality", Kind::Dec, |at, give| {
        each_option(at, false, |options| Value::Uint((options & 3).into()), give);
    })
    .about("The best quality of service that the client wants", "MQTT 3.1.1 §3.8"),
    Field::many("mqtt.suback.qos", "Granted quality", Kind::Dec, |at, give| each_outcome(at, 9, false, give))
        .about("The best quality of service that the client gets; 128: none", "MQTT 3.1.1 §3.9"),
    Field::many("mqtt.subscription_options_qos", "Wanted quality", Kind::Dec, |at, give| {
        each_option(at, true, |options| Value::Uint((options & 3).into()), give);
    })
    .about("The best quality of service that the client wants", "MQTT 5 §3.8.3"),
    Field::many("mqtt.subscription_options_nl", "Not its own", Kind::Bool, |at, give| {
        each_option(at, true, |options| Value::Bool(options & 4 != 0), give);
    })
    .about("The client does not want to hear what it publishes itself", "MQTT 5 §3.8.3"),
    Field::many("mqtt.subscription_options_rap", "Retain as it was", Kind::Bool, |at, give| {
        each_option(at, true, |options| Value::Bool(options & 8 != 0), give);
    })
    .about("Messages say whether they were to be kept", "MQTT 5 §3.8.3"),
    Field::many("mqtt.subscription_options_retain", "Kept messages", Kind::Dec, |at, give| {
        each_option(at, true, |options| Value::Uint((options >> 4 & 3).into()), give);
    })
    .about("What was kept is sent: 0 now, 1 if the subscription is new, 2 not", "MQTT 5 §3.8.3"),
    Field::one("mqtt.willtopic", "Topic of the will", Kind::Text, |at| Some(Value::Text(connect(at)?.will?.topic)))
        .about("What the broker is to say under, where the client is gone without a word", CONNECT),
    Field::one("mqtt.willmsg", "Will", Kind::Bytes, |at| Some(Value::Bytes(connect(at)?.will?.content)))
        .about("What the broker is to say then", CONNECT),
    Field::many("mqtt.property_len", "Bytes of properties", Kind::Dec, |at, give| {
        let _ = blocks(at).into_iter().flatten().map(|block| Value::Uint(block.len() as u64)).all(give);
    })
    .about("What else is said, of version 5", PROPERTIES),
    Field::many("mqtt.property_id", "Property", Kind::Hex(2), |at, give| {
        each_property(at, |property| Some(Value::Uint(property.number.into())), give);
    })
    .words(names)
    .about("What it is; its value stands in the fields behind", PROPERTIES),
    Field::many("mqtt.prop_number", "Number", Kind::Dec, each!(What::Number(number) => Value::Uint(number)))
        .about("Of properties that are numbers", PROPERTIES),
    Field::many("mqtt.prop_string", "Text", Kind::Text, each!(What::Text(text) => Value::Text(text)))
        .about("Of properties that are text, or any bytes; what proves who speaks is shown covered", PROPERTIES),
    Field::many("mqtt.prop_key", "Name", Kind::Text, each!(What::Pair(name, _) => Value::Text(name)))
        .about("Of properties on which the users of MQTT agree", PROPERTIES),
    Field::many("mqtt.prop_value", "Value", Kind::Text, each!(What::Pair(_, value) => Value::Text(value)))
        .about("Of properties on which the users of MQTT agree", PROPERTIES),
    Field::many(
        "mqtt.property.content_type",
        "Kind of content",
        Kind::Text,
        each!(What::Content(kind) => Value::Text(kind)),
    )
    .about("As MIME names it, mostly", PROPERTIES),
    Field::many(
        "mqtt.property.max_qos",
        "Best quality",
        Kind::Dec,
        each!(What::Quality(best) => Value::Uint(best.into())),
    )
    .about("The best quality of service that the server has", PROPERTIES),
    Field::many(
        "mqtt.property.topic_alias",
        "Number of the topic",
        Kind::Dec,
        each!(What::Alias(number) => Value::Uint(number.into())),
    )
    .about("Stands for the topic in later messages of this side", PROPERTIES),
    Field::one("mqtt.connack.reason_code", "Reason", Kind::Dec, |at| reason(at, 2))
        .words(reasons)
        .about("How it went, of version 5: from 128 on, not well", REASONS),
    Field::one("mqtt.puback.reason_code", "Reason", Kind::Dec, |at| reason(at, 4))
        .words(reasons)
        .about("How it went, of version 5: from 128 on, not well", REASONS),
    Field::one("mqtt.pubrec.reason_code", "Reason", Kind::Dec, |at| reason(at, 5))
        .words(reasons)
        .about("How it went, of version 5: from 128 on, not well", REASONS),
    Field::one("mqtt.pubrel.reason_code", "Reason", Kind::Dec, |at| reason(at, 6))
        .words(reasons)
        .about("How it went, of version 5: from 128 on, not well", REASONS),
    Field::one("mqtt.pubcomp.reason_code", "Reason", Kind::Dec, |at| reason(at, 7))
        .words(reasons)
        .about("How it went, of version 5: from 128 on, not well", REASONS),
    Field::one("mqtt.disconnect.reason_code", "Reason", Kind::Dec, |at| reason(at, 14))
        .words(reasons)
        .about("How it went, of version 5: from 128 on, not well", REASONS),
    Field::one("mqtt.auth.reason_code", "Reason", Kind::Dec, |at| reason(at, 15))
        .words(reasons)
        .about("How it went, of version 5: from 128 on, not well", REASONS),
    Field::many("mqtt.suback.reason_code", "Reason", Kind::Dec, |at, give| each_outcome(at, 9, true, give))
        .words(granted)
        .about("How it went with each, of version 5: from 128 on, not well", REASONS),
    Field::many("mqtt.unsuback.reason_code", "Reason", Kind::Dec, |at, give| each_outcome(at, 11, true, give))
        .words(reasons)
        .about("How it went with each, of version 5: from 128 on, not well", REASONS),
];
