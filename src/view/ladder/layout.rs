//! From hosts to columns: who gets one, in which order, and what stands above it.

use std::collections::HashMap;

use super::ends::{Ends, Host, Name};
use super::{Message, Program, Row};
use crate::flow::names::Names;
use crate::frame::Timestamp;
use crate::view::names;
use crate::view::words::Words;

/// A cast has at most so many hosts; packets of others go to the column of the others.
const MOST_HOSTS: usize = 20_000;

/// Everybody who sends or is sent to.
pub struct Cast {
    /// Those that are known beforehand: the first of the members.
    programs: Vec<Program>,
    members: Vec<Member>,
    /// How many it has room for.
    most: usize,
    /// There were more.
    overflowed: bool,
    /// Grows with every change that may concern the columns.
    pub changes: u64,
    places: HashMap<Host, usize>,
    conversations: Conversations,
    /// The names of hosts, where they are wanted and known; safe for a terminal.
    named: HashMap<Name, String>,
    /// Conversations are counted apart in each place: their numbers are not those of one another.
    pub apart: bool,
}

struct Member {
    host: Host,
    packets: u64,
    ports: Ports,
    /// It has no column: what is sent to it is drawn otherwise.
    hidden: bool,
    /// Columns stand in the order of these; 0: none.
    rank: u8,
}

/// The ports that a host was seen with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ports {
    Always(u16),
    Mixed,
}

/// Whether all that was seen belongs to one TCP conversation.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Conversations {
    #[default]
    None,
    /// Its number; places and ports of client and server.
    One {
        stream: u32,
        sides: [usize; 2],
        ports: [u16; 2],
    },
    Many,
}

impl Default for Cast {
    fn default() -> Self {
        Self::of(MOST_HOSTS)
    }
}

impl Cast {
    /// A cast of at most so many hosts: the first ones. All others are one.
    pub fn of(most: usize) -> Self {
        Self {
            programs: Vec::new(),
            members: Vec::new(),
            most,
            overflowed: false,
            changes: 0,
            places: HashMap::new(),
            conversations: Conversations::None,
            named: HashMap::new(),
            apart: false,
        }
    }

    /// A cast in which these programs have the first places.
    pub fn with(programs: Vec<Program>) -> Self {
        let member = |program: &Program| {
            let host = Host { name: Name::from(program.address), port: None };
            Member { host, packets: 0, ports: Ports::Mixed, hidden: false, rank: 0 }
        };
        Self { members: programs.iter().map(member).collect(), programs, ..Self::default() }
    }

    /// Takes in the ends of a packet, and of its TCP conversation number and direction (`true`: from the client).
    pub fn meet(&mut self, ends: &Ends, tcp: Option<(u32, bool)>) -> [Option<usize>; 2] {
        let [from, to] = ends.hosts;
        let port = |which: usize| ends.ports.and_then(|ports| ports.get(which).copied());
        let places = [self.member(from, port(0), ends.place), self.member(to, port(1), ends.place)];
        match places {
            [Some(from), Some(to)] => self.converse([from, to], ends.ports, tcp),
            _ => self.tell_apart(Conversations::Many),
        }
        places
    }

    /// Takes in what the ends of a packet are called.
    pub fn name(&mut self, ends: &Ends, names: &Names) {
        for host in ends.hosts {
            let Some(name) = host.name.address().and_then(|address| names::of(Some(names), address)) else { continue };
            // No more than there are hosts in the chart.
            if self.places.contains_key(&host) && self.named.get(&host.name) != Some(&name) {
                self.changes += 1;
                self.named.insert(host.name, name);
            }
        }
    }

    /// The same for all hosts: what was told behind their last packet counts too.
    pub fn name_all(&mut self, names: &Names) {
        for name in self.members.iter().map(|member| member.host.name) {
            if let Some(called) = name.address().and_then(|address| names::of(Some(names), address)) {
                self.named.insert(name, called);
            }
        }
    }

    /// What a host is called in the chart, with a port where there is one to tell.
    fn called(&self, name: Name, port: Option<u16>) -> String {
        match (self.named.get(&name), port) {
            (Some(name), Some(port)) => format!("{name}:{port}"),
            (Some(name), None) => name.clone(),
            (None, Some(port)) => name.with_port(port),
            (None, None) => name.to_string(),
        }
    }

