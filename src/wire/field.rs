//! How a protocol describes its fields: name, label, type, place in the header, meaning, source, and how to read it.
//!
//! One declaration drives `-e`, `--json`, the display filter, the tree, the bit grid and `netlab fields`.

use std::ops::Range;

use super::{Layer, Packet};

/// A field's value, borrowed from the frame where it can be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Uint(u64),
    Int(i64),
    Bool(bool),
    Ipv4([u8; 4]),
    Ipv6([u8; 16]),
    Mac([u8; 6]),
    /// Bytes without a finer type.
    Bytes(&'a [u8]),
    /// Text as it stood in the frame: not escaped, perhaps not UTF-8.
    Text(&'a [u8]),
    /// A duration or a moment since the epoch, in nanoseconds.
    Nanoseconds(i64),
    /// Text that lies in pieces in the frame, or in another form.
    Made(Made<'a>),
}

/// Text that is put together only when somebody asks for it: the bytes that it is made of, and how.
#[derive(Clone, Copy)]
pub struct Made<'a> {
    bytes: &'a [u8],
    how: How<'a>,
}

#[derive(Clone, Copy)]
enum How<'a> {
    Written { at: u32, write: fn(&[u8], usize, &mut Vec<u8>) },
    Covered { at: u32, places: &'a Vec<Range<usize>> },
}

/// No frame has a place behind this.
const fn short(at: usize) -> u32 {
    if at < u32::MAX as usize { at as u32 } else { u32::MAX }
}

/// What stands for a secret.
const COVER: &[u8] = b"***";

impl<'a> Made<'a> {
    /// Text that `write` makes of `bytes`, from the place `at` on; it appends it unescaped, and no more than some
    /// kilobytes.
    pub const fn new(bytes: &'a [u8], at: usize, write: fn(&[u8], usize, &mut Vec<u8>)) -> Self {
        Self { bytes, how: How::Written { at: short(at), write } }
    }

    /// Text that begins at byte `at` of a frame, with `***` for each of the places of that frame: in their order, none
    /// overlapping another.
    pub const fn covered(bytes: &'a [u8], at: usize, places: &'a Vec<Range<usize>>) -> Self {
        Self { bytes, how: How::Covered { at: short(at), places } }
    }

    /// Appends the text: not escaped, perhaps not UTF-8.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self.how {
            How::Written { at, write } => write(self.bytes, at as usize, out),
            How::Covered { at, places } => write_covered(self.bytes, at as usize, places, out),
        }
    }

    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        self.write(&mut text);
        text
    }
}

/// Appends a text that begins at byte `at` of something, with `***` for each of the places of that in it.
pub(super) fn write_covered(text: &[u8], at: usize, places: &[Range<usize>], out: &mut Vec<u8>) {
    let first = places.partition_point(|place| place.end <= at);
    let mut from = 0;
    for place in places.iter().skip(first).take_while(|place| place.start < at + text.len()) {
        out.extend_from_slice(text.get(from..place.start.saturating_sub(at)).unwrap_or_default());
        out.extend_from_slice(COVER);
        from = (place.end - at).min(text.len());
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
}

impl std::fmt::Debug for Made<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", String::from_utf8_lossy(&self.text()).escape_debug())
    }
}

impl PartialEq for Made<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

/// The type of a field: what may be compared with it in a filter, and how its values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Unsigned number, written in decimal.
    Dec,
    /// Number with a sign, written in decimal.
    Int,
    /// Unsigned number, written in hexadecimal with this many digits.
    Hex(u8),
    /// Yes or no, written 1 or 0.
    Bool,
    Ipv4,
    Ipv6,
    Mac,
    /// Written as hexadecimal digits.
    Bytes,
    Text,
    /// Seconds with nine decimals.
    Seconds,
}

/// How to read a field of one layer.
#[derive(Clone, Copy)]
pub enum Read {
    /// From its fixed place: big-endian bits of the layer (`Field::bits`).
    Bits,
    /// From there in the layers of which this holds; others have something else at that place.
    BitsWhere(for<'a> fn(&At<'a>) -> bool),
    /// At most one value a layer.
    One(for<'a> fn(&At<'a>) -> Option<Value<'a>>),
    /// Any number of values a layer; stops when the callback says `false`.
    Many(for<'a> fn(&At<'a>, &mut dyn FnMut(Value<'a>) -> bool)),
}

impl std::fmt::Debug for Read {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bits => "Bits",
            Self::BitsWhere(_) => "BitsWhere",
            Self::One(_) => "One",
            Self::Many(_) => "Many",
        })
    }
}

/// Where in the layer's header a field has its fixed place, in bits from the header's first bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    pub at: u16,
    pub length: u16,
}

