//! The server of `calc`.

use super::codec::Sums;
use crate::exercise::connection::Connection;
use crate::exercise::framing::Lines;
use crate::exercise::service::serve_each;
use crate::exercise::{Error, Service, Transcript};

/// Serves many clients at a time, each until it closes.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    serve_each("calc", service, transcript, |client| attend(client, service.max_line))
}

fn attend(mut client: Connection<'_>, max_line: usize) -> Result<(), Error> {
    let (mut lines, mut sums) = (Lines::new(max_line), Sums::default());
    while let Some(line) = client.line(&mut lines)? {
        if let Some(answer) = sums.line(line) {
            client.send_line(answer.as_bytes())?;
        }
    }
    Ok(())
}
