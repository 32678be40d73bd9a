//! What goes wrong between two socket programs, in the words of a person who has to do something about it.
//!
//! Trap: an `io::Error` of a socket is not kept where it means that the peer is gone: a broken pipe further up is read
//! as 'standard output was closed', which is success.

use std::io;
use std::net::{SocketAddr, SocketAddrV6};
use std::time::Duration;

use super::Transport;
use crate::io::holder;
use crate::io::sockets::processes::Holder;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "port {} on {} is in use by {}\nend that one, or take another port: --port N",
        .address.port(), .address.ip(), holder_words(.holder.as_ref())
    )]
    PortInUse { address: SocketAddr, holder: Option<Holder> },
    #[error(
        "port {} on {} is in use by {} in TIME-WAIT: closed, and kept for a minute\n\
         wait; SO_REUSEADDR helps where the server that ended had set it, too",
        .address.port(), .address.ip(), if *.connections == 1 { "a connection" } else { "connections" }
    )]
    PortWaits { address: SocketAddr, connections: usize },
    #[error(
        "port {} is privileged (below 1024)\ntake another (--port N), or allow it: sudo sysctl -w net.ipv4.ip_unprivileged_port_start={}",
        .address.port(), .address.port()
    )]
    PortPrivileged { address: SocketAddr },
    #[error("{} is not an address of this machine\n`netlab interfaces` shows those it has", .address.ip())]
    AddressNotHere { address: SocketAddr },
    #[error("the name {host:?} is not known: {why}")]
    NameNotKnown { host: String, why: String },
    #[error("{address} refused the connection: nothing listens on that port (a SYN was answered by RST)")]
    Refused { address: SocketAddr },
    #[error("{} has no UDP port {} open (a datagram was answered by ICMP port unreachable)", .address.ip(), .address.port())]
    Unreachable { address: SocketAddr },
    #[error("{address} did not answer within {}: no such host, or a firewall drops the packets", seconds(.after))]
    TimedOut { address: SocketAddr, after: Duration },
    #[error("there is no route to {address}\n`ip route get {}` shows why", .address.ip())]
    NoRoute { address: SocketAddr },
    #[error(
        "{address} cannot be reached: no such host on its network (nobody answers for its address), or a router or \
         firewall says so (ICMP)\n`ip neighbour show {}` shows whether anybody answered",
        .address.ip()
    )]
    NoHost { address: SocketAddr },
    #[error(
        "{0} is an address of one link: say on which interface, as in {0}%eth0\n\
         `netlab interfaces` shows those there are", .address.ip()
    )]
    NoInterface { address: SocketAddrV6 },
    #[error("{peer} has sent nothing for {}", seconds(.after))]
    Silent { peer: SocketAddr, after: Duration },
    #[error("{peer} sent a line of more than {longest} bytes; --max-line allows longer ones")]
    LineTooLong { peer: SocketAddr, longest: usize },
    #[error("{peer} {broke}")]
    Protocol { peer: SocketAddr, broke: String },
    #[error("{peer} closed the connection {before}")]
    ClosedEarly { peer: SocketAddr, before: &'static str },
    #[error("{peer} reset the connection (RST)")]
    Reset { peer: SocketAddr },
    #[error("stopped")]
    Stopped,
    #[error("{0}")]
    Answer(String),
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    #[error("cannot read standard input: {0}")]
    Input(#[source] io::Error),
    #[error("cannot {operation} {target}: {source}")]
    System { operation: &'static str, target: String, source: io::Error },
}

impl Error {
    /// Whether it is the peer's answer (refused, closed, silent), and not an inability of ours.
    pub fn is_the_peers(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. }
                | Self::Unreachable { .. }
                | Self::NoHost { .. }
                | Self::TimedOut { .. }
                | Self::Silent { .. }
                | Self::ClosedEarly { .. }
                | Self::LineTooLong { .. }
                | Self::Protocol { .. }
                | Self::Reset { .. }
        )
    }

    /// What went wrong when binding to `address`.
    pub(super) fn binding(address: SocketAddr, transport: Transport, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => {
                let holder = holder::of(address, transport == Transport::Udp);
                let connections = if transport == Transport::Tcp { holder::waiting(address) } else { 0 };
                if holder.is_none() && connections > 0 {
                    return Self::PortWaits { address, connections };
                }
                Self::PortInUse { address, holder }
            }
            io::ErrorKind::AddrNotAvailable => Self::AddressNotHere { address },
            io::ErrorKind::PermissionDenied if address.port() < 1024 => Self::PortPrivileged { address },
            _ => Self::System { operation: "listen on", target: address.to_string(), source },
        }
    }

    /// What went wrong when connecting to `address`, given `after` at most.
    pub(super) fn connecting(address: SocketAddr, after: Duration, source: io::Error) -> Self {
        match (source.kind(), address) {
            (io::ErrorKind::InvalidInput, SocketAddr::V6(address))
                if address.ip().is_unicast_link_local() && address.scope_id() == 0 =>
            {
                return Self::NoInterface { address };
            }
            _ => {}
        }
        match source.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused { address },
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::TimedOut { address, after },
            io::ErrorKind::NetworkUnreachable => Self::NoRoute { address },
            io::ErrorKind::HostUnreachable => Self::NoHost { address },
            // Accepted and broken off before we looked.
            io::ErrorKind::ConnectionReset => Self::Reset { peer: address },
            _ => Self::System { operation: "connect to", target: address.to_string(), source },
        }
    }

    /// What went wrong on an open connection.
    pub(super) fn talking(operation: &'static str, peer: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            // A connection that was reset is none any more: closing it finds it 'not connected'.
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected => Self::Reset { peer },
            io::ErrorKind::NetworkUnreachable => Self::NoRoute { address: peer },
            io::ErrorKind::HostUnreachable => Self::NoHost { address: peer },
            _ => Self::System { operation, target: peer.to_string(), source },
        }
    }
}

fn holder_words(holder: Option<&Holder>) -> String {
    match holder {
        // A process may call itself anything; Debug escapes it.
        Some(Holder { pid, process, .. }) => format!("{process:?} (process {pid})"),
        None => "a program that is hidden from you (sudo shows it), or does not listen".to_owned(),
    }
}

/// A duration as it is typed: `500ms`, `30s`, `2.5s`.
fn seconds(duration: &Duration) -> String {
    if duration.as_secs() == 0 { format!("{}ms", duration.as_millis()) } else { format!("{}s", duration.as_secs_f64()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connecting(address: &str, kind: io::ErrorKind) -> Error {
        Error::connecting(address.parse().unwrap(), Duration::from_secs(1), kind.into())
    }

    #[test]
    fn tells_a_host_that_does_not_answer_from_a_route_that_is_missing() {
        let host = connecting("10.7.0.3:8005", io::ErrorKind::HostUnreachable);
        assert!(host.is_the_peers() && host.to_string().contains("`ip neighbour show 10.7.0.3`"), "{host}");
        let route = connecting("10.8.0.3:8005", io::ErrorKind::NetworkUnreachable);
        assert!(!route.is_the_peers() && route.to_string().contains("`ip route get 10.8.0.3`"), "{route}");
    }

    #[test]
    fn asks_for_the_interface_of_a_link_local_address() {
        let without = connecting("[fe80::1]:8005", io::ErrorKind::InvalidInput).to_string();
        assert!(without.contains("as in fe80::1%eth0"), "{without}");
        let with = connecting("[fe80::1%2]:8005", io::ErrorKind::InvalidInput).to_string();
        assert!(!with.contains("interface"), "{with}");
    }
}
