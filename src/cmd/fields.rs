//! `netlab fields [WORD]`: the registry of fields, which is the reference of `-e`, `--json` and `-Y`.

use std::io::{IsTerminal, Write};

use super::output::Color;
use super::{Exit, args};
use crate::field::{self, Entry};
use crate::view::escape;
use crate::view::json;
use crate::view::style::{Palette, Role};
use crate::view::table::{Align, Table};
use crate::wire::Kind;

/// List the fields that -e, --json and -Y know, with their types and where they are laid down.
///
/// Into a pipe, one line a field: name, type, protocol, label, help, source, separated by tabs. With --json, one object
/// a line of the same keys and of "computed" (worked out, not read from the packet) and "combined" (says again what
/// other fields say: not in the tree and JSON of packets).
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only fields with this word in name, label or help
    #[arg(value_name = "WORD")]
    word: Option<String>,
    /// Print one JSON object a line instead of a table
    #[arg(long)]
    json: bool,
    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let word = args.word.as_deref().unwrap_or_default().to_lowercase();
    let entries: Vec<Entry> = field::all().filter(|entry| speaks_of(entry, &word)).collect();
    if entries.is_empty() {
        eprintln!("netlab: no field speaks of \"{}\"; `netlab fields` lists all", escape::text(&word));
        return Ok(Exit::No);
    }
    let terminal = std::io::stdout().is_terminal();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if args.json {
        for entry in &entries {
            writeln!(out, "{}", object(entry))?;
        }
    } else if terminal {
        table(&entries, args::width(), Palette::new(args.color.on_stdout())).write(&mut out)?;
    } else {
        for entry in &entries {
            let (kind, protocol) = (type_name(entry.kind()), entry.protocol.title());
            let (name, label, help, source) = (entry.name(), entry.label(), entry.help(), entry.source());
            writeln!(out, "{name}\t{kind}\t{protocol}\t{label}\t{help}\t{source}")?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// Whether a field has a word (in small letters) in its name, label or help.
fn speaks_of(entry: &Entry, word: &str) -> bool {
    [entry.name(), entry.label(), entry.help()].iter().any(|text| text.to_lowercase().contains(word))
}

fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Dec | Kind::Int => "number",
        Kind::Hex(_) => "number, hex",
        Kind::Bool => "yes or no",
        Kind::Ipv4 => "IPv4 address",
        Kind::Ipv6 => "IPv6 address",
        Kind::Mac => "MAC address",
        Kind::Bytes => "bytes",
        Kind::Text => "text",
        Kind::Seconds => "seconds",
    }
}

fn table(entries: &[Entry], width: usize, palette: Palette) -> Table {
    let columns =
        [("name", Align::Left), ("type", Align::Left), ("meaning", Align::Left), ("laid down in", Align::Left)];
    let mut table = Table::new(&columns, width, palette);
    let mut protocol = None;
    for entry in entries {
        if protocol.replace(entry.protocol) != Some(entry.protocol) {
            let title = (entry.protocol.title(), Role::Heading);
            table.row([("", Role::Plain), ("", Role::Plain), title, ("", Role::Plain)]);
        }
        table.row([
            (entry.name(), Role::Data),
            (type_name(entry.kind()), Role::Faint),
            (format!("{}: {}", entry.label(), entry.help()).as_str(), Role::Plain),
            (entry.source(), Role::Faint),
        ]);
    }
    table
}

