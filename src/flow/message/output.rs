//! Where the readers of all conversations put their messages.

use super::body::{Body, Budget};
use super::collect::LeftOut;
use super::transfer::Transfers;
use super::{Bytes, Conversation, Message, Place, What};
use crate::wire::Protocol;

/// What a message costs besides its texts.
const COST: usize = size_of::<Message>();

/// One value for the client's stream and one for the server's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ways<T> {
    pub client: T,
    pub server: T,
}

impl<T: Copy> Ways<T> {
    pub(super) fn of(&self, from_client: bool) -> T {
        if from_client { self.client } else { self.server }
    }
}

impl<T> Ways<T> {
    pub(super) fn at(&mut self, from_client: bool) -> &mut T {
        if from_client { &mut self.client } else { &mut self.server }
    }
}

/// A message that is being read.
pub(super) struct Draft {
    pub number: u32,
    pub from_client: bool,
    pub place: Place,
    pub body: Body,
}

/// Where readers put their messages.
pub(super) struct Output<'a> {
    pub budget: &'a mut Budget,
    pub left_out: &'a mut LeftOut,
    pub transfers: &'a mut Transfers,
    pub conversation: Conversation,
    /// The frame that was read last.
    pub frame: u64,
    pub begun: &'a mut u32,
    pub messages: &'a mut Vec<Message>,
}

impl Output<'_> {
    /// A message begins with these bytes.
    pub(super) fn begin(&mut self, bytes: &Bytes<'_>, from_client: bool) -> Draft {
        *self.begun = self.begun.saturating_add(1);
        Draft { number: *self.begun, from_client, place: Place::of(bytes), body: Body::default() }
    }

    /// A message is over.
    pub(super) fn message(&mut self, application: Protocol, draft: Draft, what: What) {
        let Draft { number, from_client, place, body } = draft;
        // A head has been taken into account while it was read.
        let texts = match &what {
            What::Request { .. } => 0,
            What::Response { asked, .. } => {
                asked.as_ref().map_or(0, |asked| asked.method.len() + asked.target.len() + asked.host.len())
            }
            What::Mail(envelope) => {
                let to: usize = envelope.to.iter().map(|to| to.len() + size_of::<Vec<u8>>()).sum();
                envelope.from.len() + to + envelope.reply.len() + envelope.command.len()
            }
            What::File(file) => file.name.len() + file.command.len() + file.reply.len(),
        };
        if !self.budget.takes(COST + texts) {
            self.left_out.messages += 1;
            return;
        }
        let conversation = self.conversation;
        self.messages.push(Message { number, application, conversation, from_client, place, what, body });
    }
}
