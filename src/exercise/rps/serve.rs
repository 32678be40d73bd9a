//! The server of `rps`.

use std::sync::{Mutex, PoisonError};

use super::codec::{Object, answer};
use crate::exercise::chance::{Chance, Seed};
use crate::exercise::connection::Connection;
use crate::exercise::framing::Lines;
use crate::exercise::service::serve_each;
use crate::exercise::{Error, Service, Transcript};

/// Serves many clients at a time, each until it closes. The picks are one sequence for all of them.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let chance = Mutex::new(Chance::new(service.options::<Seed>()?.seed));
    let pick = || match chance.lock().unwrap_or_else(PoisonError::into_inner).below(3) {
        0 => Object::Paper,
        1 => Object::Stone,
        _ => Object::Scissors,
    };
    serve_each("rps", service, transcript, |client| attend(client, service.max_line, pick))
}

fn attend(mut client: Connection<'_>, max_line: usize, pick: impl Fn() -> Object) -> Result<(), Error> {
    let mut lines = Lines::new(max_line);
    while let Some(line) = client.line(&mut lines)? {
        client.send_line(answer(&line, pick()).as_bytes())?;
    }
    Ok(())
}
