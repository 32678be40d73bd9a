//! The server of `timeout`: one that says nothing, or late.

use std::time::Duration;

use crate::exercise::connection::Connection;
use crate::exercise::service::serve_each;
use crate::exercise::text::address_tuple;
use crate::exercise::{Error, Service, Transcript};
use crate::quantity;

/// What a server says that speaks at all.
const LATE: &[u8] = b"Sorry, I am late";

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Say something after so long [default: nothing]
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    after: Option<Duration>,
}

/// Says nothing to client after client, until each closes.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let options: Options = service.options()?;
    serve_each("timeout", service, transcript, |client| attend(client, &options, service, transcript))
}

fn attend(
    mut client: Connection<'_>,
    options: &Options,
    service: &Service,
    transcript: &Transcript,
) -> Result<(), Error> {
    let peer = client.peer();
    transcript.line(&format!("Connection received from {}", address_tuple(peer)))?;
    if let Some(after) = options.after {
        service.stop.pause(after)?;
        client.send(LATE)?;
    }
    // It receives, so that it learns of the close; what is said is dropped.
    match client.each_piece(|_| Ok(())) {
        Ok(()) | Err(Error::Reset { .. }) => transcript.line("The client has closed"),
        Err(error) => Err(error),
    }
}
