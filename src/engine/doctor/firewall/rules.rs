//! The ruleset as data, from `nft -j list ruleset` (libnftables-json(5)), and its rules as nft(8) writes them.

use std::collections::BTreeMap;

use serde_json::Value;

/// All chains, with their rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ruleset {
    pub chains: Vec<Chain>,
    /// Elements of named sets and maps, by family, table and name.
    sets: BTreeMap<(String, String, String), Value>,
    /// Packets counted by named counters.
    counters: BTreeMap<(String, String, String), u64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chain {
    /// inet, ip, ip6, ...
    pub family: String,
    pub table: String,
    pub name: String,
    /// filter, nat, route; empty where it is not a base chain.
    pub kind: String,
    /// input, output, ...; empty where it is not a base chain.
    pub hook: String,
    pub priority: i64,
    /// What no rule decides is dropped.
    pub drops: bool,
    pub rules: Vec<Rule>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    pub handle: u64,
    pub statements: Vec<Value>,
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl Ruleset {
    /// Reads what nft printed; `None` where it is no ruleset.
    pub fn parse(printed: &str) -> Option<Self> {
        let all: Value = serde_json::from_str(printed).ok()?;
        let mut ruleset = Self::default();
        let mut rules = Vec::new();
        for item in all.get("nftables")?.as_array()? {
            let key = |value: &Value| (text(value, "family"), text(value, "table"), text(value, "name"));
            if let Some(chain) = item.get("chain") {
                ruleset.chains.push(Chain {
                    family: text(chain, "family"),
                    table: text(chain, "table"),
                    name: text(chain, "name"),
                    kind: text(chain, "type"),
                    hook: text(chain, "hook"),
                    priority: chain.get("prio").and_then(Value::as_i64).unwrap_or(0),
                    drops: text(chain, "policy") == "drop",
                    rules: Vec::new(),
                });
            } else if let Some(set) = item.get("set").or_else(|| item.get("map")) {
                ruleset.sets.insert(key(set), set.get("elem").cloned().unwrap_or_default());
            } else if let Some(counter) = item.get("counter") {
                let packets = counter.get("packets").and_then(Value::as_u64).unwrap_or(0);
                ruleset.counters.insert(key(counter), packets);
            } else if let Some(rule) = item.get("rule") {
                rules.push(rule);
            }
        }
        // A chain may be printed after a rule of another one.
        for rule in rules {
            let (family, table, name) = (text(rule, "family"), text(rule, "table"), text(rule, "chain"));
            if let Some(chain) = ruleset.chains.iter_mut().find(|chain| chain.is(&family, &table, &name)) {
                chain.rules.push(Rule {
                    handle: rule.get("handle").and_then(Value::as_u64).unwrap_or(0),
                    statements: rule.get("expr").and_then(Value::as_array).cloned().unwrap_or_default(),
                });
            }
        }
        Some(ruleset)
    }

    pub fn chain(&self, family: &str, table: &str, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.is(family, table, name))
    }

    /// The elements of a set that a rule of this chain names without its `@`.
    pub fn set(&self, chain: &Chain, name: &str) -> Option<&Value> {
        self.sets.get(&(chain.family.clone(), chain.table.clone(), name.to_owned()))
    }

    /// How many packets a rule has counted; `None` where it does not count.
    pub fn packets(&self, chain: &Chain, rule: &Rule) -> Option<u64> {
        let counter = rule.statements.iter().find_map(|statement| statement.get("counter"))?;
        match counter.as_str() {
            Some(name) => self.counters.get(&(chain.family.clone(), chain.table.clone(), name.to_owned())).copied(),
            None => counter.get("packets")?.as_u64(),
        }
    }

    /// The same rule in this ruleset, as it was read at another time.
    pub fn same(&self, chain: &Chain, rule: &Rule) -> Option<(&Chain, &Rule)> {
        let chain = self.chain(&chain.family, &chain.table, &chain.name)?;
        Some((chain, chain.rules.iter().find(|other| other.handle == rule.handle)?))
    }
}

impl Chain {
    fn is(&self, family: &str, table: &str, name: &str) -> bool {
        self.family == family && self.table == table && self.name == name
    }

    /// `inet filter input`, as nft(8) names a chain.
    pub fn words(&self) -> String {
        format!("{} {} {}", self.family, self.table, self.name)
    }

    /// Whether iptables-nft made it: its chains are in capitals, in the tables that iptables(8) knows.
    pub fn is_of_iptables(&self) -> bool {
        let builtin = ["INPUT", "OUTPUT", "FORWARD", "PREROUTING", "POSTROUTING"];
        matches!(self.family.as_str(), "ip" | "ip6") && builtin.contains(&self.name.as_str())
    }
}