/// How a number stands in its place: the place holds `(value - base) / unit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub unit: u8,
    pub base: u8,
}

impl Counts {
    /// The place holds the value itself.
    pub const PLAIN: Self = Self { unit: 1, base: 0 };
}

/// The meaning of a number in words, for instance 6 as `TCP`.
pub type Words = fn(u64) -> Option<&'static str>;

/// The description of one field.
#[derive(Clone, Copy, Debug)]
pub struct Field<R: 'static = Read> {
    /// Wireshark's display-filter name; what Wireshark has no name for starts with `netlab.`.
    pub name: &'static str,
    /// What a person reads in the tree.
    pub label: &'static str,
    pub kind: Kind,
    /// Its place, for fields of the fixed header: drawn in the bit grid and highlighted in the hex view.
    pub bits: Option<Bits>,
    /// What the place counts, where it is not the value itself (a header length in 32-bit words).
    pub counts: Counts,
    /// One line of explanation.
    pub help: &'static str,
    /// RFC and section, or another public source.
    pub source: &'static str,
    /// The value in words.
    pub words: Option<Words>,
    /// Worked out, not read: shown in brackets.
    pub computed: bool,
    /// Says again what other fields say (`ip.addr`: both addresses): for `-e`, the filter and `netlab fields`; the tree
    /// and JSON leave it out.
    pub combined: bool,
    pub read: R,
}

impl Field {
    /// A number at a fixed place, written in decimal.
    pub const fn dec(name: &'static str, label: &'static str, at: u16, length: u16) -> Self {
        Self::fixed(name, label, Kind::Dec, at, length)
    }

    /// A number at a fixed place, written in hexadecimal with the digits of its bytes.
    pub const fn hex(name: &'static str, label: &'static str, at: u16, length: u16) -> Self {
        let digits = match length {
            ..=8 => 2,
            9..=16 => 4,
            17..=24 => 6,
            _ => 8,
        };
        Self::fixed(name, label, Kind::Hex(digits), at, length)
    }

    /// One bit, or several of which any makes it true.
    pub const fn flag(name: &'static str, label: &'static str, at: u16) -> Self {
        Self::fixed(name, label, Kind::Bool, at, 1)
    }

    /// A fixed place whose type follows `kind` (addresses too).
    pub const fn fixed(name: &'static str, label: &'static str, kind: Kind, at: u16, length: u16) -> Self {
        let bits = Some(Bits { at, length });
        Self {
            name,
            label,
            kind,
            bits,
            counts: Counts::PLAIN,
            help: "",
            source: "",
            words: None,
            computed: false,
            combined: false,
            read: Read::Bits,
        }
    }

    /// A fixed place only in the layers of which this holds.
    pub const fn only(mut self, holds: for<'a> fn(&At<'a>) -> bool) -> Self {
        self.read = Read::BitsWhere(holds);
        self
    }

    /// A value that a function reads, at most one a layer.
    pub const fn one(
        name: &'static str,
        label: &'static str,
        kind: Kind,
        read: for<'a> fn(&At<'a>) -> Option<Value<'a>>,
    ) -> Self {
        let read = Read::One(read);
        Self {
            name,
            label,
            kind,
            bits: None,
            counts: Counts::PLAIN,
            help: "",
            source: "",
            words: None,
            computed: false,
            combined: false,
            read,
        }
    }

    /// Values that a function reads, any number a layer.
    pub const fn many(
        name: &'static str,
        label: &'static str,
        kind: Kind,
        read: for<'a> fn(&At<'a>, &mut dyn FnMut(Value<'a>) -> bool),
    ) -> Self {
        let read = Read::Many(read);
        Self {
            name,
            label,
            kind,
            bits: None,
            counts: Counts::PLAIN,
            help: "",
            source: "",
            words: None,
            computed: false,
            combined: false,
            read,
        }
    }
}

impl<R: Copy> Field<R> {
    /// One line of explanation and where it is laid down.
    pub const fn about(mut self, help: &'static str, source: &'static str) -> Self {
        self.help = help;
        self.source = source;
        self
    }

    /// Its values in words.
    pub const fn words(mut self, words: Words) -> Self {
        self.words = Some(words);
        self
    }

    /// Marks a value that is worked out rather than read.
    pub const fn computed(mut self) -> Self {
        self.computed = true;
        self
    }

    /// Marks a field that says again what others say.
    pub const fn combined(mut self) -> Self {
        self.combined = true;
        self
    }

    /// What its place counts: units of `unit`, beyond the first `base`.
    pub const fn counts(mut self, unit: u8, base: u8) -> Self {
        self.counts = Counts { unit, base };
        self
    }

