//! A second host for a private network: a network namespace of its own at the other end of a cable (veth(4)), with a
//! kernel that answers as any, and one service: echo (RFC 862) on port 7, TCP and UDP.
//!
//! Guarantee: the peer is a child of PID 1 of the private PID namespace and ends with it. Trap: it is made by fork(2), so
//! before any thread is started.

use std::io::{self, Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::Pid;

use super::lan::{interface, setting};
use super::{Error, failed, netlink, raise_loopback};
use crate::engine::multicast::Mark;
use crate::io::multicast::{Sender, Sending};
use crate::io::netlink::Netlink;
use crate::io::netlink::attributes::{Attributes, attribute};
use crate::io::{membership, sys};

/// This end and the peer's: name, IPv4 and IPv6 address.
pub const HERE: End = End { name: "lan0", four: [10, 0, 5, 1], six: 1 };
pub const PEER: End = End { name: "lan1", four: [10, 0, 5, 2], six: 2 };
/// The port where the peer sends back what it gets.
pub const ECHO: u16 = 7;

/// The groups that the peer is a member of, so that its kernel has something to answer to a query.
pub const GROUP: [u8; 4] = [239, 0, 0, 7];
pub const GROUP_IPV6: Ipv6Addr = Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0, 7);

/// One end of the cable.
#[derive(Clone, Copy, Debug)]
pub struct End {
    pub name: &'static str,
    pub four: [u8; 4],
    /// The last byte of its address in fd00:5::/64.
    six: u8,
}

/// How long the cable's carrier is waited for.
const LONGEST: Duration = Duration::from_secs(3);

const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const CREATE: u16 = 0x400 | 0x200; // NLM_F_CREATE, NLM_F_EXCL
const IFF_UP: u32 = 1;

/// Makes the peer and the cable to it, and returns once the peer answers. When the peer has its addresses `service` is
/// called there, which is to return when it can be spoken to.
pub fn join_with(service: impl FnOnce() -> io::Result<()>) -> Result<(), Error> {
    let pipe = || io::pipe().map_err(|source| Error::Failed { operation: "make a pipe", source });
    let ((mut from_peer, to_here), (from_here, mut to_peer)) = (pipe()?, pipe()?);
    match sys::fork() {
        Err(source) => Err(Error::Failed { operation: "start the peer", source }),
        Ok(None) => {
            drop((from_peer, to_peer));
            std::process::exit(i32::from(be_the_peer(to_here, from_here, service).is_err()))
        }
        Ok(Some(peer)) => {
            drop((to_here, from_here));
            heard(&mut from_peer)?;
            netlink(RTM_NEWLINK, CREATE, &pair(peer)).map_err(failed("lay a cable to the peer"))?;
            set_up(HERE)?;
            let told = to_peer.write_all(b"c");
            told.map_err(|source| Error::Failed { operation: "tell the peer to go on", source })?;
            heard(&mut from_peer)?;
            carries(HERE.name);
            Ok(())
        }
    }
}

/// Waits for the peer's word.
fn heard(from_peer: &mut io::PipeReader) -> Result<(), Error> {
    from_peer.read_exact(&mut [0]).map_err(|source| Error::Failed { operation: "set up the peer", source })
}

/// In the child: a network of its own, the cable's other end, the service; never comes back but with an error.
fn be_the_peer(
    mut to_here: io::PipeWriter,
    mut from_here: io::PipeReader,
    service: impl FnOnce() -> io::Result<()>,
) -> Result<(), Error> {
    let talk = |source| Error::Failed { operation: "hear from the other end", source };
    unshare(CloneFlags::CLONE_NEWNET).map_err(failed("make the peer's network"))?;
    // It tells of its membership once and not again, so that a report later on is an answer (RFC 9776 §8.1): interfaces
    // that are made from here on take this over.
    let _ = setting("ipv4/igmp_qrv", "1");
    let _ = setting("ipv6/mld_qrv", "1");
    to_here.write_all(b"n").map_err(talk)?;
    from_here.read_exact(&mut [0]).map_err(talk)?;
    raise_loopback().map_err(failed("raise the peer's loopback interface"))?;
    set_up(PEER)?;
    carries(PEER.name);
    let listen = |source| Error::Failed { operation: "listen on the peer", source };
    // [::] takes IPv4 too; where there is no IPv6, 0.0.0.0 does.
    let tcp = TcpListener::bind(("::", ECHO)).or_else(|_| TcpListener::bind(("0.0.0.0", ECHO))).map_err(listen)?;
    let udp = UdpSocket::bind(("::", ECHO)).or_else(|_| UdpSocket::bind(("0.0.0.0", ECHO))).map_err(listen)?;
    // What comes to the groups is sent back as well.
    let _ = udp.join_multicast_v4(&GROUP.into(), &PEER.four.into());
    let _ = if_nametoindex(PEER.name).map(|index| udp.join_multicast_v6(&GROUP_IPV6, index));
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        loop {
            if let Ok((length, from)) = udp.recv_from(&mut buffer) {
                let _ = udp.send_to(buffer.get(..length).unwrap_or_default(), from);
            }
        }
    });
    service().map_err(|source| Error::Failed { operation: "start the peer's service", source })?;
    to_here.write_all(b"r").map_err(talk)?;
    loop {
        // One after the other: a hand-made connection is reset soon.
        if let Ok((mut client, _)) = tcp.accept()
            && let Ok(mut back) = client.try_clone()
        {
            std::thread::spawn(move || io::copy(&mut client, &mut back));
        }
    }
}

