//! From the command line to recipes: the layers, what was set, and what nobody set.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, bail};

use super::target::{Family, Target};
use super::way::Way;
use super::{Args, Extension, Kind};
use crate::engine::multicast::report;
use crate::field;
use crate::flow::secret::Found;
use crate::flow::{FlowTable, Known};
use crate::io::file;
use crate::pipeline::{self, Next, Sink};
use crate::wire::build::membership::{self, Says};
use crate::wire::build::{Built, Error, Recipe, fragments};
use crate::wire::{Packet, Protocol, mld, ndp};

/// The packet without its link, and where it goes.
pub struct Composed {
    recipe: Recipe,
    pub to: IpAddr,
    /// The interface behind % of the address.
    pub zone: Option<String>,
    /// It has layers that only frames have: ARP, VLAN tags.
    pub needs_link: bool,
    /// It is of MLD: from a link-local address, or from none, else it has no effect (RFC 9777 §5.1.14, §5.2.13).
    pub link_local: bool,
    port: Option<u16>,
    /// What of a captured packet's data is secret by what its conversation said before.
    secrets: Found,
}

impl Composed {
    /// Whether the frame is for one neighbour: what ARP asks is for all of them.
    pub fn needs_neighbour(&self) -> bool {
        self.recipe.protocols().next() != Some(Protocol::Arp)
    }
}

/// The recipe that the command line describes, before the way is known.
pub fn recipe(args: &Args) -> anyhow::Result<Composed> {
    let mut composed = match args.kind {
        None => captured(args)?,
        Some(kind @ (Kind::Igmp | Kind::Mld)) => membership(args, kind)?,
        Some(kind) => by_hand(args, kind)?,
    };
    composed.needs_link |= !args.made.vlan.is_empty();
    if let Some(payload) = payload(args)? {
        composed.recipe.payload(payload);
        composed.secrets = Found::default();
    }
    for (option, protocol, digits) in [
        ("--tcp-options", Protocol::Tcp, &args.made.tcp_options),
        ("--ip-options", Protocol::Ipv4, &args.made.ip_options),
    ] {
        if let Some(digits) = digits {
            composed.recipe.options(protocol, &hexadecimal(digits).with_context(|| option)?)?;
        }
    }
    Ok(composed)
}

fn by_hand(args: &Args, kind: Kind) -> anyhow::Result<Composed> {
    let [text] = args.target.as_slice() else { bail!("name one target: {}", args.target.join(" ")) };
    let family = match (args.made.four, args.made.six) {
        (true, _) => Family::Four,
        (_, true) => Family::Six,
        _ => Family::Any,
    };
    let Target { address, port, zone } = Target::parse(text, family)?;
    let has_port = |name: &str| args.made.set.iter().any(|(set, _)| set == name);
    let mut recipe = Recipe::default();
    if kind != Kind::Arp {
        recipe.push(if address.is_ipv4() { Protocol::Ipv4 } else { Protocol::Ipv6 })?;
    }
    for extension in &args.made.ext {
        if address.is_ipv4() {
            bail!("--ext: only IPv6 has extension headers");
        }
        recipe.push(match extension {
            Extension::HopByHop => Protocol::HopByHop,
            Extension::Routing => Protocol::Routing,
            Extension::Destination => Protocol::DestinationOptions,
            Extension::Fragment => Protocol::Fragment,
        })?;
    }
    match (kind, address) {
        (Kind::Tcp, _) => recipe.push(Protocol::Tcp)?,
        (Kind::Udp, _) => recipe.push(Protocol::Udp)?,
        (Kind::Icmp, IpAddr::V4(_)) => recipe.push(Protocol::Icmp)?,
        (Kind::Icmp, IpAddr::V6(_)) => {
            recipe.push(Protocol::Icmpv6)?;
            if let Some(kind) = discovery(args) {
                recipe.push_discovery(kind)?;
            }
        }
        (Kind::Arp, IpAddr::V4(_)) => recipe.push(Protocol::Arp)?,
        (Kind::Arp, IpAddr::V6(_)) => bail!("ARP asks for IPv4 addresses; IPv6 has neighbour discovery"),
        _ => {}
    }
    match (kind, port) {
        (Kind::Tcp, None) if !has_port("tcp.dstport") => bail!("to which port? write it as {text}:80"),
        (Kind::Udp, None) if !has_port("udp.dstport") => bail!("to which port? write it as {text}:9000"),
        (Kind::Tcp | Kind::Udp, _) | (_, None) => {}
        (_, Some(port)) => bail!("only TCP and UDP have ports: what is {port} to be?"),
    }
    let (needs_link, secrets) = (kind == Kind::Arp, Found::default());
    Ok(Composed { recipe, to: address, zone, needs_link, link_local: false, port, secrets })
}

