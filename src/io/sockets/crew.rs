//! Work on several processors at once, for what is asked of the kernel ten thousand times.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// More threads than this would only wait for each other in the kernel.
const MOST: usize = 8;

/// Runs `work` in as many threads as there are processors, the calling one among them; what each came to. They are in
/// the same namespaces and have the same rights as the caller, and have ended on return.
pub fn together<R: Send>(work: impl Fn() -> R + Sync) -> Vec<R> {
    let others = thread::available_parallelism().map_or(1, usize::from).min(MOST) - 1;
    thread::scope(|scope| {
        // A thread that the system refuses is one that does not help.
        let started: Vec<_> =
            (0..others).filter_map(|_| thread::Builder::new().spawn_scoped(scope, &work).ok()).collect();
        let own = work();
        let done =
            started.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        std::iter::once(own).chain(done).collect()
    })
}

/// Takes what is left to do, one after the other, beside others that do the same.
pub fn each<T>(all: &Mutex<impl Iterator<Item = T>>, mut work: impl FnMut(T)) {
    loop {
        // The lock is given back before the work.
        let next = all.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(next) = next else { return };
        work(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_of_work_is_done_once() {
        let pieces = Mutex::new(0..1000);
        let done = together(|| {
            let mut sum = 0;
            each(&pieces, |piece: u32| sum += piece);
            sum
        });
        assert_eq!(done.into_iter().sum::<u32>(), 499_500);
    }
}
