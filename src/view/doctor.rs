//! What the doctor found, for a person and as JSON. Everything is escaped: names and addresses come from anywhere.

use unicode_width::UnicodeWidthStr;

use super::object::Object;
use super::style::{Palette, Role};
use super::{escape, wrap};
use crate::engine::doctor::Finding;
use crate::engine::doctor::steps::Step;

/// How the doctor's lines look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub palette: Palette,
    /// Columns that a line may take; commands to be copied are never divided.
    pub width: usize,
}

fn label(role: Role, label: &str, palette: Palette, out: &mut Vec<u8>) {
    palette.begin(role, out);
    out.extend_from_slice(label.as_bytes());
    palette.end(role, out);
}

/// A label and a text, in lines that fit; all but the first begin below the text, where that leaves room for it.
fn line(role: Role, heading: &str, text: &str, look: Look, out: &mut Vec<u8>) {
    label(role, heading, look.palette, out);
    let begun = heading.width();
    let indent = if begun * 2 < look.width { begun } else { 4 };
    wrap::hanging(&escape::text(text), look.width, begun, indent, out);
    out.push(b'\n');
}

/// What was looked at: a line each, in two columns.
pub fn steps(steps: &[Step], look: Look, out: &mut Vec<u8>) {
    let width = steps.iter().map(|step| escape::text(&step.what).width()).max().unwrap_or(0);
    for step in steps {
        let what = escape::text(&step.what);
        let padding = width - what.width();
        line(Role::Faint, &format!("{what}{:padding$}  ", ""), &step.seen, look, out);
    }
}

/// A finding: what it is, its proofs, what mends it.
pub fn finding(finding: &Finding, look: Look, out: &mut Vec<u8>) {
    line(Role::Trouble, &format!("{}: ", finding.fault.name()), &finding.what, look, out);
    for proof in &finding.proofs {
        line(Role::Faint, "  proof  ", &format!("{}: {}", proof.from, proof.value), look, out);
    }
    label(Role::Opening, "  mend   ", look.palette, out);
    escape::write(finding.mend.as_bytes(), out);
    out.push(b'\n');
}

/// That there is nothing to be found.
pub fn healthy(look: Look, out: &mut Vec<u8>) {
    line(Role::Opening, "nothing wrong found", "", look, out);
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
        let (mut out, look) = (Vec::new(), Look { palette: Palette::new(false), width: usize::MAX });
        finding(&hostile(), look, &mut out);
        steps(&[Step { what: "\x07".into(), seen: "\r".into() }], look, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "no-route: evil\\x1b[2J\n  proof  from\\n: \\u{202e}value\n  mend   a\\u{9b}b\n\\x07  \\r\n");
    }

    #[test]
    fn lines_fit_the_terminal_and_commands_stay_whole() {
        let found =
            Finding::new(Fault::NoRoute, "nothing leads to 192.0.2.1", "ip route add 192.0.2.0/24 via 10.0.0.1");
        let mut out = Vec::new();
        finding(
            &found.proved("ip route get", "Network is unreachable"),
            Look { palette: Palette::new(false), width: 30 },
            &mut out,
        );
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "no-route: nothing leads to\n          192.0.2.1\n  proof  ip route get: Network\n         is unreachable\n  \
             mend   ip route add 192.0.2.0/24 via 10.0.0.1\n"
        );
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
