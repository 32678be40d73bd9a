//! How a lab is found and asked: a socket in the abstract namespace, by user and name (unix(7)). It is its lock and its
//! state at once: it goes with the process that holds it, so there is never a stale one.
//!
//! Both sides look at the other's user: the name could be taken by anybody on this machine.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    self, AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, sockopt,
};
use nix::sys::time::TimeVal;
use nix::unistd::geteuid;

use super::Error;
use crate::io::sys;
use crate::lab::file::LARGEST;
use crate::lab::{Topology, file};

const STATE: &[u8] = b"netlab lab 1: state";
const DOWN: &[u8] = b"netlab lab 1: down";
/// Descriptors that one message carries at most (SCM_MAX_FD).
const MOST_DESCRIPTORS: usize = 253;
/// How long the other side may take to answer: a lab that is being built answers when it is up.
const PATIENCE: i64 = 10;
/// How long it may take until a lab is down.
const LONGEST_END: Duration = Duration::from_secs(20);

fn address(name: &str) -> Result<UnixAddr, Error> {
    let path = format!("netlab-lab/{}/{name}", geteuid());
    UnixAddr::new_abstract(path.as_bytes()).map_err(Error::of("make the lab's name"))
}

fn open() -> Result<OwnedFd, Error> {
    let socket = socket::socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None);
    let socket = socket.map_err(Error::of("open a socket"))?;
    let _ = socket::setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(PATIENCE, 0));
    Ok(socket)
}

/// The names of this user's labs that are up.
pub fn running() -> Vec<String> {
    let table = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let begin = format!("@netlab-lab/{}/", geteuid());
    let listening = |line: &&str| line.split_ascii_whitespace().nth(3) == Some("00010000");
    let name = |line: &str| Some(line.split_once(&begin)?.1.to_owned());
    let mut names: Vec<String> = table.lines().filter(listening).filter_map(name).collect();
    names.sort();
    names.dedup();
    names
}

/// The lab's side.
pub struct Door(OwnedFd);

/// What somebody wants who came to the door.
pub struct Request {
    from: OwnedFd,
    pub down: bool,
}

impl Door {
    /// Takes the name; an error where a lab has it.
    pub fn open(name: &str) -> Result<Self, Error> {
        let socket = open()?;
        match socket::bind(socket.as_raw_fd(), &address(name)?) {
            Err(Errno::EADDRINUSE) => return Err(Error::Up),
            result => result.map_err(Error::of("take the lab's name"))?,
        }
        let backlog = Backlog::new(16).map_err(Error::of("listen"))?;
        socket::listen(&socket, backlog).map_err(Error::of("listen"))?;
        Ok(Self(socket))
    }

