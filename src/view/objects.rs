//! Files and messages that a capture carries: as a table for a person, as plain lines and as JSON for programs.

use std::io::{self, Write};

use super::conversations::endpoint;
use super::escape;
use super::object::Object;
use super::style::{Palette, Role};
use super::table::{Align, Table};
use crate::flow::message::{Content, End, Envelope, Message, What};
use crate::wire::secret::write_addresses;

/// Recipients of a letter that the table names.
const RECIPIENTS: usize = 3;
/// Columns from which on the table has the types and the ends of what was found.
const WIDE: usize = 100;

/// A file or a message, and what became of it.
#[derive(Clone, Debug)]
pub struct Carried<'a> {
    pub message: &'a Message,
    /// Bytes once its codings are undone, as far as they are kept.
    pub size: u64,
    /// Those that were undone.
    pub undone: Vec<&'static str>,
    /// What is missing, in words; empty: nothing.
    pub trouble: String,
    /// The file that it was saved to.
    pub saved: Option<String>,
}

impl<'a> Carried<'a> {
    /// Of a message and its content.
    pub fn new(message: &'a Message, content: &Content<'_>) -> Self {
        let mut trouble = missing(message);
        if let Some(coding) = &content.trouble {
            trouble.push(coding.say());
        }
        let undone = content.undone.clone();
        let size = if undone.is_empty() { message.body.length } else { content.data.len() as u64 };
        Self { message, size, undone, trouble: trouble.join("; "), saved: None }
    }

    /// The host that it is of, as it was asked for; else the server's address.
    fn host(&self) -> Vec<u8> {
        let named = match &self.message.what {
            What::Request { .. } => self.message.header("host").map(<[u8]>::to_vec),
            What::Response { asked, .. } => asked.as_ref().map(|asked| asked.host.clone()),
            What::Mail(_) | What::File(_) => None,
        };
        named.filter(|name| !name.is_empty()).unwrap_or_else(|| {
            let mut out = Vec::new();
            endpoint(self.message.conversation.server, &mut out);
            out
        })
    }

    /// What it is called: a path, a file's name, who wrote to whom, of those at most so many.
    fn name(&self, most: usize) -> Vec<u8> {
        match &self.message.what {
            What::Request { .. } | What::Response { .. } => target(self.message).unwrap_or_default(),
            What::Mail(envelope) if !envelope.command.is_empty() => envelope.command.clone(),
            What::Mail(envelope) => correspondents(envelope, most),
            What::File(file) => [&file.command[..], b" ", &file.name].concat().trim_ascii().to_vec(),
        }
    }

    /// The media type without its parameters.
    fn media_type(&self) -> &[u8] {
        match &self.message.what {
            What::Mail(_) => b"message/rfc822",
            What::File(_) => b"",
            _ => {
                let whole = self.message.content_type().unwrap_or_default();
                whole.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
            }
        }
    }

    fn state(&self) -> &str {
        if self.trouble.is_empty() { "complete" } else { &self.trouble }
    }
}

/// Who wrote to whom; of more recipients than so many, how many they are.
fn correspondents(envelope: &Envelope, most: usize) -> Vec<u8> {
    let from: &[u8] = if envelope.from.is_empty() { b"<>" } else { &envelope.from };
    let named = envelope.to.get(..most).unwrap_or(&envelope.to);
    let left = match envelope.to.len() - named.len() {
        0 => String::new(),
        left => format!(" and {left} more"),
    };
    [from, b" > ", &named.join(&b", "[..]), left.as_bytes()].concat()
}

/// What of a message is missing, in words.
fn missing(message: &Message) -> Vec<String> {
    let body = &message.body;
    let bytes = |count: u64| format!("{count} byte{}", if count == 1 { "" } else { "s" });
    let mut words = Vec::new();
    let gaps: u64 = body.gaps.iter().map(|gap| gap.length).sum();
    if gaps > 0 {
        words.push(format!("{} not captured", bytes(gaps)));
    }
    match body.end {
        End::Whole => {}
        End::Cut { missing: Some(missing) } => words.push(format!("ends {} early", bytes(missing))),
        End::Cut { missing: None } => words.push("its end is missing".to_owned()),
        End::Head => words.push("its head is cut off".to_owned()),
        End::Broken(why) => words.push(why.to_owned()),
    }
    let kept = body.data.len() as u64;
    if kept < body.length {
        words.push(format!("only the first {} kept", bytes(kept)));
    }
    words
}

/// What HTTP's message is about, without the query and without a password.
fn target(message: &Message) -> Option<Vec<u8>> {
    let target = match &message.what {
        What::Request { head, .. } => head.split(|byte| *byte == b' ').nth(1)?,
        What::Response { asked, .. } => &asked.as_ref()?.target,
        What::Mail(_) | What::File(_) => return None,
    };
    let mut shown = Vec::new();
    write_addresses(target.split(|byte| matches!(byte, b'?' | b'#')).next()?, &mut shown);
    Some(shown)
}

/// Whether a message is something that is carried: it has a body, or is a file.
pub fn is_carried(message: &Message) -> bool {
    message.body.length > 0 || matches!(message.what, What::File(_) | What::Mail(_))
}

/// The name under which to save it, as somebody on the network chose it; and the one where that is none.
pub fn file_name(message: &Message) -> (Vec<u8>, String) {
    let number = message.number;
    match &message.what {
        What::File(file) if matches!(file.command.as_slice(), b"LIST" | b"NLST" | b"MLSD") => {
            (Vec::new(), format!("listing-{number}.txt"))
        }
        What::File(file) => (file.name.clone(), format!("file-{number}.bin")),
        What::Mail(_) => (Vec::new(), format!("mail-{number}.eml")),
        What::Request { .. } | What::Response { .. } => {
            let carried = Carried::new(message, &message.content(0));
            let ending = ending(&carried.media_type().to_ascii_lowercase());
            (target(message).unwrap_or_default(), format!("object-{number}.{ending}"))
        }
    }
}

