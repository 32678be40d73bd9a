//! The kernel's older lists of sockets, /proc/net/tcp and its like (proc_pid_net(5)), where sock_diag lacks a part:
//! raw sockets of many kernels, everything where inet_diag was left out.
//!
//! Addresses are hexadecimal, each 32 bits as they lie in memory; ports are hexadecimal numbers. A line that cannot be
//! read is left out, for the others' sake.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Endpoint, Protocol, Socket, State, Timer, Waits};

/// Adds the sockets of one list. A list that this kernel does not have is empty.
pub fn read(protocol: Protocol, six: bool, sockets: &mut Vec<Socket>) -> io::Result<()> {
    let path = format!("/proc/thread-self/net/{}{}", protocol.name(), if six { "6" } else { "" });
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        text => text?,
    };
    sockets.extend(text.lines().skip(1).filter_map(|line| socket(protocol, line)));
    Ok(())
}

/// `sl local remote st tx:rx tr:when retrnsmt uid timeout inode ...`
fn socket(protocol: Protocol, line: &str) -> Option<Socket> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut socket = Socket::new(protocol);
    socket.local = Endpoint::Address(address(words.get(1)?)?);
    socket.remote = Endpoint::Address(address(words.get(2)?)?);
    socket.state = State(u8::from_str_radix(words.get(3)?, 16).ok()?);
    let (send, receive) = words.get(4)?.split_once(':')?;
    socket.send_queue = u32::from_str_radix(send, 16).ok()?;
    socket.receive_queue = u32::from_str_radix(receive, 16).ok()?;
    let (timer, left) = words.get(5)?.split_once(':')?;
    let what = match (protocol, timer) {
        (Protocol::Tcp, "01") => Some(Waits::Retransmission),
        (Protocol::Tcp, "02") => Some(Waits::KeepAlive),
        (Protocol::Tcp, "03") => Some(Waits::TimeWait),
        (Protocol::Tcp, "04") => Some(Waits::Probe),
        _ => None,
    };
    // In hundredths of a second (USER_HZ).
    let left = u32::from_str_radix(left, 16).ok()?.saturating_mul(10);
    socket.timer = what.map(|what| Timer { what, left, times: 0 });
    socket.uid = words.get(7)?.parse().ok().filter(|_| socket.state != State::TIME_WAIT);
    socket.inode = words.get(9)?.parse().ok()?;
    Some(socket)
}

fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(ip.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(words.as_flattened()).ok()?))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn reads_a_line_of_each_family_and_leaves_nonsense_out() {
        let line =
            "   0: 0100007F:1F45 0200007F:9C40 06 00000010:00000005 03:00000E10 00000000  1000        0 4711 3 0000 ";
        let shown = socket(Protocol::Tcp, line).unwrap();
        assert_eq!(
            (shown.local.to_string(), shown.remote.to_string()),
            ("127.0.0.1:8005".into(), "127.0.0.2:40000".into())
        );
        assert_eq!((shown.send_queue, shown.receive_queue, shown.inode), (16, 5, 4711));
        assert_eq!(shown.timer, Some(Timer { what: Waits::TimeWait, left: 36_000, times: 0 }));
        let six = line.replace("0100007F:", "00000000000000000000000001000000:");
        assert_eq!(socket(Protocol::Tcp, &six).unwrap().local.to_string(), "[::1]:8005");
        for nonsense in ["", "sl", "0: 01:1 2:2", &line.replace("0100007F", "0100007Fü")] {
            assert_eq!(socket(Protocol::Tcp, nonsense), None, "{nonsense}");
        }
    }
}
