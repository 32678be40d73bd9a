//! Writing: what is written is read back, whatever happens to the disk.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::frame::{Counts, Frame, Interface, LinkType};
use crate::io::file::{Format, Rotation, Saver, Writer, open as open_path};

/// A directory of the test's own, gone with it.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("netlab-file-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn interfaces() -> Vec<Interface> {
    vec![
        Interface { name: Some("eth0".into()), link: LinkType::ETHERNET, snap_length: 0 },
        Interface { name: Some("tun0".into()), link: LinkType::RAW, snap_length: 96 },
    ]
}

fn frame(interface: u32, time: Option<i64>, data: &[u8]) -> Frame<'_> {
    Frame {
        number: 0,
        time: time.map(Timestamp),
        link: interfaces()[interface as usize].link,
        interface,
        length: data.len() as u32,
        data,
        comment: b"",
    }
}

fn read_path(path: &std::path::Path) -> (Vec<Seen>, Option<Error>) {
    drain(&mut open_path(path).unwrap())
}

#[test]
fn pcapng_keeps_names_link_types_comments_and_statistics() {
    let directory = Directory::new("pcapng");
    let path = directory.0.join("a.pcapng");
    let mut writer = Writer::create(&path, None).unwrap();
    let with_comment =
        Frame { comment: "nät".as_bytes(), length: 1500, ..frame(0, Some(1_700_000_000_000_000_001), b"abc") };
    writer.write(&with_comment, &interfaces()).unwrap();
    writer.write(&frame(1, Some(1_700_000_000_000_000_002), b"defgh"), &interfaces()).unwrap();
    writer.write(&frame(0, None, b"ij"), &interfaces()).unwrap();
    let counts = Counts { received: Some(5), dropped_kernel: Some(2), dropped_interface: None };
    writer.finish(&[counts]).unwrap();
    let mut capture = open_path(&path).unwrap();
    let (seen, error) = drain(&mut capture);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(capture.interfaces(), interfaces());
    assert_eq!(capture.counts(), counts);
    assert_eq!(seen[0].time, Some(Timestamp(1_700_000_000_000_000_001)));
    assert_eq!((&seen[0].comment[..], seen[0].length, &seen[0].data[..]), ("nät", 1500, &b"abc"[..]));
    assert_eq!((seen[1].link, &seen[1].data[..]), (101, &b"defgh"[..]));
    assert_eq!((seen[2].time, &seen[2].data[..]), (None, &b"ij"[..]), "no time is invented");
}

#[test]
fn pcap_keeps_nanoseconds() {
    let directory = Directory::new("pcap");
    let path = directory.0.join("a.pcap");
    let mut writer = Writer::create(&path, None).unwrap();
    writer.write(&frame(0, Some(1_700_000_000_123_456_789), b"abc"), &interfaces()).unwrap();
    writer.finish(&[]).unwrap();
    let (seen, _) = read_path(&path);
    assert_eq!((seen[0].time, seen[0].link), (Some(Timestamp(1_700_000_000_123_456_789)), 1));
    assert_eq!(fs::read(&path).unwrap()[..4], [0x4d, 0x3c, 0xb2, 0xa1]);
}

#[test]
fn pcap_refuses_a_second_link_type_and_names_the_other_format() {
    let directory = Directory::new("mixed");
    let mut writer = Writer::create(&directory.0.join("a.pcap"), None).unwrap();
    let error = writer.describe(&interfaces()).unwrap_err().to_string();
    assert!(error.contains("ETHERNET (1)") && error.contains("RAW (101)") && error.contains(".pcapng"), "{error}");
    let mut writer = Writer::create(&directory.0.join("b.pcap"), None).unwrap();
    writer.write(&frame(1, Some(0), b"abc"), &interfaces()).unwrap();
    assert!(writer.write(&frame(0, Some(0), b"abc"), &interfaces()).is_err());
    drop(writer);
    assert_eq!(read_path(&directory.0.join("b.pcap")).0.len(), 1, "what was before is in the file");
}

#[test]
fn an_empty_capture_is_a_capture() {
    let directory = Directory::new("empty");
    for name in ["a.pcap", "a.pcapng"] {
        let path = directory.0.join(name);
        let mut writer = Writer::create(&path, None).unwrap();
        writer.finish(&[]).unwrap();
        let (seen, error) = read_path(&path);
        assert!(seen.is_empty() && error.is_none(), "{error:?}");
    }
}

