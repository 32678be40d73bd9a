//! What a process of ours costs: memory and threads while it runs (proc_pid_status(5)), processor time and context
//! switches after its end (getrusage(2), which counts threads that have ended as well; /proc does not).

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use procfs::process::Process;

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

/// What all children spent that have been waited for, so far.
pub fn children() -> Spent {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return Spent::default() };
    let whole = |value: i64| u64::try_from(value).unwrap_or(0);
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
    fn tells_what_this_process_takes_and_nothing_of_one_that_is_not_there() {
        let ours = running(std::process::id()).unwrap();
        assert!(ours.memory > 0 && ours.threads > 0, "{ours:?}");
        assert_eq!(running(u32::MAX), None);
    }
}
