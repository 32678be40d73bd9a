//! The server of `hits`.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::exercise::many::http::{Answer, OneAnswer};
use crate::exercise::many::serve;
use crate::exercise::{Error, Service, Transcript};

/// Answers every request with how many there were since the start; how many that is.
pub fn run(service: &Service, transcript: &Transcript) -> Result<u64, Error> {
    let served = serve("hits", OneAnswer::new(service.max_line, Total::default()), service, transcript)?;
    if served > 0 {
        transcript.running_end()?;
    }
    Ok(served)
}

/// One count for all models: an addition that no other thread can come between.
#[derive(Default)]
struct Total {
    count: AtomicU64,
    shown: Mutex<u64>,
}

impl Answer for Total {
    fn write(&self, body: &mut Vec<u8>) {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        // Writing to memory cannot fail.
        let _ = write!(body, "Total {count}");
    }

    /// Shows the count where it has grown; never a smaller one after a greater, whichever thread comes first.
    fn settle(&self, transcript: &Transcript) -> Result<(), Error> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let count = self.count.load(Ordering::Relaxed);
        if count == *shown {
            return Ok(());
        }
        *shown = count;
        transcript.running(&format!("Total {count}"))
    }
}
