//! Pure functions from bytes to headers and back. One file a protocol: reading, writing, fields, tests.
//!
//! [`decode`] walks a frame from its link layer inwards and leaves a flat list of [`Layer`]s. It never fails: it goes
//! as far as it can, and [`Stop`] says why it ended. Nothing is allocated; the list is reused from packet to packet.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(test)]
mod against;
pub mod application;
pub mod arp;
pub mod ber;
pub mod build;
pub mod certificate;
pub mod checksum;
pub mod coap;
pub mod dhcp;
mod dispatch;
pub mod dns;
pub mod ethernet;
pub mod exchange;
pub mod field;
pub mod fragment;
pub mod frame;
pub mod ftp;
pub mod gre;
pub mod http;
pub mod http2;
pub mod icmp;
pub mod icmpv6;
pub mod igmp;
pub mod imap;
pub mod ipv4;
pub mod ipv6;
pub mod l2tp;
pub mod line;
pub mod mld;
pub mod mpls;
pub mod mqtt;
pub mod ndp;
pub mod nsh;
pub mod ntp;
pub mod numbers;
pub mod pim;
pub mod pop;
pub mod ppp;
mod protocol;
pub mod quic;
pub mod reader;
pub mod resp;
pub mod rewrite;
pub mod rtp;
#[cfg(test)]
pub(crate) mod sample;
pub mod secret;
pub mod sip;
pub mod sll;
pub mod smtp;
pub mod snmp;
pub mod stun;
pub mod syslog;
pub mod tags;
pub mod tcp;
pub mod telnet;
pub mod teredo;
pub mod tftp;
pub mod tls;
pub mod udp;
pub mod usual;
pub mod utf8;
pub mod vlan;
pub mod vxlan;
pub mod websocket;

use arrayvec::ArrayVec;

use crate::frame::Frame;
pub use field::{At, Bits, Counts, Field, Kind, Made, Read, Value, Words};
pub use protocol::Protocol;

/// A packet has at most this many layers; what lies deeper is [`Stop::TooDeep`].
pub const MAX_LAYERS: usize = 64;

/// One header of a packet: where it lies in the frame's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    pub protocol: Protocol,
    /// Part of a packet that an ICMP error quotes, not of the packet itself.
    pub quoted: bool,
    /// Part of a datagram's first fragment: the datagram goes on in other packets.
    pub fragment: bool,
    /// The version of its protocol, where only what was said before tells it (MQTT); 0: nothing has.
    pub version: u8,
    /// First byte of the header, counted from the frame's first.
    pub start: u32,
    /// Bytes of the header, options included.
    pub header: u32,
    /// One past the layer's last byte (header and content) by the length fields; may lie beyond the captured bytes.
    pub end: u32,
}

/// Who cut a header short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The capture kept only so many bytes.
    SnapLength,
    /// A length field outside the header ends before the header does.
    LengthField,
}

/// Why decoding ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Nothing is left to decode.
    End,
    /// Bytes of an application follow: the last layer is [`Protocol::Data`], or that of an application of which this
    /// may be a part.
    Payload,
    /// The rest belongs to a fragmented datagram, and this is not its first fragment or not all of it.
    Fragment,
    /// A protocol that netlab does not decode: which numbering, and the number.
    Unknown { space: &'static str, number: u32 },
    /// The header of `protocol` needs more bytes than there are.
    Truncated { protocol: Protocol, needs: u32, has: u32, by: Cut },
    /// The header of `protocol` contradicts itself.
    Malformed { protocol: Protocol, why: &'static str },
    /// More than [`MAX_LAYERS`] layers.
    TooDeep,
}

/// The layers of one packet, reused for the next.
#[derive(Debug, Default)]
pub struct Layers(ArrayVec<Layer, MAX_LAYERS>);

impl Layers {
    pub fn new() -> Self {
        Self::default()
    }
}

/// A decoded packet: the frame, its layers from the outside in, and why decoding ended.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    pub frame: Frame<'a>,
    pub layers: &'a [Layer],
    pub stop: Stop,
}

