//! The receiver of `udp-loss`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::account::{Account, Arrival};
use super::codec::decode;
use crate::exercise::datagrams::{Datagram, Datagrams};
use crate::exercise::service::announce;
use crate::exercise::{Error, Service, Transcript};
use crate::quantity;

const BUFFER: usize = 65_536;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Report on a sender once it has been silent for so long
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = quantity::duration)]
    quiet: Duration,
    /// How many the sender sends, so that those lost at the end are counted too
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    expect: Option<u64>,
}

/// Keeps an account of each sender, and reports when it has fallen silent; of how many it did.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let options: Options = service.options()?;
    let socket = Datagrams::bind(service)?;
    announce("udp-loss", socket.address()?, service, transcript);
    let mut open = Open { senders: HashMap::new(), most: service.max_clients.max(1), full: false };
    let mut reported = 0;
    loop {
        let next = open.senders.values().map(|sender| sender.heard + options.quiet).min();
        let patience = next.map(|next| next.saturating_duration_since(Instant::now()));
        match socket.receive(BUFFER, patience) {
            Ok(Some(datagram)) => open.heard(&datagram, transcript)?,
            Ok(None) => {}
            Err(Error::Stopped) => {
                let senders: Vec<_> = open.senders.drain().collect();
                for (from, sender) in &senders {
                    report(*from, sender, &options, transcript)?;
                }
                return Ok(reported + senders.len() as u64);
            }
            Err(error) => return Err(error),
        }
        let now = Instant::now();
        let silent = open.senders.iter().filter(|(_, sender)| now.duration_since(sender.heard) >= options.quiet);
        for from in silent.map(|(from, _)| *from).collect::<Vec<_>>() {
            if let Some(sender) = open.senders.remove(&from) {
                report(from, &sender, &options, transcript)?;
                reported += 1;
            }
        }
        if service.once && reported > 0 {
            return Ok(reported);
        }
    }
}

/// Those who are sending.
struct Open {
    senders: HashMap<SocketAddr, Sender>,
    most: usize,
    /// That there were more has been said.
    full: bool,
}

struct Sender {
    heard: Instant,
    account: Account,
    shown: SocketAddr,
}

impl Open {
    fn heard(&mut self, datagram: &Datagram, transcript: &Transcript) -> Result<(), Error> {
        let shown = datagram.sender();
        let Some((number, _)) = decode(&datagram.bytes) else {
            transcript.about(shown, &format!("a datagram of {shown} does not open with a number from 1"));
            return Ok(());
        };
        if !self.senders.contains_key(&datagram.from) && self.senders.len() >= self.most {
            if !std::mem::replace(&mut self.full, true) {
                transcript.about(shown, &format!("{} senders are enough: the others are not heard", self.most));
            }
            return Ok(());
        }
        let now = Instant::now();
        let sender =
            self.senders.entry(datagram.from).or_insert_with(|| Sender { heard: now, account: Account::new(), shown });
        sender.heard = now;
        match sender.account.arrived(number) {
            Arrival::InOrder => Ok(()),
            Arrival::Gap { first } => {
                let missing = if number - first > 1 { format!("{first}-{}", number - 1) } else { first.to_string() };
                transcript.line(&format!("{number} came before {missing}"))
            }
            Arrival::Doubled => transcript.line(&format!("{number} came again")),
            Arrival::Late { extent } => transcript.line(&format!("{number} came late, overtaken by {extent}")),
            Arrival::TooOld => transcript.line(&format!("{number} came too late to be told from one that came again")),
        }
    }
}

fn report(from: SocketAddr, sender: &Sender, options: &Options, transcript: &Transcript) -> Result<(), Error> {
    transcript.log("served", Some(from), "");
    transcript.line(&format!("from {}:", sender.shown))?;
    sender.account.lines(options.expect).iter().try_for_each(|line| transcript.line(line))
}
