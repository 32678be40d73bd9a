//! FTP's data connections (RFC 959 §3.2, RFC 2428): which control connection announced one, how, and for which command.
//!
//! Guarantee: bounded, whatever comes: so many announcements, control connections and data connections; the oldest leave.
//! Trap: a client may say where the data go before it says what it wants, and the connection may open in between: what a
//! data connection is for is asked anew with each of its segments.

mod directory;

use std::sync::Arc;

use directory::Directory;

use super::bounded::{ByAge, ByStream};
use super::tcp;
use crate::wire::application::{self, Over};
use crate::wire::{Address, Packet, Protocol, Reread, ftp, line};

/// Announcements, control connections and data connections that are remembered.
const MOST: usize = 4096;
/// Bytes of a command that are kept.
const LONGEST: usize = 256;

/// What goes over a data connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// How it was announced, as Wireshark says it: PORT, EPRT, PASV, EPASV.
    pub method: &'static str,
    /// The frame that said where the connection is to go.
    pub setup: u64,
    /// The command that it is for, and the frame of that; unescaped.
    pub command: Option<(Box<[u8]>, u64)>,
    /// Where the control connection was when it announced it, as far as that is known; unescaped.
    pub directory: Option<Arc<[u8]>>,
}

/// What a control connection said last.
#[derive(Debug)]
struct Control {
    transfer: Arc<Transfer>,
    /// The data connection that was opened for it.
    data: Option<u32>,
}

/// Watches control connections for the data connections that they announce.
#[derive(Debug, Default)]
pub struct Watch {
    /// By the end where somebody waits: the control connection.
    announced: ByAge<(Address, u16), u32, MOST>,
    controls: ByStream<Control, MOST>,
    /// By control connection.
    directories: ByStream<Directory, MOST>,
    /// By data connection.
    data: ByStream<Arc<Transfer>, MOST>,
}

impl Watch {
    /// What the first TCP layer of the next packet carries for FTP, if its connection is one for data.
    #[inline]
    pub fn look(&mut self, packet: &Packet<'_>, facts: &tcp::Facts) -> Option<Arc<Transfer>> {
        if packet.layers.last().is_some_and(|last| last.protocol == Protocol::Ftp) {
            self.hear(packet, facts);
        }
        if self.is_idle() { None } else { self.look_into(packet, facts) }
    }

    /// Whether nothing was announced.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.announced.is_empty()
    }

    /// How the segment is to be read that carries data, where that is otherwise than it was.
    pub fn reread(packet: &Packet<'_>) -> Option<Reread> {
        let at = packet.find(Protocol::Tcp).filter(|at| !at.layer.quoted)?;
        let is_free = !application::is_wished(Over::Tcp, [at.u16(0)?, at.u16(2)?]);
        (is_free && !at.content().is_empty()).then_some(Reread::FtpData { layer: at.index })
    }

    #[cold]
    fn hear(&mut self, packet: &Packet<'_>, facts: &tcp::Facts) {
        let own = packet.find(Protocol::Tcp).filter(|at| !at.layer.quoted);
        let Some((source, _)) = own.and_then(|at| packet.addresses(at.index)) else { return };
        if facts.analysis.repeats() || facts.unmeasured {
            return;
        }
        for at in packet.each().filter(|at| at.layer.protocol == Protocol::Ftp) {
            let text = ftp::first_line(at.header());
            let announced = if facts.from_client {
                let (word, argument) = ftp::command(text);
                self.change(facts.stream, word, argument);
                if ftp::transfers(word) {
                    self.command(facts.stream, text, packet.frame.number);
                }
                ftp::active(word, argument)
                    .map(|end| (if line::is_one_of(word, &["EPRT"]) { "EPRT" } else { "PORT" }, end))
            } else {
                line::reply(text).and_then(|reply| {
                    if let Some(directory) = self.directories.of_mut(facts.stream) {
                        directory.reply(reply.code, reply.text);
                    }
                    let method = if reply.code == 229 { "EPASV" } else { "PASV" };
                    Some((method, ftp::passive(reply.code, reply.text)?))
                })
            };
            if let Some((method, (address, port))) = announced {
                // Whoever says so waits there himself, unless he says otherwise.
                let end = (address.unwrap_or(source), port);
                let directory = self.directories.of_mut(facts.stream).and_then(|directory| directory.path());
                let transfer = Transfer { method, setup: packet.frame.number, command: None, directory };
                self.announced.insert(end, facts.stream);
                self.controls.insert(facts.stream, Control { transfer: Arc::new(transfer), data: None });
            }
        }
    }

    /// A command that may lead the control connection to another directory.
    fn change(&mut self, stream: u32, word: &[u8], argument: &[u8]) {
        let known = match directory::is_told_by(word) {
            true => Some(self.directories.of_or_insert_with(stream, Directory::default)),
            false => self.directories.of_mut(stream),
        };
        known.into_iter().for_each(|directory| directory.command(word, argument));
    }

    /// A command that wants a data connection: the one that was announced last, which may be open already.
    fn command(&mut self, stream: u32, text: &[u8], frame: u64) {
        let Some(control) = self.controls.of_mut(stream) else { return };
        // An end may serve for several commands, each with a connection of its own.
        let data = control.data.take().filter(|_| control.transfer.command.is_none());
        let text = text.get(..text.len().min(LONGEST)).unwrap_or_default();
        let transfer = Transfer { command: Some((text.into(), frame)), ..Transfer::clone(&control.transfer) };
        control.transfer = Arc::new(transfer);
        if let Some(known) = data.and_then(|data| self.data.of_mut(data)) {
            *known = Arc::clone(&control.transfer);
        }
    }

    fn look_into(&mut self, packet: &Packet<'_>, facts: &tcp::Facts) -> Option<Arc<Transfer>> {
        if facts.first {
            self.begin(packet, facts.stream);
        }
        self.data.of_mut(facts.stream).map(|transfer| Arc::clone(transfer))
    }

    /// The first segment of a connection: whether somebody waits for it, at either end.
    fn begin(&mut self, packet: &Packet<'_>, stream: u32) {
        let Some(at) = packet.find(Protocol::Tcp).filter(|at| !at.layer.quoted) else { return };
        let (Some((source, destination)), Some(from), Some(to)) = (packet.addresses(at.index), at.u16(0), at.u16(2))
        else {
            return;
        };
        let announced = self.announced.of((destination, to)).or_else(|| self.announced.of((source, from)));
        if let Some(control) = announced.filter(|control| **control != stream).copied()
            && let Some(control) = self.controls.of_mut(control)
        {
            control.data = Some(stream);
            self.data.insert(stream, Arc::clone(&control.transfer));
        }
    }
}

#[cfg(test)]
mod tests;
