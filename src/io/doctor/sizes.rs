//! Which sizes pass: echo requests with Don't Fragment (RFC 1191 §3, RFC 8899's idea of probing), whatever the kernel
//! believes to know of the path (IP_PMTUDISC_PROBE).
//!
//! Guarantee: one packet where all is well; where large ones vanish, at most [`ROUNDS`] rounds of a few, and an end
//! within [`LONGEST`] and a round.

use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{self, AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType};

use super::super::error_queue;
use super::probe::{echoed, end, identifier};
use crate::engine::doctor::facts::{Icmp, Sizes};
use crate::engine::ping::echo;
use crate::io::sys;

/// Rounds of the search, each with sizes evenly between what passes and what does not.
const ROUNDS: usize = 4;
/// No round begins later than this after the first packet: a slow way is searched less closely.
const LONGEST: Duration = Duration::from_secs(3);
/// Sizes a round.
const SIZES: u32 = 8;

/// A socket for echo requests to one address.
struct Echo {
    socket: OwnedFd,
    raw: bool,
    six: bool,
    sequence: u16,
    /// How long an answer is waited for.
    patience: Duration,
}

/// Tries the largest packet that the first link takes, and where it vanishes looks for what passes. `None` where this
/// user may send no echo requests, or not even small ones are answered. `answered` is how long a small one took.
pub fn probe(
    address: IpAddr,
    scope: u32,
    mtu: u32,
    answered: Duration,
    waiting: &mut dyn FnMut(&str),
) -> Option<Sizes> {
    let begun = Instant::now();
    let mut echo = Echo::open(address, scope, answered)?;
    let mut told = None;
    if echo.passed(&[mtu], &mut told).contains(&mtu) {
        return Some(Sizes { passed: mtu, lost: None, told: None });
    }
    // What every host takes (RFC 791 §3.1, RFC 8200 §5).
    let least = if echo.six { 1280 } else { 576 };
    if told.is_some() || mtu <= least {
        return told.map(|told| Sizes { passed: least.min(told), lost: Some(mtu), told: Some(told) });
    }
    waiting(&format!("large echo replies from {address}"));
    if !echo.passed(&[least], &mut told).contains(&least) {
        return None;
    }
    let (mut passed, mut lost) = (least, mtu);
    for _ in 0..ROUNDS {
        let gap = lost - passed;
        if gap <= 1 || begun.elapsed() > LONGEST {
            break;
        }
        let step = gap.div_ceil(SIZES + 1);
        let between: Vec<u32> = (1..=SIZES).map(|n| passed + n * step).filter(|size| *size < lost).collect();
        let arrived = echo.passed(&between, &mut told);
        passed = arrived.into_iter().max().unwrap_or(passed).max(passed);
        lost = between.into_iter().find(|size| *size > passed).unwrap_or(lost);
    }
    // A machine that is busy answers late: what is called lost has had time enough.
    echo.patience = Duration::from_secs(1);
    let late = told.is_none() && echo.passed(&[lost], &mut told).contains(&lost);
    Some(if late { Sizes { passed: lost, lost: None, told } } else { Sizes { passed, lost: Some(lost), told } })
}

impl Echo {
    fn open(address: IpAddr, scope: u32, answered: Duration) -> Option<Self> {
        let six = address.is_ipv6();
        let family = if six { AddressFamily::Inet6 } else { AddressFamily::Inet };
        let protocol = if six { SockProtocol::IcmpV6 } else { SockProtocol::Icmp };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let kinds = [(SockType::Datagram, false), (SockType::Raw, true)];
        let opened =
            kinds.into_iter().find_map(|(kind, raw)| Some((socket::socket(family, kind, flags, protocol).ok()?, raw)));
        let (socket, raw) = opened?;
        let (level, option) =
            if six { (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER) } else { (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER) };
        sys::set_number(&socket, level, option, libc::IP_PMTUDISC_PROBE).ok()?;
        error_queue::keep(&socket, six);
        socket::connect(socket.as_raw_fd(), &end(address, 0, scope)).ok()?;
        let patience = (answered * 4).clamp(Duration::from_millis(250), Duration::from_millis(600));
        Some(Self { socket, raw, six, sequence: 0, patience })
    }

    /// Which of these sizes are answered; each is sent twice. `told` takes what somebody says that the way takes.
    fn passed(&mut self, sizes: &[u32], told: &mut Option<u32>) -> Vec<u32> {
        let mut arrived = Vec::new();
        for _ in 0..2 {
            let mut under_way = Vec::new();
            for size in sizes.iter().filter(|size| !arrived.contains(*size)) {
                self.sequence = self.sequence.wrapping_add(1);
                match self.send(*size) {
                    // What this kernel's own interface or route does not take.
                    Err(Errno::EMSGSIZE) => *told = told.or(Some(size.saturating_sub(1))),
                    _ => under_way.push((self.sequence, *size)),
                }
            }
            let end = Instant::now() + self.patience;
            while arrived.len() < sizes.len() && told.is_none() && Instant::now() < end {
                let mut ready = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
                let _ = poll(&mut ready, PollTimeout::from(20u8));
                if let Some(entry) = error_queue::take(&self.socket)
                    && let Icmp::TooBig(mtu) = entry.icmp
                {
                    *told = Some(mtu);
                }
                let mut bytes = [0; 128];
                while let Ok(length) = socket::recv(self.socket.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT) {
                    let sequence = echoed(self.six, self.raw, bytes.get(..length).unwrap_or_default());
                    let size = under_way.iter().find(|(sent, _)| Some(*sent) == sequence).map(|(_, size)| *size);
                    arrived.extend(size.filter(|size| !arrived.contains(size)));
                }
            }
            if arrived.len() == sizes.len() || told.is_some() {
                break;
            }
        }
        arrived
    }

    /// An echo request of `size` bytes, the IP header among them.
    fn send(&self, size: u32) -> nix::Result<()> {
        let header = if self.six { 40 } else { 20 };
        let length = usize::try_from(size.saturating_sub(header)).unwrap_or(0).saturating_sub(echo::HEADER);
        let bytes = echo::request(self.six, identifier(), self.sequence, length);
        socket::send(self.socket.as_raw_fd(), &bytes, MsgFlags::MSG_DONTWAIT).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_takes_its_whole_mtu_and_says_what_is_too_much() {
        for local in ["127.0.0.1", "::1"] {
            let address = local.parse().unwrap();
            let asked = |mtu| probe(address, 0, mtu, Duration::ZERO, &mut |_| ());
            let Some(sizes) = asked(1500) else { return crate::support::skip("no echo requests for this user") };
            assert_eq!(sizes, Sizes { passed: 1500, lost: None, told: None });
            let sizes = asked(65_530).unwrap();
            assert_eq!(sizes.passed, 65_530, "an interface of 65536 bytes");
        }
    }
}
