//! `--to` and `--as-server`: one side of a conversation played to a live program, and where its answers differ.

use std::io::Write;
use std::net::ToSocketAddrs;
use std::time::{Duration, Instant};

use anstyle::Style;
use anyhow::{Context, bail};

use super::Args;
use super::conversation::{self, Conversation};
use crate::cmd::{Exit, args as terminal, output};
use crate::engine::replay::{Difference, Ignored, Options, Pauses, Player, Why};
use crate::io::interrupt::Interrupt;
use crate::io::link::timed::Speed;
use crate::io::play::{self, Door};
use crate::view::style::Palette;
use crate::view::{escape, hex, wrap};

/// How long an answer is waited for, where nobody says it.
const PATIENCE: Duration = Duration::from_secs(2);
/// Differences that are shown; others are counted.
const MOST_SHOWN: usize = 10;

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let client = args.played.to.is_some();
    let ignored = Ignored::new(&args.played.ignore).map_err(|why| anyhow::anyhow!("--ignore: {why}"))?;
    let conversation = conversation::find(args, client)?;
    let wait = args.pace.wait.unwrap_or(PATIENCE);
    let pauses = match args.pace.speed {
        Some(Speed::Times(times)) => Pauses::All(times),
        Some(_) => Pauses::None,
        None => Pauses::Between,
    };
    let options = Options { wait, settle: Options::SETTLE.min(wait), pauses };
    let datagrams = conversation.script.datagrams();
    if args.played.stream.is_none() && conversation.others > 0 {
        let (others, name) = (conversation.others, conversation.name);
        terminal::talk(&format!("netlab: this is stream 0; the file has {others} more of {name}: --stream chooses"));
    }
    let interrupt = Interrupt::install(|| Ok(std::io::pipe()?.1.into())).context("cannot listen for Ctrl-C")?;
    let (socket, with) = match (&args.played.to, args.played.as_server) {
        (Some(to), _) => {
            let addresses: Vec<_> =
                to.to_socket_addrs().with_context(|| format!("cannot find {to}: write it as HOST:PORT"))?.collect();
            let socket =
                play::connect(&addresses, datagrams, wait).with_context(|| format!("cannot connect to {to}"))?;
            (socket, to.clone())
        }
        (None, Some(address)) => {
            let door = Door::open(address, datagrams).with_context(|| format!("cannot listen on {address}"))?;
            let (name, stream) = (conversation.name, conversation.stream);
            let here = door.address().context("cannot listen")?;
            terminal::talk(&format!(
                "netlab: plays the server of {name} stream {stream} on {here}; waits for a client"
            ));
            match door.client(&interrupt).context("cannot wait for a client")? {
                Some((socket, from)) => (socket, from.to_string()),
                None => return Ok(Exit::Interrupted),
            }
        }
        (None, None) => bail!("say --to or --as-server"),
    };
    let begun = Instant::now();
    let (script, turns, all) = (conversation.script.clone(), conversation.script.turns(), conversation.script.heard());
    let mut player = Player::new(script, ignored, options, begun.elapsed());
    let ended =
        play::play(&mut player, socket, begun, &interrupt).with_context(|| format!("cannot talk with {with}"))?;
    if !ended {
        terminal::talk("netlab: interrupted before the end of the conversation");
        return Ok(Exit::Interrupted);
    }
    let mut out = Vec::new();
    let who = if client { "server" } else { "client" };
    verdict(&conversation, &player, (who, &escape::text(&with)), (turns, all), &mut out);
    let (differences, others) = player.differences();
    for difference in differences.iter().take(MOST_SHOWN) {
        show(difference, who, args.output.verbose, &mut out);
    }
    let more = others + differences.len().saturating_sub(MOST_SHOWN) as u64;
    if more > 0 {
        out.extend_from_slice(format!("and {more} more differences\n").as_bytes());
    }
    output::stdout()?.write_all(&out)?;
    Ok(if differences.is_empty() { Exit::Done } else { Exit::No })
}

fn line(text: &str, out: &mut Vec<u8>) {
    wrap::hanging(text, terminal::width(), 0, 2, out);
    out.push(b'\n');
}

