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
use crate::view::wrap;

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

/// What stands below a row is set in.
const INDENT: usize = 4;

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

    /// The cells of row `number`, with the columns of a terminal that each takes.
    fn row_of(&self, number: usize) -> impl Iterator<Item = (&[u8], usize)> {
        let first = number * COLUMNS.len();
        let mut start = first.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |(end, _)| *end);
        self.ends.iter().skip(first).take(COLUMNS.len()).map(move |(end, taken)| {
            (self.text.get(std::mem::replace(&mut start, *end)..*end).unwrap_or_default(), *taken)
        })
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

    /// Writes row `number` as planned, its state in a role of its own.
    fn line(&self, number: usize, plan: &Plan, palette: Palette, [plain, state]: [Role; 2], out: &mut Vec<u8>) {
        let mut pending = 0;
        let row = self.row_of(number).zip(plan.widths).zip(COLUMNS).enumerate().take(plan.beside);
        for (column, (((cell, taken), width), (_, align))) in row {
            // A column that nobody fills takes no room.
            if width == 0 {
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
            pending += plan.gap + if align == Align::Left { padding } else { 0 };
        }
        out.push(b'\n');
        let rest = self.row_of(number).skip(plan.beside).map(|(cell, _)| cell).filter(|cell| !cell.is_empty());
        let rest = rest.map(String::from_utf8_lossy).collect::<Vec<_>>().join("  ");
        if !rest.is_empty() {
            out.resize(out.len() + INDENT, b' ');
            palette.begin(plain, out);
            wrap::hanging(&rest, plan.room, INDENT, INDENT, out);
            palette.end(plain, out);
            out.push(b'\n');
        }
    }
}

/// How rows are laid out.
struct Plan {
    widths: [usize; COLUMNS.len()],
    /// Blanks between columns.
    gap: usize,
    /// So many columns stand beside each other; the others follow below, set in.
    beside: usize,
    /// Columns of the terminal.
    room: usize,
}

impl Plan {
    /// Without a terminal there is room for everything.
    fn new(widths: [usize; COLUMNS.len()], room: Option<usize>) -> Self {
        let room = room.unwrap_or(usize::MAX);
        let fitting = |gap: usize| {
            let mut taken = 0;
            let shown = widths.iter().take_while(|width| {
                taken += **width + if taken > 0 && **width > 0 { gap } else { 0 };
                taken <= room
            });
            shown.count()
        };
        let gap = if fitting(2) == COLUMNS.len() { 2 } else { 1 };
        Self { widths, gap, beside: fitting(gap), room }
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
    /// For a terminal of so many columns: with the names of the columns above, and nothing wider than that.
    pub room: Option<usize>,
    /// With what `-v` asked for indented below each.
    pub verbose: bool,
}

/// One line each, in columns as wide as they need.
pub fn lines(sockets: &[Socket], holders: &Holders, names: &mut Names, look: Look, out: &mut Vec<u8>) {
    let mut cells = Cells::default();
    let header = look.room.is_some();
    if header {
        COLUMNS.iter().for_each(|(name, _)| cells.word(name));
    }
    for socket in sockets {
        cells.row(socket, holders.of(socket.inode), names);
    }
    let plan = Plan::new(cells.widths(), look.room);
    if header {
        cells.line(0, &plan, look.palette, [Role::Heading; 2], out);
    }
    let mut more = Vec::new();
    for (number, socket) in (usize::from(header)..).zip(sockets) {
        cells.line(number, &plan, look.palette, [Role::Plain, role(socket.state)], out);
        if look.verbose {
            more.clear();
            details::write(socket, names, &mut more);
            for line in String::from_utf8_lossy(&more).lines() {
                wrap::hanging(line, plan.room, 0, 2 * INDENT, out);
                out.push(b'\n');
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn written(room: Option<usize>) -> String {
        let mut cells = Cells::default();
        let row = ["tcp", "ESTABLISHED", "", "0", "12", "10.0.0.1:8005", "10.0.0.2:40000", "python3 7 fd 3", "stud"];
        row.iter().take(COLUMNS.len()).for_each(|word| cells.word(word));
        let plan = Plan::new(cells.widths(), room);
        let mut out = Vec::new();
        cells.line(0, &plan, Palette::new(false), [Role::Plain; 2], &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_that_do_not_fit_stand_below_whole() {
        let whole = written(None);
        assert_eq!(whole.lines().count(), 1, "{whole}");
        for room in 30..whole.trim_end().len() {
            let text = written(Some(room));
            assert!(text.lines().all(|line| line.len() <= room), "{room}: {text}");
            assert_eq!(text.split_whitespace().collect::<String>(), whole.split_whitespace().collect::<String>());
        }
    }
}