    /// The next request of this user; `None` where it was somebody else, or nothing that is known.
    pub fn answer(&self) -> Option<Request> {
        let accepted = socket::accept4(self.0.as_raw_fd(), SockFlag::SOCK_CLOEXEC).ok()?;
        let from = sys::own(accepted);
        let who = socket::getsockopt(&from, sockopt::PeerCredentials).ok()?;
        if who.uid() != geteuid().as_raw() {
            return None;
        }
        // Who says nothing keeps nobody else waiting for long.
        let _ = socket::setsockopt(&from, sockopt::ReceiveTimeout, &TimeVal::new(1, 0));
        let mut asked = [0; 64];
        let length = socket::recv(from.as_raw_fd(), &mut asked, MsgFlags::empty()).ok()?;
        match asked.get(..length)? {
            STATE => Some(Request { from, down: false }),
            DOWN => Some(Request { from, down: true }),
            _ => None,
        }
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Request {
    /// Tells the lab's file, and hands out its namespaces: user, mount and PID, then each node's network.
    pub fn tell(&self, file: &str, namespaces: &[RawFd]) {
        let text = [IoSlice::new(file.as_bytes())];
        let rights = [ControlMessage::ScmRights(namespaces)];
        // Who has gone away needs no answer.
        let flags = MsgFlags::MSG_NOSIGNAL;
        let _ = socket::sendmsg::<UnixAddr>(self.from.as_raw_fd(), &text, &rights, flags, None);
    }
}

/// A lab that is up, as its user sees it.
pub struct Lab {
    pub topology: Topology,
    pub user: File,
    pub mounts: File,
    pub processes: File,
    /// Every network, by the name of its node.
    pub nodes: Vec<(String, File)>,
    name: String,
    /// The process that ends when the lab does.
    keeper: OwnedFd,
}

impl Lab {
    /// The lab of this name; `None` where none is up.
    pub fn find(name: &str) -> Result<Option<Self>, Error> {
        let Some(socket) = connect(name)? else { return Ok(None) };
        // Its namespaces come with its answer, but it may be gone before that.
        let Some(keeper) = keeper(&socket)? else { return Ok(None) };
        let sent = socket::send(socket.as_raw_fd(), STATE, MsgFlags::MSG_NOSIGNAL);
        sent.map_err(Error::of("ask the lab"))?;
        // The file, and a line before it.
        let mut text = vec![0; LARGEST + 64];
        let mut space = cmsg_space!([RawFd; MOST_DESCRIPTORS]);
        let mut parts = [IoSliceMut::new(&mut text)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let got = socket::recvmsg::<UnixAddr>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags);
        let got = got.map_err(Error::of("hear from the lab"))?;
        let mut namespaces = Vec::new();
        for message in got.cmsgs().map_err(|_| Error::Strange)? {
            if let ControlMessageOwned::ScmRights(all) = message {
                namespaces.extend(all.into_iter().map(|number| File::from(sys::own(number))));
            }
        }
        let length = got.bytes;
        let told = std::str::from_utf8(text.get(..length).unwrap_or_default()).map_err(|_| Error::Strange)?;
        let (extra, told) = told.split_once('\n').ok_or(Error::Strange)?;
        let topology = file::read(told).map_err(|_| Error::Strange)?;
        let mut namespaces = namespaces.into_iter();
        let (Some(user), Some(mounts), Some(processes)) = (namespaces.next(), namespaces.next(), namespaces.next())
        else {
            return Err(Error::Strange);
        };
        let names = topology.nodes().map(str::to_owned).chain(extra.split_whitespace().map(str::to_owned));
        let nodes: Vec<(String, File)> = names.zip(namespaces).collect();
        if nodes.len() < topology.nodes().count() {
            return Err(Error::Strange);
        }
        Ok(Some(Self { user, mounts, processes, nodes, name: name.to_owned(), keeper, topology }))
    }

    /// Ends it, and waits until nothing of it is left. Whether it went.
    pub fn down(&self) -> Result<bool, Error> {
        if let Some(socket) = connect(&self.name)? {
            let _ = socket::send(socket.as_raw_fd(), DOWN, MsgFlags::MSG_NOSIGNAL);
        }
        self.gone(LONGEST_END)
    }

    /// Whether it has ended, or ends within this time.
    pub fn gone(&self, within: Duration) -> Result<bool, Error> {
        let mut fds = [PollFd::new(self.keeper.as_fd(), PollFlags::POLLIN)];
        let limit = PollTimeout::try_from(within.as_millis()).unwrap_or(PollTimeout::MAX);
        let ended = poll(&mut fds, limit).map_err(Error::of("wait for the lab's end"))?;
        Ok(ended > 0)
    }
}

fn connect(name: &str) -> Result<Option<OwnedFd>, Error> {
    let socket = open()?;
    match socket::connect(socket.as_raw_fd(), &address(name)?) {
        Err(Errno::ECONNREFUSED) => Ok(None),
        result => result.map(|()| Some(socket)).map_err(Error::of("reach the lab")),
    }
}

/// The process that listens, which must be this user's; `None` where it has just ended.
fn keeper(socket: &OwnedFd) -> Result<Option<OwnedFd>, Error> {
    let who = socket::getsockopt(socket, sockopt::PeerCredentials).map_err(Error::of("see whose the lab is"))?;
    if who.uid() != geteuid().as_raw() {
        return Err(Error::Foreign { uid: who.uid() });
    }
    match sys::process(who.pid()) {
        Err(error) if error.raw_os_error() == Some(Errno::ESRCH as i32) => Ok(None),
        result => result.map(Some).map_err(|source| Error::Failed { operation: "watch the lab's process", source }),
    }
}
