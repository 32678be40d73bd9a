//! The way of a packet through the base chains of its hooks (netfilter's order: by priority), until one drops it.

use serde_json::Value;

use super::packet::Packet;
use super::rules::{Chain, Rule, Ruleset};

/// Chains may jump to chains; the kernel allows 16 (NFT_JUMP_STACK_SIZE).
const DEEPEST: usize = 16;
/// Rules looked at for one packet, as chains may be entered again and again.
const MOST: usize = 100_000;

/// Where a packet is dropped, or refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drop<'a> {
    pub chain: &'a Chain,
    /// `None`: the chain's policy.
    pub rule: Option<&'a Rule>,
    /// Everything on the way there was known.
    pub certain: bool,
}

enum Flow<'a> {
    Accepted,
    Dropped(Drop<'a>),
    /// The end of the chain, or `return`.
    Onward,
}

struct Walk<'a, 'p> {
    ruleset: &'a Ruleset,
    packet: &'p Packet,
    /// No rule before may have decided otherwise.
    sure: bool,
    /// A drop that may be meant.
    perhaps: Option<Drop<'a>>,
    left: usize,
}

/// Where `packet` is dropped: for certain, or perhaps.
pub fn dropped<'a>(ruleset: &'a Ruleset, packet: &Packet) -> Option<Drop<'a>> {
    let hooks: &[&str] = if packet.hook == "input" { &["prerouting", "input"] } else { &["output", "postrouting"] };
    let mut perhaps = None;
    for hook in hooks {
        let mut chains: Vec<&Chain> = ruleset
            .chains
            .iter()
            // A chain of nat sees the first packet of a connection, and has no business in dropping it.
            .filter(|chain| chain.hook == *hook && chain.kind != "nat" && packet.is_of(&chain.family))
            .collect();
        chains.sort_by_key(|chain| chain.priority);
        for chain in chains {
            let mut walk = Walk { ruleset, packet, sure: true, perhaps: None, left: MOST };
            let flow = walk.chain(chain, 0);
            let drop = match flow {
                Flow::Accepted => None,
                Flow::Dropped(drop) => Some(drop),
                Flow::Onward => chain.drops.then_some(Drop { chain, rule: None, certain: walk.sure }),
            };
            match drop {
                Some(drop) if drop.certain => return Some(drop),
                other => perhaps = perhaps.or(walk.perhaps).or(other),
            }
        }
    }
    perhaps
}

/// Whether everything that a rule asks for is true of the packet; `None` where that is not known.
pub fn concerns(ruleset: &Ruleset, chain: &Chain, rule: &Rule, packet: &Packet) -> Option<bool> {
    let mut answer = Some(true);
    for statement in &rule.statements {
        let asked = match statement.get("match") {
            Some(body) => packet.matches(body, ruleset, chain),
            None if statement.get("limit").is_some() || statement.get("xt").is_some() => None,
            None => continue,
        };
        match asked {
            Some(false) => return Some(false),
            Some(true) => {}
            None => answer = None,
        }
    }
    answer
}

