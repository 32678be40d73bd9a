//! What `heartbeat` prints. Its datagrams and its rules are the machine's: [`crate::engine::heartbeat`].

use std::time::Duration;

use crate::engine::heartbeat::{Event, Tally};

/// Bytes that a receive takes at most; a heartbeat of any other program may be cut, it is a sign of life all the same.
pub const BUFFER: usize = 1024;

/// The line of an event; `None` for those that are told by another one.
pub fn line(event: &Event) -> Option<String> {
    Some(match event {
        Event::Alive { peer, silence: None } => format!("alive: {peer}"),
        Event::Alive { peer, silence: Some(silence) } => format!("alive: {peer}, after {}", seconds(*silence)),
        Event::Late { peer, silence } => format!("late: {peer}, nothing heard for {}", seconds(*silence)),
        Event::Lost { peer, silence } => format!("lost: {peer}, nothing heard for {}", seconds(*silence)),
        Event::Answered { number, round_trip, jitter, .. } => {
            format!("heartbeat {number}: round trip {}, jitter {}", milliseconds(*round_trip), milliseconds(*jitter))
        }
        Event::Unanswered { number, .. } => format!("heartbeat {number}: round trip -"),
        Event::Moved { from, to } => format!("moved: {from} is now {to}"),
        Event::Restarted { .. }
        | Event::Missing { .. }
        | Event::MissingThere { .. }
        | Event::Again { .. }
        | Event::Disordered { .. }
        | Event::Beat { .. } => return None,
    })
}

/// The line at the end.
pub fn summary(tally: Tally) -> String {
    let Tally { sent, answered, heard } = tally;
    format!("heartbeats: {sent} sent, {answered} answered; signs of life heard: {heard}")
}

/// Whole milliseconds are enough: timers are no better.
fn seconds(silence: Duration) -> String {
    let milliseconds = silence.as_millis();
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

fn milliseconds(time: Duration) -> String {
    let microseconds = time.as_micros();
    format!("{}.{:03} ms", microseconds / 1000, microseconds % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_in_one_line_each() {
        let peer = "127.0.0.1:8005".parse().unwrap();
        let told = [
            Event::Alive { peer, silence: None },
            Event::Late { peer, silence: Duration::from_micros(1_500_420) },
            Event::Answered {
                peer,
                number: 3,
                round_trip: Duration::from_micros(12_345),
                jitter: Duration::from_nanos(999),
            },
            Event::Unanswered { peer, number: 4 },
        ];
        assert_eq!(
            told.iter().filter_map(line).collect::<Vec<_>>(),
            [
                "alive: 127.0.0.1:8005",
                "late: 127.0.0.1:8005, nothing heard for 1.5 s",
                "heartbeat 3: round trip 12.345 ms, jitter 0.000 ms",
                "heartbeat 4: round trip -"
            ]
        );
        assert_eq!(line(&Event::Beat { peer, number: None }), None);
    }
}
