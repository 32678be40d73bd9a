//! The server of `http-hello`.

use crate::exercise::many::http::{Answer, OneAnswer};
use crate::exercise::many::serve;
use crate::exercise::{Error, Service, Transcript};

/// Answers every request with `Hello world`; how many were answered.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    serve("http-hello", OneAnswer::new(service.max_line, Hello), service, transcript)
}

struct Hello;

impl Answer for Hello {
    fn write(&self, body: &mut Vec<u8>) {
        body.extend_from_slice(b"Hello world");
    }
}
