//! The fields of messages that what was said before tells: whom they answer, what they belong to.

use super::{Read, declared, field};
use crate::flow::Facts;
use crate::flow::exchange::{Join, Link};
use crate::flow::ftp::Transfer;
use crate::wire::{Field, Kind, Protocol, Reread, Value};

/// What the past says of the message of one of these protocols.
fn join<'f>(facts: &'f Facts, protocols: &[Protocol]) -> Option<&'f Join> {
    facts.join.as_ref().filter(|join| protocols.contains(&join.protocol))
}

fn question(join: &Join) -> Option<Value<'static>> {
    join.answers().map(|(question, _)| Value::Uint(question))
}

fn took(join: &Join) -> Option<Value<'static>> {
    join.answers().map(|(_, after)| Value::Nanoseconds(after))
}

const JOINED: &str = "Wireshark";

/// Of DNS and who speaks its language under the names of its fields.
const OF_NAMES: &[Protocol] = &[Protocol::Dns, Protocol::Mdns, Protocol::Llmnr];

pub static NAMES: &[Field<Read>] = &[
    field("dns.response_to", "Answer to frame", Kind::Dec, |facts| question(join(facts, OF_NAMES)?))
        .about("The frame that asked", JOINED),
    field("dns.time", "Answered after", Kind::Seconds, |facts| took(join(facts, OF_NAMES)?))
        .about("Seconds since that frame", JOINED),
    field("dns.retransmission", "Again", Kind::Bool, |facts| {
        join(facts, OF_NAMES)?.answers().is_none().then_some(Value::Bool(true))
    })
    .about("The same has been asked or answered before", JOINED),
    field("dns.retransmit_request_in", "Asked first", Kind::Dec, |facts| match join(facts, OF_NAMES)?.link {
        Link::AskedBefore(first) => Some(Value::Uint(first)),
        _ => None,
    })
    .about("The frame that asked the same before", JOINED),
    field("dns.retransmit_response_in", "Answered first", Kind::Dec, |facts| match join(facts, OF_NAMES)?.link {
        Link::AnsweredBefore(first) => Some(Value::Uint(first)),
        _ => None,
    })
    .about("The frame that answered the same before", JOINED),
];

/// Of a protocol of questions and answers: the frame of the question, and how long the answer took.
macro_rules! answers {
    ($protocol:ident, $frame:literal, $time:literal) => {
        &[
            field($frame, "Answer to frame", Kind::Dec, |facts| question(join(facts, &[Protocol::$protocol])?))
                .about("The frame of the request", JOINED),
            field($time, "Answered after", Kind::Seconds, |facts| took(join(facts, &[Protocol::$protocol])?))
                .about("Seconds since that frame", JOINED),
        ]
    };
}

pub static STUN: &[Field<Read>] = answers!(Stun, "stun.response-to", "stun.time");
pub static NTP: &[Field<Read>] = answers!(Ntp, "ntp.request_in", "ntp.delta_time");
pub static SNMP: &[Field<Read>] = answers!(Snmp, "snmp.response_to", "snmp.time");
pub static COAP: &[Field<Read>] = answers!(Coap, "coap.response_to", "coap.response_time");
pub static HTTP: &[Field<Read>] = answers!(Http, "http.request_in", "http.time");

/// What FTP carries in this segment.
fn transfer(facts: &Facts) -> Option<&Transfer> {
    facts.transfer.as_deref().filter(|_| matches!(facts.reread, Some(Reread::FtpData { .. })))
}

pub static FTP_DATA: &[Field<Read>] = &[
    field("ftp-data.setup-frame", "Announced in frame", Kind::Dec, |facts| Some(Value::Uint(transfer(facts)?.setup)))
        .about("The frame that said where the connection goes", JOINED),
    field("ftp-data.setup-method", "Announced by", Kind::Text, |facts| {
        Some(Value::Text(transfer(facts)?.method.as_bytes()))
    })
    .about("PORT, EPRT: the client waits; PASV, EPASV: the server", JOINED),
    field("ftp-data.command", "Command", Kind::Text, |facts| Some(Value::Text(&transfer(facts)?.command.as_ref()?.0)))
        .about("What the client wanted: a file, a listing", JOINED),
    field("ftp-data.command-frame", "Command in frame", Kind::Dec, |facts| {
        Some(Value::Uint(transfer(facts)?.command.as_ref()?.1))
    })
    .about("The frame of that command", JOINED),
    field("ftp-data.current-working-directory", "Directory", Kind::Text, |facts| {
        transfer(facts)?.directory.as_deref().map(Value::Text)
    })
    .about("Where the control connection was when it announced the data", JOINED),
];

pub static TFTP: &[Field<Read>] = &[
    field("tftp.destination_file", "File", Kind::Text, |facts| Some(Value::Text(&facts.asked.as_ref()?.file)))
        .about("The one that the request names, in the messages that follow; to be read or written", JOINED),
    field("tftp.request_frame", "Request in frame", Kind::Dec, |facts| Some(Value::Uint(facts.asked.as_ref()?.frame)))
        .about("The frame of the request", JOINED),
];

pub static MQTT: &[Field<Read>] = &[declared(
    "mqtt.topic",
    "Topic",
    Kind::Text,
    Read::Each(|facts, each| {
        let topics = facts.topics.iter().flat_map(|topics| topics.iter());
        let _ = topics.map(|topic| Value::Text(topic)).all(each);
    }),
)
.about("What the number of the topic stands for", JOINED)];
