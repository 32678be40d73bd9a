//! `-w`, `--rotate` and `--keep`: packets into a file, beside whatever shows them.

use std::cell::RefCell;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::bail;

use crate::flow::Known;
use crate::frame::{Counts, Error, Frame, Interface, Source, Timestamp, said_by};
use crate::io::file::{Rotation, Saver, Writer};
use crate::pipeline::{Next, Sink};
use crate::quantity;
use crate::wire::Packet;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Saving")]
pub struct Save {
    /// Write the packets to a file, .pcap or .pcapng by its ending; - is standard output (pcapng)
    #[arg(short, long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Begin another file (name-00002.pcapng, ...) when one is this large, as in 100MB
    #[arg(long, value_name = "SIZE", requires = "write", value_parser = quantity::size)]
    pub rotate: Option<u64>,
    /// Keep this many of the files, delete the oldest
    #[arg(long, value_name = "N", requires = "rotate")]
    pub keep: Option<usize>,
}

impl Save {
    /// Whether standard output is taken by the file.
    pub fn to_stdout(&self) -> bool {
        self.write.as_deref().is_some_and(|path| path == Path::new("-"))
    }

    /// An error where the file to write is one of those to read: making it would empty it.
    pub fn refuse_input<'a>(&self, inputs: impl IntoIterator<Item = &'a PathBuf>) -> anyhow::Result<()> {
        let identity = |path: &Path| std::fs::metadata(path).ok().map(|known| (known.dev(), known.ino()));
        let Some(output) = self.write.as_deref().filter(|_| !self.to_stdout()).and_then(identity) else {
            return Ok(());
        };
        match inputs.into_iter().find(|input| identity(input) == Some(output)) {
            Some(input) => bail!("{} is to be read and written at once: give -w another name", input.display()),
            None => Ok(()),
        }
    }

    /// Creates the file, for the user and group `owner` where this is root on their behalf.
    pub fn open(&self, owner: Option<(u32, u32)>, interfaces: Interfaces) -> anyhow::Result<Option<Saving>> {
        let Some(path) = &self.write else { return Ok(None) };
        let rotation = self.rotate.map(|bytes| Rotation { bytes, keep: self.keep });
        let mut output = if !self.to_stdout() {
            Output::Files(Saver::create(path, owner, rotation)?)
        } else if rotation.is_some() {
            bail!("standard output cannot be rotated: give -w a name");
        } else if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
            bail!("a capture is not for a terminal: give -w a name, or send standard output elsewhere");
        } else {
            Output::Stdout(Writer::to_stdout()?)
        };
        match &mut output {
            Output::Files(saver) => saver.describe(&interfaces.0.borrow())?,
            Output::Stdout(writer) => writer.describe(&interfaces.0.borrow())?,
        }
        Ok(Some(Saving { output, interfaces, failure: None }))
    }
}

/// The interfaces that frames to be saved came from; a file may tell more of them while it is read.
#[derive(Clone, Debug, Default)]
pub struct Interfaces(Rc<RefCell<Vec<Interface>>>);

impl Interfaces {
    pub fn new(known: &[Interface]) -> Self {
        Self(Rc::new(RefCell::new(known.to_vec())))
    }

    /// A source that tells here what interfaces it has come to know.
    pub fn followed<'a>(&self, source: &'a mut dyn Source) -> Followed<'a> {
        Followed { source, interfaces: self.clone() }
    }
}

pub struct Followed<'a> {
    source: &'a mut dyn Source,
    interfaces: Interfaces,
}

impl Source for Followed<'_> {
    fn advance(&mut self) -> Result<Option<Timestamp>, Error> {
        let moved = self.source.advance();
        let known = self.source.interfaces();
        let mut ours = self.interfaces.0.borrow_mut();
        if ours.len() != known.len() {
            *ours = known.to_vec();
        }
        moved
    }

    said_by!(source);
}

enum Output {
    Files(Saver),
    Stdout(Writer),
}

/// A file being written.
pub struct Saving {
    output: Output,
    interfaces: Interfaces,
    failure: Option<Error>,
}

impl Saving {
    /// Adds a frame; after a failure, which [`finish`](Self::finish) tells, there is no use in going on.
    #[inline]
    pub fn frame(&mut self, frame: &Frame<'_>) -> Next {
        let result = match &mut self.output {
            Output::Files(saver) => saver.write(frame, &self.interfaces.0.borrow()),
            Output::Stdout(writer) => writer.write(frame, &self.interfaces.0.borrow()),
        };
        self.went(result)
    }

    /// What was added can be read by others now.
    pub fn flush(&mut self) -> Next {
        let result = match &mut self.output {
            Output::Files(saver) => saver.flush(),
            Output::Stdout(writer) => writer.flush(),
        };
        self.went(result)
    }

    /// Ends the file; the error is the first of all that happened to it.
    pub fn finish(mut self, counts: &[Counts]) -> Result<(), Error> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        match &mut self.output {
            Output::Files(saver) => saver.finish(counts),
            Output::Stdout(writer) => writer.finish(counts),
        }
    }

    fn went(&mut self, result: Result<(), Error>) -> Next {
        match result {
            Ok(()) if self.failure.is_none() => Next::GoOn,
            Ok(()) => Next::Stop,
            Err(error) => {
                self.failure.get_or_insert(error);
                Next::Stop
            }
        }
    }
}

/// Saves each packet, with a note whose it is where that is known and the format has room for it, then passes it on.
pub struct Saved<'a, S> {
    saving: Option<&'a mut Saving>,
    /// Which programs a packet belongs to, as its comment.
    comment: Vec<u8>,
    inner: S,
}

impl<'a, S: Sink> Saved<'a, S> {
    pub fn new(saving: Option<&'a mut Saving>, inner: S) -> Self {
        Self { saving, comment: Vec::new(), inner }
    }
}

impl<S: Sink> Sink for Saved<'_, S> {
    #[inline]
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> std::io::Result<Next> {
        let mut saved = Next::GoOn;
        if let Some(saving) = &mut self.saving {
            let mut frame = packet.frame;
            if !known.facts.ends.is_empty() && frame.comment.is_empty() {
                self.comment.clear();
                known.facts.ends.write_comment(&mut self.comment);
                frame.comment = &self.comment;
            }
            saved = saving.frame(&frame);
        }
        let shown = self.inner.packet(packet, known)?;
        Ok(if saved == Next::Stop { Next::Stop } else { shown })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let saved = self.saving.as_mut().map_or(Next::GoOn, |saving| saving.flush());
        self.inner.flush()?;
        // No packet may come any more to end the run.
        if saved == Next::Stop { Err(std::io::Error::other(Failed)) } else { Ok(()) }
    }
}

/// The file could not be written: why, [`Saving::finish`] tells.
#[derive(Debug, thiserror::Error)]
#[error("the file could not be written")]
pub struct Failed;

impl Failed {
    /// Whether it is this that ended a run.
    pub fn ended(error: &std::io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Self>())
    }
}

/// Shows nothing.
pub struct Unseen;

impl Sink for Unseen {
    fn packet(&mut self, _: &Packet<'_>, _: &Known<'_>) -> std::io::Result<Next> {
        Ok(Next::GoOn)
    }
}