impl<'a> Packet<'a> {
    /// The layer at `index`, as field readers want it.
    #[inline]
    pub fn at(&'a self, index: usize) -> Option<At<'a>> {
        self.layers.get(index).map(|layer| At { packet: self, data: self.frame.data, index, layer: *layer })
    }

    /// All layers with their index.
    #[inline]
    pub fn each(&'a self) -> impl Iterator<Item = At<'a>> {
        let at = |(index, layer): (usize, &Layer)| At { packet: self, data: self.frame.data, index, layer: *layer };
        self.layers.iter().enumerate().map(at)
    }

    /// The first layer of `protocol`.
    #[inline]
    pub fn find(&'a self, protocol: Protocol) -> Option<At<'a>> {
        self.each().find(|at| at.layer.protocol == protocol)
    }

    /// The last IP layer before the layer at `index`: the one that carries it.
    #[inline]
    pub fn network(&'a self, index: usize) -> Option<At<'a>> {
        let carriers = self.layers.get(..index)?;
        let found = carriers.iter().rposition(|layer| matches!(layer.protocol, Protocol::Ipv4 | Protocol::Ipv6))?;
        self.at(found)
    }

    /// Source and destination address of the last IP layer before the layer at `index`.
    #[inline]
    pub fn addresses(&'a self, index: usize) -> Option<(Address, Address)> {
        let at = self.network(index)?;
        Some(match at.layer.protocol {
            Protocol::Ipv4 => {
                let [a, b, c, d, e, f, g, h] = at.array(12)?;
                (Address::V4([a, b, c, d]), Address::V4([e, f, g, h]))
            }
            _ => (Address::V6(at.array(8)?), Address::V6(at.array(24)?)),
        })
    }
}

/// An IP address as it stood in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    V4([u8; 4]),
    V6([u8; 16]),
}

impl From<std::net::IpAddr> for Address {
    fn from(address: std::net::IpAddr) -> Self {
        match address {
            std::net::IpAddr::V4(address) => Self::V4(address.octets()),
            std::net::IpAddr::V6(address) => Self::V6(address.octets()),
        }
    }
}

impl From<Address> for std::net::IpAddr {
    fn from(address: Address) -> Self {
        match address {
            Address::V4(bytes) => Self::from(bytes),
            Address::V6(bytes) => Self::from(bytes),
        }
    }
}

/// Decodes a frame by its link type, never by guessing from the bytes.
#[inline]
pub fn decode<'a>(frame: Frame<'a>, layers: &'a mut Layers) -> Packet<'a> {
    walk(frame, layers, true)
}

/// As [`decode`], for those who want nothing of applications: what they say stays [`Protocol::Data`].
#[inline]
pub fn decode_transport<'a>(frame: Frame<'a>, layers: &'a mut Layers) -> Packet<'a> {
    walk(frame, layers, false)
}

#[inline]
fn walk<'a>(frame: Frame<'a>, layers: &'a mut Layers, applications: bool) -> Packet<'a> {
    layers.0.clear();
    let end = (frame.length as usize).max(frame.data.len());
    let (data, layers) = (frame.data, &mut layers.0);
    let mut walk = Walk { data, at: 0, end, quoted: false, fragment: false, applications, layers };
    let stop = walk.run(frame.link);
    Packet { frame, layers: walk.layers, stop }
}

/// How the data behind a transport's layer are to be read again, by what was said before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reread {
    /// As nothing that is known. `layer`: the index of the TCP layer.
    Data { layer: usize },
    /// As frames of WebSocket, behind `skip` bytes of one that began before.
    WebSocket { layer: usize, skip: usize },
    /// As a piece of a file or a listing of FTP. `layer`: the index of the TCP layer.
    FtpData { layer: usize },
    /// As a message of TFTP. `layer`: the index of the UDP layer.
    Tftp { layer: usize },
    /// As messages of MQTT of this version.
    Mqtt { layer: usize, version: u8 },
    /// As records of TLS, behind `skip` bytes of one that began before.
    Tls { layer: usize, skip: usize },
    /// As a message of RTP. `layer`: the index of the UDP layer.
    Rtp { layer: usize },
}

/// The packet with the data behind its transport's layer read otherwise; what lies below stays as it was.
#[cold]
pub fn read_again<'a>(packet: Packet<'a>, how: Reread, layers: &'a mut Layers) -> Packet<'a> {
    let (index, over) = match how {
        Reread::Tftp { layer } | Reread::Rtp { layer } => (layer, Protocol::Udp),
        Reread::Data { layer }
        | Reread::FtpData { layer }
        | Reread::WebSocket { layer, .. }
        | Reread::Mqtt { layer, .. }
        | Reread::Tls { layer, .. } => (layer, Protocol::Tcp),
    };
    let below = packet.layers.get(..=index).unwrap_or_default();
    let Some(transport) = below.last().filter(|layer| layer.protocol == over) else { return packet };
    layers.0.clear();
    layers.0.extend(below.iter().copied());
    let mut walk = Walk {
        data: packet.frame.data,
        at: transport.start.saturating_add(transport.header) as usize,
        end: transport.end as usize,
        quoted: transport.quoted,
        fragment: transport.fragment,
        applications: true,
        layers: &mut layers.0,
    };
    let stop = match how {
        Reread::Data { .. } => walk.payload(),
        Reread::WebSocket { skip, .. } => walk.behind(skip, websocket::decode),
        Reread::Tls { skip, .. } => walk.behind(skip, tls::decode),
        Reread::FtpData { .. } => ftp::decode_data(&mut walk),
        Reread::Tftp { .. } => tftp::decode(&mut walk),
        Reread::Rtp { .. } => rtp::decode(&mut walk),
        Reread::Mqtt { version, .. } => {
            let known = packet.layers.iter().skip(index + 1).map(|layer| match layer.protocol {
                Protocol::Mqtt => Layer { version, ..*layer },
                _ => *layer,
            });
            walk.layers.extend(known.take(walk.layers.remaining_capacity()));
            packet.stop
        }
    };
    Packet { frame: packet.frame, layers: walk.layers, stop }
}

/// Where the decoder stands in the frame, and what it has found so far.
pub(crate) struct Walk<'a, 'l> {
    /// The captured bytes.
    data: &'a [u8],
    /// The first byte not yet decoded.
    at: usize,
    /// One past the last byte that belongs to the layers to come, by length fields; may exceed `data`.
    end: usize,
    /// Inside a packet that an ICMP error quotes.
    quoted: bool,
    /// Behind an IP header that says more fragments follow.
    fragment: bool,
    /// What applications say is to be decoded too.
    applications: bool,
    layers: &'l mut ArrayVec<Layer, MAX_LAYERS>,
}

impl<'a> Walk<'a, '_> {
    /// Captured bytes from here to the end of what belongs to this packet.
    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.data.get(self.at..self.end.min(self.data.len())).unwrap_or_default()
    }

