//! Servers of many clients in five models: the same bytes from each, and another answer to the question how one program
//! waits for many clients at once.
//!
//! A protocol is written once, without a socket ([`Protocol`]: bytes in, bytes out, and whether it is over); a
//! [`talk::Talk`] holds it with one client; a model only decides who waits for whom.
//!
//! Guarantee: in every model a client that is silent, half open, slow or talks nonsense costs bounded memory and is put
//! out after the idle time; only `sequential` lets the others wait meanwhile, which is its lesson.

mod asynchronous;
mod histogram;
mod house;
pub mod http;
pub mod load;
mod room;
mod select;
mod selectors;
mod sequential;
mod talk;
mod thread;

use std::net::SocketAddr;

use super::connection::listen_with;
use super::service::announce;
use super::{Error, Service, Transcript};
use crate::io::limits;
use house::House;

/// Connections that the kernel holds for a server that has not accepted them yet; it allows /proc/sys/net/core/somaxconn.
const BACKLOG: i32 = 4096;

/// Descriptors that a server has beside its clients: standard streams, the listener, what it waits with.
const OWN_DESCRIPTORS: u64 = 32;

/// What two programs say to each other, without a socket: the sessions of a server, fed with bytes.
pub trait Protocol: Send + Sync + 'static {
    /// What is remembered of one client.
    type Session: Send + 'static;

    /// Bytes that one receive takes at most; at most [`talk::LARGEST_PIECE`].
    const PIECE: usize;

    /// A client has come.
    fn open(&self, peer: SocketAddr, transcript: &Transcript) -> Result<Self::Session, Error>;

    /// Takes what one receive returned, and adds the answer, where there is one, to `out`.
    fn heard(&self, session: &mut Self::Session, bytes: &[u8], out: &mut Vec<u8>) -> Result<Turn, Wrong>;

    /// Nothing more has come for [`super::framing::QUIET`] after [`Turn::Waiting`].
    fn quiet(&self, session: &mut Self::Session, out: &mut Vec<u8>) -> Result<Turn, Wrong>;

    /// The client has closed its direction; it may still listen.
    fn ended(&self, session: &mut Self::Session, out: &mut Vec<u8>) -> Result<(), Wrong>;

    /// Prints what is to be seen of all clients together. Called by each model when it has done what could be done.
    fn settle(&self, _transcript: &Transcript) -> Result<(), Error> {
        Ok(())
    }
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The client's: it has not said all it has to. The idle time goes on.
    Waiting,
    /// The client's again: it was answered. Its idle time begins anew.
    Answered,
    /// Nobody's: what is in `out` are the last words. What the client still says is heard, and dropped, until it closes.
    Over,
    /// Nobody's, as `Over`, and the client has said that it sends nothing more: there is nothing to wait for.
    Final,
}

/// What a client did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It said more than this many bytes without coming to an end.
    TooLong(usize),
    /// It closed too early.
    ClosedEarly(&'static str),
}

/// How one program waits for many clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Model {
    /// one client after another; the next ones wait in the backlog
    Sequential,
    /// a thread a client
    Thread,
    /// one thread, select(2): asks about all sockets each time; up to about 1,000
    Select,
    /// one thread, a selector (epoll): the kernel remembers what to watch
    Selectors,
    /// one thread, tasks on tokio: reads like a program with one client
    Async,
}

// What the many-client servers take beside what every server takes. No doc comment: clap would show it as the help.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Options {
    /// How to wait for many clients at once
    #[arg(long, value_enum, default_value_t = Model::Selectors, value_name = "MODEL")]
    model: Model,
}

/// Adds [`Options`], and room for many clients.
pub fn options(command: clap::Command) -> clap::Command {
    <Options as clap::Args>::augment_args(command).mut_arg("max_clients", |arg| arg.default_value("10000"))
}

/// Listens, says where, and serves with the model that was chosen until it is stopped. How many clients were served.
pub fn serve<P: Protocol>(name: &'static str, protocol: P, service: &Service, said: &Transcript) -> Result<u64, Error> {
    let Options { model } = service.options()?;
    let wanted = u64::try_from(service.max_clients).unwrap_or(u64::MAX).saturating_add(OWN_DESCRIPTORS);
    let allowed = limits::descriptors(wanted);
    if model != Model::Sequential && model != Model::Select && allowed < wanted {
        said.note(&format!("the system allows {allowed} open files, which is fewer clients; `ulimit -Hn` shows it"));
    }
    let listener = listen_with(service, BACKLOG)?;
    let system = |operation, source| Error::System { operation, target: name.to_owned(), source };
    let address = listener.local_addr().map_err(|source| system("find the address of", source))?;
    listener.set_nonblocking(true).map_err(|source| system("prepare the socket of", source))?;
    announce(name, address, service, said);
    let house = House::new(name, protocol, service, *said);
    if service.once {
        return sequential::once(&house, &listener, service);
    }
    match model {
        Model::Sequential => sequential::run(&house, &listener, service),
        Model::Thread => thread::run(&house, &listener, service),
        Model::Select => select::run(&house, &listener, service),
        Model::Selectors => selectors::run(&house, &listener, service),
        Model::Async => return asynchronous::run(house, listener, service),
    }?;
    house.close()
}
