//! Work on all CPUs, without a pool that anybody shares.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};

/// What `work` makes of each item, in the order of the items.
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(items.len());
    if threads < 2 {
        return items.iter().map(work).collect();
    }
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(items.len())));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((i, item)) = take(&next, items) {
                    let result = work(item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((i, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Results that a thread may have ready before the one that is next in order.
const AHEAD: usize = 8;

/// Hands what `work` makes of each item to `give`, in the order of the items and as soon as it is there, until `give` fails. What
/// was begun meanwhile is lost.
pub fn ordered<T: Sync, R: Send, E>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut give: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(items.len());
    if threads < 2 {
        return items.iter().try_for_each(|item| give(work(item)));
    }
    std::thread::scope(|scope| {
        let work = &work;
        let results: Vec<Receiver<R>> = (0..threads)
            .map(|first| {
                let (send, receive) = sync_channel(AHEAD);
                // Without a receiver nothing more is wanted.
                let all =
                    move || items.iter().skip(first).step_by(threads).try_for_each(|i| send.send(work(i)));
                scope.spawn(move || drop(all()));
                receive
            })
            .collect();
        results.iter().cycle().map_while(|r| r.recv().ok()).try_for_each(&mut give)
    })
}

fn take<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let i = next.fetch_add(1, Ordering::Relaxed);
    Some((i, items.get(i)?))
}

#[cfg(test)]
mod tests {
    #[test]
    fn keeps_the_order() {
        let items: Vec<u32> = (0..1000).collect();
        assert_eq!(super::map(&items, |i| i * 2), items.iter().map(|i| i * 2).collect::<Vec<_>>());
        assert!(super::map(&[] as &[u32], |i| *i).is_empty());
    }

    #[test]
    fn gives_in_order_and_stops() {
        let items: Vec<u32> = (0..1000).collect();
        let mut got = Vec::new();
        let all: Result<(), ()> = super::ordered(
            &items,
            |i| i * 2,
            |n| {
                got.push(n);
                Ok(())
            },
        );
        assert_eq!((all, got), (Ok(()), items.iter().map(|i| i * 2).collect()));
        let mut left = 5;
        let some = super::ordered(
            &items,
            |i| *i,
            |n| {
                left -= 1;
                if left == 0 { Err(n) } else { Ok(()) }
            },
        );
        assert_eq!(some, Err(4));
        assert_eq!(super::ordered(&[] as &[u32], |i| *i, |_| Err(())), Ok(()));
    }
}
