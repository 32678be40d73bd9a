//! The sender of `buffers`.

use std::io::Write;
use std::time::Instant;

use super::codec::{rate, time};
use super::measure;
use crate::exercise::connection::Connection;
use crate::exercise::{Answers, Error, Transcript, Visit};
use crate::io::tcp_info;
use crate::quantity;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How much to send
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = quantity::size)]
    bytes: u64,
    /// Bytes of each send
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = quantity::size)]
    send_size: u64,
    /// SO_SNDBUF: what the kernel keeps of what is sent (Linux doubles it) [default: it grows by itself]
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    send_buffer: Option<u64>,
}

/// Sends, waits until the other side has taken all of it and closed, and says how fast that was and what it waited for.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let options: Options = visit.options()?;
    if matches!(visit.answers, Answers::Given(_)) {
        return Err(Error::Answer("buffers asks for nothing: it sends --bytes of zeroes".to_owned()));
    }
    let piece = vec![0; measure::size(options.send_size)?];
    let mut server = Connection::open(visit)?;
    if let Some(size) = options.send_buffer {
        let size = measure::size(size)?;
        measure::prepared(socket2::SockRef::from(server.stream()).set_send_buffer_size(size))?;
    }
    let peer = server.peer();
    let (start, mut left, mut sends, mut window) = (Instant::now(), options.bytes, 0u64, 0);
    while left > 0 {
        let length = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
        let Some(part) = piece.get(..length) else { break };
        let mut stream = server.stream();
        let sent = stream.write(part).map_err(|source| Error::talking("send to", peer, source))?;
        left -= sent as u64;
        sends += 1;
        if sends.is_multiple_of(64) || left == 0 {
            window = window.max(tcp_info::of(server.stream()).map_or(0, |info| info.window));
        }
    }
    server.stream().shutdown(std::net::Shutdown::Write).map_err(|source| Error::talking("close", peer, source))?;
    // The other side closes when it has taken everything: buffers of the kernel must not count as carried.
    while !server.receive(4096)?.is_empty() {}
    let took = start.elapsed();
    let bytes = options.bytes;
    transcript.line(&format!("sent {bytes} bytes by {sends} sends in {}: {}", time(took), rate(bytes, took)))?;
    if let Ok(info) = tcp_info::of(server.stream()) {
        let window = window.max(info.window);
        transcript.line(&format!("window up to {window} bytes; waited {} for it", time(info.limited_by_window)))?;
    }
    Ok(())
}
