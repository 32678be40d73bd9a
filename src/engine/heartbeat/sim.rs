//! Two ends and the way between them, in memory: what is lost, doubled, delayed or given another sender, by the number of
//! the datagram; clocks that do not run alike. Nothing in it is left to chance, so every count is exact.

use super::*;

/// A datagram on its way.
#[derive(Clone, Debug)]
struct Flying {
    arrives: Duration,
    order: u64,
    to: usize,
    from: SocketAddr,
    bytes: Vec<u8>,
}

/// What happens to the datagrams of one direction; numbers count from 1.
pub struct Way {
    pub drops: Box<dyn Fn(u64) -> bool>,
    pub copies: Box<dyn Fn(u64) -> u64>,
    pub delay: Box<dyn Fn(u64) -> Duration>,
    pub sent: u64,
    pub dropped: u64,
}

impl Way {
    pub fn clear(delay: Duration) -> Self {
        Self {
            drops: Box::new(|_| false),
            copies: Box::new(|_| 1),
            delay: Box::new(move |_| delay),
            sent: 0,
            dropped: 0,
        }
    }
}

/// End 0 has chosen end 1, which waits.
pub struct Sim {
    pub ends: [Option<Sessions>; 2],
    /// Addresses as the other end sees them.
    pub addresses: [SocketAddr; 2],
    /// How fast each end's clock runs, in millionths.
    pub clocks: [u64; 2],
    pub ways: [Way; 2],
    pub now: Duration,
    pub events: [Vec<Event>; 2],
    flying: Vec<Flying>,
    order: u64,
}

impl Sim {
    pub fn new(pace: Pace) -> Self {
        let addresses = [1, 2].map(|last| SocketAddr::from(([10, 0, 5, last], 8005)));
        let first = Sessions::towards(pace, Default::default(), addresses[1], Duration::ZERO);
        Self {
            ends: [Some(first), Some(Sessions::new(pace, Default::default(), 8))],
            addresses,
            clocks: [1_000_000; 2],
            ways: [Way::clear(Duration::from_millis(5)), Way::clear(Duration::from_millis(5))],
            now: Duration::ZERO,
            events: [Vec::new(), Vec::new()],
            flying: Vec::new(),
            order: 0,
        }
    }

    /// An end's clock at this moment.
    fn clock(&self, end: usize) -> Duration {
        Duration::from_nanos((self.now.as_nanos() * u128::from(self.clocks[end]) / 1_000_000) as u64)
    }

    /// Lets everything happen until then, in steps of a millisecond.
    pub fn run(&mut self, until: Duration) {
        while self.now <= until {
            self.step();
            self.now += Duration::from_millis(1);
        }
    }

    fn step(&mut self) {
        loop {
            self.flying.sort_by_key(|flying| (flying.arrives, flying.order));
            let Some(next) = self.flying.first().filter(|flying| flying.arrives <= self.now).cloned() else { break };
            self.flying.remove(0);
            let clock = self.clock(next.to);
            if let Some(end) = &mut self.ends[next.to] {
                end.handle(clock, next.from, &next.bytes);
            }
        }
        for number in [0, 1] {
            let clock = self.clock(number);
            let Some(end) = &mut self.ends[number] else { continue };
            end.handle_time(clock);
            let sent: Vec<Transmit> = std::iter::from_fn(|| end.transmit(clock)).collect();
            self.events[number].extend(std::iter::from_fn(|| end.event()));
            for transmit in sent {
                self.send(number, transmit);
            }
        }
    }

    fn send(&mut self, number: usize, transmit: Transmit) {
        let other = 1 - number;
        let way = &mut self.ways[number];
        way.sent += 1;
        // Nobody has an address any more that a NAT has taken away.
        if (way.drops)(way.sent) || transmit.to != self.addresses[other] {
            way.dropped += 1;
            return;
        }
        for copy in 0..(way.copies)(way.sent) {
            self.order += 1;
            let arrives = self.now + (way.delay)(way.sent) + Duration::from_millis(copy);
            let (from, bytes) = (self.addresses[number], transmit.bytes.clone());
            self.flying.push(Flying { arrives, order: self.order, to: other, from, bytes });
        }
    }

    pub fn session(&self, number: usize) -> &Session {
        &self.ends[number].as_ref().unwrap().ends()[0]
    }

    /// How many of an end's events are such.
    pub fn count(&self, number: usize, is: impl Fn(&Event) -> bool) -> usize {
        self.events[number].iter().filter(|event| is(event)).count()
    }
}
