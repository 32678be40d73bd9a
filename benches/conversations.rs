//! How `netlab conversations` grows with its work: 10 thousand, 100 thousand and a million TCP conversations of ten
//! packets each, in captures made here; time and peak of anonymous memory of the program itself.
//!
//! Ten times the conversations may cost thirteen times as much; what costs more is said, and ends with status 1.
//! `UPDATE=1` draws the plot that the README shows again. Needs 1 GB in the temporary directory.
#![allow(clippy::disallowed_methods, reason = "a benchmark has nothing but the clock")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use netlab::frame::{Frame, Interface, LinkType, Timestamp};
use netlab::io::file::Writer;

const CONVERSATIONS: [u32; 3] = [10_000, 100_000, 1_000_000];
/// Times that each size is run; the quickest counts, for everything else on the machine only adds.
const RUNS: usize = 5;
/// What ten times the conversations may cost.
const MOST: f64 = 13.0;
/// Conversations that begin between two packets of one.
const APART: u32 = 50;

/// (from the client, control bits, bytes of data) of every packet of a conversation.
const STEPS: [(bool, u8, usize); 10] = [
    (true, 0x02, 0),
    (false, 0x12, 0),
    (true, 0x10, 0),
    (true, 0x18, 20),
    (false, 0x10, 0),
    (false, 0x18, 60),
    (true, 0x10, 0),
    (false, 0x11, 0),
    (true, 0x11, 0),
    (false, 0x10, 0),
];

/// What one size costs: seconds of wall clock and of processors, bytes of anonymous memory at the peak.
#[derive(Clone, Copy)]
struct Cost {
    wall: f64,
    processor: f64,
    memory: f64,
}

