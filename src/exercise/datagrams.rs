//! UDP sockets of the exercises: bound, waited for, and heard together with what the receive buffer cut off.
//!
//! Guarantee: every wait ends by a deadline or by Ctrl-C, and an ICMP error about an earlier datagram ends nothing.

use std::collections::HashSet;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockaddrStorage, recvmsg};
use socket2::{Domain, Socket, Type};

use super::connection::{addresses, bind_first, no_address, readable};
use super::service::announce;
use super::{Answers, Error, Service, Stop, Transcript, Transport, Visit};

/// Senders that a server counts at most.
const MOST_COUNTED: usize = 65_536;
/// How long a sender waits for the ICMP message that nobody has the port. On the same machine it comes at once.
const REFUSAL: Duration = Duration::from_millis(100);

/// A bound UDP socket.
#[derive(Debug)]
pub struct Datagrams<'a> {
    socket: UdpSocket,
    stop: Option<&'a Stop>,
}

/// What one receive returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// What the buffer held: never more than was asked for.
    pub bytes: Vec<u8>,
    /// Bytes of the whole datagram; what is beyond `bytes` is lost.
    pub length: usize,
    pub from: SocketAddr,
}

impl Datagram {
    /// Who sent it, as a person knows the address: a socket that takes both families shows IPv4 as ::ffff:a.b.c.d.
    pub fn sender(&self) -> SocketAddr {
        SocketAddr::new(self.from.ip().to_canonical(), self.from.port())
    }

    /// What the receive buffer cut off, in words; `None` where it took all.
    pub fn cut(&self) -> Option<String> {
        let (taken, whole) = (self.bytes.len(), self.length);
        (taken < whole).then(|| format!("truncated: {taken} of {whole} bytes"))
    }
}

impl<'a> Datagrams<'a> {
    /// Binds to the first of the host's addresses that can be bound.
    pub fn bind(service: &'a Service) -> Result<Self, Error> {
        Self::bind_to(service.host.as_deref(), service.port, Some(&service.stop))
    }

    /// The same for a host and port of the caller's choice.
    pub fn bind_to(host: Option<&str>, port: u16, stop: Option<&'a Stop>) -> Result<Self, Error> {
        let socket = bind_first(host, port, Transport::Udp, UdpSocket::bind)?;
        Ok(Self { socket, stop })
    }

    /// A socket for talking with the visit's server, bound to a port that the system chooses; and the server's address.
    pub fn towards(visit: &Visit) -> Result<(Self, SocketAddr), Error> {
        let Some(&address) = addresses(&visit.host, visit.port)?.first() else { return Err(no_address(&visit.host)) };
        let any = if address.is_ipv4() { "0.0.0.0" } else { "::" };
        let from = visit.from.map_or_else(|| any.to_owned(), |from| from.to_string());
        Ok((Self::bind_to(Some(&from), 0, None)?, address))
    }

    /// Wraps a socket that an exercise has prepared itself.
    pub fn over(socket: Socket, stop: Option<&'a Stop>) -> Self {
        Self { socket: socket.into(), stop }
    }

    /// The same socket, whose waits end when `stop` is asked.
    pub fn until<'b>(self, stop: &'b Stop) -> Datagrams<'b> {
        Datagrams { socket: self.socket, stop: Some(stop) }
    }

    /// A socket of the family of `address`, not yet bound, for [`Datagrams::over`].
    pub fn prepare(address: SocketAddr) -> Result<Socket, Error> {
        Socket::new(Domain::for_address(address), Type::DGRAM, None).map_err(|source| Error::System {
            operation: "make a socket for",
            target: address.to_string(),
            source,
        })
    }

    pub fn address(&self) -> Result<SocketAddr, Error> {
        self.socket.local_addr().map_err(|source| Error::System {
            operation: "find the address of",
            target: "a UDP socket".to_owned(),
            source,
        })
    }

    /// Receives one datagram into a buffer of `most` bytes; `None` where none came within `patience`.
    pub fn receive(&self, most: usize, patience: Option<Duration>) -> Result<Option<Datagram>, Error> {
        let deadline = patience.map(|patience| Instant::now() + patience);
        let mut bytes = vec![0; most];
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if !readable(&self.socket, self.stop, left)? {
                return Ok(None);
            }
            match receive_from(self.socket.as_raw_fd(), &mut bytes) {
                Ok((length, from)) => {
                    bytes.truncate(length);
                    return Ok(Some(Datagram { bytes, length, from }));
                }
                // Nobody had the port that an earlier datagram went to: ICMP said so, on a connected socket.
                Err(Errno::ECONNREFUSED) => {
                    if let Ok(address) = self.socket.peer_addr() {
                        return Err(Error::Unreachable { address });
                    }
                }
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(errno) => {
                    return Err(Error::System {
                        operation: "receive from",
                        target: "a UDP socket".to_owned(),
                        source: errno.into(),
                    });
                }
            }
        }
    }

    /// Sends one datagram.
    pub fn send_to(&self, bytes: &[u8], to: SocketAddr) -> Result<(), Error> {
        Self::sent(self.socket.send_to(bytes, to), bytes, to)
    }

    /// Sends one datagram to the peer of a connected socket, which is `to`.
    pub fn send_to_peer(&self, bytes: &[u8], to: SocketAddr) -> Result<(), Error> {
        Self::sent(self.socket.send(bytes), bytes, to)
    }

    fn sent(result: io::Result<usize>, bytes: &[u8], to: SocketAddr) -> Result<(), Error> {
        match result {
            Ok(_) => Ok(()),
            Err(source) if source.raw_os_error() == Some(Errno::EMSGSIZE as i32) => {
                Err(Error::Answer(format!("{} bytes do not fit one UDP datagram (65507 do over IPv4)", bytes.len())))
            }
            Err(source) if source.kind() == io::ErrorKind::ConnectionRefused => Err(Error::Unreachable { address: to }),
            Err(source) => Err(Error::talking("send to", to, source)),
        }
    }

    /// The socket itself, for options and connect(2).
    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }
}

