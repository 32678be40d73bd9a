//! The one program of `names`.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;

use clap::Args;
use clap::parser::ValueSource;

use super::codec::answer;
use super::services;
use crate::exercise::{Answers, Error, Transcript, Visit, text_of};
use crate::io::resolver;

const NO_ENTRY: &str = "not in the table";

/// A file of the system is read up to here.
const MOST: u64 = 4 << 20;

#[derive(Debug, Args)]
pub struct Options {
    /// The protocol whose number is looked up, and whose ports
    #[arg(long, value_name = "NAME", default_value = "tcp")]
    protocol: String,
}

pub fn options(command: clap::Command) -> clap::Command {
    Options::augment_args(command)
        .mut_arg("host", |argument| argument.default_value("localhost").help("Name or address to look up"))
        .mut_arg("port", |argument| argument.help("Port whose service is looked up [default: that of the service]"))
        .mut_arg("answers", |argument| argument.value_name("NAME").help("Host, and service, to look up"))
}

/// Asks everything a socket program asks; what has no answer is said in the resolver's words. `Answer` where the host is
/// not known.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let Options { protocol } = visit.options()?;
    let mut given = match std::mem::replace(&mut visit.answers, Answers::Input) {
        Answers::Given(given) if given.len() > 2 => {
            return Err(Error::Answer("names takes a host and a service".to_owned()));
        }
        Answers::Given(given) => given.into_iter().map(|word| text_of(&word).into_owned()).collect(),
        Answers::Input => Vec::new(),
    }
    .into_iter();
    let host = given.next().unwrap_or_else(|| visit.host.clone());
    let service = given.next().unwrap_or_else(|| "http".to_owned());
    let (services, protocols) = (read("/etc/services"), read("/etc/protocols"));

    transcript.line("this machine:")?;
    said(transcript, "  host name ", resolver::own_name())?;
    said(transcript, "  full host name ", resolver::full_name())?;

    let port = services::port_of(&services, &service, &protocol).or_else(|| service.parse().ok());
    transcript.heard("getaddrinfo, every family and type: ", &format!("{host}, {service}"))?;
    let answers = resolver::every(&host, port.map(|port| port.to_string()).as_deref());
    match &answers {
        Ok(answers) => answers.iter().try_for_each(|found| transcript.line(&answer(found)))?,
        Err(why) => transcript.heard("  ", why)?,
    }

    let mut addresses: Vec<IpAddr> = answers.iter().flatten().map(|answer| answer.address.ip()).collect();
    let mut seen = HashSet::new();
    addresses.retain(|address| seen.insert(*address));
    for address in addresses {
        transcript.heard(&format!("host -> address: {address} is an address of "), &host)?;
        said(transcript, &format!("address -> host: {address} is "), resolver::name_of(address))?;
    }

    let number = services::protocol(&protocols, &protocol).map(|number| number.to_string());
    let number = number.unwrap_or_else(|| NO_ENTRY.to_owned());
    transcript.heard("protocol by name: ", &format!("{protocol} has number {number}"))?;
    let of_service = services::port_of(&services, &service, &protocol);
    let words = of_service.map_or_else(|| NO_ENTRY.to_owned(), |port| format!("{port}/{protocol}"));
    transcript.heard("service -> port: ", &format!("{service} is {words}"))?;
    let asked = visit.typed.value_source("port") == Some(ValueSource::CommandLine);
    if let Some(port) = if asked { Some(visit.port) } else { port } {
        let name = services::name_of(&services, port, &protocol).unwrap_or_else(|| NO_ENTRY.to_owned());
        transcript.heard("port -> service: ", &format!("{port}/{protocol} is {name}"))?;
    }
    match answers {
        Ok(_) => Ok(()),
        Err(why) => Err(Error::NameNotKnown { host, why }),
    }
}

/// An answer, or why there is none; both may hold what somebody else wrote.
fn said(transcript: &Transcript, words: &str, answer: Result<String, String>) -> Result<(), Error> {
    transcript.heard(words, &answer.unwrap_or_else(|why| format!("not known: {why}")))
}

/// A file of the system, or nothing.
fn read(path: &str) -> String {
    let mut text = Vec::new();
    // Whatever is in the way, the tables of our own have the well-known ones.
    let _ = File::open(path).map(|file| file.take(MOST).read_to_end(&mut text));
    text_of(&text).into_owned()
}