    /// The hosts of these columns that are shown by their names: address and name.
    pub fn named(&self, layout: &Layout) -> Vec<[String; 2]> {
        let last = layout.headings.len().saturating_sub(usize::from(!layout.others.is_empty()));
        let shown =
            self.members.iter().enumerate().filter(|(place, _)| layout.places.get(*place).is_some_and(|at| *at < last));
        let mut named: Vec<_> = shown
            .filter_map(|(_, member)| Some([member.host.name.to_string(), self.named.get(&member.host.name)?.clone()]))
            .collect();
        named.dedup();
        named
    }

    /// A packet that is about a TCP segment between these ports, as an ICMP error.
    pub fn hear_about(&mut self, ends: &Ends, about: [u16; 2]) -> [Option<usize>; 2] {
        let [from, to] = ends.hosts;
        let places = [self.member(from, None, ends.place), self.member(to, None, ends.place)];
        match self.conversations {
            Conversations::One { ports: [client, server], .. }
                if about == [client, server] || about == [server, client] => {}
            _ => self.tell_apart(Conversations::Many),
        }
        places
    }

    fn member(&mut self, host: Host, port: Option<u16>, captured: u32) -> Option<usize> {
        let ports = port.map_or(Ports::Mixed, Ports::Always);
        if let Some(place) = self.program(host, port, captured).or_else(|| self.places.get(&host).copied()) {
            let member = self.members.get_mut(place)?;
            member.packets += 1;
            if member.packets == 1 {
                member.ports = ports;
                self.changes += 1;
            } else if member.ports != ports && member.ports != Ports::Mixed {
                member.ports = Ports::Mixed;
                self.changes += 1;
            }
            return Some(place);
        }
        if self.members.len() >= self.most {
            self.changes += u64::from(!self.overflowed);
            self.overflowed = true;
            return None;
        }
        self.changes += 1;
        self.members.push(Member { host, packets: 1, ports, hidden: false, rank: 0 });
        self.places.insert(host, self.members.len() - 1);
        Some(self.members.len() - 1)
    }

    /// The program that has this port of this host: one that is where the packet was captured before all others, for
    /// networks apart may have the same addresses.
    fn program(&self, host: Host, port: Option<u16>, captured: u32) -> Option<usize> {
        let port = port.or(host.port);
        let has = |program: &Program, own: bool, here: bool| {
            let ports = &program.ports;
            let mut addresses = program.also.iter().chain([&program.address]);
            (!here || program.places.contains(&captured))
                && addresses.any(|address| host.name.is(*address))
                && if own { port.is_some_and(|port| ports.contains(&port)) } else { ports.is_empty() }
        };
        let place = |own, here| self.programs.iter().position(|program| has(program, own, here));
        let all = [(true, true), (true, false), (false, true), (false, false)];
        all.into_iter().find_map(|(own, here)| place(own, here))
    }

    /// The programs that are known beforehand: the first of the members.
    pub fn programs(&self) -> &[Program] {
        &self.programs
    }

    /// Takes a member's column away.
    pub fn hide(&mut self, place: usize) {
        if let Some(member) = self.members.get_mut(place) {
            member.hidden = true;
        }
    }

    /// Puts a member's column behind those of a lower rank, `None`: all members'.
    pub fn rank(&mut self, place: Option<usize>, rank: u8) {
        let chosen = self.members.iter_mut().enumerate().filter(|(at, _)| place.is_none_or(|place| place == *at));
        chosen.for_each(|(_, member)| member.rank = rank);
    }

    /// A member got a packet that was sent to others, too.
    pub fn reach(&mut self, place: usize) {
        if let Some(member) = self.members.get_mut(place) {
            member.packets += 1;
        }
    }

    /// Takes away the columns of all who neither sent anything nor were sent to.
    pub fn hide_idle(&mut self) {
        self.members.iter_mut().filter(|member| member.packets == 0).for_each(|member| member.hidden = true);
    }

