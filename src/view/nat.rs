//! What was found out about a NAT, in words and as JSON, and whether two peers will reach each other.

use std::time::Duration;

use super::wrap;
use crate::engine::nat::{Dependence, Hairpinning, Pooling, Refresh};
use crate::engine::nat_behaviour::predict::{Prediction, partners};
use crate::engine::nat_behaviour::{Report, Told};

/// Columns of the names.
const NAMES: usize = 16;

fn word(found: Option<Dependence>) -> &'static str {
    found.map_or("none", Dependence::name)
}

fn row(name: &str, text: &str, room: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{name:<NAMES$}").as_bytes());
    wrap::hanging(text, room, NAMES, NAMES, out);
    out.push(b'\n');
}

/// A finding, or that it could not be told.
fn told<T: Copy>(found: &Told<T>, say: impl Fn(T) -> String) -> String {
    match found {
        Ok(found) => say(*found),
        Err(why) => format!("cannot tell: {why}"),
    }
}

fn mapping(found: Option<Dependence>) -> String {
    let meaning = match found {
        None => "no NAT: the server sees this socket's own address",
        Some(Dependence::EndpointIndependent) => "one outside port for a socket, whomever it speaks to",
        Some(Dependence::AddressDependent) => "another outside port for each address that a socket speaks to",
        Some(Dependence::AddressAndPortDependent) => "another outside port for each address and port spoken to",
    };
    format!("{}: {meaning}", word(found))
}

fn filtering(found: Option<Dependence>) -> String {
    let meaning = match found {
        None => "nothing is filtered",
        Some(Dependence::EndpointIndependent) => "whoever sends to the outside port is let in",
        Some(Dependence::AddressDependent) => "let in is who has an address that was sent to",
        Some(Dependence::AddressAndPortDependent) => "let in is only the address and port that was sent to",
    };
    format!("{}: {meaning}", word(found))
}

fn hairpin(found: Hairpinning) -> String {
    let meaning = match found {
        Hairpinning::Off => "what is sent to an outside port of the same NAT is lost",
        Hairpinning::External => "it comes back inside, from the sender's outside port",
        Hairpinning::Internal => "it comes back inside, from the sender's own address: answers go past the NAT",
    };
    format!("{}: {meaning}", found.name())
}

fn pooling(found: Pooling, addresses: usize) -> String {
    match found {
        Pooling::Paired => format!("{}: one outside address for all sockets of this host", found.name()),
        Pooling::Arbitrary => format!("{}: sockets got {addresses} different outside addresses", found.name()),
    }
}

fn refresh(found: Refresh) -> String {
    let meaning = match found {
        Refresh::Outbound => "what comes in does not keep a mapping alive, what goes out does",
        Refresh::Any => "packets of either direction keep a mapping alive",
    };
    format!("{}: {meaning}", found.name())
}

/// Seconds, rounded away from the lifetime itself.
fn seconds((lower, upper): (Duration, Option<Duration>)) -> (String, Option<String>) {
    let hundredths = |hundredths: u128| format!("{}.{:02}", hundredths / 100, hundredths % 100);
    (hundredths(lower.as_micros() / 10_000), upper.map(|upper| hundredths(upper.as_micros().div_ceil(10_000))))
}

fn lifetime(found: (Duration, Option<Duration>)) -> String {
    match seconds(found) {
        (lower, Some(upper)) => format!("between {lower} and {upper} seconds of silence"),
        (lower, None) => format!("more than {lower} seconds of silence, as long as was waited"),
    }
}

fn yes(found: bool, yes: &str, no: &str) -> String {
    if found { format!("yes: {yes}") } else { format!("no: {no}") }
}