impl Rule {
    /// As nft(8) would write it, nearly; what is not known here stays JSON. Escape it before a terminal.
    pub fn words(&self) -> String {
        let words: Vec<String> = self.statements.iter().map(statement).collect();
        words.join(" ")
    }
}

fn statement(value: &Value) -> String {
    let Some((name, body)) = value.as_object().and_then(|object| object.iter().next()) else {
        return value.to_string();
    };
    match name.as_str() {
        "match" => {
            let empty = Value::Null;
            let part = |key| operand(body.get(key).unwrap_or(&empty));
            match body.get("op").and_then(Value::as_str) {
                Some("==" | "in") | None => format!("{} {}", part("left"), part("right")),
                Some(op) => format!("{} {op} {}", part("left"), part("right")),
            }
        }
        "counter" => "counter".to_owned(),
        "jump" | "goto" => format!("{name} {}", text(body, "target")),
        "reject" => match body.get("type").and_then(Value::as_str) {
            Some(kind) => format!("reject with {kind}"),
            None => "reject".to_owned(),
        },
        "xt" => "(an iptables extension)".to_owned(),
        _ if body.is_null() => name.clone(),
        _ => format!("{name} {body}"),
    }
}

fn operand(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(operand).collect::<Vec<_>>().join(","),
        Value::Object(object) => match object.iter().next() {
            Some((kind, body)) => match (kind.as_str(), body) {
                ("payload", body) => format!("{} {}", text(body, "protocol"), text(body, "field")),
                ("meta", body) => match text(body, "key").as_str() {
                    key @ ("iifname" | "oifname" | "iif" | "oif") => key.to_owned(),
                    key => format!("meta {key}"),
                },
                ("ct", body) => format!("ct {}", text(body, "key")),
                ("set", Value::Array(items)) => {
                    format!("{{ {} }}", items.iter().map(operand).collect::<Vec<_>>().join(", "))
                }
                ("range", Value::Array(ends)) => ends.iter().map(operand).collect::<Vec<_>>().join("-"),
                ("prefix", body) => {
                    format!("{}/{}", text(body, "addr"), body.get("len").unwrap_or(&Value::Null))
                }
                _ => value.to_string(),
            },
            None => value.to_string(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"{"nftables":[{"metainfo":{"version":"1.0.6"}},{"table":{"family":"inet","name":"filter"}},
        {"counter":{"family":"inet","name":"foo","table":"filter","handle":3,"packets":9,"bytes":0}},
        {"chain":{"family":"inet","table":"filter","name":"input","handle":2,"type":"filter","hook":"input","prio":0,"policy":"drop"}},
        {"rule":{"family":"inet","table":"filter","chain":"input","handle":15,"expr":[{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":{"set":[22,{"range":[8000,8005]}]}}},{"counter":{"packets":5,"bytes":300}},{"reject":{"type":"tcp reset"}}]}},
        {"rule":{"family":"inet","table":"filter","chain":"input","handle":17,"expr":[{"match":{"op":"!=","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":{"prefix":{"addr":"10.0.0.0","len":8}}}},{"counter":"foo"},{"drop":null}]}},
        {"rule":{"family":"inet","table":"filter","chain":"gone","handle":18,"expr":[{"xt":null}]}}]}"#;

    #[test]
    fn reads_chains_rules_and_counters() {
        let ruleset = Ruleset::parse(PRINTED).unwrap();
        let [chain] = ruleset.chains.as_slice() else { panic!("{ruleset:?}") };
        assert_eq!((chain.words().as_str(), chain.drops, chain.rules.len()), ("inet filter input", true, 2));
        let counted: Vec<_> = chain.rules.iter().map(|rule| ruleset.packets(chain, rule)).collect();
        assert_eq!(counted, [Some(5), Some(9)]);
        assert_eq!(chain.rules[0].words(), "tcp dport { 22, 8000-8005 } counter reject with tcp reset");
        assert_eq!(chain.rules[1].words(), "ip saddr != 10.0.0.0/8 counter drop");
    }

    #[test]
    fn what_is_no_ruleset_is_none_and_what_is_odd_does_no_harm() {
        for odd in ["", "{}", "[]", r#"{"nftables":7}"#] {
            assert_eq!(Ruleset::parse(odd), None, "{odd}");
        }
        let odd = r#"{"nftables":[7,{"chain":null},{"rule":{"expr":[1,null,{},{"match":7}]}},{"set":{}}]}"#;
        let ruleset = Ruleset::parse(odd).unwrap();
        assert_eq!(ruleset.chains[0].rules[0].words(), "1 null {} null null");
    }
}
