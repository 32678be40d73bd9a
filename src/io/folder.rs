//! A directory in which files are kept whose names somebody on the network chose.
//!
//! Guarantee: a file is made in this directory and nowhere else, under a name that shows what it is, and none that was
//! there is touched: a second of the same name gets a number.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::frame::Error;

/// Bytes of a name at most, and of the ending that a long one keeps; file systems take 255.
const LONGEST_NAME: usize = 120;
const LONGEST_ENDING: usize = 16;
/// Files of the same name at most.
const MOST_ALIKE: u32 = 1_000_000;

/// A directory to keep files in.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// How many of each name there are, as far as they were kept by this.
    alike: RefCell<HashMap<String, u32>>,
}

impl Folder {
    /// Opens the directory at `path`, made with those above it where it is not there.
    pub fn open(path: &Path) -> Result<Self, Error> {
        fs::create_dir_all(path).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => refused("keep files in", path, ErrorKind::NotADirectory.into()),
            _ => refused("make the directory", path, source),
        })?;
        Ok(Self { path: path.to_owned(), alike: RefCell::default() })
    }

    /// Keeps `data` under the name that was wished for, made safe, or under `otherwise` where nothing is left of it;
    /// with a number before its ending where that name is taken. The file's path.
    pub fn keep(&self, wished: &[u8], otherwise: &str, data: &[u8]) -> Result<PathBuf, Error> {
        let name = safe_name(wished).unwrap_or_else(|| otherwise.to_owned());
        let known = self.alike.borrow().get(&name).copied().unwrap_or(0);
        for number in known + 1..=MOST_ALIKE {
            let path = self.path.join(numbered(&name, number));
            // What is there already, a link too, is not opened.
            match OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path) {
                Ok(mut file) => {
                    file.write_all(data).map_err(|source| refused("write", &path, source))?;
                    self.alike.borrow_mut().insert(name, number);
                    return Ok(path);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => return Err(refused("create", &path, source)),
            }
        }
        let source = std::io::Error::from(ErrorKind::AlreadyExists);
        Err(refused("create one more", &self.path.join(name), source))
    }
}

fn refused(operation: &'static str, target: &Path, source: std::io::Error) -> Error {
    Error::System { operation, target: target.display().to_string(), source, remedy: None }
}

/// `name-2.txt` for the second `name.txt`.
fn numbered(name: &str, number: u32) -> String {
    if number == 1 {
        return name.to_owned();
    }
    let (stem, ending) = name.split_at(ending(name).unwrap_or(name.len()));
    format!("{stem}-{number}{ending}")
}

/// Where the ending of a name begins, with its dot.
fn ending(name: &str) -> Option<usize> {
    name.rfind('.').filter(|dot| *dot > 0 && name.len() - dot <= LONGEST_ENDING)
}

/// The last part of a path as a name that is harmless in any directory and in a terminal: letters and digits of any
/// script, blanks and what is usual between them; it begins with no dot, dash or blank. `None` where nothing is left.
pub fn safe_name(wished: &[u8]) -> Option<String> {
    let wished = String::from_utf8_lossy(wished);
    let last = wished.rsplit(['/', '\\']).next().unwrap_or_default();
    let harmless = |c: char| c.is_alphanumeric() || " -_.,()[]+=@#!".contains(c);
    let name: String = last.chars().map(|c| if harmless(c) { c } else { '_' }).collect();
    let name = name.trim_start_matches(['.', '-', ' ']).trim_end_matches(['.', ' ']);
    if name.chars().all(|c| c == '_') {
        return None;
    }
    if name.len() <= LONGEST_NAME {
        return Some(name.to_owned());
    }
    let ending = ending(name).map_or("", |dot| &name[dot..]);
    let cut = (0..=LONGEST_NAME - ending.len()).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    Some(format!("{}{ending}", &name[..cut]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_the_network_stays_in_the_directory() {
        let safe = |name: &str| safe_name(name.as_bytes());
        for name in ["", ".", "..", "...", "/", "a/", "a/..", "..\\..", "\0", "\u{202e}", "- -"] {
            assert_eq!(safe(name), None, "{name:?}");
        }
        for (name, kept) in [
            ("tri.bin", "tri.bin"),
            ("../../etc/passwd", "passwd"),
            ("/etc/cron.d/x", "x"),
            ("C:\\Windows\\win.ini", "win.ini"),
            (".bashrc", "bashrc"),
            ("-rf", "rf"),
            ("a\nb\x1b[2J.txt", "a_b_[2J.txt"),
            ("gpj\u{202e}.exe", "gpj_.exe"),
            ("Žuta knjiga (1).pdf", "Žuta knjiga (1).pdf"),
            ("%2e%2e; rm", "_2e_2e_ rm"),
        ] {
            assert_eq!(safe(name).as_deref(), Some(kept), "{name:?}");
        }
        assert_eq!(safe_name(b"\xff\xfe.txt").as_deref(), Some("__.txt"));
        let long = safe(&format!("{}.pdf", "ž".repeat(300))).unwrap();
        assert!(long.len() <= LONGEST_NAME && long.ends_with("ž.pdf"), "{long}");
        assert!(safe(&"x.".repeat(300)).unwrap().len() <= LONGEST_NAME);
    }

    #[test]
    fn a_file_that_is_there_is_never_touched() {
        let place = std::env::temp_dir().join(format!("netlab-folder-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        let folder = Folder::open(&place.join("deep")).unwrap();
        std::os::unix::fs::symlink(place.join("elsewhere"), place.join("deep/link.txt")).unwrap();
        let names: Vec<String> = ["a.txt", "x/a.txt", "a.txt", "link.txt", "..", "..", ".gz"]
            .iter()
            .map(|name| {
                let path = folder.keep(name.as_bytes(), "part-1.bin", name.as_bytes()).unwrap();
                assert_eq!(fs::read(&path).unwrap(), name.as_bytes());
                path.strip_prefix(place.join("deep")).unwrap().display().to_string()
            })
            .collect();
        assert_eq!(names, ["a.txt", "a-2.txt", "a-3.txt", "link-2.txt", "part-1.bin", "part-1-2.bin", "gz"]);
        assert!(!place.join("elsewhere").exists());
        let refused = Folder::open(&place.join("deep/a.txt")).unwrap_err().to_string();
        assert!(refused.starts_with("cannot keep files in ") && refused.ends_with("not a directory"), "{refused}");
        fs::remove_dir_all(&place).unwrap();
    }
}
