//! What a process of ours costs: memory and threads while it runs (proc_pid_status(5)), processor time and context
//! switches after its end (getrusage(2), which counts threads that have ended as well; /proc does not).

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use procfs::CurrentSI;
use procfs::process::Process;

use super::sys;

/// Has a program end when this one does, even where this one is killed: it is measured, and belongs to nobody else. To be
/// started by a thread that lives as long as the measurement.
pub fn end_with_us(command: &mut Command) {
    sys::end_with_us(command);
}

/// What the processors of this machine did, up to now.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    at: Instant,
    busy: Duration,
    ours: Duration,
}

impl Machine {
    /// `None` where /proc/stat does not tell.
    pub fn now() -> Option<Self> {
        let total = procfs::KernelStats::current().ok()?.total;
        let at = Instant::now();
        let all = [total.user_ms(), total.nice_ms(), total.system_ms()];
        let rare = [total.irq_ms(), total.softirq_ms(), total.steal_ms()];
        let busy: u64 = all.into_iter().chain(rare.into_iter().flatten()).sum();
        let own = getrusage(UsageWho::RUSAGE_SELF).ok()?;
        let own = whole(own.user_time().num_microseconds() + own.system_time().num_microseconds());
        Some(Self { at, busy: Duration::from_millis(busy), ours: Duration::from_micros(own) + children().time })
    }

    /// Which share of all processors other programs had since `self` was taken: 0 to 1.
    pub fn share_of_others(&self) -> Option<f64> {
        let now = Self::now()?;
        let processors = std::thread::available_parallelism().ok()?.get();
        let others = now.busy.saturating_sub(self.busy).saturating_sub(now.ours.saturating_sub(self.ours));
        let all = now.at.saturating_duration_since(self.at).as_secs_f64() * processors as f64;
        (all > 0.0).then(|| (others.as_secs_f64() / all).min(1.0))
    }
}

/// A running process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// Anonymous memory in bytes: what the program took, without the pages of its file. Not what the kernel holds for
    /// it: stacks of its threads there, buffers of its sockets.
    pub memory: u64,
    pub threads: u64,
}

/// What the process takes now; `None` where it has ended.
pub fn running(pid: u32) -> Option<Running> {
    let status = Process::new(i32::try_from(pid).ok()?).ok()?.status().ok()?;
    Some(Running { memory: status.rssanon? * 1024, threads: status.threads })
}

/// Processes that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Of the processor, in the program and in the kernel on its behalf.
    pub time: Duration,
    /// Times that a thread waited, or was made to give way.
    pub switches: u64,
}

fn whole(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// What all children spent that have been waited for, so far.
pub fn children() -> Spent {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return Spent::default() };
    Spent {
        time: Duration::from_micros(whole(
            usage.user_time().num_microseconds() + usage.system_time().num_microseconds(),
        )),
        switches: whole(usage.voluntary_context_switches()) + whole(usage.involuntary_context_switches()),
    }
}

impl std::ops::Sub for Spent {
    type Output = Self;

    /// What was spent since `earlier`.
    fn sub(self, earlier: Self) -> Self {
        Self { time: self.time.saturating_sub(earlier.time), switches: self.switches.saturating_sub(earlier.switches) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_others_is_a_share() {
        let before = Machine::now().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        let share = before.share_of_others().unwrap();
        assert!((0.0..=1.0).contains(&share), "{share}");
    }

    #[test]
    fn tells_what_this_process_takes_and_nothing_of_one_that_is_not_there() {
        let ours = running(std::process::id()).unwrap();
        assert!(ours.memory > 0 && ours.threads > 0, "{ours:?}");
        assert_eq!(running(u32::MAX), None);
    }
}