/// The type of the message of neighbour discovery that is asked for, by its number or by a field that only it has.
fn discovery(args: &Args) -> Option<u8> {
    let message = |name: &str| match name.get(.."icmpv6.nd.ra".len())? {
        _ if name == "icmpv6.rd.na.target_address" => Some(ndp::REDIRECT),
        "icmpv6.nd.rd" => Some(ndp::REDIRECT),
        "icmpv6.nd.ra" => Some(ndp::ROUTER_ADVERTISEMENT),
        "icmpv6.nd.ns" => Some(ndp::NEIGHBOUR_SOLICITATION),
        "icmpv6.nd.na" => Some(ndp::NEIGHBOUR_ADVERTISEMENT),
        _ => None,
    };
    let set = args.made.set.iter();
    let by_number = set.clone().rev().find(|(name, _)| name == "icmpv6.type").map(|(_, value)| value.parse().ok());
    by_number.unwrap_or_else(|| set.rev().find_map(|(name, _)| message(name)))
}

fn membership(args: &Args, kind: Kind) -> anyhow::Result<Composed> {
    let protocol = if kind == Kind::Mld { "MLD" } else { "IGMP" };
    let (says, group) = match args.target.as_slice() {
        [says, group] => (says.as_str(), Some(group.as_str())),
        // Who is in which group?
        [says] if says == "query" => (says.as_str(), None),
        _ => bail!("say join, leave or query, and the group"),
    };
    let any: IpAddr = if kind == Kind::Mld { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let (group, zone) = match group {
        Some(text) => {
            let (address, zone) =
                text.split_once('%').map_or((text, None), |(address, zone)| (address, Some(zone.to_owned())));
            (address.parse().with_context(|| format!("{text:?} is no address of a group"))?, zone)
        }
        None => (any, None),
    };
    let says = match says {
        "join" => Says::Join,
        "leave" => Says::Leave,
        "query" => Says::Query(args.made.max_response.unwrap_or_else(|| membership::usual_response(group))),
        other => bail!("{other:?}: a message of {protocol} is join, leave or query"),
    };
    if !(matches!(says, Says::Query(_)) && group.is_unspecified())
        && let Some(objection) = report::objection(group)
    {
        bail!("{objection}");
    }
    if args.made.max_response.is_some() && !matches!(says, Says::Query(_)) {
        bail!("--max-response: only a query says how long hosts have to answer");
    }
    // Of a group's address it is plain which protocol reports it.
    let recipe = match group {
        IpAddr::V4(_) if kind == Kind::Mld => bail!("MLD is for groups of IPv6: netlab send igmp ... {group}"),
        IpAddr::V4(group) => {
            let version = args.made.membership_version.unwrap_or(3);
            let four = |address| if let IpAddr::V4(four) = address { Some(four) } else { None };
            membership::igmp(says, version, group, &sources(&args.made.source, "IPv4", four)?)?
        }
        IpAddr::V6(group) => {
            let version = args.made.membership_version.unwrap_or(2);
            anyhow::ensure!(version < 3, "MLD has the versions 1 and 2");
            let six = |address| if let IpAddr::V6(six) = address { Some(six) } else { None };
            membership::mld(says, version, group, &sources(&args.made.source, "IPv6", six)?)?
        }
    };
    let name = if group.is_ipv4() { "ip.dst" } else { "ipv6.dst" };
    let to = recipe.address(name).context("such a message goes to a group")?;
    let secrets = Found::default();
    Ok(Composed { recipe, to, zone, needs_link: false, link_local: group.is_ipv6(), port: None, secrets })
}

/// Sources, which are of the group's family.
fn sources<A>(sources: &[IpAddr], family: &str, of: impl Fn(IpAddr) -> Option<A>) -> anyhow::Result<Vec<A>> {
    let one = |source: &IpAddr| of(*source).with_context(|| format!("--source {source}: the group is of {family}"));
    sources.iter().map(one).collect()
}

/// Refuses a query of MLD that no host would answer: from no link-local address (RFC 9777 §5.1.14).
pub fn check_source(args: &Args, composed: &Composed, way: &Way) -> anyhow::Result<()> {
    let set = args.made.set.iter().any(|(name, _)| name == "ipv6.src");
    let query = composed.recipe.number("icmpv6.type") == Some(mld::QUERY.into());
    if composed.link_local && query && way.source.is_none() && !set {
        bail!(
            "{} has no link-local address, and hosts ignore a query from any other; to try all the same: \
             --set ipv6.src=fe80::1",
            way.link.name
        );
    }
    Ok(())
}

/// The recipe of a packet in a file.
fn captured(args: &Args) -> anyhow::Result<Composed> {
    let Some(path) = &args.made.from else { bail!("say what to send") };
    let mut wanted = Wanted { number: args.made.packet, taken: None };
    let summary = pipeline::run(&mut file::open(path)?, &mut FlowTable::new(), &mut wanted)?;
    let Some(Taken { mut recipe, secrets, kept, length }) = wanted.taken else {
        summary.failure.map_or(Ok(()), Err)?;
        bail!("there is no packet {}: {} has {}", args.made.packet, path.display(), summary.frames);
    };
    if kept < length {
        bail!("packet {} was not kept whole: {kept} of {length} bytes", args.made.packet);
    }
    recipe.without_link();
    let first = recipe.protocols().next();
    let name = match first {
        Some(Protocol::Ipv4) => "ip.dst",
        Some(Protocol::Ipv6) => "ipv6.dst",
        Some(Protocol::Arp) => "arp.dst.proto_ipv4",
        _ => bail!("packet {} is neither IP nor ARP", args.made.packet),
    };
    // An address that is edited is where it goes.
    let set = args.made.set.iter().rev().find(|(set, _)| set == name);
    let to = match set {
        Some((_, value)) => value.parse().with_context(|| format!("{name}={value}: that is no address"))?,
        None => recipe.address(name).with_context(|| format!("packet {} has no {name}", args.made.packet))?,
    };
    let needs_link = first == Some(Protocol::Arp);
    Ok(Composed { recipe, to, zone: None, needs_link, link_local: false, port: None, secrets })
}

/// A sink that takes one packet, once those before it have told what is secret in it.
struct Wanted {
    number: u64,
    taken: Option<Taken>,
}

struct Taken {
    recipe: Recipe,
    secrets: Found,
    /// Bytes that the capture kept, and those on the wire.
    kept: usize,
    length: usize,
}

impl Sink for Wanted {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        let frame = &packet.frame;
        if frame.number != self.number {
            return Ok(Next::GoOn);
        }
        let (recipe, secrets) = (Recipe::of(packet), known.facts.secrets);
        self.taken = Some(Taken { recipe, secrets, kept: frame.data.len(), length: frame.length as usize });
        Ok(Next::Stop)
    }
}

