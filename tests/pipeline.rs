//! What the pipeline knows of packets does not depend on how it is run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use netlab::flow::{FlowTable, Known, Summary};
use netlab::io::file;
use netlab::pipeline::{self, Next, Sink};
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
    let found: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().contains(".pcap")).collect();
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
