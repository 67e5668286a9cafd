//! The parts of a deterministic simulation: dice, tasks that run when they are told to, and a trace.
//!
//! A simulation runs on one thread. Whatever would be a thread, a timer or a line to another computer is a task, or a
//! place in a task where it [pauses](pause); the simulation rolls its dice to decide who goes on. So the same seed
//! gives the same history, and the trace's digest shows that it did.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use imajin_kernel::Env;

/// Decisions, from a seed.
#[derive(Clone)]
pub struct Dice(Env);

impl Dice {
    /// Dice that roll what the randomness of `env` gives.
    pub fn new(env: Env) -> Self {
        Self(env)
    }

    /// A number below `limit`; 0 for a limit of 0.
    pub fn below(&self, limit: usize) -> usize {
        let roll = u64::from_le_bytes(self.0.random_bytes());
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        usize::try_from(roll.checked_rem(limit).unwrap_or_default()).unwrap_or_default()
    }

    /// Whether something happens that happens so many times in a thousand.
    pub fn chance(&self, per_mille: usize) -> bool {
        per_mille > 0 && self.below(1_000) < per_mille
    }

    /// One of several; `None` of none.
    pub fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }
}

/// Gives the others a turn: the task goes on when it is polled again.
pub async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|context: &mut Context<'_>| {
        if paused {
            return Poll::Ready(());
        }
        paused = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct Task<T> {
    tag: T,
    future: Pin<Box<dyn Future<Output = ()>>>,
    woken: Arc<Flag>,
}

/// Tasks that run only when they are told to, each with a tag that says whose it is.
pub struct Tasks<T> {
    tasks: BTreeMap<u64, Task<T>>,
    next: u64,
}

impl<T: Clone> Default for Tasks<T> {
    fn default() -> Self {
        Self {
            tasks: BTreeMap::new(),
            next: 0,
        }
    }
}

impl<T: Clone> Tasks<T> {
    /// Adds a task; it begins when it is polled first.
    pub fn spawn(&mut self, tag: T, future: impl Future<Output = ()> + 'static) {
        let woken = Arc::new(Flag(AtomicBool::new(true)));
        let future = Box::pin(future);
        self.tasks.insert(self.next, Task { tag, future, woken });
        self.next = self.next.saturating_add(1);
    }

    /// The tasks that can go on, oldest first.
    pub fn ready(&self) -> Vec<u64> {
        let woken = self
            .tasks
            .iter()
            .filter(|(_, task)| task.woken.0.load(Ordering::SeqCst));
        woken.map(|(id, _)| *id).collect()
    }

    /// Lets a task go on until it waits again; `true` when it has ended.
    pub fn poll(&mut self, id: u64) -> bool {
        let Some(task) = self.tasks.get_mut(&id) else {
            return true;
        };
        task.woken.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&task.woken));
        let ended = task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        if ended {
            self.tasks.remove(&id);
        }
        ended
    }

    /// Ends, where they are, the tasks that are not to be kept.
    pub fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.tasks.retain(|_, task| keep(&task.tag));
    }

    /// How many tasks have such a tag.
    pub fn count(&self, of: impl Fn(&T) -> bool) -> usize {
        self.tasks.values().filter(|task| of(&task.tag)).count()
    }
}

/// What happened, and a digest of it.
#[derive(Default)]
pub struct Trace {
    lines: Vec<String>,
    digest: u64,
    aloud: bool,
}

impl Trace {
    /// A trace that prints each line at once, or one that does not.
    pub fn new(aloud: bool) -> Self {
        Self {
            aloud,
            ..Self::default()
        }
    }

    /// Adds a line.
    pub fn line(&mut self, line: String) {
        if self.aloud {
            say(&line);
        }
        // FNV-1a: it only has to tell two histories of this program apart.
        let mut digest = if self.lines.is_empty() {
            0xcbf2_9ce4_8422_2325
        } else {
            self.digest
        };
        for byte in line.bytes() {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.digest = digest;
        self.lines.push(line);
    }

    /// The same for the same history.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The last lines, oldest first.
    pub fn tail(&self, count: usize) -> String {
        let skipped = self.lines.len().saturating_sub(count);
        let shown: Vec<&str> = self.lines.iter().skip(skipped).map(String::as_str).collect();
        shown.join("\n")
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

#[expect(clippy::print_stdout, reason = "whoever reruns a seed wants to see it")]
fn say(line: &str) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use imajin_kernel::{ManualClock, Timestamp};

    use super::*;

    fn dice(seed: u64) -> Dice {
        Dice::new(Env::fixed(ManualClock::at(Timestamp::from_seconds(0)), seed))
    }

    #[test]
    fn the_same_seed_rolls_the_same() {
        let rolls = |seed| {
            let dice = dice(seed);
            (0..20).map(|_| dice.below(6)).collect::<Vec<_>>()
        };
        assert_eq!(rolls(1), rolls(1));
        assert_ne!(rolls(1), rolls(2));
        assert_eq!(dice(1).pick::<u8>(&[]), None);
        assert!(!dice(1).chance(0) && dice(1).chance(1_000));
    }

    #[test]
    fn a_task_goes_on_only_when_it_is_told_to_and_can() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let mut tasks = Tasks::default();
        tasks.spawn("waits", async move {
            pause().await;
            let _heard: Result<(), _> = receiver.await;
        });
        tasks.spawn("never", std::future::pending());
        assert_eq!(tasks.ready(), [0, 1]);
        assert!(!tasks.poll(0), "it paused");
        assert_eq!(tasks.ready(), [0, 1], "and can go on");
        assert!(!tasks.poll(0), "it waits");
        assert!(!tasks.poll(1));
        assert_eq!(tasks.ready().len(), 0);
        sender.send(()).unwrap();
        assert_eq!(tasks.ready(), [0]);
        assert!(tasks.poll(0));
        tasks.retain(|tag| *tag != "never");
        assert_eq!(tasks.count(|_| true), 0);
    }

    #[test]
    fn a_trace_tells_histories_apart() {
        let trace = |lines: &[&str]| {
            let mut trace = Trace::default();
            for line in lines {
                trace.line((*line).to_owned());
            }
            trace
        };
        assert_eq!(trace(&["a", "b"]).digest(), trace(&["a", "b"]).digest());
        assert_ne!(trace(&["a", "b"]).digest(), trace(&["b", "a"]).digest());
        assert_eq!(trace(&["a", "b", "c"]).tail(2), "b\nc");
    }
}
