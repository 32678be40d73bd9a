//! Which application the bytes of a datagram or of a segment belong to: chosen by port and by a look at the bytes.
//!
//! [`ROWS`] is the one place of that choice. A protocol is a file of its own and a row in two tables:
//!
//! 1. `src/wire/NAME.rs` with its `FIELDS` and three functions. `look` tells from the first bytes whether they are such
//!    a message; `decode` adds its layers; `tell` says in one line what the message says, as it stands in the packet:
//!    the views escape it.
//! 2. Its row in `protocol.rs`, between `Stun` and `Data`: what stands there is an application to every view.
//! 3. Its row in [`ROWS`] (`application/rows.rs`): the transport, the ports of either end, and, where a message bears an
//!    unmistakable mark, the bytes that it may begin with: then it is looked for on every port. Rows are tried in their
//!    order.
//!
//! Lines, tree, JSON, filters, ladders and statistics take it from there; what is drawn as a grid (fields at fixed
//! places) gets its options in `view/grid/parts`. A message of text is [`Walk::text`]: as much as this segment holds of
//! it. Text that is in pieces, or must be decoded, is a [`Value::Made`]; a secret goes through [`secret`].
//!
//! Trap: with `--decode-as` `look` is not asked, so `decode` and the fields hold out against any bytes.

mod rows;

use std::str::FromStr;
use std::sync::OnceLock;

use super::{At, Protocol, Stop, Value, Walk};
pub use rows::ROWS;

/// The transport below an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Udp,
    Tcp,
}

/// The beginning of what a datagram or a segment carries.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Captured bytes.
    pub data: &'a [u8],
    /// Bytes by the length fields, captured or not.
    pub length: usize,
    pub source: u16,
    pub destination: u16,
    /// One of the row's ports is at one of the ends.
    pub on_port: bool,
}

impl Look<'_> {
    /// Whether the sender has this port, for protocols in which one side asks and the other answers.
    pub fn is_from(&self, ports: &[u16]) -> bool {
        ports.contains(&self.source)
    }
}

/// How what a message says is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    /// An error, a refusal.
    Trouble,
}

/// A protocol over UDP or TCP. One over both has two rows.
pub struct Row {
    pub protocol: Protocol,
    pub over: Over,
    /// Of either end.
    pub ports: &'static [u16],
    /// First and last of the bytes that a message begins with which is known on every port; empty: only on `ports`.
    pub anywhere: &'static [(u8, u8)],
    pub(super) look: fn(&Look<'_>) -> bool,
    pub(super) decode: fn(&mut Walk<'_, '_>) -> Stop,
    tell: fn(&At<'_>, &mut Vec<u8>) -> Tone,
}

/// What a message says, in one line of unescaped text; `None` where the layer is no message.
pub fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Option<Tone> {
    let row = ROWS.iter().find(|row| row.protocol == at.layer.protocol)?;
    Some((row.tell)(at, out))
}

/// What goes over one port is of this protocol, whatever its bytes look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeAs {
    pub over: Over,
    pub port: u16,
    /// [`Protocol::Data`]: of none.
    pub protocol: Protocol,
}

/// Why a text is no [`DecodeAs`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    #[error("say it as tcp.port==9999,http: a port of tcp or udp, then the protocol")]
    Shape,
    #[error("{0:?} is no port: 1 to 65535")]
    Port(String),
    #[error("{name:?} is no application over {over}; there are {known}")]
    Protocol { name: String, over: &'static str, known: String },
}

impl FromStr for DecodeAs {
    type Err = Unclear;

    fn from_str(text: &str) -> Result<Self, Unclear> {
        let (port, name) = text.split_once(',').ok_or(Unclear::Shape)?;
        let (field, port) = port.split_once("==").ok_or(Unclear::Shape)?;
        let (over, transport) = match field.trim() {
            "tcp.port" => (Over::Tcp, "tcp"),
            "udp.port" => (Over::Udp, "udp"),
            _ => return Err(Unclear::Shape),
        };
        let number = port.trim().parse().ok().filter(|port| *port > 0);
        let number = number.ok_or_else(|| Unclear::Port(port.trim().to_owned()))?;
        let name = name.trim().to_ascii_lowercase();
        let rows = || ROWS.iter().filter(|row| row.over == over).map(|row| row.protocol).chain([Protocol::Data]);
        match rows().find(|protocol| protocol.name() == name) {
            Some(protocol) => Ok(Self { over, port: number, protocol }),
            None => {
                let known: Vec<&str> = rows().map(Protocol::name).collect();
                Err(Unclear::Protocol { name, over: transport, known: known.join(", ") })
            }
        }
    }
}

/// What the person who reads has to say about applications.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    pub decode_as: Vec<DecodeAs>,
    /// Show passwords and the like as they stand.
    pub show_secrets: bool,
}

