//! The states of both ends of a TCP connection (RFC 9293 §3.3.2), as one who stands between them can know them.
//!
//! What was seen is taken to arrive. A connection that was open before the capture began is taken for established.

use crate::wire::tcp::Flags;
pub use crate::wire::tcp::State;

/// Whether the handshake is behind this end, and the close not done.
fn synchronised(state: State) -> bool {
    !matches!(state, State::Unknown | State::Listen | State::SynSent | State::SynReceived | State::Closed)
}

/// What a segment acknowledges that moves states on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Acknowledges {
    /// The FIN of the other side, for the first time.
    pub fin: bool,
    /// The SYN of the other side, which has acknowledged the sender's before: the second half of a simultaneous open.
    pub second_syn: bool,
}

/// Moves both ends on by one segment.
#[inline]
pub fn advance(sender: &mut State, receiver: &mut State, flags: Flags, acknowledges: Acknowledges) {
    use State::*;
    if flags.any(Flags::RST) {
        // A segment that breaks off ends both: who sends it has no connection, who gets it gives his up; but who has
        // only answered a SYN listens again (RFC 9293 §3.10.7.4).
        let listens = matches!((*sender, *receiver), (SynSent, SynReceived));
        (*sender, *receiver) = (Closed, if listens { Listen } else { Closed });
        return;
    }
    match (flags.any(Flags::SYN), flags.any(Flags::ACK)) {
        (true, false) if *receiver == SynSent => (*sender, *receiver) = (SynReceived, SynReceived),
        (true, false) => {
            *sender = SynSent;
            if matches!(*receiver, Unknown | Closed | TimeWait) {
                *receiver = Listen;
            }
            return;
        }
        (true, true) if acknowledges.second_syn => (*sender, *receiver) = (Established, Established),
        (true, true) => {
            *sender = SynReceived;
            if *receiver == Unknown {
                *receiver = SynSent;
            }
            return;
        }
        (false, true) => {
            if matches!(*sender, SynSent | SynReceived | Unknown) {
                *sender = Established;
            }
            if matches!(*receiver, SynReceived | Unknown) {
                *receiver = Established;
            }
        }
        (false, false) => {}
    }
    if acknowledges.fin && matches!((*sender, *receiver), (FinWait1, FinWait1) | (Closing, Closing)) {
        // The FINs have crossed (RFC 9293 §3.6, figure 13): either side has the other's, and awaits that its own is
        // acknowledged.
        let both = if *sender == FinWait1 { Closing } else { TimeWait };
        (*sender, *receiver) = (both, both);
    } else if acknowledges.fin {
        *receiver = match *receiver {
            FinWait1 => FinWait2,
            Closing => TimeWait,
            LastAck => Closed,
            other => other,
        };
        *sender = match *sender {
            Established | SynReceived => CloseWait,
            FinWait1 => Closing,
            FinWait2 => TimeWait,
            other => other,
        };
    }
    if flags.any(Flags::FIN) {
        *sender = match *sender {
            Established | SynReceived | Unknown => FinWait1,
            CloseWait => LastAck,
            other => other,
        };
    }
}

/// Whether the connection is open in at least one direction.
pub fn is_open(ends: [State; 2]) -> bool {
    ends.iter().any(|end| synchronised(*end) && !matches!(end, State::TimeWait))
}

#[cfg(test)]
mod tests {
    use super::State::*;
    use super::*;

    const C: usize = 0;
    const S: usize = 1;

    /// Plays segments of (sender, flags, acknowledges the other's FIN) and tells the states behind each.
    fn play(segments: &[(usize, u16, bool)]) -> Vec<(State, State)> {
        let mut ends = [Unknown; 2];
        let mut after = Vec::new();
        for (sender, flags, acknowledges_fin) in segments {
            let [client, server] = &mut ends;
            let (from, to) = if *sender == C { (client, server) } else { (server, client) };
            let acknowledges = Acknowledges { fin: *acknowledges_fin, ..Acknowledges::default() };
            advance(from, to, Flags(*flags), acknowledges);
            after.push((ends[C], ends[S]));
        }
        after
    }

    const SYN: u16 = Flags::SYN;
    const ACK: u16 = Flags::ACK;
    const FIN: u16 = Flags::FIN | Flags::ACK;
    const RST: u16 = Flags::RST | Flags::ACK;

    #[test]
    fn a_client_opens_and_closes_in_four_steps() {
        let seen = play(&[
            (C, SYN, false),
            (S, SYN | ACK, false),
            (C, ACK, false),
            (C, FIN, false),
            (S, ACK, true),
            (S, FIN, true),
            (C, ACK, true),
        ]);
        assert_eq!(
            seen,
            [
                (SynSent, Listen),
                (SynSent, SynReceived),
                (Established, Established),
                (FinWait1, Established),
                (FinWait2, CloseWait),
                (FinWait2, LastAck),
                (TimeWait, Closed),
            ]
        );
    }

    #[test]
    fn a_close_in_three_steps_leaves_the_first_closer_in_time_wait() {
        let seen = play(&[
            (C, SYN, false),
            (S, SYN | ACK, false),
            (C, ACK, false),
            (S, FIN, false),
            (C, FIN, true),
            (S, ACK, true),
        ]);
        assert_eq!(seen.last(), Some(&(Closed, TimeWait)));
        assert_eq!(seen[4], (LastAck, FinWait2));
    }

    #[test]
    fn both_close_at_once_and_both_wait() {
        let seen = play(&[(C, ACK, false), (C, FIN, false), (S, FIN, false), (C, ACK, true), (S, ACK, true)]);
        assert_eq!(seen[2..], [(FinWait1, FinWait1), (Closing, Closing), (TimeWait, TimeWait)]);
    }

    #[test]
    fn a_refused_connection_is_closed_on_both_sides() {
        assert_eq!(play(&[(C, SYN, false), (S, RST, false)]).last(), Some(&(Closed, Closed)));
    }

    #[test]
    fn a_server_that_is_reset_before_the_connection_is_open_listens_again() {
        let seen = play(&[(C, SYN, false), (S, SYN | ACK, false), (C, Flags::RST, false)]);
        assert_eq!(seen.last(), Some(&(Closed, Listen)));
    }

    #[test]
    fn both_may_open_at_once() {
        let seen = play(&[(C, SYN, false), (S, SYN, false), (C, SYN | ACK, false), (S, ACK, false)]);
        assert_eq!(seen[1], (SynReceived, SynReceived));
        assert_eq!(seen.last(), Some(&(Established, Established)));
    }
}
