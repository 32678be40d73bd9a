//! A socket as a JSON object.

use super::choice::word;
use super::details;
use super::names::{Names, endpoint};
use crate::io::sockets::processes::Holder;
use crate::io::sockets::{Options, Socket, State, Timer};
use crate::io::tcp_info::TcpInfo;
use crate::view::object::Object;

/// One as an object on a line.
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
    let mut end = Vec::with_capacity(64);
    for (key, each) in [("local", &socket.local), ("remote", &socket.remote)] {
        end.clear();
        endpoint(each, &mut end);
        object.bytes(key, &end);
    }
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
        object.number("receive_used", memory.receive_used.into());
        object.number("receive_buffer", memory.receive_buffer.into());
        object.number("send_used", memory.send_used.into());
        object.number("send_buffer", memory.send_buffer.into());
        object.number("drops", memory.drops.into());
    }
    if let Some(options) = socket.options.as_deref() {
        option_keys(options, names, object);
    }
}

fn holder(holder: &Holder, object: &mut Object<'_>) {
    object.number("pid", holder.pid.unsigned_abs().into());
    object.string("process", &holder.process);
    object.number("fd", holder.descriptor.unsigned_abs().into());
}

fn option_keys(options: &Options, names: &mut Names, object: &mut Object<'_>) {
    object.truth("reuse_address", options.reuse_address);
    object.truth("reuse_port", options.reuse_port);
    for (key, option) in [("keep_alive", options.keep_alive), ("broadcast", options.broadcast)] {
        if let Some(set) = option {
            object.truth(key, set);
        }
    }
    let joined: Vec<String> = options.joined.iter().map(|group| details::joined(group, names)).collect();
    object.string("joined", &joined.join(", "));
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