fn payload(args: &Args) -> anyhow::Result<Option<Vec<u8>>> {
    if let Some(text) = &args.made.text {
        return Ok(Some(text.clone().into_bytes()));
    }
    if let Some(digits) = &args.made.digits {
        return hexadecimal(digits).context("--bytes").map(Some);
    }
    let Some(path) = &args.made.file else { return Ok(None) };
    // One byte more than fits tells that it does not fit.
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let read = std::io::Read::read_to_end(&mut std::io::Read::take(file, 65_536), &mut bytes);
    read.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Some(bytes))
}

/// The bytes of pairs of hexadecimal digits.
pub fn hexadecimal(digits: &str) -> anyhow::Result<Vec<u8>> {
    crate::wire::build::hexadecimal(digits).with_context(|| format!("{digits:?} are not pairs of hexadecimal digits"))
}

/// The packets that are sent, one after the other.
pub struct Packets {
    recipe: Recipe,
    /// What is filled in where nobody set it.
    fresh: Fresh,
    fragment: Option<(usize, usize)>,
    /// Fields that were set and that the kernel fills in all the same.
    pub taken: Vec<String>,
    /// What of the data is secret, though the packet alone does not tell it.
    pub secrets: Found,
}

/// What the kernel fills in of an IPv4 header at layer 3, whatever is there (raw(7)).
const KERNELS: [&str; 2] = ["ip.len", "ip.checksum"];

