//! `--port`, `--host` and `-f`: which frames to take at all. Live the kernel does it, for files we do.

use std::net::{IpAddr, ToSocketAddrs};

use super::programs::Wanted;
use crate::flow::Known;
use crate::flow::datagram;
use crate::frame::{Error, LinkType, Source, Timestamp, said_by};
use crate::io::bpf;
use crate::io::pcap::Program;
use crate::pipeline::{Next, Sink};
use crate::process::Ends;
use crate::wire::Packet;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Which packets")]
pub struct Selection {
    /// TCP, UDP or SCTP port, either end; with later fragments, VLAN-tagged frames and ICMP errors about it
    ///
    /// Later fragments carry no port: those go with the first fragment of their datagram. Where that was not seen, they
    /// are taken from files and left out live.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    port: Vec<u16>,
    /// Address, either end
    #[arg(long, value_name = "A", value_delimiter = ',', value_parser = addresses)]
    host: Vec<Addresses>,
    /// Capture filter in the language of pcap-filter(7), as tcpdump takes it
    #[arg(short, long, value_name = "BPF")]
    filter: Option<String>,
    #[command(flatten)]
    pub programs: Wanted,
}

/// What one `--host` stands for: an address, or all that a name has.
#[derive(Clone, Debug)]
pub(super) struct Addresses(pub(super) Vec<IpAddr>);

pub(super) fn addresses(text: &str) -> Result<Addresses, String> {
    if let Ok(address) = text.parse() {
        return Ok(Addresses(vec![address]));
    }
    let found = (text, 0).to_socket_addrs().map_err(|error| format!("not an address, and as a name: {error}"))?;
    Ok(Addresses(found.map(|socket| socket.ip()).collect()))
}

impl Selection {
    /// Whether everything is taken.
    pub fn takes_all(&self) -> bool {
        self.takes_any_bytes() && self.programs.takes_all()
    }

    fn takes_any_bytes(&self) -> bool {
        self.port.is_empty() && self.host.is_empty() && self.filter.is_none()
    }

    pub fn to_bpf(&self) -> bpf::Selection {
        bpf::Selection {
            ports: self.port.clone(),
            hosts: self.host.iter().flat_map(|addresses| addresses.0.iter().copied()).collect(),
            expression: self.filter.clone(),
        }
    }

    /// What of a live capture is wanted that the kernel's filter took; `None`: everything.
    pub fn fragments(&self) -> Option<datagram::Wanted> {
        (!self.port.is_empty()).then(|| datagram::Wanted::new(false))
    }

    /// A sink that passes on what is wanted of a live capture.
    pub fn behind_kernel<S>(&self, inner: S) -> OfPort<S> {
        OfPort { inner, fragments: self.fragments(), programs: self.programs.clone() }
    }

    /// An error where libpcap refuses the expression for Ethernet, to be told before anything is read or made.
    pub fn check(&self) -> anyhow::Result<()> {
        self.before(()).map(drop)
    }

    /// A sink or a source that passes on only what is selected, for frames that did not come through the kernel's filter.
    ///
    /// Fails where [`check`](Self::check) does.
    pub fn before<S>(&self, inner: S) -> anyhow::Result<Selected<S>> {
        let fragments = (!self.port.is_empty()).then(|| datagram::Wanted::new(true));
        let programs = self.programs.clone();
        let mut selected = Selected {
            inner,
            all: self.takes_all(),
            selection: self.to_bpf(),
            compiled: Vec::new(),
            fragments,
            programs,
        };
        selected.compile(LinkType::ETHERNET).map_err(anyhow::Error::msg)?;
        Ok(selected)
    }
}

/// Passes on what the kernel took for a port, but later fragments of other ports, and other programs' packets.
pub struct OfPort<S> {
    inner: S,
    /// `None` where no port is asked for.
    fragments: Option<datagram::Wanted>,
    programs: Wanted,
}

impl<S> OfPort<S> {
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S: Sink> Sink for OfPort<S> {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        if self.fragments.as_mut().is_none_or(|fragments| fragments.wants(packet, true))
            && self.programs.takes(&known.facts.ends)
        {
            return self.inner.packet(packet, known);
        }
        Ok(Next::GoOn)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// Passes on the packets that the selection takes. The flow table has seen the others too: numbers stay the file's.
pub struct Selected<S> {
    inner: S,
    /// Nothing was asked for: frames need not be looked at.
    all: bool,
    selection: bpf::Selection,
    /// By link type; `None` takes every frame.
    compiled: Vec<(LinkType, Option<Program>)>,
    /// `None` where no port is asked for.
    fragments: Option<datagram::Wanted>,
    programs: Wanted,
}

impl<S> Selected<S> {
    /// What is behind the selection, to ask it what it counted.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn compile(&mut self, link: LinkType) -> Result<usize, String> {
        if let Some(place) = self.compiled.iter().position(|(known, _)| *known == link) {
            return Ok(place);
        }
        let text = self.selection.text(link);
        let program = text.map(|text| Program::compile(link, &text)).transpose().map_err(|why| {
            let expression = self.selection.expression.as_deref().unwrap_or("--port or --host");
            format!("the filter '{expression}' is refused for frames of {link}: {why}")
        })?;
        self.compiled.push((link, program));
        Ok(self.compiled.len() - 1)
    }
}

impl<S: Sink> Selected<S> {
    #[inline(never)]
    fn selected(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        let place = self.compile(packet.frame.link).map_err(std::io::Error::other)?;
        let program = self.compiled.get(place).and_then(|(_, program)| program.as_ref());
        let taken = program.is_none_or(|program| program.matches(packet.frame.data));
        if self.fragments.as_mut().map_or(taken, |fragments| fragments.wants(packet, taken))
            && self.programs.takes(&known.facts.ends)
        {
            return self.inner.packet(packet, known);
        }
        Ok(Next::GoOn)
    }
}

impl<S: Sink> Sink for Selected<S> {
    #[inline]
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        if self.all { self.inner.packet(packet, known) } else { self.selected(packet, known) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// As a source: what is not selected is not even decoded.
impl<S: Source> Source for Selected<S> {
    fn advance(&mut self) -> Result<Option<Timestamp>, Error> {
        loop {
            let Some(time) = self.inner.advance()? else { return Ok(None) };
            if self.all {
                return Ok(Some(time));
            }
            let link = self.inner.frame().link;
            let place =
                self.compile(link).map_err(|why| Error::Capture { target: link.to_string(), why, remedy: None })?;
            let program = self.compiled.get(place).and_then(|(_, program)| program.as_ref());
            let frame = self.inner.frame();
            if program.is_none_or(|program| program.matches(frame.data))
                && (self.programs.takes_all() || self.programs.takes(&Ends::of_comment(frame.comment)))
            {
                return Ok(Some(time));
            }
        }
    }

    said_by!(inner);
}
