//! The names of addresses by the system's resolver, asked beside the work: it may take seconds, and may never answer.
//!
//! At most [`AT_ONCE`] questions are under way, each on a thread of its own that nobody waits for at the end; at most
//! [`MOST`] are asked in all. All waiting for answers together takes at most [`WAITING`].

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::resolver;

const AT_ONCE: usize = 8;
const MOST: usize = 4096;
/// Who does not answer so often is not waited for any more.
const PATIENCE: u32 = 3;
const WAITING: Duration = Duration::from_secs(10);

type Answer = (IpAddr, Option<String>);

/// Asks the system's resolver.
pub struct Reverse {
    /// How long an answer is waited for before the work goes on without it.
    wait: Duration,
    asked: HashSet<IpAddr>,
    under_way: usize,
    /// Answers in a row that did not come in time.
    late: u32,
    /// What is left of the time for waiting.
    left: Duration,
    answered: Sender<Answer>,
    answers: Receiver<Answer>,
    ask: fn(IpAddr) -> Option<String>,
}

impl Reverse {
    /// Waits so long for an answer, before the work goes on; nothing is asked yet.
    pub fn new(wait: Duration) -> Self {
        Self::asking(wait, ask)
    }

    fn asking(wait: Duration, ask: fn(IpAddr) -> Option<String>) -> Self {
        let (answered, answers) = channel();
        Self { wait, asked: HashSet::new(), under_way: 0, late: 0, left: WAITING, answered, answers, ask }
    }

    /// Asks for the name of an address, unless that has been asked before; hands every name that has come since to `each`.
    pub fn ask(&mut self, address: IpAddr, each: &mut dyn FnMut(IpAddr, &str)) {
        let fresh = self.asked.len() < MOST && self.under_way < AT_ONCE && self.asked.insert(address);
        if fresh {
            let (ask, answered) = (self.ask, self.answered.clone());
            let ask = move || {
                // Nobody listens any more where the work is done.
                let _ = answered.send((address, ask(address)));
            };
            match std::thread::Builder::new().name("resolver".into()).spawn(ask) {
                Ok(_) => self.under_way += 1,
                // No thread, no name.
                Err(_) => return,
            }
        }
        let wait = if fresh && self.late < PATIENCE { self.wait } else { Duration::ZERO };
        self.take(wait, Some(address), each);
    }

    /// Waits once more for what has been asked and not answered.
    pub fn finish(&mut self, each: &mut dyn FnMut(IpAddr, &str)) {
        let wait = if self.late < PATIENCE { self.wait } else { Duration::ZERO };
        self.take(wait, None, each);
    }

    /// Takes the answers that have come; waits for that of `address`, or for all.
    fn take(&mut self, wait: Duration, address: Option<IpAddr>, each: &mut dyn FnMut(IpAddr, &str)) {
        let (began, wait) = (Instant::now(), wait.min(self.left));
        self.receive(began + wait, address, each);
        self.left = self.left.saturating_sub(began.elapsed());
    }

    fn receive(&mut self, until: Instant, address: Option<IpAddr>, each: &mut dyn FnMut(IpAddr, &str)) {
        while self.under_way > 0 {
            let wait = until.saturating_duration_since(Instant::now());
            let Ok((of, name)) = self.answers.recv_timeout(wait) else {
                self.late += u32::from(!wait.is_zero());
                return;
            };
            self.under_way -= 1;
            if let Some(name) = name {
                each(of, &name);
            }
            if address == Some(of) {
                self.late = 0;
                // What else is there already costs no time.
                if !wait.is_zero() {
                    self.receive(Instant::now(), None, each);
                }
                return;
            }
        }
    }
}

/// Where there is no name, the resolver answers the address itself.
fn ask(address: IpAddr) -> Option<String> {
    resolver::name_of(address).ok().filter(|name| name.parse::<IpAddr>().is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: [u8; 4] = [192, 0, 2, 1];

    fn names(reverse: &mut Reverse, addresses: &[[u8; 4]]) -> Vec<String> {
        let mut found = Vec::new();
        for address in addresses {
            reverse.ask((*address).into(), &mut |address, name| found.push(format!("{address} {name}")));
        }
        reverse.finish(&mut |address, name| found.push(format!("{address} {name}")));
        found.sort();
        found
    }

    #[test]
    fn each_address_is_asked_for_once() {
        let mut reverse = Reverse::asking(Duration::from_secs(10), |address| Some(format!("host-{address}")));
        let other = [192, 0, 2, 2];
        assert_eq!(names(&mut reverse, &[HOST, other, HOST]), ["192.0.2.1 host-192.0.2.1", "192.0.2.2 host-192.0.2.2"]);
        assert_eq!(names(&mut reverse, &[HOST]), [""; 0]);
    }

    #[test]
    fn who_never_answers_is_soon_not_waited_for() {
        // A thread that never wakes up: it ends with the test.
        let mut reverse = Reverse::asking(Duration::from_millis(20), |_| {
            loop {
                std::thread::park();
            }
        });
        let addresses: Vec<[u8; 4]> = (0..200).map(|last| [192, 0, 2, last]).collect();
        let began = Instant::now();
        assert_eq!(names(&mut reverse, &addresses), [""; 0]);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert_eq!((reverse.under_way, reverse.asked.len()), (AT_ONCE, AT_ONCE));
    }

    #[test]
    fn all_waiting_together_has_an_end() {
        let mut reverse = Reverse::asking(Duration::from_secs(60), |_| {
            loop {
                std::thread::park();
            }
        });
        reverse.left = Duration::from_millis(20);
        let began = Instant::now();
        assert_eq!(names(&mut reverse, &[HOST, [192, 0, 2, 2]]), [""; 0]);
        assert!(began.elapsed() < Duration::from_secs(30) && reverse.left.is_zero(), "{:?}", began.elapsed());
    }

    #[test]
    fn an_address_without_a_name_has_none() {
        let mut reverse = Reverse::asking(Duration::from_secs(10), |_| None);
        assert_eq!(names(&mut reverse, &[HOST]), [""; 0]);
        assert_eq!(reverse.under_way, 0);
    }
}