/// A service that says something to each group every second.
pub fn speaking(groups: Vec<SocketAddr>) -> impl FnOnce() -> io::Result<()> {
    move || {
        std::thread::spawn(move || speak(&groups));
        Ok(())
    }
}

/// Says something to each group every second, marked as netlab's own senders do.
fn speak(groups: &[SocketAddr]) {
    let mut senders: Vec<(SocketAddr, Option<Sender>)> = groups.iter().map(|group| (*group, None)).collect();
    for number in 1u32.. {
        for (group, sender) in &mut senders {
            if sender.is_none() {
                // There may be no address for it yet: IPv6 makes sure first that nobody else has it.
                let interface = membership::interface(PEER.name);
                *sender = interface.and_then(|one| Sender::open(*group, &one, Sending { ttl: 1, looped: false }).ok());
            }
            if let Some(sender) = sender {
                let bytes = Mark { run: std::process::id(), number }.encode(b"Hey all!");
                if sender.send(&bytes).is_err() {
                    continue;
                }
            }
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Gives an end its addresses and switches it on; its IPv6 addresses are valid at once.
fn set_up(end: End) -> Result<(), Error> {
    let operation = "set up an interface";
    // A host without IPv6 has none of these; the peer may not be allowed to write them, and does without.
    let _ = setting(&format!("ipv6/conf/{}/router_solicitations", end.name), "0");
    let index = if_nametoindex(end.name).map_err(failed(operation))?;
    netlink(RTM_NEWADDR, CREATE, &address(index, 2, 24, 0, &end.four)).map_err(failed(operation))?;
    let mut six = [0; 16];
    (six[0], six[3], six[15]) = (0xfd, 5, end.six);
    const IFA_F_NODAD: u8 = 2;
    let _ = netlink(RTM_NEWADDR, CREATE, &address(index, 10, 64, IFA_F_NODAD, &six));
    netlink(RTM_NEWLINK, 0, &interface(index, IFF_UP)).map_err(failed(operation))
}

/// Waits until the interface of an end takes packets (IF_OPER_UP, RFC 2863 §3.1.14). The kernel notices the carrier some time after it is
/// there, and drops without a word what is sent before that: the first packets, and ARP's, which is a second's delay.
pub(super) fn carries(end: &str) {
    const RTM_GETLINK: u16 = 18;
    const IFLA_IFNAME: u16 = 3;
    const IFLA_OPERSTATE: u16 = 16;
    const UP: u8 = 6;
    let Ok(mut links) = Netlink::routes() else { return };
    let mut up = || {
        // A struct ifinfomsg is 16 bytes; attributes follow it.
        let all = links.list(RTM_GETLINK, &[0; 16]).unwrap_or_default();
        all.iter().any(|link| {
            let attributes = Attributes(link.get(16..).unwrap_or_default());
            let name = attributes.find(IFLA_IFNAME).and_then(|name| name.split(|byte| *byte == 0).next());
            name == Some(end.as_bytes()) && attributes.find(IFLA_OPERSTATE) == Some(&[UP])
        })
    };
    let last = Instant::now() + LONGEST;
    while !up() && Instant::now() < last {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// struct ifaddrmsg: family, prefix, flags, scope of the universe, interface; the address.
fn address(index: u32, family: u8, prefix: u8, flags: u8, address: &[u8]) -> Vec<u8> {
    const IFA_ADDRESS: u16 = 1;
    const IFA_LOCAL: u16 = 2;
    let mut message = vec![family, prefix, flags, 0];
    message.extend(index.to_ne_bytes());
    attribute(&mut message, IFA_LOCAL, address);
    attribute(&mut message, IFA_ADDRESS, address);
    message
}

/// The message that asks for a pair of veth interfaces, the far one in the network of the process `peer`.
fn pair(peer: Pid) -> Vec<u8> {
    const IFLA_IFNAME: u16 = 3;
    const IFLA_LINKINFO: u16 = 18;
    const IFLA_NET_NS_PID: u16 = 19;
    const IFLA_INFO_KIND: u16 = 1;
    const IFLA_INFO_DATA: u16 = 2;
    const VETH_INFO_PEER: u16 = 1;
    let mut far = interface(0, 0);
    attribute(&mut far, IFLA_IFNAME, &[PEER.name.as_bytes(), b"\0"].concat());
    attribute(&mut far, IFLA_NET_NS_PID, &peer.as_raw().to_ne_bytes());
    let mut data = Vec::new();
    attribute(&mut data, VETH_INFO_PEER, &far);
    let mut kind = Vec::new();
    attribute(&mut kind, IFLA_INFO_KIND, b"veth\0");
    attribute(&mut kind, IFLA_INFO_DATA, &data);
    let mut message = interface(0, 0);
    attribute(&mut message, IFLA_IFNAME, &[HERE.name.as_bytes(), b"\0"].concat());
    attribute(&mut message, IFLA_LINKINFO, &kind);
    message
}
