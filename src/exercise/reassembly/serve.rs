//! The server of `reassembly`.

use std::time::Duration;

use super::codec::piece;
use crate::exercise::connection::Connection;
use crate::exercise::pieces::size;
use crate::exercise::service::serve_each;
use crate::exercise::text::sized_literal;
use crate::exercise::{Error, Service, Transcript};
use crate::quantity;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How long the message is
    #[arg(long, value_name = "SIZE", default_value = "52", value_parser = quantity::size)]
    bytes: u64,
    /// Send so many bytes at a time
    #[arg(long, value_name = "SIZE", default_value = "7", value_parser = size)]
    pieces: usize,
    /// How long to wait between two pieces
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = quantity::duration)]
    pause: Duration,
}

/// The most that one send is given: pieces may be as large as anybody likes, memory is not.
const LARGEST: usize = 1 << 20;

/// Sends the message to client after client, and closes: that is its end.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let options: Options = service.options()?;
    serve_each("reassembly", service, transcript, |client| attend(client, &options, service, transcript))
}

fn attend(
    mut client: Connection<'_>,
    options: &Options,
    service: &Service,
    transcript: &Transcript,
) -> Result<(), Error> {
    let mut sent = 0;
    while sent < options.bytes {
        if sent > 0 {
            service.stop.pause(options.pause)?;
        }
        let bytes = piece(options.bytes, sent, options.pieces.min(LARGEST));
        client.send(&bytes)?;
        sent += bytes.len() as u64;
        transcript.line(&format!("sent {}", sized_literal(&bytes)))?;
    }
    let _ = client.close()?;
    Ok(())
}
