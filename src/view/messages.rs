//! What views of packets say of messages that span several: a message is said once, and what comes behind its first
//! segment goes on with it.

use super::escape;
use super::words::{Words, filled};
use crate::flow::message::{Message, Part, What};
use crate::wire::secret::write_addresses;

/// Bytes of a request, and of the like, that are shown again.
const LONGEST: usize = 60;
/// Bytes of a segment that are quoted though they only go on with a message.
const LONGEST_QUOTE: u64 = 40;

/// `… 1448 more bytes of the answer to GET /`, with the `amount` as a view says it; and what begins behind it.
///
/// `quote`: the data in quotes, if it is text; it stays where it is short.
pub fn goes_on(part: &Part<'_>, amount: impl FnOnce(u64) -> String, quote: &str, words: &Words) -> Option<String> {
    let (message, bytes) = part.goes_on?;
    let mut text = of(&amount(bytes), message, words);
    if let Some(next) = part.begins {
        let mut told = Vec::new();
        next.tell(&mut told);
        text.push_str("  ");
        text.push_str(&shown(&told));
    } else if quote.starts_with('"') && bytes <= LONGEST_QUOTE {
        text.push_str(": ");
        text.push_str(quote);
    }
    Some(text)
}

/// The last packet of a message that begins in a packet and goes on behind it; and its size in words, where that is known
/// and its head does not say it.
pub fn whole(part: &Part<'_>, words: &Words) -> Option<(String, Option<String>)> {
    let message = part.begins.filter(|message| message.place.packets > 1)?;
    let length = message.body.length;
    let is_known = length > 0 && message.body.is_whole();
    let is_said = message.header("content-length") == Some(length.to_string().as_bytes());
    let size = (is_known && !is_said).then(|| words.count(&words.in_all, length));
    Some((message.place.last.to_string(), size))
}

/// `part` of a message; safe for a terminal.
fn of(part: &str, message: &Message, words: &Words) -> String {
    let first_line = |head: &[u8]| head.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default().to_vec();
    let (template, name) = match &message.what {
        What::Response { asked: Some(asked), .. } => {
            (words.of_answer, [asked.method.as_slice(), b" ", asked.target.as_slice()].concat())
        }
        What::Response { head, .. } => (words.of_message, first_line(head)),
        What::Request { .. } => {
            let line = first_line(message.head());
            let target = line.windows(6).rposition(|window| window == b" HTTP/").unwrap_or(line.len());
            (words.of_message, line.get(..target).unwrap_or_default().to_vec())
        }
        What::Mail(_) => return filled(words.of_letter, &[part]),
        What::File(file) => (words.of_message, [file.command.as_slice(), b" ", file.name.as_slice()].concat()),
    };
    // Passwords in addresses are told nowhere.
    let mut open = Vec::new();
    write_addresses(name.trim_ascii(), &mut open);
    filled(template, &[part, &shown(&open)])
}

fn shown(text: &[u8]) -> String {
    let mut out = Vec::new();
    escape::write_cut(text, LONGEST, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Transport;
    use crate::flow::message::{Asked, Body, Conversation, Envelope, File, Place};
    use crate::view::words::ENGLISH;
    use crate::wire::{Address, Protocol};

    fn message(what: What) -> Message {
        let nobody = (Address::V4([0; 4]), 0);
        let mut place = Place::default();
        (place.packets, place.last) = (2, 17);
        Message {
            number: 1,
            application: Protocol::Http,
            conversation: Conversation { transport: Transport::Tcp, stream: 0, client: nobody, server: nobody },
            from_client: false,
            place,
            what,
            body: Body { length: 4893, ..Body::default() },
        }
    }

    fn response(head: &str) -> Message {
        let asked = Asked { method: b"GET".to_vec(), target: b"/a\x1b[2J".to_vec(), ..Asked::default() };
        message(What::Response { head: head.into(), code: 200, asked: Some(asked) })
    }

    #[test]
    fn a_password_in_an_address_is_told_by_no_segment() {
        let target = b"http://ana:tajna@host/a".to_vec();
        let asked = Asked { method: b"GET".to_vec(), target, ..Asked::default() };
        let answer = message(What::Response { head: b"HTTP/1.1 200 OK\r\n".to_vec(), code: 200, asked: Some(asked) });
        let asked = message(What::Request { head: b"GET http://ana:tajna@host/a HTTP/1.1\r\n".to_vec(), answer: None });
        for message in [answer, asked] {
            let told = of("more bytes", &message, &ENGLISH);
            assert!(told.ends_with("GET http://ana:***@host/a"), "{told}");
        }
    }

    #[test]
    fn a_later_segment_names_its_message() {
        let said = |message: &Message, begins: Option<&Message>, bytes, quote| {
            let part = Part { goes_on: Some((message, bytes)), begins };
            goes_on(&part, |bytes| format!("… {bytes}"), quote, &ENGLISH).unwrap()
        };
        let answer = response("HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(said(&answer, None, 1448, "\"abc…\""), r"… 1448 of the answer to GET /a\x1b[2J");
        assert_eq!(said(&answer, None, 3, "\"abc\""), r#"… 3 of the answer to GET /a\x1b[2J: "abc""#);
        let asked = Asked { method: b"HEAD".to_vec(), target: "/Ћао".repeat(20).into_bytes(), ..Asked::default() };
        let long = message(What::Response { head: b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), code: 200, asked: Some(asked) });
        assert!(said(&long, None, 9, "").ends_with("/Ћа…"), "{}", said(&long, None, 9, ""));
        let request = message(What::Request { head: b"POST /b HTTP/1.1\r\n\r\n".to_vec(), answer: None });
        assert_eq!(said(&request, None, 9, "binary"), "… 9 of POST /b");
        assert_eq!(said(&request, Some(&request), 9, "\"x\""), "… 9 of POST /b  POST /b, 4893 bytes");
        assert_eq!(said(&message(What::Mail(Envelope::default())), None, 5, ""), "… 5 of the letter");
        let file = File { command: b"RETR".to_vec(), name: b"a b.txt".to_vec(), ..File::default() };
        assert_eq!(said(&message(What::File(file)), None, 5, ""), "… 5 of RETR a b.txt");
    }

    #[test]
    fn the_size_is_said_once() {
        let said = |message: &Message| whole(&Part { goes_on: None, begins: Some(message) }, &ENGLISH);
        let chunked = response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(said(&chunked), Some(("17".to_owned(), Some("4893 bytes in all".to_owned()))));
        assert_eq!(said(&response("HTTP/1.1 200 OK\r\nContent-Length: 4893\r\n\r\n")), Some(("17".to_owned(), None)));
        let mut cut = chunked.clone();
        cut.body.end = crate::flow::message::End::Cut { missing: None };
        assert_eq!(said(&cut), Some(("17".to_owned(), None)), "nobody knows");
        let mut short = chunked;
        short.place.packets = 1;
        assert_eq!(said(&short), None);
    }
}
