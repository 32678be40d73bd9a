//! Which program is at an end of a packet, and how sure that is: the words that `io`, which finds it out, shares with
//! `flow` and `view`.
//!
//! Guarantee: what is not known for certain to be right is `unknown`; a name is never another program's. As a packet
//! comment (pcapng `opt_comment`) it is one line of printable ASCII, at most [`LONGEST_COMMENT`] bytes, that is read
//! back by [`Ends::of_comment`]:
//!
//! ```text
//! netlab: src python3 pid 1234 (exact); dst nginx (by listener)
//! ```
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

use std::net::SocketAddr;

use crate::frame::Timestamp;

/// Bytes of a process's name (TASK_COMM_LEN less one, proc_pid_comm(5)).
const NAME: usize = 15;
/// Bytes of a comment: two ends, each byte of their names escaped.
pub const LONGEST_COMMENT: usize = 256;
const BEGINNING: &str = "netlab: ";

/// How sure it is that this program is at that end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// An end on this machine, and nobody can say whose.
    #[default]
    Unknown,
    /// The one program that listens on that address and port; its socket of this conversation was not met.
    ByListener,
    /// The program that holds the socket of this very conversation.
    Exact,
}

impl Certainty {
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::ByListener => "by listener",
            Self::Exact => "exact",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Unknown, Self::ByListener, Self::Exact].into_iter().find(|certainty| certainty.name() == name)
    }
}

/// The program at one end on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    name: [u8; NAME],
    length: u8,
    pid: u32,
    pub certainty: Certainty,
}

impl End {
    /// An end on this machine of which nothing is known.
    pub const UNKNOWN: Self = Self { name: [0; NAME], length: 0, pid: 0, certainty: Certainty::Unknown };

    /// A program by the kernel's name of it (cut to 15 bytes), and its process where it is one alone.
    pub fn new(name: &[u8], pid: Option<u32>, certainty: Certainty) -> Self {
        let pid = pid.filter(|_| !name.is_empty());
        let mut end = Self { pid: pid.unwrap_or(0), certainty, ..Self::UNKNOWN };
        for (to, from) in end.name.iter_mut().zip(name) {
            *to = *from;
        }
        end.length = name.len().min(NAME) as u8;
        end
    }

    /// Whatever the program chose to be called: escape it before a terminal. `None` where it is not known.
    pub fn name(&self) -> Option<&[u8]> {
        self.name.get(..self.length.into()).filter(|name| !name.is_empty())
    }

    /// `None` where it is not known, or where several processes of that name hold the socket.
    pub fn pid(&self) -> Option<u32> {
        Some(self.pid).filter(|pid| *pid != 0)
    }
}

/// The programs at both ends of a packet; `None`: that end is not on this machine, or nobody asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    pub source: Option<End>,
    pub destination: Option<End>,
}

impl Ends {
    pub const NONE: Self = Self { source: None, destination: None };

    pub fn is_empty(&self) -> bool {
        self.source.is_none() && self.destination.is_none()
    }

    /// Both, the source first.
    pub fn each(&self) -> impl Iterator<Item = &End> {
        self.source.iter().chain(&self.destination)
    }

    /// Those of a packet that goes the other way.
    pub fn reversed(self) -> Self {
        Self { source: self.destination, destination: self.source }
    }

    /// Writes them as a packet comment; nothing where no end is on this machine.
    pub fn write_comment(&self, out: &mut Vec<u8>) {
        let mut gap = BEGINNING;
        for (word, end) in [("src", self.source), ("dst", self.destination)] {
            let Some(end) = end else { continue };
            out.extend_from_slice(gap.as_bytes());
            out.extend_from_slice(word.as_bytes());
            gap = "; ";
            if let Some(name) = end.name() {
                out.push(b' ');
                name.iter().for_each(|byte| escaped(*byte, out));
            }
            if let Some(pid) = end.pid() {
                out.extend_from_slice(format!(" pid {pid}").as_bytes());
            }
            out.extend_from_slice(b" (");
            out.extend_from_slice(end.certainty.name().as_bytes());
            out.push(b')');
        }
    }

    /// What a comment says that [`write_comment`](Self::write_comment) wrote; nothing where it is another's.
    #[inline]
    pub fn of_comment(comment: &[u8]) -> Self {
        if comment.is_empty() { Self::NONE } else { Self::read(comment).unwrap_or(Self::NONE) }
    }