/// The table as it is looked into for each packet.
struct Choice {
    wishes: Wishes,
    udp: Gate,
    tcp: Gate,
}

static CHOICE: OnceLock<Choice> = OnceLock::new();

/// Says how applications are to be decoded, once and before the first packet; `false` where it was too late.
pub fn wish(wishes: Wishes) -> bool {
    CHOICE.set(Choice::new(wishes)).is_ok()
}

#[inline]
fn choice() -> &'static Choice {
    CHOICE.get_or_init(|| Choice::new(Wishes::default()))
}

/// A password or the like: as it stands only where that was asked for.
pub fn secret(text: &[u8]) -> Value<'_> {
    Value::Text(if secrets_are_shown() { text } else { b"***" })
}

/// Whether it was asked for passwords as they stand; for what is secret only in part.
pub fn secrets_are_shown() -> bool {
    choice().wishes.show_secrets
}

/// What keeps the packets of no application away from the table: a bit for each port and each first byte.
struct Gate {
    ports: [u64; 1 << 10],
    first: [u64; 4],
}

impl Gate {
    fn new(over: Over, wishes: &Wishes) -> Self {
        let mut gate = Self { ports: [0; 1 << 10], first: [0; 4] };
        for row in ROWS.iter().filter(|row| row.over == over) {
            row.ports.iter().for_each(|port| mark(&mut gate.ports, *port));
            row.anywhere
                .iter()
                .for_each(|(from, to)| (*from..=*to).for_each(|byte| mark(&mut gate.first, byte.into())));
        }
        wishes.decode_as.iter().filter(|wish| wish.over == over).for_each(|wish| mark(&mut gate.ports, wish.port));
        gate
    }

    #[inline]
    fn lets_in(&self, source: u16, destination: u16, first: u8) -> bool {
        is_marked(&self.ports, source) || is_marked(&self.ports, destination) || is_marked(&self.first, first.into())
    }
}

fn mark(bits: &mut [u64], place: u16) {
    if let Some(word) = bits.get_mut(usize::from(place >> 6)) {
        *word |= 1 << (place & 63);
    }
}

#[inline]
fn is_marked<const N: usize>(bits: &[u64; N], place: u16) -> bool {
    bits.get(usize::from(place >> 6)).is_some_and(|word| word >> (place & 63) & 1 != 0)
}

impl Choice {
    fn new(wishes: Wishes) -> Self {
        Self { udp: Gate::new(Over::Udp, &wishes), tcp: Gate::new(Over::Tcp, &wishes), wishes }
    }

    /// The row that says what these bytes are.
    fn row(&self, over: Over, data: &[u8], length: usize, [source, destination]: [u16; 2]) -> Option<&'static Row> {
        let of_transport = || ROWS.iter().filter(|row| row.over == over);
        let has_port = |port: &u16| *port == source || *port == destination;
        let mut wishes = self.wishes.decode_as.iter();
        if let Some(wish) = wishes.find(|wish| wish.over == over && has_port(&wish.port)) {
            return of_transport().find(|row| row.protocol == wish.protocol);
        }
        let first = *data.first()?;
        of_transport().find(|row| {
            let on_port = row.ports.iter().any(has_port);
            let seen = Look { data, length, source, destination, on_port };
            let begins = || row.anywhere.iter().any(|(from, to)| (*from..=*to).contains(&first));
            (on_port || begins()) && (row.look)(&seen)
        })
    }
}

/// The application whose message begins with `data`, as [`decode`] chooses it for a packet that begins so.
///
/// For streams, where a message may begin in one segment and go on in others. Ports are source and destination.
pub fn of(over: Over, data: &[u8], ports: [u16; 2]) -> Option<Protocol> {
    let [source, destination] = ports;
    let choice = choice();
    let gate = match over {
        Over::Udp => &choice.udp,
        Over::Tcp => &choice.tcp,
    };
    let let_in = gate.lets_in(source, destination, *data.first()?);
    let_in.then(|| choice.row(over, data, data.len(), ports)).flatten().map(|row| row.protocol)
}