    fn converse(&mut self, places: [usize; 2], ports: Option<[u16; 2]>, tcp: Option<(u32, bool)>) {
        if self.apart {
            return self.tell_apart(Conversations::Many);
        }
        let turned = |[first, second]: [usize; 2]| {
            if tcp.is_none_or(|(_, from_client)| from_client) { [first, second] } else { [second, first] }
        };
        let conversations = match (self.conversations, tcp, ports) {
            (Conversations::None, Some((stream, from_client)), Some([from, to])) => {
                let ports = if from_client { [from, to] } else { [to, from] };
                Conversations::One { stream, sides: turned(places), ports }
            }
            (one @ Conversations::One { stream, .. }, Some((same, _)), _) if stream == same => one,
            _ => Conversations::Many,
        };
        self.tell_apart(conversations);
    }

    fn tell_apart(&mut self, conversations: Conversations) {
        self.changes += u64::from(self.conversations != conversations);
        self.conversations = conversations;
    }
}

/// The columns of one chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What stands above each column, from left to right.
    pub headings: Vec<String>,
    /// The column of each member of the cast.
    places: Vec<usize>,
    /// Whether the heading of a column has the port.
    with_port: Vec<bool>,
    /// One TCP conversation between the first column and the last.
    pub conversation: bool,
    /// Those who share the last column, the most active first, as many as a note can name.
    pub others: Others,
}

/// Hosts without a column of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Others {
    count: usize,
    named: Vec<String>,
}

impl Others {
    /// More than these are counted only.
    const MOST_NAMED: usize = 8;

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn join(&self, comma: &str) -> String {
        let more = if self.count > self.named.len() { ", …" } else { "" };
        format!("{}{more}", self.named.join(comma))
    }
}

impl Layout {
    /// Columns for the most active of the cast, at most `most` (at least 2), hosts before groups; programs before all.
    pub fn new(cast: &Cast, most: usize, words: &Words) -> Self {
        let members = &cast.members;
        let shown = |place: &usize| members.get(*place).is_some_and(|member| !member.hidden);
        let mut order: Vec<usize> = (0..members.len()).filter(shown).collect();
        let active = |place: &usize| members.get(*place).map_or(0, |member| member.packets);
        let programs = cast.programs.len();
        let rank = |place: &usize| {
            (place.checked_sub(programs).map_or(*place, |_| programs), std::cmp::Reverse(active(place)))
        };
        order.sort_by_key(rank);
        let most = most.max(2);
        let left_out = if order.len() > most { order.split_off(most - 1) } else { Vec::new() };
        Self::of(cast, order, &left_out, words)
    }

    /// Columns for all of a cast in the order in which they appeared: one that comes later moves none of them.
    pub fn in_order(cast: &Cast, words: &Words) -> Self {
        Self::of(cast, (0..cast.members.len()).collect(), &[], words)
    }

    fn of(cast: &Cast, mut order: Vec<usize>, left_out: &[usize], words: &Words) -> Self {
        let members = &cast.members;
        order.sort_by_key(|place| {
            let member = members.get(*place)?;
            // Who has a rank stands in the order of appearance within it.
            Some((member.host.name.is_group(), member.rank, if member.rank > 0 { *place } else { 0 }))
        });

        let conversation = match cast.conversations {
            Conversations::One { sides: sides @ [client, server], ports, .. } if client != server => {
                // The client stands on the left, whoever was heard first; a third one between the two.
                order.sort_by_key(|place| if *place == client { 0 } else { 1 + usize::from(*place == server) });
                Some((sides, ports))
            }
            _ => None,
        };
        let mut layout = Self {
            headings: Vec::new(),
            places: vec![order.len(); members.len()],
            with_port: Vec::new(),
            conversation: conversation.is_some() && order.len() == 2 && left_out.is_empty(),
            others: Others::default(),
        };
        for (column, place) in order.iter().enumerate() {
            let Some(member) = members.get(*place) else { continue };
            let port = match (conversation, member.ports, member.host.port) {
                (Some(([client, _], [port, _])), ..) if client == *place => Some(port),
                (Some(([_, server], [_, port])), ..) if server == *place => Some(port),
                (_, Ports::Always(port), _) | (_, _, Some(port)) => Some(port),
                _ => None,
            };
            let name = member.host.name;
            let address = cast.called(name, port);
            layout.headings.push(match cast.programs.get(*place) {
                Some(program) if column > 0 && column + 1 == order.len() => format!("{address} {}", program.name),
                Some(program) => format!("{} {address}", program.name),
                None => address,
            });
            layout.with_port.push(port.is_some());
            if let Some(slot) = layout.places.get_mut(*place) {
                *slot = column;
            }
        }
        if !left_out.is_empty() || cast.overflowed {
            layout.headings.push(words.others.to_owned());
            layout.with_port.push(false);
            let named = left_out.iter().filter_map(|place| members.get(*place)).take(Others::MOST_NAMED);
            layout.others = Others {
                count: left_out.len(),
                named: named.map(|member| cast.called(member.host.name, None)).collect(),
            };
        }
        layout
    }

