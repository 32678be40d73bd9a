//! One thread and a task a client: each task reads like a program with one client, and gives way wherever it waits.
//! tokio keeps the tasks, wakes them by epoll, and has a clock for each.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::Protocol;
use super::house::{Accepted, House, PAUSE};
use super::talk::{LARGEST_PIECE, Need, Talk, Wire, receive_now, send_now};
use crate::exercise::{Error, Service};
use crate::io::watch;

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
        let listener = watch::listener(listener).map_err(failed)?;
        tokio::select! {
            biased;
            _ = stop.readable() => {}
            () = shared.failed.notified() => {}
            ended = accept(&shared, &listener) => ended.map_err(failed)?,
        }
        Ok(())
    })?;
    // Ends all tasks, and with them their connections.
    drop(runtime);
    shared.house.close()
}

/// A task for each client, for ever.
async fn accept<P: Protocol>(shared: &Arc<Shared<P>>, listener: &AsyncFd<TcpListener>) -> io::Result<()> {
    loop {
        while shared.present.load(Ordering::Acquire) >= shared.house.max_clients {
            shared.left.notified().await;
        }
        let mut backlog = listener.readable().await?;
        match shared.house.accept(listener.get_ref()) {
            Accepted::Client(stream, peer) => match shared.house.arrived(peer, Instant::now()) {
                Ok(talk) => welcome(shared, stream, talk),
                Err(error) => shared.fail(error),
            },
            Accepted::Nobody => backlog.clear_ready(),
            Accepted::NoRoom => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Begins with what the client has said already. Only one that is to be waited for becomes a task: many have said all
/// and are answered by now, and tokio watches no socket in vain.
fn welcome<P: Protocol>(shared: &Arc<Shared<P>>, stream: std::net::TcpStream, mut talk: Talk<P::Session>) {
    let mut piece = [0; LARGEST_PIECE];
    let answered = talk.go_on(&shared.house, &stream, Instant::now(), &mut piece);
    let settled = |need| shared.house.protocol.settle(&shared.house.transcript).map(|()| need);
    let ending = match answered.and_then(settled) {
        Ok(Need::Nothing) => Ok(()),
        Ok(need) => match stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
            Ok(stream) => {
                shared.present.fetch_add(1, Ordering::AcqRel);
                tokio::spawn(serve(Arc::clone(shared), stream, talk, need));
                return;
            }
            Err(error) => Err(Error::talking("wait for", talk.peer, error)),
        },
        Err(error) => Err(error),
    };
    shared.left(talk.peer, ending);
}

/// One client, to its last byte.
async fn serve<P: Protocol>(shared: Arc<Shared<P>>, stream: TcpStream, mut talk: Talk<P::Session>, need: Need) {
    let ending = attend(&shared.house, &stream, &mut talk, need).await;
    drop(stream);
    shared.left(talk.peer, ending);
    if shared.present.fetch_sub(1, Ordering::AcqRel) == shared.house.max_clients {
        shared.left.notify_one();
    }
}

async fn attend<P: Protocol>(
    house: &House<P>,
    stream: &TcpStream,
    talk: &mut Talk<P::Session>,
    mut need: Need,
) -> Result<(), Error> {
    loop {
        let interest = match need {
            Need::Readable => Some(Interest::READABLE),
            Need::Writable => Some(Interest::WRITABLE),
            Need::Turn => None,
            Need::Nothing => return Ok(()),
        };
        if let Some(interest) = interest {
            let late = tokio::time::timeout_at(talk.deadline().into(), stream.ready(interest)).await.is_err();
            if late && !talk.overdue(house, Instant::now())? {
                return Ok(());
            }
        } else {
            tokio::task::yield_now().await;
        }
        // Here and not above: what lives across an await is kept in the task, and each client has one.
        let mut piece = [0; LARGEST_PIECE];
        need = talk.go_on(house, stream, Instant::now(), &mut piece)?;
        // What was answered is shown now, not when a slow client has gone.
        house.protocol.settle(&house.transcript)?;
    }
}

impl<P: Protocol> Shared<P> {
    /// A client is gone.
    fn left(&self, peer: SocketAddr, ending: Result<(), Error>) {
        let settled = self.house.left(peer, ending).and_then(|()| self.house.protocol.settle(&self.house.transcript));
        if let Err(error) = settled {
            self.fail(error);
        }
    }

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