impl<'a> Walk<'a, '_> {
    fn chain(&mut self, chain: &'a Chain, depth: usize) -> Flow<'a> {
        for rule in &chain.rules {
            if self.left == 0 || depth > DEEPEST {
                self.sure = false;
                return Flow::Onward;
            }
            self.left -= 1;
            let Some(known) = self.reached(chain, rule) else { continue };
            for statement in &rule.statements {
                let Some((name, body)) = statement.as_object().and_then(|object| object.iter().next()) else {
                    continue;
                };
                if name == "vmap" {
                    if let Some(flow) = self.map(chain, rule, body, known, depth) {
                        return flow;
                    }
                    continue;
                }
                if let Some(flow) = self.verdict(chain, rule, name, body, known, depth) {
                    return flow;
                }
            }
        }
        Flow::Onward
    }

    /// Whether the packet gets to the end of the rule: `None` no, `Some(false)` perhaps.
    fn reached(&mut self, chain: &'a Chain, rule: &'a Rule) -> Option<bool> {
        match concerns(self.ruleset, chain, rule, self.packet) {
            Some(false) => None,
            Some(true) => Some(true),
            None => Some(false),
        }
    }

    /// What a verdict does; `None`: the next statement.
    fn verdict(
        &mut self,
        chain: &'a Chain,
        rule: &'a Rule,
        name: &str,
        body: &Value,
        known: bool,
        depth: usize,
    ) -> Option<Flow<'a>> {
        match name {
            "accept" | "return" if known => Some(if name == "accept" { Flow::Accepted } else { Flow::Onward }),
            // Perhaps it ends here, perhaps not; of a queue or of an iptables extension nobody knows.
            "accept" | "return" | "queue" => {
                self.sure = false;
                None
            }
            "xt" => {
                self.sure &= rule.statements.iter().any(|statement| statement.get("drop").is_some());
                None
            }
            "drop" | "reject" => {
                let drop = Drop { chain, rule: Some(rule), certain: known && self.sure };
                if known {
                    return Some(Flow::Dropped(drop));
                }
                self.perhaps = self.perhaps.or(Some(drop));
                None
            }
            "jump" | "goto" => {
                let target = body.get("target").and_then(Value::as_str)?;
                let target = self.ruleset.chain(&chain.family, &chain.table, target)?;
                match self.chain(target, depth + 1) {
                    Flow::Onward if name == "goto" && known => Some(Flow::Onward),
                    Flow::Onward => None,
                    flow if known => Some(flow),
                    Flow::Dropped(drop) => {
                        self.perhaps = self.perhaps.or(Some(Drop { certain: false, ..drop }));
                        None
                    }
                    Flow::Accepted => {
                        self.sure = false;
                        None
                    }
                }
            }
            _ => None,
        }
    }

    /// A verdict map: the verdict of the element that is the key.
    fn map(&mut self, chain: &'a Chain, rule: &'a Rule, body: &Value, known: bool, depth: usize) -> Option<Flow<'a>> {
        let (ruleset, key) = (self.ruleset, body.get("key")?);
        let data = body.get("data")?;
        let elements = match data.as_str().and_then(|name| name.strip_prefix('@')) {
            Some(name) => ruleset.set(chain, name),
            None => data.get("set"),
        };
        let Some(elements) = elements.and_then(Value::as_array) else {
            self.sure = false;
            return None;
        };
        for element in elements {
            let (Some(value), Some(verdict)) = (element.get(0), element.get(1)) else { continue };
            let is = self.packet.is_key(key, value, ruleset, chain);
            if is == Some(false) {
                continue;
            }
            let (name, target) = verdict.as_object().and_then(|object| object.iter().next())?;
            let known = known && is == Some(true);
            if let Some(flow) = self.verdict(chain, rule, name, target, known, depth) {
                return Some(flow);
            }
            if known {
                return None;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::Carried;
    use super::*;

    /// The packets of a server's machine: a SYN from anywhere to this port.
    fn syn(port: u16) -> Packet {
        Packet {
            hook: "input",
            carried: Carried::Tcp,
            six: false,
            source: None,
            destination: Some("10.0.1.1".parse().unwrap()),
            source_port: None,
            destination_port: Some(port),
            input: Some("eth0".to_owned()),
            output: None,
            reply: false,
        }
    }

    /// A chain `input` with these rules, each a list of statements; `sub` returns.
    fn ruleset(policy: &str, rules: &[&str]) -> Ruleset {
        let mut items = vec![
            r#"{"set":{"family":"inet","name":"ports","table":"t","elem":[80,{"range":[8000,8010]}]}}"#.to_owned(),
            r#"{"chain":{"family":"inet","table":"t","name":"sub"}}"#.to_owned(),
            r#"{"chain":{"family":"inet","table":"t","name":"closed"}}"#.to_owned(),
            r#"{"rule":{"family":"inet","table":"t","chain":"sub","handle":1,"expr":[{"return":null}]}}"#.to_owned(),
            r#"{"rule":{"family":"inet","table":"t","chain":"closed","handle":2,"expr":[{"drop":null}]}}"#.to_owned(),
            format!(
                r#"{{"chain":{{"family":"inet","table":"t","name":"in","type":"filter","hook":"input","prio":0,"policy":"{policy}"}}}}"#
            ),
        ];
        for (number, rule) in rules.iter().enumerate() {
            let handle = number + 10;
            items.push(format!(
                r#"{{"rule":{{"family":"inet","table":"t","chain":"in","handle":{handle},"expr":[{rule}]}}}}"#
            ));
        }
        Ruleset::parse(&format!(r#"{{"nftables":[{}]}}"#, items.join(","))).unwrap()
    }

    /// The handle of the rule that drops (0: the policy), and whether that is certain.
    fn fate(ruleset: &Ruleset, packet: &Packet) -> Option<(u64, bool)> {
        let drop = dropped(ruleset, packet)?;
        Some((drop.rule.map_or(0, |rule| rule.handle), drop.certain))
    }

    fn port(right: &str) -> String {
        format!(
            r#"{{"match":{{"op":"==","left":{{"payload":{{"protocol":"tcp","field":"dport"}}}},"right":{right}}}}}"#
        )
    }

    #[test]
    fn ports_are_compared_with_numbers_ranges_and_sets() {
        for right in ["8005", r#"{"set":[22,8005]}"#, r#"{"range":[8000,8010]}"#, r#""@ports""#] {
            let rule = format!(r#"{},{{"counter":{{"packets":0,"bytes":0}}}},{{"drop":null}}"#, port(right));
            assert_eq!(fate(&ruleset("accept", &[&rule]), &syn(8005)), Some((10, true)), "{right}");
            assert_eq!(fate(&ruleset("accept", &[&rule]), &syn(9000)), None, "{right}");
            let datagram = Packet { carried: Carried::Udp, ..syn(8005) };
            assert_eq!(fate(&ruleset("accept", &[&rule]), &datagram), None, "{right}");
        }
    }

    #[test]
    fn the_policy_drops_what_no_rule_takes() {
        let established =
            r#"{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":["established","related"]}},{"accept":null}"#;
        let loopback = r#"{"match":{"op":"==","left":{"meta":{"key":"iifname"}},"right":"lo"}},{"accept":null}"#;
        let open = format!(r#"{},{{"accept":null}}"#, port("22"));
        let rules = ruleset("drop", &[established, loopback, &open]);
        assert_eq!(fate(&rules, &syn(8005)), Some((0, true)));
        assert_eq!(fate(&rules, &syn(22)), None);
        assert_eq!(fate(&rules, &Packet { reply: true, ..syn(8005) }), None);
        assert_eq!(fate(&rules, &Packet { input: Some("lo".to_owned()), ..syn(8005) }), None);
    }

    #[test]
    fn what_is_not_known_makes_a_verdict_uncertain() {
        let some = r#"{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":"10.0.0.9"}}"#;
        let accept = format!(r#"{some},{{"accept":null}}"#);
        assert_eq!(fate(&ruleset("drop", &[&accept]), &syn(80)), Some((0, false)), "10.0.0.9 may come in");
        let drop = format!(r#"{some},{{"drop":null}}"#);
        assert_eq!(fate(&ruleset("accept", &[&drop]), &syn(80)), Some((10, false)));
        let from = |address: &str| Packet { source: address.parse().ok(), ..syn(80) };
        assert_eq!(fate(&ruleset("drop", &[&accept]), &from("10.0.0.9")), None);
        assert_eq!(fate(&ruleset("drop", &[&accept]), &from("10.0.0.8")), Some((0, true)));
        let extension = r#"{"xt":null},{"counter":{"packets":0,"bytes":0}},{"drop":null}"#;
        assert_eq!(fate(&ruleset("accept", &[extension]), &syn(80)), Some((10, false)));
    }

    #[test]
    fn jumps_and_maps_lead_on() {
        assert_eq!(fate(&ruleset("accept", &[r#"{"jump":{"target":"sub"}}"#]), &syn(80)), None);
        assert_eq!(fate(&ruleset("accept", &[r#"{"jump":{"target":"closed"}}"#]), &syn(80)), Some((2, true)));
        assert_eq!(
            fate(&ruleset("drop", &[r#"{"goto":{"target":"sub"}}"#, r#"{"accept":null}"#]), &syn(80)),
            Some((0, true))
        );
        let map = r#"{"vmap":{"key":{"payload":{"protocol":"tcp","field":"dport"}},"data":{"set":[[80,{"drop":null}],[81,{"jump":{"target":"sub"}}]]}}}"#;
        assert_eq!(fate(&ruleset("accept", &[map]), &syn(80)), Some((10, true)));
        assert_eq!(fate(&ruleset("accept", &[map]), &syn(81)), None);
        // A chain that jumps to itself is not the kernel's, and ends all the same.
        let mut loops = ruleset("accept", &[r#"{"jump":{"target":"in"}}"#]);
        loops.chains.rotate_left(1);
        assert_eq!(fate(&loops, &syn(80)), None);
    }

    #[test]
    fn nonsense_of_any_shape_does_no_harm() {
        for rule in [
            "7",
            "null",
            r#"{"match":{}}"#,
            r#"{"match":{"op":"&","left":[],"right":{"range":[]}}}"#,
            r#"{"vmap":{"key":7,"data":{"set":[7,[]]}}}"#,
            r#"{"jump":null}"#,
        ] {
            let _ = fate(&ruleset("drop", &[rule, r#"{"drop":null}"#]), &syn(80));
        }
    }
}
