//! The texts of capture filters (pcap-filter(7)) that `--port`, `--host` and `-f` stand for.
//!
//! `port N` of pcap-filter misses what belongs to the conversation but shows no port where it looks: later fragments,
//! VLAN-tagged frames, IPv6 behind an extension header, and the ICMP error that says "nothing listens on N". The
//! texts made here take those too. Later fragments carry no port, so those of other ports come along.
//!
//! Trap: `vlan` moves the offsets of everything to its right, so what the user wrote stands first. Trap: the cooked
//! headers know no `vlan`, there the tag is looked for by its bytes. Trap: on a live capture the kernel may have taken
//! the tag off; `vlan` and the untagged form between them cover both.

use std::net::IpAddr;

use crate::frame::LinkType;

/// What to capture; everything given must hold. Nothing given takes every frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// TCP, UDP or SCTP ports, source or destination; any of them.
    pub ports: Vec<u16>,
    /// IP addresses, source or destination (also in ARP); any of them.
    pub hosts: Vec<IpAddr>,
    /// An expression in the language of pcap-filter(7).
    pub expression: Option<String>,
}

impl Selection {
    /// The pcap-filter text for frames of this link type; `None` takes every frame.
    pub fn text(&self, link: LinkType) -> Option<String> {
        let own =
            self.expression.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(|text| format!("({text})"));
        match (own, self.shortcuts(link)) {
            (Some(own), Some(shortcuts)) => Some(format!("{own} and ({shortcuts})")),
            (own, shortcuts) => own.or(shortcuts),
        }
    }

    fn shortcuts(&self, link: LinkType) -> Option<String> {
        let ports = any(self.ports.iter().map(|&port| port_text(port)));
        let hosts = any(self.hosts.iter().map(|host| format!("host {host}")));
        let plain = both(ports, hosts)?;
        Some(match link {
            LinkType::ETHERNET => format!("({plain}) or (vlan and (({plain}) or (vlan and ({plain}))))"),
            LinkType::LINUX_SLL => self.or_tagged(&plain, 14, 16),
            LinkType::LINUX_SLL2 => self.or_tagged(&plain, 0, 20),
            _ => plain,
        })
    }

    /// Adds the frames of a cooked capture whose payload opens with one or two VLAN tags.
    /// `protocol` and `payload` are offsets in the cooked header's frame.
    fn or_tagged(&self, plain: &str, protocol: u32, payload: u32) -> String {
        let one = self.behind_tag(payload);
        let two = self.behind_tag(payload + 4);
        let (outer, inner) = (tag_at(protocol), tag_at(payload + 2));
        format!("({plain}) or ({outer} and ({one} or ({inner} and {two})))")
    }

    /// The shortcuts on a packet whose tag (TCI, then type) stands at `tag`, by offsets from the frame's start.
    fn behind_tag(&self, tag: u32) -> String {
        let (kind, start) = (tag + 2, tag + 4);
        let v4 = both(
            any(self.ports.iter().map(|&port| port_v4_at(port, start))),
            any(self.hosts.iter().map(|host| host_v4_at(*host, start))),
        );
        let v6 = both(
            any(self.ports.iter().map(|&port| port_v6_at(port, start))),
            any(self.hosts.iter().map(|host| host_v6_at(*host, start))),
        );
        let (v4, v6) = (v4.unwrap_or_default(), v6.unwrap_or_default());
        format!("((link[{kind}:2] = 0x0800 and ({v4})) or (link[{kind}:2] = 0x86dd and ({v6})))")
    }
}

/// TCP, UDP and SCTP as pcap-filter and the kernel number them.
const TRANSPORTS: [u8; 3] = [6, 17, 132];

