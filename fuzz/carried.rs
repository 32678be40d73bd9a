//! The messages that conversations carry, and what they were about.

use std::io;

use netlab::flow::gist::Gists;
use netlab::flow::message::{Collector, Limits};
use netlab::flow::{Known, Transport};
use netlab::pipeline::{Next, Sink};
use netlab::wire::Packet;

/// A view that shows nothing: it holds what is gathered against its bounds.
pub struct Carried {
    collector: Option<Collector>,
    gists: Gists,
    told: Vec<u8>,
}

/// What is kept at most; little, so that it is used up.
const LIMITS: Limits = Limits { kept: 3000, body: 2000, waiting: 1000, connections: 3 };

impl Default for Carried {
    fn default() -> Self {
        Self { collector: Some(Collector::new(LIMITS)), gists: Gists::default(), told: Vec::new() }
    }
}

impl Sink for Carried {
    fn packet(&mut self, packet: &Packet<'_>, known: &Known<'_>) -> io::Result<Next> {
        self.gists.packet(packet, known.facts);
        let streams =
            [(Transport::Tcp, known.facts.tcp.map(|tcp| tcp.stream)), (Transport::Udp, known.facts.udp_stream)];
        for (transport, stream) in streams {
            if let Some(gist) = stream.and_then(|stream| self.gists.of(transport, stream)) {
                self.told.clear();
                gist.tell(&mut self.told);
                assert!(self.told.len() < 2000, "{} bytes told", self.told.len());
            }
        }
        if let Some(collector) = &mut self.collector {
            collector.packet(packet, known);
        }
        Ok(Next::GoOn)
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(collector) = self.collector.take() else { return Ok(()) };
        let found = collector.finish();
        let kept: usize = found.messages.iter().map(|message| message.head().len() + message.body.data.len()).sum();
        assert!(kept as u64 <= LIMITS.kept, "{kept} bytes kept");
        for (message, number) in found.messages.iter().zip(1..) {
            let place = &message.place;
            assert_eq!(message.number, number);
            assert!(place.first <= place.last && place.offset <= place.end, "{place:?}");
            let mut told = Vec::new();
            message.tell(&mut told);
            let content = message.content(10_000);
            assert!(content.data.len() <= 10_000, "{} bytes of content", content.data.len());
        }
        Ok(())
    }
}
