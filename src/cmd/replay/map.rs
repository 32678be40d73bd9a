//! What stands behind `--map`: which address, port or MAC becomes which.

use std::net::{IpAddr, SocketAddr};

use crate::wire::Address;
use crate::wire::rewrite::{Mac, Port, Rewrite};

/// One mapping: what it does to each kind of place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    address: Option<(Address, Address)>,
    port: Option<Port>,
    mac: Option<(Mac, Mac)>,
}

impl Map {
    /// Adds it to the others.
    pub fn add_to(&self, rewrite: &mut Rewrite) {
        rewrite.addresses.extend(self.address);
        rewrite.ports.extend(self.port);
        rewrite.macs.extend(self.mac);
    }
}

/// One side of the equals sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Mac(Mac),
    Address(Address),
    Port(u16),
    End(Address, u16),
}

pub fn parse(text: &str) -> Result<Map, String> {
    let (from, to) = text.split_once('=').ok_or("write it as FROM=TO, as in 10.0.0.1=192.168.1.5")?;
    let plain = Map { address: None, port: None, mac: None };
    let one_family = |from: &Address, to: &Address| match (from, to) {
        (Address::V4(_), Address::V4(_)) | (Address::V6(_), Address::V6(_)) => Ok(()),
        _ => Err("IPv4 and IPv6 packets have different headers: map addresses of one kind".to_owned()),
    };
    let map = match (side(from)?, side(to)?) {
        (Side::Mac(from), Side::Mac(to)) => Map { mac: Some((from, to)), ..plain },
        (Side::Address(from), Side::Address(to)) => {
            one_family(&from, &to)?;
            Map { address: Some((from, to)), ..plain }
        }
        (Side::Port(from), Side::Port(to)) => Map { port: Some(Port { of: None, from, to }), ..plain },
        (Side::End(of, from), Side::Port(to)) => Map { port: Some(Port { of: Some(of), from, to }), ..plain },
        (Side::End(of, from), Side::End(address, to)) => {
            one_family(&of, &address)?;
            Map { address: Some((of, address)), port: Some(Port { of: Some(of), from, to }), ..plain }
        }
        _ => return Err(format!("{from} cannot become {to}: both are addresses, both are ports, or both are MACs")),
    };
    Ok(map)
}

fn side(text: &str) -> Result<Side, String> {
    let address = |address: IpAddr| match address {
        IpAddr::V4(four) => Address::V4(four.octets()),
        IpAddr::V6(six) => Address::V6(six.octets()),
    };
    if let Ok(mac) = mac(text) {
        return Ok(Side::Mac(mac));
    }
    if let Ok(port) = text.parse::<u16>() {
        return Ok(Side::Port(port));
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(Side::Address(address(ip)));
    }
    match text.parse::<SocketAddr>() {
        Ok(end) => Ok(Side::End(address(end.ip()), end.port())),
        Err(_) => Err(format!("{text:?} is no address, port, ADDRESS:PORT or MAC")),
    }
}

/// Whom frames are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Station {
    Mac(Mac),
    /// The neighbour that has this address.
    Neighbour(IpAddr),
}

pub fn station(text: &str) -> Result<Station, String> {
    match text.parse() {
        Ok(address) => Ok(Station::Neighbour(address)),
        Err(_) => mac(text).map(Station::Mac),
    }
}

/// A MAC address as `02:00:00:00:00:01` or with hyphens.
pub fn mac(text: &str) -> Result<Mac, String> {
    let wrong = || format!("{text:?} is no MAC address: write it as 02:00:00:00:00:01");
    let mut mac = [0; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut mac {
        let part = parts.next().filter(|part| part.len() == 2).ok_or_else(wrong)?;
        *byte = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
    }
    if parts.next().is_some() { Err(wrong()) } else { Ok(mac) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_told_from_the_others() {
        let map = |text: &str| parse(text).unwrap();
        let (one, five) = (Address::V4([10, 0, 0, 1]), Address::V4([192, 168, 1, 5]));
        assert_eq!(map("10.0.0.1=192.168.1.5").address, Some((one, five)));
        assert_eq!(map("8005=9005").port, Some(Port { of: None, from: 8005, to: 9005 }));
        assert_eq!(map("10.0.0.1:8005=9005").port, Some(Port { of: Some(one), from: 8005, to: 9005 }));
        let both = map("10.0.0.1:8005=192.168.1.5:9005");
        assert_eq!((both.address, both.port), (Some((one, five)), Some(Port { of: Some(one), from: 8005, to: 9005 })));
        assert_eq!(map("02:00:00:00:00:01=02-00-00-00-00-0a").mac, Some(([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 10])));
        assert!(map("fd00::1=fd00::2").address.is_some() && map("[fd00::1]:80=8080").port.is_some());
        for wrong in ["10.0.0.1", "10.0.0.1=fd00::1", "80=10.0.0.1", "1=70000", "x=y", "02:00=03:00", "fd00::1:80=x"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
