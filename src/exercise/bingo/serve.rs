//! The server of `bingo`: draws by the clock, and takes numbers meanwhile.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::codec::{ERROR, NUMBERS, Numbers, draw, hits, numbers, outcome, words};
use crate::exercise::chance::{Chance, Seed};
use crate::exercise::crowd::{self, Hall, Party, Who};
use crate::exercise::{Error, Service, Transcript};
use crate::quantity;

/// Bytes that may wait for a player that does not read.
const BACKLOG: usize = 8 * 1024;

/// What only this server can be told.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// From one draw to the next
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = quantity::duration)]
    interval: Duration,
    #[command(flatten)]
    seed: Seed,
}

struct Bingo<'a> {
    players: BTreeMap<Who, Numbers>,
    chance: Chance,
    next: Instant,
    interval: Duration,
    transcript: &'a Transcript,
}

/// Serves until it is stopped; how many played.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let options: Options = service.options()?;
    let mut bingo = Bingo {
        players: BTreeMap::new(),
        chance: Chance::new(options.seed.seed),
        next: Instant::now() + options.interval,
        interval: options.interval,
        transcript,
    };
    crowd::serve("bingo", "Bingo server running...", BACKLOG, service, transcript, &mut bingo)
}

impl Party for Bingo<'_> {
    fn line(&mut self, who: Who, line: &[u8], hall: &mut Hall<'_>) -> Result<(), Error> {
        match numbers(line) {
            Ok(numbers) => {
                hall.count(who);
                self.players.insert(who, numbers);
                let peer = hall.peer(who).map_or_else(String::new, |peer| peer.to_string());
                self.transcript.line(&format!("Player {peer} has numbers {}", words(&numbers)))
            }
            Err(why) => {
                hall.tell(who, &format!("{ERROR}{why}"));
                Ok(())
            }
        }
    }

    fn left(&mut self, who: Who, _hall: &mut Hall<'_>) -> Result<(), Error> {
        self.players.remove(&who);
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        Some(self.next)
    }

    fn tick(&mut self, hall: &mut Hall<'_>) -> Result<(), Error> {
        // Draws that the machine slept through are not made up for.
        self.next = (self.next + self.interval).max(Instant::now());
        // Without a player nothing is drawn, so that a seed gives the first player the same draws whenever it comes.
        if self.players.is_empty() {
            return Ok(());
        }
        let drawn = draw(&mut self.chance);
        let mut won = 0;
        for (who, numbers) in &self.players {
            won += usize::from(hits(numbers, &drawn) == NUMBERS);
            hall.tell(*who, &outcome(numbers, &drawn));
        }
        self.transcript.line(&format!("Drawn: {}, players: {}, BINGO: {won}", words(&drawn), self.players.len()))
    }
}