/// Numbers that are new each time.
struct Fresh {
    identification: u32,
    /// The recipe is a captured packet: it has all its numbers.
    captured: bool,
}

impl Packets {
    /// Puts the link's layers around the recipe, sets what was asked for, and fills in the rest.
    pub fn new(args: &Args, composed: &Composed, way: &Way) -> anyhow::Result<Self> {
        let mut recipe = composed.recipe.clone();
        if !way.layer_3 {
            recipe.wrap(link_layers(&args.made.vlan)?);
        }
        let mut taken = Vec::new();
        for (name, value) in &args.made.set {
            if way.layer_3 && way.to.is_ipv4() && KERNELS.contains(&name.as_str()) {
                // The value is looked at all the same: it may be none.
                recipe.clone().set(name, value).map_err(|error| explained(error, name))?;
                taken.push(name.clone());
            } else {
                recipe.set(name, value).map_err(|error| explained(error, name))?;
            }
        }
        if args.made.fragment.is_some() {
            let set = ["ip.len", "ip.checksum", "ip.flags.mf", "ip.frag_offset", "ipv6.plen"];
            if let Some(name) = set.into_iter().find(|name| recipe.has_set(name) || taken.iter().any(|it| it == name)) {
                bail!("--fragment gives each fragment a {name} of its own, so it cannot be set");
            }
        }
        let random = RandomState::new().hash_one(std::process::id());
        let fresh = Fresh { identification: random as u32 | 1, captured: args.kind.is_none() };
        let source = way.source.map(|address| address.to_string());
        let own = way.own_hardware();
        let fill = |recipe: &mut Recipe, name: &str, value: &str| match recipe.fill(name, value) {
            Ok(()) | Err(Error::NotHere { .. }) => Ok(()),
            Err(error) => Err(error),
        };
        fill(&mut recipe, "eth.src", &own)?;
        if !fresh.captured {
            if let Some(source) = &source {
                let name = if way.to.is_ipv4() { "ip.src" } else { "ipv6.src" };
                fill(&mut recipe, name, source)?;
                if way.to.is_ipv4() {
                    fill(&mut recipe, "arp.src.proto_ipv4", source)?;
                }
            }
            let (to, port) = (way.to.to_string(), composed.port.map(|port| port.to_string()));
            for name in if way.to.is_ipv4() { ["ip.dst", "arp.dst.proto_ipv4"] } else { ["ipv6.dst", "ipv6.dst"] } {
                fill(&mut recipe, name, &to)?;
            }
            fill(&mut recipe, "arp.src.hw_mac", &own)?;
            // Ports that no registered service has (RFC 6335 §6).
            let ephemeral = (49_152 + (random >> 32) % 16_384).to_string();
            for protocol in ["tcp", "udp"] {
                fill(&mut recipe, &format!("{protocol}.srcport"), &ephemeral)?;
                if let Some(port) = &port {
                    fill(&mut recipe, &format!("{protocol}.dstport"), port)?;
                }
            }
            fill(&mut recipe, "tcp.flags", "SYN")?;
            fill(&mut recipe, "tcp.seq_raw", &(random as u32).to_string())?;
            if recipe.number("icmp.type") == Some(8) {
                fill(&mut recipe, "icmp.ident", &(random >> 48).to_string())?;
            }
            if recipe.number("icmpv6.type") == Some(128) {
                fill(&mut recipe, "icmpv6.echo.identifier", &(random >> 48).to_string())?;
            }
        }
        let fragment = args.made.fragment.map(|size| (size, args.made.overlap));
        // Bytes that somebody wrote are no captured secret.
        let is_written = |name: &str| matches!(name, "data.data" | "tcp.payload" | "udp.payload");
        let written = args.made.set.iter().any(|(name, _)| is_written(name));
        let secrets = if written { Found::default() } else { composed.secrets };
        let mut packets = Self { recipe, fresh, fragment, taken, secrets };
        let everybody = (!composed.needs_neighbour()).then_some([0xff; 6]);
        if let Some(next_hop) = everybody.or(way.next_hop) {
            packets.next_hop(next_hop)?;
        }
        packets.frames(0)?;
        Ok(packets)
    }

