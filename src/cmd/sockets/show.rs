//! Sockets as lines in columns.
//!
//! Ten thousand of them are written as fast as the kernel tells of them: cells lie one after another in one buffer.

use unicode_width::UnicodeWidthStr;

use super::choice::word;
use super::details;
use super::names::{Names, endpoint};
use crate::field::text::decimal;
use crate::io::sockets::processes::{Holder, Holders};
use crate::io::sockets::{Endpoint, Socket, State};
use crate::view::escape;
use crate::view::style::{Palette, Role};
use crate::view::table::Align;

const COLUMNS: [(&str, Align); 8] = [
    ("protocol", Align::Left),
    ("state", Align::Left),
    ("recv-q", Align::Right),
    ("send-q", Align::Right),
    ("local", Align::Left),
    ("remote", Align::Left),
    ("process", Align::Left),
    ("user", Align::Left),
];

/// Where the state stands in `COLUMNS`.
const STATE: usize = 1;

/// Rows of cells, in the order of `COLUMNS`, as they are to be printed.
#[derive(Debug, Default)]
struct Cells {
    text: Vec<u8>,
    /// Where each ends in the text, and how many columns of a terminal it takes.
    ends: Vec<(usize, usize)>,
}

impl Cells {
    /// Ends a cell: what was written since the last one.
    fn end(&mut self) {
        let start = self.ends.last().map_or(0, |(end, _)| *end);
        let cell = self.text.get(start..).unwrap_or_default();
        let width =
            if cell.is_ascii() { cell.len() } else { str::from_utf8(cell).map_or(cell.len(), |cell| cell.width()) };
        self.ends.push((self.text.len(), width));
    }

    fn word(&mut self, word: &str) {
        self.text.extend_from_slice(word.as_bytes());
        self.end();
    }

    fn row(&mut self, socket: &Socket, holders: &[Holder], names: &mut Names) {
        self.text.extend_from_slice(socket.protocol.name().as_bytes());
        if !socket.kind.is_empty() {
            self.text.push(b' ');
            self.text.extend_from_slice(socket.kind.as_bytes());
        }
        self.end();
        self.text.extend_from_slice(word(socket.protocol, socket.state).as_bytes());
        if let Some(timer) = socket.timer {
            self.text.push(b' ');
            details::left(timer.left, &mut self.text);
        }
        self.end();
        decimal(socket.receive_queue.into(), &mut self.text);
        // Of a listener, what has come and waits of what may wait.
        if socket.state == State::LISTEN {
            self.text.extend_from_slice(b" of ");
        } else {
            self.end();
        }
        decimal(socket.send_queue.into(), &mut self.text);
        self.end();
        if socket.state == State::LISTEN {
            self.end();
        }
        local(socket, names, &mut self.text);
        self.end();
        end(&socket.remote, &mut self.text);
        self.end();
        processes(holders, &mut self.text);
        self.end();
        if let Some(uid) = socket.uid {
            escape::write(names.user(uid).as_bytes(), &mut self.text);
        }
        self.end();
    }

    /// The widest of each column.
    fn widths(&self) -> [usize; COLUMNS.len()] {
        let mut widths = [0; COLUMNS.len()];
        for row in self.ends.chunks(COLUMNS.len()) {
            for (width, (_, cell)) in widths.iter_mut().zip(row) {
                *width = (*width).max(*cell);
            }
        }
        widths
    }

