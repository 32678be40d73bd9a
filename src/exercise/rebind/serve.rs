//! The servers of `rebind` and `loop`: the same, but for the listening socket.

use std::net::TcpListener;
use std::time::Duration;

use crate::exercise::connection::{Connection, listen, readable};
use crate::exercise::service::{announce, next};
use crate::exercise::{Error, Service, Transcript, Transport};
use crate::quantity;

// What both take. No doc comment: clap would show it as the help.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Options {
    /// How long the server is with each client
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = quantity::duration)]
    pause: Duration,
}

// What only `rebind` takes.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Keep {
    /// Keep one listening socket for all clients, as `loop` does
    #[arg(long)]
    keep: bool,
}

pub fn options(command: clap::Command) -> clap::Command {
    <Options as clap::Args>::augment_args(command)
}

pub fn rebind_options(command: clap::Command) -> clap::Command {
    <Keep as clap::Args>::augment_args(options(command))
}

/// Makes its listening socket anew for every client; how many it was with to the end.
pub fn rebind(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let Keep { keep } = service.options()?;
    serve("rebind", keep, service, transcript)
}

/// Keeps its listening socket; how many clients it was with to the end.
pub fn keep(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    serve("loop", true, service, transcript)
}

fn serve(name: &str, keep: bool, service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let Options { pause } = service.options()?;
    let mut listener = listen(service)?;
    let system = |operation, source| Error::System { operation, target: name.to_owned(), source };
    let address = listener.local_addr().map_err(|source| system("find the address of", source))?;
    announce(name, address, service, transcript);
    let mut served = 0;
    loop {
        // A client that is gone again by the time of the accept must not hold up Ctrl-C.
        listener.set_nonblocking(true).map_err(|source| system("prepare the socket of", source))?;
        let Some((stream, peer)) = next(&listener, service, transcript)? else { return Ok(served) };
        // From here on a client that connects is refused, unless the socket is kept.
        let kept = keep.then_some(listener);
        transcript.line(&format!("Connection received from {}", peer.ip()))?;
        let client = Connection::accepted(stream, peer, service.idle, &service.stop)?;
        if readable(&service.stop, None, Some(pause))? {
            return Ok(served);
        }
        match client.close() {
            Ok(_) => served += 1,
            Err(error) => transcript.about(peer, &error.to_string()),
        }
        if service.once {
            return Ok(served);
        }
        listener = match kept {
            Some(listener) => listener,
            // std sets SO_REUSEADDR: the connection just closed is in TIME-WAIT with this port.
            None => TcpListener::bind(address).map_err(|source| Error::binding(address, Transport::Tcp, source))?,
        };
    }
}