fn object(entry: &Entry) -> String {
    let texts = [
        ("name", entry.name()),
        ("type", type_name(entry.kind())),
        ("protocol", entry.protocol.title()),
        ("label", entry.label()),
        ("help", entry.help()),
        ("source", entry.source()),
    ];
    let mut object = Vec::new();
    for (key, text) in texts {
        object.push(if object.is_empty() { b'{' } else { b',' });
        json::string(key.as_bytes(), &mut object);
        object.push(b':');
        json::string(text.as_bytes(), &mut object);
    }
    let object = String::from_utf8_lossy(&object);
    format!("{object},\"computed\":{},\"combined\":{}}}", entry.computed(), entry.combined())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the foundation promises, by Wireshark's names.
    const PROMISED: &str = "
        frame.number frame.len frame.cap_len
        eth.src eth.dst eth.addr eth.type vlan.id vlan.priority
        arp.opcode arp.src.hw_mac arp.src.proto_ipv4 arp.dst.hw_mac arp.dst.proto_ipv4
        ip.version ip.hdr_len ip.dsfield.dscp ip.dsfield.ecn ip.len ip.id ip.flags.df ip.flags.mf ip.frag_offset ip.ttl
        ip.proto ip.checksum ip.checksum.status ip.src ip.dst ip.addr
        ipv6.tclass.dscp ipv6.flow ipv6.plen ipv6.nxt ipv6.hlim ipv6.src ipv6.dst ipv6.addr
        icmp.type icmp.code icmp.checksum icmp.checksum.status icmp.ident icmp.seq
        icmpv6.type icmpv6.code icmpv6.checksum icmpv6.checksum.status icmpv6.echo.identifier
        icmpv6.echo.sequence_number icmpv6.nd.ns.target_address icmpv6.nd.na.target_address
        icmpv6.mldr.nb_mcast_records icmpv6.mldr.mar.record_type icmpv6.mldr.mar.multicast_address
        icmpv6.mld.multicast_address
        igmp.version igmp.type igmp.max_resp igmp.checksum igmp.checksum.status igmp.maddr igmp.num_grp_recs
        igmp.record_type igmp.num_src igmp.saddr igmp.s igmp.qrv igmp.qqic
        tcp.srcport tcp.dstport tcp.port tcp.stream tcp.len tcp.seq tcp.seq_raw tcp.nxtseq tcp.ack tcp.ack_raw
        tcp.hdr_len tcp.flags tcp.flags.syn tcp.flags.ack tcp.flags.fin tcp.flags.reset tcp.flags.push tcp.flags.urg
        tcp.flags.ece tcp.flags.cwr tcp.flags.str tcp.window_size_value tcp.window_size tcp.window_size_scalefactor
        tcp.checksum tcp.checksum.status tcp.urgent_pointer tcp.completeness tcp.payload
        tcp.options.mss_val tcp.options.wscale.shift tcp.options.sack.count tcp.options.sack_le tcp.options.sack_re
        tcp.options.timestamp.tsval tcp.options.timestamp.tsecr
        udp.srcport udp.dstport udp.port udp.length udp.checksum udp.checksum.status udp.stream udp.payload";

    #[test]
    fn every_promised_name_is_in_the_registry() {
        let missing: Vec<&str> = PROMISED.split_whitespace().filter(|name| field::resolve(name).is_err()).collect();
        assert!(missing.is_empty(), "missing: {missing:?}");
    }

    #[test]
    fn a_word_is_looked_for_in_name_label_and_help() {
        let found = |word: &str| field::all().filter(|entry| speaks_of(entry, word)).count();
        assert!(found("mss_val") == 1 && found("time to live") >= 1 && found("congestion") > 2);
        assert_eq!(found("no field says this"), 0);
        assert_eq!(found(""), field::all().count());
    }

    #[test]
    fn the_table_fits_its_width_and_names_the_protocols() {
        let entries: Vec<Entry> = field::all().collect();
        let mut shown = Vec::new();
        table(&entries, 100, Palette::new(false)).write(&mut shown).expect("written");
        let shown = String::from_utf8(shown).expect("text");
        assert!(shown.lines().all(|line| line.chars().count() <= 100));
        assert!(shown.contains("Transmission Control") && shown.contains("RFC 9293"), "{shown}");
    }

    #[test]
    fn an_object_has_the_keys_that_help_lists() {
        let entry = field::all().find(|entry| entry.name() == "ip.addr").expect("ip.addr");
        let object = object(&entry);
        assert!(object.starts_with("{\"name\":\"ip.addr\",\"type\":\"IPv4 address\",\"protocol\":"), "{object}");
        assert!(object.ends_with("\"computed\":false,\"combined\":true}"), "{object}");
    }
}