impl AsFd for Datagrams<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Binds, says where, and gives each datagram, received into a buffer of `most` bytes, to `heard`, until asked to stop.
/// How many senders there were.
pub fn serve_datagrams(
    name: &str,
    service: &Service,
    transcript: &Transcript,
    most: usize,
    mut heard: impl FnMut(&Datagrams<'_>, &Datagram) -> Result<(), Error>,
) -> Result<u64, Error> {
    let socket = Datagrams::bind(service)?;
    announce(name, socket.address()?, service, transcript);
    let (mut senders, mut more) = (HashSet::new(), false);
    loop {
        match socket.receive(most, None) {
            Ok(Some(datagram)) => {
                transcript.log("received", Some(datagram.sender()), "");
                if senders.len() < MOST_COUNTED {
                    senders.insert(datagram.from);
                } else if !more && !senders.contains(&datagram.from) {
                    more = true;
                    transcript.note(&format!("{MOST_COUNTED} senders have been counted: further ones are not"));
                }
                heard(&socket, &datagram)?;
            }
            Ok(None) => continue,
            Err(Error::Stopped) => break,
            Err(error) => return Err(error),
        }
        if service.once {
            break;
        }
    }
    Ok(senders.len() as u64)
}

/// Sends the one datagram of a client that hears no answer: what was given as an argument, or `text`. `Unreachable`
/// where ICMP says that nobody has the port.
pub fn send_one(visit: &mut Visit, text: &[u8]) -> Result<(), Error> {
    let text = match &mut visit.answers {
        Answers::Given(given) if given.len() > 1 => {
            return Err(Error::Answer("one datagram is sent: put its words in quotes".to_owned()));
        }
        Answers::Given(given) => given.pop_front().unwrap_or_default(),
        Answers::Input => text.to_owned(),
    };
    let (socket, to) = Datagrams::towards(visit)?;
    // A connected socket is told what ICMP says about its datagrams; nothing else changes on the wire.
    socket.socket.connect(to).map_err(|source| Error::talking("reach", to, source))?;
    socket.send_to_peer(&text, to)?;
    if readable(&socket.socket, None, Some(REFUSAL))?
        && let Ok(Some(error)) = socket.socket.take_error()
        && error.kind() == io::ErrorKind::ConnectionRefused
    {
        return Err(Error::Unreachable { address: to });
    }
    Ok(())
}

/// One receive: bytes of the whole datagram, which may be more than `bytes` holds, and who sent it.
fn receive_from(descriptor: i32, bytes: &mut [u8]) -> Result<(usize, SocketAddr), Errno> {
    let mut buffers = [IoSliceMut::new(bytes)];
    // MSG_TRUNC answers the datagram's own length. MSG_DONTWAIT: what poll(2) saw may have had a bad checksum.
    let flags = MsgFlags::MSG_TRUNC | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(descriptor, &mut buffers, None, flags)?;
    let from = message.address.ok_or(Errno::EAFNOSUPPORT)?;
    let from = from.as_sockaddr_in().map(|four| SocketAddr::V4((*four).into()));
    let from = from.or_else(|| message.address?.as_sockaddr_in6().map(|six| SocketAddr::V6((*six).into())));
    Ok((message.bytes, from.ok_or(Errno::EAFNOSUPPORT)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_long_a_datagram_was_that_the_buffer_cut() {
        let ours = Datagrams::bind_to(Some("127.0.0.1"), 0, None).unwrap();
        let theirs = UdpSocket::bind("127.0.0.1:0").unwrap();
        theirs.send_to(&[7; 40], ours.address().unwrap()).unwrap();
        let heard = ours.receive(16, Some(Duration::from_secs(10))).unwrap().unwrap();
        assert_eq!(heard, Datagram { bytes: vec![7; 16], length: 40, from: theirs.local_addr().unwrap() });
    }

    #[test]
    fn waits_no_longer_than_it_was_told() {
        let ours = Datagrams::bind_to(Some("::1"), 0, None).unwrap();
        assert_eq!(ours.receive(16, Some(Duration::from_millis(1))).unwrap(), None);
    }
}
