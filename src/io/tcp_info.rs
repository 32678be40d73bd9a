//! What the kernel knows of a TCP connection (TCP_INFO, tcp(7); struct tcp_info of linux/tcp.h).
//!
//! The structure only ever grew at its end: what an older kernel does not have is 0.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use super::sys;

/// Its parts. Sizes are in bytes, rates in bytes a second, windows of congestion in segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// Smoothed round trip and its variation (RFC 6298 §2); the smallest seen of late.
    pub rtt: Duration,
    pub rtt_variation: Duration,
    pub least_rtt: Duration,
    /// Time until what was sent is sent again (RFC 6298).
    pub rto: Duration,
    pub mss: u32,
    pub path_mtu: u32,
    /// Congestion window and slow start threshold (RFC 5681); the threshold is huge as long as there is none.
    pub congestion_window: u32,
    pub slow_start_threshold: u32,
    /// Segments sent and not acknowledged; of these, taken for lost.
    pub unacknowledged: u32,
    pub lost: u32,
    /// Segments sent again, over the connection's life.
    pub retransmitted: u32,
    pub pacing_rate: u64,
    pub delivery_rate: u64,
    pub bytes_sent: u64,
    pub bytes_acknowledged: u64,
    pub bytes_received: u64,
    pub bytes_retransmitted: u64,
    pub segments_sent: u32,
    pub segments_received: u32,
    /// The window that the peer offered last, in bytes; 0 before Linux 5.4, which does not tell.
    pub window: u32,
    /// How long data waited because the peer's window was full.
    pub limited_by_window: Duration,
}

impl TcpInfo {
    /// Reads the structure as the kernel gave it, in host byte order.
    pub fn read(bytes: &[u8]) -> Self {
        let short = |at: usize| {
            bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_ne_bytes(*bytes))
        };
        let long = |at: usize| {
            bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u64::from_ne_bytes(*bytes))
        };
        let microseconds = |at: usize| Duration::from_micros(short(at).into());
        Self {
            rto: microseconds(8),
            mss: short(16),
            unacknowledged: short(24),
            lost: short(32),
            path_mtu: short(60),
            rtt: microseconds(68),
            rtt_variation: microseconds(72),
            slow_start_threshold: short(76),
            congestion_window: short(80),
            retransmitted: short(100),
            pacing_rate: long(104),
            bytes_acknowledged: long(120),
            bytes_received: long(128),
            segments_sent: short(136),
            segments_received: short(140),
            // ~0 until there is one.
            least_rtt: if short(148) == u32::MAX { Duration::ZERO } else { microseconds(148) },
            delivery_rate: long(160),
            limited_by_window: Duration::from_micros(long(176)),
            bytes_sent: long(200),
            bytes_retransmitted: long(208),
            window: short(228),
        }
    }
}

/// Asks for it.
pub fn of(socket: &impl AsFd) -> io::Result<TcpInfo> {
    Ok(TcpInfo::read(&sys::tcp_info(socket.as_fd())?))
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
        assert!((500..70_000).contains(&info.mss) && info.congestion_window > 0, "{info:?}");
        assert!(of(&UdpSocket::bind("127.0.0.1:0").unwrap()).is_err());
    }

    #[test]
    fn what_an_older_kernel_lacks_is_nothing() {
        assert_eq!(TcpInfo::read(&[]), TcpInfo::default());
        assert_eq!(TcpInfo::read(&[0xff; 20]).mss, u32::MAX);
    }
}
