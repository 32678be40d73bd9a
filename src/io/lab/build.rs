//! Performs operations, one after the other, in the namespaces that they are about.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::line::Carrier;
use super::translator::Translating;
use super::{Error, links};
use crate::io::netlink::Netlink;
use crate::io::netlink::attributes::{Attributes, u32_at};
use crate::io::netns::{netlink, raise_loopback};
use crate::io::sys;
use crate::lab::operation::{BACKSTAGE, BRIDGE, Operation};
use crate::lab::router::Setup;

/// How long the cables' carriers are waited for.
const LONGEST: Duration = Duration::from_secs(3);
/// The first number of an interface; each has one of its own in the whole lab.
const FIRST_INDEX: u32 = 10;

/// What a thread of netlab's own does as long as the lab is up.
pub type Work = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// The lab's network namespaces, and what netlab itself is to do in them.
pub struct Built {
    /// By name, in the order in which they were made.
    pub nodes: Vec<(String, File)>,
    /// Interfaces of this process's own namespace, between which it carries frames.
    pub work: Vec<Work>,
    home: File,
    next_index: u32,
    seed: u64,
}

impl Built {
    /// Builds all of it. The thread is in its own namespace again afterwards, unless it failed.
    /// `seed`: of the chance on bad lines.
    pub fn build(operations: &[Operation], seed: u64) -> Result<Self, Error> {
        let failed = |source| Error::Failed { operation: "open the own network namespace", source };
        let home = namespace().map_err(failed)?;
        let mut built = Self { nodes: Vec::new(), work: Vec::new(), home, next_index: FIRST_INDEX, seed };
        for operation in operations {
            built.perform(operation).map_err(|source| {
                let step = operation.to_string();
                Error::Step { step: step.lines().next().unwrap_or_default().to_owned(), source }
            })?;
        }
        built.wait_for_carriers().map_err(|source| Error::Failed { operation: "wait for the cables", source })?;
        setns(&built.home, CloneFlags::CLONE_NEWNET).map_err(Error::of("go back to the own namespace"))?;
        Ok(built)
    }

    fn index(&mut self) -> u32 {
        self.next_index += 1;
        self.next_index
    }

    fn node(&self, name: &str) -> io::Result<&File> {
        let found = self.nodes.iter().find(|(node, _)| node == name).map(|(_, namespace)| namespace);
        found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no {name}")))
    }

    fn enter(&self, name: &str) -> io::Result<()> {
        Ok(setns(self.node(name)?, CloneFlags::CLONE_NEWNET)?)
    }

    fn perform(&mut self, operation: &Operation) -> io::Result<()> {
        match operation {
            Operation::Node { node } if node == BACKSTAGE => {
                let own = self.home.try_clone()?;
                self.nodes.push((node.clone(), own));
            }
            Operation::Node { node } => {
                unshare(CloneFlags::CLONE_NEWNET)?;
                raise_loopback()?;
                self.nodes.push((node.clone(), namespace()?));
            }
            // It is gone when nobody holds it any more.
            Operation::Remove { node } => self.nodes.retain(|(name, _)| name != node),
            Operation::Set { node, name, value } => {
                self.enter(node)?;
                set(name, value)?;
            }
            Operation::Cable { ends } => {
                let indexes = [self.index(), self.index()];
                self.enter(&ends[0].node)?;
                let there = self.node(&ends[1].node)?;
                netlink(links::RTM_NEWLINK, links::CREATE, &links::pair(ends, indexes, there.as_fd()))?;
            }
            Operation::Plain { node, interface } => {
                self.enter(node)?;
                without_offloads(interface)?;
            }
            Operation::Bridge { node, snooping } => {
                let index = self.index();
                self.enter(node)?;
                netlink(links::RTM_NEWLINK, links::CREATE, &links::bridge(index, *snooping))?;
            }
            Operation::Port { node, interface } => {
                self.enter(node)?;
                let message = links::master(if_nametoindex(interface.as_str())?, if_nametoindex(BRIDGE)?);
                netlink(links::RTM_NEWLINK, 0, &message)?;
            }
            Operation::Address { node, interface, network } => {
                self.enter(node)?;
                let message = links::address(if_nametoindex(interface.as_str())?, *network);
                match netlink(links::RTM_NEWADDR, links::CREATE, &message) {
                    // A kernel without IPv6, or one that has it switched off.
                    Err(Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT | Errno::EACCES) if network.address.is_ipv6() => {}
                    result => result?,
                }
            }
            Operation::Up { node, interface } => {
                self.enter(node)?;
                netlink(links::RTM_NEWLINK, 0, &links::up(if_nametoindex(interface.as_str())?))?;
            }
            Operation::Route { node, to, via } => {
                self.enter(node)?;
                netlink(links::RTM_NEWROUTE, links::CREATE, &links::route(*to, *via))?;
            }
            Operation::Querier { node } => {
                self.enter(node)?;
                netlink(links::RTM_NEWLINK, 0, &links::querier(if_nametoindex(BRIDGE)?))?;
            }
            Operation::Rules { node, text } => {
                self.enter(node)?;
                load(text)?;
            }
            Operation::Link { ends, impairment } => {
                self.enter(BACKSTAGE)?;
                let seed = self.seed.wrapping_add(self.work.len() as u64);
                // What hosts say when their interfaces come up waits there until somebody carries it.
                let carrier = Carrier::open(ends, *impairment, seed)?;
                self.work.push(Box::new(|| carrier.run()));
            }
            Operation::Translate { node, setup } => {
                self.enter(node)?;
                let seed = setup.seed.wrapping_add(self.seed);
                let translating = Translating::open(Setup { seed, ..setup.clone() })?;
                self.work.push(Box::new(|| translating.run()));
            }
        }
        Ok(())
    }

