//! A peer of `nat`, behind a router or not: speaks from one port, and prints what comes to it, and from whom.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use super::codec::{BEAT, BUFFER};
use crate::exercise::connection::{addresses, no_address};
use crate::exercise::datagrams::Datagrams;
use crate::exercise::typing::{Happened, Typing};
use crate::exercise::{Answers, Error, Transcript, Visit, text_of};
use crate::quantity;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Port to speak from, and to hear on; 0: any free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    own_port: u16,
    /// Send a heartbeat that often, to keep what the router remembers
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    beat: Option<Duration>,
    /// End after the last line given and so long a silence (a person ends it with Ctrl-D, at once)
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = quantity::duration)]
    linger: Duration,
}

/// Speaks and hears until its input ends.
pub fn run(visit: &mut Visit, transcript: &Transcript) -> Result<(), Error> {
    let options: Options = visit.options()?;
    let server = *addresses(&visit.host, visit.port)?.first().ok_or_else(|| no_address(&visit.host))?;
    let own = visit.from.unwrap_or_else(|| match server.is_ipv4() {
        true => Ipv4Addr::UNSPECIFIED.into(),
        false => Ipv6Addr::UNSPECIFIED.into(),
    });
    let socket = Datagrams::bind_to(Some(&own.to_string()), options.own_port, None)?;
    if options.own_port == 0 {
        transcript.note(&format!("nat speaks from port {}", socket.address()?.port()));
    }
    let mut answers = std::mem::replace(&mut visit.answers, Answers::Input);
    let mut typing = Typing::new(&mut answers, transcript)?;
    let person = typing.can_ask_again();
    let mut beat = options.beat.map(|every| Instant::now() + every);
    let mut end: Option<Instant> = None;
    typing.ask("")?;
    loop {
        let now = Instant::now();
        if let (Some(every), Some(at)) = (options.beat, beat)
            && at <= now
        {
            socket.send_to(BEAT, server)?;
            beat = Some(now + every);
        }
        if end.is_some_and(|end| end <= now) {
            return Ok(());
        }
        let next = beat.into_iter().chain(end).min();
        match typing.wait(Some(&socket), next.map(|next| next.saturating_duration_since(now)))? {
            Happened::Line(line) => {
                socket.send_to(&line, server)?;
                typing.ask("")?;
            }
            Happened::Readable => {
                if let Some(datagram) = socket.receive(BUFFER, Some(Duration::ZERO))? {
                    typing.heard(&format!("{}: ", datagram.sender()), &text_of(&datagram.bytes))?;
                    end = end.map(|_| Instant::now() + options.linger);
                }
            }
            Happened::End if person => return Ok(()),
            Happened::End => end = Some(Instant::now() + options.linger),
            Happened::Quiet => {}
            Happened::Interrupted => return Ok(()),
        }
    }
}
