//! What the pipeline knows of packets does not depend on how it is run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use netlab::flow::{FlowTable, Known, Summary};
use netlab::io::file;
use netlab::pipeline::{self, Beside, Mark, Merge, Next, Sink};
use netlab::wire::Packet;

/// Writes down what is known of each packet, and the conversations that left.
#[derive(Default)]
struct Written {
    lines: Vec<String>,
    departed: Vec<String>,
}

impl Sink for Written {
    fn packet(&mut self, _: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        self.lines.push(format!("{:?} {:?} {:?}", known.facts, known.events, known.departed));
        self.departed.extend(known.departed.iter().map(|left| format!("{left:?}")));
        Ok(Next::GoOn)
    }
}

/// Wants no packets, only the conversations that left.
#[derive(Default)]
struct Counted {
    departed: Vec<String>,
}

impl Sink for Counted {
    fn packet(&mut self, _: &Packet<'_>, _: &Known<'_>) -> io::Result<Next> {
        panic!("packets come only to those who take them");
    }

    fn takes_packets(&self) -> bool {
        false
    }

    fn departed(&mut self, departed: &[Summary]) -> io::Result<Next> {
        self.departed.extend(departed.iter().map(|left| format!("{left:?}")));
        Ok(Next::GoOn)
    }
}

/// The captures, of which there are a few dozen.
fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let files = fs::read_dir(folder).expect("captures/").flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().contains(".pcap")).collect();
    found.sort();
    assert!(found.len() > 20, "captures/ is all but empty");
    found
}

/// A table small enough that conversations have to leave it.
fn table() -> FlowTable {
    let mut table = FlowTable::remembering(2);
    table.keep_departed();
    table
}

/// The conversations that are still there.
fn present(table: &FlowTable) -> Vec<String> {
    table.conversations().map(|conversation| format!("{conversation:?}")).collect()
}

#[test]
fn reading_ahead_knows_what_reading_knows_and_counting_counts_the_same() {
    for path in captures() {
        let (mut plain, mut ahead, mut counted) = (Written::default(), Written::default(), Counted::default());
        let mut tables = [table(), table(), table()];
        let [first, second, third] = &mut tables;
        let open = || file::open(&path).expect("a capture");
        let one = pipeline::run(&mut open(), first, &mut plain).expect("a run");
        let two = pipeline::run_ahead(&mut open(), second, &mut ahead, None).expect("a run");
        let three = pipeline::run_ahead(&mut open(), third, &mut counted, None).expect("a run");
        let name = path.display();
        assert_eq!(one.frames, plain.lines.len() as u64, "{name}");
        assert_eq!([one.frames, one.frames], [two.frames, three.frames], "{name}");
        assert!(plain.lines == ahead.lines, "{name}: read ahead, packets mean something else");
        assert_eq!(plain.departed, counted.departed, "{name}");
        let [first, second, third] = tables.each_ref().map(present);
        assert_eq!(first, second, "{name}");
        assert_eq!(first, third, "{name}");
    }
}

/// Writes down all that there is to say of each packet, where whoever asks may be on another thread.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<String>>>);

impl Sink for Shown {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        let shown = format!("{packet:?} {:?} {:?}", known.facts, known.events);
        self.0.lock().expect("nobody panics").push(shown);
        Ok(Next::GoOn)
    }
}

/// Passes on every so many packets.
struct Every<S>(u64, S);

impl<S: Sink> Sink for Every<S> {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        if packet.frame.number.is_multiple_of(self.0) { self.1.packet(packet, known) } else { Ok(Next::GoOn) }
    }
}

#[test]
fn batches_that_are_handed_on_and_used_again_show_what_a_run_shows() {
    // All captures as one: enough packets for each batch to be used several times.
    let open = || Merge::new(captures().iter().map(|path| file::open(path).expect("a capture")).collect());
    for every in [1, 3, 100] {
        let (plain, ahead, copied) = (Shown::default(), Shown::default(), Shown::default());
        pipeline::run(&mut open(), &mut FlowTable::new(), &mut Every(every, plain.clone())).expect("a run");

        let (mut beside, mark) = (ahead.clone(), Mark::default());
        let mut sink = Every(every, mark.clone());
        let handed = Some((&mut beside as &mut (dyn Sink + Send), &mark));
        let run = pipeline::run_ahead(&mut open(), &mut FlowTable::new(), &mut sink, handed);
        assert!(run.expect("a run").frames > 2500, "too few to fill batches");

        let mut sink = Every(every, Beside::new(Box::new(copied.clone())).expect("a thread"));
        pipeline::run(&mut open(), &mut FlowTable::new(), &mut sink).expect("a run");
        sink.1.flush().expect("all is written");

        let [plain, ahead, copied] = [plain, ahead, copied].map(|shown| shown.0.lock().expect("nobody panics").clone());
        assert!(plain == ahead, "handed on, packets are shown otherwise");
        assert!(plain == copied, "copied, packets are shown otherwise");
    }
}
