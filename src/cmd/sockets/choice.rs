//! Which sockets are wanted.

use crate::flow::state::State as Word;
use crate::io::sockets::processes::Holder;
use crate::io::sockets::{Protocol, Socket, State};

#[derive(Debug, clap::Args)]
pub struct Choice {
    /// Only with this port at either end
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Only those that wait: listening TCP and Unix sockets, UDP sockets that hear anybody
    #[arg(short, long)]
    listening: bool,
    /// TCP (several of these kinds: all of them; none: TCP and UDP, raw and packet)
    #[arg(short, long)]
    tcp: bool,
    /// UDP
    #[arg(short, long)]
    udp: bool,
    /// Unix sockets
    #[arg(short = 'x', long)]
    unix: bool,
    /// Raw IP
    #[arg(short = 'w', long)]
    raw: bool,
    /// Packet sockets: captures
    #[arg(short = '0', long)]
    packet: bool,
    /// Only those that this process holds
    #[arg(long, value_name = "P", value_parser = pid)]
    pid: Option<i32>,
    /// Only those of processes whose name begins so
    #[arg(long, value_name = "NAME")]
    process: Option<String>,
    /// Only in this state, as in TIME-WAIT (repeatable)
    #[arg(long, value_name = "S", value_parser = state)]
    state: Vec<&'static str>,
}

impl Choice {
    pub fn protocols(&self) -> Vec<Protocol> {
        let asked = [self.tcp, self.udp, self.raw, self.packet, self.unix];
        let any = asked.contains(&true);
        let wanted = Protocol::ALL.into_iter().zip(asked);
        wanted
            .filter(|(protocol, asked)| if any { *asked } else { *protocol != Protocol::Unix })
            .map(|(p, _)| p)
            .collect()
    }

    pub fn takes(&self, socket: &Socket, holders: &[Holder]) -> bool {
        let port = self.port.is_none_or(|port| socket.local_port() == port || socket.remote_port() == port);
        let holds = |holder: &Holder| {
            self.pid.is_none_or(|pid| holder.pid == pid)
                && self.process.as_ref().is_none_or(|name| begins(&holder.process, name))
        };
        port && (!self.listening || socket.is_listening())
            && (self.state.is_empty() || self.state.contains(&word(socket.protocol, socket.state)))
            && (self.pid.is_none() && self.process.is_none() || holders.iter().any(holds))
    }
}

/// Whether a process's name begins so. The kernel keeps 15 bytes of a name: of a longer one, the rest is not known.
fn begins(process: &str, name: &str) -> bool {
    process.starts_with(name) || process.len() == 15 && name.starts_with(process)
}

/// A process's number.
fn pid(text: &str) -> Result<i32, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number
        .ok_or_else(|| "a process has a number from 1 on, as `pgrep NAME` prints it (--process takes names)".to_owned())
}

/// The kernel's number of a state in RFC 9293's words; datagrams have no states, but may be connected to one peer.
pub fn word(protocol: Protocol, state: State) -> &'static str {
    match (protocol, state) {
        (Protocol::Tcp, State::CLOSED) => Word::Closed.name(),
        (_, State::CLOSED) => UNCONNECTED,
        (_, State(number)) => STATES.iter().find(|(own, _)| *own == number).map_or("?", |(_, word)| word.name()),
    }
}

const UNCONNECTED: &str = "UNCONNECTED";

/// include/net/tcp_states.h.
const STATES: [(u8, Word); 10] = [
    (1, Word::Established),
    (2, Word::SynSent),
    (3, Word::SynReceived),
    (4, Word::FinWait1),
    (5, Word::FinWait2),
    (6, Word::TimeWait),
    (8, Word::CloseWait),
    (9, Word::LastAck),
    (10, Word::Listen),
    (11, Word::Closing),
];

/// A state as a person or ss(8) writes it.
fn state(text: &str) -> Result<&'static str, String> {
    let wanted = text.to_ascii_uppercase().replace('_', "-");
    let wanted = match wanted.as_str() {
        "ESTAB" => "ESTABLISHED",
        "SYN-RECV" => "SYN-RECEIVED",
        "UNCONN" => UNCONNECTED,
        "LISTENING" => "LISTEN",
        "CLOSE" => "CLOSED",
        "TIMEWAIT" => "TIME-WAIT",
        other => other,
    };
    let words = STATES.iter().map(|(_, word)| word.name()).chain([Word::Closed.name(), UNCONNECTED]);
    let known: Vec<&'static str> = words.collect();
    let same = known.iter().find(|word| **word == wanted || word.replace("WAIT-", "WAIT") == wanted);
    same.copied().ok_or_else(|| format!("no such state; there are {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_known_in_the_words_of_rfc_9293_of_ss_and_of_netstat() {
        for (text, expected) in [
            ("TIME-WAIT", "TIME-WAIT"),
            ("time_wait", "TIME-WAIT"),
            ("estab", "ESTABLISHED"),
            ("FIN_WAIT2", "FIN-WAIT-2"),
            ("fin-wait-1", "FIN-WAIT-1"),
            ("syn-recv", "SYN-RECEIVED"),
            ("unconn", "UNCONNECTED"),
        ] {
            assert_eq!(state(text), Ok(expected), "{text}");
        }
        assert!(state("asleep").unwrap_err().contains("LAST-ACK"));
    }

    #[test]
    fn a_name_longer_than_the_kernel_keeps_is_found_all_the_same() {
        assert!(begins("python3", "python3") && begins("python3", "py") && !begins("py", "python3"));
        assert!(begins("netlab-measures", "netlab-measures-10000") && !begins("netlab-measures", "netlab-measured"));
        assert_eq!(pid("1"), Ok(1));
        for wrong in ["0", "-1", "nginx", "99999999999"] {
            assert!(pid(wrong).unwrap_err().contains("--process"), "{wrong}");
        }
    }
}
