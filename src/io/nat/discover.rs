//! Drives [`Discovery`] on sockets: each test's own, here or in the network namespace of a second host.
//!
//! Trap: a socket belongs to the namespace of the thread that made it (network_namespaces(7)), so a thread enters the
//! other one, makes it, and ends.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use socket2::{Domain, Protocol, Socket, Type};

use super::{Stop, wait};
use crate::engine::nat_behaviour::{Action, Discovery, Input, Plan, Report};

const CONNECT: Duration = Duration::from_secs(5);
/// Packets that are looked at between two looks at the sockets.
const MOST_OVERHEARD: usize = 256;
/// The longest message over TCP that is read.
const MOST_BYTES: usize = 4096;

/// Runs the machine to its end; `None`: it was stopped. `tell` hears each time it goes on to something else.
pub fn discover(
    plan: Plan,
    beside: Option<&Path>,
    stop: &Stop,
    mut tell: impl FnMut(&'static str),
) -> io::Result<Option<Report>> {
    let namespace = beside.map(File::open).transpose()?;
    let begun = Instant::now();
    let server = plan.server;
    let mut machine = Discovery::new(plan, begun.elapsed());
    let mut sockets: Vec<Option<UdpSocket>> = Vec::new();
    // Open until the end: a NAT drops the mapping of a connection that is closed.
    let mut streams = Vec::new();
    let mut arriving: Option<Socket> = None;
    let mut buffer = vec![0; 65_536];
    let mut doing = "";
    loop {
        while let Some(action) = machine.poll(begun.elapsed()) {
            match action {
                Action::Open { socket, host } => {
                    let opened = match namespace.as_ref().filter(|_| host == 1) {
                        Some(namespace) => open_in(namespace, server),
                        None => open(server),
                    };
                    let input = match &opened {
                        Ok((_, local)) => Input::Opened { socket, local: *local },
                        Err(_) => Input::Failed { socket },
                    };
                    machine.handle(begun.elapsed(), input);
                    sockets.resize_with(sockets.len().max(socket + 1), || None);
                    sockets[socket] = opened.ok().map(|(socket, _)| socket);
                }
                Action::Send { socket, to, bytes } => {
                    if let Some(Some(socket)) = sockets.get(socket) {
                        // What cannot be sent is not answered; an error of an earlier one is told here, and of no use.
                        if socket.send_to(&bytes, to).is_err() {
                            let _ = socket.send_to(&bytes, to);
                        }
                    }
                }
                Action::Close { socket } => {
                    if let Some(place) = sockets.get_mut(socket) {
                        *place = None;
                    }
                }
                // Without the privilege, nothing is overheard.
                Action::Overhear { on } => arriving = if on { overhear(server).ok() } else { None },
                Action::Connect { exchange, port, to, bytes } => match connect(port, to, &bytes) {
                    Ok((stream, local, answer)) => {
                        machine.handle(begun.elapsed(), Input::Stream { exchange, local, bytes: &answer });
                        streams.push(stream);
                    }
                    Err(_) => machine.handle(begun.elapsed(), Input::Broken { exchange }),
                },
            }
        }
        if machine.is_done() {
            return Ok(Some(machine.report().clone()));
        }
        if stop.happened() {
            return Ok(None);
        }
        if doing != machine.doing() {
            doing = machine.doing();
            tell(doing);
        }
        let now = begun.elapsed();
        let most = machine.deadline().map(|deadline| deadline.saturating_sub(now));
        let overheard = arriving.iter().map(|socket| socket.as_fd());
        wait(sockets.iter().flatten().map(|socket| socket.as_fd()).chain(overheard), stop.pipe(), most)?;
        // No more than came while it slept: what arrives for others must not keep it from its own.
        for _ in 0..MOST_OVERHEARD {
            let Some(Ok(length)) = arriving.as_mut().map(|socket| socket.read(&mut buffer)) else { break };
            machine.handle(begun.elapsed(), Input::Overheard { packet: &buffer[..length] });
        }
        for (number, socket) in sockets.iter().enumerate() {
            let Some(socket) = socket else { continue };
            // Until nothing is left, or the error of something sent before comes (ICMP): the socket goes on.
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let bytes = &buffer[..length];
                machine.handle(begun.elapsed(), Input::Datagram { socket: number, from, bytes });
            }
        }
    }
}

/// Packets that arrive at any interface of this host, from their IP header on (packet(7)). Takes CAP_NET_RAW.
fn overhear(server: SocketAddr) -> io::Result<Socket> {
    const IPV4: u16 = 0x0800;
    const IPV6: u16 = 0x86dd;
    let kind = if server.is_ipv4() { IPV4 } else { IPV6 };
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(i32::from(kind.to_be()))))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A socket with a fresh port, and the address from which it reaches `server`.
fn open(server: SocketAddr) -> io::Result<(UdpSocket, SocketAddr)> {
    let any = SocketAddr::new(unspecified(server), 0);
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    // Which address the route chooses is told of a socket that is connected; the other one must hear others, too.
    let asked = UdpSocket::bind(any)?;
    asked.connect(server)?;
    let local = SocketAddr::new(asked.local_addr()?.ip(), socket.local_addr()?.port());
    Ok((socket, local))
}

fn open_in(namespace: &File, server: SocketAddr) -> io::Result<(UdpSocket, SocketAddr)> {
    let namespace = namespace.try_clone()?;
    let thread = std::thread::spawn(move || {
        setns(namespace, CloneFlags::CLONE_NEWNET)?;
        open(server)
    });
    thread.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
}

fn unspecified(server: SocketAddr) -> IpAddr {
    if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }
}

/// Asks over TCP from a port, and waits for the answer.
fn connect(port: u16, to: SocketAddr, bytes: &[u8]) -> io::Result<(TcpStream, SocketAddr, Vec<u8>)> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    // The same port to several destinations.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddr::new(unspecified(to), port).into())?;
    socket.connect_timeout(&to.into(), CONNECT)?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(CONNECT))?;
    let local = stream.local_addr()?;
    stream.write_all(bytes)?;
    let mut head = [0; 20];
    stream.read_exact(&mut head)?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    if length > MOST_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest)?;
    Ok((stream, local, [&head[..], &rest].concat()))
}
