//! Sockets as lines in columns, and as JSON.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use nix::unistd::{Uid, User};
use unicode_width::UnicodeWidthStr;

use super::choice::word;
use crate::io::sockets::processes::{Holder, Holders};
use crate::io::sockets::{Options, Socket, State, Timer};
use crate::io::tcp_info::TcpInfo;
use crate::view::escape;
use crate::view::object::Object;
use crate::view::style::{Palette, Role};
use crate::view::table::Align;

/// Names of users and interfaces, asked for once each.
#[derive(Debug, Default)]
pub struct Names {
    users: HashMap<u32, String>,
    interfaces: HashMap<u32, String>,
}

impl Names {
    fn user(&mut self, uid: u32) -> &str {
        self.users.entry(uid).or_insert_with(|| {
            User::from_uid(Uid::from_raw(uid)).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
        })
    }

    fn interface(&mut self, index: u32) -> &str {
        self.interfaces.entry(index).or_insert_with(|| {
            let name = nix::net::if_::if_indextoname(index).ok().and_then(|name| name.into_string().ok());
            name.unwrap_or_else(|| index.to_string())
        })
    }
}

/// The cells of a row, in the order of `COLUMNS`.
type Row = [String; COLUMNS.len()];

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

fn row(socket: &Socket, holders: &[Holder], names: &mut Names) -> Row {
    let mut protocol = socket.protocol.name().to_owned();
    if !socket.kind.is_empty() {
        let _ = write!(protocol, " {}", socket.kind);
    }
    let mut state = word(socket.protocol, socket.state).to_owned();
    if let Some(timer) = socket.timer {
        let _ = write!(state, " {}", left(timer.left));
    }
    // Of a listener, what has come and waits of what may wait.
    let (received, sent) = match socket.state {
        State::LISTEN => (format!("{} of {}", socket.receive_queue, socket.send_queue), String::new()),
        _ => (socket.receive_queue.to_string(), socket.send_queue.to_string()),
    };
    [
        protocol,
        state,
        received,
        sent,
        local(socket, names),
        socket.remote.to_string(),
        processes(holders),
        socket.uid.map(|uid| names.user(uid).to_owned()).unwrap_or_default(),
    ]
}

/// The local end; with the interface where the socket is bound to one, as ss(8) writes it.
fn local(socket: &Socket, names: &mut Names) -> String {
    match socket.interface {
        0 => socket.local.to_string(),
        index => format!("{} on {}", socket.local, names.interface(index)),
    }
}

/// Each process with its descriptors of the socket.
pub fn processes(holders: &[Holder]) -> String {
    let mut out = String::new();
    for same in holders.chunk_by(|a, b| a.pid == b.pid) {
        let Some(first) = same.first() else { continue };
        let separator = if out.is_empty() { "" } else { ", " };
        let descriptors: Vec<String> = same.iter().map(|holder| holder.descriptor.to_string()).collect();
        let _ = write!(out, "{separator}{} {} fd {}", escape::text(&first.process), first.pid, descriptors.join("+"));
    }
    out
}

/// Time left of a timer, from milliseconds.
fn left(milliseconds: u32) -> String {
    if milliseconds < 1000 { format!("{milliseconds} ms") } else { format!("{} s", milliseconds.div_ceil(1000)) }
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
    let rows: Vec<Row> = sockets
        .iter()
        .map(|socket| row(socket, holders.of(socket.inode), names).map(|cell| escape::text(&cell)))
        .collect();
    let header = COLUMNS.map(|(name, _)| name.to_owned());
    let header = if look.header { Some(&header) } else { None };
    let mut widths = [0; COLUMNS.len()];
    for (column, width) in widths.iter_mut().enumerate() {
        let cells = rows.iter().chain(header).filter_map(|row| row.get(column));
        *width = cells.map(|cell| cell.width()).max().unwrap_or(0);
    }
    if let Some(header) = header {
        line(header, &widths, look.palette, [Role::Heading; 2], out);
    }
    for (socket, row) in sockets.iter().zip(&rows) {
        line(row, &widths, look.palette, [Role::Plain, role(socket.state)], out);
        for detail in if look.verbose { details(socket, names) } else { Vec::new() } {
            out.extend_from_slice(format!("    {}\n", escape::text(&detail)).as_bytes());
        }
    }
}

