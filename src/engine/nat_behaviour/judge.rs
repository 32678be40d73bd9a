//! What the answers, and their absence, say.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::{Discovery, Told};
use crate::engine::nat::{Dependence, Hairpinning, Pooling};

/// By three mappings of one socket: to the server, to another address of it, to another port of that one.
fn dependence(first: SocketAddr, address: SocketAddr, port: SocketAddr) -> Dependence {
    if first == address && address == port {
        Dependence::EndpointIndependent
    } else if address == port {
        Dependence::AddressDependent
    } else {
        Dependence::AddressAndPortDependent
    }
}

impl Discovery {
    fn mapped(&self, ask: usize) -> Option<SocketAddr> {
        self.heard(ask).and_then(|heard| heard.mapped)
    }

    /// `asks`: to the server's other address, then to its other address and port; where it has none, to the second
    /// server, if there is one, then to the next port of the first.
    pub(super) fn judge_mapping(&mut self, asks: &[usize]) {
        let Some(first) = self.report.external else { return };
        if self.report.local == Some(first) {
            self.report.mapping = Ok(None);
            return;
        }
        let of = |to: SocketAddr| {
            let ask = asks.iter().find(|ask| self.asks.get(**ask).is_some_and(|ask| ask.to == to));
            ask.and_then(|ask| self.mapped(*ask))
        };
        let server = self.plan.server;
        self.report.mapping = match self.other {
            Some(other) => {
                let told = (of(SocketAddr::new(other.ip(), server.port())), of(other));
                match told {
                    (Some(address), Some(port)) => Ok(Some(dependence(first, address, port))),
                    _ => Err(format!("the server's other address, {other}, does not answer")),
                }
            }
            None => {
                let next = server.port().checked_add(1).and_then(|port| of(SocketAddr::new(server.ip(), port)));
                match (self.plan.server2.and_then(of), next) {
                    (Some(second), _) if second == first => Ok(Some(Dependence::EndpointIndependent)),
                    (_, Some(next)) if next != first => Ok(Some(Dependence::AddressAndPortDependent)),
                    (Some(_), Some(_)) => Ok(Some(Dependence::AddressDependent)),
                    (Some(_), None) => Err("it depends on the address; whether on the port too could be told by a \
                        server with two ports"
                        .into()),
                    (None, Some(_)) => Err("not on the port; whether on the address could be told by a server with \
                        two addresses, or --server2"
                        .into()),
                    (None, None) => Err("the server has one address and one port: --server2 names another one".into()),
                }
            }
        };
    }

    /// `alive`: afterwards the server answered again, so silence was not an outage.
    pub(super) fn judge_filtering(&mut self, [both, port]: [usize; 2], alive: bool) {
        let Some(other) = self.other else {
            let why = match self.heard(both).and_then(|heard| heard.error) {
                Some(code) => format!("the server answers from one socket only (error {code})"),
                None => "the server has no second address to answer from".into(),
            };
            self.report.filtering = Err(why);
            return;
        };
        let server = self.plan.server;
        let from = |ask| self.heard(ask).map(|heard| (heard.from, heard.error));
        let changed = |ask, expected: SocketAddr| -> Told<bool> {
            match from(ask) {
                Some((from, None)) if from == expected => Ok(true),
                Some((_, Some(code))) => Err(format!("the server does not change its address: error {code}")),
                Some((from, None)) => Err(format!("the server was to answer from {expected} and answered from {from}")),
                None => Ok(false),
            }
        };
        let nothing = if self.report.mapping == Ok(None) { None } else { Some(Dependence::EndpointIndependent) };
        self.report.filtering = match (changed(both, other), changed(port, SocketAddr::new(server.ip(), other.port())))
        {
            (Err(why), _) | (_, Err(why)) => Err(why),
            (Ok(true), _) => Ok(nothing),
            _ if !alive => Err("the server no longer answered".into()),
            _ if self.report.mapping.is_err() => {
                Err("nothing came from the server's other address, which does not answer to itself either".into())
            }
            (_, Ok(true)) => Ok(Some(Dependence::AddressDependent)),
            _ => Ok(Some(Dependence::AddressAndPortDependent)),
        };
    }

