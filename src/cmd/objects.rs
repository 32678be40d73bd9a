//! `netlab objects FILE`: the files and messages that a capture carries, listed and saved.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use super::decoding::Decoding;
use super::input::Input;
use super::output::{Color, stdout};
use super::progress::Progress;
use super::selection::Selection;
use super::{Exit, args, messages};
use crate::flow::message::{Found, Limits, Message};
use crate::io::folder::Folder;
use crate::quantity;
use crate::view::objects::{self as view, Carried};
use crate::view::style::Palette;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
What HTTP/1 (port 80 and its likes, or any other by its first line), FTP, TFTP, SMTP, POP3 and IMAP carry is put together
from the segments and blocks that it spans, its chunks, gzip and deflate undone. Bytes that were not captured are zeros
in a saved file, and told. Numbers are those of `netlab explain FILE --message N`: all messages of the capture, those
that carry nothing too.

  netlab objects captures/ftp.pcap
  netlab objects captures/http.pcap --save /tmp/found")]
#[command(after_long_help = "Keys of --json: number, protocol, packet, last_packet, packets, transport, stream, from \
    (client or server), host, name, content_type, bytes (codings undone), bytes_sent (as it was sent), decoded, complete, \
    missing (bytes, where that is known), trouble, mail_from, mail_to, status, reply, saved.")]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Save them in this directory, under names that are safe and not taken
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Memory for what is found, all together; of what does not fit only the beginning is kept
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = quantity::size)]
    max_memory: u64,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    decoding: Decoding,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    args.input.required()?;
    args.decoding.apply()?;
    let folder = args.save.as_deref().map(Folder::open).transpose()?;
    let limits = Limits { kept: args.max_memory, body: args.max_memory, ..Limits::default() };
    let mut source = args.input.open()?;
    let mut source = Progress::new(source.as_mut());
    let (found, failure) = messages::read_selected(&mut source, &args.selection, limits)?;
    source.clear();
    // Few bytes decode to many: all that is decoded has this room, as all that was captured had; beyond it, none decodes
    // to more than it was.
    let mut room = usize::try_from(args.max_memory).unwrap_or(usize::MAX);
    let (mut carried, mut refused) = (Vec::new(), None);
    for message in found.messages.iter().filter(|message| view::is_carried(message)) {
        let content = message.content(room.max(message.body.data.len()));
        if matches!(content.data, Cow::Owned(_)) {
            room = room.saturating_sub(content.data.len());
        }
        let mut one = Carried::new(message, &content);
        // Where one cannot be kept (a full disk, say), no other is tried, and the list is told all the same.
        if let Some(folder) = folder.as_ref().filter(|_| refused.is_none()) {
            match keep(folder, message, &content.data) {
                Ok(path) => one.saved = Some(path),
                Err(error) => refused = Some(error),
            }
        }
        carried.push(one);
    }
    let mut out = stdout()?;
    if args.json || !std::io::stdout().is_terminal() {
        let mut text = Vec::new();
        for one in &carried {
            if args.json { view::json(one, &mut text) } else { view::line(one, &mut text) }
        }
        out.write_all(&text)?;
    } else if !carried.is_empty() {
        view::table(&carried, args::width(), Palette::new(args.color.on_stdout()), &mut out)?;
    }
    out.flush()?;
    say_what_is_left_out(&found);
    if let Some(error) = refused {
        return Err(error);
    }
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    if carried.is_empty() {
        args::talk("netlab: no files and no messages that are known");
        return Ok(Exit::No);
    }
    Ok(Exit::Done)
}

/// Saves it; the path as it is to be shown.
fn keep(folder: &Folder, message: &Message, data: &[u8]) -> anyhow::Result<String> {
    let (wished, otherwise) = view::file_name(message);
    Ok(folder.keep(&wished, &otherwise, data)?.display().to_string())
}

fn say_what_is_left_out(found: &Found) {
    let left_out = found.left_out;
    if left_out.messages > 0 {
        args::talk(&format!("netlab: {} more messages did not fit into --max-memory", left_out.messages));
    }
    if left_out.connections > 0 {
        args::talk(&format!(
            "netlab: {} connections were not read to their end, because too many were open at a time",
            left_out.connections
        ));
    }
}
