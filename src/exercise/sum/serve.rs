//! The server of `sum`.

use std::time::Duration;

use super::codec::{Fault, PIECE, Sum};
use crate::exercise::connection::{Connection, readable};
use crate::exercise::service::serve_each;
use crate::exercise::text::bytes_literal;
use crate::exercise::{Error, Service, Transcript};
use crate::quantity;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// A number ends at its newline, not with the receive: cannot go wrong
    #[arg(long)]
    fixed: bool,
    /// Be busy so long before each receive: numbers that were sent apart run together
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    busy: Option<Duration>,
    /// Print what each receive returned
    #[arg(long)]
    pieces: bool,
}

/// Serves many clients at a time; how many heard their sum.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let options: Options = service.options()?;
    serve_each("sum", service, transcript, |client| attend(client, &options, service, transcript))
}

fn attend(
    mut client: Connection<'_>,
    options: &Options,
    service: &Service,
    transcript: &Transcript,
) -> Result<(), Error> {
    let peer = client.peer();
    let mut sum = if options.fixed { Sum::of_lines(service.max_line) } else { Sum::of_pieces() };
    loop {
        if options.busy.is_some() && readable(&service.stop, None, options.busy)? {
            return Err(Error::Stopped);
        }
        let piece = client.receive(PIECE)?;
        if options.pieces {
            transcript.line(&format!("received {}", bytes_literal(&piece)))?;
        }
        if piece.is_empty() {
            return Err(Error::ClosedEarly { peer, before: "without the # that ends the numbers" });
        }
        match sum.feed(&piece) {
            Ok(None) => {}
            Ok(Some(total)) => {
                client.send(total.as_bytes())?;
                return client.close().map(drop);
            }
            Err(Fault::TooLong(longest)) => return Err(Error::LineTooLong { peer, longest }),
            Err(Fault::NotANumber(literal)) => {
                client.send(format!("error: {literal} is not a whole number").as_bytes())?;
                let _ = client.close()?;
                return Err(Error::Protocol { peer, broke: format!("sent {literal}, which is not a whole number") });
            }
        }
    }
}
