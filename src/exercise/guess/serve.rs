//! The server of `guess`.

use std::sync::{Mutex, PoisonError};

use super::codec::{MOST, guess, judgement};
use crate::exercise::chance::{Chance, Seed};
use crate::exercise::connection::Connection;
use crate::exercise::framing::Lines;
use crate::exercise::service::serve_each;
use crate::exercise::{Error, Service, Transcript};

/// Serves many clients at a time, each until it closes. The picks are one sequence for all of them.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let chance = Mutex::new(Chance::new(service.options::<Seed>()?.seed));
    let pick = || 1 + chance.lock().unwrap_or_else(PoisonError::into_inner).below(MOST);
    serve_each("guess", service, transcript, |client| attend(client, service.max_line, pick))
}

fn attend(mut client: Connection<'_>, max_line: usize, pick: impl Fn() -> u32) -> Result<(), Error> {
    let mut lines = Lines::new(max_line);
    while let Some(line) = client.line(&mut lines)? {
        let answer = guess(&line).map_or_else(|error| error, |guess| judgement(guess, pick()));
        client.send_line(answer.as_bytes())?;
    }
    Ok(())
}
