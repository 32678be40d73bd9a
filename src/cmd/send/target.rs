//! Where to: `HOST`, `ADDRESS`, `HOST:PORT`, `[IPV6]:PORT`, `fe80::1%eth0`.

use std::net::{IpAddr, ToSocketAddrs};

use anyhow::{Context, bail};

/// An address, and a port where one was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub address: IpAddr,
    pub port: Option<u16>,
    /// The zone behind %, an interface.
    pub zone: Option<String>,
}

/// The family that is wanted where a name has addresses of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Any,
    Four,
    Six,
}

impl Target {
    pub fn parse(text: &str, family: Family) -> anyhow::Result<Self> {
        let (host, port) = divided(text)?;
        let (host, zone) = match host.split_once('%') {
            Some((host, zone)) => (host, Some(zone.to_owned())),
            None => (host, None),
        };
        let address = match host.parse() {
            Ok(address) => address,
            Err(_) => looked_up(host, family)?,
        };
        Ok(Self { address, port, zone })
    }
}

fn divided(text: &str) -> anyhow::Result<(&str, Option<u16>)> {
    let number = |port: &str| match port.parse::<u16>() {
        Ok(port) => Ok(Some(port)),
        Err(_) => bail!("{port:?} is no port: they are numbers from 0 to 65535"),
    };
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').context("a bracket is not closed; write it as [::1]:80")?;
        return Ok((host, rest.strip_prefix(':').map_or(Ok(None), number)?));
    }
    match text.split_once(':') {
        // More than one colon: an IPv6 address, which has a port only in brackets.
        Some((host, port)) if !port.contains(':') => Ok((host, number(port)?)),
        _ => Ok((text, None)),
    }
}

fn looked_up(host: &str, family: Family) -> anyhow::Result<IpAddr> {
    let found = (host, 0).to_socket_addrs().with_context(|| format!("cannot find {host}"))?;
    let wanted = |address: &IpAddr| match family {
        Family::Any => true,
        Family::Four => address.is_ipv4(),
        Family::Six => address.is_ipv6(),
    };
    let mut found = found.map(|address| address.ip()).filter(wanted);
    found.next().with_context(|| format!("{host} has no address of that family"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_ports_and_zones_are_told_apart() {
        let parse = |text: &str| Target::parse(text, Family::Any).unwrap();
        let made = |address: &str, port, zone: Option<&str>| Target {
            address: address.parse().unwrap(),
            port,
            zone: zone.map(str::to_owned),
        };
        assert_eq!(parse("10.0.0.1:80"), made("10.0.0.1", Some(80), None));
        assert_eq!(parse("10.0.0.1"), made("10.0.0.1", None, None));
        assert_eq!(parse("[fd00::1]:80"), made("fd00::1", Some(80), None));
        assert_eq!(parse("fd00::1"), made("fd00::1", None, None));
        assert_eq!(parse("fe80::1%eth0"), made("fe80::1", None, Some("eth0")));
        for wrong in ["10.0.0.1:65536", "[::1:80", "10.0.0.1:http"] {
            assert!(Target::parse(wrong, Family::Any).is_err(), "{wrong}");
        }
    }
}
