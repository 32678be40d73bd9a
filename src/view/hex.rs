//! The hex view: offset, sixteen bytes, the same as ASCII; the bytes of each layer in its colour, with a legend.
//!
//! A `|` stands before the first byte of each layer, so that the view can be read without colour.

use std::io::{self, Write};

use anstyle::Style;

use super::style::{Palette, Role};
use super::words::{ENGLISH, Words};
use crate::flow::Known;
use crate::flow::secret::Places;
use crate::pipeline::{Next, Sink};
use crate::wire::Packet;

/// Bytes a line.
const LINE: usize = 16;
/// Bytes that are gathered before they are written.
const BUFFER: usize = 64 << 10;
/// Columns of the legend.
const LEGEND: usize = 78;

/// A sink that writes a headline and the bytes of every packet.
pub struct Hex<W> {
    out: W,
    palette: Palette,
    words: &'static Words,
    buffer: Vec<u8>,
}

impl<W: Write> Hex<W> {
    pub fn new(out: W, palette: Palette) -> Self {
        Self { out, palette, words: &ENGLISH, buffer: Vec::with_capacity(BUFFER + 4096) }
    }

    /// With a headline in this language; English otherwise.
    pub fn words(mut self, words: &'static Words) -> Self {
        self.words = words;
        self
    }
}

impl<W: Write> Sink for Hex<W> {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        super::tree::headline(packet, known, self.palette, self.words, &mut self.buffer);
        write(packet, &Places::of(packet, known.facts), self.palette, &mut self.buffer);
        self.buffer.push(b'\n');
        if self.buffer.len() >= BUFFER {
            super::write_out(&mut self.buffer, &mut self.out)?;
        }
        Ok(Next::GoOn)
    }

    fn flush(&mut self) -> io::Result<()> {
        super::write_out(&mut self.buffer, &mut self.out)?;
        self.out.flush()
    }
}

/// Appends legend and bytes of one packet.
///
/// Those at the places of `secrets` stand as `**`, and a line says so.
pub fn write(packet: &Packet<'_>, secrets: &Places<'_>, palette: Palette, out: &mut Vec<u8>) {
    legend(packet, palette, out);
    let mut marks = Marks { packet, secrets, next: 0, current: None };
    for (line, bytes) in packet.frame.data.chunks(LINE).enumerate() {
        write_line(line * LINE, bytes, &mut marks, palette, out);
    }
    if !secrets.is_empty() {
        let faint = palette.style(Role::Faint);
        out.extend_from_slice(
            format!("  {faint}** are bytes of a password: --show-secrets shows them{faint:#}\n").as_bytes(),
        );
    }
}

/// The names of the layers and where their headers lie, in the order of the bytes.
fn legend(packet: &Packet<'_>, palette: Palette, out: &mut Vec<u8>) {
    let mut columns = 0;
    for (index, layer) in packet.layers.iter().enumerate().filter(|(_, layer)| layer.header > 0) {
        let (first, last) = (layer.start, layer.start + layer.header - 1);
        let place = format!("{first:04x}-{last:04x}");
        let name = layer.protocol.name();
        let needs = 2 + name.len() + 1 + place.len();
        if columns > 0 && columns + needs > LEGEND {
            out.push(b'\n');
            columns = 0;
        }
        columns += needs;
        let (style, faint) = (palette.layer(index), palette.style(Role::Faint));
        out.extend_from_slice(format!("  {style}{name}{style:#} {faint}{place}{faint:#}").as_bytes());
    }
    if columns > 0 {
        out.push(b'\n');
    }
}

/// Walks over the layers as the offset goes on.
struct Marks<'p> {
    packet: &'p Packet<'p>,
    secrets: &'p Places<'p>,
    /// The layer that begins next.
    next: usize,
    current: Option<usize>,
}