    pub(super) fn judge_fragments(&mut self, padded: usize, alive: bool) {
        self.report.fragments = match self.heard(padded).map(|heard| heard.error) {
            Some(None) => Ok(true),
            Some(Some(code)) => Err(format!("the server does not pad its answers: error {code}")),
            None if alive => Ok(false),
            None => Err("the server no longer answered".into()),
        };
    }

    /// What ports fresh sockets got, and whether somebody rewrites what is inside of datagrams.
    pub(super) fn judge_ports(&mut self, learnt: &[usize]) {
        let sockets = self.sockets.iter().filter(|socket| socket.host == 0);
        let pairs: Vec<(SocketAddr, SocketAddr)> =
            sockets.filter_map(|socket| Some((socket.local?, socket.mapped?))).collect();
        self.report.addresses = pairs.iter().map(|(_, mapped)| mapped.ip()).collect::<BTreeSet<_>>().len();
        let kept = pairs.iter().filter(|(local, mapped)| local.port() == mapped.port()).count();
        let even = pairs.iter().filter(|(local, mapped)| local.port() % 2 == mapped.port() % 2).count();
        let all = pairs.len();
        let enough = all > learnt.len() / 2;
        let few = || format!("only {all} sockets got an answer");
        self.report.port_preserved = match kept {
            _ if !enough => Err(few()),
            0 => Ok(false),
            kept if kept == all => Ok(true),
            kept => Err(format!("{kept} of {all} sockets kept their port")),
        };
        self.report.port_parity = if enough { Ok(even == all) } else { Err(few()) };
        self.report.pooling = match self.report.addresses {
            _ if !enough => Err(few()),
            _ if self.report.mapping == Ok(None) => Err("there is no NAT".into()),
            // RFC 4787 §4.1: all of an inside address get the same one.
            1 => Ok(Pooling::Paired),
            _ => Ok(Pooling::Arbitrary),
        };
        let both = self.asks.iter().filter_map(|ask| Some((ask.heard()?.plain?, ask.heard()?.mapped?)));
        let mut both = both.peekable();
        self.report.alg = match both.peek() {
            None => Err("the server does not say MAPPED-ADDRESS".into()),
            Some(_) => Ok(both.any(|(plain, turned)| plain != turned)),
        };
    }

    /// A request that went round came from `from`.
    pub(super) fn judge_hairpin(&self, from: SocketAddr, sockets: [usize; 2]) -> Told<Hairpinning> {
        let locals = sockets.map(|socket| self.sockets.get(socket).and_then(|socket| socket.local));
        if locals.contains(&Some(from)) {
            Ok(Hairpinning::Internal)
        } else if self.is_outside(from.ip()) {
            Ok(Hairpinning::External)
        } else {
            Err(format!("what was sent round came from {from}, which is neither inside nor outside"))
        }
    }

    /// One of the outside addresses that sockets got.
    fn is_outside(&self, address: IpAddr) -> bool {
        let mut mapped = self.sockets.iter().filter_map(|socket| socket.mapped);
        mapped.any(|end| end.ip() == address)
    }

    pub(super) fn judge_no_hairpin(&self) -> Told<Hairpinning> {
        if self.plan.beside || self.overhears {
            return Ok(Hairpinning::Off);
        }
        Err("nothing came round; off or internal, where the kernel refuses what comes as a packet from itself: who may \
            capture (root) can tell, or a second host behind the same NAT"
            .into())
    }

    pub(super) fn judge_tcp(&mut self) {
        let told: Vec<_> = self.exchanges.iter().flatten().collect();
        self.report.tcp_mapping = match told.as_slice() {
            [Ok((local, first)), ..] if local == first => Ok(None),
            [Ok((_, first)), Ok((_, address)), Ok((_, port))] => Ok(Some(dependence(*first, *address, *port))),
            told => {
                Err(told.iter().find_map(|told| told.as_ref().err().cloned()).unwrap_or_else(|| "no answer".into()))
            }
        };
    }
}
