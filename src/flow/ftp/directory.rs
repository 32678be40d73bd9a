//! In which directory a control connection of FTP is, as its server says (RFC 959 §4.1.1, §4.1.3, appendix II).

use std::sync::Arc;

use super::LONGEST;
use crate::wire::line;

/// What a client last wanted to know or to change of it.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Where,
    Change(Box<[u8]>),
}

#[derive(Debug, Default)]
pub struct Directory {
    asked: Option<Asked>,
    /// Unknown, or from a place that is unknown on, until the server says it.
    path: Option<Arc<[u8]>>,
}

/// Whether a command is about it.
pub fn is_told_by(word: &[u8]) -> bool {
    line::is_one_of(word, &["PWD", "XPWD", "CWD", "XCWD", "CDUP", "XCUP"])
}

impl Directory {
    pub fn path(&self) -> Option<Arc<[u8]>> {
        self.path.clone()
    }

    pub fn command(&mut self, word: &[u8], argument: &[u8]) {
        self.asked = match () {
            () if !is_told_by(word) => None,
            () if line::is_one_of(word, &["PWD", "XPWD"]) => Some(Asked::Where),
            () if line::is_one_of(word, &["CWD", "XCWD"]) => {
                // One byte more than is kept tells that it is too long.
                let to = argument.get(..argument.len().min(LONGEST + 1)).unwrap_or_default();
                Some(Asked::Change(to.into()))
            }
            () => Some(Asked::Change(b"..".as_slice().into())),
        };
    }

    pub fn reply(&mut self, code: u16, text: &[u8]) {
        let path = match (&self.asked, code) {
            (Some(Asked::Where), 257) => quoted(text),
            // Of CDUP, RFC 959 says 200, and most servers 250.
            (Some(Asked::Change(to)), 200 | 250) => changed(self.path.as_deref().unwrap_or_default(), to),
            (Some(_), 400..) => {
                self.asked = None;
                return;
            }
            _ => return,
        };
        self.asked = None;
        self.path = path.filter(|path| (1..=LONGEST).contains(&path.len())).map(Arc::from);
    }
}

/// The path in a reply: within quotation marks, one that is in it twice.
fn quoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut path = Vec::new();
    loop {
        let end = memchr::memchr(b'"', rest)?;
        path.extend_from_slice(rest.get(..end)?);
        rest = rest.get(end + 1..)?;
        match rest.strip_prefix(b"\"") {
            Some(behind) => (rest, _) = (behind, path.push(b'"')),
            None => return Some(path),
        }
    }
}

/// Where a change leads to from a path.
fn changed(path: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    if to.len() > LONGEST || to.starts_with(b"/") {
        return Some(to.to_vec());
    }
    let is_name = |name: &&[u8]| !name.is_empty() && *name != b".";
    let mut names: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(is_name).collect();
    for name in to.split(|byte| *byte == b'/').filter(is_name) {
        if name != b".." {
            names.push(name);
        } else if names.pop().is_none() && !path.starts_with(b"/") {
            // Above a place that nobody has named.
            return None;
        }
    }
    let root: &[u8] = if path.starts_with(b"/") { b"/" } else { b"" };
    Some([root, &names.join(&b'/')].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Commands and replies, and where they lead to.
    fn after(said: &[&str]) -> String {
        let mut directory = Directory::default();
        for line in said {
            match line::reply(line.as_bytes()) {
                Some(reply) => directory.reply(reply.code, reply.text),
                None => {
                    let (word, argument) = line::word(line.as_bytes());
                    directory.command(word, argument);
                }
            }
        }
        directory.path().map_or("unknown".to_owned(), |path| String::from_utf8_lossy(&path).into_owned())
    }

    #[test]
    fn the_server_says_where_it_is_and_changes_lead_on() {
        assert_eq!(after(&["PWD", "257 \"/a \"\"b\"\"\" is it"]), "/a \"b\"");
        assert_eq!(after(&["PWD", "257 \"/\"", "CWD in", "250 done"]), "/in");
        assert_eq!(after(&["PWD", "257 \"/a/b\"", "CWD ../c/./d/", "250 done"]), "/a/c/d");
        assert_eq!(after(&["CWD /a/b", "250 done", "CDUP", "200 done", "CWD ..", "250 done", "CDUP", "250 -"]), "/");
        assert_eq!(after(&["CWD a", "250 done", "CWD b", "250 done"]), "a/b", "from where it began");
    }

    #[test]
    fn what_fails_and_what_is_said_of_others_changes_nothing() {
        assert_eq!(after(&["CWD /a", "250 done", "CWD b", "550 no", "250 done"]), "/a");
        assert_eq!(after(&["CWD /a", "250 done", "MKD b", "257 \"/a/b\" created", "DELE c", "250 done"]), "/a");
        assert_eq!(after(&["CWD /a", "150 wait"]), "unknown");
        assert_eq!(after(&["PWD", "257 /a"]), "unknown");
        assert_eq!(after(&["CWD a", "250 done", "CWD ../..", "250 done"]), "unknown");
        let long = format!("CWD {}", "a/".repeat(200));
        assert_eq!(after(&["CWD /a", "250 done", &long, "250 done"]), "unknown");
    }
}