/// All frames of conversations on this port, given a frame without tags.
fn port_text(port: u16) -> String {
    let transport_v6 = transport("ip6[40]");
    [
        format!("port {port}"),
        format!("(ip[6:2] & 0x1fff != 0 and {})", transport("ip[9]")),
        format!(
            "(ip6[6] = 44 and {transport_v6} and (ip6[42:2] & 0xfff8 != 0 or ip6[48:2] = {port} or ip6[50:2] = {port}))"
        ),
        // One extension header that gives its length in units of eight bytes (RFC 8200, section 4).
        format!(
            "((ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 60) and {transport_v6} and \
             (ip6[(ip6[41] << 3) + 48 : 2] = {port} or ip6[(ip6[41] << 3) + 50 : 2] = {port}))"
        ),
        // The packet quoted in an error (RFC 792, RFC 4443 section 2.4).
        format!(
            "((icmp[0] = 3 or icmp[0] = 5 or icmp[0] = 11 or icmp[0] = 12) and {} and \
             (icmp[((icmp[8] & 0xf) << 2) + 8 : 2] = {port} or icmp[((icmp[8] & 0xf) << 2) + 10 : 2] = {port}))",
            transport("icmp[17]")
        ),
        format!(
            "(icmp6[0] >= 1 and icmp6[0] <= 4 and {} and (icmp6[48:2] = {port} or icmp6[50:2] = {port}))",
            transport("icmp6[14]")
        ),
    ]
    .join(" or ")
}

fn port_v4_at(port: u16, start: u32) -> String {
    // A load at a computed offset cannot be used on a cooked live capture (the kernel sees no cooked header, and
    // libpcap moves constant offsets only), hence one comparison for each length of the header.
    let by_length = any((5..=15u32).map(|words| {
        let ports = start + words * 4;
        format!("(link[{start}] = {} and {})", 0x40 + words, ports_at(port, ports))
    }));
    let protocol = transport(&format!("link[{}]", start + 9));
    format!("({protocol} and (link[{}:2] & 0x1fff != 0 or {}))", start + 6, by_length.unwrap_or_default())
}

fn port_v6_at(port: u16, start: u32) -> String {
    let (plain, fragment) = (start + 40, start + 48);
    format!(
        "({} and {}) or (link[{}] = 44 and {} and (link[{}:2] & 0xfff8 != 0 or {}))",
        transport(&format!("link[{}]", start + 6)),
        ports_at(port, plain),
        start + 6,
        transport(&format!("link[{plain}]")),
        start + 42,
        ports_at(port, fragment)
    )
}

fn host_v4_at(host: IpAddr, start: u32) -> String {
    match host {
        IpAddr::V4(address) => {
            let value = address.to_bits();
            format!("link[{}:4] = {value} or link[{}:4] = {value}", start + 12, start + 16)
        }
        IpAddr::V6(_) => NOTHING.to_owned(),
    }
}

fn host_v6_at(host: IpAddr, start: u32) -> String {
    match host {
        IpAddr::V4(_) => NOTHING.to_owned(),
        IpAddr::V6(address) => {
            let at = |offset: u32| {
                let words = (0..4u32).map(|word| {
                    let value = (address.to_bits() >> (96 - 32 * word)) as u32;
                    format!("link[{}:4] = {value}", offset + 4 * word)
                });
                words.collect::<Vec<_>>().join(" and ")
            };
            format!("({}) or ({})", at(start + 8), at(start + 24))
        }
    }
}

/// pcap-filter has no word for "never"; no frame is shorter than no bytes.
const NOTHING: &str = "len < 0";

fn tag_at(offset: u32) -> String {
    format!("(link[{offset}:2] = 0x8100 or link[{offset}:2] = 0x88a8)")
}

fn transport(field: &str) -> String {
    let [tcp, udp, sctp] = TRANSPORTS;
    format!("({field} = {tcp} or {field} = {udp} or {field} = {sctp})")
}

fn ports_at(port: u16, offset: u32) -> String {
    format!("(link[{offset}:2] = {port} or link[{}:2] = {port})", offset + 2)
}

fn any(texts: impl Iterator<Item = String>) -> Option<String> {
    let all: Vec<_> = texts.map(|text| format!("({text})")).collect();
    (!all.is_empty()).then(|| all.join(" or "))
}

fn both(left: Option<String>, right: Option<String>) -> Option<String> {
    match (left, right) {
        (Some(left), Some(right)) => Some(format!("({left}) and ({right})")),
        (left, right) => left.or(right),
    }
}

#[cfg(test)]
mod tests;
