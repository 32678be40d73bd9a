//! The chart in Mermaid's language (mermaid.js.org, sequence diagrams), for pages that draw it themselves.

use super::layout::{Clock, Layout, changed, pause};
use super::{Moment, Row};
use crate::view::style::Role;

/// The whole diagram. What could mean something to Mermaid or to HTML is written as a character's number.
pub fn draw(moments: &[Moment], layout: &Layout, notes: &[String]) -> String {
    let mut text = String::from("sequenceDiagram\n");
    for (column, heading) in layout.headings.iter().enumerate() {
        text.push_str(&format!("    participant h{column} as {}\n", escaped(heading)));
    }
    let last = layout.headings.len().saturating_sub(1);
    let over = if last == 0 { "h0".to_owned() } else { format!("h0,h{last}") };
    let (mut clock, mut shown) = (Clock::default(), [""; 2]);
    for Moment { time, row, .. } in moments {
        let (_, gap) = clock.tick(*time);
        if let Some(words) = pause(gap) {
            text.push_str(&format!("    Note over {over}: … {words} …\n"));
        }
        let states = changed(row, &mut shown);
        match row {
            Row::Packet(message) => {
                let [from, to] = layout.ends(message);
                let arrow = if message.role == Role::Trouble { "-->>" } else { "->>" };
                let label = escaped(&layout.header(message));
                let words = escaped(&message.words);
                let gap = if words.is_empty() { "" } else { "<br/>" };
                let reached = message.heard.iter().map(|place| layout.column(Some(*place)));
                let ends: Vec<usize> = if message.heard.is_empty() { vec![to] } else { reached.collect() };
                for to in ends {
                    text.push_str(&format!("    h{from}{arrow}h{to}: {label}{gap}{words}\n"));
                }
                for via in &message.via {
                    let (nat, said) = (layout.column(via.at), escaped(&via.text(to >= from)));
                    text.push_str(&format!("    Note over h{nat}: {said}\n"));
                }
            }
            Row::Printed { by, text: said } => {
                text.push_str(&format!("    Note over h{}: {}\n", layout.column(Some(*by)), escaped(said)));
            }
        }
        if layout.conversation {
            for (state, side) in states.into_iter().zip(["left of h0", "right of h1"]) {
                if let Some(state) = state {
                    text.push_str(&format!("    Note {side}: {state}\n"));
                }
            }
        }
    }
    for note in notes {
        text.push_str(&format!("    Note over {over}: {}\n", escaped(note)));
    }
    text
}

/// Letters, digits and what is harmless stay; the rest becomes `#number;`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' | '.' | ',' | ':' | '-' | '/' | '(' | ')' | '?' | '!' | '\'' | '·' | '→' | '⇒' | '⇐' | '…' => {
                out.push(c)
            }
            c if c.is_alphanumeric() => out.push(c),
            c => out.push_str(&format!("#{};", u32::from(c))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_taken_for_a_command() {
        assert_eq!(escaped("\"<b>\"; %% x#1"), "#34;#60;b#62;#34;#59; #37;#37; x#35;1");
        assert_eq!(escaped("[fe80::1]:80 Ћао"), "#91;fe80::1#93;:80 Ћао");
    }
}
