//! The detector against conversations made with known periods, losses, jitter and drift: every count is exact.

use proptest::prelude::*;

use super::*;

const MS: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MS;

/// A random number that a seed gives (xorshift64*).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % most.max(1)
    }

    /// From `-most` to `most`.
    fn around(&mut self, most: i64) -> i64 {
        self.below(2 * most as u64 + 1) as i64 - most
    }
}

/// What passes a place: time, from port, to port, and what is said.
#[derive(Default)]
struct Wire(Vec<(i64, u16, u16, Vec<u8>)>);

impl Wire {
    fn say(&mut self, time: i64, from: u16, to: u16, bytes: &[u8]) {
        self.0.push((time, from, to, bytes.to_vec()));
    }

    fn find(mut self, questions: Questions) -> Vec<Beat> {
        self.0.sort_by_key(|packet| packet.0);
        let mut detector = Detector::new(questions);
        for ((time, from, to, bytes), packet) in self.0.iter().zip(1..) {
            // Ports stand for hosts too.
            let end = |port: &u16| (Address::V4([10, 0, 0, if *port < 10_000 { 1 } else { 2 }]), *port);
            let (key, direction) = Key::between(end(from), end(to)).unwrap();
            let says = Says::Data(bytes.len() as u32, bytes);
            detector.add(&Seen { transport: Transport::Udp, key, direction, time: *time, packet, says });
        }
        detector.finish().0
    }

    #[track_caller]
    fn only(self, questions: Questions) -> Beat {
        let mut found = self.find(questions);
        assert_eq!(found.len(), 1, "{found:#?}");
        found.remove(0)
    }
}

fn near(found: i64, wanted: i64, parts: u64) -> bool {
    found.abs_diff(wanted) * parts <= wanted.unsigned_abs()
}

#[test]
fn a_plain_beat_is_found_with_its_period_and_nothing_is_missed() {
    let mut wire = Wire::default();
    (0..500).for_each(|beat| wire.say(beat * SECOND, 40_000, 8005, b"HB"));
    let beat = wire.only(Questions { timeouts: vec![SECOND - 1, SECOND], bindings: vec![30 * SECOND] });
    assert_eq!((beat.track.period(), beat.track.beats, beat.track.missed), (SECOND, 500, 0));
    assert_eq!((beat.track.jitter.nanoseconds(), beat.from.1, beat.to.1), (0, 40_000, 8005));
    assert_eq!(beat.timeouts.iter().map(|timeout| timeout.count).collect::<Vec<_>>(), [499, 0]);
    assert_eq!(beat.timeouts[0].packets, [2, 3, 4, 5]);
    assert_eq!(beat.bindings[0].count, 0);
    let cells = beat.track.cells();
    assert_eq!(cells.iter().map(|cell| (cell.came, cell.due)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)), (500, 500));
}

#[test]
fn missed_beats_are_counted_one_by_one_under_jitter() {
    for seed in 1..40 {
        let mut dice = Dice(seed);
        let (mut wire, mut missed, mut gaps, mut last) = (Wire::default(), 0, 0, 0);
        for beat in 0..400i64 {
            // One in ten, never the first or the last.
            if beat > 0 && beat < 399 && dice.below(10) == 0 {
                missed += 1;
                continue;
            }
            gaps += u64::from(beat > last + 1);
            last = beat;
            wire.say(beat * 200 * MS + dice.around(30 * MS), 40_000, 9100, &(beat as u32).to_be_bytes());
        }
        let beat = wire.only(Questions::default());
        assert_eq!(
            (beat.track.missed, beat.track.gap_count, beat.track.beats),
            (missed, gaps, 400 - missed),
            "seed {seed}"
        );
        assert!(near(beat.track.period(), 200 * MS, 50), "{}", beat.track.period());
        // Differences of two such: 20 ms on the average.
        assert!((12 * MS..28 * MS).contains(&(beat.track.jitter.nanoseconds() as i64)), "{:?}", beat.track.jitter);
    }
}

/// Of its first eight beats three come two periods after the one before, and the jitter of the others is larger.
#[test]
fn a_beat_that_begins_with_many_losses_keeps_its_beginning() {
    let (wire, missed) = steady(Dice(6_496_301_586_601_267_677), 720 * MS, 4, 29);
    let beat = wire.only(Questions::default());
    assert_eq!((beat.track.missed, beat.track.beats, beat.track.first.packet), (missed, 200 - missed, 1));
}

