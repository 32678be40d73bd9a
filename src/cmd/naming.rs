//! `--names` and `--resolve`: names in the place of addresses, for whoever shows packets to a person.

use std::net::IpAddr;
use std::time::Duration;

use crate::flow::names::{By, Names};
use crate::flow::{FlowTable, Known, Summary};
use crate::io::reverse::Reverse;
use crate::pipeline::{Next, Sink};
use crate::wire::Packet;

/// How long a name is waited for where nobody waits for packets.
const WAIT: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug, Default, clap::Args)]
#[command(next_help_heading = "Names")]
pub struct Naming {
    /// Show names in the place of addresses: those that the capture itself tells, in answers of DNS and multicast DNS and
    /// where a client of TLS calls a server, from there on; -e and --json keep addresses
    #[arg(long)]
    names: bool,
    /// Also ask this machine's resolver for names that the capture does not tell; its questions may go over the network
    #[arg(long)]
    resolve: bool,
}

impl Naming {
    /// Whether there are to be any.
    pub fn is_wanted(self) -> bool {
        self.names || self.resolve
    }

    /// Learns names from the packets that it is shown; none where none are wanted. A `live` capture does not wait for the
    /// resolver.
    pub fn learning(self, live: bool) -> Learning {
        let wait = if live { Duration::ZERO } else { WAIT };
        let names = self.is_wanted().then(Names::default);
        Learning { names, resolver: self.resolve.then(|| Reverse::new(wait)) }
    }

    /// The same from every packet on its way to `inner`, which is told them.
    pub fn before<S: Sink>(self, inner: S, live: bool) -> Named<S> {
        Named { learning: self.learning(live), inner }
    }
}

/// The names that were learnt so far, if any are wanted.
pub struct Learning {
    names: Option<Names>,
    resolver: Option<Reverse>,
}

impl Learning {
    pub fn is_wanted(&self) -> bool {
        self.names.is_some()
    }

    pub fn names(&self) -> Option<&Names> {
        self.names.as_ref()
    }

    pub fn learn(&mut self, packet: &Packet<'_>, known: &Known<'_>) {
        let Some(names) = &mut self.names else { return };
        names.learn(packet, known);
        if let Some(resolver) = &mut self.resolver {
            resolve(resolver, packet, names);
        }
    }

    /// Waits a little for answers that are still under way.
    pub fn finish(&mut self) {
        if let (Some(names), Some(resolver)) = (&mut self.names, &mut self.resolver) {
            resolver.finish(&mut |address, name| add(names, address, name));
        }
    }
}

fn add(names: &mut Names, address: IpAddr, name: &str) {
    names.add(address.into(), name.as_bytes(), By::Resolver);
}

/// Asks for the names of a packet's ends that have none; groups have none.
fn resolve(resolver: &mut Reverse, packet: &Packet<'_>, names: &mut Names) {
    let Some((source, destination)) = packet.addresses(packet.layers.len()) else { return };
    for address in [source, destination] {
        let ip = IpAddr::from(address);
        let is_host = !ip.is_multicast() && !ip.is_unspecified() && ip != IpAddr::from([255; 4]);
        if is_host && names.of(address).is_none() {
            resolver.ask(ip, &mut |address, name| add(names, address, name));
        }
    }
}

/// Tells a sink the names that were learnt so far.
pub struct Named<S> {
    learning: Learning,
    inner: S,
}

impl<S> Named<S> {
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// The names, once all packets are in.
    pub fn into_names(mut self) -> Option<Names> {
        self.learning.finish();
        self.learning.names
    }
}

impl<S: Sink> Sink for Named<S> {
    #[inline]
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        if !self.learning.is_wanted() {
            return self.inner.packet(packet, known);
        }
        self.learning.learn(packet, known);
        self.inner.packet(packet, &Known { names: self.learning.names(), ..*known })
    }

    fn takes_packets(&self) -> bool {
        self.learning.is_wanted() || self.inner.takes_packets()
    }

    fn departed(&mut self, departed: &[Summary]) -> std::io::Result<Next> {
        self.inner.departed(departed)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }

    fn idle(&mut self, table: &FlowTable) -> std::io::Result<()> {
        self.inner.idle(table)
    }
}
