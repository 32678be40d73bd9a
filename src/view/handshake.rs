//! What happens in a handshake by hand, in plain words: what comes next, the states of both ends, what an answer to a
//! segment that does not fit means, and how it ended.
//!
//! Everything here is a number, an address or a word of ours: nothing of a packet's text reaches the terminal.

use std::net::IpAddr;

use crate::engine::handshake::{Ending, Event, Peer, Purpose, Reply, State, Trial};

/// What is sent next, for the line that waits for a key.
pub fn next(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Syn => "SYN: asks for a connection",
        Purpose::SynAck => "SYN,ACK: the peer has asked, too",
        Purpose::AckOfSyn => "ACK: the third step",
        Purpose::AckOfData => "ACK: its data has come",
        Purpose::AckOfFin => "ACK: its FIN has come",
        Purpose::AckAgain => "ACK: tells the peer where we stand",
        Purpose::Data => "the data",
        Purpose::Fin => "FIN: we have no more to send",
        Purpose::Reset => "RST: it is over at once",
        Purpose::Trial(trial) => match trial {
            Trial::WrongAck => "an ACK of what the peer never sent",
            Trial::OldSequence => "data with a sequence number of long ago",
            Trial::FutureAck => "an ACK of data that the peer has not sent yet",
            Trial::OldAck => "an ACK of long ago",
            Trial::SynAgain => "a SYN in the middle of the connection",
            Trial::ResetAside => "a RST in the window, but not at the next number",
        },
    }
}

/// The states of both ends.
pub fn states(ours: State, peer: Peer) -> String {
    let known = match (peer.state, peer.sure) {
        (State::Listen, _) => "LISTEN, if a program has the port".to_owned(),
        (state, true) => state.name().to_owned(),
        (state, false) => format!("{} once that arrives", state.name()),
    };
    format!("here {}, peer {known}", ours.name())
}

/// What happened, and what it means.
pub fn event(event: &Event) -> String {
    match *event {
        Event::Tried { trial, reply } => tried(trial, reply).to_owned(),
        Event::DataInSyn { sent, taken: 0 } => format!(
            "the SYN,ACK acknowledges the SYN and none of its {}: without TCP Fast Open (RFC 7413) Linux does not keep data \
             of a SYN; it is sent again",
            bytes(sent.into())
        ),
        Event::DataInSyn { sent, taken } => {
            format!("{taken} of the {} in the SYN are acknowledged: the peer keeps data of a SYN", bytes(sent.into()))
        }
        Event::SynAckAgain { times, after } => format!(
            "the peer sends its SYN,ACK again (repeat {times}, {:.1} s after the one before): no ACK of it has arrived there",
            after.as_secs_f64()
        ),
        Event::WrongAnswer => {
            "that acknowledges another SYN than ours, so it gets a RST (RFC 9293 §3.10.7.3)".to_owned()
        }
        Event::BothOpen => "the peer has sent a SYN of its own before it saw ours: both open at once".to_owned(),
        Event::NotAcceptable => {
            "that is old or beyond the window: it is not taken, and an ACK says what is expected (RFC 9293 §3.10.7.4)"
                .to_owned()
        }
        Event::Challenged => {
            "that could be a stranger's guess, so it changes nothing, and a challenge ACK asks whether it is true \
             (RFC 5961)"
                .to_owned()
        }
        Event::Gap => "a segment before that one is missing: an ACK says what is expected".to_owned(),
        Event::Unreachable(error) => {
            format!("{} says {}; that may pass, so it goes on (RFC 1122 §4.2.3.9)", error.from, error.meaning())
        }
    }
}

/// What the answer to a segment that does not fit means.
fn tried(trial: Trial, reply: Reply) -> &'static str {
    match (trial, reply) {
        (Trial::WrongAck, Reply::Reset) => {
            "the wrong ACK gets a RST that has its very number; the peer stays in SYN-RECEIVED, and the right ACK still \
             counts (RFC 9293 §3.10.7.4)"
        }
        (Trial::WrongAck, Reply::Ack | Reply::Silence) => {
            "the wrong ACK gets no RST, as RFC 9293 §3.10.7.4 asks for: something drops it"
        }
        (Trial::OldSequence, Reply::Ack) => {
            "old data is not taken again; the ACK says which number the peer expects (RFC 9293 §3.10.7.4)"
        }
        (Trial::FutureAck, Reply::Ack) => {
            "an ACK of what was not sent yet is answered by an ACK with the right numbers, and dropped (RFC 9293 §3.10.7.4)"
        }
        (Trial::FutureAck, Reply::Silence) => {
            "an ACK of what was not sent yet is dropped without a word; RFC 9293 §3.10.7.4 asks for an ACK"
        }
        (Trial::OldAck, Reply::Ack) => {
            "an ACK older than any that can be under way gets a challenge ACK: a stranger has to guess this number, too, \
             before data of his is taken (RFC 5961 §5.2)"
        }
        (Trial::SynAgain, Reply::Ack) => {
            "a SYN in the middle changes nothing and gets a challenge ACK: who has really begun anew answers that with RST \
             (RFC 5961 §4.2)"
        }
        (Trial::ResetAside, Reply::Ack) => {
            "a RST whose number is not exactly the next one gets a challenge ACK: a stranger who guesses a number in the \
             window cannot end the connection (RFC 5961 §3.2)"
        }
        (_, Reply::Reset) => "that ends the connection: the peer answers RST, as stacks did before RFC 5961",
        (_, Reply::Silence) => "no answer within 1 s; RFC 9293 and RFC 5961 ask for an ACK",
    }
}

