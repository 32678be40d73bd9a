//! Cookies: a peer that sends back what it was given hears at the address that it sends from. As DNS cookies (RFC 7873
//! §6) and the HelloVerifyRequest of DTLS (RFC 6347 §4.2.1) do.
//!
//! Guarantee: nothing is kept for a peer that has proved nothing. A cookie holds for one address and port, session and
//! life, at least one minute and less than two.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::message::{Cookie, Id, Session};
use super::word::Word;
use crate::process::Transport;

/// Cookies of the same stretch are the same.
const STRETCH: Duration = Duration::from_secs(60);
/// Longer than this no cookie holds.
pub const LONGEST: Duration = STRETCH.saturating_mul(2);

/// Whose cookie it is. The address is the canonical one.
#[derive(Clone, Copy, Debug)]
pub struct Bearer {
    pub transport: Transport,
    pub from: SocketAddr,
    pub session: Session,
    pub peer: Id,
}

/// Makes cookies, and knows its own.
#[derive(Debug)]
pub struct Jar(Word);

impl Jar {
    /// The secret is chosen at random for each run of a server.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(Word::new(&secret))
    }

    pub fn cookie(&self, now: Duration, bearer: Bearer) -> Cookie {
        over(stretch(now), bearer, |parts| self.0.tag(parts))
    }

    pub fn knows(&self, now: Duration, bearer: Bearer, cookie: Cookie) -> bool {
        let this = stretch(now);
        let of = |stretch| over(stretch, bearer, |parts| self.0.proves(parts, cookie));
        of(this) || this.checked_sub(1).is_some_and(of)
    }
}

fn stretch(now: Duration) -> u64 {
    now.as_secs() / STRETCH.as_secs()
}

/// All that a cookie holds for; each part but the last of a length that does not change.
fn over<R>(stretch: u64, bearer: Bearer, with: impl FnOnce(&[&[u8]]) -> R) -> R {
    let ip = match bearer.from.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    with(&[
        &[u8::from(bearer.transport == Transport::Tcp)],
        &ip.octets(),
        &bearer.from.port().to_be_bytes(),
        &bearer.peer.0.get().to_be_bytes(),
        &stretch.to_be_bytes(),
        bearer.session.as_str().as_bytes(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_for_its_bearer_and_its_time_only() {
        let jar = Jar::new([7; 32]);
        let bearer = Bearer {
            transport: Transport::Udp,
            from: "192.0.2.7:4000".parse().unwrap(),
            session: "tea".parse().unwrap(),
            peer: Id::new(1).unwrap(),
        };
        let at = Duration::from_secs;
        let cookie = jar.cookie(at(119), bearer);
        assert!(jar.knows(at(60), bearer, cookie) && jar.knows(at(179), bearer, cookie));
        assert!(!jar.knows(at(180), bearer, cookie) && !jar.knows(at(59), bearer, cookie));
        assert!(!Jar::new([8; 32]).knows(at(119), bearer, cookie));
        assert!(!jar.knows(at(119), bearer, [0; 16]));
        for other in [
            Bearer { transport: Transport::Tcp, ..bearer },
            Bearer { from: "192.0.2.7:4001".parse().unwrap(), ..bearer },
            Bearer { from: "192.0.2.8:4000".parse().unwrap(), ..bearer },
            Bearer { from: "[2001:db8::7]:4000".parse().unwrap(), ..bearer },
            Bearer { session: "teas".parse().unwrap(), ..bearer },
            Bearer { peer: Id::new(2).unwrap(), ..bearer },
        ] {
            assert!(!jar.knows(at(119), other, cookie), "{other:?}");
        }
    }
}
