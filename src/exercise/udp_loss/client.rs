//! The sender of `udp-loss`.

use std::time::Duration;

use super::codec::encode;
use super::impair::{Line, Shares};
use crate::exercise::datagrams::Datagrams;
use crate::exercise::{Answers, Error, Transcript, Visit};
use crate::quantity;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many numbers
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    count: u64,
    /// Between two numbers
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = quantity::duration)]
    interval: Duration,
    /// Send so many not at all
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = quantity::share)]
    drop: f64,
    /// Hold so many back until up to three others have overtaken them
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = quantity::share)]
    reorder: f64,
    /// Send so many twice
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = quantity::share)]
    duplicate: f64,
    /// Repeat the line: the same number, the same losses
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// Sends numbered datagrams over a line as bad as it is told, and says what it did to them.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let options: Options = visit.options()?;
    let text = match &mut visit.answers {
        Answers::Given(given) if given.len() > 1 => {
            return Err(Error::Answer("all datagrams have one text: put its words in quotes".to_owned()));
        }
        Answers::Given(given) => given.pop_front().unwrap_or_default(),
        Answers::Input => b"Hello world".to_vec(),
    };
    let (socket, to) = Datagrams::towards(visit)?;
    let shares = Shares { drop: options.drop, reorder: options.reorder, duplicate: options.duplicate };
    let mut line = Line::new(shares, options.seed);
    for number in 1..=options.count {
        if number > 1 {
            std::thread::sleep(options.interval);
        }
        send(&socket, line.pass(number), &text, to)?;
    }
    send(&socket, line.rest(), &text, to)?;
    line.tally.lines().iter().try_for_each(|line| transcript.line(line))
}

fn send(socket: &Datagrams<'_>, numbers: Vec<u64>, text: &[u8], to: std::net::SocketAddr) -> Result<(), Error> {
    numbers.into_iter().try_for_each(|number| socket.send_to(&encode(number, text), to))
}
