//! `netlab explain`: one packet, its headers drawn as their RFCs draw them, every field in words, checksums worked out.

mod message;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};

use super::decoding::Decoding;
use super::made::Made;
use super::naming::Naming;
use super::output::{self, Color, Language};
use super::selection::Selection;
use super::{Exit, args};
use crate::flow::FlowTable;
use crate::frame::{LinkType, Source};
use crate::io::interrupt::Interrupt;
use crate::io::{file, pcap, privilege};
use crate::pipeline;
use crate::process::Programs;
use crate::view::encoding;
use crate::view::escape;
use crate::view::explain::{Explain, Found, Options};
use crate::view::style::Palette;
use crate::view::telling::{Telling, draw::Look};
use crate::view::tree::plural;
use crate::wire::Protocol;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Capture file (pcap, pcapng, gzip of either); - is standard input
    #[arg(value_name = "FILE", required_unless_present_any = ["hex", "live", "base64", "quoted_printable", "mail"], conflicts_with_all = ["hex", "live"])]
    file: Option<PathBuf>,
    /// Number of the packet in the file, from 1; with --port and the like, the first from there on that they take
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    packet: u64,
    /// The next packet on the wire that --port, --host and -f take
    #[arg(long, conflicts_with_all = ["hex", "packet"])]
    live: bool,
    /// Interface to wait on with --live (repeatable); by default all of them, as `any`
    #[arg(short, long, value_name = "IF", requires = "live")]
    interface: Vec<String>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    decoding: Decoding,
    #[command(flatten)]
    naming: Naming,
    /// The packet's bytes as hexadecimal digits; spaces, colons and 0x are skipped
    #[arg(long, value_name = "DIGITS")]
    hex: Option<String>,
    /// What the bytes of --hex begin with: ethernet, ip, sll, sll2, null, loop, or a link type's number
    #[arg(long, value_name = "LINK", value_parser = link, requires = "hex")]
    link: Option<LinkType>,
    /// Draw how these bytes (hexadecimal digits) become base64: bit by bit, three bytes and four characters at a time
    #[arg(long, value_name = "DIGITS", conflicts_with_all = ["file", "hex", "live", "packet", "layers"])]
    base64: Option<String>,
    /// Show how a text becomes quoted-printable
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["file", "hex", "live", "packet", "layers", "base64"])]
    quoted_printable: Option<String>,
    /// Take apart the message with this number as the tree of its parts: a letter, what HTTP carries, a file; with
    /// --stream, of the messages of that conversation
    #[arg(long, value_name = "N", group = "letter", conflicts_with_all = ["hex", "live", "packet", "layers", "base64", "quoted_printable"], value_parser = clap::value_parser!(u32).range(1..))]
    message: Option<u32>,
    /// Take apart a letter that lies in a file (.eml) as the tree of its parts; - is standard input
    #[arg(long, value_name = "FILE", group = "letter", conflicts_with_all = ["file", "hex", "live", "packet", "layers", "base64", "quoted_printable"])]
    mail: Option<PathBuf>,
    /// Keep what is attached to the letter in this directory, under names that are safe and not taken
    #[arg(long, value_name = "DIR", requires = "letter")]
    save: Option<PathBuf>,
    /// Tell a whole TCP conversation step by step instead: who does what, and why
    #[arg(long, conflicts_with_all = ["hex", "live", "packet", "layers", "ascii", "letter"])]
    story: bool,
    /// The conversation that --story tells (tcp.stream; 0 otherwise), or that --message looks at (all otherwise)
    #[arg(long, value_name = "N", conflicts_with_all = ["hex", "live", "packet", "mail"])]
    stream: Option<u32>,
    /// Tell every step of a story, show every line of a letter, however many there are
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    language: Language,
    /// Explain only the layers of these protocols (repeat, or separate by commas): eth, ip, tcp, udp, ...
    #[arg(long = "layer", value_name = "PROTOCOL", value_delimiter = ',', value_parser = protocols)]
    layers: Vec<Protocols>,
    /// Draw with + - | as the RFCs do
    #[arg(long)]
    ascii: bool,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

/// The protocols of one name: `sll` is two.
#[derive(Clone, Debug)]
pub(super) struct Protocols(pub(super) Vec<Protocol>);

pub(super) fn protocols(name: &str) -> Result<Protocols, String> {
    let found: Vec<Protocol> = Protocol::ALL.iter().copied().filter(|protocol| protocol.name() == name).collect();
    if !found.is_empty() {
        return Ok(Protocols(found));
    }
    let mut names: Vec<&str> = Protocol::ALL.iter().map(|protocol| protocol.name()).collect();
    names.dedup();
    Err(format!("no protocol is named so; there are {}", names.join(", ")))
}