/// A row, its cells in these widths; the state in a role of its own.
fn line(row: &Row, widths: &[usize], palette: Palette, [plain, state]: [Role; 2], out: &mut Vec<u8>) {
    let mut pending = 0;
    // A column that nobody fills takes no room.
    let filled = row.iter().zip(widths).zip(COLUMNS).filter(|((_, width), _)| **width > 0);
    for ((cell, width), (name, align)) in filled {
        let padding = width.saturating_sub(cell.width());
        if align == Align::Right {
            pending += padding;
        }
        if !cell.is_empty() {
            out.resize(out.len() + std::mem::take(&mut pending), b' ');
            let role = if name == "state" { state } else { plain };
            palette.begin(role, out);
            out.extend_from_slice(cell.as_bytes());
            palette.end(role, out);
        }
        pending += if align == Align::Left { padding + 2 } else { 2 };
    }
    out.push(b'\n');
}

/// What is to be said below a socket, by lines.
fn details(socket: &Socket, names: &mut Names) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(Timer { what, left: time, times }) = socket.timer.filter(|_| socket.state != State::TIME_WAIT) {
        let again = if times > 0 { format!(", went off {times} times") } else { String::new() };
        lines.push(format!("timer {}: {} left{again}", what.name(), left(time)));
    }
    if let Some(tcp) = socket.tcp.as_deref().filter(|_| socket.state != State::LISTEN) {
        lines.push(connection(tcp, socket.congestion.as_deref().unwrap_or("?")));
        lines.push(traffic(tcp));
    }
    if let Some(memory) = socket.memory {
        lines.push(format!(
            "buffers: receive {} of {}, send {} of {} bytes; dropped {}",
            memory.receive_used, memory.receive_buffer, memory.send_used, memory.send_buffer, memory.drops
        ));
    }
    if let Some(options) = socket.options.as_deref() {
        let told = chosen(options, socket, names);
        if !told.is_empty() {
            lines.push(format!("options: {}", told.join(", ")));
        }
    }
    lines
}

fn connection(tcp: &TcpInfo, congestion: &str) -> String {
    let threshold = match tcp.slow_start_threshold {
        0x7fff_ffff.. => String::new(),
        threshold => format!(", slow start up to {threshold}"),
    };
    format!(
        "round trip {} ± {}, least {}; sent again after {}; congestion window {} segments of {} bytes \
         ({congestion}{threshold}); peer's window {} bytes; path MTU {}",
        span(tcp.rtt),
        span(tcp.rtt_variation),
        span(tcp.least_rtt),
        span(tcp.rto),
        tcp.congestion_window,
        tcp.mss,
        tcp.window,
        tcp.path_mtu
    )
}

fn traffic(tcp: &TcpInfo) -> String {
    format!(
        "sent {} bytes ({} acknowledged, {} again) in {} segments, received {} in {}; {} segments sent again, {} under \
         way, {} lost; pacing {} bytes/s, delivered {} bytes/s",
        tcp.bytes_sent,
        tcp.bytes_acknowledged,
        tcp.bytes_retransmitted,
        tcp.segments_sent,
        tcp.bytes_received,
        tcp.segments_received,
        tcp.retransmitted,
        tcp.unacknowledged,
        tcp.lost,
        tcp.pacing_rate,
        tcp.delivery_rate
    )
}

fn span(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1000.0)
}

fn chosen(options: &Options, socket: &Socket, names: &mut Names) -> Vec<String> {
    let flags = [
        (options.reuse_address, "SO_REUSEADDR"),
        (options.reuse_port, "SO_REUSEPORT"),
        (options.keep_alive, "SO_KEEPALIVE"),
        (options.broadcast, "SO_BROADCAST"),
        (socket.v6only == Some(true), "IPV6_V6ONLY"),
    ];
    let mut told: Vec<String> = flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name.to_owned()).collect();
    told.extend(options.device.iter().map(|device| format!("SO_BINDTODEVICE {device}")));
    told.extend(joined(options, names).into_iter().map(|group| format!("joined {group}")));
    told
}

fn joined(options: &Options, names: &mut Names) -> Vec<String> {
    options.joined.iter().map(|group| format!("{} on {}", group.address, names.interface(group.interface))).collect()
}

/// One as a JSON object on a line.
pub fn json(socket: &Socket, holders: &[Holder], names: &mut Names, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    fill(socket, holders, names, &mut object);
    object.end();
}

