//! Why an interface cannot be opened, in words that tell what to type.

use std::io;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::frame::Error;
use crate::io::pcap::{ANY, has_device};

/// Why libpcap could not open `name`, where that can be told: there is no such interface, or no permission.
pub fn may_open(name: &str) -> Result<(), Error> {
    if name != ANY && if_nametoindex(name).is_err() && !has_device(name) {
        return Err(no_such_interface(name));
    }
    match socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None) {
        Err(errno @ (Errno::EPERM | Errno::EACCES)) => Err(no_permission(name, errno)),
        _ => Ok(()),
    }
}

fn no_permission(name: &str, errno: Errno) -> Error {
    let binary = program();
    Error::Capture {
        target: name.to_owned(),
        why: format!("this needs the capability CAP_NET_RAW ({})", io::Error::from(errno)),
        remedy: Some(format!(
            "grant it once with:  sudo setcap cap_net_raw+ep {binary}\n\
             or capture as root with sudo; `netlab demo` shows a live capture and needs neither"
        )),
    }
}

/// An error of sending by hand; where a capability is missing, with the command that grants it.
pub fn refused(operation: &'static str, target: &str, source: io::Error) -> Error {
    let remedy = (source.kind() == io::ErrorKind::PermissionDenied).then(|| {
        format!(
            "this needs the capability CAP_NET_RAW; grant it once with:  sudo setcap cap_net_raw+ep {}\n\
             or send as root with sudo; --private (a network of its own) and --dry-run need neither",
            program()
        )
    });
    Error::System { operation, target: target.to_owned(), source, remedy }
}

/// The file of this program, as a shell takes it.
pub fn program() -> String {
    let binary = std::env::current_exe().and_then(std::fs::canonicalize);
    binary.map_or_else(|_| "netlab".to_owned(), |path| quoted(&path.to_string_lossy()))
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

fn no_such_interface(name: &str) -> Error {
    let mut names: Vec<String> = nix::net::if_::if_nameindex()
        .map(|all| all.iter().map(|one| one.name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    let near = names.iter().filter(|known| distance(name, known) <= 2).min_by_key(|known| distance(name, known));
    let hint = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
    names.push(ANY.to_owned());
    Error::Capture {
        target: name.to_owned(),
        why: format!("there is no such interface{hint}"),
        remedy: Some(format!("there are: {}", names.join(" "))),
    }
}

/// How many letters must be added, removed or changed to get from one name to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            next.push((row[j] + usize::from(a != *b)).min(row[j + 1] + 1).min(next[j] + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_is_answered_with_the_near_one_and_the_list() {
        assert_eq!((distance("eth9", "eth0"), distance("", "lo"), distance("wlan0", "lan0")), (1, 2, 1));
        let Err(error) = may_open("loo") else { panic!("there is such an interface?") };
        let text = error.to_string();
        assert!(text.starts_with("cannot capture on loo: there is no such interface"), "{text}");
        assert!(text.contains("\nthere are: ") && text.ends_with(" any"), "{text}");
    }

    #[test]
    fn a_missing_permission_names_the_capability_and_the_command_for_this_binary() {
        let text = no_permission("any", Errno::EPERM).to_string();
        let binary = std::env::current_exe().unwrap();
        assert!(text.contains("CAP_NET_RAW") && text.contains("netlab demo"), "{text}");
        assert!(text.contains(&format!("sudo setcap cap_net_raw+ep {}", binary.display())), "{text}");
        assert_eq!(quoted("/home/a b/it's"), r"'/home/a b/it'\''s'");
    }
}