    /// Writes row `number` in these widths, its state in a role of its own.
    fn line(&self, number: usize, widths: &[usize], palette: Palette, [plain, state]: [Role; 2], out: &mut Vec<u8>) {
        let first = number * COLUMNS.len();
        let mut start = first.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |(end, _)| *end);
        let mut pending = 0;
        let row = self.ends.iter().skip(first).zip(widths).zip(COLUMNS).enumerate();
        for (column, (((end, taken), width), (_, align))) in row {
            let cell = self.text.get(std::mem::replace(&mut start, *end)..*end).unwrap_or_default();
            // A column that nobody fills takes no room.
            if *width == 0 {
                continue;
            }
            let padding = width - taken;
            if align == Align::Right {
                pending += padding;
            }
            if !cell.is_empty() {
                out.resize(out.len() + std::mem::take(&mut pending), b' ');
                let role = if column == STATE { state } else { plain };
                palette.begin(role, out);
                out.extend_from_slice(cell);
                palette.end(role, out);
            }
            pending += if align == Align::Left { padding + 2 } else { 2 };
        }
        out.push(b'\n');
    }
}

/// An end, harmless on a terminal.
pub fn end(end: &Endpoint, out: &mut Vec<u8>) {
    match end {
        Endpoint::Path(path) => {
            let mut chosen = Vec::with_capacity(path.len());
            endpoint(end, &mut chosen);
            escape::write(&chosen, out);
        }
        _ => endpoint(end, out),
    }
}

/// The local end; with the interface where the socket is bound to one, as ss(8) writes it.
fn local(socket: &Socket, names: &mut Names, out: &mut Vec<u8>) {
    end(&socket.local, out);
    if socket.interface != 0 {
        out.extend_from_slice(b" on ");
        escape::write(names.interface(socket.interface).as_bytes(), out);
    }
}

/// Each process with its descriptors of the socket.
pub fn processes(holders: &[Holder], out: &mut Vec<u8>) {
    for (place, same) in holders.chunk_by(|a, b| a.pid == b.pid).enumerate() {
        let Some(first) = same.first() else { continue };
        if place > 0 {
            out.extend_from_slice(b", ");
        }
        escape::write(first.process.as_bytes(), out);
        out.push(b' ');
        decimal(first.pid.unsigned_abs().into(), out);
        for (place, holder) in same.iter().enumerate() {
            out.extend_from_slice(if place > 0 { b"+" } else { b" fd " });
            decimal(holder.descriptor.unsigned_abs().into(), out);
        }
    }
}

fn role(state: State) -> Role {
    match state {
        State::LISTEN => Role::Heading,
        State::ESTABLISHED => Role::Opening,
        State::CLOSED => Role::Plain,
        State::TIME_WAIT => Role::Faint,
        _ => Role::Closing,
    }
}

/// How lines are written.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub palette: Palette,
    /// With the names of the columns above.
    pub header: bool,
    /// With what `-v` asked for indented below each.
    pub verbose: bool,
}

/// One line each, in columns as wide as they need.
pub fn lines(sockets: &[Socket], holders: &Holders, names: &mut Names, look: Look, out: &mut Vec<u8>) {
    let mut cells = Cells::default();
    if look.header {
        COLUMNS.iter().for_each(|(name, _)| cells.word(name));
    }
    for socket in sockets {
        cells.row(socket, holders.of(socket.inode), names);
    }
    let widths = cells.widths();
    if look.header {
        cells.line(0, &widths, look.palette, [Role::Heading; 2], out);
    }
    for (number, socket) in (usize::from(look.header)..).zip(sockets) {
        cells.line(number, &widths, look.palette, [Role::Plain, role(socket.state)], out);
        if look.verbose {
            details::write(socket, names, out);
        }
    }
}

/// How many there are, and what could not be said of them.
pub fn last_words(sockets: &[Socket], holders: &Holders) -> String {
    let total = match sockets.len() {
        1 => "1 socket".to_owned(),
        number => format!("{number} sockets"),
    };
    let unknown = sockets.iter().filter(|socket| socket.inode != 0 && holders.of(socket.inode).is_empty()).count();
    match (unknown, holders.hidden) {
        (0, _) => total,
        (_, 0) => format!(
            "{total}; {unknown} without a process: the kernel's own, closed meanwhile, or of a process that this PID \
             namespace does not show"
        ),
        _ => {
            format!("{total}; {unknown} without a process, because it is another user's: sudo netlab sockets shows it")
        }
    }
}
