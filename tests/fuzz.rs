//! The fuzzers' functions (fuzz/bodies.rs) over arbitrary bytes, and over our captures with bytes changed, cut and cut
//! out. PROPTEST_CASES says how many; `make fuzz` runs the same functions with coverage.

#[path = "../fuzz/bodies.rs"]
mod bodies;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let entries = std::fs::read_dir(&folder).expect("captures/").flatten();
    let mut files: Vec<_> =
        entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().contains(".pcap")).collect();
    files.sort();
    assert!(!files.is_empty(), "no captures");
    files
}

fn frames_of(view: u8, path: &Path) -> Vec<u8> {
    bodies::as_frames(view, &mut netlab::io::file::open(path).expect("a capture of ours"))
}

fn talk_of(view: u8, path: &Path) -> Vec<u8> {
    bodies::as_talk(view, &mut netlab::io::file::open(path).expect("a capture of ours"))
}

fn messages_of(path: &Path) -> Vec<Vec<u8>> {
    bodies::as_messages(&mut netlab::io::file::open(path).expect("a capture of ours"))
}

/// What applications say in all captures.
fn messages() -> &'static [Vec<u8>] {
    static MESSAGES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    MESSAGES.get_or_init(|| captures().iter().flat_map(|path| messages_of(path)).collect())
}

/// The input of `filter`: an expression, and the frames of a capture.
fn filtered(expression: &[u8], path: &Path) -> Vec<u8> {
    [expression, b"\n", &frames_of(0, path)[1..]].concat()
}

fn pick(which: prop::sample::Index) -> PathBuf {
    let mut captures = captures();
    captures.swap_remove(which.index(captures.len()))
}

/// Changes to a capture: where (as a share of its length), and what: a byte set, the rest cut off, bytes cut out.
#[derive(Clone, Debug)]
struct Change {
    place: prop::sample::Index,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Set(u8),
    Flip(u8),
    CutOff,
    CutOut(u8),
    Repeat(u8),
}

fn change() -> impl Strategy<Value = Change> {
    // Bytes that lengths and counts are sensitive to come more often.
    let byte = prop_oneof![Just(0u8), Just(1), Just(0x7F), Just(0x80), Just(0xFF), any::<u8>()];
    let what = prop_oneof![
        6 => byte.prop_map(What::Set),
        6 => (0u8..8).prop_map(|bit| What::Flip(1 << bit)),
        1 => Just(What::CutOff),
        2 => (1u8..40).prop_map(What::CutOut),
        2 => (1u8..40).prop_map(What::Repeat),
    ];
    (any::<prop::sample::Index>(), what).prop_map(|(place, what)| Change { place, what })
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        let at = change.place.index(bytes.len());
        match change.what {
            What::Set(value) => bytes[at] = value,
            What::Flip(bits) => bytes[at] ^= bits,
            What::CutOff => bytes.truncate(at),
            What::CutOut(count) => drop(bytes.drain(at..bytes.len().min(at + usize::from(count)))),
            What::Repeat(count) => {
                let again = bytes[at..bytes.len().min(at + usize::from(count))].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
    bytes
}

/// Enough to notice a careless change, little enough for every `cargo test`; PROPTEST_CASES overrides.
fn cases() -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if asked { config } else { ProptestConfig { cases: 192, ..config } }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn frames_of_arbitrary_bytes_are_shown(input in prop::collection::vec(any::<u8>(), 0..2048)) {
        bodies::decode(&input);
    }

    #[test]
    fn arbitrary_segments_are_put_together_and_shown(input in prop::collection::vec(any::<u8>(), 0..1024)) {
        bodies::streams(&input);
    }

    #[test]
    fn changed_conversations_are_put_together(wraps in any::<bool>(), changes in prop::collection::vec(change(), 0..12)) {
        bodies::streams(&changed(bodies::conversation(wraps), &changes));
    }

    #[test]
    fn talks_of_which_bytes_are_changed_are_shown(
        view in any::<u8>(),
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 0..12),
    ) {
        bodies::talks(&changed(talk_of(view, &pick(which)), &changes));
    }

    #[test]
    fn handshakes_that_go_on_in_any_records_and_segments_do_no_harm(
        input in prop::collection::vec(any::<u8>(), 0..512),
    ) {
        bodies::handshakes(&input);
    }

    #[test]
    fn arbitrary_bytes_as_stun_and_through_a_nat_do_no_harm(input in prop::collection::vec(any::<u8>(), 0..1024)) {
        bodies::stun(&input);
    }

    #[test]
    fn arbitrary_and_changed_messages_of_a_rendezvous_do_no_harm(
        input in prop::collection::vec(any::<u8>(), 0..1024),
        changes in prop::collection::vec(change(), 0..6),
    ) {
        bodies::rendezvous(&input);
        bodies::rendezvous(&changed(bodies::MEETING.to_vec(), &changes));
    }

    #[test]
    fn arbitrary_bytes_are_read_as_what_applications_say(
        row in any::<u8>(),
        how in any::<u8>(),
        said in prop::collection::vec(any::<u8>(), 0..1024),
    ) {
        bodies::applications(&[&[row, how], &said[..]].concat());
    }

    #[test]
    fn changed_messages_of_applications_are_read(
        which in any::<prop::sample::Index>(),
        how in any::<u8>(),
        changes in prop::collection::vec(change(), 0..8),
    ) {
        let mut message = messages()[which.index(messages().len())].clone();
        message[1] = how;
        // The row stays: what it reads is nearly what it knows.
        let said = changed(message.split_off(2), &changes);
        bodies::applications(&[message, said].concat());
    }

    #[test]
    fn arbitrary_and_changed_letters_are_taken_apart(
        how in any::<u8>(),
        input in prop::collection::vec(any::<u8>(), 0..512),
        changes in prop::collection::vec(change(), 0..12),
    ) {
        bodies::letters(&[&[how], &input[..]].concat());
        bodies::letters(&[&[how], &changed(bodies::LETTER.to_vec(), &changes)[..]].concat());
    }

    #[test]
    fn files_of_arbitrary_bytes_are_read(input in prop::collection::vec(any::<u8>(), 0..512)) {
        bodies::files(&input);
    }

    #[test]
    fn filters_of_changed_text_take_a_packet_or_do_not(
        expression in prop::sample::select(&bodies::EXPRESSIONS[..]),
        changes in prop::collection::vec(change(), 0..6),
        which in any::<prop::sample::Index>(),
    ) {
        bodies::filter(&filtered(&changed(expression.as_bytes().to_vec(), &changes), &pick(which)));
    }

    #[test]
    fn changed_frames_are_shown(view in any::<u8>(), which in any::<prop::sample::Index>(), changes in prop::collection::vec(change(), 1..12)) {
        bodies::decode(&changed(frames_of(view, &pick(which)), &changes));
    }

    #[test]
    fn changed_files_are_read(which in any::<prop::sample::Index>(), changes in prop::collection::vec(change(), 1..6)) {
        let bytes = std::fs::read(pick(which)).expect("a capture of ours");
        bodies::files(&changed(bytes, &changes));
    }
}

