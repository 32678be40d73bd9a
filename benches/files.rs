//! Reading and writing captures: ten thousand packets from memory and to /dev/null, so that the disk has no say.

use std::io::Cursor;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use netlab::frame::{Frame, Interface, LinkType, Source, Timestamp};
use netlab::io::file::{Capture, Writer};

fn main() {
    divan::main();
}

const PACKETS: usize = 10_000;

/// A capture of small frames as our own writer makes it, by way of a file.
fn capture(ending: &str) -> Vec<u8> {
    let path = std::env::temp_dir().join(format!("netlab-bench-{}.{ending}", std::process::id()));
    write(&path);
    let bytes = std::fs::read(&path).expect("what was just written can be read");
    std::fs::remove_file(&path).expect("our own file can be deleted");
    bytes
}

fn write(path: &std::path::Path) {
    let interfaces = [Interface { name: Some("eth0".into()), link: LinkType::ETHERNET, snap_length: 0 }];
    let data = [0x55; 1500];
    let mut writer = Writer::create(path, None).expect("the temporary directory is writable");
    for number in 0..PACKETS {
        let data = &data[..60 + number * 7 % 300];
        let frame = Frame {
            number: 0,
            time: Some(Timestamp(1_700_000_000_000_000_000 + number as i64 * 1000)),
            link: LinkType::ETHERNET,
            interface: 0,
            length: data.len() as u32,
            data,
            comment: b"",
        };
        writer.write(&frame, &interfaces).expect("there is room for two megabytes");
    }
    writer.finish(&[]).expect("there is room for two megabytes");
}

#[divan::bench(args = ["pcap", "pcapng"])]
fn reading(bencher: Bencher<'_, '_>, ending: &str) {
    let bytes = capture(ending);
    bencher
        .counter(ItemsCount::new(PACKETS))
        .counter(BytesCount::new(bytes.len()))
        .with_inputs(|| Box::new(Cursor::new(bytes.clone())))
        .bench_values(|input| {
            let mut capture = Capture::new(input, "memory".into(), None, false).expect("it is a capture");
            let mut total = 0;
            while let Ok(Some(_)) = capture.advance() {
                total += black_box(capture.frame()).data.len();
            }
            total
        });
}

#[divan::bench(args = ["pcap", "pcapng"])]
fn writing(bencher: Bencher<'_, '_>, ending: &str) {
    let path = std::env::temp_dir().join(format!("netlab-bench-write-{}.{ending}", std::process::id()));
    // The name tells the format, the device takes everything at once.
    std::os::unix::fs::symlink("/dev/null", &path).expect("the temporary directory is writable");
    bencher.counter(ItemsCount::new(PACKETS)).bench(|| write(&path));
    std::fs::remove_file(&path).expect("our own link can be deleted");
}
