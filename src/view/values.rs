//! `-e`: the values of chosen fields, one line a packet, tab-separated; the first occurrence, empty where there is none.

use std::io::Write;

use super::escape;
use crate::field::{Resolved, text};
use crate::flow::Known;
use crate::flow::secret::Places;
use crate::pipeline::{Next, Sink};
use crate::wire::{Packet, Value};

/// Bytes that are gathered before they are written.
const BUFFER: usize = 64 << 10;

/// A sink that writes the values of fields.
pub struct Values<W> {
    out: W,
    fields: Vec<Resolved>,
    buffer: Vec<u8>,
}

impl<W: Write> Values<W> {
    pub fn new(out: W, fields: Vec<Resolved>) -> Self {
        Self { out, fields, buffer: Vec::with_capacity(BUFFER + 4096) }
    }
}

impl<W: Write> Sink for Values<W> {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        let secrets = Places::of(packet, known.facts);
        for (place, field) in self.fields.iter().enumerate() {
            if place > 0 {
                self.buffer.push(b'\t');
            }
            match field.first(packet, known.facts).map(|value| secrets.shown(value)) {
                // Tabs and line ends would break the table; the rest could act on a terminal.
                Some(Value::Text(bytes)) => escape::write(bytes, &mut self.buffer),
                Some(Value::Made(made)) => escape::write(&made.text(), &mut self.buffer),
                Some(value) => text::write(value, field.kind, &mut self.buffer),
                None => {}
            }
        }
        self.buffer.push(b'\n');
        if self.buffer.len() >= BUFFER {
            super::write_out(&mut self.buffer, &mut self.out)?;
        }
        Ok(Next::GoOn)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        super::write_out(&mut self.buffer, &mut self.out)?;
        self.out.flush()
    }
}