    #[cold]
    fn read(comment: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(comment.get(..comment.len().min(LONGEST_COMMENT))?).ok()?;
        let mut ends = Self::NONE;
        for part in text.strip_prefix(BEGINNING)?.split("; ") {
            let (said, certainty) = part.strip_suffix(')')?.split_once(" (")?;
            let certainty = Certainty::named(certainty)?;
            let mut words = said.split(' ');
            let place = match words.next()? {
                "src" => &mut ends.source,
                "dst" => &mut ends.destination,
                _ => return None,
            };
            let name = words.next().map(unescaped).unwrap_or(Some(Vec::new()))?;
            let pid = match (words.next(), words.next(), words.next()) {
                (None, None, None) => None,
                (Some("pid"), Some(number), None) => Some(number.parse().ok()?),
                _ => return None,
            };
            *place = Some(End::new(&name, pid, certainty));
        }
        Some(ends)
    }
}

/// Letters, digits and a few marks stand for themselves; everything else is `\xNN`, so that blanks part words.
fn escaped(byte: u8, out: &mut Vec<u8>) {
    if byte.is_ascii_alphanumeric() || b"._-+:/@".contains(&byte) {
        out.push(byte);
    } else {
        out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
    }
}

fn unescaped(word: &str) -> Option<Vec<u8>> {
    let mut parts = word.split("\\x");
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    Some(bytes)
}

/// Whose ports they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    Tcp,
    Udp,
}

impl Transport {
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

/// What a packet says of the beginning of its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It asks for a connection (SYN alone): nobody may be there.
    Asks,
    /// Somebody took the connection (an ACK without RST).
    Taken,
    /// Nothing of the kind.
    None,
}

/// A packet whose programs are sought.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    pub transport: Transport,
    /// Number of its conversation among those of the transport.
    pub stream: u32,
    pub source: SocketAddr,
    pub destination: SocketAddr,
    /// The kernel's index of the interface it passed, where the frame tells.
    pub interface: Option<u32>,
    /// When it was captured.
    pub time: Timestamp,
    pub sign: Sign,
}

/// Who knows which program holds which socket.
pub trait Programs {
    /// The programs at both ends. Asked for every packet, in the order of capture.
    fn ends(&mut self, question: &Question) -> Ends;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comment(ends: &Ends) -> String {
        let mut out = Vec::new();
        ends.write_comment(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_comment_is_one_line_and_reads_back() {
        let ends = Ends {
            source: Some(End::new(b"python3", Some(1234), Certainty::Exact)),
            destination: Some(End::new(b"nginx", None, Certainty::ByListener)),
        };
        assert_eq!(comment(&ends), "netlab: src python3 pid 1234 (exact); dst nginx (by listener)");
        assert_eq!(Ends::of_comment(comment(&ends).as_bytes()), ends);
        let ends = Ends { source: None, destination: Some(End::UNKNOWN) };
        assert_eq!(comment(&ends), "netlab: dst (unknown)");
        assert_eq!(Ends::of_comment(b"netlab: dst (unknown)"), ends);
        assert_eq!(comment(&Ends::NONE), "");
    }

    #[test]
    fn what_others_wrote_is_not_taken_for_it() {
        for other in
            ["", "hello", "netlab: ", "netlab: src a pid x (exact)", "netlab: src a pid 1 (sure)", "netlab: by a b"]
        {
            assert_eq!(Ends::of_comment(other.as_bytes()), Ends::NONE, "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name_reads_back_and_none_makes_a_long_or_unprintable_comment(name: Vec<u8>, pid: Option<u32>) {
            let end = Some(End::new(&name, pid, Certainty::Exact));
            let ends = Ends { source: end, destination: end };
            let text = comment(&ends);
            proptest::prop_assert!(text.len() <= LONGEST_COMMENT && text.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            proptest::prop_assert_eq!(Ends::of_comment(text.as_bytes()), ends);
        }

        #[test]
        fn no_comment_is_too_strange(comment: Vec<u8>, text: String) {
            Ends::of_comment(&comment);
            Ends::of_comment(format!("netlab: src {text}").as_bytes());
        }
    }
}
