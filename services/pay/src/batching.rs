//! Work that many callers want at once, done together by one of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// How much is done together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Wishes of one batch; more wait for the next.
    pub(crate) batch: usize,
    /// Batches on their way at once.
    pub(crate) leads: usize,
}

/// Wishes that wait, and who sees to them.
///
/// Whoever comes first leads: it does what all want who wait, until its own is done, and then hands the lead to the one
/// that has waited longest. There is no task and no timer, a lone caller waits for nobody, and nobody works for others
/// without end.
pub(crate) struct Batching<W, A>(Arc<Mutex<Line<W, A>>>);

struct Line<W, A> {
    limits: Limits,
    waiting: VecDeque<Waiting<W, A>>,
    leads: usize,
}

/// A wish that is in no batch yet.
struct Waiting<W, A> {
    wish: W,
    answer: oneshot::Sender<A>,
    /// For whom does not lead already. It is dropped when another leader takes the wish.
    lead: Option<oneshot::Sender<Lead<W, A>>>,
}

/// The right to do a batch. It goes to the next when it is dropped: also when the leader's future ends halfway, or that
/// of the one to whom it was being handed. It is `None` while it is handed on.
struct Lead<W, A>(Option<Arc<Mutex<Line<W, A>>>>);

fn locked<T>(line: &Mutex<T>) -> MutexGuard<'_, T> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<W, A> Batching<W, A> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(Line {
            limits,
            waiting: VecDeque::new(),
            leads: 0,
        })))
    }

    /// What `work` answers to this wish, which it may do for several at once; its answers are in the order of the
    /// wishes. `None` when the work was given up halfway, and perhaps done.
    pub(crate) async fn ask<F>(&self, wish: W, work: impl Fn(Vec<W>) -> F) -> Option<A>
    where
        F: Future<Output = Vec<A>>,
    {
        let (answer, mut answered) = oneshot::channel();
        let (heir, inherited) = oneshot::channel();
        let lead = match self.line_up(wish, answer, heir) {
            Some(lead) => Some(lead),
            None => inherited.await.ok(),
        };
        if let Some(lead) = lead {
            loop {
                match answered.try_recv() {
                    Ok(answer) => return Some(answer),
                    Err(oneshot::error::TryRecvError::Closed) => return None,
                    Err(oneshot::error::TryRecvError::Empty) => {}
                }
                let batch = lead.batch_take();
                if batch.is_empty() {
                    // Another leader has taken this one's wish.
                    break;
                }
                batch_do(batch, &work).await;
            }
        }
        answered.await.ok()
    }

    /// Gives the lead when one is free.
    fn line_up(&self, wish: W, answer: oneshot::Sender<A>, heir: oneshot::Sender<Lead<W, A>>) -> Option<Lead<W, A>> {
        let mut line = locked(&self.0);
        let is_free = line.leads < line.limits.leads;
        line.waiting.push_back(Waiting {
            wish,
            answer,
            lead: (!is_free).then_some(heir),
        });
        is_free.then(|| {
            line.leads = line.leads.saturating_add(1);
            Lead(Some(Arc::clone(&self.0)))
        })
    }
}

async fn batch_do<W, A, F>(batch: Vec<Waiting<W, A>>, work: &impl Fn(Vec<W>) -> F)
where
    F: Future<Output = Vec<A>>,
{
    let (wishes, senders): (Vec<_>, Vec<_>) = batch.into_iter().map(|one| (one.wish, one.answer)).unzip();
    for (sender, answer) in senders.into_iter().zip(work(wishes).await) {
        // Whoever does not wait any more asks again.
        let _gone = sender.send(answer);
    }
}

impl<W, A> Lead<W, A> {
    fn batch_take(&self) -> Vec<Waiting<W, A>> {
        let Some(line) = &self.0 else { return Vec::new() };
        let mut line = locked(line);
        let count = line.waiting.len().min(line.limits.batch);
        line.waiting.drain(..count).collect()
    }
}

