//! The catalogue of plain words: everything a line says beyond the fields' own names. English.
//!
//! `{}` stands for a value. Another language is another value of [`Words`].

/// One language.
#[derive(Debug)]
pub struct Words {
    pub opening_asks: &'static str,
    pub opening_accepts: &'static str,
    pub opening_done: &'static str,
    pub refused: &'static str,
    pub client_resets: &'static str,
    pub server_resets: &'static str,
    pub client_closes: &'static str,
    pub server_closes: &'static str,
    pub client_closes_too: &'static str,
    pub server_closes_too: &'static str,
    pub closed: &'static str,
    pub byte_arrived: &'static str,
    pub bytes_arrived: &'static str,
    pub close_arrived: &'static str,
    pub bytes_and_close_arrived: &'static str,
    pub oversized: &'static str,
    pub checksum_bad: &'static str,
    pub fragment_first: &'static str,
    pub fragment_later: &'static str,
    pub datagram_whole: &'static str,
    pub port_closed: &'static str,
    pub host_unreachable: &'static str,
    pub network_unreachable: &'static str,
    pub prohibited: &'static str,
    pub needs_fragments: &'static str,
    pub hops_used_up: &'static str,
    pub fragments_missing: &'static str,
    pub packet_too_big: &'static str,
    pub ping_asks: &'static str,
    pub ping_answers: &'static str,
    pub arp_asks: &'static str,
    pub arp_answers: &'static str,
    pub arp_announces: &'static str,
    pub asks_all_groups: &'static str,
    pub asks_group: &'static str,
    pub asks_group_sources: &'static str,
    pub joins: &'static str,
    pub joins_sources: &'static str,
    pub joins_without: &'static str,
    pub leaves: &'static str,
    pub member: &'static str,
    pub member_sources: &'static str,
    pub member_without: &'static str,
    pub adds_sources: &'static str,
    pub drops_sources: &'static str,
    pub neighbour_asks: &'static str,
    pub neighbour_probes: &'static str,
    pub neighbour_answers: &'static str,
    pub router_asks: &'static str,
    pub router_answers: &'static str,
    pub redirects: &'static str,
    pub truncated: &'static str,
    pub truncated_by_capture: &'static str,
    pub malformed: &'static str,
    pub too_deep: &'static str,
    pub unknown: &'static str,
    pub unknown_link: &'static str,
    pub more_groups: &'static str,
}

pub static ENGLISH: Words = Words {
    opening_asks: "opening: client asks (1 of 3)",
    opening_accepts: "opening: server agrees (2 of 3)",
    opening_done: "open: client confirms (3 of 3)",
    refused: "refused: nothing listens there",
    client_resets: "broken off by client",
    server_resets: "broken off by server",
    client_closes: "closing: client is done sending",
    server_closes: "closing: server is done sending",
    client_closes_too: "closing: client is done too",
    server_closes_too: "closing: server is done too",
    closed: "closed: both are done",
    byte_arrived: "{} byte arrived",
    bytes_arrived: "{} bytes arrived",
    close_arrived: "the close arrived",
    bytes_and_close_arrived: "{} bytes and the close arrived",
    oversized: "assembled by the kernel, not on the wire",
    checksum_bad: "checksum bad, should be {}",
    fragment_first: "first fragment of datagram {}",
    fragment_later: "fragment of datagram {}",
    datagram_whole: "datagram whole: {} fragments, {} bytes",
    port_closed: "port closed: nothing listens there",
    host_unreachable: "host does not answer",
    network_unreachable: "no route to that network",
    prohibited: "forbidden by a firewall or router",
    needs_fragments: "too big for the next hop, which takes {} bytes",
    hops_used_up: "time to live used up here",
    fragments_missing: "fragments did not arrive in time",
    packet_too_big: "too big for the next hop, which takes {} bytes",
    ping_asks: "are you there?",
    ping_answers: "I am here",
    arp_asks: "who has {}?",
    arp_answers: "{} is at {}",
    arp_announces: "announces itself: {} is at {}",
    asks_all_groups: "asks: who is in which group?",
    asks_group: "asks: who is in {}?",
    asks_group_sources: "asks: who wants {} from {}?",
    joins: "joins {}, any source",
    joins_sources: "joins {}, only from {}",
    joins_without: "joins {}, not from {}",
    leaves: "leaves {}",
    member: "is in {}, any source",
    member_sources: "is in {}, only from {}",
    member_without: "is in {}, not from {}",
    adds_sources: "in {}, now also from {}",
    drops_sources: "in {}, no longer from {}",
    neighbour_asks: "who has {}?",
    neighbour_probes: "is {} free?",
    neighbour_answers: "{} is at {}",
    router_asks: "is there a router?",
    router_answers: "I am a router",
    redirects: "use {} instead for {}",
    truncated: "cut short: {} needs {} bytes, the length leaves {}",
    truncated_by_capture: "cut by the capture: {} needs {} bytes, {} were kept",
    malformed: "malformed {}: {}",
    too_deep: "too many layers",
    unknown: "{} {}",
    unknown_link: "not decoded: {}",
    more_groups: "and {} more",
};

/// Writes `template` with `values` in the places of its `{}`, in order.
pub fn fill(template: &str, values: &[&[u8]], out: &mut Vec<u8>) {
    if values.is_empty() {
        out.extend_from_slice(template.as_bytes());
        return;
    }
    let mut values = values.iter();
    let mut pieces = template.split("{}");
    if let Some(first) = pieces.next() {
        out.extend_from_slice(first.as_bytes());
    }
    for piece in pieces {
        out.extend_from_slice(values.next().copied().unwrap_or_default());
        out.extend_from_slice(piece.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_the_places_of_a_template_in_order() {
        let mut out = Vec::new();
        fill("{} is at {}", &[b"10.0.0.1", b"02:00:00:00:00:01"], &mut out);
        assert_eq!(out, b"10.0.0.1 is at 02:00:00:00:00:01");
    }
}