#[test]
fn the_name_tells_the_format_and_another_name_is_refused() {
    assert_eq!(Format::of("x/A.PCAP".as_ref()).unwrap(), Format::Pcap);
    assert_eq!(Format::of("a.b.pcapng".as_ref()).unwrap(), Format::Pcapng);
    let error = Format::of("capture.txt".as_ref()).unwrap_err().to_string();
    assert!(error.contains("name it capture.pcapng"), "{error}");
}

#[test]
fn a_full_disk_is_an_error_that_names_the_file() {
    let directory = Directory::new("full");
    for name in ["a.pcap", "a.pcapng"] {
        let path = directory.0.join(name);
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let result = Writer::create(&path, None).and_then(|mut writer| {
            writer.write(&frame(0, Some(0), b"abc"), &interfaces())?;
            writer.finish(&[])
        });
        let error = result.unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("No space left"), "{error}");
    }
}

/// Takes so many bytes and then has no space left, as a disk does: the last write is taken in part.
struct Disk {
    file: fs::File,
    room: usize,
}

impl std::io::Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = bytes.len().min(self.room);
        if taken == 0 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.room -= taken;
        self.file.write(&bytes[..taken])
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_disk_that_fills_up_leaves_whole_packets() {
    let directory = Directory::new("fills");
    for format in [Format::Pcap, Format::Pcapng] {
        for room in (200..600).step_by(7) {
            let path = directory.0.join("a");
            let file = fs::File::create(&path).unwrap();
            let disk = Disk { file: file.try_clone().unwrap(), room };
            let mut writer = Writer::new(Box::new(disk), "a".into(), format, Some(file)).unwrap();
            let mut error = None;
            'frames: for round in 0..20_u8 {
                for (index, data) in [&b"abc"[..], b"", b"defgh"].into_iter().enumerate() {
                    writer
                        .write(&frame(0, Some(i64::from(round) * 10 + index as i64), data), &interfaces()[..1])
                        .unwrap();
                }
                if round % 4 == 3 {
                    error = writer.flush().err();
                    if error.is_some() {
                        break 'frames;
                    }
                }
            }
            let error = error.expect("20 rounds do not fit").to_string();
            let (seen, broken) = read_path(&path);
            assert!(broken.is_none(), "{format:?} {room}: {broken:?}");
            assert!(error.contains(&format!("first {} packets", seen.len())), "{error} {}", seen.len());
            assert!(!seen.is_empty());
        }
    }
}

#[test]
fn rotates_into_files_that_are_complete_and_keeps_the_newest() {
    let directory = Directory::new("rotate");
    for ending in ["pcap", "pcapng"] {
        let path = directory.0.join(format!("run.{ending}"));
        let rotation = Rotation { bytes: 1000, keep: Some(3) };
        let mut saver = Saver::create(&path, None, Some(rotation)).unwrap();
        saver.describe(&interfaces()[..1]).unwrap();
        for time in 0..50 {
            saver.write(&frame(0, Some(time), &[time as u8; 100]), &interfaces()[..1]).unwrap();
        }
        saver.finish(&[]).unwrap();
        assert_eq!(saver.packets(), 50);
        let files: Vec<_> =
            directory.names().into_iter().filter(|name| name.ends_with(&format!(".{ending}"))).collect();
        assert_eq!(files.len(), 3, "{files:?}");
        let mut times = Vec::new();
        for name in &files {
            assert!(name.starts_with("run-000"), "{name}");
            assert!(fs::metadata(directory.0.join(name)).unwrap().len() <= 1000 + 200, "{name}");
            let (seen, error) = read_path(&directory.0.join(name));
            assert!(error.is_none(), "{error:?}");
            times.extend(seen.iter().map(|frame| frame.time.unwrap().0));
        }
        let newest = times.len() as i64;
        assert_eq!(times, (50 - newest..50).collect::<Vec<_>>());
    }
}

#[test]
fn a_packet_larger_than_the_rotation_gets_a_file_of_its_own() {
    let directory = Directory::new("large");
    let rotation = Rotation { bytes: 10, keep: None };
    let mut saver = Saver::create(&directory.0.join("a.pcap"), None, Some(rotation)).unwrap();
    for time in 0..3 {
        saver.write(&frame(0, Some(time), b"some bytes"), &interfaces()).unwrap();
    }
    saver.finish(&[]).unwrap();
    assert_eq!(directory.names(), ["a-00001.pcap", "a-00002.pcap", "a-00003.pcap"]);
}

