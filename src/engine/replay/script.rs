//! The part of one side in a conversation, made from the conversation's bytes in the order of the capture.

use std::time::Duration;

/// What happens next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// We say this; `after`: so long after the step before it, in the capture.
    Say { data: Vec<u8>, after: Duration },
    /// The other side says this.
    Hear(Heard),
    /// We have no more to say.
    Close,
    /// The other side has no more to say.
    TheyClose,
    /// We break the connection off.
    Break,
    /// The other side breaks it off.
    TheyBreak,
}

/// What the other side says in one turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    pub data: Vec<u8>,
    /// Of the first byte, in all that this side says.
    pub offset: u64,
    /// From which byte on it came in which frame.
    pub frames: Vec<(usize, u64)>,
}

impl Heard {
    /// The frame that brought the byte at `place`.
    pub fn frame(&self, place: usize) -> u64 {
        let found = self.frames.iter().rev().find(|(from, _)| *from <= place);
        found.map_or(0, |(_, frame)| *frame)
    }
}

/// The conversation is longer than can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the conversation is longer than {} MiB", Script::MOST >> 20)]
pub struct TooLong;

/// All steps of one side.
#[derive(Clone, Debug)]
pub struct Script {
    steps: Vec<Step>,
    /// Each is a whole, and none is joined with the next.
    datagrams: bool,
    /// We are the client.
    client: bool,
    heard: u64,
    size: usize,
    /// The time of the step before, in nanoseconds.
    last: Option<i64>,
}

impl Script {
    /// Most bytes that are kept of a conversation.
    pub const MOST: usize = 256 << 20;
    /// What a step costs besides its bytes.
    const STEP: usize = 64;

    /// The script of the client or of the server, over datagrams or a stream.
    pub fn new(client: bool, datagrams: bool) -> Self {
        Self { steps: Vec::new(), datagrams, client, heard: 0, size: 0, last: None }
    }

    /// Bytes of a side, in their order; each call a segment or datagram of its own. `time`: nanoseconds.
    pub fn bytes(&mut self, from_client: bool, data: &[u8], frame: u64, time: Option<i64>) -> Result<(), TooLong> {
        self.size = self.size.saturating_add(data.len() + Self::STEP);
        if self.size > Self::MOST {
            return Err(TooLong);
        }
        // A FIN that was captured before what it follows.
        let closed = if from_client == self.client { Step::Close } else { Step::TheyClose };
        let out_of_place = self.steps.iter().position(|step| *step == closed);
        if let Some(place) = out_of_place {
            self.steps.remove(place);
        }
        let since = self.last.zip(time).map_or(0, |(last, now)| now.saturating_sub(last));
        self.last = time.or(self.last);
        let after = Duration::from_nanos(u64::try_from(since).unwrap_or(0));
        if from_client == self.client {
            self.steps.push(Step::Say { data: data.to_vec(), after });
        } else {
            let offset = self.heard;
            self.heard += data.len() as u64;
            match self.steps.last_mut() {
                Some(Step::Hear(heard)) if !self.datagrams => {
                    heard.frames.push((heard.data.len(), frame));
                    heard.data.extend_from_slice(data);
                }
                _ => self.steps.push(Step::Hear(Heard { data: data.to_vec(), offset, frames: vec![(0, frame)] })),
            }
        }
        if out_of_place.is_some() {
            self.steps.push(closed);
        }
        Ok(())
    }

    /// A side has no more to say: the first time counts.
    pub fn close(&mut self, from_client: bool) {
        let closed = if from_client == self.client { Step::Close } else { Step::TheyClose };
        if !self.steps.contains(&closed) {
            self.steps.push(closed);
        }
    }

    /// A side breaks the connection off: nothing comes after it.
    pub fn reset(&mut self, from_client: bool) {
        if !self.is_broken() {
            self.steps.push(if from_client == self.client { Step::Break } else { Step::TheyBreak });
        }
    }

    pub fn is_broken(&self) -> bool {
        matches!(self.steps.last(), Some(Step::Break | Step::TheyBreak))
    }

    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub fn datagrams(&self) -> bool {
        self.datagrams
    }

    /// Bytes that the other side says.
    pub fn heard(&self) -> u64 {
        self.heard
    }

    /// How often the other side has its turn.
    pub fn turns(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::Hear(_))).count()
    }
}