    /// The place of a value that a function reads, for the grid and the hex view.
    pub const fn at(mut self, at: u16, length: u16) -> Self {
        self.bits = Some(Bits { at, length });
        self
    }
}

/// A layer of a packet, as a field's reader sees it.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub packet: &'a Packet<'a>,
    /// The bytes in which it lies: those of the packet's frame.
    pub data: &'a [u8],
    /// Index of the layer in the packet's list.
    pub index: usize,
    pub layer: Layer,
}

impl<'a> At<'a> {
    /// The captured bytes of the layer from its first to its end by length fields (header and content).
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        let data = self.data;
        let end = (self.layer.end as usize).min(data.len());
        data.get(self.layer.start as usize..end).unwrap_or_default()
    }

    /// The captured bytes of the header alone.
    #[inline]
    pub fn header(&self) -> &'a [u8] {
        let bytes = self.bytes();
        bytes.get(..self.layer.header as usize).unwrap_or(bytes)
    }

    /// The captured bytes behind the header.
    pub fn content(&self) -> &'a [u8] {
        self.bytes().get(self.layer.header as usize..).unwrap_or_default()
    }

    pub fn u8(&self, at: usize) -> Option<u8> {
        self.bytes().get(at).copied()
    }

    pub fn u16(&self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_be_bytes)
    }

    pub fn u32(&self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_be_bytes)
    }

    pub fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes().get(at..at.checked_add(N)?)?.try_into().ok()
    }

    /// Big-endian bits at a fixed place: at most 64 bits, crossing at most 8 bytes.
    #[inline]
    pub fn bits(&self, bits: Bits) -> Option<u64> {
        let (first, last) = (bits.at / 8, (bits.at + bits.length).div_ceil(8));
        let bytes = self.bytes().get(first as usize..last as usize)?;
        let all = match bytes {
            [a] => u64::from(*a),
            [a, b] => u64::from(u16::from_be_bytes([*a, *b])),
            [a, b, c, d] => u64::from(u32::from_be_bytes([*a, *b, *c, *d])),
            _ => bytes.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        let unused = last * 8 - bits.at - bits.length;
        let mask = if bits.length >= 64 { u64::MAX } else { (1u64 << bits.length) - 1 };
        Some((all >> unused) & mask)
    }

    /// Hands on the values at two fixed places of the same length, as the combined fields read them.
    #[inline]
    pub fn both(&self, kind: Kind, places: [u16; 2], length: u16, each: &mut dyn FnMut(Value<'a>) -> bool) {
        for at in places {
            match self.fixed(kind, Bits { at, length }) {
                Some(value) if each(value) => {}
                _ => return,
            }
        }
    }

    /// The value of a fixed-place field.
    #[inline]
    pub fn fixed(&self, kind: Kind, bits: Bits) -> Option<Value<'a>> {
        let at = bits.at as usize / 8;
        Some(match kind {
            Kind::Dec | Kind::Hex(_) => Value::Uint(self.bits(bits)?),
            Kind::Int => Value::Int(self.bits(bits)? as i64),
            Kind::Bool => Value::Bool(self.bits(bits)? != 0),
            Kind::Ipv4 => Value::Ipv4(self.array(at)?),
            Kind::Ipv6 => Value::Ipv6(self.array(at)?),
            Kind::Mac => Value::Mac(self.array(at)?),
            Kind::Bytes => Value::Bytes(self.bytes().get(at..at + bits.length as usize / 8)?),
            Kind::Text => Value::Text(self.bytes().get(at..at + bits.length as usize / 8)?),
            Kind::Seconds => Value::Nanoseconds(self.bits(bits)? as i64),
        })
    }
}

impl Field {
    /// Hands every value of this field in one layer to `each`, until that says `false`.
    #[inline]
    pub fn each<'a>(&self, at: &At<'a>, each: &mut dyn FnMut(Value<'a>) -> bool) {
        match self.read {
            Read::Many(read) => read(at, each),
            _ => {
                if let Some(value) = self.first(at) {
                    each(value);
                }
            }
        }
    }

    /// The first value of this field in one layer.
    #[inline]
    pub fn first<'a>(&self, at: &At<'a>) -> Option<Value<'a>> {
        match self.read {
            Read::Bits => at.fixed(self.kind, self.bits?),
            Read::BitsWhere(holds) => at.fixed(self.kind, self.bits?).filter(|_| holds(at)),
            Read::One(read) => read(at),
            Read::Many(read) => {
                let mut first = None;
                read(at, &mut |value| {
                    first = Some(value);
                    false
                });
                first
            }
        }
    }
}
