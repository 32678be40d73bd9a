//! The fields of TLS. What a handshake says belongs to the packet that has the last byte of its message, as in Wireshark.

use super::{
    CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_STATUS, Hello, Message, RECORD, alert, alerts, begun, certificates,
    contents, hello, messages, messages_named,
};
use super::{read_certificates, record, version_named};
use crate::wire::certificate::{self, Certificate, Text};
use crate::wire::{At, Field, Kind, Value};

const RFC: &str = "RFC 8446 §5.1";
const HANDSHAKE: &str = "RFC 8446 §4";
const HELLO: &str = "RFC 8446 §4.1.2";
const CERTIFICATES: &str = "RFC 5246 §7.4.2";
const NAMES: &str = "RFC 5280 §4.1.2.4";

fn number<'a>(number: impl Into<u64>) -> Value<'a> {
    Value::Uint(number.into())
}

/// Type, version and length of a record, and nothing of messages that were put together from several.
fn of_record<'a>(at: &At<'a>, take: fn((u8, u16, usize)) -> Value<'a>) -> Option<Value<'a>> {
    record(at.header()).map(take)
}

/// That the record is of a kind.
fn is_kind<'a>(at: &At<'a>, wanted: u8) -> Option<Value<'a>> {
    record(at.header()).filter(|(kind, ..)| *kind == wanted).map(|_| Value::Bool(true))
}

fn certificate<'a>(at: &At<'a>) -> Option<Message<'a>> {
    messages(at).find(|message| message.kind == CERTIFICATE)
}

/// The texts of all names, in the order of the messages.
fn each_text<'a>(at: &At<'a>, written: Text, give: &mut dyn FnMut(Value<'a>) -> bool) {
    let mut give = |text| give(Value::Text(text));
    let _ = messages(at).all(|message| match message.kind {
        CERTIFICATE => read_certificates(std::iter::once(message)).flat_map(|one| one.texts(written)).all(&mut give),
        CERTIFICATE_REQUEST => {
            certificate::authorities(message.body).flat_map(|name| certificate::texts(name, written)).all(&mut give)
        }
        CERTIFICATE_STATUS => certificate::Status::new(message.body).is_none_or(|status| {
            let of_others = status.certificates().flat_map(|one| one.texts(written));
            certificate::texts(status.responder, written).chain(of_others).all(&mut give)
        }),
        _ => true,
    });
}

