//! What the kernel knows of a TCP connection (TCP_INFO, tcp(7); struct tcp_info of linux/tcp.h).

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use super::sys;

/// The parts of it that tell what a sender waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// The window that the peer offered last, in bytes; 0 before Linux 5.4, which does not tell.
    pub window: u32,
    /// How long data waited because the peer's window was full.
    pub limited_by_window: Duration,
}

/// Offsets in struct tcp_info; it only ever grew at its end.
const RWND_LIMITED: usize = 176;
const SND_WND: usize = 228;

/// Asks for it.
pub fn of(socket: &impl AsFd) -> io::Result<TcpInfo> {
    let bytes = sys::tcp_info(socket.as_fd())?;
    let microseconds = |at: usize| {
        let value = bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        Duration::from_micros(value.map_or(0, u64::from_ne_bytes))
    };
    let window = bytes.get(SND_WND..SND_WND + 4).and_then(|bytes| bytes.try_into().ok());
    Ok(TcpInfo { window: window.map_or(0, u32::from_ne_bytes), limited_by_window: microseconds(RWND_LIMITED) })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn knows_the_window_of_a_connection_and_nothing_of_other_sockets() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let info = of(&stream).unwrap();
        assert!((1_000..10_000_000).contains(&info.window), "{info:?}");
        assert_eq!(info.limited_by_window, Duration::ZERO);
        assert!(of(&UdpSocket::bind("127.0.0.1:0").unwrap()).is_err());
    }
}
