//! Names in the place of addresses. What a name says, anybody may have written: it acts on no terminal, and it cannot be
//! taken for an end of a packet (an arrow, a port, a blank in it are escaped).

use unicode_width::UnicodeWidthStr;

use super::escape;
use crate::field::text;
use crate::flow::names::Names;
use crate::wire::Address;

/// Columns of a name that are shown, and where everything is to fit one line of a terminal.
const MOST: usize = 60;
const SHORT: usize = 24;

/// The name of an address, safe for a terminal and not too long; `None` where it has none.
pub fn of(names: Option<&Names>, address: Address) -> Option<String> {
    Some(shown(names?.of(address)?, MOST))
}

/// The same, short enough for lines of a terminal where they are to be `fitted`.
pub fn in_line(names: &Names, address: Address, fitted: bool) -> Option<String> {
    Some(shown(names.of(address)?, if fitted { SHORT } else { MOST }))
}

fn shown(name: &[u8], most: usize) -> String {
    let mut out = String::new();
    for c in String::from_utf8_lossy(name).chars() {
        let before = out.len();
        match c {
            // What has no width of its own joins what stands before it.
            _ if c.is_alphanumeric() && !escape::acts(c) => out.push(c),
            '-' | '_' | '.' => out.push(c),
            _ if c.is_ascii() => out.push_str(&format!("\\x{:02x}", c as u8)),
            _ => out.extend(c.escape_unicode()),
        }
        if out.width() > most {
            out.truncate(before);
            out.push('…');
            break;
        }
    }
    out
}

/// A host and its port, `www.lab:80`, `10.0.0.1:80`, `[fe80::1]:80`.
pub fn endpoint(names: Option<&Names>, address: Address, port: u16, out: &mut Vec<u8>) {
    match (of(names, address), address) {
        (Some(name), _) => out.extend_from_slice(name.as_bytes()),
        (None, Address::V4(address)) => text::ipv4(address, out),
        (None, Address::V6(address)) => {
            out.push(b'[');
            text::ipv6(address, out);
            out.push(b']');
        }
    }
    out.push(b':');
    text::decimal(port.into(), out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::names::By;

    #[test]
    fn a_name_acts_on_nothing_and_passes_for_nothing_else() {
        assert_eq!(shown(b"www.lab", MOST), "www.lab");
        assert_eq!(shown("žuta-knjiga.local".as_bytes(), MOST), "žuta-knjiga.local");
        assert_eq!(shown(b"a:80 \xe2\x86\x92 b\x1b[2J", MOST), "a\\x3a80\\x20\\u{2192}\\x20b\\x1b\\x5b2J");
        assert_eq!(shown(b"\xff", MOST), "\\u{fffd}");
        let long = shown(&[b'a'; 255], MOST);
        assert_eq!((long.chars().count(), long.ends_with('…')), (MOST + 1, true));
    }

    #[test]
    fn an_end_has_the_name_of_its_address() {
        let mut names = Names::default();
        names.add(Address::V4([10, 0, 0, 1]), b"www.lab", By::Name);
        let end = |names, address| {
            let mut out = Vec::new();
            endpoint(names, address, 80, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(end(Some(&names), Address::V4([10, 0, 0, 1])), "www.lab:80");
        assert_eq!(end(Some(&names), Address::V4([10, 0, 0, 2])), "10.0.0.2:80");
        assert_eq!(end(None, Address::V4([10, 0, 0, 1])), "10.0.0.1:80");
        assert_eq!(end(Some(&names), Address::V6([0; 16])), "[::]:80");
    }
}
