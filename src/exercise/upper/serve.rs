//! The server of `upper`.

use super::codec::capitals;
use crate::exercise::connection::Connection;
use crate::exercise::framing::Lines;
use crate::exercise::service::serve_each;
use crate::exercise::{Error, Service, Transcript};

/// Serves many clients at a time: one line each.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    serve_each("upper", service, transcript, |client| attend(client, service.max_line))
}

fn attend(mut client: Connection<'_>, max_line: usize) -> Result<(), Error> {
    let peer = client.peer();
    let Some(line) = client.line(&mut Lines::new(max_line))? else {
        return Err(Error::ClosedEarly { peer, before: "without having sent a line" });
    };
    client.send_line(capitals(&line).as_bytes())?;
    client.close().map(drop)
}
