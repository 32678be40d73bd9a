//! What the pipeline knows of packets does not depend on how it is run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use netlab::flow::{FlowTable, Known};
use netlab::io::file;
use netlab::pipeline::{self, Next, Sink};
use netlab::wire::Packet;

/// Writes down what is known of each packet; `packets`: whether it asks for the packets too.
struct Written {
    packets: bool,
    lines: Vec<String>,
}

impl Written {
    fn new(packets: bool) -> Self {
        Self { packets, lines: Vec::new() }
    }
}

impl Sink for Written {
    fn packet(&mut self, _: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        assert!(self.packets, "packets come only to those who take them");
        self.lines.push(format!("{:?} {:?} {:?}", known.facts, known.events, known.departed));
        Ok(Next::GoOn)
    }

    fn takes_packets(&self) -> bool {
        self.packets
    }

    fn known(&mut self, known: &Known<'_>) -> io::Result<Next> {
        assert!(!self.packets, "who takes packets gets packets");
        self.lines.push(format!("{:?} {:?} {:?}", known.facts, known.events, known.departed));
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

#[test]
fn reading_ahead_knows_what_reading_knows_with_and_without_the_packets() {
    for path in captures() {
        let mut plain = Written::new(true);
        let one = pipeline::run(&mut file::open(&path).expect("a capture"), &mut table(), &mut plain).expect("a run");
        assert_eq!(one.frames, plain.lines.len() as u64, "{}", path.display());
        for packets in [true, false] {
            let mut ahead = Written::new(packets);
            let mut source = file::open(&path).expect("a capture");
            let other = pipeline::run_ahead(&mut source, &mut table(), &mut ahead).expect("a run");
            assert!(plain.lines == ahead.lines, "{} differs, packets: {packets}", path.display());
            assert_eq!(one.frames, other.frames);
        }
    }
}
