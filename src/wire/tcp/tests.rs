//! TCP headers and options from bytes.

use super::*;

#[test]
fn options_end_at_the_first_that_does_not_fit() {
    let found: Vec<_> = options(&[1, 2, 4, 5, 0xb4, 8, 10, 0, 0]).map(|option| option.kind).collect();
    assert_eq!(found, [NO_OPERATION, MAXIMUM_SEGMENT_SIZE]);
    assert_eq!(options(&[8, 0, 0, 0]).count(), 0, "a length of zero would never end");
    assert_eq!(options(&[8, 1, 0, 0]).count(), 0, "a length that does not cover itself");
}

#[test]
fn draws_flags_as_wireshark_does() {
    assert_eq!(drawing(Flags(0x012), false), "·······A··S·".as_bytes());
    assert_eq!(drawing(Flags(0xfff), false), "RRRACEUAPRSF".as_bytes());
    assert_eq!(drawing(Flags(0x158), true), "···-5-·AP···".as_bytes());
}
