//! Whole frames put onto an interface, and those that pass it (packet(7)), through pnet.
//!
//! Traps: pnet asks for promiscuous mode unless told not to, and its reader cuts frames at its buffer, so it is for a few
//! small answers only; captures are libpcap's.

use std::io;
use std::time::Duration;

use pnet::datalink::{self, Config, DataLinkReceiver, DataLinkSender};

use super::{interfaces, open::refused};
use crate::frame::Error;

/// An interface, open for sending frames.
pub struct Channel {
    sender: Box<dyn DataLinkSender>,
    receiver: Box<dyn DataLinkReceiver>,
}

/// How long one [`Channel::receive`] waits.
pub const TICK: Duration = Duration::from_millis(20);

impl Channel {
    /// Needs CAP_NET_RAW.
    pub fn open(name: &str) -> Result<Self, Error> {
        Self::configured(name, Config { promiscuous: false, ..Config::default() })
    }

    /// For a conversation: room for what the kernel has put together from many segments. `promiscuous`: frames for other
    /// link addresses than the interface's pass, too; the kernel forgets that with the socket.
    pub fn open_wide(name: &str, promiscuous: bool) -> Result<Self, Error> {
        Self::configured(name, Config { promiscuous, read_buffer_size: 1 << 17, ..Config::default() })
    }

    fn configured(name: &str, config: Config) -> Result<Self, Error> {
        let gone = || refused("send on", name, io::ErrorKind::NotFound.into());
        let interface = interfaces().find(|one| one.name == name).ok_or_else(gone)?;
        let config = Config { read_timeout: Some(TICK), ..config };
        match datalink::channel(&interface, config) {
            Ok(datalink::Channel::Ethernet(sender, receiver)) => Ok(Self { sender, receiver }),
            Ok(_) => Err(refused("send on", name, io::ErrorKind::Unsupported.into())),
            Err(source) => Err(refused("send on", name, source)),
        }
    }

    /// Sends one frame, its link header included.
    pub fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.sender.send_to(frame, None).unwrap_or_else(|| Err(io::ErrorKind::Unsupported.into()))
    }

    /// The next frame that passes, or `None` after [`TICK`].
    pub fn receive(&mut self) -> io::Result<Option<&[u8]>> {
        match self.receiver.next() {
            Ok(frame) => Ok(Some(frame)),
            Err(error) if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