fn link(name: &str) -> Result<LinkType, String> {
    Ok(match name {
        "ethernet" | "eth" => LinkType::ETHERNET,
        "ip" | "raw" => LinkType::RAW,
        "sll" => LinkType::LINUX_SLL,
        "sll2" => LinkType::LINUX_SLL2,
        "null" => LinkType::NULL,
        "loop" => LinkType::LOOP,
        number => LinkType(number.parse().map_err(|_| "ethernet, ip, sll, sll2, null, loop, or a number".to_owned())?),
    })
}

/// The most bytes that `--hex` takes.
const MOST_BYTES: usize = 262_144;

pub fn run(args: Args) -> anyhow::Result<Exit> {
    if args.base64.is_some() || args.quoted_printable.is_some() {
        return encode(&args);
    }
    if let Some(path) = &args.mail {
        return message::of_file(&args, path);
    }
    args.decoding.apply()?;
    if args.live {
        return live(&args);
    }
    match (&args.hex, &args.file) {
        (Some(digits), _) => {
            let bytes = bytes(digits).context("--hex")?;
            let link = args.link.unwrap_or_else(|| by_first_digit(&bytes));
            explain(&args, &mut Made::new(vec![bytes], link), "--hex")
        }
        (None, Some(path)) => {
            let mut source = if path.as_os_str() == "-" { file::open_stdin()? } else { file::open(path)? };
            if args.story {
                return tell(&args, &mut source, &path.display().to_string());
            }
            if let Some(number) = args.message {
                return message::of_capture(&args, &mut source, &path.display().to_string(), number);
            }
            if args.stream.is_some() {
                bail!("--stream goes with --story or --message");
            }
            explain(&args, &mut source, &path.display().to_string())
        }
        (None, None) => bail!("name a capture file, give bytes with --hex, or wait for a packet with --live"),
    }
}

/// Draws how bytes or a text go through a letter.
fn encode(args: &Args) -> anyhow::Result<Exit> {
    let look = encoding::Look {
        palette: Palette::new(args.color.on_stdout()),
        width: args::width(),
        ascii: args.ascii,
        words: args.language.words(),
    };
    let mut text = Vec::new();
    if let Some(digits) = &args.base64 {
        encoding::draw_base64(&bytes(digits).context("--base64")?, &look, &mut text);
    }
    if let Some(plain) = &args.quoted_printable {
        encoding::draw_quoted_printable(plain, &mut text);
    }
    output::stdout()?.write_all(&text)?;
    Ok(Exit::Done)
}

impl Args {
    fn sink(&self) -> anyhow::Result<Explain<impl Write>> {
        let options = Options {
            words: self.language.words(),
            palette: Palette::new(self.color.on_stdout()),
            width: args::width(),
            ascii: self.ascii,
            only: self.layers.iter().flat_map(|layer| layer.0.clone()).collect(),
        };
        Ok(Explain::new(output::stdout()?, options, self.packet))
    }
}

/// Tells one conversation; which packets belong to it, only the whole file says.
fn tell(args: &Args, source: &mut dyn Source, name: &str) -> anyhow::Result<Exit> {
    let stream = args.stream.unwrap_or_default();
    let mut telling = Telling::new(stream, args.language.words());
    let mut selected = args.naming.before(args.selection.before(&mut telling)?, false);
    let summary = pipeline::run(source, &mut FlowTable::new(), &mut selected)?;
    drop(selected);
    if telling.found() {
        let look = Look { width: args::width(), palette: Palette::new(args.color.on_stdout()), all: args.all };
        telling.draw(&mut output::stdout()?, look)?;
    }
    if let Some(failure) = summary.failure {
        return Err(failure.into());
    }
    if !telling.found() {
        eprintln!("netlab: {name} has no TCP conversation {stream}; `netlab conversations` lists them");
        return Ok(Exit::No);
    }
    Ok(Exit::Done)
}

/// Feeds every packet up to the one asked for through the flow table, so that relative numbers and events are right.
fn explain(args: &Args, source: &mut dyn Source, name: &str) -> anyhow::Result<Exit> {
    let mut sink = args.sink()?;
    let mut selected = args.naming.before(args.selection.before(&mut sink)?, false);
    let summary = pipeline::run(source, &mut FlowTable::new(), &mut selected)?;
    if let Some(exit) = ended(&sink.found) {
        return Ok(exit);
    }
    if let Some(failure) = summary.failure {
        return Err(failure.into());
    }
    let (number, frames) = (args.packet, summary.frames);
    if number > frames {
        args::talk(&format!(
            "netlab: there is no packet {number}: {name} has {frames} {}",
            plural(frames as usize, "packet")
        ));
        return Ok(Exit::No);
    }
    eprintln!("netlab: of the {frames} {} in {name}, none is taken", plural(frames as usize, "packet"));
    Ok(Exit::No)
}

