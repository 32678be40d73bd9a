//! What the doctor found, for a person and as JSON. Everything is escaped: names and addresses come from anywhere.

use super::escape;
use super::object::Object;
use super::style::{Palette, Role};
use crate::engine::doctor::Finding;
use crate::engine::doctor::steps::Step;

fn line(role: Role, label: &str, text: &str, palette: Palette, out: &mut Vec<u8>) {
    palette.begin(role, out);
    out.extend_from_slice(label.as_bytes());
    palette.end(role, out);
    escape::write(text.as_bytes(), out);
    out.push(b'\n');
}

/// What was looked at: a line each, in two columns.
pub fn steps(steps: &[Step], palette: Palette, out: &mut Vec<u8>) {
    let width = steps.iter().map(|step| escape::text(&step.what).chars().count()).max().unwrap_or(0);
    for step in steps {
        let what = escape::text(&step.what);
        line(Role::Faint, &format!("{what:<width$}  "), &step.seen, palette, out);
    }
}

/// A finding: what it is, its proofs, what mends it.
pub fn finding(finding: &Finding, palette: Palette, out: &mut Vec<u8>) {
    line(Role::Trouble, &format!("{}: ", finding.fault.name()), &finding.what, palette, out);
    for proof in &finding.proofs {
        line(Role::Faint, "  proof  ", &format!("{}: {}", proof.from, proof.value), palette, out);
    }
    line(Role::Opening, "  mend   ", &finding.mend, palette, out);
}

/// That there is nothing to be found.
pub fn healthy(palette: Palette, out: &mut Vec<u8>) {
    line(Role::Opening, "nothing wrong found", "", palette, out);
}

/// A finding as one line of JSON.
pub fn json(finding: &Finding, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    object.string("fault", finding.fault.name());
    object.string("what", &finding.what);
    object.list("proof", &finding.proofs, |proof, object| {
        object.string("from", &proof.from);
        object.string("value", &proof.value);
    });
    object.string("mend", &finding.mend);
    object.end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::Fault;

    fn hostile() -> Finding {
        Finding::new(Fault::NoRoute, "evil\x1b[2J", "a\u{9b}b").proved("from\n", "\u{202e}value")
    }

    #[test]
    fn what_others_chose_cannot_act_on_the_terminal() {
        let mut out = Vec::new();
        finding(&hostile(), Palette::new(false), &mut out);
        steps(&[Step { what: "\x07".into(), seen: "\r".into() }], Palette::new(false), &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "no-route: evil\\x1b[2J\n  proof  from\\n: \\u{202e}value\n  mend   a\\u{9b}b\n\\x07  \\r\n");
    }

    #[test]
    fn a_finding_is_one_object_on_a_line() {
        let mut out = Vec::new();
        json(&hostile(), &mut out);
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((value["fault"].as_str(), value["proof"][0]["from"].as_str()), (Some("no-route"), Some("from\n")));
        assert!(out.ends_with(b"\n") && !out.contains(&0x1b));
    }
}
