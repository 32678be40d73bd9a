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
//! it. Text that is in pieces, or must be decoded, is a [`Value::Made`]; which bytes are secret says
//! [`secret`](super::secret).
//!
//! Trap: with `--decode-as` `look` is not asked, so `decode` and the fields hold out against any bytes.

mod rows;

use std::str::FromStr;
use std::sync::OnceLock;

use super::{At, Protocol, Stop, Walk};
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
}

/// Says in one line what a message says.
type Tell = fn(&At<'_>, &mut Vec<u8>) -> Tone;

/// What a message says, in one line of unescaped text; `None` where the layer is no message.
pub fn tell(at: &At<'_>, out: &mut Vec<u8>) -> Option<Tone> {
    rows::teller(at.layer.protocol).map(|tell| tell(at, out))
}

/// Messages of a segment that have a layer of their own; the last has what is left. Below them is room for the headers
/// ([`MAX_LAYERS`](super::MAX_LAYERS)).
pub(super) const MOST_MESSAGES: usize = 48;

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

/// What people call protocols whose fields have another name.
const OTHER_NAMES: &[(&str, &str)] =
    &[("redis", "resp"), ("pop3", "pop"), ("ws", "websocket"), ("ssl", "tls"), ("netbios", "nbns"), ("bootp", "dhcp")];

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
        let name = OTHER_NAMES.iter().find(|(other, _)| *other == name).map_or(name, |(_, own)| (*own).to_owned());
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

/// Whether the person who reads has said what goes over one of these ports.
pub fn is_wished(over: Over, ports: [u16; 2]) -> bool {
    choice().wishes.decode_as.iter().any(|wish| wish.over == over && ports.contains(&wish.port))
}

/// Whether it was asked for passwords as they stand.
pub fn secrets_are_shown() -> bool {
    choice().wishes.show_secrets
}

/// The rows of one transport, and which of them a packet may be of: told by its ports and its first byte, so that what
/// is of none is not looked at, and what may be of one is looked at by that one alone.
struct Gate {
    rows: Vec<&'static Row>,
    /// A bit for each port that is a row's, or that somebody has spoken of.
    ports: [u64; 1 << 10],
    /// The rows of each such port, in the order of ports.
    of_port: Vec<(u16, Rows)>,
    /// The rows that a first byte may be of on every port.
    first: [Rows; 256],
}

/// A bit for each row of a transport, the first row's the lowest.
type Rows = u32;

/// What a packet may be of: by its ports or its first byte, and by its ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidates {
    any: Rows,
    on_port: Rows,
}

impl Gate {
    fn new(over: Over, wishes: &Wishes) -> Self {
        let rows: Vec<&Row> = ROWS.iter().filter(|row| row.over == over).collect();
        let mut gate = Self { rows: rows.clone(), ports: [0; 1 << 10], of_port: Vec::new(), first: [0; 256] };
        for (place, row) in rows.iter().enumerate() {
            let bit: Rows = 1 << place;
            for port in row.ports {
                gate.mark(*port, bit);
            }
            for (from, to) in row.anywhere {
                gate.first.iter_mut().take(usize::from(*to) + 1).skip((*from).into()).for_each(|rows| *rows |= bit);
            }
        }
        wishes.decode_as.iter().filter(|wish| wish.over == over).for_each(|wish| gate.mark(wish.port, 0));
        gate
    }

    fn mark(&mut self, port: u16, bit: Rows) {
        if let Some(word) = self.ports.get_mut(usize::from(port >> 6)) {
            *word |= 1 << (port & 63);
        }
        match self.of_port.binary_search_by_key(&port, |(port, _)| *port) {
            Ok(place) => self.of_port.get_mut(place).into_iter().for_each(|(_, rows)| *rows |= bit),
            Err(place) => self.of_port.insert(place, (port, bit)),
        }
    }

    #[inline]
    fn is_marked(&self, port: u16) -> bool {
        self.ports.get(usize::from(port >> 6)).is_some_and(|word| word >> (port & 63) & 1 != 0)
    }

    #[inline]
    fn lets_in(&self, source: u16, destination: u16, first: u8) -> bool {
        self.first.get(usize::from(first)).is_some_and(|rows| *rows != 0)
            || self.is_marked(source)
            || self.is_marked(destination)
    }

    fn candidates(&self, ports: [u16; 2], first: u8) -> Candidates {
        let of = |port: u16| {
            let place = self.is_marked(port).then(|| self.of_port.binary_search_by_key(&port, |(port, _)| *port));
            place.and_then(Result::ok).and_then(|place| self.of_port.get(place)).map_or(0, |(_, rows)| *rows)
        };
        let on_port = ports.into_iter().fold(0, |rows, port| rows | of(port));
        Candidates { any: on_port | self.first.get(usize::from(first)).copied().unwrap_or(0), on_port }
    }

