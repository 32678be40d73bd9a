//! What `-v` says below a socket: timers, TCP's measures, buffers, options.

use std::fmt;
use std::io::Write as _;
use std::time::Duration;

use super::names::Names;
use crate::io::sockets::{Group, Protocol, Socket, State, Timer};
use crate::io::tcp_info::TcpInfo;
use crate::view::escape;

/// Time left of a timer, from milliseconds.
pub fn left(milliseconds: u32, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail, here and below.
    let _ = match milliseconds {
        0..1000 => write!(out, "{milliseconds} ms"),
        _ => write!(out, "{} s", milliseconds.div_ceil(1000)),
    };
}

/// Lines, indented.
pub fn write(socket: &Socket, names: &mut Names, out: &mut Vec<u8>) {
    if let Some(Timer { what, left: time, times }) = socket.timer.filter(|_| socket.state != State::TIME_WAIT) {
        let _ = write!(out, "    timer {}: ", what.name());
        left(time, out);
        out.extend_from_slice(b" left");
        if times > 0 {
            let _ = write!(out, ", went off {times} times");
        }
        out.push(b'\n');
    }
    if let Some(tcp) = socket.tcp.as_deref().filter(|_| socket.state != State::LISTEN) {
        connection(tcp, socket.congestion.as_deref().unwrap_or("?"), out);
        traffic(tcp, out);
    }
    if let Some(memory) = socket.memory {
        let _ = writeln!(
            out,
            "    buffers: receive {} of {}, send {} of {} bytes; dropped {}",
            memory.receive_used, memory.receive_buffer, memory.send_used, memory.send_buffer, memory.drops
        );
    }
    let told = chosen(socket, names);
    if !told.is_empty() {
        let _ = writeln!(out, "    options: {}", escape::text(&told));
    }
}

/// In milliseconds, to the microsecond.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let microseconds = self.0.as_micros();
        write!(f, "{}.{:03} ms", microseconds / 1000, microseconds % 1000)
    }
}

fn connection(tcp: &TcpInfo, congestion: &str, out: &mut Vec<u8>) {
    let _ = write!(
        out,
        "    round trip {} ± {}, least {}; sent again after {}; congestion window {} segments of {} bytes ({}",
        Span(tcp.rtt),
        Span(tcp.rtt_variation),
        Span(tcp.least_rtt),
        Span(tcp.rto),
        tcp.congestion_window,
        tcp.mss,
        escape::text(congestion),
    );
    if tcp.slow_start_threshold < 0x7fff_ffff {
        let _ = write!(out, ", slow start up to {}", tcp.slow_start_threshold);
    }
    let _ = writeln!(out, "); peer's window {} bytes; path MTU {}", tcp.window, tcp.path_mtu);
}

fn traffic(tcp: &TcpInfo, out: &mut Vec<u8>) {
    let _ = writeln!(
        out,
        "    sent {} bytes ({} acknowledged, {} again) in {} segments, received {} in {}; {} segments sent again, {} \
         under way, {} lost; pacing {} bytes/s, delivered {} bytes/s",
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
    );
}

/// Options that are set, by their names in socket(7) and ipv6(7).
fn chosen(socket: &Socket, names: &mut Names) -> String {
    let mut told = String::new();
    let mut tell = |set: bool, name: &str, value: &str| {
        if set {
            let comma = if told.is_empty() { "" } else { ", " };
            told.extend([comma, name, value]);
        }
    };
    let options = socket.options.as_deref();
    tell(options.is_some_and(|options| options.reuse_address), "SO_REUSEADDR", "");
    tell(options.is_some_and(|options| options.reuse_port), "SO_REUSEPORT", "");
    tell(options.and_then(|options| options.keep_alive) == Some(true), "SO_KEEPALIVE", "");
    tell(options.and_then(|options| options.broadcast) == Some(true), "SO_BROADCAST", "");
    tell(socket.v6only == Some(true), "IPV6_V6ONLY", "");
    // A packet socket has its interface from bind(2).
    if socket.interface != 0 && socket.protocol != Protocol::Packet {
        tell(true, "SO_BINDTODEVICE ", names.interface(socket.interface));
    }
    for group in options.map_or(&[][..], |options| &options.joined) {
        tell(true, "joined ", &joined(group, names));
    }
    told
}

/// A multicast membership.
pub fn joined(group: &Group, names: &mut Names) -> String {
    format!("{} on {}", group.address, names.interface(group.interface))
}