    /// Who the frames are for, once it is known.
    pub fn next_hop(&mut self, address: [u8; 6]) -> anyhow::Result<()> {
        let text = address.map(|byte| format!("{byte:02x}")).join(":");
        match self.recipe.fill("eth.dst", &text) {
            Ok(()) | Err(Error::NotHere { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The packet with this number, from 0, undivided.
    pub fn whole(&self, number: u64) -> anyhow::Result<Built> {
        let mut recipe = self.recipe.clone();
        if !self.fresh.captured {
            let id = (u64::from(self.fresh.identification) + number) % 65_535 + 1;
            let sequence = ((number + 1) % 65_536).to_string();
            let echo = |recipe: &Recipe, name, kind| recipe.number(name) == Some(kind);
            let (four, six) = (echo(&recipe, "icmp.type", 8), echo(&recipe, "icmpv6.type", 128));
            for (name, value, wanted) in [
                ("ip.id", id.to_string(), true),
                ("icmp.seq", sequence.clone(), four),
                ("icmpv6.echo.sequence_number", sequence, six),
            ] {
                match if wanted { recipe.fill(name, &value) } else { Ok(()) } {
                    Ok(()) | Err(Error::NotHere { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(recipe.build()?)
    }

    /// What goes onto the wire for it: itself, or its fragments.
    pub fn frames(&self, number: u64) -> anyhow::Result<Vec<Vec<u8>>> {
        let whole = self.whole(number)?;
        let Some((size, overlap)) = self.fragment else { return Ok(vec![whole.bytes]) };
        let identification = self.fresh.identification.wrapping_add(number as u32);
        Ok(fragments::divide(&whole, size, overlap, identification)?)
    }

    /// Whether a field was set on purpose.
    pub fn has_set(&self, name: &str) -> bool {
        self.recipe.has_set(name)
    }
}

fn link_layers(vlan: &[u16]) -> anyhow::Result<Recipe> {
    let mut recipe = Recipe::new(&[Protocol::Ethernet])?;
    match vlan {
        [] => {}
        [id] => {
            recipe.push(Protocol::Vlan)?;
            recipe.fill("vlan.id", &id.to_string())?;
        }
        [outer, inner] => {
            recipe.push(Protocol::ServiceTag)?;
            recipe.push(Protocol::Vlan)?;
            recipe.fill("ieee8021ad.id", &outer.to_string())?;
            recipe.fill("vlan.id", &inner.to_string())?;
        }
        _ => bail!("--vlan: a frame has one tag, or a provider's around it"),
    }
    Ok(recipe)
}

/// The error, with names that were probably meant.
fn explained(error: Error, name: &str) -> anyhow::Error {
    match error {
        Error::Unknown { name: unknown } => match field::resolve(&unknown) {
            Err(near) => near.into(),
            Ok(_) => anyhow::anyhow!("{name} cannot be set: it is worked out, not a part of the packet"),
        },
        error => error.into(),
    }
}
