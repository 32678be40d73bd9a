//! Transfers of FTP: a command on one connection, the bytes on another, joined by the end that was announced for it.
//!
//! Bounded: of more than [`MOST`] transfers at a time the oldest are handed out as they are.

use std::collections::{BTreeMap, HashMap};

use super::body::End;
use super::output::{Draft, Output};
use super::{Body, Bytes, Conversation, File, Place, What};
use crate::wire::ftp::End as Endpoint;
use crate::wire::{Address, Protocol};

/// Transfers that are known at a time.
pub(super) const MOST: usize = 4096;

/// Who listens for the data connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Client,
    Server,
}

struct Transfer {
    control: Conversation,
    whose: Whose,
    /// Ends under which it is expected.
    ends: Vec<(Address, u16)>,
    /// The command, once it was given: the number of its message and where it stands.
    command: Option<(u32, Place)>,
    file: File,
    /// The last reply's code.
    code: Option<u16>,
    /// What came over the data connection, and which that is.
    data: Option<(Option<Draft>, Conversation)>,
    connected: bool,
}

/// All transfers.
#[derive(Default)]
pub(super) struct Transfers {
    transfers: BTreeMap<u32, Transfer>,
    /// Which transfer a connection to this end is for.
    expected: HashMap<(Address, u16), u32>,
    next: u32,
}

impl Transfers {
    fn add(&mut self, control: Conversation, whose: Whose, ends: Vec<(Address, u16)>) -> u32 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        for end in &ends {
            self.expected.insert(*end, number);
        }
        let (file, control_stream) = (File::default(), control.stream);
        let file = File { control: Some(control_stream), ..file };
        let transfer = Transfer { control, whose, ends, command: None, file, code: None, data: None, connected: false };
        self.transfers.insert(number, transfer);
        number
    }

    /// An end was announced on a control connection.
    pub(super) fn announce(&mut self, control: Conversation, whose: Whose, (address, port): Endpoint) -> u32 {
        // Behind a NAT the address that is named may not be the one that is used.
        let own = if whose == Whose::Client { control.client.0 } else { control.server.0 };
        let mut ends = vec![(own, port)];
        ends.extend(address.filter(|address| *address != own).map(|address| (address, port)));
        self.add(control, whose, ends)
    }

    /// A command whose connection was not announced: from the server's data port to the client's own (RFC 959 §3.2).
    pub(super) fn without_end(&mut self, control: Conversation) -> u32 {
        self.add(control, Whose::Client, vec![control.client])
    }

    pub(super) fn command(
        &mut self,
        transfer: u32,
        word: &[u8],
        argument: &[u8],
        from: u64,
        number: u32,
        at: &Bytes<'_>,
    ) {
        let Some(transfer) = self.transfers.get_mut(&transfer) else { return };
        transfer.command = Some((number, Place::of(at)));
        transfer.file.command = word.to_ascii_uppercase();
        transfer.file.name = argument.to_vec();
        transfer.file.from = from;
    }

    /// The server opens the connection; what it says may name the size, as in `(22 bytes)`.
    pub(super) fn opened(&mut self, transfer: u32, text: &[u8]) {
        let Some(transfer) = self.transfers.get_mut(&transfer) else { return };
        let words = || text.split(|byte| *byte == b' ');
        let size = words().zip(words().skip(1)).find_map(|(number, unit)| {
            let number = number.strip_prefix(b"(").filter(|_| unit.starts_with(b"byte"))?;
            std::str::from_utf8(number).ok()?.parse().ok()
        });
        transfer.file.announced = size.or(transfer.file.announced);
    }

    /// The transfer that a connection to this end is for.
    pub(super) fn connect(&mut self, end: (Address, u16)) -> Option<u32> {
        let number = self.expected.remove(&end)?;
        let transfer = self.transfers.get_mut(&number)?;
        transfer.connected = true;
        for end in std::mem::take(&mut transfer.ends) {
            if self.expected.get(&end) == Some(&number) {
                self.expected.remove(&end);
            }
        }
        Some(number)
    }

    /// Whether more transfers are known than there is room for.
    fn is_full(&self) -> bool {
        self.transfers.len() > MOST
    }

    fn remove(&mut self, number: u32) -> Option<Transfer> {
        let transfer = self.transfers.remove(&number)?;
        for end in &transfer.ends {
            if self.expected.get(end) == Some(&number) {
                self.expected.remove(end);
            }
        }
        Some(transfer)
    }
}