/// The exit code where a packet was found.
fn ended(found: &Found) -> Option<Exit> {
    match found {
        Found::Explained => Some(Exit::Done),
        Found::NoSuchLayer(number, layers) => {
            let names: Vec<&str> = layers.iter().map(|protocol| protocol.name()).collect();
            eprintln!("netlab: packet {number} has no such layer; it has {}", names.join(", "));
            Some(Exit::No)
        }
        Found::NotYet => None,
    }
}

/// Room for the packets that come while nobody reads: one is enough, a burst should not lose it.
const BUFFER: u32 = 2 << 20;

fn live(args: &Args) -> anyhow::Result<Exit> {
    let opened = pcap::open(&pcap::Options {
        interfaces: args.interface.clone(),
        selection: args.selection.to_bpf(),
        buffer: BUFFER,
        promiscuous: false,
        snap_length: 262_144,
    })?;
    let programs = args.selection.programs.looking().open(|note| eprintln!("netlab: {}", escape::text(note)));
    if programs.are_sought() {
        programs.give_up_the_rest(|note| eprintln!("netlab: {note}"))?;
    } else {
        privilege::give_up().context("cannot give up privileges")?;
    }
    let names: Vec<String> =
        opened.interfaces().filter_map(|interface| interface.name.as_deref()).map(escape::text).collect();
    let stop = pcap::Stop::new().context("cannot make a pipe")?;
    let interrupt = Interrupt::install(|| stop.descriptor()).context("cannot listen for Ctrl-C")?;
    opened.notes().iter().for_each(|note| eprintln!("{}", escape::text(note)));
    let mut source = opened.start(stop, None)?;
    eprintln!("waiting for a packet on {}, Ctrl-C ends", names.join(", "));
    let mut owners = programs.start()?;
    let owners = owners.as_mut().map(|owners| owners as &mut dyn Programs);
    let mut sink = args.selection.behind_kernel(args.sink()?);
    let summary = pipeline::run_asking(&mut source, &mut FlowTable::new(), owners, &mut sink)?;
    source.finish();
    if let Some(exit) = ended(&sink.inner().found) {
        return Ok(exit);
    }
    summary.failure.map_or(Ok(()), Err)?;
    Ok(if interrupt.happened() { Exit::Interrupted } else { Exit::No })
}

/// Digits to bytes.
fn bytes(digits: &str) -> anyhow::Result<Vec<u8>> {
    let skipped = |c: char| c.is_whitespace() || matches!(c, ':' | '-' | ',' | '.');
    let plain: String = digits.split(skipped).map(|word| word.strip_prefix("0x").unwrap_or(word)).collect();
    if let Some(wrong) = plain.chars().find(|c| !c.is_ascii_hexdigit()) {
        bail!("{wrong:?} is not a hexadecimal digit");
    }
    if plain.is_empty() {
        bail!("no digits");
    }
    if plain.len() % 2 == 1 {
        bail!("{} digits: two make a byte, so one is missing", plain.len());
    }
    if plain.len() / 2 > MOST_BYTES {
        bail!("more than {MOST_BYTES} bytes are no packet");
    }
    let pair = |at: usize| u8::from_str_radix(&plain[at..at + 2], 16).context("two hexadecimal digits");
    (0..plain.len()).step_by(2).map(pair).collect()
}

/// A header of IP begins with its version. Only for `--hex` without `--link`, and said aloud.
fn by_first_digit(bytes: &[u8]) -> LinkType {
    let digit = bytes.first().map_or(0, |byte| byte >> 4);
    let (link, name) = if matches!(digit, 4 | 6) { (LinkType::RAW, "ip") } else { (LinkType::ETHERNET, "ethernet") };
    eprintln!("taken for --link {name}, because the first digit is {digit:x}");
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_digits_however_tools_print_them() {
        for digits in ["4500aBcD", "45 00 ab cd", "45:00:ab:cd", "0x45, 0x00, 0xab, 0xcd", "4500 abcd\n"] {
            assert_eq!(bytes(digits).unwrap(), [0x45, 0, 0xab, 0xcd], "{digits}");
        }
        for (digits, why) in [("450", "3 digits"), ("45zz", "'z'"), ("", "no digits"), ("čć", "'č'")] {
            let error = bytes(digits).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
