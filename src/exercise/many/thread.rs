//! A thread a client: each reads like a program with one client. The kernel switches between them, and each costs a
//! stack.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Builder;

use super::Protocol;
use super::house::{House, PAUSE};
use super::sequential::{attend, next};
use crate::exercise::connection::readable;
use crate::exercise::{Error, Service};

/// Room for [`attend`] and what it prints; the default of 2 MiB is address space for deep recursion.
const STACK: usize = 128 << 10;

pub fn run<P: Protocol>(house: &House<P>, listener: &TcpListener, service: &Service) -> Result<(), Error> {
    let present = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        loop {
            // A thread's end cannot be waited for beside a socket.
            while present.load(Ordering::Acquire) >= house.max_clients {
                if readable(&service.stop, None, Some(PAUSE))? {
                    return Ok(());
                }
            }
            let Some((stream, mut talk)) = next(house, listener, &service.stop)? else { return Ok(()) };
            let (peer, present) = (talk.peer, &present);
            present.fetch_add(1, Ordering::AcqRel);
            let thread = Builder::new().stack_size(STACK).spawn_scoped(scope, move || {
                let ending = attend(house, &stream, &mut talk, &service.stop);
                let settled = house.left(talk.peer, ending).and_then(|()| house.protocol.settle(&house.transcript));
                if let Err(error) = settled {
                    house.fail(error);
                    service.stop.ask();
                }
                present.fetch_sub(1, Ordering::AcqRel);
            });
            if let Err(error) = thread {
                present.fetch_sub(1, Ordering::AcqRel);
                house.transcript.note(&format!("no thread for {peer}: {error}"));
            }
        }
    })
}