/// Writes all of it, in lines of at most `room` columns.
pub fn write(report: &Report, room: usize, out: &mut Vec<u8>) {
    row("server", &report.server.to_string(), room, out);
    if let (Some(local), Some(external)) = (report.local, report.external) {
        row("here", &local.to_string(), room, out);
        row("outside", &external.to_string(), room, out);
    }
    row("mapping", &told(&report.mapping, mapping), room, out);
    if report.external.is_none() {
        return;
    }
    row("filtering", &told(&report.filtering, filtering), room, out);
    row("hairpinning", &told(&report.hairpin, hairpin), room, out);
    if report.mapping != Ok(None) {
        let kept = |kept| yes(kept, "outside and inside ports are the same", "outside ports are others");
        row("port preserved", &told(&report.port_preserved, kept), room, out);
        if report.port_preserved != Ok(true) {
            let kept = |kept| yes(kept, "even ports stay even, odd ones odd", "even or odd is left to chance");
            row("parity", &told(&report.port_parity, kept), room, out);
        }
        let pooling = |found| pooling(found, report.addresses);
        row("pooling", &told(&report.pooling, pooling), room, out);
        row("lifetime", &told(&report.lifetime, lifetime), room, out);
        if report.lifetime.is_ok() {
            row("refresh", &told(&report.refresh, refresh), room, out);
        }
    }
    let pass = |pass| yes(pass, "long datagrams pass", "long datagrams are lost on the way there or back");
    row("fragments", &told(&report.fragments, pass), room, out);
    let alg =
        |alg| yes(alg, "somebody on the way rewrites addresses in datagrams", "nobody rewrites addresses in datagrams");
    row("interference", &told(&report.alg, alg), room, out);
    row("mapping, TCP", &told(&report.tcp_mapping, mapping), room, out);
    meaning(report, room, out);
}

/// Whom one can meet, and how often to speak.
fn meaning(report: &Report, room: usize, out: &mut Vec<u8>) {
    let mut say = |text: &str| {
        out.push(b'\n');
        wrap::hanging(text, room, 0, 0, out);
        out.push(b'\n');
    };
    if let (Ok(mapping), Ok(filtering)) = (&report.mapping, &report.filtering) {
        let all = partners(*mapping, *filtering);
        let list = |wanted: bool| {
            let names: Vec<_> = all.iter().filter(|(_, works)| *works == wanted).map(|(name, _)| *name).collect();
            match names.split_last() {
                Some((last, [])) => format!("a {last}"),
                Some((last, others)) => format!("a {} or {last}", others.join(", ")),
                None => String::new(),
            }
        };
        let (can, cannot) = (list(true), list(false));
        say(&match cannot.as_str() {
            "" => "What it means: any peer that was told the outside address by a third machine can be reached, and \
                reach you, over UDP, whatever its NAT."
                .to_owned(),
            cannot => format!(
                "What it means: over UDP a peer behind {can} NAT and you can reach each other, once a third machine \
                 has told both the outside addresses; one behind {cannot} NAT and you cannot, and need a relay."
            ),
        });
    }
    if let Ok((lower, _)) = report.lifetime {
        // Half of what is known to be survived: one heartbeat may be lost.
        let every = (lower / 2).as_secs();
        if every > 0 {
            let who = if report.refresh == Ok(Refresh::Outbound) { ", from here" } else { "" };
            let every = if every == 1 { "second".into() } else { format!("{every} seconds") };
            say(&format!("To keep a mapping, send something every {every}, at least{who}."));
        }
    }
}

