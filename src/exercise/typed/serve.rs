//! The server of `typed`.

use super::codec::{Value, decode};
use crate::exercise::length::{Limit, each_message};
use crate::exercise::service::serve_each;
use crate::exercise::{Error, Service, Transcript};

/// Prints the values of client after client. A message that is none is told, and the next one is read.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let limit: Limit = service.options()?;
    serve_each("typed", service, transcript, |client| {
        each_message(client, &limit, transcript, |content| match decode(content) {
            Ok(Value::Text(text)) => transcript.heard("text: ", &text),
            Ok(Value::Integer(number)) => transcript.line(&format!("integer: {number}")),
            Ok(Value::Float(number)) => transcript.line(&format!("float: {number}")),
            Ok(Value::Boolean(truth)) => transcript.line(&format!("boolean: {truth}")),
            Ok(Value::Json(text)) => transcript.heard("JSON: ", &text),
            Err(wrong) => transcript.heard("error: ", &wrong.to_string()),
        })
    })
}
