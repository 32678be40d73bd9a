//! What passes the interface while the frames go out: they themselves, and what comes back.

use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};

use super::Args;
use super::prepare::Exit;
use crate::flow::FlowTable;
use crate::io::interrupt::Interrupt;
use crate::io::link::timed::Done;
use crate::io::pcap;
use crate::pipeline::{self, Filtered};

/// How long answers are waited for, where nobody says it.
const LISTENS: Duration = Duration::from_millis(200);
/// How soon a Ctrl-C ends the wait for answers.
const NAP: Duration = Duration::from_millis(20);

/// The capture, open; it starts once privileges are given up.
pub fn open(exit: &Exit) -> anyhow::Result<pcap::Opened> {
    let options = pcap::Options { interfaces: vec![exit.link.name.clone()], ..pcap::Options::default() };
    Ok(pcap::open(&options)?)
}

/// Shows what passes until `send`, on a thread of its own, has ended and its answers have had their time; whether
/// somebody asked for an end.
pub fn run(
    args: &Args,
    opened: pcap::Opened,
    send: impl FnOnce(Interrupt) -> anyhow::Result<Done> + Send + 'static,
) -> anyhow::Result<(Done, bool)> {
    let mut sink = Filtered::new(args.output.filter()?, args.output.sink()?);
    let stop = pcap::Stop::new().context("cannot make a pipe")?;
    let interrupt = Interrupt::install(|| stop.descriptor()).context("cannot listen for Ctrl-C")?;
    let mut live = opened.start(stop, None)?;
    let handle = live.stop_handle()?;
    let (asked, wait) = (interrupt.clone(), args.pace.wait.unwrap_or(LISTENS));
    let sender = std::thread::spawn(move || {
        let done = send(asked.clone());
        let until = Instant::now() + wait;
        while done.is_ok() && !asked.happened() && Instant::now() < until {
            std::thread::sleep(NAP.min(until.saturating_duration_since(Instant::now())));
        }
        handle.stop();
        done
    });
    let ran = pipeline::run(&mut live, &mut FlowTable::new(), &mut sink);
    live.finish();
    if ran.is_err() {
        // Nobody reads any more: what is left is not sent.
        interrupt.ask();
    }
    let done = sender.join().map_err(|_| anyhow!("the packets could not be sent"))?;
    ran?.failure.map_or(Ok(()), Err)?;
    Ok((done?, interrupt.happened()))
}
