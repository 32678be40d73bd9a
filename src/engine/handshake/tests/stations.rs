//! Stations: the frames around segments, and the address that they are sent from.

use std::net::SocketAddr;

use super::plan;
use super::segments::ms;
use crate::engine::handshake::*;
use crate::engine::neighbour;
use crate::frame::{Frame, LinkType};
use crate::wire::{Layers, Packet, decode};

fn station(here: &str, there: &str) -> Station {
    let (here, there): (SocketAddr, SocketAddr) = (here.parse().unwrap(), there.parse().unwrap());
    let ends = Ends { here, there, own: [2, 0, 0, 0, 0, 1], hop: [2, 0, 0, 0, 0, 2] };
    Station::new(ends, Machine::new(plan("hello")))
}

fn decoded<T>(bytes: &[u8], use_it: impl FnOnce(&Packet<'_>) -> T) -> T {
    let frame = Frame { link: LinkType::ETHERNET, data: bytes, length: bytes.len() as u32, ..Frame::empty() };
    use_it(&decode(frame, &mut Layers::new()))
}

#[test]
fn frames_of_one_station_are_segments_of_the_other() {
    for (a, b) in [("10.0.0.1:4000", "10.0.0.2:80"), ("[fd00::1]:4000", "[fd00::2]:80")] {
        let (mut here, mut there) = (station(a, b), station(b, a));
        let (frame, sent) = here.transmit(ms(0)).unwrap().unwrap();
        let (ours, theirs) = (here.ends, there.ends);
        assert_eq!(decoded(&frame, |packet| Segment::of(packet, theirs.here, theirs.there)), Some(sent.segment));
        assert_eq!(decoded(&frame, |packet| Segment::of(packet, ours.here, ours.there)), None, "the other way");
        assert_eq!(decoded(&frame, |packet| there.handle(ms(1), packet)), Seen::Ours);
        let mut broken = frame.clone();
        *broken.last_mut().unwrap() ^= 1;
        assert_eq!(decoded(&broken, |packet| there.handle(ms(1), packet)), Seen::Other, "a bad checksum");
        for cut in 0..frame.len() {
            assert_eq!(decoded(&frame[..cut], |packet| there.handle(ms(1), packet)), Seen::Other, "cut to {cut}");
        }
    }
}

#[test]
fn a_station_answers_for_its_address_and_leaves_it_to_another_who_has_it() {
    for (a, b) in [("10.0.0.1:4000", "10.0.0.2:80"), ("[fd00::1]:4000", "[fd00::2]:80")] {
        let mut here = station(a, b);
        let (own, other) = (here.ends.here.ip(), here.ends.there.ip());
        let asked = neighbour::question([2, 0, 0, 0, 0, 2], Some(other), own).unwrap();
        assert_eq!(decoded(&asked, |packet| here.handle(ms(0), packet)), Seen::Neighbour);
        let reply = here.reply().unwrap();
        assert_eq!(decoded(&reply, |packet| neighbour::answer(packet, own)), Some([2, 0, 0, 0, 0, 1]));
        assert_eq!(decoded(&reply, |packet| here.handle(ms(0), packet)), Seen::Other, "its own");
        let probe = neighbour::question([2, 0, 0, 0, 0, 9], None, own).unwrap();
        decoded(&probe, |packet| here.handle(ms(0), packet));
        assert_eq!(here.machine.ending(), Some(Ending::Claimed([2, 0, 0, 0, 0, 9])));
        assert!(here.transmit(ms(0)).unwrap().is_none());
    }
}
