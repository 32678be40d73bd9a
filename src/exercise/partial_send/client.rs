//! The client of `partial-send`.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::SockRef;

use crate::exercise::connection::Connection;
use crate::exercise::pieces::size;
use crate::exercise::{Error, Transcript, Visit};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How much to send with single sends, and once more with send-all
    #[arg(long, value_name = "SIZE", default_value = "20000", value_parser = bounded)]
    bytes: usize,
    /// The send buffer (SO_SNDBUF) to ask for; the kernel doubles it
    #[arg(long, value_name = "SIZE", default_value = "4KiB", value_parser = size)]
    send_buffer: usize,
}

const LARGEST: usize = 64 << 20;

fn bounded(text: &str) -> Result<usize, String> {
    size(text).and_then(|size| if size > LARGEST { Err("at most 64MiB, please".to_owned()) } else { Ok(size) })
}

/// Sends with sends that take what there is room for, and tells what each took; then as much with send-all.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    visit.answers.none("partial-send")?;
    let options: Options = visit.options()?;
    let mut server = Connection::open(visit)?;
    let peer = server.peer();
    let failed = |source| Error::talking("send to", peer, source);
    let socket = SockRef::from(server.stream());
    let room = socket.set_send_buffer_size(options.send_buffer).and_then(|()| socket.send_buffer_size());
    let room = room.map_err(|source| Error::talking("prepare the connection with", peer, source))?;
    transcript.line(&format!("send buffer: {} bytes asked for, the kernel made it {room}", options.send_buffer))?;

    let message = vec![b'x'; options.bytes];
    server.stream().set_nonblocking(true).map_err(failed)?;
    send_what_fits(&server, &message, visit.timeout, transcript)?;
    server.stream().set_nonblocking(false).map_err(failed)?;

    let begin = Instant::now();
    match server.send(&message) {
        Err(Error::System { source, .. }) if source.kind() == io::ErrorKind::WouldBlock => {
            return Err(deaf(peer, visit.timeout));
        }
        sent => sent?,
    }
    transcript.line(&format!("send-all took {} bytes, in {} ms", message.len(), begin.elapsed().as_millis()))?;
    let _ = server.close()?;
    Ok(())
}

/// Sends in a loop, as a program has to that uses send(2) on a socket that does not block.
fn send_what_fits(
    server: &Connection<'_>,
    mut left: &[u8],
    patience: Duration,
    transcript: &Transcript,
) -> Result<(), Error> {
    let (mut stream, peer) = (server.stream(), server.peer());
    let failed = |source| Error::talking("send to", peer, source);
    while !left.is_empty() {
        match stream.write(left) {
            Ok(took) => {
                transcript.line(&format!("send took {took} of {} bytes", left.len()))?;
                left = left.get(took..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                transcript.line("send would block: no room")?;
                let begin = Instant::now();
                if !writable(stream, patience).map_err(failed)? {
                    return Err(deaf(peer, patience));
                }
                transcript.line(&format!("waited {} ms for room", begin.elapsed().as_millis()))?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

fn deaf(peer: SocketAddr, after: Duration) -> Error {
    Error::Protocol { peer, broke: format!("has received nothing for {}ms", after.as_millis()) }
}

/// Waits until something can be sent; false where it could not for so long.
fn writable(stream: &TcpStream, patience: Duration) -> io::Result<bool> {
    let timeout = PollTimeout::try_from(patience.as_millis()).unwrap_or(PollTimeout::MAX);
    let ready = poll(&mut [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)], timeout)?;
    Ok(ready > 0)
}
