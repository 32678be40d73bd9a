//! The server of `partial-send`: one that is slow to receive.

use std::time::Duration;

use crate::exercise::connection::{Connection, listen_prepared};
use crate::exercise::pieces::size;
use crate::exercise::service::Door;
use crate::exercise::{Error, Service, Transcript};
use crate::quantity;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Do something else for so long before the first receive
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = quantity::duration)]
    busy: Duration,
    /// What each receive takes at most
    #[arg(long, value_name = "SIZE", default_value = "8KiB", value_parser = size)]
    pieces: usize,
    /// How long to wait after each receive
    #[arg(long, value_name = "TIME", default_value = "5ms", value_parser = quantity::duration)]
    pause: Duration,
    /// The receive buffer (SO_RCVBUF) to ask for; the kernel doubles it
    #[arg(long, value_name = "SIZE", default_value = "16KiB", value_parser = size)]
    receive_buffer: usize,
}

/// The backlog of the standard library's listeners.
const BACKLOG: i32 = 128;
/// The most that one receive is given room for.
const LARGEST: usize = 1 << 20;

/// Receives slowly from client after client, until each closes.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let options: Options = service.options()?;
    // Accepted sockets inherit the buffer; set later, the window announced in the handshake would be larger.
    let listener = listen_prepared(service, BACKLOG, |socket| {
        socket.set_reuse_address(true)?;
        socket.set_recv_buffer_size(options.receive_buffer)
    })?;
    Door::over(listener, "partial-send", service, transcript)?
        .each(|client| attend(client, &options, service, transcript))
}

fn attend(
    mut client: Connection<'_>,
    options: &Options,
    service: &Service,
    transcript: &Transcript,
) -> Result<(), Error> {
    service.stop.pause(options.busy)?;
    transcript.line("begins to receive")?;
    let (mut bytes, mut pieces) = (0, 0);
    loop {
        let piece = client.receive(options.pieces.min(LARGEST))?;
        if piece.is_empty() {
            break;
        }
        bytes += piece.len() as u64;
        pieces += 1;
        service.stop.pause(options.pause)?;
    }
    transcript.line(&format!("received {bytes} bytes in {pieces} pieces"))?;
    let _ = client.close_after_peer()?;
    Ok(())
}
