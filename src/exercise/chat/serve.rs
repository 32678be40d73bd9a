//! The server of `chat`: one thread, all clients; see [`crate::exercise::crowd`] for what keeps it upright.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::codec::{entered, left, message, name, refusal};
use crate::exercise::crowd::{self, Hall, Party, Who};
use crate::exercise::{Error, Service, Transcript, text_of};
use crate::quantity;

/// What only this server can be told.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Put a client out when so much waits for it because it does not read
    #[arg(long, value_name = "SIZE", default_value = "256KiB", value_parser = quantity::size)]
    max_backlog: u64,
}

/// The room.
struct Chat<'a> {
    names: HashMap<Who, Rc<str>>,
    taken: HashSet<Rc<str>>,
    transcript: &'a Transcript,
}

/// Serves until it is stopped; how many entered the room.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let options: Options = service.options()?;
    let backlog = usize::try_from(options.max_backlog).unwrap_or(usize::MAX).max(1024);
    let mut chat = Chat { names: HashMap::new(), taken: HashSet::new(), transcript };
    crowd::serve("chat", "Chat server running...", backlog, service, transcript, &mut chat)
}

impl Party for Chat<'_> {
    fn line(&mut self, who: Who, line: &[u8], hall: &mut Hall<'_>) -> Result<(), Error> {
        if let Some(name) = self.names.get(&who) {
            let text = text_of(line);
            hall.tell_all(&message(name, &text));
            return self.transcript.heard("User ", &format!("{name} say {text}"));
        }
        let name: Rc<str> = match name(line) {
            Ok(name) if self.taken.contains(name.as_str()) => {
                hall.tell(who, &refusal("somebody here has it"));
                return Ok(());
            }
            Ok(name) => name.into(),
            Err(reason) => {
                hall.tell(who, &refusal(reason));
                return Ok(());
            }
        };
        self.taken.insert(Rc::clone(&name));
        self.names.insert(who, Rc::clone(&name));
        // Everyone else hears of it.
        hall.tell_all(&entered(&name));
        hall.welcome(who);
        self.transcript.heard("", &entered(&name))
    }

    fn left(&mut self, who: Who, hall: &mut Hall<'_>) -> Result<(), Error> {
        if let Some(name) = self.names.remove(&who) {
            self.taken.remove(&name);
            hall.tell_all(&left(&name));
            self.transcript.note(&left(&name));
        }
        Ok(())
    }
}
