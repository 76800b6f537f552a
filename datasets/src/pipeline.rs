//! Work on other threads, results in order, within a budget of memory.

use crossbeam_channel::{Receiver, bounded};
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Bytes that items under way and waiting results may take together; one item may go beyond it when all others wait.
pub const MEMORY: u64 = 2 << 30;

/// Applies `work` to every item on `workers` threads called `name` and hands the results to `consume` in the items' order, on the
/// calling thread. At most `window` items are under way or waiting, so a slow consumer holds the workers back; when
/// `consume` returns, what is left is dropped.
///
/// `work` says through [`Turn::reserve`] how much memory an item takes, and waits while all items together take more than
/// `memory` bytes. What it reserved is free again when the result is handed over.
///
/// Items are drawn from `items` on a thread of their own: an iterator may block (a pipe that stays open) without
/// holding back what was drawn before.
///
/// # Panics
/// When the system refuses a thread.
pub fn in_order<T: Send, U: Send, R>(
    name: &str,
    items: impl Iterator<Item = T> + Send,
    workers: usize,
    window: usize,
    memory: u64,
    work: impl Fn(T, Turn<'_>) -> U + Sync,
    consume: impl FnOnce(&mut dyn Iterator<Item = U>) -> R,
) -> R {
    let (jobs_in, jobs) = bounded(0);
    // One channel per item: the queue of these channels keeps the order and is what `window` bounds.
    let (order_in, order) = bounded::<Receiver<U>>(window.max(1));
    let budget = Budget { limit: memory, state: Mutex::default(), changed: Condvar::new() };
    thread::scope(|scope| {
        scope.spawn(move || {
            for (index, item) in items.enumerate() {
                let (result_in, result) = bounded(1);
                if order_in.send(result).is_err() || jobs_in.send((index, item, result_in)).is_err() {
                    break;
                }
            }
        });
        for _ in 0..workers.max(1) {
            let (jobs, work, budget) = (jobs.clone(), &work, &budget);
            let run = move || {
                for (index, item, result) in jobs {
                    // Nobody waits any more when the consumer has returned; then there is nobody to tell.
                    let _ = result.send(work(item, Turn { index, budget }));
                }
            };
            if let Err(e) = thread::Builder::new().name(name.into()).spawn_scoped(scope, run) {
                panic!("the system refuses a thread: {e}");
            }
        }
        drop(jobs);
        // Declared before the results, so that whoever waits for memory goes on when `consume` returns or panics.
        let _open = Open(&budget);
        let mut results = order.into_iter().map_while(|result| result.recv().ok()).inspect(|_| budget.hand_over());
        consume(&mut results)
    })
}

/// An item's place in the order, and its share of the memory.
pub struct Turn<'a> {
    index: usize,
    budget: &'a Budget,
}

impl Turn<'_> {
    /// Waits until this item may take so many bytes more. The item that the consumer waits for need not wait: everything
    /// before it has been handed over.
    pub fn reserve(&self, bytes: u64) {
        let budget = self.budget;
        let wait = |state: &mut State| {
            !state.closed && self.index > state.handed_over && state.used.saturating_add(bytes) > budget.limit
        };
        let waited = budget.changed.wait_while(budget.lock(), wait);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.used += bytes;
        *state.reserved.entry(self.index).or_default() += bytes;
    }
}

struct Budget {
    limit: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    used: u64,
    reserved: HashMap<usize, u64>,
    /// Items that the consumer has been given.
    handed_over: usize,
    /// Nobody consumes any more.
    closed: bool,
}

impl Budget {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next result goes to the consumer.
    fn hand_over(&self) {
        let mut state = self.lock();
        let index = state.handed_over;
        state.used -= state.reserved.remove(&index).unwrap_or(0);
        state.handed_over += 1;
        drop(state);
        self.changed.notify_all();
    }
}

/// Ends all waiting when it is dropped.
struct Open<'a>(&'a Budget);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[test]
    fn results_come_in_order_and_the_window_holds() {
        let drawn = AtomicUsize::new(0);
        let items = (0..100).inspect(|_| {
            drawn.fetch_add(1, Ordering::SeqCst);
        });
        let work = |i: u64, _: Turn| {
            thread::sleep(Duration::from_millis((i * 7) % 5));
            i
        };
        in_order("test", items, 4, 8, MEMORY, work, |results| {
            for (expected, result) in results.enumerate() {
                assert_eq!(result, expected as u64);
                // Window, one in each worker, one in the feeder's hand, one here.
                assert!(drawn.load(Ordering::SeqCst) <= expected + 8 + 4 + 3);
                thread::sleep(Duration::from_millis(1));
            }
        });
        assert_eq!(drawn.load(Ordering::SeqCst), 100);
    }

    #[test]
    fn an_early_end_stops_the_feeder() {
        let first = in_order("test", 0.., 2, 2, MEMORY, |i, _| i, |results| results.next());
        assert_eq!(first, Some(0));
    }

    #[test]
    fn items_wait_for_memory_and_never_for_each_other() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        // Every fifth item alone is larger than the budget; the first to come is not the first to be ready.
        let size = |i: usize| if i.is_multiple_of(5) { 250 } else { 40 };
        let work = |i: usize, turn: Turn| {
            thread::sleep(Duration::from_millis((i as u64 * 3) % 4));
            turn.reserve(size(i) as u64 / 2);
            turn.reserve(size(i) as u64 / 2);
            most.fetch_max(now.fetch_add(size(i), Ordering::SeqCst) + size(i), Ordering::SeqCst);
            i
        };
        in_order("test", 0..60, 4, 8, 100, work, |results| {
            for (expected, i) in results.enumerate() {
                assert_eq!(i, expected);
                now.fetch_sub(size(i), Ordering::SeqCst);
            }
        });
        // The budget and the one large item for which it makes way, and what is handed over but not yet counted here.
        assert!(most.into_inner() <= 100 + 250 + 40, "memory");
        let first = in_order("test", 0.., 4, 8, 0, |i, turn| (turn.reserve(9), i).1, |results| results.next());
        assert_eq!(first, Some(0));
    }
}