/// Its keys.
pub fn fill(socket: &Socket, holders: &[Holder], names: &mut Names, object: &mut Object<'_>) {
    object.string("protocol", socket.protocol.name());
    if !socket.kind.is_empty() {
        object.string("type", socket.kind);
    }
    object.string("state", word(socket.protocol, socket.state));
    object.number("recv_q", socket.receive_queue.into());
    object.number("send_q", socket.send_queue.into());
    if socket.state == State::LISTEN {
        object.number("backlog", socket.receive_queue.into());
        object.number("backlog_max", socket.send_queue.into());
    }
    object.string("local", &socket.local.to_string());
    object.string("remote", &socket.remote.to_string());
    if socket.interface != 0 {
        object.string("interface", names.interface(socket.interface));
    }
    if let Some(v6only) = socket.v6only {
        object.truth("v6only", v6only);
    }
    if let Some(uid) = socket.uid {
        object.number("uid", uid.into());
        object.string("user", names.user(uid));
    }
    object.number("inode", socket.inode.into());
    if let Some(first) = holders.first() {
        holder(first, object);
        object.list("holders", holders, holder);
    }
    if let Some(Timer { what, left, times }) = socket.timer {
        object.string("timer", what.name());
        object.seconds("timer_left", i64::from(left) * 1_000_000, 3);
        object.number("timer_times", times.into());
    }
    if let Some(tcp) = socket.tcp.as_deref().filter(|_| socket.state != State::LISTEN) {
        tcp_keys(tcp, object);
    }
    if let Some(congestion) = &socket.congestion {
        object.string("congestion", congestion);
    }
    if let Some(memory) = socket.memory {
        object.number("receive_buffer", memory.receive_buffer.into());
        object.number("send_buffer", memory.send_buffer.into());
        object.number("drops", memory.drops.into());
    }
    if let Some(options) = socket.options.as_deref() {
        object.truth("reuse_address", options.reuse_address);
        object.truth("reuse_port", options.reuse_port);
        object.truth("keep_alive", options.keep_alive);
        object.truth("broadcast", options.broadcast);
        if let Some(device) = &options.device {
            object.string("device", device);
        }
        object.string("joined", &joined(options, names).join(", "));
    }
}

fn holder(holder: &Holder, object: &mut Object<'_>) {
    object.number("pid", holder.pid.unsigned_abs().into());
    object.string("process", &holder.process);
    object.number("fd", holder.descriptor.unsigned_abs().into());
}

fn tcp_keys(tcp: &TcpInfo, object: &mut Object<'_>) {
    let times =
        [("rtt", tcp.rtt), ("rtt_variation", tcp.rtt_variation), ("rtt_least", tcp.least_rtt), ("rto", tcp.rto)];
    for (key, time) in times {
        object.seconds(key, i64::try_from(time.as_nanos()).unwrap_or(i64::MAX), 6);
    }
    for (key, number) in [
        ("cwnd", tcp.congestion_window),
        ("ssthresh", tcp.slow_start_threshold),
        ("mss", tcp.mss),
        ("pmtu", tcp.path_mtu),
        ("unacked", tcp.unacknowledged),
        ("lost", tcp.lost),
        ("retransmitted", tcp.retransmitted),
        ("window", tcp.window),
        ("segments_sent", tcp.segments_sent),
        ("segments_received", tcp.segments_received),
    ] {
        object.number(key, number.into());
    }
    for (key, number) in [
        ("pacing_rate", tcp.pacing_rate),
        ("delivery_rate", tcp.delivery_rate),
        ("bytes_sent", tcp.bytes_sent),
        ("bytes_acked", tcp.bytes_acknowledged),
        ("bytes_received", tcp.bytes_received),
        ("bytes_retransmitted", tcp.bytes_retransmitted),
    ] {
        object.number(key, number);
    }
}

/// How many there are, and what could not be said of them.
pub fn last_words(sockets: &[Socket], holders: &Holders) -> String {
    let total = match sockets.len() {
        1 => "1 socket".to_owned(),
        number => format!("{number} sockets"),
    };
    let unknown = sockets.iter().filter(|socket| socket.inode != 0 && holders.of(socket.inode).is_empty()).count();
    if holders.hidden == 0 || unknown == 0 {
        return total;
    }
    format!("{total}; {unknown} without a process, because it is another user's: sudo netlab sockets shows it")
}
