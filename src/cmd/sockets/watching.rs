//! `netlab sockets --watch`: a line for each change.

use std::collections::HashMap;
use std::io::Write;
use std::os::fd::AsFd;
use std::time::Instant;

use anyhow::Context;

use super::super::output::stdout;
use super::super::{Exit, args};
use super::choice::word;
use super::names::Names;
use super::{Args, object, show};
use crate::io::clock;
use crate::io::interrupt::Interrupt;
use crate::io::sockets::processes::{Holder, Holders};
use crate::io::sockets::watch::{Change, Watch};
use crate::io::sockets::{Endpoint, Protocol, Socket};
use crate::view::lines;
use crate::view::object::Object;
use crate::view::style::{Palette, Role};

/// What a connection is known by after the kernel forgot its program.
type Key = (Protocol, Endpoint, Endpoint);

fn key(socket: &Socket) -> Key {
    (socket.protocol, socket.local.clone(), socket.remote.clone())
}

struct Telling<'a> {
    args: &'a Args,
    names: Names,
    /// Who held the sockets that are open.
    held: HashMap<Key, Vec<Holder>>,
    palette: Palette,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let (stop, ring) = std::io::pipe().context("cannot make a pipe")?;
    let _interrupt = Interrupt::install(|| Ok(ring.try_clone()?.into())).context("cannot listen for Ctrl-C")?;
    let (mut watch, sockets) = Watch::begin(&args.choice.protocols())?;
    let holders = Holders::read();
    let held = sockets.iter().map(|socket| (key(socket), holders.of(socket.inode).to_vec())).collect();
    let mut telling = Telling { args, names: Names::default(), held, palette: Palette::new(args.color.on_stdout()) };
    let end = args.pace.duration.map(|duration| Instant::now() + duration);
    let mut out = stdout()?;
    if args.pace.ready {
        eprintln!("READY");
    }
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let Some(changes) = watch.next(args.pace.interval.min(left.unwrap_or(args.pace.interval)), stop.as_fd())?
        else {
            break;
        };
        let text = telling.tell(changes);
        out.write_all(&text)?;
        if left.is_some_and(|left| left.is_zero()) {
            break;
        }
    }
    Ok(Exit::Done)
}

impl Telling<'_> {
    fn tell(&mut self, changes: Vec<Change>) -> Vec<u8> {
        let mut out = Vec::new();
        if changes.is_empty() {
            return out;
        }
        let holders = Holders::read();
        for change in changes {
            match change {
                Change::Opened(socket) => {
                    let who = holders.of(socket.inode).to_vec();
                    self.line("opened", None, &socket, &who, &mut out);
                    self.held.insert(key(&socket), who);
                }
                Change::Moved(socket, before) => {
                    // An accepted connection got its program only now; one that closes has it no longer.
                    let now = holders.of(socket.inode).to_vec();
                    let who = self.held.entry(key(&socket)).or_default();
                    if !now.is_empty() {
                        *who = now;
                    }
                    let who = who.clone();
                    self.line("moved", Some(word(socket.protocol, before)), &socket, &who, &mut out);
                }
                Change::Closed(socket) => {
                    let who = self.held.remove(&key(&socket)).unwrap_or_default();
                    self.line("closed", None, &socket, &who, &mut out);
                }
                Change::Brief(socket) => self.line("brief", None, &socket, &[], &mut out),
                Change::Lost => self.lost(&mut out),
            }
        }
        out
    }

    fn lost(&self, out: &mut Vec<u8>) {
        if self.args.json {
            let mut object = Object::new(out);
            object.string("event", "lost");
            object.end();
        } else {
            args::talk("netlab: more sockets came and went than the kernel could tell of: some are missing here");
        }
    }

    fn line(&mut self, event: &str, before: Option<&str>, socket: &Socket, who: &[Holder], out: &mut Vec<u8>) {
        if !self.args.choice.takes(socket, who) {
            return;
        }
        let now = clock::now();
        if self.args.json {
            let mut object = Object::new(out);
            object.seconds("time", now.0, 6);
            object.string("event", event);
            if let Some(before) = before {
                object.string("before", before);
            }
            object::fill(socket, who, &mut self.names, &mut object);
            return object.end();
        }
        lines::clock(now, clock::zone_offset(now), 3, out);
        let role = match event {
            "opened" => Role::Opening,
            "closed" => Role::Faint,
            _ => Role::Closing,
        };
        let state = word(socket.protocol, socket.state);
        let what = match (event, before) {
            (_, Some(before)) => format!("{before} → {state}"),
            ("brief", _) => "opened and closed".to_owned(),
            ("opened", _) => format!("opened: {state}"),
            _ => format!("{event}: was {state}"),
        };
        out.extend_from_slice(format!("  {:<6} ", socket.protocol.name()).as_bytes());
        self.palette.begin(role, out);
        out.extend_from_slice(format!("{what:<28}").as_bytes());
        self.palette.end(role, out);
        out.push(b' ');
        show::end(&socket.local, out);
        out.extend_from_slice(b"  ");
        show::end(&socket.remote, out);
        if !who.is_empty() {
            out.extend_from_slice(b"  ");
            show::processes(who, out);
        }
        out.push(b'\n');
    }
}
