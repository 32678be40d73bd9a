//! Conversations as the pipeline reads them: what is told of messages by what was said before.

use crate::field;
use crate::flow::FlowTable;
use crate::flow::sample::{self, Connection};

const CONNECT: &[u8] = b"\x10\x0e\0\x04MQTT\x05\x02\0\x3c\0\0\x01a";
const CONNECT_4: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a";
const CONNECTED: &[u8] = b"\x20\x06\0\0\x03\x22\0\x0a";
/// Under a/b, with a pair and a number for the topic.
const NUMBERED: &[u8] = b"\x30\x11\0\x03a/b\x0a\x26\0\x01k\0\x01v\x23\0\x07x";
const BY_NUMBER: &[u8] = b"\x30\x07\0\0\x03\x23\0\x07y";

struct Talk {
    table: FlowTable,
    connection: Connection,
}

impl Talk {
    fn new() -> Self {
        Self { table: FlowTable::new(), connection: Connection::to(1883) }
    }

    /// Topics, contents and names of properties in a segment.
    fn say(&mut self, from_client: bool, data: &[u8]) -> [Vec<String>; 3] {
        self.fields(from_client, data, ["mqtt.topic", "mqtt.msg", "mqtt.prop_key"])
    }

    fn fields<const N: usize>(&mut self, from_client: bool, data: &[u8], names: [&str; N]) -> [Vec<String>; N] {
        let bytes = self.connection.say(from_client, data);
        sample::read(&mut self.table, &bytes, |packet, known| {
            names.map(|name| {
                let (field, mut values) = (field::find(name).unwrap(), Vec::new());
                field.each(packet, known.facts, &mut |value| {
                    let mut text = Vec::new();
                    field::text::write(value, field.kind, &mut text);
                    values.push(String::from_utf8(text).unwrap());
                    true
                });
                values
            })
        })
    }
}

fn said(topics: &[&str], contents: &[&str], names: &[&str]) -> [Vec<String>; 3] {
    [topics, contents, names].map(|values| values.iter().map(ToString::to_string).collect())
}

#[test]
fn the_version_that_the_client_says_holds_for_both_sides() {
    let mut talk = Talk::new();
    assert_eq!(talk.say(true, NUMBERED), said(&["a/b"], &["0a2600016b00017623000778"], &[]), "nobody has said it");
    talk.say(true, CONNECT);
    assert_eq!(talk.say(true, NUMBERED), said(&["a/b"], &["78"], &["k"]));
    assert_eq!(talk.say(false, NUMBERED), said(&["a/b"], &["78"], &["k"]));
    assert_eq!(talk.say(true, &NUMBERED.repeat(2)), said(&["a/b"; 2], &["78"; 2], &["k"; 2]));
    talk.connection = Connection { ports: [40_001, 1883], next: [1; 2] };
    assert_eq!(talk.say(true, &[CONNECT_4, NUMBERED].concat())[2], [""; 0], "another conversation, of another version");
}

#[test]
fn version_3_1_delivers_subscriptions_with_a_quality_of_service() {
    // PUBREL, SUBSCRIBE and UNSUBSCRIBE; the second is sent again.
    const MESSAGES: &[u8] = b"\x62\x02\0\x07\x8a\x06\0\x07\0\x01t\0\xa2\x05\0\x07\0\x01t";
    let names = ["mqtt.msgtype", "mqtt.dupflag", "mqtt.qos", "mqtt.retain"];
    let mut talk = Talk::new();
    talk.say(true, b"\x10\x0f\0\x06MQIsdp\x03\x02\0\x3c\0\x01a");
    let said = talk.fields(true, MESSAGES, names).map(|values| values.join(" "));
    assert_eq!(said, ["6 8 10", "0 1 0", "1 1 1", ""]);
    talk.connection = Connection { ports: [40_001, 1883], next: [1; 2] };
    talk.say(true, CONNECT_4);
    assert_eq!(talk.fields(true, MESSAGES, names).map(|values| values.join(" ")), ["6 8 10", "", "", ""]);
}

#[test]
fn where_the_client_was_not_heard_its_answer_tells_the_version() {
    let mut talk = Talk::new();
    talk.say(false, CONNECTED);
    assert_eq!(talk.say(true, NUMBERED), said(&["a/b"], &["78"], &["k"]));
    let mut talk = Talk::new();
    talk.say(false, b"\x20\x02\0\0");
    assert_eq!(talk.say(true, NUMBERED)[2], [""; 0]);
}

#[test]
fn a_number_stands_for_the_topic_that_it_was_given_by_the_same_side() {
    let mut talk = Talk::new();
    talk.say(true, CONNECT);
    assert_eq!(talk.say(true, BY_NUMBER), said(&[], &["79"], &[]), "not given yet");
    assert_eq!(talk.say(true, &[NUMBERED, BY_NUMBER].concat()), said(&["a/b", "a/b"], &["78", "79"], &["k"]));
    assert_eq!(talk.say(true, BY_NUMBER)[0], ["a/b"]);
    assert_eq!(talk.say(false, BY_NUMBER)[0], [""; 0], "the server gives numbers of its own");
    let again = NUMBERED.to_vec().iter().map(|byte| if *byte == b'b' { b'c' } else { *byte }).collect::<Vec<_>>();
    assert_eq!(talk.say(true, &again)[0], ["a/c"]);
    assert_eq!(talk.say(true, BY_NUMBER)[0], ["a/c"], "the last that was given");
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read(
        pieces in proptest::collection::vec(
            (proptest::bool::ANY, 0..16u8, proptest::collection::vec(0..48u8, 0..60)),
            0..8,
        ),
    ) {
        let mut talk = Talk::new();
        talk.say(true, CONNECT);
        for (from_client, kind, data) in pieces {
            let flags = if matches!(kind, 6 | 8 | 10) { 2 } else { 0 };
            talk.say(from_client, &[&[kind << 4 | flags, data.len() as u8], &data[..]].concat());
        }
    }
}