/// How it ended, and what was carried: `sent` bytes of ours were acknowledged, `came` bytes came.
pub fn ending(ending: &Ending, here: IpAddr, sent: u64, came: u64) -> Vec<String> {
    let mut lines = vec![ended(ending, here)];
    if sent + came > 0 {
        lines.push(format!("{} of ours acknowledged, {} came", bytes(sent), bytes(came)));
    }
    lines
}

fn ended(ending: &Ending, here: IpAddr) -> String {
    match *ending {
        Ending::Closed { both: true, .. } => {
            "closed by both at once: each got the other's FIN before the ACK of its own".to_owned()
        }
        Ending::Closed { first: false, .. } => {
            "closed: the peer sent its FIN first, so TIME-WAIT is kept there, not here".to_owned()
        }
        Ending::Closed { together: true, .. } => {
            "closed in four steps with three segments: the peer's ACK and its FIN are one. A kernel would keep TIME-WAIT \
             here for a while, Linux 60 s"
                .to_owned()
        }
        Ending::Closed { .. } => {
            "closed in four steps: FIN, ACK, FIN, ACK. A kernel would keep TIME-WAIT here for a while, Linux 60 s".to_owned()
        }
        Ending::Refused => "refused: RST answers the SYN, so no program listens on that port".to_owned(),
        Ending::Reset { state } => format!("reset by the peer, when we were in {}", state.name()),
        Ending::Unreachable(error) => {
            let name = if error.six { "ICMPv6" } else { "ICMP" };
            let (kind, code) = (error.kind, error.code);
            format!("unreachable: {} says {} ({name} type {kind}, code {code})", error.from, error.meaning())
        }
        Ending::Silence { state: State::SynSent, sent } => {
            format!("silence: no answer to {sent} SYNs: a firewall drops them, or nobody is there")
        }
        Ending::Silence { state, sent } => {
            format!("silence: what was sent {sent} times is not acknowledged; we were in {}", state.name())
        }
        Ending::Aborted => {
            "aborted: after a RST neither end waits for anything, nor keeps TIME-WAIT; what was under way is lost".to_owned()
        }
        Ending::HalfOpen { repeats: 0 } => {
            "half open: the peer was in SYN-RECEIVED, and did not repeat its SYN,ACK; our RST has ended that".to_owned()
        }
        Ending::HalfOpen { repeats } => format!(
            "half open: the peer kept SYN-RECEIVED and sent its SYN,ACK {} times, waiting longer each time; our RST has \
             ended that",
            repeats + 1
        ),
        Ending::NotClosed => {
            "the peer has acknowledged our FIN and not closed its side (FIN-WAIT-2 here, CLOSE-WAIT there); our RST has ended \
             that"
                .to_owned()
        }
        Ending::Endless => "the peer sends without end; our RST has ended that".to_owned(),
        Ending::Stopped => "stopped".to_owned(),
        Ending::Claimed(mac) => {
            let mac = mac.map(|byte| format!("{byte:02x}")).join(":");
            format!("given up: {mac} has the address {here}, so it was not free; choose another with --source")
        }
    }
}

fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_sure_is_said_so() {
        let peer = |state, sure| Peer { state, sure };
        let listen = states(State::SynSent, peer(State::Listen, false));
        assert_eq!(listen, "here SYN-SENT, peer LISTEN, if a program has the port");
        let sure = states(State::Established, peer(State::SynReceived, true));
        assert_eq!(sure, "here ESTABLISHED, peer SYN-RECEIVED");
        let hoped = states(State::FinWait1, peer(State::CloseWait, false));
        assert_eq!(hoped, "here FIN-WAIT-1, peer CLOSE-WAIT once that arrives");
    }

    #[test]
    fn prompts_fit_a_line() {
        let trials =
            [Trial::WrongAck, Trial::OldSequence, Trial::FutureAck, Trial::OldAck, Trial::SynAgain, Trial::ResetAside];
        for trial in trials {
            assert!(next(Purpose::Trial(trial)).len() < 50, "{trial:?}");
        }
    }
}
