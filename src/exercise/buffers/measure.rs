//! One transfer over loopback with given sizes, both ends in this process: what `netlab bench buffers` puts into its
//! table.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use crate::exercise::connection::bind_first;
use crate::exercise::{Error, Service, Transport};
use crate::io::tcp_info;

/// No send, receive or buffer is larger.
const LARGEST: u64 = 256 << 20;

/// What a transfer is done with. A buffer of `None` is the system's own, which grows by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    pub send: usize,
    pub receive: usize,
    pub send_buffer: Option<usize>,
    pub receive_buffer: Option<usize>,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { send: 64 << 10, receive: 64 << 10, send_buffer: None, receive_buffer: None }
    }
}

/// How a transfer went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Bytes that the receiver had taken when the time was over.
    pub bytes: u64,
    pub time: Duration,
    pub receives: u64,
    /// The largest window that the receiver offered, in bytes, as the sender saw it on the wire.
    pub window: u32,
    /// How long the sender waited for the window.
    pub limited_by_window: Duration,
}

/// Sends for so long as fast as it can; what the receiver takes until then counts.
pub fn transfer(sizes: Sizes, during: Duration) -> Result<Figures, Error> {
    let listener = listener(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), sizes.receive_buffer);
    let listener = prepared(listener)?;
    let sender = Socket::new(Domain::IPV4, Type::STREAM, None);
    let sender = prepared(sender)?;
    if let Some(size) = sizes.send_buffer {
        prepared(sender.set_send_buffer_size(size))?;
    }
    prepared(sender.connect(&prepared(listener.local_addr())?.into()))?;
    let (receiver, _) = prepared(listener.accept())?;
    let sender = TcpStream::from(sender);
    let (taken, receives) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        // Whatever ends the sending also ends the receiving: both have an end of the same connection.
        let (taken, receives, receiver) = (&taken, &receives, &receiver);
        scope.spawn(move || receive(receiver, sizes.receive, taken, receives));
        let figures = send(&sender, sizes.send, during, taken, receives);
        // What is still on its way is thrown away: a reset at both ends.
        let reset = [&sender, receiver].map(|stream| {
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            stream.shutdown(std::net::Shutdown::Both)
        });
        let _ = reset;
        figures
    })
}

fn receive(mut stream: &TcpStream, size: usize, taken: &AtomicU64, receives: &AtomicU64) {
    let mut piece = vec![0; size];
    while let Ok(length) = stream.read(&mut piece) {
        if length == 0 {
            return;
        }
        taken.fetch_add(length as u64, Ordering::Relaxed);
        receives.fetch_add(1, Ordering::Relaxed);
    }
}

fn send(
    mut stream: &TcpStream,
    size: usize,
    during: Duration,
    taken: &AtomicU64,
    receives: &AtomicU64,
) -> Result<Figures, Error> {
    let piece = vec![0; size];
    prepared(stream.set_write_timeout(Some(Duration::from_millis(10))))?;
    let start = Instant::now();
    let mut window = 0;
    let mut look = start;
    loop {
        match stream.write(&piece) {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(error) => return prepared(Err(error)),
        }
        let now = Instant::now();
        if now >= look {
            window = window.max(tcp_info::of(stream).map_or(0, |info| info.window));
            look = now + Duration::from_millis(1);
        }
        if now.duration_since(start) >= during {
            let info = tcp_info::of(stream).unwrap_or_default();
            return Ok(Figures {
                bytes: taken.load(Ordering::Relaxed),
                time: now.duration_since(start),
                receives: receives.load(Ordering::Relaxed),
                window: window.max(info.window),
                limited_by_window: info.limited_by_window,
            });
        }
    }
}

/// A listening socket, its receive buffer set before the first handshake: the window's scale is chosen there.
fn listener(address: SocketAddr, buffer: Option<usize>) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if let Some(buffer) = buffer {
        socket.set_recv_buffer_size(buffer)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(128)?;
    Ok(socket.into())
}

/// The same at the address that a server is told.
pub fn listen(service: &Service, buffer: Option<usize>) -> Result<TcpListener, Error> {
    bind_first(service.host.as_deref(), service.port, Transport::Tcp, |address| listener(address, buffer))
}

/// A size that was typed, if this machine can be asked for it.
pub fn size(typed: u64) -> Result<usize, Error> {
    match usize::try_from(typed) {
        Ok(size) if (1..=LARGEST).contains(&typed) => Ok(size),
        _ => Err(Error::Answer(format!("sizes are from 1 byte to {} MiB", LARGEST >> 20))),
    }
}

/// What the system says to a socket of ours.
pub fn prepared<T>(result: std::io::Result<T>) -> Result<T, Error> {
    result.map_err(|source| Error::System { operation: "prepare", target: "a TCP socket".to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_data_and_sees_the_window_that_the_receive_buffer_makes() {
        let during = Duration::from_millis(60);
        let large = transfer(Sizes::default(), during).unwrap();
        let small = transfer(Sizes { receive_buffer: Some(4 << 10), ..Sizes::default() }, during).unwrap();
        assert!(large.bytes > 0 && small.bytes > 0, "{large:?} {small:?}");
        assert!(small.window <= 8 << 10, "Linux doubles 4 KiB, and offers no more than that: {small:?}");
        assert!(large.window > small.window && large.bytes > small.bytes, "{large:?} {small:?}");
    }

    #[test]
    fn a_receive_takes_no_more_than_its_size() {
        let figures = transfer(Sizes { receive: 100, ..Sizes::default() }, Duration::from_millis(20)).unwrap();
        assert!(figures.receives * 100 >= figures.bytes, "{figures:?}");
    }
}
