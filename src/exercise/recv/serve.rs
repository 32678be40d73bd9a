//! The server of `recv`.

use std::time::Duration;

use super::codec::PIECE;
use crate::exercise::connection::{Connection, listen};
use crate::exercise::service::Door;
use crate::exercise::text::{address_tuple, bytes_literal};
use crate::exercise::{Error, Service, Transcript};
use crate::quantity;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How long to wait between the heading and the message
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = quantity::duration)]
    wait: Duration,
    /// Do something else for so long before receiving: what is sent meanwhile arrives as one piece
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    busy: Option<Duration>,
}

/// Accepts one connection, receives once, prints that, closes both sockets.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let options: Options = service.options()?;
    let listener = listen(service)?;
    transcript.line("Listening for connection: ")?;
    let door = Door::over(listener, "recv", service, transcript)?;
    door.one(|client| attend(client, &options, service, transcript))
}

fn attend(
    mut client: Connection<'_>,
    options: &Options,
    service: &Service,
    transcript: &Transcript,
) -> Result<(), Error> {
    let peer = client.peer();
    transcript.line(&format!("Connection received from  {}", address_tuple(peer)))?;
    if let Some(busy) = options.busy {
        service.stop.pause(busy)?;
    }
    let message = client.receive(PIECE)?;
    transcript.line("Message from client: ")?;
    transcript.line("")?;
    service.stop.pause(options.wait)?;
    transcript.line(&bytes_literal(&message))?;
    let late = client.close()?;
    if late.bytes > 0 {
        transcript.about(peer, &format!("{} bytes more came than the one receive took", late.bytes));
    }
    Ok(())
}
