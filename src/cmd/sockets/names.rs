//! Names of users and interfaces, and the ends of sockets, as bytes.

use std::collections::HashMap;

use nix::unistd::{Uid, User};

use crate::field::text;
use crate::io::sockets::Endpoint;

/// Names of users and interfaces, asked for once each. Whoever may choose them may choose anything: escape them.
#[derive(Debug, Default)]
pub struct Names {
    users: HashMap<u32, String>,
    interfaces: HashMap<u32, String>,
}

impl Names {
    pub fn user(&mut self, uid: u32) -> &str {
        self.users.entry(uid).or_insert_with(|| {
            User::from_uid(Uid::from_raw(uid)).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
        })
    }

    pub fn interface(&mut self, index: u32) -> &str {
        self.interfaces.entry(index).or_insert_with(|| {
            let name = nix::net::if_::if_indextoname(index).ok().and_then(|name| name.into_string().ok());
            name.unwrap_or_else(|| index.to_string())
        })
    }
}

/// An end as bytes: a path's are whatever its program chose, so they are still to be escaped.
pub fn endpoint(endpoint: &Endpoint, out: &mut Vec<u8>) {
    match endpoint {
        Endpoint::Address(address) => {
            match address.ip() {
                std::net::IpAddr::V4(ip) => text::ipv4(ip.octets(), out),
                std::net::IpAddr::V6(ip) => {
                    out.push(b'[');
                    text::ipv6(ip.octets(), out);
                    out.push(b']');
                }
            }
            out.push(b':');
            match address.port() {
                0 => out.push(b'*'),
                port => text::decimal(port.into(), out),
            }
        }
        Endpoint::Path(path) if !path.is_empty() => out.extend_from_slice(path),
        other => out.extend_from_slice(other.to_string().as_bytes()),
    }
}
