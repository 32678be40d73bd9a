//! Lets a [`Player`] speak over a real socket. It reads while it writes, so that two sides that both say much do not wait
//! for each other.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::interrupt::Interrupt;
use crate::engine::replay::{Do, Input, Player};

/// A socket whose other end is known.
#[derive(Debug)]
pub enum Socket {
    Stream(TcpStream),
    Datagrams(UdpSocket),
}

/// How soon a Ctrl-C is noticed.
const NAP: Duration = Duration::from_millis(50);
/// The longest datagram.
const DATAGRAM: usize = 65_535;

/// Connects to the first address that answers; the error is that of the last.
pub fn connect(addresses: &[SocketAddr], datagrams: bool, wait: Duration) -> io::Result<Socket> {
    let mut failed = io::Error::from(ErrorKind::NotFound);
    for address in addresses {
        let connected = if datagrams {
            let any: SocketAddr = match address {
                SocketAddr::V4(_) => ([0; 4], 0).into(),
                SocketAddr::V6(_) => ([0u16; 8], 0).into(),
            };
            UdpSocket::bind(any).and_then(|socket| socket.connect(address).map(|()| Socket::Datagrams(socket)))
        } else {
            TcpStream::connect_timeout(address, wait).map(Socket::Stream)
        };
        match connected {
            Ok(socket) => return Ok(socket),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// A place where a client is waited for.
#[derive(Debug)]
pub enum Door {
    Stream(TcpListener),
    Datagrams(UdpSocket),
}

impl Door {
    pub fn open(address: SocketAddr, datagrams: bool) -> io::Result<Self> {
        let door = if datagrams {
            Self::Datagrams(UdpSocket::bind(address)?)
        } else {
            Self::Stream(TcpListener::bind(address)?)
        };
        match &door {
            Self::Stream(listener) => listener.set_nonblocking(true)?,
            Self::Datagrams(socket) => socket.set_nonblocking(true)?,
        }
        Ok(door)
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Stream(listener) => listener.local_addr(),
            Self::Datagrams(socket) => socket.local_addr(),
        }
    }

    /// The first client, and where it is; `None` where somebody asked for an end before.
    pub fn client(self, interrupt: &Interrupt) -> io::Result<Option<(Socket, SocketAddr)>> {
        while !interrupt.happened() {
            let descriptor = match &self {
                Self::Stream(listener) => listener.as_fd(),
                Self::Datagrams(socket) => socket.as_fd(),
            };
            ready(descriptor, PollFlags::POLLIN, NAP)?;
            let came = match &self {
                Self::Stream(listener) => listener.accept().map(|(stream, from)| (Socket::Stream(stream), from)),
                // The datagram stays, to be read as the first of the conversation.
                Self::Datagrams(socket) => socket.peek_from(&mut [0]).and_then(|(_, from)| {
                    socket.connect(from)?;
                    Ok((Socket::Datagrams(socket.try_clone()?), from))
                }),
            };
            match came {
                Ok(client) => return Ok(Some(client)),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// Plays to the end; `false` where somebody asked for an end before.
pub fn play(player: &mut Player, socket: Socket, begun: Instant, interrupt: &Interrupt) -> io::Result<bool> {
    match &socket {
        Socket::Stream(stream) => {
            stream.set_nonblocking(true)?;
            // Each segment of the capture is to be one again.
            stream.set_nodelay(true)?;
        }
        Socket::Datagrams(datagrams) => datagrams.set_nonblocking(true)?,
    }
    let mut buffer = vec![0; DATAGRAM];
    let (mut out, mut written) = (Vec::new(), 0);
    let (mut hears, mut moved) = (true, begun.elapsed());
    loop {
        if interrupt.happened() {
            return Ok(false);
        }
        let mut until = None;
        if written == out.len() || player.is_over() {
            match player.poll(begun.elapsed()) {
                Do::Send(data) => {
                    (out, written, moved) = (data, 0, begun.elapsed());
                    if let Socket::Datagrams(datagrams) = &socket {
                        // An error that came from the datagram before is told when reading.
                        let _ = datagrams.send(&out);
                        written = out.len();
                        continue;
                    }
                }
                Do::Close => {
                    if let Socket::Stream(stream) = &socket {
                        let _ = stream.shutdown(Shutdown::Write);
                    }
                    continue;
                }
                Do::Break => {
                    if let Socket::Stream(stream) = &socket {
                        // What is closed without lingering is reset (socket(7)).
                        let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
                    }
                    return Ok(true);
                }
                Do::Wait(moment) => until = Some(moment),
                Do::Done => return Ok(true),
            }
        }
        let writes = written < out.len();
        if writes && begun.elapsed().saturating_sub(moved) > player.patience() {
            return Err(io::Error::new(ErrorKind::TimedOut, "the other side does not read what it is sent"));
        }
        let left = until.map_or(NAP, |until| until.saturating_sub(begun.elapsed()).min(NAP));
        let flags = match (hears, writes) {
            (true, true) => PollFlags::POLLIN | PollFlags::POLLOUT,
            (true, false) => PollFlags::POLLIN,
            (false, true) => PollFlags::POLLOUT,
            (false, false) => {
                std::thread::sleep(left.min(Duration::from_millis(5)));
                continue;
            }
        };
        let descriptor = match &socket {
            Socket::Stream(stream) => stream.as_fd(),
            Socket::Datagrams(datagrams) => datagrams.as_fd(),
        };
        let came = ready(descriptor, flags, left)?;
        if hears && came.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR) {
            hears = hear(player, &socket, &mut buffer, begun)?;
        }
        if writes && came.contains(PollFlags::POLLOUT) {
            match write(&socket, out.get(written..).unwrap_or_default()) {
                Ok(length) => (written, moved) = (written + length, begun.elapsed()),
                Err(error) if is_passing(&error) => {}
                Err(error) if is_broken(&error) => {
                    player.handle(begun.elapsed(), Input::Broken);
                    (written, hears) = (out.len(), false);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Reads once; whether more may come.
fn hear(player: &mut Player, socket: &Socket, buffer: &mut [u8], begun: Instant) -> io::Result<bool> {
    let (read, stream) = match socket {
        Socket::Stream(stream) => ((&*stream).read(buffer), true),
        Socket::Datagrams(datagrams) => (datagrams.recv(buffer), false),
    };
    let now = begun.elapsed();
    match read {
        Ok(0) if stream => player.handle(now, Input::Closed),
        Ok(length) => {
            player.handle(now, Input::Bytes(buffer.get(..length).unwrap_or_default()));
            return Ok(true);
        }
        Err(error) if is_passing(&error) => return Ok(true),
        Err(error) if is_broken(&error) => player.handle(now, Input::Broken),
        Err(error) => return Err(error),
    }
    Ok(false)
}

fn write(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    match socket {
        Socket::Stream(stream) => (&*stream).write(bytes),
        Socket::Datagrams(datagrams) => datagrams.send(bytes),
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn is_broken(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionRefused)
}

/// Waits for a descriptor; what it is ready for.
fn ready(descriptor: BorrowedFd<'_>, flags: PollFlags, wait: Duration) -> io::Result<PollFlags> {
    let mut all = [PollFd::new(descriptor, flags)];
    // A wait that is cut to whole milliseconds would end too early, and again and again.
    let wait = u16::try_from(wait.as_millis() + 1).unwrap_or(u16::MAX);
    match poll(&mut all, PollTimeout::from(wait)) {
        Ok(_) => Ok(all.iter().find_map(PollFd::revents).unwrap_or(PollFlags::empty())),
        Err(nix::errno::Errno::EINTR) => Ok(PollFlags::empty()),
        Err(errno) => Err(errno.into()),
    }
}
