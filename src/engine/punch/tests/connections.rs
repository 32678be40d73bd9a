//! By TCP: where several connections come about, both take the same one.

use std::collections::VecDeque;

use super::*;

/// Both can connect to each other, at every attempt after the first ones, which are refused.
struct Pipes {
    now: Duration,
    third: Server,
    peers: [Punch; 2],
    addresses: [SocketAddr; 2],
    /// The numbers that the two ends of a connection have.
    open: Vec<[usize; 2]>,
    tried: [u32; 2],
    refused: u32,
}

fn pipes(refused: u32) -> Pipes {
    let addresses: [SocketAddr; 2] = ["203.0.113.1:5001", "203.0.113.2:5002"].map(|end| end.parse().unwrap());
    let peers = [0, 1].map(|one| {
        let mut plan = plan(one as u64 + 3, addresses[one]);
        plan.transport = Transport::Tcp;
        Punch::new(plan, S)
    });
    let third = Server::new(word(), [9; 32], Bounds::default());
    Pipes { now: S, third, peers, addresses, open: vec![], tried: [0; 2], refused }
}

impl Pipes {
    fn act(&mut self, one: usize, action: Action) {
        let (now, other) = (self.now, 1 - one);
        match action {
            Action::Send { way: Way::Rendezvous, bytes } => {
                for answer in self.third.handle(now, Transport::Tcp, self.addresses[one], &bytes) {
                    let to = self.addresses.iter().position(|known| *known == answer.to).unwrap();
                    self.peers[to].handle(now, Input::Told(&answer.bytes));
                }
            }
            Action::Send { way: Way::Connection(number), bytes } => {
                let Some(ends) = self.open.iter().find(|ends| ends[one] == number) else { return };
                self.peers[other].handle(now, Input::Line { connection: ends[other], bytes: &bytes });
            }
            Action::Send { way: Way::Datagram(_), .. } => panic!("by TCP there are no datagrams"),
            Action::Connect { connection, to } => {
                assert_eq!(to, self.addresses[other]);
                self.tried[one] += 1;
                let wanted = self.tried[one] > self.refused;
                match wanted.then(|| self.peers[other].accepted(now, self.addresses[one])).flatten() {
                    Some(accepted) => {
                        let ends = if one == 0 { [connection, accepted] } else { [accepted, connection] };
                        self.open.push(ends);
                        self.peers[one].handle(now, Input::Opened { connection });
                    }
                    None => self.peers[one].handle(now, Input::Closed { connection, refused: true }),
                }
            }
            Action::Close { connection } => {
                let Some(at) = self.open.iter().position(|ends| ends[one] == connection) else { return };
                let ends = self.open.remove(at);
                self.peers[other].handle(now, Input::Closed { connection: ends[other], refused: false });
            }
        }
    }

    fn run(&mut self, end: Duration) {
        let mut wanted = VecDeque::new();
        while self.now < end && self.peers.iter().any(|peer| peer.ended().is_none()) {
            for one in [0, 1] {
                wanted.extend(std::iter::from_fn(|| self.peers[one].poll(self.now)).map(|action| (one, action)));
            }
            match wanted.pop_front() {
                Some((one, action)) => self.act(one, action),
                None => self.now += Duration::from_millis(10),
            }
        }
    }
}

#[test]
fn both_take_the_same_connection_and_close_the_others() {
    for refused in [0, 1, 5] {
        let mut pipes = pipes(refused);
        pipes.run(30 * S);
        assert_eq!(pipes.open.len(), 1, "after {refused} refusals");
        for one in [0, 1] {
            assert_eq!(pipes.peers[one].ended(), Some(Ending::Settled));
            let path = pipes.peers[one].other.as_ref().unwrap().path.as_ref().unwrap();
            assert_eq!(path.way, Way::Connection(pipes.open[0][one]));
            let tried = pipes.peers[one].report().tried[0];
            assert_eq!((tried.address, tried.refused >= refused.into()), (pipes.addresses[1 - one], true), "{tried:?}");
        }
    }
}

#[test]
fn who_connects_and_says_nothing_is_put_out_and_few_of_them_are_kept() {
    let mut pipes = pipes(0);
    let all = (0..100u16).filter_map(|port| pipes.peers[0].accepted(S, ([198, 51, 100, 7], 1 + port).into())).count();
    assert_eq!(all, MOST_CANDIDATES + 8);
    let closed = std::iter::from_fn(|| pipes.peers[0].poll(6 * S));
    assert_eq!(closed.filter(|action| matches!(action, Action::Close { .. })).count(), all);
}
