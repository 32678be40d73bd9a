//! `netlab explain --mail FILE.eml` and `--message N`: a letter, or a body of several parts, taken apart.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, bail};

use super::super::output::stdout;
use super::super::{Exit, args, messages};
use super::Args;
use crate::flow::message::{End, Limits, Message};
use crate::flow::mime::{self, Content, Letter, Part};
use crate::frame::Source;
use crate::io::folder::Folder;
use crate::view::escape;
use crate::view::letter::{self, Look};
use crate::view::style::Palette;
use crate::view::tree::plural;
use crate::view::wrap;

/// Bytes of a letter at most.
const LARGEST: u64 = 64 << 20;

/// A letter that lies in a file, as programs for mail save it.
pub fn of_file(args: &Args, path: &Path) -> anyhow::Result<Exit> {
    let mut bytes = Vec::new();
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().take(LARGEST + 1).read_to_end(&mut bytes),
        false => File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)),
    };
    read.with_context(|| format!("cannot read {}", path.display()))?;
    if bytes.len() as u64 > LARGEST {
        bail!("{} is larger than {} MiB: no letter is", path.display(), LARGEST >> 20);
    }
    show(args, "", &mime::letter(&bytes))
}

/// The message of a capture with this number; of one conversation, if that is asked for.
pub fn of_capture(args: &Args, source: &mut dyn Source, name: &str, number: u32) -> anyhow::Result<Exit> {
    let (found, failure) = messages::read(source, Limits::default())?;
    let wanted = |message: &&Message| args.stream.is_none_or(|stream| message.conversation.stream == stream);
    let mut candidates = found.messages.iter().filter(wanted);
    let count = candidates.clone().count();
    let Some(message) = candidates.nth(number as usize - 1) else {
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        let place = args.stream.map_or_else(String::new, |stream| format!("conversation {stream} of "));
        let messages = plural(count, "message");
        args::talk(&format!("netlab: there is no message {number}: {place}{name} has {count} {messages}"));
        return Ok(Exit::No);
    };
    let content = message.content(LARGEST as usize);
    let letter = match message.is_mail() {
        true => mime::letter(&content.data),
        false => mime::body(message.header_lines(), &content.data),
    };
    let mut heading = heading(message);
    let mut note = |text: &str| heading.push_str(&format!("[{text}]\n"));
    if !content.undone.is_empty() {
        note(&format!("{} undone", content.undone.join(", ")));
    }
    if let Some(trouble) = &content.trouble {
        note(&escape::text(&trouble.say()));
    }
    heading.push('\n');
    let exit = show(args, &heading, &letter)?;
    failure.map_or(Ok(exit), |failure| Err(failure.into()))
}

/// What message it is and where it lies, and what is missing of it.
fn heading(message: &Message) -> String {
    let mut told = Vec::new();
    message.tell(&mut told);
    let mut said = Vec::new();
    escape::write(&told, &mut said);
    let Message { number, application, conversation, place, body, .. } = message;
    let side = if message.from_client { "client" } else { "server" };
    let packets = match place.first == place.last {
        true => format!("packet {}", place.first),
        false => format!("{} packets from {} to {}", place.packets, place.first, place.last),
    };
    let (stream, title) = (conversation.stream, application.title());
    let mut heading = format!(
        "message {number}: {}\n{title}, conversation {stream}, from the {side}, {packets}\n",
        String::from_utf8_lossy(&said)
    );
    for gap in &body.gaps {
        heading.push_str(&format!("[{} bytes behind byte {} were not captured: zeros here]\n", gap.length, gap.at));
    }
    let end = match &body.end {
        End::Whole => String::new(),
        End::Cut { missing: Some(missing) } => format!("[it ends {missing} bytes too early]\n"),
        End::Cut { missing: None } => "[its end was not captured]\n".to_owned(),
        End::Head => "[it ends in its head]\n".to_owned(),
        End::Broken(why) => format!("[nobody knows where it ends: {why}]\n"),
    };
    heading + &end
}

/// Draws the letter below its `heading`, and keeps its attachments where that is asked for.
fn show(args: &Args, heading: &str, letter: &Letter<'_>) -> anyhow::Result<Exit> {
    let look = Look {
        palette: Palette::new(args.color.on_stdout()),
        width: args::width(),
        ascii: args.ascii,
        all: args.all,
        words: args.language.words(),
    };
    let mut text = Vec::new();
    for line in heading.lines() {
        wrap::hanging(line, look.width, 0, 1, &mut text);
        text.push(b'\n');
    }
    letter::write(letter, &look, &mut text);
    stdout()?.write_all(&text)?;
    match &args.save {
        Some(folder) => save(&Folder::open(folder)?, letter),
        None => Ok(Exit::Done),
    }
}

/// What is a file rather than something to read on the spot.
fn is_file(part: &Part<'_>) -> bool {
    let is_named = part.is_attachment || part.name.is_some();
    match part.content {
        Content::Leaf => is_named || !part.kind.is_text(),
        Content::Letter => is_named,
        Content::Parts { .. } => false,
    }
}

fn save(folder: &Folder, letter: &Letter<'_>) -> anyhow::Result<Exit> {
    let mut saved = 0;
    for part in letter.parts.iter().filter(|part| is_file(part)) {
        let (data, broken) = part.decoded();
        let number = part.number.as_deref().unwrap_or("1");
        let otherwise = format!("part-{number}.{}", ending(part));
        let path = folder.keep(part.name.as_deref().unwrap_or_default().as_bytes(), &otherwise, &data)?;
        let (length, bytes) = (data.len(), plural(data.len(), "byte"));
        let but = broken.map_or_else(String::new, |broken| format!(", but it is broken: {}", broken.why));
        eprintln!("netlab: part {number} is saved as {}, {length} {bytes}{but}", escape::text(&path.to_string_lossy()));
        saved += 1;
    }
    if saved == 0 {
        eprintln!("netlab: nothing to save: there is no attachment");
        return Ok(Exit::No);
    }
    Ok(Exit::Done)
}

/// The ending of a file that nobody named.
fn ending(part: &Part<'_>) -> &'static str {
    match (part.kind.kind.as_str(), part.kind.subtype.as_str()) {
        ("text", "html") => "html",
        ("text", "csv") => "csv",
        ("text", _) => "txt",
        ("image", "png") => "png",
        ("image", "jpeg") => "jpg",
        ("image", "gif") => "gif",
        ("image", "svg+xml") => "svg",
        ("application", "pdf") => "pdf",
        ("application", "zip") => "zip",
        ("application", "gzip") => "gz",
        ("application", "json") => "json",
        ("application", "xml") => "xml",
        ("message", _) => "eml",
        _ => "bin",
    }
}