impl<W, A> Drop for Lead<W, A> {
    fn drop(&mut self) {
        let Some(shared) = self.0.take() else { return };
        let mut line = locked(&shared);
        let mut lead = Self(Some(Arc::clone(&shared)));
        for heir in line.waiting.iter_mut().filter_map(|waiting| waiting.lead.take()) {
            match heir.send(lead) {
                Ok(()) => return,
                Err(refused) => lead = refused,
            }
        }
        lead.0 = None;
        line.leads = line.leads.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::pin::pin;
    use std::rc::Rc;

    use futures::future::{join, join_all};
    use futures::poll;

    use super::{Batching, Limits};

    const LIMITS: Limits = Limits { batch: 2, leads: 1 };

    /// Gives way once, as a database does.
    async fn doubled(wishes: Vec<u32>, batches: Rc<RefCell<Vec<Vec<u32>>>>) -> Vec<u32> {
        batches.borrow_mut().push(wishes.clone());
        tokio::task::yield_now().await;
        wishes.iter().map(|wish| wish * 2).collect()
    }

    #[tokio::test]
    async fn each_gets_its_own_answer_and_they_share_batches() {
        let (batching, batches) = (Batching::new(LIMITS), Rc::default());
        let asked = (0..5).map(|wish| batching.ask(wish, |wishes| doubled(wishes, Rc::clone(&batches))));
        let answers = join_all(asked).await;
        assert_eq!(answers, (0..5).map(|wish| Some(wish * 2)).collect::<Vec<_>>());
        assert_eq!(*batches.borrow(), [vec![0], vec![1, 2], vec![3, 4]]);
    }

    #[tokio::test]
    async fn a_leader_is_answered_while_others_keep_coming() {
        let (batching, batches) = (Batching::new(LIMITS), Rc::default());
        let ask = |wish| batching.ask(wish, |wishes| doubled(wishes, Rc::clone(&batches)));
        let mut first = pin!(ask(1));
        assert!(poll!(&mut first).is_pending());
        let mut second = pin!(ask(2));
        assert!(poll!(&mut second).is_pending());
        assert_eq!(poll!(&mut first), std::task::Poll::Ready(Some(2)));
        assert_eq!(second.await, Some(4), "the lead was handed on");
    }

    #[tokio::test]
    async fn a_lead_that_is_dropped_goes_to_whoever_still_waits() {
        let (batching, batches) = (Batching::new(LIMITS), Rc::default());
        let ask = |wish| Box::pin(batching.ask(wish, |wishes| doubled(wishes, Rc::clone(&batches))));
        let (mut leader, mut heir) = (ask(1), ask(2));
        let (mut third, mut fourth) = (ask(3), ask(4));
        for one in [&mut leader, &mut heir, &mut third, &mut fourth] {
            assert!(poll!(one).is_pending());
        }
        // The heir is handed the lead, and goes before it could take it.
        drop(leader);
        drop(heir);
        assert_eq!(join(third, fourth).await, (Some(6), Some(8)));
        assert_eq!(ask(5).await, Some(10), "the lead is free again");
        assert_eq!(*batches.borrow(), [vec![1], vec![2, 3], vec![4], vec![5]]);
    }

    #[tokio::test]
    async fn what_is_given_up_halfway_has_no_answer() {
        let (batching, batches) = (Batching::new(LIMITS), Rc::default());
        let ask = |wish| Box::pin(batching.ask(wish, |wishes| doubled(wishes, Rc::clone(&batches))));
        let (mut first, mut leader, mut other) = (ask(1), ask(2), ask(3));
        for one in [&mut first, &mut leader, &mut other] {
            assert!(poll!(one).is_pending());
        }
        assert_eq!(first.await, Some(2));
        assert!(poll!(&mut leader).is_pending(), "it is at work for both");
        drop(leader);
        assert_eq!(other.await, None);
    }
}