#[test]
fn a_directory_that_the_user_may_not_write_is_told_before_root_is_given_up() {
    let rotation = Some(Rotation { bytes: 1000, keep: None });
    let Err(error) = Saver::create("/proc/self/a.pcapng".as_ref(), Some((65534, 65534)), rotation) else {
        panic!("nobody may write in /proc/self");
    };
    assert!(error.to_string().contains("/proc/self"), "{error}");
}

#[test]
fn gives_files_to_the_user_who_called_sudo_but_no_devices() {
    let directory = Directory::new("owner");
    let device = directory.0.join("null.pcap");
    std::os::unix::fs::symlink("/dev/null", &device).unwrap();
    let before = fs::metadata("/dev/null").unwrap();
    Writer::create(&device, Some((65534, 65534))).unwrap().finish(&[]).unwrap();
    assert_eq!(fs::metadata("/dev/null").unwrap().uid(), before.uid());
    if !nix::unistd::Uid::effective().is_root() {
        return crate::support::skip("only root can give files away");
    }
    let path = directory.0.join("a.pcapng");
    Writer::create(&path, Some((65534, 65533))).unwrap().finish(&[]).unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (65534, 65533));
}

#[test]
fn knows_the_file_it_reads_under_another_name() {
    let directory = Directory::new("same");
    let path = directory.0.join("a.pcap");
    Writer::create(&path, None).unwrap().finish(&[]).unwrap();
    fs::hard_link(&path, directory.0.join("b.pcap")).unwrap();
    fs::copy(&path, directory.0.join("c.pcap")).unwrap();
    let capture = open_path(&path).unwrap();
    assert!(capture.is_file_at(&directory.0.join("b.pcap")));
    assert!(!capture.is_file_at(&directory.0.join("c.pcap")));
    assert!(!capture.is_file_at(&directory.0.join("none.pcap")));
}

#[test]
fn a_directory_and_a_missing_file_are_refused_by_the_system() {
    for path in ["/", "/no/such/file.pcap"] {
        match open_path(path.as_ref()) {
            Err(Error::System { operation: "open", target, .. }) => assert_eq!(target, path),
            other => panic!("{:?}", other.err()),
        }
    }
}

#[test]
fn a_fifo_is_read_as_it_comes() {
    let directory = Directory::new("fifo");
    let path = directory.0.join("pipe.pcap");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let reader = std::thread::spawn({
        let path = path.clone();
        move || {
            let mut capture = open_path(&path).unwrap();
            let first = capture.advance().unwrap();
            // The writer still holds the other end open, and has sent one packet only: this needs no more than that.
            (first, capture)
        }
    });
    let mut writer = Writer::create(&path, None).unwrap();
    writer.write(&frame(0, Some(7), b"abc"), &interfaces()).unwrap();
    writer.flush().unwrap();
    let (first, mut capture) = reader.join().unwrap();
    assert_eq!(first, Some(Timestamp(7)));
    assert!(!capture.ready() && capture.progress().is_none());
    writer.finish(&[]).unwrap();
    drop(writer);
    assert_eq!(capture.advance().unwrap(), None);
}

fn frames() -> impl Strategy<Value = Vec<(u32, i64, u32, Vec<u8>, String)>> {
    let data = prop::collection::vec(any::<u8>(), 0..80);
    prop::collection::vec((0..2_u32, 0..4_000_000_000_000_000_000_i64, 0..100_000_u32, data, "[a-z]{0,9}"), 0..20)
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(frames in frames(), classic in any::<bool>()) {
        let directory = Directory::new("round");
        let path = directory.0.join(if classic { "a.pcap" } else { "a.pcapng" });
        let mut writer = Writer::create(&path, None).unwrap();
        let interfaces = if classic { vec![interfaces().remove(0); 2] } else { interfaces() };
        let mut expected = Vec::new();
        for (interface, time, length, data, comment) in &frames {
            let link = interfaces[*interface as usize].link;
            let frame = Frame {
                number: 0, time: Some(Timestamp(*time)), link, interface: *interface, length: *length, data,
                comment: comment.as_bytes(),
            };
            writer.write(&frame, &interfaces).unwrap();
            expected.push(Seen {
                time: frame.time, link: link.0, length: *length, data: data.clone(),
                interface: if classic { 0 } else { *interface },
                comment: if classic { String::new() } else { comment.clone() },
            });
        }
        writer.finish(&[]).unwrap();
        let (seen, error) = read_path(&path);
        prop_assert!(error.is_none(), "{error:?}");
        prop_assert_eq!(seen, expected);
    }
}
