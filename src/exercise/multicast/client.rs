//! The sender of `multicast`.

use std::net::{IpAddr, SocketAddr};

use clap::Args;

use super::codec::{TEXT, objection};
use super::serve::named;
use crate::exercise::connection::{addresses, no_address};
use crate::exercise::datagrams::Datagrams;
use crate::exercise::{Answers, Error, Transcript, Visit};
use crate::io::membership::Interface;

#[derive(Debug, Args)]
pub struct Options {
    /// How many routers it may pass: 1 keeps it on this network
    #[arg(long, value_name = "N", default_value_t = 1)]
    ttl: u8,
    /// Where to send: the name of an interface or an address of it [default: where the route to the group leads]
    #[arg(long, value_name = "INTERFACE")]
    interface: Option<String>,
    /// Receivers on this machine do not hear it
    #[arg(long)]
    no_loop: bool,
}

pub fn options(command: clap::Command) -> clap::Command {
    Options::augment_args(command).mut_arg("host", |argument| {
        argument.default_value("224.0.0.1").visible_alias("group").value_name("GROUP").help("The group to send to")
    })
}

/// Sends one datagram to the group. Nobody answers.
pub fn run(visit: &mut Visit, _transcript: &Transcript) -> Result<(), Error> {
    let options: Options = visit.options()?;
    let group = *addresses(&visit.host, visit.port)?.first().ok_or_else(|| no_address(&visit.host))?;
    if let Some(why) = objection(group.ip()) {
        return Err(Error::Answer(why));
    }
    let text = match &mut visit.answers {
        Answers::Given(given) if given.len() > 1 => {
            return Err(Error::Answer("one datagram is sent: put its words in quotes".to_owned()));
        }
        Answers::Given(given) => given.pop_front().unwrap_or_default(),
        Answers::Input => TEXT.to_vec(),
    };
    let interface = named(options.interface.as_deref(), group)?;
    let socket = Datagrams::prepare(group)?;
    prepare(&socket, group, &options, interface.as_ref())?;
    if let Some(from) = visit.from {
        let from = SocketAddr::new(from, 0);
        socket.bind(&from.into()).map_err(|source| Error::binding(from, crate::exercise::Transport::Udp, source))?;
    }
    match Datagrams::over(socket, None).send_to(&text, group) {
        Err(Error::NoRoute { .. }) => Err(Error::Answer(format!(
            "no interface leads to {}: say which one: --interface NAME (`netlab interfaces` shows them)",
            group.ip()
        ))),
        sent => sent,
    }
}

fn prepare(
    socket: &socket2::Socket,
    group: SocketAddr,
    options: &Options,
    interface: Option<&Interface>,
) -> Result<(), Error> {
    let prepared = match group.ip() {
        IpAddr::V4(_) => {
            let through = match interface {
                None => Ok(()),
                Some(Interface { ipv4: Some(address), .. }) => socket.set_multicast_if_v4(address),
                Some(Interface { name, .. }) => {
                    return Err(Error::Answer(format!("{name} has no IPv4 address to send from")));
                }
            };
            through
                .and_then(|()| socket.set_multicast_ttl_v4(options.ttl.into()))
                .and_then(|()| socket.set_multicast_loop_v4(!options.no_loop))
        }
        IpAddr::V6(_) => interface
            .map_or(Ok(()), |interface| socket.set_multicast_if_v6(interface.index))
            .and_then(|()| socket.set_multicast_hops_v6(options.ttl.into()))
            .and_then(|()| socket.set_multicast_loop_v6(!options.no_loop)),
    };
    prepared.map_err(|source| Error::System { operation: "prepare a socket for", target: group.to_string(), source })
}