/// Writes it as one JSON object.
pub fn object(report: &Report, out: &mut Vec<u8>) {
    let mut keys: Vec<(&str, String)> = Vec::new();
    let mut why: Vec<String> = Vec::new();
    let text = |text: &str| {
        let mut quoted = Vec::new();
        super::json::string(text.as_bytes(), &mut quoted);
        String::from_utf8_lossy(&quoted).into_owned()
    };
    let mut key = |name: &'static str, value: Result<String, &String>| match value {
        Ok(value) => keys.push((name, value)),
        Err(reason) => {
            keys.push((name, "null".into()));
            why.push(format!("\"{name}\":{}", text(reason)));
        }
    };
    let dependence = |found: &Option<Dependence>| text(word(*found));
    let end = |end: Option<std::net::SocketAddr>| end.map_or("null".into(), |end| text(&end.to_string()));
    key("server", Ok(text(&report.server.to_string())));
    key("local", Ok(end(report.local)));
    key("external", Ok(end(report.external)));
    key("mapping", report.mapping.as_ref().map(dependence));
    key("filtering", report.filtering.as_ref().map(dependence));
    key("hairpin", report.hairpin.as_ref().map(|found| text(found.name())));
    key("port_preserved", report.port_preserved.as_ref().map(bool::to_string));
    key("port_parity", report.port_parity.as_ref().map(bool::to_string));
    key(
        "lifetime_s",
        report.lifetime.as_ref().map(|found| {
            let (lower, upper) = seconds(*found);
            format!("[{lower},{}]", upper.unwrap_or_else(|| "null".into()))
        }),
    );
    key("refresh", report.refresh.as_ref().map(|found| text(found.name())));
    key("pooling", report.pooling.as_ref().map(|found| text(found.name())));
    key("fragments", report.fragments.as_ref().map(bool::to_string));
    key("alg", report.alg.as_ref().map(bool::to_string));
    key("tcp_mapping", report.tcp_mapping.as_ref().map(dependence));
    key("addresses", Ok(report.addresses.to_string()));
    let keys: Vec<String> = keys.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    out.extend_from_slice(format!("{{{},\"why\":{{{}}}}}\n", keys.join(","), why.join(",")).as_bytes());
}

/// Writes whether two peers will reach each other.
pub fn prediction(told: &Prediction, json: bool, room: usize, out: &mut Vec<u8>) {
    if json {
        let works = told.works.map_or("null".into(), |works| works.to_string());
        out.extend_from_slice(format!("{{\"works\":{works},\"why\":").as_bytes());
        super::json::string(told.why.as_bytes(), out);
        out.extend_from_slice(b"}\n");
        return;
    }
    let word = match told.works {
        Some(true) => "yes",
        Some(false) => "no",
        None => "cannot tell",
    };
    wrap::hanging(&format!("{word}: {}", told.why), room, 0, 2, out);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            server: "203.0.113.10:3478".parse().unwrap(),
            local: "192.168.1.10:40000".parse().ok(),
            external: "203.0.113.1:21776".parse().ok(),
            mapping: Ok(Some(Dependence::EndpointIndependent)),
            filtering: Ok(Some(Dependence::AddressAndPortDependent)),
            hairpin: Err("one \"host\"".into()),
            port_preserved: Ok(false),
            port_parity: Ok(true),
            lifetime: Ok((Duration::from_micros(29_999_999), Some(Duration::from_micros(30_400_001)))),
            refresh: Ok(Refresh::Outbound),
            pooling: Ok(Pooling::Arbitrary),
            fragments: Ok(true),
            alg: Ok(false),
            tcp_mapping: Ok(None),
            addresses: 3,
        }
    }

    #[test]
    fn says_what_it_means_in_lines_that_fit() {
        for room in [60, 80, 120] {
            let mut out = Vec::new();
            write(&report(), room, &mut out);
            let text = String::from_utf8(out).unwrap();
            assert!(text.lines().all(|line| line.chars().count() <= room), "{text}");
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains("a full-cone, address-restricted or port-restricted NAT and you can"), "{flat}");
            assert!(flat.contains("one behind a symmetric NAT and you cannot"), "{flat}");
            assert!(flat.contains("between 29.99 and 30.41 seconds"), "{flat}");
            assert!(flat.contains("every 14 seconds, at least, from here."), "{flat}");
            assert!(flat.contains("3 different outside addresses"), "{flat}");
        }
    }

    #[test]
    fn the_object_has_every_key_and_the_reason_for_each_null() {
        let mut out = Vec::new();
        object(&report(), &mut out);
        let told: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(told["mapping"], "endpoint-independent");
        assert_eq!(told["filtering"], "address-and-port-dependent");
        assert_eq!(told["tcp_mapping"], "none");
        assert_eq!((&told["refresh"], &told["pooling"]), (&"outbound".into(), &"arbitrary".into()));
        assert_eq!(told["lifetime_s"], serde_json::json!([29.99, 30.41]));
        assert_eq!((&told["hairpin"], &told["why"]["hairpin"]), (&serde_json::Value::Null, &"one \"host\"".into()));
        assert_eq!(told["why"].as_object().map(|why| why.len()), Some(1));
    }
}
