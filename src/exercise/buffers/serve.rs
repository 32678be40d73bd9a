//! The receiver of `buffers`.

use std::time::{Duration, Instant};

use super::codec::{rate, time};
use super::measure;
use crate::exercise::connection::Connection;
use crate::exercise::service::Door;
use crate::exercise::{Error, Service, Transcript};
use crate::quantity;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Bytes that each receive takes at most
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = quantity::size)]
    receive_size: u64,
    /// SO_RCVBUF: what the kernel keeps for a connection (Linux doubles it) [default: it grows by itself]
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    receive_buffer: Option<u64>,
    /// Wait so long before each receive
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    pause: Option<Duration>,
}

/// Takes all that each client sends, and says how fast that was.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let options: Options = service.options()?;
    let size = measure::size(options.receive_size)?;
    let buffer = options.receive_buffer.map(measure::size).transpose()?;
    let listener = measure::listen(service, buffer)?;
    Door::over(listener, "buffers", service, transcript)?.each(|client| attend(client, size, options.pause, transcript))
}

fn attend(
    mut client: Connection<'_>,
    size: usize,
    pause: Option<Duration>,
    transcript: &Transcript,
) -> Result<(), Error> {
    let (mut bytes, mut receives, mut start) = (0, 0u64, None);
    loop {
        if let Some(pause) = pause {
            std::thread::sleep(pause);
        }
        let piece = client.receive(size)?;
        if piece.is_empty() {
            break;
        }
        start.get_or_insert_with(Instant::now);
        bytes += piece.len() as u64;
        receives += 1;
    }
    let took = start.map_or(Duration::ZERO, |start| start.elapsed());
    transcript.line(&format!(
        "received {bytes} bytes by {receives} receive{} in {}: {}",
        if receives == 1 { "" } else { "s" },
        time(took),
        rate(bytes, took)
    ))?;
    let _ = client.close()?;
    Ok(())
}
