//! The receiver of `multicast`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use clap::Args;

use super::codec::{BUFFER, objection, reported};
use crate::exercise::connection::{addresses, no_address};
use crate::exercise::datagrams::Datagrams;
use crate::exercise::{Error, Service, Transcript, Transport, text_of};
use crate::io::membership::{self, Interface};

#[derive(Debug, Args)]
pub struct Options {
    /// Where to join: the name of an interface or an address of it [default: where the route to the group leads]
    #[arg(long, value_name = "INTERFACE")]
    interface: Option<String>,
    /// Hear only what this host sends to the group (source-specific; repeatable)
    #[arg(long, value_name = "ADDRESS")]
    source: Vec<IpAddr>,
}

pub fn options(command: clap::Command) -> clap::Command {
    Options::augment_args(command)
        .mut_arg("host", |argument| {
            argument
                .default_value("224.0.0.1")
                .visible_alias("group")
                .value_name("GROUP")
                .help("The group to join; the port is bound on every address")
        })
        .mut_arg("any", |argument| argument.hide(true))
}

/// Joins the group and prints every datagram to it; 1 where there was one.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let options: Options = service.options()?;
    let host = service.host.as_deref().unwrap_or("224.0.0.1");
    let group = *addresses(host, service.port)?.first().ok_or_else(|| no_address(host))?;
    if let Some(why) = objection(group.ip()) {
        return Err(Error::Answer(why));
    }
    let interface = named(options.interface.as_deref(), group)?;
    let socket = Datagrams::over(bound(group)?, Some(&service.stop));
    let sources = if options.source.is_empty() { vec![None] } else { options.source.into_iter().map(Some).collect() };
    for source in &sources {
        membership::join(&socket, group.ip(), interface.as_ref(), *source).map_err(|error| joining(group, error))?;
    }
    let port = socket.address()?.port();
    let address = SocketAddr::new(group.ip(), port);
    transcript.log("listening", Some(address), "");
    transcript.note(&format!("multicast listens on {address}; Ctrl-C ends it"));
    for source in sources {
        transcript.note(&reported(group.ip(), source));
    }
    let mut heard = 0;
    loop {
        match socket.receive(BUFFER, None) {
            Ok(Some(datagram)) => {
                heard = 1;
                transcript.log("received", Some(datagram.sender()), "");
                transcript.heard("", &text_of(&datagram.bytes))?;
                if service.once {
                    return Ok(heard);
                }
            }
            Ok(None) => {}
            Err(Error::Stopped) => return Ok(heard),
            Err(error) => return Err(error),
        }
    }
}

/// The interface that was asked for, by option or as the zone of an IPv6 address (`ff02::1%eth0`).
pub fn named(asked: Option<&str>, group: SocketAddr) -> Result<Option<Interface>, Error> {
    match (asked, group) {
        (Some(asked), _) => match membership::interface(asked) {
            Some(interface) => Ok(Some(interface)),
            None => Err(Error::Answer(format!(
                "{asked:?} is no interface of this machine\n`netlab interfaces` shows those it has"
            ))),
        },
        (None, SocketAddr::V6(six)) if six.scope_id() != 0 => {
            Ok(Some(Interface { name: String::new(), index: six.scope_id(), ipv4: None }))
        }
        _ => Ok(None),
    }
}

/// A socket at the group's port, on every address, shared with other receivers of this machine.
///
/// It hears what itself has joined, and not what any other program of this machine has (IP_MULTICAST_ALL, ip(7)).
fn bound(group: SocketAddr) -> Result<socket2::Socket, Error> {
    let socket = Datagrams::prepare(group)?;
    let (any, only_joined): (IpAddr, _) = match group {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED.into(), socket.set_multicast_all_v4(false)),
        SocketAddr::V6(_) => {
            (Ipv6Addr::UNSPECIFIED.into(), socket.set_only_v6(true).and_then(|()| socket.set_multicast_all_v6(false)))
        }
    };
    let address = SocketAddr::new(any, group.port());
    only_joined
        .and_then(|()| socket.set_reuse_address(true))
        .and_then(|()| socket.bind(&address.into()))
        .map_err(|source| Error::binding(address, Transport::Udp, source))?;
    Ok(socket)
}

fn joining(group: SocketAddr, source: io::Error) -> Error {
    match source.raw_os_error().map(nix::errno::Errno::from_raw) {
        Some(nix::errno::Errno::ENODEV) => Error::Answer(format!(
            "no interface leads to {}: say where to join it: --interface NAME (`netlab interfaces` shows them)",
            group.ip()
        )),
        _ => Error::System { operation: "join", target: group.ip().to_string(), source },
    }
}