    /// The first of the candidates that knows these bytes.
    fn row(&self, candidates: Candidates, mut seen: Look<'_>) -> Option<&'static Row> {
        let Candidates { any: mut left, on_port } = candidates;
        while left != 0 {
            let place = left.trailing_zeros();
            left &= left - 1;
            let row = self.rows.get(place as usize)?;
            seen.on_port = on_port >> place & 1 != 0;
            if (row.look)(&seen) {
                return Some(row);
            }
        }
        None
    }
}

impl Choice {
    fn new(wishes: Wishes) -> Self {
        Self { udp: Gate::new(Over::Udp, &wishes), tcp: Gate::new(Over::Tcp, &wishes), wishes }
    }

    #[inline]
    fn gate(&self, over: Over) -> &Gate {
        match over {
            Over::Udp => &self.udp,
            Over::Tcp => &self.tcp,
        }
    }

    /// The row that says what these bytes are.
    fn row(&self, over: Over, data: &[u8], length: usize, ports: [u16; 2]) -> Option<&'static Row> {
        let gate = self.gate(over);
        let mut wishes = self.wishes.decode_as.iter();
        if let Some(wish) = wishes.find(|wish| wish.over == over && ports.contains(&wish.port)) {
            return gate.rows.iter().find(|row| row.protocol == wish.protocol).copied();
        }
        let [source, destination] = ports;
        let seen = Look { data, length, source, destination, on_port: false };
        gate.row(gate.candidates(ports, *data.first()?), seen)
    }
}

/// The application whose message begins with `data`, as [`decode`] chooses it for a packet that begins so.
///
/// For streams, where a message may begin in one segment and go on in others. Ports are source and destination.
pub fn of(over: Over, data: &[u8], ports: [u16; 2]) -> Option<Protocol> {
    let [source, destination] = ports;
    let choice = choice();
    let let_in = choice.gate(over).lets_in(source, destination, *data.first()?);
    let_in.then(|| choice.row(over, data, data.len(), ports)).flatten().map(|row| row.protocol)
}

/// Decodes what a datagram or a segment carries; bytes of no application that is known are [`Protocol::Data`].
#[inline]
pub(super) fn decode(walk: &mut Walk<'_, '_>, over: Over, ports: [u16; 2]) -> Stop {
    let [source, destination] = ports;
    let choice = choice();
    match walk.rest().first() {
        Some(first) if choice.gate(over).lets_in(source, destination, *first) => known(walk, choice, over, ports),
        _ => walk.payload(),
    }
}

#[inline(never)]
fn known(walk: &mut Walk<'_, '_>, choice: &Choice, over: Over, ports: [u16; 2]) -> Stop {
    // Who quotes a datagram may cut it; how long it was, it says itself.
    let quoted = if walk.quoted && over == Over::Udp { said(walk) } else { None };
    let length = quoted.map_or(walk.length(), |length| length.max(walk.length()));
    match choice.row(over, walk.rest(), length, ports) {
        Some(row) => (row.decode)(walk),
        None => walk.payload(),
    }
}