impl Marks<'_> {
    /// The layer that the byte at `offset` belongs to, and whether one begins there. Offsets come in order.
    fn at(&mut self, offset: usize) -> (Option<usize>, bool) {
        let mut begins = false;
        while let Some(layer) = self.packet.layers.get(self.next).filter(|layer| layer.start as usize <= offset) {
            if layer.header > 0 {
                self.current = Some(self.next);
                begins = layer.start as usize == offset;
            }
            self.next += 1;
        }
        let current = self.current.and_then(|index| Some((index, self.packet.layers.get(index)?)));
        match current {
            Some((index, layer)) if offset < (layer.start + layer.header) as usize => (Some(index), begins),
            // Behind the last header: padding, or what was not decoded.
            Some((_, layer)) => (None, offset == (layer.start + layer.header) as usize),
            None => (None, false),
        }
    }
}

fn write_line(offset: usize, bytes: &[u8], marks: &mut Marks<'_>, palette: Palette, out: &mut Vec<u8>) {
    let faint = palette.style(Role::Faint);
    out.extend_from_slice(format!("  {faint}{offset:04x}{faint:#} ").as_bytes());
    let mut letters = Colored::new(palette);
    let mut digits = Colored::new(palette);
    for (place, byte) in bytes.iter().enumerate() {
        let (layer, begins) = marks.at(offset + place);
        if place == LINE / 2 {
            digits.same(b" ");
        }
        if begins && offset + place > 0 {
            digits.push(None, b"|");
        } else {
            digits.same(b" ");
        }
        let is_secret = marks.secrets.contains(offset + place);
        digits.push(layer, if is_secret { "**".to_owned() } else { format!("{byte:02x}") }.as_bytes());
        letters.push(layer, &[if is_secret { b'*' } else { letter(*byte) }]);
    }
    out.extend_from_slice(&digits.finish());
    let missing = LINE - bytes.len();
    let gap = missing * 3 + usize::from(bytes.len() <= LINE / 2) + 2;
    out.extend(std::iter::repeat_n(b' ', gap));
    out.extend_from_slice(&letters.finish());
    out.push(b'\n');
}

/// One line in one colour, for bytes without layers; those at places that are secret stand as `**`.
pub fn plain_line(
    offset: usize,
    bytes: &[u8],
    is_secret: impl Fn(usize) -> bool,
    style: Style,
    palette: Palette,
    out: &mut Vec<u8>,
) {
    let faint = palette.style(Role::Faint);
    let mut digits = String::new();
    for (place, byte) in bytes.iter().enumerate() {
        digits.push_str(if place == LINE / 2 { "  " } else { " " });
        digits.push_str(&if is_secret(place) { "**".to_owned() } else { format!("{byte:02x}") });
    }
    let shown = |(place, byte): (usize, &u8)| char::from(if is_secret(place) { b'*' } else { letter(*byte) });
    let text: String = bytes.iter().enumerate().map(shown).collect();
    let width = LINE * 3 + 1;
    let line = format!("  {faint}{offset:04x}{faint:#} {style}{digits:width$}  {text}{style:#}\n");
    out.extend_from_slice(line.as_bytes());
}

/// The byte as ASCII shows it.
fn letter(byte: u8) -> u8 {
    if byte.is_ascii_graphic() || byte == b' ' { byte } else { b'.' }
}

/// Text whose colour changes only where the layer does.
struct Colored {
    palette: Palette,
    text: Vec<u8>,
    current: Option<usize>,
}

impl Colored {
    fn new(palette: Palette) -> Self {
        Self { palette, text: Vec::new(), current: None }
    }

    fn push(&mut self, layer: Option<usize>, bytes: &[u8]) {
        if layer != self.current {
            self.end();
            if let Some(index) = layer {
                self.text.extend_from_slice(self.palette.layer(index).render().to_string().as_bytes());
            }
            self.current = layer;
        }
        self.text.extend_from_slice(bytes);
    }

    /// In whatever colour there is.
    fn same(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    fn end(&mut self) {
        if let Some(index) = self.current.take() {
            let style: Style = self.palette.layer(index);
            self.text.extend_from_slice(style.render_reset().to_string().as_bytes());
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.end();
        self.text
    }
}