/// Decodes what a datagram or a segment carries; bytes of no application that is known are [`Protocol::Data`].
#[inline]
pub(super) fn decode(walk: &mut Walk<'_, '_>, over: Over, ports: [u16; 2]) -> Stop {
    let [source, destination] = ports;
    let choice = choice();
    let gate = match over {
        Over::Udp => &choice.udp,
        Over::Tcp => &choice.tcp,
    };
    match walk.rest().first() {
        Some(first) if gate.lets_in(source, destination, *first) => known(walk, choice, over, ports),
        _ => walk.payload(),
    }
}

#[inline(never)]
fn known(walk: &mut Walk<'_, '_>, choice: &Choice, over: Over, ports: [u16; 2]) -> Stop {
    match choice.row(over, walk.rest(), walk.length(), ports) {
        Some(row) => (row.decode)(walk),
        None => walk.payload(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::stun;
    use super::*;

    #[test]
    fn reads_what_a_port_is_to_be_decoded_as() {
        let stun = DecodeAs { over: Over::Udp, port: 9999, protocol: Protocol::Stun };
        assert_eq!("udp.port==9999,stun".parse(), Ok(stun));
        assert_eq!(" udp.port == 9999 , STUN".parse(), Ok(stun));
        assert_eq!("tcp.port==80,data".parse(), Ok(DecodeAs { over: Over::Tcp, port: 80, protocol: Protocol::Data }));
        assert_eq!("tcp.port=80,data".parse::<DecodeAs>(), Err(Unclear::Shape));
        assert_eq!("ip.src==80,data".parse::<DecodeAs>(), Err(Unclear::Shape));
        assert_eq!("tcp.port==0,data".parse::<DecodeAs>(), Err(Unclear::Port("0".into())));
        assert_eq!("tcp.port==65536,data".parse::<DecodeAs>(), Err(Unclear::Port("65536".into())));
        let unknown = "tcp.port==80,stun".parse::<DecodeAs>().unwrap_err().to_string();
        assert!(unknown.starts_with("\"stun\" is no application over tcp; there are "), "{unknown}");
    }

    #[test]
    fn a_wish_overrules_port_and_bytes() {
        let of = |wish: &str| Choice::new(Wishes { decode_as: vec![wish.parse().unwrap()], show_secrets: false });
        let found =
            |choice: &Choice, data: &[u8]| choice.row(Over::Udp, data, data.len(), [9999, 5]).map(|row| row.protocol);
        let none = Choice::new(Wishes::default());
        assert_eq!(found(&none, b"nothing of the kind"), None);
        assert_eq!(found(&of("udp.port==9999,stun"), b"nothing of the kind"), Some(Protocol::Stun));
        assert_eq!(found(&of("udp.port==9998,stun"), b"nothing of the kind"), None);
        assert_eq!(found(&of("tcp.port==9999,data"), b"nothing of the kind"), None);
        let request = stun::Draft::new(stun::Class::Request, stun::BINDING, *b"0123456789ab").finish(true);
        assert_eq!(found(&none, &request), Some(Protocol::Stun));
        assert_eq!(found(&of("udp.port==9999,data"), &request), None);
    }

    #[test]
    fn the_gate_lets_in_what_a_row_may_know() {
        let gate = Gate::new(Over::Udp, &Wishes::default());
        assert!(gate.lets_in(40_000, 50_000, 0) && gate.lets_in(40_000, 50_000, 0x3f));
        let closed = Gate { ports: [0; 1 << 10], first: [0; 4] };
        let mut open = closed;
        mark(&mut open.ports, 65_535);
        assert!(open.lets_in(65_535, 1, 0) && open.lets_in(1, 65_535, 0) && !open.lets_in(65_534, 1, 0));
    }

    #[test]
    fn a_row_belongs_to_an_application() {
        assert!(ROWS.iter().all(|row| row.protocol.is_application() && row.protocol != Protocol::Data));
        assert!(ROWS.iter().all(|row| !row.ports.is_empty() || !row.anywhere.is_empty()));
    }
}