    /// Waits until each interface that is up takes packets (IF_OPER_UP, RFC 2863 §3.1.14): the kernel notices the carrier
    /// some time after it is there, and drops what is sent before that without a word.
    fn wait_for_carriers(&self) -> io::Result<()> {
        let last = Instant::now() + LONGEST;
        for (_, namespace) in &self.nodes {
            setns(namespace, CloneFlags::CLONE_NEWNET)?;
            let mut links = Netlink::routes()?;
            while !all_carry(&mut links)? && Instant::now() < last {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(())
    }
}

/// The network namespace that this thread is in.
pub fn namespace() -> io::Result<File> {
    File::open("/proc/thread-self/ns/net")
}

fn set(name: &str, value: &str) -> io::Result<()> {
    match fs::write(format!("/proc/sys/net/{name}"), value) {
        // A kernel without IPv6 has nothing to be set there.
        Err(error) if error.kind() == io::ErrorKind::NotFound && name.starts_with("ipv6/") => Ok(()),
        result => result,
    }
}

fn without_offloads(interface: &str) -> io::Result<()> {
    // linux/ethtool.h: ETHTOOL_STXCSUM, STSO, SGSO, SGRO.
    const OFF: [u32; 4] = [0x17, 0x1f, 0x24, 0x2c];
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    for command in OFF {
        match sys::set_ethtool(socket.as_fd(), interface, command, 0) {
            // What there is none of is off.
            Err(error) if error.raw_os_error() == Some(Errno::EOPNOTSUPP as i32) => {}
            result => result?,
        }
    }
    Ok(())
}

fn all_carry(links: &mut Netlink) -> io::Result<bool> {
    const RTM_GETLINK: u16 = 18;
    const IFLA_OPERSTATE: u16 = 16;
    const IFF_UP: u32 = 1;
    const IFF_LOOPBACK: u32 = 8;
    const UP: u8 = 6;
    // A struct ifinfomsg is 16 bytes, the flags are at 8; attributes follow it.
    let all = links.list(RTM_GETLINK, &[0; 16])?;
    Ok(all.iter().all(|link| {
        let flags = u32_at(link, 8).unwrap_or_default();
        let state = Attributes(link.get(16..).unwrap_or_default()).find(IFLA_OPERSTATE);
        flags & IFF_UP == 0 || flags & IFF_LOOPBACK != 0 || state == Some(&[UP])
    }))
}

/// Where nft(8) is; ordinary users often have no sbin in their PATH.
pub fn nft() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|folder| folder.join("nft")).find(|file| file.is_file())
}

fn load(rules: &str) -> io::Result<()> {
    let program = nft().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "nft is not installed"))?;
    let mut command = Command::new(program);
    command.args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    // The rules are less than a pipe holds, and it reads them before it says anything.
    let written = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(rules.as_bytes()));
    let output = child.wait_with_output()?;
    if output.status.success() {
        return written;
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(said.trim().lines().take(3).collect::<Vec<_>>().join("; ")))
}
