//! A server as a person names it: a name or an address, with or without a port.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, bail};

use crate::io::resolver;

/// The address of `text` (`HOST`, `HOST:PORT`, `[ADDRESS]:PORT`), of the family that is asked for, if one is.
pub fn resolve(text: &str, port: u16, six: Option<bool>) -> anyhow::Result<SocketAddr> {
    let fits = |address: &SocketAddr| six.is_none_or(|six| address.is_ipv6() == six);
    let known = text.parse::<SocketAddr>().ok();
    let known = known.or_else(|| text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port)));
    if let Some(address) = known {
        if !fits(&address) {
            bail!("{text} is not of the family that was asked for");
        }
        return Ok(address);
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, number)) => (host, number.parse().with_context(|| format!("{number} is no port"))?),
        None => (text, port),
    };
    let found =
        resolver::every(host, None).map_err(anyhow::Error::msg).with_context(|| format!("cannot find {host}"))?;
    let found = found.into_iter().map(|answer| answer.address).find(fits);
    let found = found.with_context(|| format!("{host} has no address of the family that was asked for"))?;
    Ok(SocketAddr::new(found.ip(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_with_and_without_a_port() {
        for (text, wanted) in [
            ("192.0.2.1", "192.0.2.1:3478"),
            ("192.0.2.1:9", "192.0.2.1:9"),
            ("2001:db8::1", "[2001:db8::1]:3478"),
            ("[2001:db8::1]:9", "[2001:db8::1]:9"),
        ] {
            assert_eq!(resolve(text, 3478, None).unwrap().to_string(), wanted);
        }
        assert!(resolve("192.0.2.1", 3478, Some(true)).is_err());
        assert!(resolve("192.0.2.1:port", 3478, None).unwrap_err().to_string().contains("port"));
    }
}