fn main() -> ExitCode {
    // `cargo test --all-targets` starts benchmarks too, without this word.
    if !std::env::args().any(|word| word == "--bench") {
        return ExitCode::SUCCESS;
    }
    let path = std::env::temp_dir().join(format!("netlab-bench-{}.pcap", std::process::id()));
    let mut costs: Vec<Cost> = Vec::new();
    let mut good = true;
    println!("{:>13} {:>9} {:>12} {:>9}   ten times as many cost", "conversations", "seconds", "processor s", "MiB");
    for count in CONVERSATIONS {
        write(&path, count);
        let cost = (0..RUNS).map(|_| run(&path)).reduce(Cost::better).expect("there is at least one run");
        let grown = costs.last().map(|before| [cost.wall / before.wall, cost.memory / before.memory]);
        let told =
            grown.map_or_else(String::new, |[time, memory]| format!("{time:.1} x the time, {memory:.1} x the memory"));
        let Cost { wall, processor, memory } = cost;
        println!("{count:>13} {wall:>9.3} {processor:>12.3} {:>9.1}   {told}", memory / MIB);
        good &= grown.is_none_or(|ratios| ratios.iter().all(|ratio| *ratio <= MOST));
        costs.push(cost);
    }
    std::fs::remove_file(&path).expect("our own file can be deleted");
    if std::env::var_os("UPDATE").is_some() {
        let plot = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/conversations.svg");
        std::fs::write(plot, draw(&costs)).expect("the plot lies beside this program");
    }
    if !good {
        println!("that is more than {MOST} times");
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

const MIB: f64 = (1 << 20) as f64;

impl Cost {
    fn better(self, other: Self) -> Self {
        Self {
            wall: self.wall.min(other.wall),
            processor: self.processor.min(other.processor),
            memory: self.memory.max(other.memory),
        }
    }
}

/// Runs the program over a capture, and watches its memory meanwhile.
fn run(capture: &Path) -> Cost {
    let used = || {
        let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN);
        let usage = usage.expect("the kernel knows what our children used");
        let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        seconds(usage.user_time()) + seconds(usage.system_time())
    };
    let (before, start) = (used(), Instant::now());
    let mut child = Command::new(env!("CARGO_BIN_EXE_netlab"))
        .arg("conversations")
        .arg(capture)
        .stdout(Stdio::null())
        .spawn()
        .expect("cargo has built the program");
    let status = format!("/proc/{}/status", child.id());
    let mut memory: f64 = 0.0;
    let ended = loop {
        if let Some(ended) = child.try_wait().expect("it is our child") {
            break ended;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|kib| kib.trim().parse::<f64>().ok());
        memory = memory.max(kib.unwrap_or(0.0) * 1024.0);
        std::thread::sleep(Duration::from_millis(1));
    };
    assert!(ended.success(), "netlab conversations: {ended}");
    Cost { wall: start.elapsed().as_secs_f64(), processor: used() - before, memory }
}

/// Writes `count` whole conversations; those that begin near one another are interleaved.
fn write(path: &Path, count: u32) {
    let interfaces = [Interface { name: None, link: LinkType::ETHERNET, snap_length: 0 }];
    let mut writer = Writer::create(path, None).expect("the temporary directory is writable");
    let mut data = Vec::new();
    for tick in 0..count + APART * STEPS.len() as u32 {
        for step in 0..STEPS.len() as u32 {
            let Some(index) = tick.checked_sub(step * APART).filter(|index| *index < count) else { continue };
            packet(index, step as usize, &mut data);
            let time = Timestamp(1_700_000_000_000_000_000 + i64::from(tick) * 40_000 + i64::from(step) * 1000);
            let (length, link) = (data.len() as u32, LinkType::ETHERNET);
            let frame = Frame { time: Some(time), link, length, data: &data, ..Frame::empty() };
            writer.write(&frame, &interfaces).expect("there is room for a gigabyte");
        }
    }
    writer.finish(&[]).expect("there is room for a gigabyte");
}

/// A packet of a conversation, Ethernet to data; checksums are left 0, for this command does not ask.
fn packet(index: u32, step: usize, out: &mut Vec<u8>) {
    let (from_client, flags, length) = STEPS[step];
    let sent = |by: bool| {
        let before = STEPS[..step].iter().filter(|(from, ..)| *from == by);
        before.map(|(_, flags, length)| *length as u32 + u32::from(flags & 3 != 0)).sum::<u32>()
    };
    let numbers = [index.wrapping_mul(0x9e37_79b9), index.wrapping_mul(0x85eb_ca6b)];
    let (client, server) = (0x0a00_0001 + index % 100, 0xc0a8_0001 + index % 7);
    let (client_port, server_port) = (1024 + (index / 100 % 60_000) as u16, 8005);
    let (from, to, ports, mine, theirs) = if from_client {
        (
            client,
            server,
            [client_port, server_port],
            numbers[0].wrapping_add(sent(true)),
            numbers[1].wrapping_add(sent(false)),
        )
    } else {
        (
            server,
            client,
            [server_port, client_port],
            numbers[1].wrapping_add(sent(false)),
            numbers[0].wrapping_add(sent(true)),
        )
    };
    out.clear();
    out.extend_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
    out.extend_from_slice(&[0x45, 0]);
    out.extend_from_slice(&(52 + length as u16).to_be_bytes());
    out.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
    for address in [from, to] {
        out.extend_from_slice(&address.to_be_bytes());
    }
    for port in ports {
        out.extend_from_slice(&port.to_be_bytes());
    }
    for number in [mine, if flags & 0x10 == 0 { 0 } else { theirs }] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    // A header of 32 bytes: window 502, and timestamps padded as RFC 7323 §A shows.
    out.extend_from_slice(&[0x80, flags, 1, 0xf6, 0, 0, 0, 0, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 1]);
    out.resize(out.len() + length, b'.');
}

/// Time and memory over the number of conversations, both scales by powers of ten, with what "as many, as much" would be.
fn draw(costs: &[Cost]) -> String {
    const PANEL: f64 = 300.0;
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 300\" font-family=\"monospace\" font-size=\"12\">\n\
         <rect width=\"760\" height=\"300\" fill=\"white\"/>\n",
    );
    type Value = fn(&Cost) -> f64;
    let panels: [(&str, f64, Value, &str); 2] = [
        ("seconds", 1.0, |cost| cost.wall, "#1f77b4"),
        ("MiB of anonymous memory", MIB, |cost| cost.memory, "#d62728"),
    ];
    for (panel, (title, unit, value, colour)) in panels.into_iter().enumerate() {
        let left = 40.0 + panel as f64 * (PANEL + 60.0);
        let values: Vec<f64> = costs.iter().map(|cost| value(cost) / unit).collect();
        let (first, place) = (values[0], |step: usize| left + 40.0 + step as f64 * 100.0);
        // A power of ten is 100 wide and 70 high; the first value lies near the foot.
        let height = |value: f64| 235.0 - (value / first).log10() * 70.0;
        let points = |value: &dyn Fn(usize) -> f64| {
            (0..costs.len())
                .map(|step| format!("{:.1},{:.1}", place(step), height(value(step))))
                .collect::<Vec<_>>()
                .join(" ")
        };
        // Writing to a string cannot fail.
        let _ = writeln!(svg, "<text x=\"{left}\" y=\"20\">{title}</text>");
        let _ = writeln!(svg, "<path d=\"M{left} 40V255H{:.0}\" fill=\"none\" stroke=\"#888\"/>", left + PANEL);
        let even = points(&|step| first * 10f64.powi(step as i32));
        let _ = writeln!(svg, "<polyline points=\"{even}\" fill=\"none\" stroke=\"#bbb\" stroke-dasharray=\"4 4\"/>");
        let measured = points(&|step| values[step]);
        let _ = writeln!(svg, "<polyline points=\"{measured}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
        for (step, value) in values.iter().enumerate() {
            let (x, y) = (place(step), height(*value));
            let shown = if *value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") };
            let count = ["10 k", "100 k", "1 M"][step];
            let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>");
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"end\">{shown} </text>", y - 8.0);
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"275\" text-anchor=\"middle\">{count}</text>");
        }
    }
    svg.push_str("<text x=\"380\" y=\"294\" text-anchor=\"middle\">TCP conversations of ten packets; dashed: ten times as many, ten times as much</text>\n</svg>\n");
    svg
}