#[test]
fn a_clock_that_drifts_is_followed() {
    let mut wire = Wire::default();
    let (mut time, mut period) = (0, SECOND);
    for beat in 0..2_000 {
        wire.say(time, 40_000, 8005, b"alive");
        // To twice the period, slowly.
        period += 500_000;
        time += if beat % 100 == 50 { 3 * period } else { period };
    }
    let beat = wire.only(Questions::default());
    assert_eq!((beat.track.missed, beat.track.gap_count, beat.track.beats), (40, 20, 2_000));
}

#[test]
fn what_a_timeout_and_a_nat_would_have_done_is_exact() {
    let mut wire = Wire::default();
    let mut time = 0;
    for beat in 1..=1_000 {
        wire.say(time, 40_000, 8005, b"HB");
        time += match beat {
            300 => 4 * SECOND,
            500 => 3 * SECOND,
            811 => 31 * SECOND,
            _ => SECOND,
        };
    }
    let questions = Questions { timeouts: vec![3 * SECOND, 40 * SECOND], bindings: vec![30 * SECOND, 60 * SECOND] };
    let beat = wire.only(questions);
    assert_eq!((beat.timeouts[0].count, &beat.timeouts[0].packets[..]), (2, &[301, 812][..]));
    assert_eq!((beat.bindings[0].count, &beat.bindings[0].packets[..]), (1, &[812][..]));
    assert_eq!((beat.timeouts[1].count, beat.bindings[1].count), (0, 0));
    assert_eq!(
        beat.track.gaps.iter().map(|gap| (gap.packet, gap.missed)).collect::<Vec<_>>(),
        [(301, 3), (501, 2), (812, 30)]
    );
}

#[test]
fn answers_belong_to_their_beat_and_unanswered_ones_are_known() {
    let mut wire = Wire::default();
    for beat in 0..100i64 {
        wire.say(beat * 2 * SECOND, 40_000, 8005, b"HB");
        if beat % 10 != 7 {
            wire.say(beat * 2 * SECOND + 5 * MS + beat % 3 * MS, 8005, 40_000, b"HB-ACK");
        }
    }
    let beat = wire.only(Questions::default());
    let answered = beat.answered.unwrap();
    assert_eq!((beat.from.1, answered.count, answered.least, answered.most), (40_000, 90, 5 * MS, 7 * MS));
}

#[test]
fn two_ends_that_beat_and_answer_are_two_beats() {
    let mut wire = Wire::default();
    for beat in 0..60i64 {
        let (one, two) = (beat * SECOND, beat * SECOND + 300 * MS);
        let number = beat + 1;
        wire.say(one, 40_000, 8005, format!("heartbeat {number}\n").as_bytes());
        wire.say(one + MS, 8005, 40_000, format!("ack {number}\n").as_bytes());
        wire.say(two, 8005, 40_000, format!("heartbeat {number}\n").as_bytes());
        wire.say(two + MS, 40_000, 8005, format!("ack {number}\n").as_bytes());
    }
    let found = wire.find(Questions::default());
    assert_eq!(found.len(), 2, "{found:#?}");
    for (beat, from) in found.iter().zip([40_000, 8005]) {
        assert_eq!((beat.from.1, beat.track.beats, beat.track.missed), (from, 60, 0));
        assert_eq!(beat.answered.map(|answered| answered.count), Some(60));
    }
}

#[test]
fn a_beat_inside_of_other_traffic_is_found() {
    let (mut wire, mut dice) = (Wire::default(), Dice(5));
    for beat in 0..200i64 {
        wire.say(beat * SECOND, 40_000, 8005, b"\x01PING");
    }
    let mut time = 0;
    while time < 200 * SECOND {
        time += (dice.below(900) as i64 + 1) * MS;
        let length = 3 + dice.below(300) as usize;
        wire.say(time, 40_000, 8005, &vec![2 + dice.below(40) as u8; length]);
    }
    let beat = wire.only(Questions::default());
    assert_eq!((beat.alike, beat.track.beats, beat.track.missed), (Alike::Begin(*b"\x01PIN"), 200, 0));
}

