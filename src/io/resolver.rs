//! What the system's resolver answers: getaddrinfo(3), getnameinfo(3), gethostname(2).
//!
//! Trap: an answer may come from a file, from another process or from the network, and may take as long as
//! resolv.conf(5) says; names in it are whatever somebody wrote into the DNS.

use std::net::{IpAddr, SocketAddr};

use dns_lookup::{AddrInfoHints, getaddrinfo, lookup_addr};
use nix::libc;

/// One answer of getaddrinfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub kind: Kind,
    /// The number in the IP header: 6 is TCP, 17 is UDP, 0 any.
    pub protocol: i32,
    pub address: SocketAddr,
}

/// The type of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Stream,
    Datagram,
    Raw,
    Other(i32),
}

/// Every family and type that the resolver has for a host and a service; the error is the resolver's own words.
pub fn every(host: &str, service: Option<&str>) -> Result<Vec<Answer>, String> {
    let answers = getaddrinfo(Some(host), service, Some(AddrInfoHints::default())).map_err(words)?;
    let answers = answers.flatten().map(|answer| Answer {
        kind: match answer.socktype {
            libc::SOCK_STREAM => Kind::Stream,
            libc::SOCK_DGRAM => Kind::Datagram,
            libc::SOCK_RAW => Kind::Raw,
            other => Kind::Other(other),
        },
        protocol: answer.protocol,
        address: answer.sockaddr,
    });
    Ok(answers.collect())
}

/// The name of an address. Where there is none the resolver answers the address itself, or an error.
pub fn name_of(address: IpAddr) -> Result<String, String> {
    lookup_addr(&address).map_err(words)
}

/// The name that this machine has given itself.
pub fn own_name() -> Result<String, String> {
    dns_lookup::get_hostname().map_err(|error| error.to_string())
}

/// The name of this machine with its domain, as Python's `getfqdn` finds it: the name of the address of its own name,
/// if that has a dot in it, else its own name.
pub fn full_name() -> Result<String, String> {
    let own = own_name()?;
    let named = every(&own, None).ok().and_then(|answers| name_of(answers.first()?.address.ip()).ok());
    Ok(named.filter(|name| name.contains('.') && name.parse::<IpAddr>().is_err()).unwrap_or(own))
}

fn words(error: dns_lookup::LookupError) -> String {
    let error = std::io::Error::from(error).to_string();
    error.strip_prefix("failed to lookup address information: ").unwrap_or(&error).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_every_type_of_socket() {
        let answers = every("127.0.0.1", None).unwrap();
        for kind in [Kind::Stream, Kind::Datagram, Kind::Raw] {
            assert!(answers.iter().any(|answer| answer.kind == kind), "{kind:?} is not in {answers:?}");
        }
        assert!(answers.iter().all(|answer| answer.address.ip().is_loopback()));
    }

    #[test]
    fn what_is_no_name_is_told_in_the_resolvers_words() {
        assert!(!every("no such name", None).unwrap_err().is_empty());
        assert!(every("nul\0nul", None).is_err());
    }
}