pub static FIELDS: &[Field] = &[
    Field::one("tls.record", "Record", Kind::Bool, |at| of_record(at, |_| Value::Bool(true)))
        .about("A record, or its beginning, is here", RFC)
        .combined(),
    Field::one("tls.record.content_type", "Content", Kind::Dec, |at| of_record(at, |(kind, ..)| number(kind)))
        .at(0, 8)
        .words(contents)
        .about("What the record carries; encrypted, nobody knows", RFC),
    Field::one("tls.record.version", "Version", Kind::Hex(4), |at| of_record(at, |(_, version, _)| number(version)))
        .at(8, 16)
        .words(version_named)
        .about("As old programs want it: TLS 1.3 says 1.2, a first hello 1.0", RFC),
    Field::one("tls.record.length", "Length", Kind::Dec, |at| of_record(at, |(.., length)| number(length as u64)))
        .at(24, 16)
        .about("Bytes that follow", RFC),
    Field::one("tls.change_cipher_spec", "Content", Kind::Bool, |at| is_kind(at, 20))
        .about("From here on this side encrypts", "RFC 5246 §7.1")
        .combined(),
    Field::one("tls.app_data", "Content", Kind::Bytes, |at| {
        is_kind(at, 23)?;
        at.header().get(RECORD..).map(Value::Bytes)
    })
    .about("What the application says, encrypted; as far as this segment has it", RFC)
    .combined(),
    Field::many("tls.handshake", "Handshake", Kind::Bool, |at, give| {
        let whole = messages(at).count();
        // What is encrypted is a message, too; what goes on comes later.
        let hidden = is_kind(at, 22).is_some() && begun(at).next().is_none();
        let _ = (0..whole + usize::from(hidden)).map(|_| Value::Bool(true)).all(give);
    })
    .about("A message of a handshake ends here, or one that is encrypted", HANDSHAKE)
    .combined(),
    Field::many("tls.handshake.type", "Handshake", Kind::Dec, |at, give| {
        let _ = messages(at).map(|message| number(message.kind)).all(give);
    })
    .words(messages_named)
    .about("What the message is", HANDSHAKE),
    Field::many("tls.handshake.length", "Length", Kind::Dec, |at, give| {
        let _ = messages(at).map(|message| number(message.length as u64)).all(give);
    })
    .about("Bytes of the message", HANDSHAKE),
    Field::one("tls.handshake.version", "Version", Kind::Hex(4), |at| Some(number(hello(at)?.version)))
        .words(version_named)
        .about("At most 1.2; what counts for 1.3 is the list of versions", HELLO),
    Field::many("tls.handshake.ciphersuite", "Cipher suite", Kind::Hex(4), |at, give| {
        let ciphers = hello(at).map_or(&[][..], |hello| hello.ciphers).chunks_exact(2);
        let _ = ciphers.filter_map(|pair| Some(number(u16::from_be_bytes(*pair.first_chunk()?)))).all(give);
    })
    .about("Offered by the client in its order; chosen by the server", "RFC 8446 §B.4"),
    Field::one("tls.handshake.extensions_server_name", "Server name", Kind::Text, |at| {
        hello(at)?.server_name().map(Value::Text)
    })
    .about("Whom the client wants to talk with, in the clear", "RFC 6066 §3"),
    Field::many("tls.handshake.extensions_alpn_str", "Protocol", Kind::Text, |at, give| {
        let _ = hello(at).into_iter().flat_map(Hello::protocols).map(Value::Text).all(give);
    })
    .about("What is to be spoken inside: h2, http/1.1", "RFC 7301"),
    Field::many("tls.handshake.extensions.supported_version", "Version", Kind::Hex(4), |at, give| {
        let _ = hello(at).into_iter().flat_map(Hello::versions).map(number).all(give);
    })
    .words(version_named)
    .about("Offered by the client; chosen by the server", "RFC 8446 §4.2.1"),
    Field::one("tls.handshake.certificates_length", "Certificates", Kind::Dec, |at| {
        let [a, b, c] = *certificate(at)?.body.first_chunk()?;
        Some(number(u32::from_be_bytes([0, a, b, c])))
    })
    .about("Bytes of all of them, the one of who shows them first", CERTIFICATES),
    Field::many("tls.handshake.certificate_length", "Certificate", Kind::Dec, |at, give| {
        let _ = certificates(certificate(at)).map(|(length, _)| number(length as u64)).all(give);
    })
    .about("Bytes of one", CERTIFICATES),
    Field::many("tls.handshake.certificate", "Certificate", Kind::Bytes, |at, give| {
        let _ = certificates(certificate(at)).map(|(_, data)| Value::Bytes(data)).all(give);
    })
    .about("The certificate itself, in DER", CERTIFICATES)
    .combined(),
    Field::many("x509sat.uTF8String", "Name", Kind::Text, |at, give| {
        each_text(at, Text::Utf8, give);
    })
    .about("Of who made the certificate, then of whose it is; of who is to make one, or says that it is good", NAMES),
    Field::many("x509sat.printableString", "Name", Kind::Text, |at, give| {
        each_text(at, Text::Printable, give);
    })
    .about("The same, where it is written with few letters", NAMES),
    Field::many("x509ce.dNSName", "Host", Kind::Text, |at, give| {
        let _ = read_certificates(messages(at)).flat_map(Certificate::hosts).map(Value::Text).all(give);
    })
    .about("A host that the certificate is for", "RFC 5280 §4.2.1.6"),
    Field::one("tls.alert_message", "Alert", Kind::Bool, |at| is_kind(at, 21))
        .about("An alert, which may be encrypted", "RFC 8446 §6")
        .combined(),
    Field::one("tls.alert_message.level", "Level", Kind::Dec, |at| Some(number(alert(at)?.0)))
        .about("1: warning, 2: the connection is over", "RFC 8446 §6"),
    Field::one("tls.alert_message.desc", "Alert", Kind::Dec, |at| Some(number(alert(at)?.1)))
        .words(alerts)
        .about("What went wrong; close notify: nothing, it is the end", "RFC 8446 §6"),
];