#[test]
fn beats_that_are_held_up_and_come_together_are_late_not_missed() {
    let mut wire = Wire::default();
    for beat in 0..100i64 {
        let held = if (50..53).contains(&beat) { 53 * SECOND + beat * MS } else { beat * SECOND };
        wire.say(held, 40_000, 8005, b"HB");
    }
    let beat = wire.only(Questions::default());
    assert_eq!((beat.track.missed, beat.track.late, beat.track.beats), (0, 3, 100));
}

#[test]
fn another_period_is_another_beat() {
    let mut wire = Wire::default();
    (0..100).for_each(|beat| wire.say(beat * SECOND, 40_000, 8005, b"HB"));
    (0..100).for_each(|beat| wire.say(100 * SECOND + beat * 5 * SECOND, 40_000, 8005, b"HB"));
    let found = wire.find(Questions::default());
    let periods: Vec<(i64, u64)> = found.iter().map(|beat| (beat.track.period() / SECOND, beat.track.missed)).collect();
    assert_eq!(periods, [(1, 0), (5, 0)]);
    assert_eq!(found.iter().map(|beat| beat.track.beats).sum::<u64>(), 200);
}

#[test]
fn a_beat_that_becomes_twice_as_quick_or_half_as_quick_is_another_beat() {
    for (count, (before, after)) in (12..90).flat_map(|count| [(count, (2, 1)), (count, (1, 2))]) {
        let (mut wire, mut dice) = (Wire::default(), Dice(count as u64));
        let change = count * before;
        let mut say = |time: i64| wire.say(time * SECOND + dice.around(40 * MS), 40_000, 8005, b"HB");
        (0..count).for_each(|beat| say(beat * before));
        (0..100).for_each(|beat| say(change + beat * after));
        let found = wire.find(Questions::default());
        let told: Vec<_> = found
            .iter()
            .map(|beat| ((beat.track.period() + SECOND / 2) / SECOND, beat.track.beats, beat.track.missed))
            .collect();
        assert_eq!(told, [(before, count as u64 + 1, 0), (after, 99, 0)], "{count}");
    }
}

#[test]
fn an_end_that_goes_on_from_another_port_has_moved() {
    let mut wire = Wire::default();
    (0..4).for_each(|beat| wire.say(beat * 2 * SECOND, 56_625, 3478, b"bind"));
    (0..3).for_each(|beat| wire.say((13 + beat * 2) * SECOND, 16_834, 3478, b"bind"));
    let beat = wire.only(Questions::default());
    let (end, packet, after) = beat.moved.unwrap();
    assert_eq!((end.1, packet, after), (16_834, 5, 7 * SECOND));
}

#[test]
fn bulk_transfers_and_typing_are_no_beat() {
    for seed in 1..60 {
        let (mut wire, mut dice) = (Wire::default(), Dice(seed));
        // A transfer: rounds of large packets with a small one at the end, in the rhythm of the round trip.
        let mut time = 0;
        for _ in 0..200 {
            for _ in 0..dice.below(20) {
                time += 12_000 + dice.below(4_000) as i64;
                wire.say(time, 40_000, 80, &[7; 1_400]);
            }
            wire.say(time + 9_000, 40_000, 80, &vec![7; 1 + dice.below(500) as usize]);
            wire.say(time + 40_000, 80, 40_000, &[]);
            time += 20 * MS + dice.below(30) as i64 * MS;
        }
        // A person: quick, slow, and thinking.
        let mut time = 0;
        for _ in 0..400 {
            let pause = if dice.below(9) == 0 { 600 + dice.below(2_500) } else { 70 + dice.below(160) };
            time += pause as i64 * MS;
            wire.say(time, 40_001, 22, &[9; 36]);
            wire.say(time + 2 * MS, 22, 40_001, &[9; 36]);
        }
        let found = wire.find(Questions::default());
        let told: Vec<_> = found.iter().map(|beat| (beat.from.1, beat.alike, beat.track.beats)).collect();
        assert_eq!(told, [], "seed {seed}");
    }
}

