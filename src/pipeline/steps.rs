//! The steps that batches take, one behind the other, and the threads that do them.
//!
//! Each step has one batch at a time, in their order. The second step belongs to one thread, in whose core's memory the
//! flow table lies; the others are done by whoever is free, that thread too: mostly no core waits, whichever
//! step takes longest. (With a thread for each step, two cores were idle for a fifth of the time: a thread that
//! sleeps wakes late, and often where another is at work. With all steps for all threads, batches stayed where they were
//! and the table did not: a run took a fifth longer.)

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Next;
use super::batch::{BATCHES, Batch};
use crate::frame::Error;

/// The first step: fills a batch; whether there is more, or why not.
pub type Read<'a> = dyn FnMut(&mut Batch) -> Result<bool, Error> + Send + 'a;
/// The second step, of one thread alone.
pub type Follow<'a> = dyn FnMut(&mut Batch) -> io::Result<Next> + 'a;
/// The third step, for batches that have something for it.
pub type Show<'a> = dyn FnMut(&mut Batch) -> io::Result<Next> + Send + 'a;

/// Where threads find work and leave what they have done.
pub struct Steps<'a> {
    state: Mutex<State<'a>>,
    changed: Condvar,
}

struct State<'a> {
    /// Nobody is at it, and there is more to read.
    read: Option<&'a mut Read<'a>>,
    /// Nobody is at it, and it wants more.
    show: Option<&'a mut Show<'a>>,
    to_follow: VecDeque<Batch>,
    to_show: VecDeque<Batch>,
    empty: Vec<Batch>,
    /// Threads that do a step, and threads that wait for one: waking nobody, too, is a call of the system.
    busy: usize,
    waiting: usize,
    /// Nobody wants what has not been followed.
    enough: bool,
    /// A thread is gone with what it was doing (never in a release build: there a panic ends the program).
    broken: bool,
    end: End,
}

/// How it ended.
#[derive(Debug)]
pub struct End {
    /// Why there was no more to read, where that was early.
    pub failure: Option<Error>,
    /// The first error of the other steps.
    pub said: io::Result<()>,
}

/// A step of a batch.
enum Task<'a> {
    Read(&'a mut Read<'a>, Batch),
    Follow(Batch),
    Show(&'a mut Show<'a>, Batch),
}

impl<'a> Steps<'a> {
    pub fn new(read: &'a mut Read<'a>, show: Option<&'a mut Show<'a>>) -> Self {
        let state = State {
            read: Some(read),
            show,
            to_follow: VecDeque::new(),
            to_show: VecDeque::new(),
            empty: Vec::new(),
            busy: 0,
            waiting: 0,
            enough: false,
            broken: false,
            end: End { failure: None, said: Ok(()) },
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Does what there is to do until all is done; the second step where it is this thread's.
    pub fn work(&self, mut follow: Option<&mut Follow<'_>>) {
        let _watch = Watch(self);
        let mut state = self.lock();
        let mut changed = false;
        while !state.is_done() {
            let task = state.task(follow.is_some());
            // What was done, and what is taken away, may be what others wait for.
            if state.waiting > 0 && (changed || task.is_some()) {
                self.changed.notify_all();
            }
            changed = task.is_some();
            match task {
                Some(task) => {
                    state.busy += 1;
                    drop(state);
                    state = self.done(task, follow.as_deref_mut());
                    state.busy -= 1;
                }
                None => {
                    state.waiting += 1;
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.waiting -= 1;
                }
            }
        }
        self.changed.notify_all();
    }

    /// How it ended, when every thread is done.
    pub fn end(self) -> End {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).end
    }

    /// Does a task, and says what it has changed.
    fn done(&self, task: Task<'a>, follow: Option<&mut Follow<'_>>) -> MutexGuard<'_, State<'a>> {
        match task {
            Task::Read(read, mut batch) => {
                let more = read(&mut batch);
                let mut state = self.lock();
                if !state.enough {
                    // What was read before the end counts.
                    state.to_follow.push_back(batch);
                    state.read = matches!(more, Ok(true)).then_some(read);
                    state.end.failure = more.err();
                }
                state
            }
            Task::Follow(mut batch) => {
                let said = match follow {
                    Some(follow) => follow(&mut batch),
                    None => Err(io::Error::other("a thread got a batch that it may not follow")),
                };
                let mut state = self.lock();
                match batch.has_fates() {
                    true => state.to_show.push_back(batch),
                    false => state.keep(batch),
                }
                state.heed(said);
                state
            }
            Task::Show(show, mut batch) => {
                let said = show(&mut batch);
                let mut state = self.lock();
                state.keep(batch);
                state.show = matches!(said, Ok(Next::GoOn)).then_some(show);
                state.heed(said);
                state
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> State<'a> {
    /// The next task: following first, which one thread alone may; then the furthest, so that few batches are under way.
    fn task(&mut self, follows: bool) -> Option<Task<'a>> {
        if follows
            && self.to_show.len() < BATCHES
            && let Some(batch) = self.to_follow.pop_front()
        {
            return Some(Task::Follow(batch));
        }
        if let Some(show) = self.show.take_if(|_| !self.to_show.is_empty()) {
            return self.to_show.pop_front().map(|batch| Task::Show(show, batch));
        }
        let read = self.read.take_if(|_| self.to_follow.len() < BATCHES)?;
        Some(Task::Read(read, self.empty.pop().unwrap_or_default()))
    }

    fn is_done(&self) -> bool {
        let all = self.read.is_none() && self.to_follow.is_empty() && (self.to_show.is_empty() || self.show.is_none());
        self.broken || self.busy == 0 && all
    }

    /// Keeps the storage of a batch for another.
    fn keep(&mut self, mut batch: Batch) {
        batch.clear();
        self.empty.push(batch);
    }

    /// What a sink said: nothing more is read or followed where it has enough.
    fn heed(&mut self, said: io::Result<Next>) {
        if !matches!(said, Ok(Next::GoOn)) {
            self.enough = true;
            self.read = None;
            self.to_follow.clear();
            // What is wrong behind the last that is wanted is not reached.
            self.end.failure = None;
        }
        if self.end.said.is_ok() {
            self.end.said = said.map(drop);
        }
    }
}

/// Lets the others go where a thread comes to grief.
struct Watch<'a, 'b>(&'a Steps<'b>);

impl Drop for Watch<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().broken = true;
            self.0.changed.notify_all();
        }
    }
}
