//! What follows a fixed header: options, group records, source addresses. Each with its cells, and in words.

mod groups;
mod options;
mod stun;

pub use groups::{igmp, mld};
pub use options::{ipv4, ipv6, ndp, tcp};
pub use stun::stun;

use super::Cell;
use crate::view::tree;
use crate::wire::{At, Kind, Value, numbers};

/// More parts than this are not told one by one.
const MOST: usize = 64;

/// One option or record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// First byte, counted from the header's first.
    pub start: usize,
    /// Bytes.
    pub length: usize,
    pub title: String,
    /// Empty where there is none.
    pub value: String,
    pub meaning: String,
    pub source: &'static str,
    pub cells: Vec<Cell>,
}

/// A cell of whole bytes.
fn cell(start: usize, length: usize, name: &str, value: impl Into<String>) -> Cell {
    Cell { at: start * 8, length: length * 8, names: vec![name.to_owned()], values: vec![value.into()] }
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() { String::new() } else { tree::readable(Value::Bytes(bytes), Kind::Bytes) }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn ipv4_text(address: [u8; 4]) -> String {
    tree::readable(Value::Ipv4(address), Kind::Ipv4)
}

fn ipv6_text(address: [u8; 16]) -> String {
    tree::readable(Value::Ipv6(address), Kind::Ipv6)
}

/// GRE's fields that are there only where a flag says so; their meanings are the registry's.
pub fn gre(at: &At<'_>) -> Vec<Part> {
    let Some(flags) = at.u16(0) else { return Vec::new() };
    let (mut start, mut cells) = (4, Vec::new());
    if flags & 0xc000 != 0 {
        cells.push(cell(4, 2, "Checksum", at.u16(4).map_or_else(String::new, |sum| format!("{sum:#06x}"))));
        cells.push(cell(6, 2, "Reserved", at.u16(6).map_or_else(String::new, |word| word.to_string())));
        start = 8;
    }
    for (flag, name) in [(0x2000, "Key"), (0x1000, "Sequence number")] {
        if flags & flag != 0 {
            let word = at.u32(start);
            cells.push(cell(start, 4, name, word.map_or_else(String::new, |word| word.to_string())));
            start += 4;
        }
    }
    bare(cells)
}

/// SNAP: organisation and protocol behind the three bytes of LLC.
pub fn llc(at: &At<'_>) -> Vec<Part> {
    if at.layer.header != 8 {
        return Vec::new();
    }
    let kind = at.u16(6).unwrap_or_default();
    let value = match numbers::ether_type(kind.into()) {
        Some(name) => format!("{kind:#06x} ({name})"),
        None => format!("{kind:#06x}"),
    };
    bare(vec![cell(3, 3, "Organisation", hex(at.bytes().get(3..6).unwrap_or_default())), cell(6, 2, "Type", value)])
}

/// Cells of fields that the registry explains.
fn bare(cells: Vec<Cell>) -> Vec<Part> {
    let (title, value, meaning) = (String::new(), String::new(), String::new());
    vec![Part { start: 0, length: 0, title, value, meaning, source: "", cells }]
}
