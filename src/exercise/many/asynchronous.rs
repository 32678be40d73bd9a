//! One thread and a task a client: each task reads like a program with one client, and gives way wherever it waits.
//! tokio keeps the tasks, wakes them by epoll, and has a clock for each.

use std::io;
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::Protocol;
use super::house::{House, PAUSE};
use super::talk::{LARGEST_PIECE, Need, Talk, Wire, receive_now, send_now};
use crate::exercise::{Error, Service};

/// What the tasks share.
struct Shared<P> {
    house: House<P>,
    present: AtomicUsize,
    /// A client left a full house.
    left: Notify,
    /// The server cannot go on.
    failed: Notify,
}

pub fn run<P: Protocol>(house: House<P>, listener: TcpListener, service: &Service) -> Result<u64, Error> {
    let name = house.name;
    let failed = |source| Error::System { operation: "wait for the clients of", target: name.to_owned(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let shared = Arc::new(Shared { house, present: AtomicUsize::new(0), left: Notify::new(), failed: Notify::new() });
    runtime.block_on(async {
        let stop = service.stop.duplicate().and_then(tokio::net::UnixStream::from_std).map_err(failed)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
        tokio::select! {
            biased;
            _ = stop.readable() => {}
            () = shared.failed.notified() => {}
            () = accept(&shared, &listener) => {}
        }
        Ok(())
    })?;
    // Ends all tasks, and with them their connections.
    drop(runtime);
    shared.house.close()
}

/// A task for each client, for ever.
async fn accept<P: Protocol>(shared: &Arc<Shared<P>>, listener: &tokio::net::TcpListener) {
    loop {
        while shared.present.load(Ordering::Acquire) >= shared.house.max_clients {
            shared.left.notified().await;
        }
        match listener.accept().await {
            Ok((stream, peer)) => match shared.house.arrived(peer, Instant::now()) {
                Ok(talk) => {
                    shared.present.fetch_add(1, Ordering::AcqRel);
                    tokio::spawn(serve(Arc::clone(shared), stream, talk));
                }
                Err(error) => shared.fail(error),
            },
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                shared.house.transcript.note(&format!("cannot accept a client: {error}"));
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// One client, from its first byte to its last.
async fn serve<P: Protocol>(shared: Arc<Shared<P>>, stream: TcpStream, mut talk: Talk<P::Session>) {
    let house = &shared.house;
    let ending = attend(house, &stream, &mut talk).await;
    drop(stream);
    let settled = house.left(talk.peer, ending).and_then(|()| house.protocol.settle(&house.transcript));
    if let Err(error) = settled {
        shared.fail(error);
    }
    if shared.present.fetch_sub(1, Ordering::AcqRel) == house.max_clients {
        shared.left.notify_one();
    }
}

async fn attend<P: Protocol>(house: &House<P>, stream: &TcpStream, talk: &mut Talk<P::Session>) -> Result<(), Error> {
    loop {
        // In a block of its own: what lives across an await is kept in the task, and each client has one.
        let need = {
            let mut piece = [0; LARGEST_PIECE];
            talk.go_on(house, stream, Instant::now(), &mut piece)?
        };
        let interest = match need {
            Need::Readable => Interest::READABLE,
            Need::Writable => Interest::WRITABLE,
            Need::Turn => {
                tokio::task::yield_now().await;
                continue;
            }
            Need::Nothing => return Ok(()),
        };
        let late = tokio::time::timeout_at(talk.deadline().into(), stream.ready(interest)).await.is_err();
        if late && !talk.overdue(house, Instant::now())? {
            return Ok(());
        }
    }
}

impl<P: Protocol> Shared<P> {
    fn fail(&self, error: Error) {
        self.house.fail(error);
        self.failed.notify_one();
    }
}

/// Through `try_io`, which tells tokio when the socket has nothing more.
impl Wire for TcpStream {
    fn receive(&self, piece: &mut [u8]) -> io::Result<usize> {
        self.try_io(Interest::READABLE, || receive_now(self, piece))
    }

    fn send(&self, bytes: &[u8], last: bool) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, || send_now(self, bytes, last))
    }

    fn finish(&self) -> io::Result<()> {
        SockRef::from(self).shutdown(Shutdown::Write)
    }
}