/// What was played, and how much of it was answered as it was.
fn verdict(
    conversation: &Conversation,
    player: &Player,
    (who, with): (&str, &str),
    (turns, all): (usize, u64),
    out: &mut Vec<u8>,
) {
    let [from, to] = conversation.ends;
    let (name, stream) = (conversation.name, conversation.stream);
    let played = if who == "server" { "client" } else { "server" };
    line(&format!("{name} stream {stream}, {from} to {to}: its {played} was played to {with}"), out);
    let (right, received) = player.heard();
    let of = if turns == 1 { "turn" } else { "turns" };
    let (differences, others) = player.differences();
    let count = differences.len() as u64 + others;
    line(
        &match count {
            0 if turns == 0 => format!("the {who} said nothing, as in the capture"),
            0 => format!("the {who} said the same as in the capture: {turns} {of}, {all} bytes"),
            1 => format!(
                "the {who} differs in 1 place: {right} of {turns} {of} as captured; {received} bytes, {all} then"
            ),
            count => {
                format!(
                    "the {who} differs in {count} places: {right} of {turns} {of} as captured; {received} bytes, {all} then"
                )
            }
        },
        out,
    );
}

/// One difference: what, where, and the bytes on both sides of it.
fn show(difference: &Difference, who: &str, verbose: bool, out: &mut Vec<u8>) {
    let offset = difference.offset;
    let frame = if difference.frame > 0 { format!(" (packet {})", difference.frame) } else { String::new() };
    let bytes = |count: usize| if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") };
    line(
        &match difference.why {
            Why::Other => format!("other bytes from byte {offset} of the {who} on{frame}"),
            Why::Silent { missing } => {
                format!("silence at byte {offset} of the {who}{frame}: {} missing", bytes(missing))
            }
            Why::ClosedEarly { missing } => {
                format!("the {who} closed at byte {offset}{frame}: {} missing", bytes(missing))
            }
            Why::Broken => format!("the {who} broke off at byte {offset}{frame}"),
            Why::Extra => format!("the {who} said more than it had, behind byte {offset}"),
            Why::StaysOpen => format!("the {who} did not close behind byte {offset}, where it had closed"),
            Why::BreaksNotCloses => {
                format!("the {who} broke off behind byte {offset}, where it had closed in good order")
            }
            Why::DoesNotBreak => format!("the {who} did not break off behind byte {offset}, where it had"),
        },
        out,
    );
    let [expected_cut, got_cut] = difference.cut;
    let start = |at: usize| usize::try_from(offset).unwrap_or(usize::MAX).saturating_sub(at);
    let (at, got_at) = (start(difference.at.0), start(difference.at.1));
    let nothing_expected =
        matches!(difference.why, Why::Extra | Why::StaysOpen | Why::BreaksNotCloses | Why::DoesNotBreak);
    if !nothing_expected && !difference.expected.is_empty() {
        side("expected", &difference.expected, at, expected_cut, verbose, out);
    }
    if !difference.got.is_empty() || !nothing_expected && !difference.expected.is_empty() {
        side("got     ", &difference.got, got_at, got_cut, verbose, out);
    }
}

/// Bytes around the place, as many as fit into the line; with `verbose` all that were kept, in hexadecimal.
/// They begin at byte `start` of all that was said.
fn side(name: &str, bytes: &[u8], start: usize, (before, behind): (bool, bool), verbose: bool, out: &mut Vec<u8>) {
    let mut text = format!("  {name}  ").into_bytes();
    if bytes.is_empty() {
        text.extend_from_slice(b"nothing");
    } else {
        let room = terminal::width().saturating_sub(text.len() + 5);
        text.extend_from_slice(if before { "…\"".as_bytes() } else { b"\"" });
        let mut shown = Vec::new();
        let mut taken = 0;
        for length in 1..=bytes.len() {
            let mut longer = Vec::new();
            escape::write(bytes.get(..length).unwrap_or_default(), &mut longer);
            // What is escaped alone may be part of a character: the whole is escaped each time.
            if unicode_width::UnicodeWidthStr::width(String::from_utf8_lossy(&longer).as_ref()) > room {
                break;
            }
            (shown, taken) = (longer, length);
        }
        text.extend_from_slice(&shown);
        text.extend_from_slice(if behind || taken < bytes.len() { "\"…".as_bytes() } else { b"\"" });
    }
    text.push(b'\n');
    out.extend_from_slice(&text);
    if verbose {
        for (row, chunk) in bytes.chunks(16).enumerate() {
            out.extend_from_slice(b"    ");
            hex::plain_line(start + row * 16, chunk, |_| false, Style::new(), Palette::new(false), out);
        }
    }
}