#[test]
fn what_applications_say_is_read_whole_and_cut_anywhere() {
    let messages = messages();
    assert!(messages.len() > 200, "{} messages", messages.len());
    for message in messages {
        let step = 1 + message.len() / 24;
        (2..=message.len()).step_by(step).for_each(|cut| bodies::applications(&message[..cut]));
        bodies::applications(message);
    }
}

#[test]
fn every_capture_is_shown_whole_and_cut_anywhere() {
    for path in captures() {
        for view in (0..bodies::VIEWS).flat_map(|view| [view, 128 + view]) {
            bodies::decode(&frames_of(view, &path));
            bodies::talks(&talk_of(view, &path));
        }
        let bytes = std::fs::read(&path).expect("a capture of ours");
        bodies::files(&bytes);
        // Everywhere in one file of each format; a few places in the others.
        let everywhere = path.ends_with("udp.pcap") || path.ends_with("sync.pcapng");
        let step = if everywhere { 1 } else { 1 + bytes.len() / 7 };
        for cut in (0..bytes.len().min(700)).step_by(step) {
            bodies::files(&bytes[..cut]);
        }
    }
}

#[test]
#[ignore = "writes files: what the fuzzers begin with, into the folder that NETLAB_SEEDS names (make fuzz)"]
fn seeds_are_written() {
    let corpus = PathBuf::from(std::env::var_os("NETLAB_SEEDS").expect("NETLAB_SEEDS"));
    for target in ["applications", "decode", "files", "filter", "letters", "rendezvous", "streams", "stun", "talks"] {
        std::fs::create_dir_all(corpus.join(target)).expect("a folder for the seeds");
    }
    std::fs::write(corpus.join("letters").join("letter"), [b"0", bodies::LETTER].concat()).expect("a seed");
    std::fs::write(corpus.join("rendezvous").join("meeting"), bodies::MEETING).expect("a seed");
    for (name, wraps) in [("conversation", false), ("wraps", true)] {
        std::fs::write(corpus.join("streams").join(name), bodies::conversation(wraps)).expect("a seed");
    }
    for path in captures() {
        let name = path.file_name().expect("a capture has a name");
        for (number, seed) in messages_of(&path).into_iter().enumerate() {
            let name = format!("{}-{number}", name.to_string_lossy());
            std::fs::write(corpus.join("applications").join(name), seed).expect("a seed");
        }
        std::fs::copy(&path, corpus.join("files").join(name)).expect("a seed");
        for (number, expression) in bodies::EXPRESSIONS.iter().enumerate() {
            let seed = format!("{}-{number}", name.to_string_lossy());
            std::fs::write(corpus.join("filter").join(seed), filtered(expression.as_bytes(), &path)).expect("a seed");
        }
        for view in 0..bodies::VIEWS {
            let seed = format!("{}-{view}", name.to_string_lossy());
            std::fs::write(corpus.join("decode").join(&seed), frames_of(view, &path)).expect("a seed");
            std::fs::write(corpus.join("talks").join(&seed), talk_of(view, &path)).expect("a seed");
        }
    }
}