    /// Whether both have the same columns.
    pub fn looks_like(&self, other: &Self) -> bool {
        (&self.headings, self.conversation) == (&other.headings, other.conversation)
    }

    /// The column of a member of the cast.
    pub fn column(&self, place: Option<usize>) -> usize {
        let last = self.headings.len().saturating_sub(1);
        place.and_then(|place| self.places.get(place).copied()).map_or(last, |column| column.min(last))
    }

    /// Columns of sender and receiver.
    pub fn ends(&self, message: &Message) -> [usize; 2] {
        message.ends.map(|place| self.column(place))
    }

    /// The number, and with it the protocol where that is not clear.
    pub fn number(&self, message: &Message) -> String {
        match self.conversation && message.protocol == "TCP" {
            true => message.number.to_string(),
            false => format!("{} {}", message.number, message.protocol),
        }
    }

    /// `4 PSH·ACK seq 1 ack 1 len 17`, with the ports where they are not clear.
    pub fn header(&self, message: &Message) -> String {
        let mut text = self.number(message);
        if let Some([from, to]) = message.ports {
            let clear = self.ends(message).iter().all(|column| self.with_port.get(*column) == Some(&true));
            if !clear {
                text.push_str(&format!(" {from}→{to}"));
            }
        }
        if !message.header.is_empty() {
            text.push(' ');
            text.push_str(&message.header);
        }
        text
    }
}

/// The times of a chart, as each row needs them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    first: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl Clock {
    /// Moves on to `time`: nanoseconds since the first row, and since the row before.
    pub fn tick(&mut self, time: Timestamp) -> (i64, i64) {
        let first = *self.first.get_or_insert(time);
        let gap = self.before.map_or(0, |before| time.since(before));
        self.before = Some(time);
        (time.since(first), gap)
    }
}

/// Shorter pauses are not told: 100 ms.
const PAUSE: i64 = 100_000_000;

/// How long nothing happened, in words; `None` where that is not worth saying.
pub fn pause(gap: i64) -> Option<String> {
    if gap < PAUSE {
        return None;
    }
    let tenths = gap / 100_000_000;
    let (unit, name) = match tenths {
        0..10 => return Some(format!("{} ms", gap / 1_000_000)),
        10..600 => (10, "s"),
        600..36_000 => (600, "min"),
        36_000..864_000 => (36_000, "h"),
        _ => (864_000, "d"),
    };
    // Rounded down: 59.9 s are not a minute.
    Some(format!("{}.{} {name}", tenths / unit, tenths % unit * 10 / unit))
}

/// Rows that a pause takes: one more with each power of ten, from 100 ms on.
pub fn pause_rows(gap: i64) -> usize {
    let mut rows = 0;
    let mut least = PAUSE;
    while gap >= least && rows < 5 {
        rows += 1;
        least = least.saturating_mul(10);
    }
    rows
}

/// Milliseconds with three decimals; long times lose them.
pub fn milliseconds(nanoseconds: i64) -> String {
    let micros = nanoseconds.unsigned_abs() / 1000;
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let (whole, part) = (micros / 1000, micros % 1000);
    let texts = [format!("{sign}{whole}.{part:03}"), format!("{sign}{whole}.{}", part / 100), format!("{sign}{whole}")];
    let fitting = texts.into_iter().find(|text| text.len() < super::text::TIME);
    fitting.unwrap_or_else(|| "> 11 days".to_owned())
}

/// The states that a row changes, given those before it.
pub fn changed(row: &Row, shown: &mut [&'static str; 2]) -> [Option<&'static str>; 2] {
    let Row::Packet(message) = row else { return [None; 2] };
    let Some(states) = message.states else { return [None; 2] };
    let now = states.map(|state| state.name());
    let before = std::mem::replace(shown, now);
    let [client, server] = now;
    [(before[0] != client).then_some(client), (before[1] != server).then_some(server)]
}
