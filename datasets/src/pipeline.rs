//! Work on other threads, results in order.

use crossbeam_channel::{Receiver, bounded};
use std::thread;

/// Applies `work` to every item on `workers` threads called `name` and hands the results to `consume` in the items' order, on the
/// calling thread. At most `window` items are under way or waiting, so a slow consumer holds the workers back; when
/// `consume` returns, what is left is dropped.
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
    work: impl Fn(T) -> U + Sync,
    consume: impl FnOnce(&mut dyn Iterator<Item = U>) -> R,
) -> R {
    let (jobs_in, jobs) = bounded(0);
    // One channel per item: the queue of these channels keeps the order and is what `window` bounds.
    let (order_in, order) = bounded::<Receiver<U>>(window.max(1));
    thread::scope(|scope| {
        scope.spawn(move || {
            for item in items {
                let (result_in, result) = bounded(1);
                if order_in.send(result).is_err() || jobs_in.send((item, result_in)).is_err() {
                    break;
                }
            }
        });
        for _ in 0..workers.max(1) {
            let (jobs, work) = (jobs.clone(), &work);
            let run = move || {
                for (item, result) in jobs {
                    // Nobody waits any more when the consumer has returned; then there is nobody to tell.
                    let _ = result.send(work(item));
                }
            };
            if let Err(e) = thread::Builder::new().name(name.into()).spawn_scoped(scope, run) {
                panic!("the system refuses a thread: {e}");
            }
        }
        drop(jobs);
        let mut results = order.into_iter().map_while(|result| result.recv().ok());
        consume(&mut results)
    })
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
        let work = |i: u64| {
            thread::sleep(Duration::from_millis((i * 7) % 5));
            i
        };
        in_order("test", items, 4, 8, work, |results| {
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
        let first = in_order("test", 0.., 2, 2, |i| i, |results| results.next());
        assert_eq!(first, Some(0));
    }
}