#[test]
fn many_conversations_cost_bounded_memory_and_a_beat_among_them_stays() {
    let mut wire = Wire::default();
    for beat in 0..60i64 {
        wire.say(beat * SECOND, 40_000, 8005, b"HB");
        for other in 0..300 {
            let port = 10_000 + ((beat * 300 + other) % 25_000) as u16;
            wire.say(beat * SECOND + (other + 1) * MS, port, 53, &[1; 30]);
        }
    }
    let mut detector = Detector::new(Questions::default());
    for ((time, from, to, bytes), packet) in wire.0.iter().zip(1..) {
        let end = |port: &u16| (Address::V4([10, 0, 0, 1]), *port);
        let (key, direction) = Key::between(end(from), end(to)).unwrap();
        let says = Says::Data(bytes.len() as u32, bytes);
        detector.add(&Seen { transport: Transport::Udp, key, direction, time: *time, packet, says });
        assert!(detector.flows.len() <= FLOWS && detector.order.len() <= FLOWS);
    }
    let (found, forgotten) = detector.finish();
    assert!(forgotten > 10_000, "{forgotten}");
    assert_eq!(found.iter().map(|beat| (beat.from.1, beat.track.beats)).collect::<Vec<_>>(), [(40_000, 60)]);
}

/// 200 beats, of which so many of 25 are lost on the average, never the first or the last; jitter in thousandths of the
/// period. How many are missing.
fn steady(mut dice: Dice, period: i64, loss: u64, jitter: i64) -> (Wire, u64) {
    let (mut wire, mut missed) = (Wire::default(), 0);
    for beat in 0..200i64 {
        if beat > 0 && beat < 199 && loss > 0 && dice.below(25) < loss {
            missed += 1;
            continue;
        }
        wire.say(beat * period + dice.around(period * jitter / 1_000), 40_000, 8005, b"beat");
    }
    (wire, missed)
}

/// Enough to notice a careless change, little enough for every `cargo test`; PROPTEST_CASES overrides.
fn cases() -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if asked { config } else { ProptestConfig { cases: 64, ..config } }
}

proptest! {
    #![proptest_config(cases())]

    /// Any period, loss up to a sixth and jitter up to a tenth: found, and counted exactly.
    #[test]
    fn any_steady_beat_is_counted_exactly(seed in 1u64.., period in 20i64..20_000, loss in 0u64..5, jitter in 0i64..100) {
        let (wire, missed) = steady(Dice(seed), period * MS, loss, jitter);
        let found = wire.find(Questions::default());
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!((found[0].track.missed, found[0].track.beats), (missed, 200 - missed));
        prop_assert!(near(found[0].track.period(), period * MS, 20));
    }

    /// Whatever comes, in whatever order: no panic, and sums that hold.
    #[test]
    fn holds_under_anything(packets in prop::collection::vec((any::<i64>(), 0u16..4, 0u16..4, 0usize..6), 0..300)) {
        let mut detector = Detector::new(Questions { timeouts: vec![SECOND], bindings: vec![SECOND] });
        for ((time, from, to, length), packet) in packets.into_iter().zip(1..) {
            let end = |port: u16| (Address::V4([10, 0, 0, 1]), port);
            let Some((key, direction)) = Key::between(end(from), end(to)) else { continue };
            let says = if length == 5 { Says::KeepAlive } else { Says::Data(length as u32, &[1, 2, 3, 4][..length]) };
            detector.add(&Seen { transport: Transport::Tcp, key, direction, time, packet, says });
        }
        for beat in detector.finish().0 {
            let cells = beat.track.cells();
            prop_assert!(cells.len() <= 512);
            prop_assert!(cells.iter().all(|cell| cell.came <= cell.due.max(1)));
        }
    }
}

/// Moments at random are no beat, but any few of them may by chance come as a beat does, and nobody can tell these from
/// one. That happens as seldom as [`fit`] says: less than once in ten thousand.
#[test]
fn chance_is_no_beat() {
    let cases = u64::from(cases().cases);
    let mut found = 0;
    for seed in 1..=cases {
        let (mut dice, mut wire, mut time) = (Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1), Wire::default(), 0);
        for _ in 0..4 + dice.below(296) {
            // Exponential: no memory of when the last one was.
            let unit = (dice.below(1 << 20) + 1) as f64 / (1u64 << 20) as f64;
            time += (-unit.ln() * 1e9) as i64;
            wire.say(time, 40_000, 8005, b"x");
        }
        found += wire.find(Questions::default()).len() as u64;
    }
    assert!(found * 10_000 <= cases, "{found} of {cases}");
}
