//! What a server that speaks by UDP and by TCP at one port has: both sockets, and the connections that it accepted.
//!
//! Guarantee: one thread; so many connections, so many of one source, so many bytes of each that are no message yet, and
//! so long without one. What one of them does not take at once ends it: nobody is waited for.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::engine::limit::source;

/// Bytes that one read takes at most.
const PIECE: usize = 2048;
/// Bytes that the kernel keeps for one that does not read (it doubles them, socket(7)).
const BACKLOG: usize = 16 * 1024;

/// Which addresses a socket of IPv6 takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Families {
    /// Its own: IPv4 has another socket.
    Own,
    /// Those of IPv4 too (RFC 3493 §3.7).
    Both,
}

fn socket(at: SocketAddr, families: Families, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), kind, Some(protocol))?;
    if at.is_ipv6() {
        socket.set_only_v6(families == Families::Own)?;
    }
    Ok(socket)
}

/// A socket at that address that does not block. Port 0: any that is free.
pub fn udp(at: SocketAddr, families: Families) -> io::Result<UdpSocket> {
    let udp = socket(at, families, Type::DGRAM, Protocol::UDP)?;
    udp.bind(&at.into())?;
    udp.set_nonblocking(true)?;
    Ok(udp.into())
}

/// One that listens at the same address as `udp`, and does not block. Where that one has got any port, this may be taken.
pub fn tcp(udp: &UdpSocket, families: Families) -> io::Result<TcpListener> {
    let at = udp.local_addr()?;
    let tcp = socket(at, families, Type::STREAM, Protocol::TCP)?;
    tcp.set_reuse_address(true)?;
    tcp.bind(&at.into())?;
    tcp.listen(64)?;
    tcp.set_nonblocking(true)?;
    Ok(tcp.into())
}

/// How many connections, and what each may do.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub connections: usize,
    pub of_a_source: usize,
    /// How long one may last; where a message renews that, how long it may be without one.
    pub patience: Duration,
    pub is_renewed: bool,
}

/// Where the first message of some bytes ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Not among these.
    More,
    /// After so many.
    After(usize),
    /// Nowhere: this will never be a message.
    Never,
}

/// What a message is answered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    With(Vec<u8>),
    Nothing,
    /// The connection ends.
    End,
}

struct Connection<T> {
    stream: TcpStream,
    peer: SocketAddr,
    place: T,
    bytes: Vec<u8>,
    since: Instant,
}

/// Accepted connections; `T` says at which of several sockets.
pub struct Connections<T> {
    bounds: Bounds,
    open: Vec<Connection<T>>,
}

impl<T: Copy + PartialEq> Connections<T> {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, open: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// All that can be waited for.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.open.iter().map(|connection| connection.stream.as_fd())
    }

    /// Takes in who has connected; those beyond the bounds are turned away.
    pub fn accept(&mut self, listener: &TcpListener, place: T) {
        while let Ok((stream, peer)) = listener.accept() {
            let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
            let of = |one: &&Connection<T>| source(one.peer.ip()) == source(peer.ip());
            if self.open.len() >= self.bounds.connections
                || self.open.iter().filter(of).count() >= self.bounds.of_a_source
                || stream.set_nonblocking(true).is_err()
            {
                continue;
            }
            // Where it cannot be made smaller, the kernel's own bound holds.
            let _ = SockRef::from(&stream).set_send_buffer_size(BACKLOG);
            self.open.push(Connection { stream, peer, place, bytes: Vec::new(), since: Instant::now() });
        }
    }

    /// Reads what has come on each, cuts it into messages, and has each answered; ends those that are over.
    pub fn serve(&mut self, cut: impl Fn(&[u8]) -> Cut, mut reply: impl FnMut(T, SocketAddr, &[u8]) -> Reply) {
        let Bounds { patience, is_renewed, .. } = self.bounds;
        self.open.retain_mut(|connection| {
            connection.since.elapsed() < patience && connection.serve(is_renewed, &cut, &mut reply)
        });
    }

    /// Sends to the one whose other end is `peer`; nobody, where it is gone.
    pub fn send(&mut self, place: T, peer: SocketAddr, bytes: &[u8]) {
        let of = |one: &Connection<T>| one.place == place && one.peer == peer;
        if let Some(at) = self.open.iter().position(of)
            && self.open[at].stream.write_all(bytes).is_err()
        {
            self.open.swap_remove(at);
        }
    }
}

impl<T: Copy> Connection<T> {
    /// False where it is over.
    fn serve(
        &mut self,
        is_renewed: bool,
        cut: impl Fn(&[u8]) -> Cut,
        mut reply: impl FnMut(T, SocketAddr, &[u8]) -> Reply,
    ) -> bool {
        let mut piece = [0; PIECE];
        match self.stream.read(&mut piece) {
            Ok(0) => return false,
            Ok(length) => self.bytes.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
        loop {
            let length = match cut(&self.bytes) {
                Cut::More => return true,
                Cut::After(length) => length.min(self.bytes.len()),
                Cut::Never => return false,
            };
            let message: Vec<u8> = self.bytes.drain(..length).collect();
            match reply(self.place, self.peer, &message) {
                Reply::With(bytes) if self.stream.write_all(&bytes).is_err() => return false,
                Reply::With(_) | Reply::Nothing => {}
                Reply::End => return false,
            }
            if is_renewed {
                self.since = Instant::now();
            }
        }
    }
}