/// Bytes of data by the header of UDP that has just been read.
fn said(walk: &Walk<'_, '_>) -> Option<usize> {
    let length = walk.data.get(walk.at.checked_sub(4)?..)?.first_chunk()?;
    usize::from(u16::from_be_bytes(*length)).checked_sub(8)
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
        let redis = DecodeAs { over: Over::Tcp, port: 6380, protocol: Protocol::Resp };
        assert_eq!("tcp.port==6380,Redis".parse(), Ok(redis));
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
        let udp = Gate::new(Over::Udp, &Wishes::default());
        assert!(udp.lets_in(40_000, 50_000, 0) && udp.lets_in(40_000, 50_000, 0x3f));
        let wishes = Wishes { decode_as: vec!["tcp.port==65535,http".parse().unwrap()], show_secrets: false };
        let (closed, open) = (Gate::new(Over::Tcp, &Wishes::default()), Gate::new(Over::Tcp, &wishes));
        assert!(!closed.lets_in(65_535, 1, 0));
        assert!(open.lets_in(65_535, 1, 0) && open.lets_in(1, 65_535, 0) && !open.lets_in(65_534, 1, 0));
    }

    #[test]
    fn candidates_are_the_rows_of_both_ports_and_of_the_first_byte() {
        for over in [Over::Udp, Over::Tcp] {
            let gate = Gate::new(over, &Wishes::default());
            assert!(gate.rows.len() <= Rows::BITS as usize, "{over:?}");
            for (ports, first) in [([80, 53], b'G'), ([40_000, 21], 0), ([5353, 40_000], 0xff), ([1, 2], 22)] {
                let of = |wanted: &dyn Fn(&Row) -> bool| {
                    gate.rows
                        .iter()
                        .enumerate()
                        .filter(|(_, row)| wanted(row))
                        .fold(0, |rows, (place, _)| rows | 1 << place)
                };
                let on_port = of(&|row| row.ports.iter().any(|port| ports.contains(port)));
                let begins = of(&|row| row.anywhere.iter().any(|(from, to)| (*from..=*to).contains(&first)));
                assert_eq!(
                    gate.candidates(ports, first),
                    Candidates { any: on_port | begins, on_port },
                    "{over:?} {ports:?}"
                );
            }
        }
    }

    /// What messages begin with; bytes of them are changed, cut and extended below.
    const BEGINNINGS: [&[u8]; 22] = [
        b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"REGISTER sip:lab SIP/2.0\r\n\r\n",
        b"NOTIFY * HTTP/1.1\r\n\r\n",
        b"220 lab ready\r\n",
        b"USER ana\r\n",
        b"EHLO lab\r\n",
        b"+OK ready\r\n",
        b"* OK ready\r\n",
        b"a1 LOGIN ana tajna\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"\xff\xfb\x01",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00",
        b"\x81\x02hi",
        b"\x00\x01\x00\x00\x21\x12\xa4\x420123456789ab",
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03lab\x00\x00\x01\x00\x01",
        b"\x00\x1d\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03lab\x00\x00\x01\x00\x01",
        b"<13>Nov 22 08:00:00 lab: hi",
        b"\x30\x0b\x02\x01\x00\x04\x06public",
        b"\x41\x01\x12\x34\xaa\xb4time",
        b"\xc0\x00\x00\x00\x01\x08abcdefgh\x00\x00\x05abcde",
    ];

    /// The choice as the table tells it: every row is asked, one after the other.
    fn plain(over: Over, seen: Look<'_>) -> Option<&'static Row> {
        ROWS.iter().filter(|row| row.over == over).find(|row| {
            let on_port = row.ports.iter().any(|port| *port == seen.source || *port == seen.destination);
            let begins = || row.anywhere.iter().any(|(from, to)| (*from..=*to).contains(&seen.data[0]));
            (on_port || begins()) && (row.look)(&Look { on_port, ..seen })
        })
    }

    proptest::proptest! {
        #[test]
        fn the_quick_choice_is_that_of_asking_every_row(
            places in proptest::array::uniform2(0..200_usize),
            others in proptest::array::uniform2(1..=u16::MAX),
            which in 0..BEGINNINGS.len() + 1,
            change in (0..12_usize, 0..=u8::MAX),
            cut in 1..60_usize,
            more in proptest::collection::vec(0..=u8::MAX, 1..60),
        ) {
            let mut data = BEGINNINGS.get(which).map_or_else(Vec::new, |data| data.to_vec());
            data.extend_from_slice(if cut % 3 == 0 { &more } else { &more[..usize::from(data.is_empty())] });
            if let Some(byte) = data.get_mut(change.0) {
                *byte = change.1;
            }
            data.truncate(cut);
            for over in [Over::Udp, Over::Tcp] {
                let known: Vec<u16> = ROWS.iter().filter(|row| row.over == over).flat_map(|row| row.ports).copied().collect();
                let port = |end: usize| known.get(places[end]).copied().unwrap_or(others[end]);
                let [source, destination] = [port(0), port(1)];
                let seen = Look { data: &data, length: data.len(), source, destination, on_port: false };
                let gate = Gate::new(over, &Wishes::default());
                let quick = gate.row(gate.candidates([source, destination], data[0]), seen);
                let wanted = plain(over, seen);
                proptest::prop_assert_eq!(quick.map(std::ptr::from_ref), wanted.map(std::ptr::from_ref));
                proptest::prop_assert!(wanted.is_none() || gate.lets_in(source, destination, data[0]));
            }
        }
    }

    #[test]
    fn a_row_belongs_to_an_application() {
        assert!(ROWS.iter().all(|row| row.protocol.is_application() && row.protocol != Protocol::Data));
        // Data of FTP are known by what was said before alone.
        let is_found = |row: &Row| !row.ports.is_empty() || !row.anywhere.is_empty();
        assert!(ROWS.iter().all(|row| is_found(row) || row.protocol == Protocol::FtpData));
    }
}