    /// Bytes from here to the end by length fields, captured or not.
    #[inline]
    fn length(&self) -> usize {
        self.end.saturating_sub(self.at)
    }

    /// The next `N` bytes without moving on; where they are not there, the layer so far is kept and decoding ends.
    #[inline]
    fn peek<const N: usize>(&mut self, protocol: Protocol) -> Result<&'a [u8; N], Stop> {
        match self.rest().first_chunk::<N>() {
            Some(bytes) => Ok(bytes),
            None => Err(self.cut(protocol, N)),
        }
    }

    /// Ends decoding because `protocol` needs `needs` bytes: keeps a layer of what there is.
    #[cold]
    fn cut(&mut self, protocol: Protocol, needs: usize) -> Stop {
        let stop = self.truncated(protocol, needs);
        match self.push(protocol, self.rest().len()) {
            Ok(()) => stop,
            Err(deep) => deep,
        }
    }

    /// Says that `protocol` needs `needs` bytes, and who took them away.
    #[cold]
    fn truncated(&self, protocol: Protocol, needs: usize) -> Stop {
        let by = if self.length() < needs { Cut::LengthField } else { Cut::SnapLength };
        Stop::Truncated { protocol, needs: needs as u32, has: self.rest().len() as u32, by }
    }

    /// Ends decoding because the header of `protocol` contradicts itself: the layer has the `header` bytes that make
    /// sense and nothing else.
    #[cold]
    fn malformed(&mut self, protocol: Protocol, header: usize, why: &'static str) -> Stop {
        self.bound(header);
        match self.push(protocol, header) {
            Ok(()) => Stop::Malformed { protocol, why },
            Err(stop) => stop,
        }
    }

    /// The rest is one message of `protocol`, whatever its length.
    fn message(&mut self, protocol: Protocol) -> Stop {
        if self.rest().len() < self.length() {
            return self.cut(protocol, self.length());
        }
        self.push(protocol, self.length()).err().unwrap_or(Stop::End)
    }

    /// Adds a layer whose header is the next `header` bytes, and moves behind it.
    #[inline]
    fn push(&mut self, protocol: Protocol, header: usize) -> Result<(), Stop> {
        let layer = Layer {
            protocol,
            quoted: self.quoted,
            fragment: self.fragment,
            version: 0,
            start: self.at as u32,
            header: header as u32,
            end: self.end as u32,
        };
        self.layers.try_push(layer).map_err(|_| Stop::TooDeep)?;
        self.at += header;
        Ok(())
    }

    /// Whether the last IP header was IPv6's.
    #[cold]
    fn over_ipv6(&self) -> bool {
        let network = self.layers.iter().rfind(|layer| matches!(layer.protocol, Protocol::Ipv4 | Protocol::Ipv6));
        network.is_some_and(|layer| layer.protocol == Protocol::Ipv6)
    }

    /// Moves over bytes that no layer shows.
    fn skip(&mut self, length: usize) {
        self.at = self.at.saturating_add(length).min(self.end);
    }

    /// What follows ends `length` bytes from here, if that is not beyond the present end.
    #[inline]
    fn bound(&mut self, length: usize) {
        self.end = self.end.min(self.at.saturating_add(length));
    }

    /// The next `length` bytes are the part of a message of `protocol` that lies here: text, which may go on in other
    /// segments.
    fn text(&mut self, protocol: Protocol, length: usize) -> Result<(), Stop> {
        self.push(protocol, length.min(self.rest().len()))
    }

    /// What `decode` finds behind `skip` bytes of a message that began before.
    fn behind(&mut self, skip: usize, decode: fn(&mut Self) -> Stop) -> Stop {
        if skip > 0
            && let Err(stop) = self.text(Protocol::Data, skip)
        {
            return stop;
        }
        match decode(self) {
            Stop::End if skip > 0 => Stop::Payload,
            stop => stop,
        }
    }

    /// What is left behind the messages of an application: data, or nothing.
    fn payload_behind(&mut self) -> Stop {
        match self.payload() {
            Stop::End => Stop::Payload,
            stop => stop,
        }
    }

    /// The rest is an application's: one [`Protocol::Data`] layer, or nothing where there is none.
    #[inline]
    fn payload(&mut self) -> Stop {
        let length = self.rest().len();
        if length == 0 {
            return Stop::End;
        }
        match self.push(Protocol::Data, length) {
            Ok(()) => Stop::Payload,
            Err(stop) => stop,
        }
    }
}
