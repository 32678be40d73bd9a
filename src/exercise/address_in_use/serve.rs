//! The server of `address-in-use`.

use super::client::GOODBYE;
use crate::exercise::connection::{Connection, listen_prepared};
use crate::exercise::service::Door;
use crate::exercise::text::address_tuple;
use crate::exercise::{Error, Service, Transcript};

/// The backlog of the standard library's listeners.
const BACKLOG: i32 = 128;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Set SO_REUSEADDR before binding
    #[arg(long)]
    reuse_address: bool,
    /// Let the client close first
    #[arg(long)]
    wait_for_close: bool,
}

/// Says goodbye to client after client.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let options: Options = service.options()?;
    let state = if options.reuse_address { "set" } else { "not set" };
    let bound = listen_prepared(service, BACKLOG, |socket| socket.set_reuse_address(options.reuse_address));
    let listener = match bound {
        Ok(listener) => listener,
        Err(error) => {
            transcript.line(&format!("bind, SO_REUSEADDR {state}: failed"))?;
            return Err(error);
        }
    };
    transcript.line(&format!("bind, SO_REUSEADDR {state}: done"))?;
    Door::over(listener, "address-in-use", service, transcript)?.each(|client| attend(client, &options, transcript))
}

fn attend(mut client: Connection<'_>, options: &Options, transcript: &Transcript) -> Result<(), Error> {
    transcript.line(&format!("Connection received from {}", address_tuple(client.peer())))?;
    client.send(GOODBYE)?;
    if options.wait_for_close {
        client.each_piece(|_| Ok(()))?;
        let _ = client.close()?;
        transcript.line("The client closed first: TIME-WAIT is on its side")
    } else {
        let _ = client.close()?;
        transcript.line("This side closed first: TIME-WAIT is here, for a minute")
    }
}