impl Output<'_> {
    /// The server's last word on a transfer.
    pub(super) fn replied(&mut self, number: u32, text: &[u8], code: u16) {
        if let Some(transfer) = self.transfers.transfers.get_mut(&number) {
            transfer.file.reply = text.to_vec();
            transfer.code = Some(code);
        }
        self.hand_out_if_over(number);
    }

    /// The data connection of a transfer is over: what came over it.
    pub(super) fn carried(&mut self, number: u32, draft: Option<Draft>) {
        let conversation = self.conversation;
        if let Some(transfer) = self.transfers.transfers.get_mut(&number) {
            transfer.data = Some((draft, conversation));
        }
        self.hand_out_if_over(number);
    }

    fn hand_out_if_over(&mut self, number: u32) {
        let transfer = self.transfers.transfers.get(&number);
        let refused = |transfer: &Transfer| !transfer.connected && transfer.code.is_some_and(|code| code >= 400);
        if transfer.is_some_and(|transfer| {
            transfer.command.is_some() && transfer.code.is_some() && transfer.data.is_some() || refused(transfer)
        }) {
            self.hand_out(number);
        }
    }

    /// Hands out the transfers that there is no room for; all of them at the end.
    pub(super) fn hand_out_transfers(&mut self, all: bool) {
        while all || self.transfers.is_full() {
            let Some((number, _)) = self.transfers.transfers.first_key_value() else { return };
            let number = *number;
            self.hand_out(number);
        }
    }

    fn hand_out(&mut self, number: u32) {
        let Some(transfer) = self.transfers.remove(number) else { return };
        let Transfer { control, whose, command, file, code, data, connected, .. } = transfer;
        let Some((command, place)) = command else {
            // A connection without a command that is known: still, something came over it.
            let Some((Some(draft), conversation)) = data else { return };
            return self.file(draft, conversation, whose, file);
        };
        let refused = code.is_some_and(|code| code >= 400);
        let (draft, conversation) = data.unwrap_or((None, control));
        let mut draft = match draft {
            Some(draft) => draft,
            // Nothing was carried: refused, an empty file, or its connection was not captured.
            None if refused => return,
            None => {
                let sends = is_sent(&file.command);
                let from_client = if connected && whose == Whose::Client { !sends } else { sends };
                let end = if connected { End::Whole } else { End::Cut { missing: file.announced } };
                let body = Body { end, ..Body::default() };
                Draft { number: command, from_client, place, body }
            }
        };
        if refused && draft.body.end == End::Whole {
            draft.body.end = End::Cut { missing: None };
        }
        let whose = if connected { whose } else { Whose::Server };
        self.file(draft, conversation, whose, file);
    }

    fn file(&mut self, draft: Draft, data: Conversation, whose: Whose, file: File) {
        // Client and server are FTP's, whoever opened the data connection.
        let (conversation, draft) = match whose {
            Whose::Server => (data, draft),
            Whose::Client => (
                Conversation { client: data.server, server: data.client, ..data },
                Draft { from_client: !draft.from_client, ..draft },
            ),
        };
        let before = std::mem::replace(&mut self.conversation, conversation);
        self.message(Protocol::Ftp, draft, What::File(file));
        self.conversation = before;
    }
}

/// Whether the client sends with this command.
fn is_sent(command: &[u8]) -> bool {
    matches!(command, b"STOR" | b"STOU" | b"APPE")
}

/// What comes over a data connection: one side speaks.
pub(super) struct Data {
    pub transfer: u32,
    draft: Option<Draft>,
}

impl Data {
    pub(super) fn of(transfer: u32) -> Self {
        Self { transfer, draft: None }
    }

    pub(super) fn bytes(&mut self, from_client: bool, bytes: Bytes<'_>, out: &mut Output<'_>) {
        let draft = self.draft.get_or_insert_with(|| out.begin(&bytes, from_client));
        if draft.from_client == from_client {
            draft.place.extend(&bytes);
            draft.body.push(bytes.data, out.budget);
        }
    }

    /// Bytes are missing; before the first that is known, `first` says where that would stand.
    pub(super) fn gap(&mut self, from_client: bool, length: u64, out: &mut Output<'_>) {
        let first = Bytes { data: &[], offset: 0, frame: out.frame, time: None };
        let draft = self.draft.get_or_insert_with(|| out.begin(&first, from_client));
        if draft.from_client == from_client {
            draft.body.gap(length, out.budget);
        }
    }

    /// The connection is over.
    pub(super) fn finish(&mut self, closed: super::output::Ways<bool>, out: &mut Output<'_>) {
        let mut draft = self.draft.take();
        if let Some(draft) = &mut draft
            && !closed.of(draft.from_client)
        {
            draft.body.end = End::Cut { missing: None };
        }
        out.carried(self.transfer, draft);
    }
}