/// The usual ending of files of a media type.
fn ending(media: &[u8]) -> &'static str {
    match media {
        b"text/html" => "html",
        b"text/plain" => "txt",
        b"text/css" => "css",
        b"text/javascript" | b"application/javascript" => "js",
        b"application/json" => "json",
        b"text/xml" | b"application/xml" => "xml",
        b"application/pdf" => "pdf",
        b"image/png" => "png",
        b"image/jpeg" => "jpeg",
        b"image/gif" => "gif",
        b"image/svg+xml" => "svg",
        _ => "bin",
    }
}

/// A table for a terminal.
pub fn table(carried: &[Carried<'_>], width: usize, palette: Palette, out: &mut dyn Write) -> io::Result<()> {
    let is_saved = carried.iter().any(|one| one.saved.is_some());
    let wide = width >= WIDE;
    let mut columns = vec![("#", Align::Right), ("packet", Align::Right), ("", Align::Left)];
    if wide {
        columns.push(("host", Align::Left));
    }
    columns.push(("name", Align::Left));
    if wide {
        columns.push(("type", Align::Left));
    }
    columns.extend([("bytes", Align::Right), ("", Align::Left)]);
    if is_saved {
        columns.push(("saved as", Align::Left));
    }
    let mut table = Table::new(&columns, width, palette);
    for one in carried {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut cells = vec![
            (one.message.number.to_string(), Role::Faint),
            (one.message.place.first.to_string(), Role::Plain),
            (short(one.message.application.name()), Role::Faint),
        ];
        if wide {
            cells.push((text(&one.host()), Role::Plain));
        }
        cells.push((text(&one.name(RECIPIENTS)), Role::Data));
        if wide {
            cells.push((text(one.media_type()), Role::Plain));
        }
        cells.push((one.size.to_string(), Role::Plain));
        let role = if one.trouble.is_empty() { Role::Plain } else { Role::Trouble };
        cells.push((one.state().to_owned(), role));
        if is_saved {
            cells.push((one.saved.clone().unwrap_or_default(), Role::Plain));
        }
        table.row(cells.iter().map(|(text, role)| (text.as_str(), *role)));
    }
    table.write(out)
}

/// A protocol's name as people write it.
pub(super) fn short(name: &str) -> String {
    match name {
        "pop" => "POP3".to_owned(),
        "coap" => "CoAP".to_owned(),
        "mdns" => "mDNS".to_owned(),
        other => other.to_ascii_uppercase(),
    }
}

/// One of them as a plain line.
///
/// `1 HTTP packets 4-6 bytes 612 complete type text/html host 10.0.5.2 name /index.html saved DIR/index.html`
pub fn line(carried: &Carried<'_>, out: &mut Vec<u8>) {
    let place = &carried.message.place;
    let head = format!(
        "{} {} packets {}-{} bytes {} {}",
        carried.message.number,
        short(carried.message.application.name()),
        place.first,
        place.last,
        carried.size,
        carried.state(),
    );
    escape::write(head.as_bytes(), out);
    let mut word = |name: &[u8], value: &[u8]| {
        if !value.is_empty() {
            out.extend_from_slice(name);
            escape::write(value, out);
        }
    };
    word(b" type ", carried.media_type());
    word(b" host ", &carried.host());
    word(b" name ", &carried.name(usize::MAX));
    word(b" saved ", carried.saved.as_deref().unwrap_or_default().as_bytes());
    out.push(b'\n');
}

/// One of them as a JSON object on a line.
pub fn json(carried: &Carried<'_>, out: &mut Vec<u8>) {
    let Message { number, conversation, from_client, place, body, what, .. } = carried.message;
    let mut object = Object::new(out);
    object.number("number", (*number).into());
    object.string("protocol", carried.message.application.name());
    object.number("packet", place.first);
    object.number("last_packet", place.last);
    object.number("packets", place.packets.into());
    object.string("transport", conversation.transport.name());
    object.number("stream", conversation.stream.into());
    object.string("from", if *from_client { "client" } else { "server" });
    object.bytes("host", &carried.host());
    object.bytes("name", &carried.name(usize::MAX));
    if !carried.media_type().is_empty() {
        object.bytes("content_type", carried.media_type());
    }
    object.number("bytes", carried.size);
    object.number("bytes_sent", body.length);
    if !carried.undone.is_empty() {
        object.strings("decoded", &carried.undone);
    }
    object.truth("complete", carried.trouble.is_empty());
    object.number("missing", body.missing());
    if !carried.trouble.is_empty() {
        object.string("trouble", &carried.trouble);
    }
    match what {
        What::Mail(envelope) if envelope.command.is_empty() => {
            object.bytes("mail_from", &envelope.from);
            object.strings("mail_to", envelope.to.iter().map(|to| String::from_utf8_lossy(to)));
        }
        What::Response { code, .. } => object.number("status", (*code).into()),
        What::File(file) if !file.reply.is_empty() => object.bytes("reply", &file.reply),
        _ => {}
    }
    if let Some(path) = &carried.saved {
        object.string("saved", path);
    }
    object.end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_to_many_names_the_first_of_them() {
        let to = |count: usize| Envelope {
            to: (0..count).map(|who| vec![b'a' + who as u8]).collect(),
            ..Envelope::default()
        };
        assert_eq!(correspondents(&to(3), 3), b"<> > a, b, c");
        assert_eq!(correspondents(&to(5), 3), b"<> > a, b, c and 2 more");
        assert_eq!(correspondents(&to(5), usize::MAX), b"<> > a, b, c, d, e");
    }
}
